#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/source.sh [--refresh]
#
# Have a pristine kernel source: the newest linux-source of the base version in
# Debian's backports, fetched and verified by apt into the user's cache. A tree
# that is there is complete, since it got its name last; it is used without
# asking the network, unless --refresh looks for a newer one.

. "$(dirname "$0")/lib.sh"

[[ -z $KERNEL_SRC ]] || exit 0

PACKAGE=linux-source-$LINUX
# Where Debian keeps the newest stable kernels.
SUITE=trixie-backports

[[ ${1:-} == --refresh ]] || ! have_base_tree || exit 0

out_dir
. "$ROOT/scripts/apt.sh"
lock "$CACHE/lock"
# Another clone may have fetched it while this one waited.
[[ ${1:-} == --refresh ]] || ! have_base_tree || exit 0

apt_state kernel "$SUITE"
if ! (apt_refresh); then
	have_base_tree || exit 1
	note "no newer kernel source could be looked for; staying with $(basename "$(base_tree)")"
	exit 0
fi
version=$(apt_do apt-cache show --no-all-versions "$PACKAGE" | awk '/^Version:/ { print $2; exit }')
[[ -n $version ]] || die "$SUITE has no $PACKAGE; give a tree with KERNEL_SRC="
tree=$CACHE/source/$LINUX/linux-$version
if [[ ! -d $tree ]]; then
	tmp=
	fresh_tmp tmp "$tree"
	mkdir -p "$tmp"
	note "downloading $PACKAGE $version … log: $LOGS/source.log"
	(cd "$tmp" && logged "$LOGS/source.log" apt_do apt-get download "$PACKAGE=$version") ||
		die "$PACKAGE could not be downloaded"
	note "unpacking"
	# Not through a file: the archive within the package need not hit the disk.
	mkdir "$tmp/tree"
	# shellcheck disable=SC2016 # for the inner shell
	logged "$LOGS/source.log" bash -c '
		set -euo pipefail
		dpkg-deb --fsys-tarfile "$1"/*.deb |
			tar -xO "./usr/src/$2.tar.xz" | xz -dc -T0 |
			tar -x -C "$1/tree" --strip-components=1' unpack "$tmp" "$PACKAGE" ||
		die "$PACKAGE could not be unpacked (disk full?)"
	[[ $(tree_version "$tmp/tree") == "$LINUX".* ]] ||
		die "$PACKAGE $version holds Linux $(tree_version "$tmp/tree")"
	mv -T "$tmp/tree" "$tree"
fi
note "kernel source: $tree"
