#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/matrix.sh
#
# See which VM can move between which kernels (scripts/matrix), and compare that with
# what kvmfit predicts. Results of boots are kept below $O/matrix: what is there
# already is not booted again. A run of everything also writes docs/matrix.md and
# docs/matrix.svg.

. "$(dirname "$0")/lib.sh"

args=(--cache "$CACHE/kernels" --image "$IMAGE" --busybox "$BUSYBOX" --kvmfit "$OUT/kvmfit"
	--out "$OUT/matrix" --results "$RESULTS" --jobs "$JOBS" --kernels "$KERNELS")
[[ -z $CPU ]] || args+=(--cpu "$CPU")
[[ -z $GIC ]] || args+=(--gic "$GIC")
[[ ${BRIEF:-} != y ]] || args+=(--brief)

rc=0
(cd "$ROOT/scripts" && PYTHONDONTWRITEBYTECODE=1 exec nice /usr/bin/python3 -W error -m matrix "${args[@]}") || rc=$?
# Not of a part: the page is of all.
if ((rc < 2)) && [[ -z $KERNELS$CPU$GIC && ${BRIEF:-} != y ]]; then
	"$ROOT/scripts/docs.sh" matrix
fi
exit "$rc"
