#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/test-host.sh
#
# The core crate's tests, with Debian's cargo.

. "$(dirname "$0")/lib.sh"

out_dir
log=$LOGS/test-host.log
rc=0
logged "$log" debian_cargo cargo test --no-fail-fast \
	--manifest-path "$ROOT/rust/kvm_abi/Cargo.toml" || rc=$?
read -r passed failed ignored < <(awk '
	/^test result:/ { p += $4; f += $6; i += $8 }
	END { print p + 0, f + 0, i + 0 }' "$log")
# No result line: it did not compile, which is a failure of its own.
((rc == 0 || failed)) || failed=1
count test-host "$passed" "$failed" "$ignored"
note "$passed passed, $failed failed, $ignored skipped; log: $log"
exit "$rc"
