#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/builds.sh [NAME...]
#
# Build kernels that `make test` does not build, each from configs/base.config and
# configs/NAME.config in $O/kernel-NAME, and boot each one on one machine:
#
#  off            without this project: what the patches leave in it is listed
#  default-c      in mode c, and
#  default-check  in mode check, without a parameter on the command line
#  outline        with C's inline functions called from Rust, not inlined
#  cfi            with calls through pointers that check the type
#
# A warning fails a build, and what was built is removed, so that the next run prints
# the warning again. What is not done because a build failed counts as skipped.

. "$(dirname "$0")/lib.sh"

BUILDS=(off default-c default-check outline cfi)
# For each surface a test or two that take a few seconds and keep the mode. No test
# of a host state: a machine comes with all that are asked for.
TESTS_C=get-reg-list,hypercalls,psci_test,smccc_filter,set_id_regs,fw_reg_errors,fw_reg_list,id_reg_access,reg_mask_range,smccc_psci,psci_cpu_on
# What VMs opt in to cannot be had in mode c.
TESTS_RUST=$TESTS_C,feature_levels,reg_mask_fw,vm_one_reg,reg_scope
passed=0 failed=0 skipped=0

# check WHAT COMMAND...
check()
{
	local what=$1
	shift
	if "$@"; then
		passed=$((passed + 1))
		note "ok      $what"
	else
		failed=$((failed + 1))
		note "FAILED  $what"
		return 1
	fi
}

# skip WHAT...: what cannot be done now.
skip()
{
	local what
	for what; do
		skipped=$((skipped + 1))
		note "skipped $what"
	done
}

build()
{
	[[ -d $OUT/kernel-$1 ]] || need_space "$OUT" 800 "the kernel $1"
	CONFIG=$1 "$ROOT/scripts/kernel.sh" || return
	# Not by CONFIG_WERROR, with which ccache could not use what base.config built.
	if ! [[ -f $LOGS/kernel-$1.log ]] || grep 'warning:' "$LOGS/kernel-$1.log" >&2; then
		rm -rf "$OUT/kernel-$1"
		return 1
	fi
}

# boot NAME ABI TESTS: add what the runner counts; a run that came to no end, or in
# which no test passed, is a failure of its own.
boot()
{
	local file=$OUT/results/$1/vm.count what="$1: a boot${2:+ in mode $2}" rc=0 p=0 f=0 s=0
	rm -f "$file"
	CONFIG=$1 ABI=$2 CPU=neoverse-n1 GIC=3 MODE=vhe TESTS=$3 ALL=0 "$ROOT/scripts/steps.sh" --only run || rc=$?
	if [[ -f $file && $(<"$file") =~ ^([0-9]+)\ ([0-9]+)\ ([0-9]+)$ ]]; then
		p=${BASH_REMATCH[1]} f=${BASH_REMATCH[2]} s=${BASH_REMATCH[3]}
	fi
	((f || rc == 0 && p)) || f=1
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	if ((f)); then note "FAILED  $what"; else note "ok      $what"; fi
}

without()
{
	(cd "$ROOT/scripts" && clean_env /usr/bin/python3 -B -W error -m objgate.without "$OUT/kernel-off" >&2)
}

one()
{
	# In the mode that is there by itself
	local boots=("") tests=$TESTS_C abi
	if [[ $1 == outline || $1 == cfi ]]; then
		boots=(rust check) tests=$TESTS_RUST
	fi
	note "$1 … log: $LOGS/kernel-$1.log"
	if ! check "$1: vmlinux" build "$1"; then
		[[ $1 != off ]] || skip "off: nothing of the project in vmlinux"
		for abi in "${boots[@]}"; do
			skip "$1: a boot${abi:+ in mode $abi}"
		done
		return
	fi
	[[ $1 != off ]] || check "off: nothing of the project in vmlinux" without || :
	for abi in "${boots[@]}"; do
		boot "$1" "$abi" "$tests"
	done
}

(($#)) || set -- "${BUILDS[@]}"
for name; do
	one_of NAME "$name" "${BUILDS[*]}"
done
out_dir
for name; do
	one "$name"
done

count builds "$passed" "$failed" "$skipped"
note "$passed passed, $failed failed, $skipped skipped; logs: $LOGS/kernel-*.log, $OUT/results/*/run"
((failed == 0))
