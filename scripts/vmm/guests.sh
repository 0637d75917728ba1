#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/vmm/guests.sh DIRECTORY
#
# Build the guests of the VMMs, and put them into the directory: `probe`, a program
# without operating system, and `debian.cpio`, the initramfs for Debian's kernel.

. "$(dirname "$0")/../lib.sh"

HERE=$ROOT/scripts/vmm/guest
CC=(/usr/bin/aarch64-linux-gnu-gcc -Wall -Wextra -Werror -O2 -static)
OBJCOPY=/usr/bin/aarch64-linux-gnu-objcopy

# It runs with the MMU off: no floating point, and no access that is not aligned.
probe()
{
	"${CC[@]}" -ffreestanding -nostdlib -fno-pic -mgeneral-regs-only -mstrict-align \
		-Wl,-T,"$HERE/probe.lds",--build-id=none,--no-warn-rwx-segments \
		-o "$tmp/probe.elf" "$HERE/probe.S" "$HERE/probe.c"
	"$OBJCOPY" -O binary "$tmp/probe.elf" "$tmp/probe"
}

debian()
{
	"${CC[@]}" -o "$tmp/el0" "$HERE/el0.c"
	"$OBJCOPY" --strip-all "$tmp/el0"
	# The archive is the same if its files are: the results of boots depend on it.
	touch -d @0 "$tmp/el0"
	PYTHONPATH=$ROOT/scripts /usr/bin/python3 -B -c '
import sys
from pathlib import Path
from kernels import initramfs
output, init, busybox, el0 = map(Path, sys.argv[1:])
initramfs.write(output, {"init": init, "bin/busybox": busybox, "bin/el0": el0}, {"bin/sh": "busybox"})
' "$tmp/debian.cpio" "$HERE/init" "$BUSYBOX" "$tmp/el0"
}

place=$1 tmp=''
fresh_tmp tmp "$place/new"
mkdir -p "$tmp"
probe
debian
mv -f "$tmp/probe" "$tmp/debian.cpio" "$place"
