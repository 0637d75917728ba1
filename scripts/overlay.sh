# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The overlay's files, and functions that stage them over copies from the pristine
# tree. Sourced after lib.sh.

# shellcheck disable=SC2153 # set by vars.sh
PATCHES=$ROOT/patches/$LINUX

# our_git: git on this repository, even if another user owns it (sudo).
our_git()
{
	git -C "$ROOT" -c safe.directory='*' "$@"
}

# payload: print the files of this repository that go into the kernel tree under the
# same path: those below the payload directories that git tracks or does not ignore.
# Of the core crate, only the sources go into the kernel; of kvmfit, nothing does.
# Without a git repository (an unpacked archive) every file counts.
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
			rust/kvm_abi/*|tools/kvmfit/*) continue ;;
			esac
			# Deleted, but still in git's index.
			[[ ! -e $file && ! -L $file ]] || printf '%s\n' "$file"
		done
	)
}

# series: print the names of the patches, in order.
series()
{
	[[ -f $PATCHES/series ]] || die "$PATCHES/series is missing"
	sed -e 's/#.*//' -e 's/[[:space:]]*$//' -e '/^$/d' "$PATCHES/series"
}

# fixes: print the names of the patches that fix bugs of the base, in order. They are
# for a tree without the overlay; where that has changed the same lines, laid/ has the
# fix as it is after the series.
fixes()
{
	(cd "$PATCHES" && find fixes -maxdepth 1 -name '*.patch' | sort)
}

# fixes_laid: print their names as they are applied after the series.
fixes_laid()
{
	local patch
	fixes | while read -r patch; do
		[[ ! -f $PATCHES/fixes/laid/${patch##*/} ]] || patch=fixes/laid/${patch##*/}
		printf '%s\n' "$patch"
	done
}

# laid_series: print the names of the patches to lay, in order.
laid_series()
{
	series
	[[ $FIXES != 1 ]] || fixes_laid
}

# git_apply DIR ARGS...: git apply on the files in DIR, without using a repository
# that happens to contain DIR.
git_apply()
{
	local dir=$1
	shift
	GIT_CEILING_DIRECTORIES=$(dirname "$dir") GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 \
		git -C "$dir" apply --allow-empty --whitespace=nowarn "$@"
}

# patched PATCH: print the existing files that it changes.
patched()
{
	git_apply "$PATCHES" --numstat "$PATCHES/$1" | cut -f3
}

# stage_payload DIR: copy the payload there, following links.
stage_payload()
{
	local file base bad=''
	base=$(base_tree)
	while read -r file; do
		[[ ! -e $base/$file ]] || { echo "$file exists in the base tree: change it by a patch" >&2; bad=y; }
		[[ -e $ROOT/$file ]] || { echo "$file is a broken link" >&2; bad=y; }
		[[ $file != include/uapi/* ]] || { echo "$file: the overlay must not add files to include/uapi" >&2; bad=y; }
	done < <(payload)
	[[ -z $bad ]] || die "the payload cannot be laid; fix the files above"
	payload | rsync -L --perms --chmod=F644 --files-from=- "$ROOT/" "$1/"
}

# stage_base DIR FILE...: copy pristine files there.
stage_base()
{
	local dir=$1 base file
	shift
	base=$(base_tree)
	for file in "$@"; do
		[[ -e $base/$file ]] || die "$file is not in the base tree: add new files to the payload, not by a patch"
	done
	((!$#)) || printf '%s\n' "$@" | rsync --perms --files-from=- "$base/" "$dir/"
}

# stage_patches DIR: copy every file that the series changes there and apply the
# patches. git apply has no fuzz: the context must match, only line numbers may differ.
stage_patches()
{
	local patch file files
	mapfile -t files < <(laid_series | while read -r patch; do
		[[ -f $PATCHES/$patch ]] || die "patches/$LINUX/series names $patch, which does not exist"
		# A fix may change what is payload, too.
		patched "$patch" | while read -r file; do
			[[ $patch == fixes/* && -e $1/$file ]] || printf '%s\n' "$file"
		done
	done | sort -u)
	wait "$!" || exit 1
	[[ ${files[*]} != *include/uapi/* ]] || die "a patch changes include/uapi: the overlay must not touch it"
	stage_base "$1" "${files[@]}"
	while read -r patch; do
		git_apply "$1" "$PATCHES/$patch" ||
			die "patches/$LINUX/$patch does not apply to Linux $(tree_version "$(base_tree)")"
	done < <(laid_series)
}
