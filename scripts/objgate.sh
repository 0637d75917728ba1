#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/objgate.sh
#
# Check the built objects and headers: our Rust code cannot panic (a panic is a BUG()
# of the host); every function that C can call is declared in the header that bindgen
# compares with the Rust side; every index from a guest or a VMM has a clamp that
# holds under speculation; what runs before a vCPU has left its guest calls nothing
# that may not run there; one function decides hypercalls; modules can use no symbol
# of KVM; and the headers of the userspace ABI are those of the base, except for the
# one that the project adds.

. "$(dirname "$0")/lib.sh"

HEADER=$TREE/include/kvm/arm_rust.h
NM=/usr/bin/llvm-nm-22
passed=0 failed=0

# check WHAT FOUND: passed if FOUND is empty.
check()
{
	if [[ -z $2 ]]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		printf '%s: %s\n' "$1" "$(paste -sd ' ' <<<"$2")" >&2
	fi
}

KVM_ARM64=$KOUT/arch/arm64/kvm/rust/kvm_arm64.o
[[ -f $KVM_ARM64 ]] || die "$KVM_ARM64 is missing: run 'make kernel'"

# Symbols without Rust's mangling (_R…) are meant for C.
undeclared=$("$NM" --defined-only -g "$KVM_ARM64" |
	awk '$2 ~ /^[TDBRW]$/ && $3 !~ /^(_R|__|_ZN)/ { print $3 }' |
	while read -r symbol; do
		grep -qE "\b$symbol\(" "$HEADER" || echo "$symbol"
	done)
check "not declared in include/kvm/arm_rust.h" "$undeclared"

python()
{
	(cd "$ROOT/scripts" && clean_env /usr/bin/python3 -B -W error -m "$@")
}

found=$(python objgate.panics "$KOUT") || found=${found:-(did not run)}
check "Rust that can panic" "$found"
found=$(python objgate.nospec "$KOUT") || found=${found:-(did not run)}
check "index from a guest or a VMM without a clamp" "$found"
found=$(python objgate.fast "$KOUT") || found=${found:-(did not run)}
check "before the vCPU has left its guest" "$found"
found=$(python objgate.once "$KOUT") || found=${found:-(did not run)}
check "the decision about a hypercall" "$found"
found=$(python objgate.exported "$KOUT") || found=${found:-(did not run)}
check "symbols of KVM that modules can use" "$found"
found=$(python objgate.uapi "$(base_tree)" "$TREE") || found=${found:-(did not run)}
check "changed headers of the userspace ABI" "$found"

count objgate "$passed" "$failed" 0
note "$passed passed, $failed failed"
((failed == 0))
