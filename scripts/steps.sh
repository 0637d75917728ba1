#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/steps.sh GOAL
#        scripts/steps.sh --only STEP
#
# Run the steps of a goal of the Makefile, or one step alone: scripts/driver, a Python
# program, which lists and describes the steps. It gets the variables and the paths from
# here. Where there is no Python yet, the first step brings it.

. "$(dirname "$0")/lib.sh"

PYTHON=/usr/bin/python3
[[ -x $PYTHON ]] || (
	out_dir
	lock "$OUT/lock"
	note "installing the tools first, as the driver needs Python"
	"$ROOT/scripts/setup.sh" || { count setup 0 1 0; exit 1; }
)

BASE_VERSION=$(pinned Version)
export OUT CACHE DEBIAN_TREE BASE_VERSION BUSYBOX KSELFTEST WITHOUT
cd "$ROOT/scripts"
exec "$PYTHON" -B -m driver "$@"
