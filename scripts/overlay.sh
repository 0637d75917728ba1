# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the overlay consists of, and how it is put together from the pristine
# tree. Sourced after lib.sh by lay.sh, series.sh and lint.sh.

# shellcheck disable=SC2153 # set by vars.sh
PATCHES=$ROOT/patches/$LINUX

# our_git: on this repository, whoever owns it (sudo).
our_git()
{
	git -C "$ROOT" -c safe.directory='*' "$@"
}

# payload: the files of this repository that go into the kernel tree by their
# own path: below the payload directories, known to git or not ignored by it.
# Of the core crate only the sources are the kernel's. Without a git repository
# (an unpacked archive) every file counts.
payload()
{
	local file
	(
		cd "$ROOT" || exit
		if ! our_git ls-files -co --exclude-standard -- "${PAYLOAD_DIRS[@]}" 2>/dev/null; then
			find "${PAYLOAD_DIRS[@]}" \( -type f -o -type l \) 2>/dev/null
		fi | sort -u | while read -r file; do
			case $file in
			rust/kvm_abi/src/*) ;;
			rust/kvm_abi/*) continue ;;
			esac
			# Deleted, but still in git's index.
			[[ ! -e $file && ! -L $file ]] || printf '%s\n' "$file"
		done
	)
}

# series: the patches in their order.
series()
{
	[[ -f $PATCHES/series ]] || die "there is no $PATCHES/series"
	sed -e 's/#.*//' -e 's/[[:space:]]*$//' -e '/^$/d' "$PATCHES/series"
}

# git on files of ours: never the repository that happens to lie above them.
git_apply()
{
	local dir=$1
	shift
	GIT_CEILING_DIRECTORIES=$(dirname "$dir") GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 \
		git -C "$dir" apply --allow-empty --whitespace=nowarn "$@"
}

# patched PATCH: the existing files that it changes.
patched()
{
	git_apply "$PATCHES" --numstat "$PATCHES/$1" | cut -f3
}

# stage_payload DIR: the payload, links followed.
stage_payload()
{
	local file base bad=''
	base=$(base_tree)
	while read -r file; do
		[[ ! -e $base/$file ]] || { echo "$file exists in the base tree: change it by a patch" >&2; bad=y; }
		[[ -e $ROOT/$file ]] || { echo "$file is a broken link" >&2; bad=y; }
		[[ $file != include/uapi/* ]] || { echo "$file: the overlay has no business in include/uapi" >&2; bad=y; }
	done < <(payload)
	[[ -z $bad ]] || die "the payload cannot be laid"
	payload | rsync -L --perms --chmod=F644 --files-from=- "$ROOT/" "$1/"
}

# stage_base DIR FILE...: pristine copies.
stage_base()
{
	local dir=$1 base file
	shift
	base=$(base_tree)
	for file in "$@"; do
		[[ -e $base/$file ]] || die "$file is not in the base tree: a new file belongs to the payload"
	done
	((!$#)) || printf '%s\n' "$@" | rsync --perms --files-from=- "$base/" "$dir/"
}

# stage_patches DIR: every file that the series touches, patched. git apply
# knows no fuzz: context must match, only its line number may be off.
stage_patches()
{
	local patch files
	mapfile -t files < <(series | while read -r patch; do
		[[ -f $PATCHES/$patch ]] || die "patches/$LINUX/series names $patch, which is not there"
		patched "$patch"
	done | sort -u)
	wait "$!" || exit 1
	[[ ${files[*]} != *include/uapi/* ]] || die "a patch changes include/uapi, which is none of the overlay's business"
	stage_base "$1" "${files[@]}"
	while read -r patch; do
		git_apply "$1" "$PATCHES/$patch" ||
			die "patches/$LINUX/$patch does not apply to Linux $(tree_version "$(base_tree)")"
	done < <(series)
}
