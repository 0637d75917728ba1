#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/selftests.sh
#
# Build the KVM selftests of $O/linux and install them into $O/kselftest_install. The C examples of the
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
	kselftests "$TREE" "$KOUT" "$OUT/kselftest" KSFT_INSTALL_PATH="$KSELFTEST" install
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
if [[ -f $STAMP && -f $KSELFTEST/kselftest-list.txt && $(<"$STAMP") == "$(inputs_and_result)" ]]; then
	note "nothing changed"
	exit
fi
rm -f "$STAMP"
logged "$LOGS/selftests.log" build ||
	die "the KVM selftests did not build; the whole log: $LOGS/selftests.log"
inputs_and_result >"$STAMP"
