#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/lint.sh
#
# All static checks. Warnings of the base tree are ignored: in a file that a patch
# changes, only the added lines count. Needs $O/linux; builds with warnings enabled
# in $O/lint, apart from the kernel.

. "$(dirname "$0")/lib.sh"
. "$ROOT/scripts/overlay.sh"
. "$ROOT/scripts/config.sh"

LINT=$OUT/lint
PLANTED=$LINT/planted
# sparse 0.6.4 lacks __typeof_unqual__; for its checks __typeof__ does as well.
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

# refuses WORD COMMAND...: check that the command fails on the planted mistake and
# prints WORD; otherwise its success on the sources would prove nothing.
refuses()
{
	local word=$1 said
	shift
	if said=$("$@" 2>&1) || [[ $said != *"$word"* ]]; then
		printf '%s\n' "$said" "$1 does not report the planted mistake ($word)" >&2
		return 1
	fi
}

# named PATTERN: set `files` to the files whose names match; fail if there are none.
named()
{
	mapfile -t files < <(repo_files | grep "$1")
	((${#files[@]})) || { echo "no file matches $1" >&2; return 1; }
}

# Write a mistake for each of the tools below, which they must report.
plant()
{
	rm -rf "$PLANTED"
	mkdir -p "$PLANTED/src"
	# shellcheck disable=SC2016 # the mistake that is planted
	printf '#!/bin/sh\nrm $1\n' >"$PLANTED/planted.sh"
	printf 'pub  fn planted() {}\n' >"$PLANTED/planted.rs"
	printf 'PLANTED = "\\d"\n' >"$PLANTED/planted.py"
	printf '[package]\nname = "planted"\nversion = "0.0.0"\nedition = "2021"\nlicense = "0BSD"\n[workspace]\n' >"$PLANTED/Cargo.toml"
	printf 'version = 4\n\n[[package]]\nname = "planted"\nversion = "0.0.0"\n' >"$PLANTED/Cargo.lock"
	printf '[planted](nowhere.md)\n' >"$PLANTED/planted.md"
	printf 'pub fn planted(a: u32) -> u32 {\n    return a;\n}\n' >"$PLANTED/src/lib.rs"
}

# kvmfit does not go into the kernel, and has a style of its own.
rustfmt_check()
{
	local file files ours=() kvmfit=() rustfmt=(clean_env /usr/bin/rustfmt --check --config-path)
	refuses "Diff in" "${rustfmt[@]}" "$TREE/.rustfmt.toml" "$PLANTED/planted.rs" || return
	named '\.rs$' || return
	for file in "${files[@]}"; do
		if [[ $file == tools/kvmfit/* ]]; then
			kvmfit+=("$ROOT/$file")
		else
			ours+=("$ROOT/$file")
		fi
	done
	"${rustfmt[@]}" "$TREE/.rustfmt.toml" "${ours[@]}" || return
	"${rustfmt[@]}" "$ROOT/tools/kvmfit/rustfmt.toml" "${kvmfit[@]}"
}

# clippy NAME MANIFEST ARGS...
clippy()
{
	local name=$1 manifest=$2
	shift 2
	debian_cargo "cargo-$name" clippy --all-targets "$@" --manifest-path "$manifest" -- -D warnings
}

planted_clippy()
{
	refuses needless_return clippy clippy-planted "$PLANTED/Cargo.toml"
}

core_clippy()
{
	logged "$LOGS/clippy.log" clippy clippy "$ROOT/rust/kvm_abi/Cargo.toml"
}

fuzz_clippy()
{
	CXX=/usr/bin/clang++-22 logged "$LOGS/clippy-fuzz.log" clippy clippy-fuzz \
		"$ROOT/rust/kvm_abi/fuzz/Cargo.toml" --all-features
}

model_clippy()
{
	logged "$LOGS/clippy-model.log" clippy clippy-model "$ROOT/rust/kvm_abi/model/Cargo.toml"
}

kvmfit_clippy()
{
	logged "$LOGS/clippy-kvmfit.log" clippy clippy-kvmfit "$ROOT/tools/kvmfit/Cargo.toml" --workspace || return
	CXX=/usr/bin/clang++-22 logged "$LOGS/clippy-kvmfit-fuzz.log" clippy clippy-kvmfit-fuzz \
		"$ROOT/tools/kvmfit/fuzz/Cargo.toml" --all-features || return
	# What asks /dev/kvm is there on arm64 only.
	CRATE_FLAGS=$(arm64_flags) logged "$LOGS/clippy-kvmfit-arm64.log" clippy clippy-kvmfit \
		"$ROOT/tools/kvmfit/Cargo.toml" --target "$ARM64" --package kvmfit-host --package kvmfit-vmm
}

# deny DIRECTORY LOG WHAT...: cargo-deny on the crates of DIRECTORY that this machine or
# arm64 needs; `make setup` has fetched no others. Advisories take the network:
# tools/kvmfit/README.md.
deny()
{
	local manifest=$1/Cargo.toml log=$2 metadata=$LINT/metadata.json
	shift 2
	[[ -x $CARGO_DENY ]] || { echo "cargo-deny is not installed: run 'make setup'" >&2; return 1; }
	debian_cargo cargo-kvmfit metadata --format-version 1 --all-features \
		--filter-platform x86_64-unknown-linux-gnu --filter-platform "$ARM64" \
		--manifest-path "$manifest" >"$metadata" || return
	logged "$log" clean_env env ${CARGO_HOME:+"CARGO_HOME=$CARGO_HOME"} CARGO_NET_OFFLINE=true \
		"$CARGO_DENY" --offline --locked --manifest-path "$manifest" --metadata-path "$metadata" \
		--config "$ROOT/tools/kvmfit/deny.toml" check "$@"
}

kvmfit_crates()
{
	local log=$LOGS/deny.log
	refuses "failed to satisfy license requirements" deny "$PLANTED" "$log" licenses || return
	deny "$ROOT/tools/kvmfit" "$log" licenses bans sources || return
	# Nobody gets libFuzzer with kvmfit.
	deny "$ROOT/tools/kvmfit/fuzz" "$LOGS/deny-fuzz.log" bans sources
}

shell_check()
{
	local files
	refuses SC2086 /usr/bin/shellcheck "$PLANTED/planted.sh" || return
	mapfile -t files < <(cd "$ROOT" && repo_files | while read -r file; do
		! head -n1 "$file" | grep -qE '^#!.*\b(ba)?sh\b|^# shellcheck shell' &&
			[[ $file != *.sh ]] || echo "$file"
	done)
	((${#files[@]})) || { echo "no shell scripts were found" >&2; return 1; }
	(cd "$ROOT" && /usr/bin/shellcheck "${files[@]}")
}

python_check()
{
	local files compile=(env "PYTHONPYCACHEPREFIX=$LINT/pycache" /usr/bin/python3 -W error -m py_compile)
	refuses "invalid escape sequence" "${compile[@]}" "$PLANTED/planted.py" || return
	named '\.py$' || return
	(cd "$ROOT" && "${compile[@]}" "${files[@]}")
}

python()
{
	(cd "$ROOT/scripts" && clean_env /usr/bin/python3 -B -W error -m "$@")
}

# licences: every file names its licence, by itself or in REUSE.toml, and the text of
# each is in LICENSES. The kernel's files say GPL-2.0, a name that SPDX has replaced by
# GPL-2.0-only: in the copy that is checked they say that.
licences()
{
	local copy=$LINT/licences
	local lint=(clean_env "${REUSE[@]}" --root "$copy" lint --lines)
	[[ -x ${REUSE[0]} ]] || { echo "reuse is not installed: run 'make setup'" >&2; return 1; }
	rm -rf "$copy"
	mkdir "$copy"
	repo_files | rsync -L --files-from=- "$ROOT/" "$copy/" || return
	{ grep -rlZE 'License-Identifier: GPL-2\.0( |$)' "$copy" || :; } |
		xargs -0r sed -Ei 's/(License-Identifier: GPL-2\.0)( |$)/\1-only\2/' || return
	cp "$PLANTED/src/lib.rs" "$copy/scripts/planted.rs"
	refuses "planted.rs: no license identifier" "${lint[@]}" || return
	rm "$copy/scripts/planted.rs"
	"${lint[@]}"
}

# maintainers: the kernel's get_maintainer.pl finds every laid file by our MAINTAINERS.
maintainers()
{
	local dir=$LINT/maintainers script what
	script=$(base_tree)/scripts/get_maintainer.pl
	rm -rf "$dir"
	mkdir -p "$dir"/{planted/drivers,laid}
	cp "$PLANTED/src/lib.rs" "$dir/planted/drivers/planted.rs"
	for what in "drivers/planted.rs: MAINTAINERS has no pattern" "no file matches"; do
		refuses "$what" python lint.maintained "$dir/planted" "$script" "$ROOT/MAINTAINERS" || return
	done
	stage_payload "$dir/laid"
	python lint.maintained "$dir/laid" "$script" "$ROOT/MAINTAINERS"
}

# pages: their links lead somewhere.
pages()
{
	local files
	refuses "no such file" python lint.links "$PLANTED" planted.md || return
	named '\.md$' || return
	python lint.links "$ROOT" "${files[@]}"
}

# names: what the kernel's pages name is there.
names()
{
	local page=Documentation/virt/kvm/arm/rust.rst copy=$LINT/names
	rm -rf "$copy"
	mkdir -p "$copy/${page%/*}"
	sed "s/kvm_arm_set_reg()/kvm_arm_planted()/" "$stage/$page" >"$copy/$page"
	refuses kvm_arm_planted python lint.names "$ROOT" "$copy" "$TREE" || return
	python lint.names "$ROOT" "$stage" "$TREE"
}

# unsafety: how much of the Rust is unsafe, and that the documentation says so.
unsafety()
{
	mkdir -p "$PLANTED/Documentation/virt/kvm/arm"
	: >"$PLANTED/Documentation/virt/kvm/arm/rust.rst"
	refuses "lacks the row" python lint.unsafe "$PLANTED" || return
	python lint.unsafe "$ROOT"
}

# drawing: docs/architecture.svg is what its source says.
drawing()
{
	cp "$ROOT"/docs/architecture.{dot,svg} "$PLANTED"
	echo >>"$PLANTED/architecture.dot"
	refuses "has changed since" python docs.drawing "$PLANTED" || return
	python docs.drawing "$ROOT/docs"
}

series_listed()
{
	local wrong
	wrong=$(diff <(series | sort) <(cd "$PATCHES" && find . -path ./fixes -prune -o -name '*.patch' -printf '%P\n' | sort) |
		sed -n 's/^< /in the series file, but missing: /p; s/^> /not in the series file: /p')
	[[ -z $wrong ]] || { printf '%s\n' "$wrong" >&2; return 1; }
}

# fixes_laid_apply: the fixes of the base's bugs apply after the series. Each that is
# in laid/ is there instead of one for the base.
fixes_laid_apply()
{
	local dir='' wrong
	wrong=$(comm -13 <(fixes | sed 's|.*/||') <(cd "$PATCHES/fixes/laid" && ls))
	[[ -z $wrong ]] || { echo "not a fix of the base: fixes/laid/$wrong" >&2; return 1; }
	fresh_tmp dir "$OUT/stage-fixes"
	mkdir "$dir"
	stage_payload "$dir"
	(FIXES=1 && stage_patches "$dir")
}

# ours LOG [FILE:WHAT...]: print the warnings of a log about our files or lines, and
# each FILE without a line WHAT in the log; fail if it prints anything.
ours()
{
	local log=$1
	shift
	python lint.ours "$stage" "$(base_tree)" "$TREE" "$log" "$@" >&2 ||
		{ echo "the whole log: $log" >&2; return 1; }
}

# kernel_warnings: clippy, W=1 and sparse, only on our objects.
kernel_warnings()
{
	local objects=() seen=() file log=$LOGS/lint-kernel.log
	configure "$TREE" "$LINT" || return
	while read -r file; do
		case $file in
		rust/*)			;;	# built by `prepare`
		*/rust/*.rs)		;;	# modules of the crate below
		arch/*.c)			# except what another file includes
			grep -rqE "^#include \"([^\"]*/)?${file##*/}\"" "$stage" && continue
			objects+=("${file%.c}.o") seen+=("$file:CHECK") ;;
		esac
	done < <(cd "$stage" && find . -type f -printf '%P\n')
	objects+=(arch/arm64/kvm/rust/kvm_arm64.o)
	seen+=({arch/arm64/kvm/rust/kvm_arm64,rust/kvm_abi,rust/kernel}.o:CLIPPY)
	# Warnings are printed only when an object is built.
	(cd "$LINT" && rm -f "${objects[@]}" rust/kernel.o rust/libkernel.rmeta rust/kvm_abi.o rust/helpers/helpers.o)
	logged "$log" kbuild "$TREE" "$LINT" CLIPPY=1 W=1 C=2 CF="$CHECK_FLAGS" prepare "${objects[@]}" || return
	ours "$log" "${seen[@]}"
}

# rust_analyzer: it knows the core and the exports. After kernel_warnings.
rust_analyzer()
{
	local crate project=$LINT/rust-project.json
	rm -f "$project"
	logged "$LOGS/rust-analyzer.log" kbuild "$TREE" "$LINT" rust-analyzer || return
	for crate in kvm_abi kvm_arm64; do
		grep -q "\"display_name\": \"$crate\"" "$project" ||
			{ echo "rust-project.json has no crate $crate" >&2; return 1; }
	done
}

# rust_test: the kernel's own tests of its Rust code compile, with the abstractions, and
# pass, and the examples of the core are among them. After kernel_warnings.
rust_test()
{
	local log=$LOGS/rusttest.log
	logged "$log" kbuild "$TREE" "$LINT" rusttest || return
	awk '/^ *RUSTDOC T / { core = /kvm_abi/ }
	     core && /^test result: ok\. [1-9]/ { found = 1 }
	     END { exit !found }' "$log" ||
		{ echo "rusttest has run no example of kvm_abi: see $log" >&2; return 1; }
}

# rust_doc: rustdoc makes pages of the core and the abstractions. After kernel_warnings.
rust_doc()
{
	local log=$LOGS/rustdoc.log page html=$LINT/Documentation/output/rust/rustdoc
	rm -rf "$html"
	logged "$log" kbuild "$TREE" "$LINT" rustdoc || return
	for page in kvm_abi/enum.FwReg kernel/kvm/struct.Vm; do
		[[ -f $html/$page.html ]] || { echo "rustdoc made no $page.html: see $log" >&2; return 1; }
	done
	ours "$log"
}

# tied: C that serves more than the core knows does not compile. After kernel_warnings.
tied()
{
	python lint.ties "$TREE" "$LINT"
}

# unchanged: without the option, the C code that the patches change is the base's. With
# it, which an empty header leaves, it is not. After kernel_warnings.
unchanged()
{
	local off=$LINT/off.h
	local compare=(python lint.off "$stage" "$(base_tree)" "$TREE" "$LINT")
	: >"$LINT/on.h"
	refuses "kvm_psci_vcpu_on_watched: only with the patches" \
		"${compare[@]}" "$LINT/on.h" arch/arm64/kvm/psci.c || return
	printf '#undef CONFIG_%s\n' KVM_ARM64_RUST KVM_ARM64_RUST_KUNIT_TEST >"$off"
	"${compare[@]}" "$off"
}

htmldocs()
{
	local log=$LOGS/htmldocs.log page html=$LINT/Documentation/output
	# Sphinx reports warnings only for pages that it reads.
	rm -rf "$html"
	logged "$log" kbuild "$TREE" "$LINT" htmldocs SPHINXDIRS=virt/kvm || return
	while read -r page; do
		page=${page#Documentation/} page=${page%.rst}.html
		[[ -n $(find "$html" -path "*/${page#virt/kvm/}") ]] || { echo "htmldocs made no page $page: see $log" >&2; return 1; }
	done < <(cd "$stage" && find Documentation -name '*.rst')
	ours "$log"
}

out_dir
mkdir -p "$LINT"
stage=
fresh_tmp stage "$OUT/stage-lint"
mkdir "$stage"
stage_payload "$stage"
stage_patches "$stage"

plant

check "shellcheck" shell_check
check "python compiles" python_check
check "licences" licences
check "MAINTAINERS" maintainers
check "links of the pages" pages
check "names on the kernel's pages" names
check "drawing of the architecture" drawing
check "unsafe blocks" unsafety
check "rustfmt" rustfmt_check
check "clippy on a planted mistake" planted_clippy
check "clippy on the core crate" core_clippy
check "clippy on the fuzz targets" fuzz_clippy
check "clippy on the model" model_clippy
check "clippy on kvmfit" kvmfit_clippy
check "cargo-deny on kvmfit" kvmfit_crates
check "oldest compiler of kvmfit" "$ROOT/scripts/lint/msrv.sh"
check "clippy on the benchmark's plugin" "$ROOT/scripts/bench.sh" lint-plugin
check "every patch is in the series" series_listed
check "checkpatch --strict, git am" "$ROOT/scripts/series.sh"
check "selftests alone: git am" env ONLY=selftests "$ROOT/scripts/series.sh" --apply-only
check "fixes of the base: checkpatch --strict, git am" env ONLY=fixes "$ROOT/scripts/series.sh"
check "fixes of the base apply to the overlay" fixes_laid_apply
check "planted mutants apply" python mutants.check "$ROOT" "$TREE"
check "documentation" htmldocs
check "clippy, W=1 and sparse in the kernel" kernel_warnings
check "rust-analyzer" rust_analyzer
check "rusttest" rust_test
check "rustdoc" rust_doc
check "C that the core does not know" tied
check "C without the option" unchanged

count lint "$passed" "$failed" 0
((failed == 0))
