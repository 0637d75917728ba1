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

# The summary of llvm-cov, as JSON. The tests that are linked to the core count, not
# the core's documentation.
host()
{
	local log=$LOGS/coverage-host.log place=$OUT/coverage objects=()
	rm -rf "$place"
	mkdir -p "$place" "$RESULTS/coverage"
	LLVM_PROFILE_FILE=$place/%p-%m.profraw CRATE_FLAGS=-Cinstrument-coverage \
		logged "$log" debian_cargo cargo-coverage test --tests --no-fail-fast \
		--manifest-path "$ROOT/rust/kvm_abi/Cargo.toml" ||
		die "the core's tests failed; the whole log: $log"
	mapfile -t objects < <(sed -nE 's/^ *Running .* \((.*)\)$/\1/p' "$log")
	((${#objects[@]})) || die "no test was run; the whole log: $log"
	# The first one is a positional argument.
	objects=("${objects[0]}" "${objects[@]/#/-object=}")
	"$LLVM/llvm-profdata" merge -sparse -o "$place/tests.profdata" "$place"/*.profraw
	"$LLVM/llvm-cov" export -summary-only -instr-profile="$place/tests.profdata" \
		"${objects[@]}" -sources "$ROOT/rust/kvm_abi/src" >"$place/host.json"
	mv "$place/host.json" "$RESULTS/coverage/host.json"
	rm -rf "$place"
	note "$RESULTS/coverage/host.json"
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
