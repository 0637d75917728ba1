#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/clean.sh clean|distclean
#
# clean: remove what was built. distclean: remove the whole output directory.
# The cache that all clones share (kernel source, ccache, tools) stays.

. "$(dirname "$0")/lib.sh"

[[ -d $OUT ]] || exit 0
lock "$OUT/lock"
case $1 in
clean)		find "$OUT" -mindepth 1 -maxdepth 1 ! -name linux ! -name state \
			! -name lock ! -name .kvm-arm64-rust -exec rm -rf {} + ;;
distclean)	rm -rf "$OUT" ;;
*)		die "usage: scripts/clean.sh clean|distclean" ;;
esac
