#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/selftests.sh
#
# Build the KVM selftests of $O/linux for arm64 (statically, since the guest has no C
# library) and install them into $O/kselftest_install. The C examples of the
# documentation must compile, too. Does nothing if neither the sources nor the result
# changed since the last time.

. "$(dirname "$0")/lib.sh"

EXAMPLES=$TREE/Documentation/virt/kvm/arm/rust-opt-in-migration.rst

# The code blocks of the page form one file.
examples()
{
	awk '/^\.\. code-block:: c$/ { c = 1; next } /^[^ ]/ { c = 0 } c' "$EXAMPLES" |
		clean_env aarch64-linux-gnu-gcc -std=gnu11 -Wall -Wextra -Werror \
			-Wno-unused-function -isystem "$KOUT/usr/include" -fsyntax-only -x c -
}

build()
{
	kbuild "$TREE" "$KOUT" headers || return
	examples || return
	# LDFLAGS comes from the environment, since KVM's Makefile appends to it.
	# FORCE_TARGETS makes a test that does not build an error. CCACHE_BASEDIR is
	# empty: with it, ccache would write paths into dependency files that make does
	# not use.
	clean_env env CCACHE_BASEDIR= LDFLAGS=-static make -C "$TREE/tools/testing/selftests" -j"$JOBS" \
		ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- CC="ccache aarch64-linux-gnu-gcc" \
		TARGETS=kvm FORCE_TARGETS=1 O="$OUT/kselftest" KSFT_INSTALL_PATH="$KSELFTEST" \
		KHDR_INCLUDES="-isystem $KOUT/usr/include" install
}

STAMP=$STATE/selftests

# Changed files show in their size or time, removed ones in the list.
inputs_and_result()
{
	{
		find "$TREE/tools" "$TREE/include/uapi" "$TREE/arch/arm64/include/uapi" \
			"$TREE/arch/arm64/tools" "$TREE/scripts/headers_install.sh" "$EXAMPLES" \
			"$ROOT/scripts/selftests.sh" "$KOUT/usr/include" "$KSELFTEST" \
			-type f -printf '%p %s %T@\n' 2>/dev/null | sort
		aarch64-linux-gnu-gcc --version
	} | sha256sum
}

out_dir
mkdir -p "$OUT/kselftest"
if [[ -f $STAMP && -f $KSELFTEST/kselftest-list.txt && $(<"$STAMP") == "$(inputs_and_result)" ]]; then
	note "nothing changed"
	exit
fi
rm -f "$STAMP"
logged "$LOGS/selftests.log" build ||
	die "the KVM selftests did not build; the whole log: $LOGS/selftests.log"
inputs_and_result >"$STAMP"
