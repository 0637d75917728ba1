#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/fuzz-host.sh core|kvmfit [SECONDS [SEED]]
#        scripts/fuzz-host.sh core|kvmfit replay TARGET FILE
#
# Fuzz the core crate or kvmfit on the host with libFuzzer. The targets
# (rust/kvm_abi/fuzz, tools/kvmfit/fuzz) share SECONDS (default 60). SEED is a number
# of up to 64 bits, as in the guest; without it a random seed is drawn and printed.
# Inputs that reach new code stay in $O/fuzz/corpus for the next run: the same seed
# gives the same inputs only with the same corpus. Inputs that fail are kept in
# $O/fuzz/failed; `replay` runs one again.

. "$(dirname "$0")/lib.sh"

# LLVM's instrumentation: count edges, and report comparisons to the fuzzer. Build
# scripts and macros cannot be built with it; --target= exempts them from these flags.
COVERAGE=(
	-Cpasses=sancov-module
	-Cllvm-args=-sanitizer-coverage-level=4
	-Cllvm-args=-sanitizer-coverage-inline-8bit-counters
	-Cllvm-args=-sanitizer-coverage-pc-table
	-Cllvm-args=-sanitizer-coverage-trace-compares
)
FUZZ=$OUT/fuzz

# package WHAT: where its targets are, and how to call them.
package()
{
	case $1 in
	core)	PACKAGE=$ROOT/rust/kvm_abi/fuzz CARGO=cargo-fuzz STEP=fuzz-core
		CHOSEN=KVM_ABI_FUZZ_TARGET ;;
	kvmfit)	PACKAGE=$ROOT/tools/kvmfit/fuzz CARGO=cargo-kvmfit-fuzz STEP=fuzz-kvmfit
		CHOSEN=KVMFIT_FUZZ_TARGET ;;
	*)	die "$usage" ;;
	esac
	WHAT=$1 FUZZER=$OUT/$CARGO/$HOST/release/coverage
}

# seeds TARGET: print the directories with files to begin with.
seeds()
{
	[[ $WHAT != kvmfit || $1 != any ]] ||
		printf '%s\n' "$PACKAGE/samples" "$ROOT/tools/kvmfit/crates/kvmfit/tests/data"
}

build()
{
	local flags
	# cargo separates them by this character.
	printf -v flags '\x1f%s' "${COVERAGE[@]}"
	CRATE_FLAGS=${flags:1} CXX=/usr/bin/clang++-22 \
		logged "$LOGS/$STEP-build.log" debian_cargo "$CARGO" build \
		--release --features coverage --target "$HOST" \
		--manifest-path "$PACKAGE/Cargo.toml" ||
		die "the fuzz targets could not be built; the whole log: $LOGS/$STEP-build.log"
}

targets()
{
	sed -nE 's/^ *(Target \{ )?name: "([a-z0-9_]+)",.*/\2/p' "$PACKAGE/src/lib.rs"
}

# fuzzer TARGET ARGUMENT...
fuzzer()
{
	# The longest input that a target of the core reads; those of kvmfit damage a good
	# file of theirs as the input says, except for one that reads files as they are.
	local target=$1 longest=256
	[[ -z $(seeds "$target") ]] || longest=524288
	shift
	clean_env env "$CHOSEN=$target" "$FUZZER" -max_len="$longest" -timeout=10 -rss_limit_mb=1024 "$@"
}

# figure LOG REGEXP: print the last number that follows a match, 0 without a match.
figure()
{
	grep -oE "$2 *[0-9]+" "$1" | tail -n1 | grep -oE '[0-9]+$' || echo 0
}

fuzz()
{
	local target=$1 seconds=$2 seed=$3
	local log=$LOGS/$STEP-$target.log corpus=$FUZZ/corpus/$WHAT-$target rc=0 result=ok input seeds
	mkdir -p "$corpus" "$FUZZ/failed"
	mapfile -t seeds < <(seeds "$target")
	fuzzer "$target" -seed="$(libfuzzer_seed "$seed")" -max_total_time="$seconds" -use_value_profile=1 -print_final_stats=1 \
		-artifact_prefix="$FUZZ/failed/$WHAT-$target-" "$corpus" "${seeds[@]}" >"$log" 2>&1 </dev/null || rc=$?
	((rc == 0)) || result=FAILED
	note "$(printf '%-16s %12d %9d  %s' "$target" "$(figure "$log" 'number_of_executed_units:')" \
		"$(figure "$log" ' cov:')" "$result")"
	((rc)) || return 0
	input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n1)
	{
		grep -A2 -m1 'panicked at' "$log" || tail -n5 "$log"
		[[ -z $input ]] || echo "to repeat: scripts/fuzz-host.sh $WHAT replay $target $input"
	} | sed 's/^/      | /' >&2
	return 1
}

usage='usage: scripts/fuzz-host.sh core|kvmfit [SECONDS [SEED]] | replay TARGET FILE'
package "${1:-}"
shift
mapfile -t all < <(targets)
out_dir

if [[ ${1:-} == replay ]]; then
	(($# == 3)) || die "$usage"
	[[ " ${all[*]} " == *" $2 "* ]] || die "there is no target $2; good values: ${all[*]}"
	[[ -f $3 ]] || die "there is no file $3"
	build
	fuzzer "$2" "$3"
	exit
fi

# libfuzzer_seed SEED: reduce it to 32 bits, but not to 0, which means "any" to libFuzzer.
libfuzzer_seed()
{
	local seed=$(($1))
	seed=$(((seed ^ seed >> 32) & 0xffffffff))
	echo $((seed ? seed : 1))
}

seconds=${1:-60} seed=${2:-$SRANDOM}
(($# <= 2)) || die "$usage"
[[ $seconds =~ ^[1-9][0-9]{0,6}$ ]] || die "SECONDS=$seconds is not known; good values: a number from 1 on"
is_seed "$seed" || die "the seed $seed is not known; good values: a number of up to 64 bits"

build
passed=0 failed=0
each=$(((seconds + ${#all[@]} - 1) / ${#all[@]}))
note "$each seconds for each of ${#all[@]} targets, seed $seed"
note "$(printf '%-16s %12s %9s  %s' target runs coverage result)"
for target in "${all[@]}"; do
	if fuzz "$target" "$each" "$seed"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
done
count "$STEP" "$passed" "$failed" 0
note "$passed passed, $failed failed; logs: $LOGS/$STEP-*.log"
((failed == 0))
