#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/vmm/get.sh
#
# Get the packages that scripts/vmm/pinned lists, by exact version and checksum from the
# pool of a mirror, and pack what is needed of them into an initramfs for the kernels
# under test, $CACHE/vmm/vmms.cpio. One that is there is complete, since it is renamed
# last; with it the network is not used. If the archive no longer has a package,
# $CACHE/vmm.gone says so; that is no error here, but for those who need the VMMs.

. "$(dirname "$0")/../lib.sh"

GONE=$CACHE/vmm.gone

rows()
{
	sed -n '/^#/d; / | /{ s/ *| */|/g; p }' "$ROOT/scripts/vmm/pinned"
}

# get: into $tmp
get()
{
	local name suite package filename sha256 log=$LOGS/vmm.log
	while IFS='|' read -r name suite package _ filename sha256; do
		mkdir -p "$tmp/$name"
		if ! pool_file "$suite" "$filename" "$sha256" "$tmp/deb" "$log"; then
			is_gone "$log" || die "${filename##*/} could not be downloaded from $MIRROR: $(apt_reason "$log" "the mirror lacks it")"
			printf 'the archive no longer has %s\n' "${filename##*/}" >"$GONE"
			note "$(<"$GONE"); scripts/vmm/pin.sh lists the versions that it has"
			exit 0
		fi
		dpkg-deb -x "$tmp/deb" "$tmp/$name" || die "$package could not be unpacked"
	done < <(rows)
	PYTHONPATH=$ROOT/scripts /usr/bin/python3 -B -m vmm.programs pack "$tmp/vmms.cpio" "$tmp"/lib "$tmp"/qemu-*
	sha256sum <"$ROOT/scripts/vmm/pinned" >"$tmp/of"
	rm -rf "${tmp:?}"/{deb,lib} "$tmp"/qemu-* "$CACHE/vmm"
	mv -T "$tmp" "$CACHE/vmm"
	rm -f "$GONE"
}

out_dir
. "$ROOT/scripts/apt.sh"
lock "$CACHE/lock"
[[ $(cat "$CACHE/vmm/of" 2>/dev/null) != "$(sha256sum <"$ROOT/scripts/vmm/pinned")" ]] || exit 0
tmp=
need_space "$CACHE" 700 "the VMMs"
fresh_tmp tmp "$CACHE/vmm"
note "getting QEMU for arm64 with its libraries (40 MB, once)"
get
