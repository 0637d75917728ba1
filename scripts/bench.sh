#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/bench.sh bench-kernel|bench-plugin|bench-build|lint-plugin
#
# What `make bench` needs. It compares the C and the Rust code of the built kernel,
# and both with a kernel built from the pristine sources in $O/kernel-without.

. "$(dirname "$0")/lib.sh"
. "$ROOT/scripts/config.sh"

TIMES=$STATE/bench-build.json

# fragment without|with: configs/base.config for the kernel without or with the
# overlay. Neither has the KUnit tests. The pristine sources lack our options.
fragment()
{
	if [[ $1 == with ]]; then
		sed 's/^\(CONFIG_KVM_ARM64_RUST_KUNIT_TEST\)=.*/\1=n/' "$ROOT/configs/base.config"
	else
		sed '/^CONFIG_KVM_ARM64_RUST/d' "$ROOT/configs/base.config"
	fi
}

# sources without|with
sources()
{
	if [[ $1 == with ]]; then echo "$TREE"; else base_tree; fi
}

# configure_as without|with OUTPUT
configure_as()
{
	FRAGMENTS=("$STATE/$1.config")
	fragment "$1" >"${FRAGMENTS[0]}"
	configure "$(sources "$1")" "$2"
}

kernel()
{
	local log=$LOGS/kernel-without.log
	# Without bench-build, this run must not report old build times.
	rm -f "$TIMES"
	configure_as without "$WITHOUT"
	logged "$log" kbuild "$(sources without)" "$WITHOUT" Image ||
		die "the kernel without the overlay did not build; the whole log: $log"
	note "$WITHOUT/arch/arm64/boot/Image"
}

# plugin LOG CARGO-COMMAND [ARGUMENT...]
plugin()
{
	local log=$1 command=$2
	shift 2
	logged "$log" debian_cargo cargo-plugin "$command" \
		--manifest-path "$ROOT/scripts/bench/plugin/Cargo.toml" "$@" ||
		die "the plugin did not build; the whole log: $log"
}

# seconds LOG COMMAND...: print how long the command takes
seconds()
{
	local begin end
	begin=$(date +%s%N)
	logged "$@" >&2 || die "the build to be measured failed; the whole log: $1"
	end=$(date +%s%N)
	printf '%d.%d' $(((end - begin) / 1000000000)) $(((end - begin) / 100000000 % 10))
}

# Measure how long arch/arm64/kvm and rust/ take to build from scratch and without
# ccache, in separate output directories; their prerequisites are built before.
build_times()
{
	local kind output log rust kvm tree times=''
	for kind in with without; do
		output=$OUT/bench-build/$kind log=$LOGS/bench-build-$kind.log
		rm -rf "$output"
		configure_as "$kind" "$output"
		tree=$(sources "$kind")
		logged "$log" kbuild "$tree" "$output" CC=clang-22 prepare0 ||
			die "the build to be measured failed; the whole log: $log"
		rust=$(seconds "$log" kbuild "$tree" "$output" CC=clang-22 prepare)
		kvm=$(seconds "$log" kbuild "$tree" "$output" CC=clang-22 arch/arm64/kvm/)
		note "$kind the overlay: arch/arm64/kvm $kvm s, rust $rust s"
		times+="\"$kind\": {\"kvm\": $kvm, \"rust\": $rust}, "
	done
	rm -rf "$OUT/bench-build"
	printf '{%s"jobs": %d}\n' "$times" "$JOBS" >"$TIMES.tmp"
	mv "$TIMES.tmp" "$TIMES"
}

case ${1:-} in
bench-kernel)	out_dir; kernel ;;
bench-plugin)	out_dir; plugin "$LOGS/bench-plugin.log" build --release ;;
lint-plugin)	out_dir; plugin "$LOGS/lint-plugin.log" clippy -- -D warnings ;;
bench-build)	out_dir; build_times ;;
*)		die "there is no step '${1:-}'" ;;
esac
