#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/kvmfit.sh
#
# Build kvmfit (tools/kvmfit) for this machine, and for arm64 as a static program
# that needs nothing of the host it runs on; print where they are. Beside them are
# the man pages and what shells complete.

. "$(dirname "$0")/lib.sh"

PLACE=$OUT/kvmfit
BUILT=$OUT/cargo-kvmfit

build()
{
	logged "$LOGS/kvmfit-$1.log" debian_cargo cargo-kvmfit build --release --package kvmfit-cli \
		--manifest-path "$ROOT/tools/kvmfit/Cargo.toml" "${@:2}" ||
		die "kvmfit could not be built for $1; the whole log: $LOGS/kvmfit-$1.log"
}

# place FROM NAME: the finished program, whole or not at all.
place()
{
	mkdir -p "$PLACE/$2"
	cp "$1" "$PLACE/$2/kvmfit.new"
	mv -f "$PLACE/$2/kvmfit.new" "$PLACE/$2/kvmfit"
}

out_dir
flags=$(arm64_flags)
build host
CRATE_FLAGS=$flags build aarch64 --target "$ARM64"
place "$BUILT/release/kvmfit" host
place "$BUILT/$ARM64/release/kvmfit" aarch64
! aarch64-linux-gnu-readelf -l "$PLACE/aarch64/kvmfit" | grep -q INTERP ||
	die "$PLACE/aarch64/kvmfit is not static"

kvmfit=$PLACE/host/kvmfit
rm -rf "$PLACE/man" "$PLACE/completions"
mkdir -p "$PLACE/completions"
"$kvmfit" man "$PLACE/man"
"$kvmfit" completions bash >"$PLACE/completions/kvmfit.bash"
"$kvmfit" completions zsh >"$PLACE/completions/_kvmfit"
"$kvmfit" completions fish >"$PLACE/completions/kvmfit.fish"
note "this machine:  $kvmfit"
note "arm64, static: $PLACE/aarch64/kvmfit"
