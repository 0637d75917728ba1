#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/series.sh [--apply-only] (in the environment, BUILD=1: build every step too;
# ONLY=selftests: only the selftests that the series begins with, which need nothing
# but the base tree, in $O/series-selftests; ONLY=fixes: the fixes of the base's bugs,
# in $O/series-fixes)
#
# Make $O/series: the overlay as patches for `git am` on the base tree. Each entry
# of patches/<base>/series becomes one commit: its diff, plus the payload named by
# the lines "Payload: <file or directory>" in its header. Checks that every payload
# file is in exactly one commit, that `git am` gives the same tree as lay.sh, and
# that checkpatch.pl --strict reports nothing (--apply-only leaves that out).

. "$(dirname "$0")/lib.sh"
. "$ROOT/scripts/overlay.sh"
. "$ROOT/scripts/config.sh"

# Not for this series: MAINTAINERS will list the new files once they are merged, and
# the sender adds the Signed-off-by.
CHECKPATCH_IGNORE=FILE_PATH_CHANGES,MISSING_SIGN_OFF
# Trace events have their own layout everywhere in the kernel.
CHECKPATCH_TRACE='include/trace/events/[^:]*:[0-9]+: CHECK:(OPEN_ENDED_LINE|PARENTHESIS_ALIGNMENT):'

# The repository holds only the files that the series touches; git needs no others.
repo_git()
{
	GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 \
		git -C "$repo" -c user.name=series -c user.email=series@localhost \
		-c core.autocrlf=false -c core.hooksPath=/dev/null -c gc.auto=0 -c advice.detachedHead=false "$@"
}

# header FIELD: print a field of the mail that `git mailinfo` parsed.
header()
{
	sed -n "s/^$1: //p" "$work/info"
}

# claim PATH: print the payload files below it.
claim()
{
	payload | awk -v path="${1%/}" '$0 == path || index($0, path "/") == 1'
}

# chosen: print the names of the patches that are wanted, in order.
chosen()
{
	case $ONLY in
	selftests)	series | sed '/^selftests\//!Q' ;;
	fixes)		fixes ;;
	*)		series ;;
	esac
}

