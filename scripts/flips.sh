#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/flips.sh
#
# Flip one expectation in each selftest and in each file of their library, and report
# which nothing notices. Everything is built in $O/flips.

. "$(dirname "$0")/lib.sh"

out_dir
[[ -f $IMAGE ]] || die "there is no kernel at $IMAGE: run 'make kernel'"
mkdir -p "$OUT/flips"
cd "$ROOT/scripts"
nice /usr/bin/python3 -B -m mutants.flips "$ROOT" "$OUT/flips" "$IMAGE" "$BUSYBOX"
