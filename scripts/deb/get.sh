#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/deb/get.sh
#
# Get Debian's configurations of the kernel, by the exact version and checksum that
# scripts/deb/pinned lists, from the pool of a mirror. Those in the cache are complete,
# since they are renamed last; with them the network is not used.

. "$(dirname "$0")/../lib.sh"

IFS='|' read -r _ suite package _ filename sha256 < <(
	sed -n "/^$LINUX |/{ s/ *| */|/g; p }" "$ROOT/scripts/deb/pinned") ||
	die "scripts/deb/pinned has no row for Linux $LINUX"

out_dir
. "$ROOT/scripts/apt.sh"
lock "$CACHE/lock"
[[ $(cat "$DEBIAN_CONFIGS/sha256" 2>/dev/null) != "$sha256" ]] || exit 0
tmp=
fresh_tmp tmp "$DEBIAN_CONFIGS"
mkdir -p "$tmp/x"
note "downloading ${filename##*/}"
pool_file "$suite" "$filename" "$sha256" "$tmp/deb" "$LOGS/deb-config.log" ||
	die "${filename##*/} could not be downloaded from $MIRROR: $(apt_reason "$LOGS/deb-config.log" "that mirror no longer has it, since it keeps only the newest version; put the newest one into scripts/deb/pinned")"
dpkg-deb -x "$tmp/deb" "$tmp/x" || die "$package could not be unpacked"
for flavour in ${GOOD[DEB_FLAVOUR]}; do
	xz -dc "$tmp/x/usr/src/$package/config.arm64_none_$flavour.xz" >"$tmp/$flavour" ||
		die "$package has no configuration of the flavour $flavour"
done
echo "$sha256" >"$tmp/sha256"
rm -rf "$tmp/x" "$tmp/deb" "$DEBIAN_CONFIGS"
mv -T "$tmp" "$DEBIAN_CONFIGS"
