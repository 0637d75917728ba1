#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/source.sh
#
# Get the pristine kernel source that patches/<base>/base pins by version and
# checksum: from the cache, else from KERNEL_DEB=<the package as a file>, else from
# the pool of the machine's Debian mirror or of DEBIAN_MIRROR=, which is asked for
# exactly this version, whichever one the suite lists. A tree in the cache is complete,
# since it is renamed last; with it the network is not used.
#
# BASE_UPDATE=1 pins the suite's newest version instead, or that of KERNEL_DEB=, if
# the patches apply to it: `scripts/source.sh fits` tries them on KERNEL_SRC=.

. "$(dirname "$0")/lib.sh"
. "$ROOT/scripts/overlay.sh"

PACKAGE=$(pinned Package) SUITE=$(pinned Suite)

sha256()
{
	sha256sum <"$1" | cut -d' ' -f1
}

# given FIELD: print a field of the package that the user gives.
given()
{
	dpkg-deb -f "$KERNEL_DEB" "$1" 2>/dev/null
}

# Reject a wrong package before anything else is done.
check_given()
{
	[[ $(given Package) == "$PACKAGE" ]] ||
		die "KERNEL_DEB=$KERNEL_DEB is not a package $PACKAGE; give Debian's ${PACKAGE}_$(pinned Version)_all.deb"
	[[ $BASE_UPDATE == 1 || $(sha256 "$KERNEL_DEB") == "$(pinned SHA256)" ]] ||
		die "KERNEL_DEB=$KERNEL_DEB has version $(given Version) or was modified; patches/$LINUX/base pins $(pinned Version), SHA256 $(pinned SHA256); to use this package instead: make setup BASE_UPDATE=1 KERNEL_DEB=..."
}

# download FILENAME SHA256 DEB: get it from the pool of a mirror.
download()
{
	local log=$LOGS/source.log
	note "downloading ${1##*/} … log: $log"
	! pool_file "$SUITE" "$1" "$2" "$3" "$log" || return 0
	die "${1##*/} could not be downloaded from $MIRROR: $(apt_reason "$log" "that mirror no longer has it, since it keeps only the newest version").
      Other ways: DEBIAN_MIRROR=<URI of an archive that still has pool/…/${1##*/}>,
      KERNEL_DEB=<that file>, KERNEL_SRC=<a tree of Linux $LINUX>, or 'make setup BASE_UPDATE=1',
      which moves to the newest version in $SUITE if the patches apply to it"
}

# unpack DEB VERSION SHA256: check it, and make the tree of that version from it.
unpack()
{
	local tree=$CACHE/source/$LINUX/linux-$2
	[[ $(sha256 "$1") == "$3" ]] || die "$1 does not have the checksum SHA256 $3"
	note "unpacking"
	mkdir "$tmp/tree"
	# Through pipes: the archive inside the package need not be stored on disk.
	# shellcheck disable=SC2016 # for the inner shell
	logged "$LOGS/source.log" bash -c '
		set -euo pipefail
		dpkg-deb --fsys-tarfile "$1" | tar -xO "./usr/src/$2.tar.xz" | xz -dc -T0 |
			tar -x -C "$3/tree" --strip-components=1' unpack "$1" "$PACKAGE" "$tmp" ||
		die "$PACKAGE $2 could not be unpacked"
	[[ $(tree_version "$tmp/tree") == "$LINUX".* ]] ||
		die "$PACKAGE $2 holds Linux $(tree_version "$tmp/tree"), but the patches are for $LINUX"
	mv -T "$tmp/tree" "$tree"
}

# fetch VERSION FILENAME SHA256
fetch()
{
	local deb=$KERNEL_DEB
	need_space "$CACHE" 2000 "the kernel source"
	fresh_tmp tmp "$CACHE/source/$LINUX/linux-$1"
	mkdir -p "$tmp"
	if [[ -z $deb ]]; then
		deb=$tmp/source.deb
		download "$2" "$3" "$deb"
	fi
	unpack "$deb" "$1" "$3"
	rm -rf "$tmp"
}

# candidate: print the fields of the newest package.
candidate()
{
	if [[ -n $KERNEL_DEB ]]; then
		printf 'Version: %s\nFilename: pool/main/l/linux/%s_%s_all.deb\nSHA256: %s\n' "$(given Version)" \
			"$PACKAGE" "$(given Version | sed 's/^[0-9]*://')" "$(sha256 "$KERNEL_DEB")"
	else
		apt_do apt-cache show --no-all-versions "$PACKAGE" 2>/dev/null |
			awk '/^$/ { exit } /^(Version|Filename|SHA256): /' || :
	fi
}

# update: pin the newest package; if the patches do not apply, change nothing.
update()
{
	local file=$ROOT/patches/$LINUX/base new version tree was
	[[ -n $KERNEL_DEB ]] || { apt_state kernel "$SUITE"; apt_refresh; }
	new=$(candidate)
	field() { sed -n "s/^$1: //p" <<<"$new"; }
	version=$(field Version) tree=$CACHE/source/$LINUX/linux-$version
	[[ -n $version ]] ||
		die "$SUITE no longer has $PACKAGE, so there is no newer version; patches/$LINUX/base still pins $(pinned Version)"
	[[ $(field SHA256) != "$(pinned SHA256)" || ! -d $tree ]] ||
		{ note "$(pinned Version) is the newest"; return; }
	[[ -d $tree ]] || fetch "$version" "$(field Filename)" "$(field SHA256)"
	KERNEL_SRC=$tree KERNEL_DEB='' BASE_UPDATE='' "$0" fits ||
		die "the patches do not apply to $PACKAGE $version; patches/$LINUX/base still pins $(pinned Version); to port the patches use KERNEL_SRC=$tree"
	was=$(pinned Version)
	if ! printf '%s\nPackage: %s\nVersion: %s\nSuite: %s\nFilename: %s\nSHA256: %s\n' "$(grep '^#' "$file")" \
		"$PACKAGE" "$version" "$SUITE" "$(field Filename)" "$(field SHA256)" >"$file.tmp" ||
		! mv "$file.tmp" "$file"; then
		die "$file could not be written"
	fi
	note "patches/$LINUX/base now pins $version instead of $was (see 'git diff'); run 'make test' next"
}

fits()
{
	local stage
	out_dir
	fresh_tmp stage "$OUT/stage-fits"
	mkdir "$stage"
	stage_payload "$stage"
	stage_patches "$stage"
}

case ${1:-} in
'')	;;
fits)	fits; exit ;;
*)	die "usage: scripts/source.sh [fits]" ;;
esac
[[ -z $KERNEL_SRC ]] || exit 0
[[ -z $KERNEL_DEB ]] || check_given
[[ ! -d $DEBIAN_TREE || $BASE_UPDATE == 1 ]] || exit 0

out_dir
. "$ROOT/scripts/apt.sh"
lock "$CACHE/lock"
tmp=
if [[ $BASE_UPDATE == 1 ]]; then
	update
elif [[ ! -d $DEBIAN_TREE ]]; then	# another clone may have fetched it meanwhile
	fetch "$(pinned Version)" "$(pinned Filename)" "$(pinned SHA256)"
	note "kernel source: $DEBIAN_TREE"
fi
