#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/selftests.sh
#
# Build the KVM selftests of $O/linux and install them into $O/kselftest_install. Does
# nothing if neither the sources nor the result changed since the last time.

. "$(dirname "$0")/lib.sh"

build()
{
	kbuild "$TREE" "$KOUT" headers || return
	kselftests "$TREE" "$KOUT" "$OUT/kselftest" KSFT_INSTALL_PATH="$KSELFTEST" install
}

STAMP=$STATE/selftests

# Changed files show in their size or time, removed ones in the list.
inputs_and_result()
{
	{
		find "$TREE/tools" "$TREE/include/uapi" "$TREE/arch/arm64/include/uapi" \
			"$TREE/arch/arm64/tools" "$TREE/scripts/headers_install.sh" \
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
