#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/kernel.sh
#
# Configure and build the arm64 kernel from $O/linux into $O/kernel, or with
# CONFIG=debug in the environment into $O/kernel-debug, and so on.

. "$(dirname "$0")/lib.sh"
. "$ROOT/scripts/config.sh"

out_dir
configure "$TREE" "$KOUT"
log=$LOGS/${KOUT##*/}.log
logged "$log" kbuild "$TREE" "$KOUT" Image ||
	die "the kernel did not build; the whole log: $log"
note "$IMAGE"
