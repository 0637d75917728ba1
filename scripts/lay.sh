#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/lay.sh
#
# Make $O/linux: a copy of the pristine tree with the payload and the patches on
# it. All is put together apart and compared by content, so that a file that did
# not change keeps its time and kbuild rebuilds only what did; and a patch that
# does not apply leaves the tree as it was. The pristine tree is only read.

. "$(dirname "$0")/lib.sh"
. "$ROOT/scripts/overlay.sh"

out_dir
base=$(base_tree)
identity="$base $(tree_version "$base")"
manifest=$STATE/laid		# every path that was ever laid in this tree

stage=
fresh_tmp stage "$OUT/stage"
mkdir "$stage"
series >/dev/null
stage_payload "$stage"
stage_patches "$stage"

# Another base has older files in it than the objects that are built: nothing
# of what was made from the last one can be kept. ccache has the rest.
if [[ ! -d $TREE || $(cat "$STATE/base" 2>/dev/null) != "$identity" ]]; then
	rm -f "$STATE/base"
	rm -rf "$TREE" "$manifest" "$OUT"/kernel{,-*} "$OUT/lint" "$OUT/kselftest" "$OUT/series-build" "$KSELFTEST"
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
	# The user's tree may have changed; the laid files are none of its.
	touch "$manifest"
	sed 's|^|/|' "$manifest" | rsync -a --delete --exclude=/.git --exclude-from=- "$base/" "$TREE/" \
		>"$LOGS/copy.log"
fi

# Laid once and not any more: back to what the base has, by the same comparison.
touch "$manifest"
while read -r file; do
	[[ ! -e $stage/$file ]] || continue
	if [[ -e $base/$file ]]; then
		stage_base "$stage" "$file"
	else
		rm -f "$TREE/$file"
	fi
done <"$manifest"

# The manifest comes first: what is killed halfway is still known as laid.
(cd "$stage" && find . -type f -printf '%P\n') | sort -u - "$manifest" >"$manifest.tmp"
mv "$manifest.tmp" "$manifest"
changed=$(rsync -rpc --out-format='%n' "$stage/" "$TREE/" | grep -v '/$' || :)
if [[ -n $changed ]]; then
	note "$(wc -l <<<"$changed") files changed"
fi