# commit PATCH: commit one entry of the series.
commit()
{
	local path file files author email when
	git mailinfo "$work/msg" "$work/diff" <"$PATCHES/$1" >"$work/info"
	[[ -n $(header Subject) ]] || die "patches/$LINUX/$1 has no Subject:"
	author=$(header Author) email=$(header Email) when=$(header Date)
	[[ -n $email ]] || IFS=$'\t' read -r author email <<<"$default_author"
	git_apply "$repo" --index "$PATCHES/$1" || die "patches/$LINUX/$1 does not apply"
	while read -r path; do
		mapfile -t files < <(claim "$path")
		((${#files[@]})) || die "patches/$LINUX/$1: Payload: $path matches no payload file"
		for file in "${files[@]}"; do
			[[ ! -e $repo/$file ]] || die "patches/$LINUX/$1: an earlier patch already has $file as payload"
			mkdir -p "$repo/$(dirname "$file")"
			cp "$stage/$file" "$repo/$file"
		done
	done < <(sed -n 's/^Payload:[[:space:]]*//p' "$work/msg")
	{ header Subject; echo; sed '/^Payload:/d' "$work/msg"; } >"$work/message"
	repo_git add -A
	GIT_AUTHOR_NAME=$author GIT_AUTHOR_EMAIL=$email \
		GIT_AUTHOR_DATE=${when:-$date} GIT_COMMITTER_DATE=$date \
		repo_git commit -q --cleanup=strip -F "$work/message" ||
		die "patches/$LINUX/$1 changes nothing"
}

# verify: check that `git am` of the result gives the laid tree.
verify()
{
	local missing
	if [[ -n $ONLY ]]; then
		repo_git checkout -q base
		repo_git am -q "$work"/series/*.patch || die "git am rejects the series"
		repo_git diff --quiet result || die "git am gives another tree"
		return
	fi
	missing=$(comm -23 <(payload) <(repo_git ls-files | sort))
	[[ -z $missing ]] || die "not in the Payload: of any patch: $(paste -sd ' ' <<<"$missing")"
	repo_git checkout -q base
	repo_git am -q "$work"/series/*.patch || die "git am rejects the series"
	diff -r --exclude=.git "$stage" "$repo" || die "the series gives another tree than lay.sh"
}

# checkpatch PATCH: print its reports; die if checkpatch.pl itself fails.
checkpatch()
{
	local said rc=0
	said=$(cd "$TREE" && clean_env /usr/bin/perl scripts/checkpatch.pl --strict --terse --showfile \
		--no-summary --show-types --ignore "$CHECKPATCH_IGNORE" "$1" 2>&1) || rc=$?
	# Exit status 1: it reported something.
	((rc == 0)) || [[ $rc -eq 1 && -n $said ]] || die "checkpatch.pl ended with $rc: $said"
	[[ -z $said ]] || printf '%s\n' "$said" | sed "s|^|${1##*/}: |"
}

check()
{
	local patch wrong running=0 planted=$work/planted.patch
	# It must report a planted mistake, or its silence would prove nothing.
	printf '%s\n' 'Subject: [PATCH] Plant a mistake' '' 'It is planted.' --- \
		'--- a/arch/arm64/kvm/guest.c' '+++ b/arch/arm64/kvm/guest.c' '@@ -1,1 +1,2 @@' \
		' /* A line */' '+int planted; ' >"$planted"
	[[ $(checkpatch "$planted") == *TRAILING_WHITESPACE* ]] || die "checkpatch.pl does not report a planted mistake"
	# It takes seconds for a long patch: one on each core.
	mkdir -p "$work/said"
	for patch in "$work"/series/*.patch; do
		((running < $(nproc))) || { wait -n || exit; running=$((running - 1)); }
		checkpatch "$patch" >"$work/said/${patch##*/}" &
		running=$((running + 1))
	done
	while ((running)); do
		wait -n || exit
		running=$((running - 1))
	done
	wrong=$(cat "$work"/said/* | grep -vE "$CHECKPATCH_TRACE" || :)
	[[ -z $wrong ]] || { printf '%s\n' "$wrong" >&2; die "checkpatch.pl --strict has the complaints above"; }
}

# cover: write the cover letter, if this series has one: its figures, its recipients and
# the list of its patches are made anew.
cover()
{
	local base template=$PATCHES/${ONLY:+$ONLY/}0000-cover-letter.md
	[[ -f $template ]] || return 0
	mkdir "$work/cover"
	repo_git format-patch -q --no-signature --cover-letter -o "$work/cover" base..result
	base="base: v$(tree_version "$(base_tree)")"
	if [[ -n $KERNEL_SRC ]] && base=$(git -C "$KERNEL_SRC" rev-parse --verify -q HEAD); then
		base="base-commit: $base"
	elif [[ -z $KERNEL_SRC ]]; then
		base+=" ($(pinned Package) $(pinned Version))"
	fi
	(cd "$ROOT/scripts" && clean_env /usr/bin/python3 -B -W error -m docs.cover "$ROOT" "$(base_tree)" 		"$template" "$work/cover/0000-cover-letter.patch" "$base" "$work"/series/*.patch) \
		>"$work/letter" || die "the cover letter cannot be written"
	mv "$work/letter" "$work/series/0000-cover-letter.patch"
	# Whoever applies all files must not stumble over it.
	repo_git checkout -q base
	repo_git am -q --empty=drop "$work"/series/*.patch || die "git am rejects the cover letter"
}

# build_kernel TREE OUTPUT LOG: the core, KVM and what they need.
build_kernel()
{
	# Not `configure`: early steps lack some symbols.
	rm -f "$2/.configured"
	allnoconfig "$3" "$1" "$2" && logged "$3" kbuild "$1" "$2" prepare arch/arm64/kvm/
}

# build_selftests TREE OUTPUT LOG: KVM's selftests.
build_selftests()
{
	{ [[ -f $2/.config ]] || allnoconfig "$3" "$1" "$2"; } &&
		logged "$3" kbuild "$1" "$2" headers &&
		logged "$3" kselftests "$1" "$2" "$OUT/series-build/kselftest" all
}

# build: build every step of the series, the kernel or the selftests as the step changes
# them, in a separate tree in which only the files that change are replaced. The last
# step equals the tree that `make kernel` builds.
build()
{
	local tree=$OUT/series-build/linux output=$OUT/series-build/kernel n=0 id log tmp changed base
	base=$(base_tree)
	if [[ ! -d $tree ]]; then
		fresh_tmp tmp "$tree"
		note "copying the kernel source"
		logged "$LOGS/copy.log" rsync -a --exclude=/.git "$base/" "$tmp/"
		mv -T "$tmp" "$tree"
	fi
	for id in $(repo_git rev-list --reverse base..result) ; do
		n=$((n + 1))
		repo_git checkout -q "$id"
		log=$LOGS/series-$n.log
		note "building step $n: $(repo_git log -1 --format=%s) … log: $log"
		# Files of later steps, left by the previous run, would hide missing ones. With
		# ONLY=, what other patches change is the base's.
		(cd "$stage" && find . -type f -printf '%P\n') | while read -r file; do
			if [[ -e $repo/$file ]]; then
				continue
			elif [[ -e $base/$file ]]; then
				cmp -s "$base/$file" "$tree/$file" || cp "$base/$file" "$tree/$file"
			else
				rm -f "$tree/$file"
			fi
		done
		rsync -rpc --exclude=/.git "$repo/" "$tree/"
		changed=$(repo_git diff --name-only "$id~" "$id")
		if { grep -q '^tools/' <<<"$changed" && ! build_selftests "$tree" "$output" "$log"; } ||
			{ grep -qv '^tools/' <<<"$changed" && ! build_kernel "$tree" "$output" "$log"; }; then
			die "step $n does not build; the whole log: $log"
		fi
	done
}

out_dir
stage='' work=''
fresh_tmp stage "$OUT/stage-series"
fresh_tmp work "$OUT/series-work"
repo=$work/repo
mkdir -p "$stage" "$repo" "$work/series"
stage_payload "$stage"
stage_patches "$stage"

# A patch without From: gets author and date of this repository's last commit, so
# that the same commit gives the same series.
default_author=$(our_git log -1 --format='%an%x09%ae' 2>/dev/null) ||
	default_author=nobody$'\t'nobody@localhost
date=$(our_git log -1 --format=%cI 2>/dev/null) || date=$(date -Iseconds)
repo_git init -q
mapfile -t files < <(chosen | while read -r patch; do patched "$patch"; done | sort -u)
stage_base "$repo" "${files[@]}"
repo_git add -A
GIT_COMMITTER_DATE=$date GIT_AUTHOR_DATE=$date repo_git commit -q -m "Linux $(tree_version "$(base_tree)")"
repo_git tag base
while read -r patch; do
	commit "$patch"
done < <(chosen)
repo_git tag result
repo_git format-patch -q --no-signature -o "$work/series" base..result
verify
[[ ${1:-} == --apply-only ]] || check
cover
result=$OUT/series${ONLY:+-$ONLY}
rm -rf "$result"
cp -r "$work/series" "$result"
note "$(find "$result" -name '*.patch' ! -name 0000-\* | wc -l) patches in $result"
[[ ${BUILD:-0} != 1 ]] || build
