#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/kernels.sh [NAME...]
#
# Get the stock kernels that scripts/kernels/pinned lists, or those of KERNELS=, or else
# of these names, by exact version and checksum from the pool of a mirror. A kernel in the cache is
# complete, since it is renamed last; with it the network is not used. One that the
# archive no longer has is no error: $CACHE/kernels/NAME.gone says so, and
# `make matrix` leaves it out.

. "$(dirname "$0")/lib.sh"

# unpack DEB NAME VERSION: put the kernel of a package into the cache.
unpack()
{
	local found
	mkdir "$tmp/x"
	dpkg-deb --fsys-tarfile "$1" | tar -x -C "$tmp/x" --no-anchored --wildcards 'vmlinuz*' ||
		die "the package of the kernel $2 has no vmlinuz, or could not be unpacked"
	mapfile -t found < <(find "$tmp/x" -name 'vmlinuz*' -type f)
	((${#found[@]} == 1)) || die "the package of the kernel $2 has ${#found[@]} files vmlinuz, not one"
	mv "${found[0]}" "$tmp/vmlinuz"
	echo "$3" >"$tmp/version"
	rm -rf "$tmp/x" "$1" "$CACHE/kernels/$2"
	mv -T "$tmp" "$CACHE/kernels/$2"
}

# fetch NAME SUITE VERSION FILENAME SHA256
fetch()
{
	local log=$LOGS/kernels.log gone=$CACHE/kernels/$1.gone
	need_space "$CACHE" 150 "a stock kernel"
	fresh_tmp tmp "$CACHE/kernels/$1"
	mkdir "$tmp"
	note "downloading ${4##*/}"
	if pool_file "$2" "$4" "$5" "$tmp/kernel.deb" "$log"; then
		unpack "$tmp/kernel.deb" "$1" "$3"
		rm -f "$gone"
	elif is_gone "$log"; then
		rm -rf "$tmp"
		printf 'the archive no longer has %s\n' "${4##*/}" >"$gone"
		note "$1 is left out: $(<"$gone")"
	else
		die "${4##*/} could not be downloaded from $MIRROR: $(apt_reason "$log" "the mirror lacks it")"
	fi
}

out_dir
. "$ROOT/scripts/apt.sh"
lock "$CACHE/lock"
tmp=
wanted=${KERNELS:-$*}
while IFS='|' read -r name suite _ version filename sha256; do
	[[ -z $wanted || " $wanted " == *" $name "* ]] || continue
	[[ $(cat "$CACHE/kernels/$name/version" 2>/dev/null) == "$version" ]] ||
		fetch "$name" "$suite" "$version" "$filename" "$sha256"
done < <(pinned_kernels)
