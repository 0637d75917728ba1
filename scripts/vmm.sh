#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/vmm.sh
#
# Let real VMMs save running VMs under one kernel and resume them under another
# (scripts/vmm), and compare that with what kvmfit predicts. Results of boots are kept
# below $O/vmm: what is there already is not booted again. With BRIEF=y only what `make
# test` has time for: guests on this kernel, in each of its modes.

. "$(dirname "$0")/lib.sh"

DEFAULT="6.1 6.12 6.18 7.3 c rust"
# The kernel of the guests
GUEST=6.12

[[ ${BRIEF:-} == y ]] || KERNELS=${KERNELS:-$DEFAULT}
KERNELS="$KERNELS $GUEST" "$ROOT/scripts/kernels.sh"
if [[ ! -f $CACHE/vmm/vmms.cpio ]]; then
	why=$(cat "$CACHE/vmm.gone" 2>/dev/null) || die "the VMMs are missing: run 'make setup'"
	why+="; to use the versions that it has: scripts/vmm/pin.sh"
	[[ ${BRIEF:-} == y ]] || die "$why"
	note "skipped: $why"
	count vmm 0 0 1
	exit
fi
"$ROOT/scripts/vmm/parts.sh" "$OUT/vmm"

args=(--cache "$CACHE/kernels" --image "$IMAGE" --busybox "$BUSYBOX" --kvmfit "$OUT/kvmfit"
	--vmms "$CACHE/vmm/vmms.cpio" --parts "$OUT/vmm" --out "$OUT/vmm" --results "$RESULTS"
	--jobs "$JOBS" --kernels "$KERNELS")
[[ ${BRIEF:-} != y ]] || args+=(--brief)
[[ -z $VMM ]] || args+=(--vmm "$VMM")
[[ -z $FIRECRACKER ]] || args+=(--firecracker "$FIRECRACKER")
[[ -z $CLOUD_HYPERVISOR ]] || args+=(--cloud-hypervisor "$CLOUD_HYPERVISOR")
[[ -z $CPU ]] || args+=(--cpu "$CPU")
[[ -z $GIC ]] || args+=(--gic "$GIC")
cd "$ROOT/scripts"
PYTHONDONTWRITEBYTECODE=1 exec nice /usr/bin/python3 -W error -m vmm "${args[@]}"
