#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/guest.sh run|quick|kunit|judge|fuzz|boot
#
# Run scripts/vm.py with the built kernel and the user's choices.

. "$(dirname "$0")/lib.sh"

args=(--image "$IMAGE" --selftests "$KSELFTEST" --busybox "$BUSYBOX" --out "$RESULTS" --jobs "$JOBS")
[[ -z $ABI ]] || args+=(--abi "$ABI")
[[ -z $GIC ]] || args+=(--gic "$GIC")
[[ -z $CPU ]] || args+=(--cpu "$CPU")
[[ -z $MODE ]] || args+=(--mode "$MODE")
case $CONFIG in
debug)		args+=(--debug) ;;
off)		args+=(--stock) ;;
default-*)	[[ -n $ABI ]] || args+=(--default-abi "${CONFIG#default-}") ;;
esac
[[ ${BRIEF:-} != y ]] || args+=(--brief)
[[ $ALL != 1 ]] || args+=(--all)
[[ $FIXES != 1 ]] || args+=(--fixed)
[[ -z $FUZZ_SECONDS || $1 == kunit ]] || args+=(--seconds "$FUZZ_SECONDS")
[[ -z $SEED || $1 == kunit ]] || args+=(--seed "$SEED")
[[ -z $TESTS || $1 != run && $1 != quick ]] || args+=(--tests "$TESTS")
[[ -z $CMDLINE ]] || args+=(--cmdline "$CMDLINE")
exec "$ROOT/scripts/vm.py" "$1" "${args[@]}"
