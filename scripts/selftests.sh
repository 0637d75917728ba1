#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/selftests.sh
#
# Build the KVM selftests of $O/linux for arm64, statically, since the guest has
# no C library, and install them into $O/kselftest_install. What the documentation
# shows of C has to compile, too.

. "$(dirname "$0")/lib.sh"

EXAMPLES=$TREE/Documentation/virt/kvm/arm/rust-opt-in-migration.rst

# The code blocks of a page are the pieces of one file.
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
	# LDFLAGS through the environment: KVM's Makefile appends to it.
	# FORCE_TARGETS makes a test that does not build an error. With a base
	# directory ccache names what depends on a header otherwise than make does.
	clean_env env CCACHE_BASEDIR= LDFLAGS=-static make -C "$TREE/tools/testing/selftests" -j"$JOBS" \
		ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- CC="ccache aarch64-linux-gnu-gcc" \
		TARGETS=kvm FORCE_TARGETS=1 O="$OUT/kselftest" KSFT_INSTALL_PATH="$KSELFTEST" \
		KHDR_INCLUDES="-isystem $KOUT/usr/include" install
}

out_dir
mkdir -p "$OUT/kselftest"
logged "$LOGS/selftests.log" build ||
	die "the KVM selftests did not build; the whole log: $LOGS/selftests.log"
