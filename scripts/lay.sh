#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/lay.sh
#
# Make $O/linux: a copy of the pristine tree with the payload and the patches. The
# files are staged elsewhere and copied only if their content changed: unchanged
# files keep their times, so kbuild rebuilds only what changed, and a patch that does
# not apply leaves the tree unchanged. The pristine tree is only read.

. "$(dirname "$0")/lib.sh"
. "$ROOT/scripts/overlay.sh"

out_dir
base=$(base_tree)
identity="$base $(tree_version "$base")"
manifest=$STATE/laid		# all paths ever laid in this tree

stage=
fresh_tmp stage "$OUT/stage"
mkdir "$stage"
series >/dev/null
stage_payload "$stage"
stage_patches "$stage"

# The files of another base may be older than the objects built from the previous
# one, so kbuild would keep stale objects: remove them all. ccache makes up for it.
if [[ ! -d $TREE || $(cat "$STATE/base" 2>/dev/null) != "$identity" ]]; then
	rm -f "$STATE/base"
	rm -rf "$TREE" "$manifest" "$OUT"/kernel{,-*} "$OUT/deb" "$OUT/lint" "$OUT/kselftest" "$OUT/series-build" "$KSELFTEST"
	tmp=
	fresh_tmp tmp "$TREE"
	need_space "$OUT" 2000 "a copy of the kernel source"
	note "copying $base"
	mkdir "$tmp"
	logged "$LOGS/copy.log" rsync -a --exclude=/.git "$base/" "$tmp/" ||
		die "the kernel source could not be copied to $OUT"
	mv -T "$tmp" "$TREE"
	printf '%s\n' "$identity" >"$STATE/base"
elif [[ -n $KERNEL_SRC ]]; then
	# The user's tree may have changed: copy it again, except for the laid files.
	touch "$manifest"
	sed 's|^|/|' "$manifest" | rsync -a --delete --exclude=/.git --exclude-from=- "$base/" "$TREE/" \
		>"$LOGS/copy.log"
fi

# Restore or remove the files that an earlier run laid and this one does not.
touch "$manifest"
while read -r file; do
	[[ ! -e $stage/$file ]] || continue
	if [[ -e $base/$file ]]; then
		stage_base "$stage" "$file"
	else
		rm -f "$TREE/$file"
	fi
done <"$manifest"

# Write the manifest first: if this is killed halfway, all laid files are still listed.
(cd "$stage" && find . -type f -printf '%P\n') | sort -u - "$manifest" >"$manifest.tmp"
mv "$manifest.tmp" "$manifest"
changed=$(rsync -rpc --out-format='%n' "$stage/" "$TREE/" | grep -v '/$' || :)
if [[ -n $changed ]]; then
	note "$(wc -l <<<"$changed") files changed"
fi
