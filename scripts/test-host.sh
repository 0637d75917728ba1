#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/test-host.sh
#
# Run the tests that need no kernel: those of the core crate (with Debian's cargo), of
# its fuzz targets and of the model of its locks, those of kvmfit, and the unit tests of
# the scripts. A suite that passes fewer tests than scripts/vm/floors requires has failed.

. "$(dirname "$0")/lib.sh"

core()
{
	debian_cargo cargo test --no-fail-fast --manifest-path "$ROOT/rust/kvm_abi/Cargo.toml"
}

fuzz()
{
	debian_cargo cargo-fuzz test --no-fail-fast --manifest-path "$ROOT/rust/kvm_abi/fuzz/Cargo.toml"
}

model()
{
	debian_cargo cargo-model test --no-fail-fast --manifest-path "$ROOT/rust/kvm_abi/model/Cargo.toml"
}

kvmfit()
{
	local rc=0
	debian_cargo cargo-kvmfit test --no-fail-fast --workspace --manifest-path "$ROOT/tools/kvmfit/Cargo.toml" || rc=$?
	debian_cargo cargo-kvmfit-fuzz test --no-fail-fast --manifest-path "$ROOT/tools/kvmfit/fuzz/Cargo.toml" || rc=$?
	return "$rc"
}

# The part of the QEMU plugin that can be tested without QEMU.
plugin()
{
	clean_env /usr/bin/rustc --edition 2021 --test -o "$OUT/test-plugin" \
		"$ROOT/scripts/bench/plugin/src/insn.rs" && "$OUT/test-plugin"
}

# suite DIRECTORY: run the unit tests of the Python code there. Some run the kvmfit that
# its own tests have built.
suite()
{
	(cd "$ROOT/scripts" &&
		clean_env env ${CARGO_HOME:+"CARGO_HOME=$CARGO_HOME"} \
			KVMFIT="$OUT/cargo-kvmfit/debug/kvmfit" \
			/usr/bin/python3 -B -W error -m unittest discover -s "$1" -t .)
}

out_dir
floors=$(cd "$ROOT/scripts" && clean_env /usr/bin/python3 -B -m vm.rules)
passed=0 failed=0 skipped=0 status=0

# tests WHAT [COMMAND...]: run the command (default: WHAT) and count the tests that it
# reports in the format of Rust or of Python.
tests()
{
	local log=$LOGS/test-host-$1.log rc=0 p f s least
	(($# > 1)) || set -- "$1" "$1"
	logged "$log" "${@:2}" || rc=$?
	read -r p f s < <(awk '
		/^test result:/ { p += $4; f += $6; s += $8 }
		/^Ran [0-9]+ tests? / { p += $2 }
		/^(OK|FAILED)/ {
			for (gsub(/[(),=]/, " "); ++i <= NF;) {
				if ($i ~ /^(failures|errors)$/) { f += $(i + 1); p -= $(i + 1) }
				if ($i == "skipped") { s += $(i + 1); p -= $(i + 1) }
			}
		}
		END { print p + 0, f + 0, s + 0 }' "$log")
	# Without a result line it did not compile: count one failure.
	((rc == 0 || f)) || f=1
	least=$(awk -v suite="$1" '$1 == suite { print $2 }' <<<"$floors")
	if [[ -z $least ]]; then
		note "$1: its number of tests is not listed: add the row 'host | $1 | * | $p' to scripts/vm/floors"
		f=$((f + 1)) rc=1
	elif ((p < least && f == 0)); then
		note "$1: $p tests passed, at least $least are expected (scripts/vm/floors)"
		f=1 rc=1
	fi
	((rc == 0)) || status=1
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

tests core
tests fuzz
tests model
tests kvmfit
tests plugin
for directory in bench coverage docs objgate mutants lint driver vm kernels matrix vmm deb; do
	tests "$directory" suite "$directory"
done
count test-host "$passed" "$failed" "$skipped"
note "$passed passed, $failed failed, $skipped skipped; logs: $LOGS/test-host-*.log"
((status == 0))
