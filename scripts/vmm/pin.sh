#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/vmm/pin.sh
#
# Rewrite scripts/vmm/pinned: find the newest QEMU 10 and 11 of Debian's suites, download them
# with all that they depend on, and list the packages that hold a library that they load.

. "$(dirname "$0")/../lib.sh"
. "$ROOT/scripts/apt.sh"

STABLE=trixie
SUITES=("$STABLE" "$STABLE-updates" "$STABLE-security" "$STABLE-backports")
PINNED=$ROOT/scripts/vmm/pinned

# get DIRECTORY PACKAGE[/SUITE]...: download these with all that they depend on, and unpack each.
get()
{
	local deb name dir=$1
	shift
	mkdir -p "$dir" "$dir.versions"
	logged "$LOGS/pin.log" apt_do apt-get install -y --download-only --no-install-recommends "$@" ||
		die "these could not be downloaded: $*: $(apt_reason "$LOGS/pin.log" "the mirror lacks them")"
	for deb in "$APT_DIR"/cache/archives/*.deb; do
		name=$(dpkg-deb -f "$deb" Package)
		mkdir -p "$dir/$name"
		dpkg-deb -x "$deb" "$dir/$name"
		dpkg-deb -f "$deb" Version >"$dir.versions/$name"
	done
	rm -f "$APT_DIR"/cache/archives/*.deb
}

out_dir
lock "$CACHE/lock"
tmp='' new=''
fresh_tmp tmp "$OUT/pin"
mkdir -p "$tmp"
APT_ARCH=arm64 apt_state vmm "${SUITES[@]}"
apt_refresh
note "downloading QEMU and what it depends on (70 MB)"
get "$tmp/10" qemu-system-arm/"$STABLE"
# Only QEMU itself from the backports: its libraries are those of the stable release.
get "$tmp/11" {qemu-system-arm,qemu-system-common,qemu-system-data,seabios}/"$STABLE-backports"

versions=()
for name in 10 11; do
	mapfile -t owners < <(PYTHONPATH=$ROOT/scripts /usr/bin/python3 -B -m vmm.programs owners "$tmp/$name")
	((${#owners[@]})) || die "the libraries of QEMU $name were not found"
	for package in "${owners[@]}"; do
		versions+=("$package=$(<"$tmp/$name.versions/$package")")
	done
done
mapfile -t versions < <(printf '%s\n' "${versions[@]}" | sort -u)

fresh_tmp new "$PINNED"
{
	sed '/^[^#]/d' "$PINNED"
	for name in 10 11; do
		pool_rows "qemu-$name" "$STABLE" "qemu-system-arm=$(<"$tmp/$name.versions/qemu-system-arm")"
	done
	pool_rows lib "$STABLE" "${versions[@]}"
} >"$new"
mv "$new" "$PINNED"
note "$PINNED: $(grep -c '^[^#]' "$PINNED") packages"
