#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/deb/pin.sh
#
# Rewrite scripts/deb/root: the newest versions of the packages that make the Debian system of
# `make test-deb`, with all that they depend on.

. "$(dirname "$0")/../lib.sh"
. "$ROOT/scripts/apt.sh"

STABLE=trixie
PINNED=$ROOT/scripts/deb/root
# What the system has beside what each Debian system must have: the stock kernel, what boots it, and
# a VMM.
SYSTEM=(systemd-sysv udev initramfs-tools linux-image-cloud-arm64 grub-efi-arm64 dosfstools
	e2fsprogs qemu-system-arm)
FIRMWARE=qemu-efi-aarch64

# closure PACKAGE...: print these with all that they depend on, as PACKAGE=VERSION.
closure()
{
	apt_do apt-get install --simulate --no-install-recommends "$@" |
		sed -nE 's/^Inst ([^ ]+) \(([^ ]+) .*/\1=\2/p' | sort
}

out_dir
lock "$CACHE/lock"
new=
APT_ARCH=arm64 apt_state deb-root "$STABLE" "$STABLE-updates" "$STABLE-security"
apt_refresh
mapfile -t essential < <(apt_do apt-cache dumpavail |
	awk '/^Package:/ { package = $2 } /^Essential: yes/ { print package }' | sort -u)
((${#essential[@]})) || die "apt knows no essential package"
mapfile -t base < <(closure "${essential[@]}")
mapfile -t system < <(closure "${essential[@]}" "${SYSTEM[@]}" | grep -vxFf <(printf '%s\n' "${base[@]}"))
mapfile -t firmware < <(closure "$FIRMWARE")

fresh_tmp new "$PINNED"
{
	sed '/^[^#]/d' "$PINNED"
	pool_rows base "$STABLE" "${base[@]}"
	pool_rows system "$STABLE" "${system[@]}"
	pool_rows firmware "$STABLE" "${firmware[@]}"
} >"$new"
mv "$new" "$PINNED"
note "$PINNED: $(grep -c '^[^#]' "$PINNED") packages"
