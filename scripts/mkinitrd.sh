#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Pack the guest's initramfs: arm64 busybox, scripts/vm/init and, if given, the
# installed kselftests.  Needs no root: /dev/console comes from the kernel's built-in
# initramfs (usr/default_cpio_list).
#
# usage: BUSYBOX_ARM64=<static arm64 busybox> mkinitrd.sh <output> [<kselftest_install>]
#
# The output is replaced as a whole, and only if an input changed.

set -eu

die() {
	echo "mkinitrd: $*" >&2
	exit 1
}

[ $# -eq 1 ] || [ $# -eq 2 ] || die "usage: BUSYBOX_ARM64=<path> $0 <output> [<kselftest_install>]"
output=$1
selftests=${2:-}
busybox=${BUSYBOX_ARM64:-}
here=$(cd "$(dirname "$0")" && pwd)

[ -n "$busybox" ] || die "BUSYBOX_ARM64 is not set"
[ -f "$busybox" ] || die "no busybox at $busybox"
[ -z "$selftests" ] || [ -f "$selftests/kselftest-list.txt" ] || die "no installed kselftests in $selftests"
command -v cpio >/dev/null || die "cpio not found: apt-get install cpio"

# Changed files show in their size or time, removed ones in the list.
inputs=$(find ${selftests:+"$selftests"} "$busybox" "$here/mkinitrd.sh" "$here/vm/init" "$here/vm/timeout" \
	-type f -printf '%p %s %T@ %m\n' | LC_ALL=C sort | sha256sum)
if [ -f "$output" ] && [ -f "$output.inputs" ] && [ "$(cat "$output.inputs")" = "$inputs" ]; then
	exit 0
fi

mkdir -p "$(dirname "$output")"
# Remove leftovers of a killed run. No other run is active: the callers hold a lock.
rm -rf "$output".tmp.??????
work=$(mktemp -d "$output.tmp.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

root=$work/root
mkdir -p "$root/bin" "$root/usr/bin" "$root/opt"
cp "$busybox" "$root/bin/busybox"
ln -s busybox "$root/bin/sh"
cp "$here/vm/init" "$root/init"
cp "$here/vm/timeout" "$root/usr/bin/timeout"
chmod 755 "$root/bin/busybox" "$root/init" "$root/usr/bin/timeout"
if [ -n "$selftests" ]; then
	cp -R "$selftests" "$root/opt/kselftest"
	# Debug information is half of each test's size, and each boot unpacks it.
	strip=${STRIP:-aarch64-linux-gnu-strip}
	if command -v "$strip" >/dev/null; then
		find "$root/opt/kselftest/kvm" -type f -perm -100 -exec "$strip" --strip-debug {} +
	fi
fi

(cd "$root" && find . -print0 | LC_ALL=C sort -z |
	cpio --quiet --null --create --format=newc --owner=0:0 --reproducible) >"$work/cpio"

rm -f "$output.inputs"
mv "$work/cpio" "$output"
printf '%s\n' "$inputs" >"$work/inputs"
mv "$work/inputs" "$output.inputs"
