#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/total.sh [--all]
#
# Add up what the stages of `make test` counted (--all: those of `make lint`
# too), print the sum in one line, and fail if any failed or none ran.

. "$(dirname "$0")/lib.sh"

omit=(! -name lint.count)
[[ ${1:-} != --all ]] || omit=()
find "$RESULTS" -name '*.count' "${omit[@]}" -exec cat {} + |
	PART=${PART:+ (part: $PART)} awk '{ p += $1; f += $2; s += $3 }
	     END { printf "%d passed, %d failed, %d skipped%s\n", p, f, s, ENVIRON["PART"]; exit (f > 0 || p == 0) }'
