#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/total.sh [--all|--debug]
#
# Add up the counts of the stages of `make test` (--all: also of `make lint`; --debug:
# of `make test-debug` alone), name what failed, print the sum in one line, and fail if a
# test failed, no test ran, or a stage's count is missing or is not three numbers.

. "$(dirname "$0")/lib.sh"

stages=(test-host fuzz-kvmfit objgate kunit judge vm matrix vmm)
[[ ${1:-} != --all ]] || stages+=(lint)
[[ ${1:-} != --debug ]] || stages=(debug/kunit debug/judge debug/vm)

# name_failed STAGE: name its tests that failed, with the boot and the reason, from its TAP.
name_failed()
{
	local tap=$RESULTS/$1.tap
	[[ $1 != vm && $1 != */vm ]] || tap=$RESULTS/${1%vm}results.tap
	echo "failed in $1"
	[[ ! -e $tap ]] || awk '
		/^# Subtest: / { boot = substr($0, 12) ": " }
		/^ *not ok / && !/ # (TODO|SKIP)/ { print "  " (/^ / ? boot : "") $0 }
		/^ *message: / { sub(/^ */, ""); print "    " $0 }' "$tap"
} >&2

mkdir -p "$RESULTS"
passed=0 failed=0 skipped=0 status=0
# Steps that broke have a count, too, under their own name.
while IFS= read -r stage; do
	[[ $stage != lint || " ${stages[*]} " == *" lint "* ]] || continue
	[[ $stage == debug* || ${1:-} != --debug ]] || continue
	if [[ ! -e $RESULTS/$stage.count ]]; then
		echo "$stage gave no count: it did not finish" >&2
		status=1
	elif [[ ! $(<"$RESULTS/$stage.count") =~ ^([0-9]+)\ ([0-9]+)\ ([0-9]+)$ ]]; then
		echo "$RESULTS/$stage.count is not three numbers" >&2
		status=1
	else
		passed=$((passed + BASH_REMATCH[1]))
		failed=$((failed + BASH_REMATCH[2]))
		skipped=$((skipped + BASH_REMATCH[3]))
		((BASH_REMATCH[2] == 0)) || name_failed "$stage"
	fi
done < <({ printf '%s\n' "${stages[@]}"
	find "$RESULTS" -name '*.count' -printf '%P\n' | sed 's/\.count$//'; } | sort -u)

echo "$passed passed, $failed failed, $skipped skipped${PART:+ (part: $PART)}"
((status == 0 && failed == 0 && passed > 0))
