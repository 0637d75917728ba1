#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/vmm.sh
#
# Let real VMMs save running VMs under one kernel and resume them under another
# (scripts/vmm), and compare that with what kvmfit predicts. Results of boots are kept
# below $O/vmm: what is there already is not booted again. With BRIEF=y only what `make
# test` has time for: guests on this kernel, in each of its modes. A run of everything
# also writes docs/matrix-vmms.md.

. "$(dirname "$0")/lib.sh"

DEFAULT="6.1 6.12 6.18 7.3 c rust"
# The kernel of the guests
GUEST=6.12

whole=
[[ -n $KERNELS$VMM$CPU$GIC$FIRECRACKER$CLOUD_HYPERVISOR || ${BRIEF:-} == y ]] || whole=y
[[ ${BRIEF:-} == y ]] || KERNELS=${KERNELS:-$DEFAULT}
KERNELS="$KERNELS $GUEST" "$ROOT/scripts/kernels.sh"

# needs FILE GONE HOW: without the file, which the archive no longer has if GONE says so,
# nothing can be done.
needs()
{
	local why
	[[ ! -f $1 ]] || return 0
	why=$(cat "$2" 2>/dev/null) || die "there is no $1: run 'make setup'"
	why+="; to use a version that it has: $3"
	[[ ${BRIEF:-} == y ]] || die "$why"
	note "skipped: $why"
	count vmm 0 0 1
	exit
}

needs "$CACHE/vmm/vmms.cpio" "$CACHE/vmm.gone" scripts/vmm/pin.sh
needs "$CACHE/kernels/$GUEST/vmlinuz" "$CACHE/kernels/$GUEST.gone" "the row in scripts/kernels/pinned"
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
rc=0
(cd "$ROOT/scripts" && PYTHONDONTWRITEBYTECODE=1 exec nice /usr/bin/python3 -W error -m vmm "${args[@]}") || rc=$?
if ((rc < 2)) && [[ -n $whole ]]; then
	"$ROOT/scripts/docs.sh" vmm
fi
exit "$rc"
