#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/deb/root.sh
#
# Get the packages that scripts/deb/root lists, by exact version and checksum from the pool of a
# mirror, into $CACHE/debian-root: base/, system/ and firmware/. What is there is complete, since
# it is renamed last; with it the network is not used.

. "$(dirname "$0")/../lib.sh"

PINNED=$ROOT/scripts/deb/root
PLACE=$CACHE/debian-root

out_dir
. "$ROOT/scripts/apt.sh"
lock "$CACHE/lock"
[[ $(cat "$PLACE/of" 2>/dev/null) != "$(sha256sum <"$PINNED")" ]] || exit 0
need_space "$CACHE" 400 "a Debian system"
tmp='' log=$LOGS/debian-root.log
fresh_tmp tmp "$PLACE"
mkdir -p "$tmp"/{base,system,firmware}
note "getting $(grep -c '^[^#]' "$PINNED") packages of Debian for arm64 (100 MB, once)"
while IFS='|' read -r name suite _ _ filename sha256; do
	pool_file "$suite" "$filename" "$sha256" "$tmp/$name/${filename##*/}" "$log" ||
		die "${filename##*/} could not be downloaded from $MIRROR: $(apt_reason "$log" "that mirror no longer has it, since it keeps only the newest version; scripts/deb/pin.sh lists the versions that it has")"
done < <(sed -n '/^#/d; / | /{ s/ *| */|/g; p }' "$PINNED")
dpkg-deb -x "$tmp"/firmware/*.deb "$tmp/x" || die "the firmware could not be unpacked"
cp -L --sparse=always "$tmp"/x/usr/share/AAVMF/AAVMF_{CODE,VARS}.fd "$tmp/firmware" || die "the firmware is not where it should be"
rm -rf "$tmp/x" "$tmp"/firmware/*.deb
sha256sum <"$PINNED" >"$tmp/of"
rm -rf "$PLACE"
mv -T "$tmp" "$PLACE"
