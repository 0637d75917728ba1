#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/vmm/parts.sh DIRECTORY
#
# Build what the kernels under test get, and put it into the directory: the guests, which
# are `probe`, a program without operating system, and `debian.cpio`, the initramfs for
# Debian's kernel; and the small VMM, `kvmfit-vmm`, with `vmm-api`, which speaks to real
# ones, and `restore`, the example of the documentation.

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
	touch -d @0 "$tmp/el0"
	PYTHONPATH=$ROOT/scripts /usr/bin/python3 -B -c '
import sys
from pathlib import Path
from kernels import initramfs
output, init, busybox, el0 = map(Path, sys.argv[1:])
initramfs.write(output, {"init": init, "bin/busybox": busybox, "bin/el0": el0}, {"bin/sh": "busybox"})
' "$tmp/debian.cpio" "$HERE/init" "$BUSYBOX" "$tmp/el0"
}

# What is built does not change with the time: the results of boots depend on it.
small()
{
	CRATE_FLAGS=$(arm64_flags) logged "$LOGS/kvmfit-vmm.log" debian_cargo cargo-kvmfit build --release \
		--package kvmfit-vmm --package kvmfit-host --bins --example restore --target "$ARM64" \
		--manifest-path "$ROOT/tools/kvmfit/Cargo.toml" ||
		die "the small VMM could not be built; the whole log: $LOGS/kvmfit-vmm.log"
	cp "$OUT/cargo-kvmfit/$ARM64/release"/{kvmfit-vmm,vmm-api,examples/restore} "$tmp"
}

out_dir
place=$1 tmp=''
fresh_tmp tmp "$place/new"
mkdir -p "$tmp"
probe
debian
small
mv -f "$tmp"/{probe,debian.cpio,kvmfit-vmm,vmm-api,restore} "$place"
