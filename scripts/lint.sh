#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/lint.sh
#
# Everything that looks at the sources without running them. The base tree's own
# warnings are not ours: in a file that a patch changes only added lines count.
# Needs $O/linux; builds with warnings in $O/lint, apart from the kernel.

. "$(dirname "$0")/lib.sh"
. "$ROOT/scripts/overlay.sh"
. "$ROOT/scripts/config.sh"

LINT=$OUT/lint
# sparse 0.6.4 does not know __typeof_unqual__; for its checks they are the same.
CHECK_FLAGS='-D__CHECK_ENDIAN__ -D__typeof_unqual__=__typeof__'
passed=0 failed=0

# check WHAT COMMAND...
check()
{
	local what=$1
	shift
	if "$@"; then
		passed=$((passed + 1))
		note "ok      $what"
	else
		failed=$((failed + 1))
		note "FAILED  $what"
	fi
}

repo_files()
{
	(cd "$ROOT" && { our_git ls-files -co --exclude-standard 2>/dev/null ||
		find . -type f -printf '%P\n'; }) | sort -u | while read -r file; do
		[[ ! -f $ROOT/$file ]] || printf '%s\n' "$file"
	done
}

rustfmt_check()
{
	local files
	mapfile -t files < <(repo_files | grep '\.rs$')
	(cd "$ROOT" && clean_env /usr/bin/rustfmt --check --config-path "$TREE/.rustfmt.toml" "${files[@]}")
}

core_clippy()
{
	logged "$LOGS/clippy.log" debian_cargo cargo-clippy clippy --all-targets \
		--manifest-path "$ROOT/rust/kvm_abi/Cargo.toml" -- -D warnings
}

fuzz_clippy()
{
	CXX=/usr/bin/clang++-22 logged "$LOGS/clippy-fuzz.log" debian_cargo cargo-clippy-fuzz clippy \
		--all-targets --all-features --manifest-path "$ROOT/rust/kvm_abi/fuzz/Cargo.toml" -- -D warnings
}

model_clippy()
{
	logged "$LOGS/clippy-model.log" debian_cargo cargo-clippy-model clippy --all-targets \
		--manifest-path "$ROOT/rust/kvm_abi/model/Cargo.toml" -- -D warnings
}

shell_check()
{
	local files
	mapfile -t files < <(cd "$ROOT" && repo_files | while read -r file; do
		! head -n1 "$file" | grep -qE '^#!.*\b(ba)?sh\b|^# shellcheck shell' &&
			[[ $file != *.sh ]] || echo "$file"
	done)
	(cd "$ROOT" && /usr/bin/shellcheck "${files[@]}")
}

python_check()
{
	local files
	mapfile -t files < <(repo_files | grep '\.py$')
	((${#files[@]} == 0)) ||
		(cd "$ROOT" && PYTHONPYCACHEPREFIX=$LINT/pycache /usr/bin/python3 -W error -m py_compile "${files[@]}")
}

series_listed()
{
	local wrong
	wrong=$(diff <(series | sort) <(cd "$PATCHES" && find . -name '*.patch' -printf '%P\n' | sort) |
		sed -n 's/^< /not there: /p; s/^> /not in the series: /p')
	[[ -z $wrong ]] || { printf '%s\n' "$wrong" >&2; return 1; }
}

# added FILE: the numbers of its lines that are not the base's.
added()
{
	diff --old-line-format= --unchanged-line-format= --new-line-format='%dn
' "$(base_tree)/$1" "$TREE/$1" || :
}

# ours LOG: print the warnings of a log that are about our files or lines. Their
# place is in the line itself (C, sparse, sphinx) or in one after it (rustc).
ours()
{
	local file
	(cd "$stage" && find . -type f -printf '%P\n') | while read -r file; do
		if [[ -e $(base_tree)/$file ]]; then
			added "$file" | sed "s|^|$file:|"
		else
			echo "$file:"
		fi
	done | awk -v tree="$TREE/" '
		FNR == NR { ours[$0]; next }
		{ gsub(tree, ""); gsub(/\.\.\/linux\//, "") }
		/^(warning|error)(\[|:)/ { message = $0 }
		/([Ww]arning|WARNING|[Ee]rror|ERROR):?|^ *--> / {
			if (!match($0, /[A-Za-z0-9_.\/-]+:[0-9]+/)) next
			place = substr($0, RSTART, RLENGTH)
			file = place; sub(/:[0-9]+$/, ":", file)
			if (!(place in ours || file in ours)) next
			print ($0 ~ /^ *-->/ ? message : "") $0
		}' - "$1" | sort -u
}

# kernel_warnings: clippy, W=1 and sparse over our objects, and those only.
kernel_warnings()
{
	local objects=() file log=$LOGS/lint-kernel.log warnings
	configure "$TREE" "$LINT" || return
	while read -r file; do
		case $file in
		rust/*)			;;	# by way of `prepare`
		*/rust/*.rs)		;;	# modules of the crate below
		arch/*.c)			# not what another file includes
			grep -rqE "^#include \"([^\"]*/)?${file##*/}\"" "$stage" ||
				objects+=("${file%.c}.o") ;;
		esac
	done < <(cd "$stage" && find . -type f -printf '%P\n')
	objects+=(arch/arm64/kvm/rust/kvm_arm64.o)
	# A warning is printed only when the object is made.
	(cd "$LINT" && rm -f "${objects[@]}" rust/kernel.o rust/libkernel.rmeta rust/kvm_abi.o rust/helpers/helpers.o)
	logged "$log" kbuild "$TREE" "$LINT" CLIPPY=1 W=1 C=2 CF="$CHECK_FLAGS" prepare "${objects[@]}" || return
	# kbuild goes on without a checker that it does not like.
	grep -qE '^ *CHECK ' "$log" || { echo "sparse did not run: see $log" >&2; return 1; }
	warnings=$(ours "$log")
	[[ -z $warnings ]] || { printf '%s\n' "$warnings" >&2; return 1; }
}

htmldocs()
{
	local log=$LOGS/htmldocs.log warnings
	# Sphinx says something about a page only when it reads it.
	rm -rf "$LINT/Documentation/output"
	logged "$log" kbuild "$TREE" "$LINT" htmldocs SPHINXDIRS=virt/kvm || return
	warnings=$(ours "$log")
	[[ -z $warnings ]] || { printf '%s\n' "$warnings" >&2; return 1; }
}

out_dir
mkdir -p "$LINT"
stage=
fresh_tmp stage "$OUT/stage-lint"
mkdir "$stage"
stage_payload "$stage"
stage_patches "$stage"

check "shellcheck" shell_check
check "python compiles" python_check
check "rustfmt" rustfmt_check
check "clippy of the core crate" core_clippy
check "clippy of the fuzz targets" fuzz_clippy
check "clippy of the model" model_clippy
check "clippy of the benchmark's plugin" "$ROOT/scripts/bench.sh" lint-plugin
check "every patch is in the series" series_listed
check "checkpatch --strict, git am" "$ROOT/scripts/series.sh"
check "documentation" htmldocs
check "clippy, W=1 and sparse in the kernel" kernel_warnings

count lint "$passed" "$failed" 0
((failed == 0))
