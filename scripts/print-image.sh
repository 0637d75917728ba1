#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/print-image.sh
#
# Print the path of the built kernel, and nothing else.

. "$(dirname "$0")/lib.sh"

[[ -f $IMAGE ]] || die "the kernel is not built yet: run 'make kernel'"
printf '%s\n' "$IMAGE"
