#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/objgate.sh
#
# Two promises about the built Rust objects: none can panic, since a panic is a
# BUG() of the host; and whatever C can call is declared in the header that
# bindgen compares with the Rust side.

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

for object in arch/arm64/kvm/rust/kvm_arm64.o rust/kvm_abi.o; do
	[[ -f $KOUT/$object ]] || die "$KOUT/$object was not built"
	found=''
	if "$NM" -u "$KOUT/$object" | grep -qF panicking; then
		# Those that call it, which is what one wants to know.
		found=$("$OBJDUMP" -dr --demangle "$KOUT/$object" |
			awk '/^[0-9a-f]+ </ { sub(/^[0-9a-f]+ /, ""); name = $0 } /panicking/ { print name }' | sort -u)
		[[ -n $found ]] || found='(no caller found)'
	fi
	check "$object can panic" "$found"
done

# Rust's own names are mangled (_R…); the rest is meant for C.
undeclared=$("$NM" --defined-only -g "$KOUT/arch/arm64/kvm/rust/kvm_arm64.o" |
	awk '$2 ~ /^[TDBRW]$/ && $3 !~ /^(_R|__|_ZN)/ { print $3 }' |
	while read -r symbol; do
		grep -qE "\b$symbol\(" "$HEADER" || echo "$symbol"
	done)
check "not declared in include/kvm/arm_rust.h" "$undeclared"

count objgate "$passed" "$failed" 0
note "$passed passed, $failed failed"
((failed == 0))
