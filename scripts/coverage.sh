#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/coverage.sh coverage-host|coverage-kernel
#
# What `make coverage` needs: the core's tests on the host, with LLVM's counters, and a
# kernel whose Rust code has the numbers of its lines, in $O/kernel-coverage. That is
# the only difference from the kernel that `make bench` measures: it has no KUnit suites,
# which call the core, too.

. "$(dirname "$0")/lib.sh"
. "$ROOT/scripts/config.sh"

LLVM=/usr/lib/llvm-22/bin

# How often each line of the core has run in each of its test programs, as lcov has it.
# The examples in the core's documentation do not count.
#
# One program at a time, as a generic function has other counters in other programs.
host()
{
	local log=$LOGS/coverage-host.log place=$OUT/coverage programs=()
	rm -rf "$place"
	mkdir -p "$place" "$RESULTS/coverage"
	# The build runs programs, too, which must not count.
	LLVM_PROFILE_FILE=/dev/null CRATE_FLAGS=-Cinstrument-coverage logged "$log" \
		debian_cargo cargo-coverage test --tests --no-run \
		--manifest-path "$ROOT/rust/kvm_abi/Cargo.toml" ||
		die "the core's tests were not built; the whole log: $log"
	mapfile -t programs < <(sed -nE 's/^ *Executable .* \((.*)\)$/\1/p' "$log")
	((${#programs[@]})) || die "there is no test; the whole log: $log"
	logged "$log" each "$place" "${programs[@]}" ||
		die "the core's tests failed; the whole log: $log"
	mv "$place/host.info" "$RESULTS/coverage/host.info"
	rm -rf "$place"
	note "$RESULTS/coverage/host.info"
}

# each PLACE PROGRAM...: run the programs, and write how often lines ran.
each()
{
	local place=$1 program
	cd "$ROOT/rust/kvm_abi"
	for program in "${@:2}"; do
		clean_env env LLVM_PROFILE_FILE="$place/one.profraw" "$program" || return
		"$LLVM/llvm-profdata" merge -o "$place/one.profdata" "$place/one.profraw" &&
			"$LLVM/llvm-cov" export -format=lcov -instr-profile="$place/one.profdata" \
				"$program" -sources src >>"$place/host.info" || return
	done
}

kernel()
{
	local output=$OUT/kernel-coverage log=$LOGS/kernel-coverage.log
	FRAGMENTS=("$STATE/coverage.config")
	sed 's/^\(CONFIG_KVM_ARM64_RUST_KUNIT_TEST\)=.*/\1=n/' "$ROOT/configs/base.config" \
		>"${FRAGMENTS[0]}"
	configure "$TREE" "$output"
	logged "$log" kbuild "$TREE" "$output" KRUSTFLAGS=-Cdebuginfo=line-tables-only Image ||
		die "the kernel did not build; the whole log: $log"
	note "$output/arch/arm64/boot/Image"
}

out_dir
case ${1:-} in
coverage-host)		host ;;
coverage-kernel)	kernel ;;
*)			die "there is no step '${1:-}'" ;;
esac
