#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/objgate.sh
#
# Promises about what was built: no Rust of ours can panic, since a panic is a
# BUG() of the host; whatever C can call is declared in the header that bindgen
# compares with the Rust side; nothing is indexed by a guest or a VMM but with a
# clamp that speculation does not pass; and the headers of the userspace ABI are
# those of the base.

. "$(dirname "$0")/lib.sh"

HEADER=$TREE/include/kvm/arm_rust.h
NM=/usr/bin/llvm-nm-22
OBJDUMP=/usr/bin/llvm-objdump-22
passed=0 failed=0

# check WHAT FOUND: good if nothing was found.
check()
{
	if [[ -z $2 ]]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		printf '%s: %s\n' "$1" "$(paste -sd ' ' <<<"$2")" >&2
	fi
}

# panics OBJECT [MODULE]: the functions, of a module of it, that call a panic.
panics()
{
	local found
	[[ $("$NM" -u "$KOUT/$1") == *panicking* ]] || return 0
	found=$("$OBJDUMP" -dr --demangle "$KOUT/$1" |
		awk '/^[0-9a-f]+ </ { sub(/^[0-9a-f]+ /, ""); name = $0 } /panicking/ { print name }' | sort -u)
	if [[ -n ${2:-} ]]; then
		grep -F "$2" <<<"$found" || :
	else
		echo "${found:-(no caller found)}"
	fi
}

for object in arch/arm64/kvm/rust/kvm_arm64.o rust/kvm_abi.o rust/kernel.o; do
	[[ -f $KOUT/$object ]] || die "$KOUT/$object was not built"
done
check "kvm_arm64.o can panic" "$(panics arch/arm64/kvm/rust/kvm_arm64.o)"
check "kvm_abi.o can panic" "$(panics rust/kvm_abi.o)"
# Of the kernel crate, what is ours.
check "kernel::kvm can panic" "$(panics rust/kernel.o kernel::kvm::)"

# Rust's own names are mangled (_R…); the rest is meant for C.
undeclared=$("$NM" --defined-only -g "$KOUT/arch/arm64/kvm/rust/kvm_arm64.o" |
	awk '$2 ~ /^[TDBRW]$/ && $3 !~ /^(_R|__|_ZN)/ { print $3 }' |
	while read -r symbol; do
		grep -qE "\b$symbol\(" "$HEADER" || echo "$symbol"
	done)
check "not declared in include/kvm/arm_rust.h" "$undeclared"

python()
{
	(cd "$ROOT/scripts" && clean_env /usr/bin/python3 -B -W error -m "$@")
}

found=$(python objgate.nospec "$KOUT") || found=${found:-(did not run)}
check "indexed by a guest or a VMM under speculation" "$found"
found=$(python objgate.uapi "$(base_tree)" "$TREE") || found=${found:-(did not run)}
check "headers of the userspace ABI" "$found"

count objgate "$passed" "$failed" 0
note "$passed passed, $failed failed"
((failed == 0))
