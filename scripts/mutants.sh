#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/mutants.sh
#
# Mutation tests: put one bug at a time into a copy of this repository, and check that
# a test finds each. TESTS= selects mutants: M1, X7 (scripts/mutants/planted), a file
# of the core such as field.rs, `core` or `planted`. Everything is built in $O/mutants;
# a run repairs what a killed one left there.

. "$(dirname "$0")/lib.sh"
. "$ROOT/scripts/overlay.sh"

VERSION=27.1.0
TOOL=$CACHE/cargo-mutants
WORK=$OUT/mutants

cargo_mutants()
{
	local tmp
	[[ $("$TOOL/bin/cargo-mutants" mutants --version 2>/dev/null) != "cargo-mutants $VERSION" ]] || return 0
	fresh_tmp tmp "$TOOL"
	note "building cargo-mutants $VERSION (some minutes, once) … log: $LOGS/cargo-mutants.log"
	logged "$LOGS/cargo-mutants.log" debian_cargo cargo-mutants install \
		--version "$VERSION" --root "$tmp" cargo-mutants ||
		die "cargo-mutants could not be built; by hand: cargo install --locked --version $VERSION --root $TOOL cargo-mutants"
	rm -rf "$TOOL"
	mv -T "$tmp" "$TOOL"
	rm -rf "$OUT/cargo-mutants"
}

# Copy the sources now, so that edits during the run have no effect.
pristine()
{
	local files
	fresh_tmp files "$WORK/files"
	mkdir -p "$WORK"
	(cd "$ROOT" && { our_git ls-files -co --exclude-standard 2>/dev/null ||
		find . -type f -printf '%P\n'; }) | sort -u | while read -r file; do
		[[ ! -e $ROOT/$file ]] || printf '%s\n' "$file"
	done >"$files"
	rm -rf "$WORK/pristine"
	mkdir "$WORK/pristine"
	rsync -a --files-from="$files" "$ROOT/" "$WORK/pristine/"
}

out_dir
# A separate lock, held only for this: no other clone has to wait for the mutants.
(trap on_exit EXIT; lock "$TOOL.lock"; cargo_mutants)
pristine
# The environment of debian_cargo, for all tools that they call.
cd "$ROOT/scripts"
cargo_env env -u CARGO_ENCODED_RUSTFLAGS CARGO_NET_OFFLINE=true \
	PATH="$TOOL/bin:/usr/bin:/bin:/usr/sbin:/sbin" PYTHONDONTWRITEBYTECODE=1 \
	/usr/bin/python3 -B -m mutants --pristine "$WORK/pristine" --work "$WORK" \
	--busybox "$BUSYBOX" --base "$KERNEL_SRC" --out "$RESULTS" --tests "$TESTS"
