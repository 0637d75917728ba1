#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/steps.sh [--test] STEP...
#
# Run the steps in turn, printing a numbered title for each. A step is a separate
# script, which redoes only what changed. With --test the steps after one with failed
# tests still run, and the last line is the sum of all counts.

. "$(dirname "$0")/lib.sh"

keep_going=
[[ ${1:-} != --test ]] || { keep_going=y; shift; }

first_time()
{
	[[ -e $1 ]] || printf ' (%s)' "$2"
}

# Step debug-STEP is STEP for the debug kernel.
title()
{
	local kernel=kernel minutes=10 image=$IMAGE fuzz=${FUZZ_SECONDS:-60}
	if [[ $1 == debug-* || $CONFIG == debug ]]; then
		kernel="debug kernel" minutes=20 image=$OUT/kernel-debug/arch/arm64/boot/Image
	fi
	case ${1#debug-} in
	setup)		echo "checking the tools" ;;
	source)		if [[ -n $KERNEL_SRC ]]; then
				echo "using the kernel source $KERNEL_SRC"
			else
				echo "getting the kernel source $(pinned Version)$(first_time "$DEBIAN_TREE" "170 MB, once")"
			fi ;;
	lay)		echo "laying the overlay over the tree$(first_time "$TREE" "copies 1.6 GB the first time")" ;;
	kernel)		echo "building the $kernel$(first_time "$image" "$minutes minutes or more on 2 cores the first time")" ;;
	objgate)	echo "checking the Rust objects" ;;
	builds)		echo "building and booting other configurations$(first_time "$OUT/kernel-cfi" "an hour or more on 2 cores the first time")" ;;
	selftests)	echo "building the KVM selftests$(first_time "$KSELFTEST" "about 2 minutes the first time")" ;;
	test-host)	echo "testing the core crate, kvmfit and the scripts on the host" ;;
	kunit)		echo "running KUnit on the $kernel in QEMU" ;;
	run)		echo "running the KVM selftests on the $kernel in QEMU" ;;
	quick)		echo "running the short KVM selftests on the $kernel in QEMU" ;;
	judge)		echo "booting the $kernel with planted mistakes, to test that they are found" ;;
	kvmfit)		echo "building kvmfit, for this machine and for arm64" ;;
	kernels|test-kernels)	echo "getting stock kernels$(first_time "$CACHE/kernels" "25 MB for each, once")" ;;
	matrix)		echo "moving VMs between kernels in QEMU$([[ -n $keep_going ]] || echo " (an hour on 2 cores for all kernels and CPUs)")" ;;
	vmms)		echo "getting the VMMs$(first_time "$CACHE/vmm" "40 MB, once")" ;;
	vmm)		if [[ -n $keep_going ]]; then
				echo "running a real VMM's guests on the $kernel in QEMU"
			else
				echo "moving real VMMs' guests between kernels in QEMU (an hour on 2 cores)"
			fi ;;
	fuzz-core)	echo "fuzzing the core crate on the host for $fuzz seconds" ;;
	fuzz-kvmfit)	echo "fuzzing kvmfit on the host for $fuzz seconds" ;;
	fuzz)		echo "fuzzing the $kernel in QEMU for $fuzz seconds on each machine" ;;
	mutants)	echo "running mutation tests" ;;
	flips)		echo "flipping expectations of the selftests" ;;
	boot)		echo "booting" ;;
	bench-kernel)	echo "building a kernel without the overlay$(first_time "$WITHOUT/arch/arm64/boot/Image" "5 minutes or more on 2 cores the first time")" ;;
	bench-plugin)	echo "building the QEMU plugin that counts instructions" ;;
	bench-build)	echo "measuring how long KVM takes to build (about 4 minutes on 2 cores; BUILD=0 skips this)" ;;
	bench)		echo "counting instructions in QEMU" ;;
	lint)		echo "checking style and warnings" ;;
	series)		echo "making the patch series" ;;
	*)		die "there is no step '$1'" ;;
	esac
}

# Reject a misspelt test now, not after the build. If Python is not installed yet,
# vm.py rejects it later.
check_tests()
{
	[[ -n $TESTS && -x /usr/bin/python3 && " $* " =~ " "(run|quick)" " ]] || return 0
	PYTHONPATH=$ROOT/scripts /usr/bin/python3 -B -c '
import sys
from vm import matrix
try:
    matrix.check_tests(sys.argv[1], sys.argv[2] == "debug")
except matrix.BadSelection as why:
    sys.exit(f"error: TESTS: {why}")' "$TESTS" "$CONFIG"
}

# Reject an unusable result in BASE= now, too.
check_base()
{
	[[ -n $BASE && " $* " == *" bench "* && -x /usr/bin/python3 ]] || return 0
	"$ROOT/scripts/bench.sh" check
}

# run_step STEP: run its script; all steps that run tests in QEMU share guest.sh.
run_step()
{
	local config=$CONFIG
	[[ $1 != debug-* ]] || config=debug
	# In `make test`, only some machines run in all modes.
	[[ -z $keep_going ]] || local -x BRIEF=y
	case ${1#debug-} in
	run|quick|kunit|judge|boot|fuzz)	CONFIG=$config "$ROOT/scripts/guest.sh" "${1#debug-}" ;;
	fuzz-core|fuzz-kvmfit)	"$ROOT/scripts/fuzz-host.sh" "${1#fuzz-}" "${FUZZ_SECONDS:-60}" ${SEED:+"$SEED"} ;;
	bench|bench-*)	"$ROOT/scripts/bench.sh" "$1" ;;
	# Those that `make test` needs, also before it
	vmms)		"$ROOT/scripts/vmm/get.sh" ;;
	test-kernels)	BRIEF=y "$ROOT/scripts/kernels.sh" ;;
	*)		CONFIG=$config "$ROOT/scripts/${1#debug-}.sh" ;;
	esac
}

counts()
{
	find "$RESULTS" -name '*.count' | sort
}

check_tests "$@"
check_base "$@"
out_dir
lock "$OUT/lock"
[[ -z $keep_going ]] || find "$RESULTS" -name '*.count' ! -name lint.count -delete

n=0 status=0
for step in "$@"; do
	n=$((n + 1))
	echo "[$n/$#] $(title "$step")"
	SECONDS=0
	rm -f "$RESULTS/$step.count"
	before=$(counts)
	# Once QEMU has loaded the kernel, other makes may build: release the lock.
	[[ $step != boot ]] || exec 9>&-
	rc=0
	run_step "$step" || rc=$?
	((SECONDS < 2)) || note "done in $((SECONDS / 60)):$(printf %02d $((SECONDS % 60)))"
	((rc)) || continue
	status=1
	# Failed tests leave a count; without one the step itself failed.
	[[ -z $keep_going || $(counts) == "$before" ]] || continue
	[[ $(counts) != "$before" ]] || count "$step" 0 1 0
	((n == $#)) || echo "$step failed; the remaining steps are not run" >&2
	break
done

[[ -z $keep_going ]] || "$ROOT/scripts/total.sh" || status=1
exit "$status"
