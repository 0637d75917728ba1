#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/docs.sh [architecture|results|bench|matrix|vmm]...
#
# Write the parts of README.md and docs/ that are made from something else: the
# drawing from docs/architecture.dot, the tables from the last `make run ALL=1` and
# the last `make bench` of this clone, docs/matrix.md from the last `make matrix`,
# docs/matrix-vmms.md from the last `make vmm`. A run that left something out, or
# failed, is not shown. Without a name: all parts for which there is such a run.

. "$(dirname "$0")/lib.sh"

[[ $CONFIG == base ]] || die "CONFIG=$CONFIG: the pages show the base kernel"
cd "$ROOT/scripts"
clean_env /usr/bin/python3 -B -W error -m docs "$ROOT" "$RESULTS" "$@"
