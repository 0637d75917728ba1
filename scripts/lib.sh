# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Common to the driver's scripts: `. "$(dirname "$0")/lib.sh"`.
# Messages, logged commands, locks, and the one way in which kbuild is called.

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

# What an interrupted or failed script takes with it.
TICKER='' TEMPORARY=()
on_exit()
{
	[[ -z $TICKER ]] || kill "$TICKER" 2>/dev/null || :
	[[ ${#TEMPORARY[@]} -eq 0 ]] || rm -rf "${TEMPORARY[@]}"
}
trap on_exit EXIT

# A script that another one calls leaves the word to that one.
[[ -n ${CALLED:-} ]] || trap 'interrupted' INT
export CALLED=y
interrupted()
{
	echo "$(basename "$0"): interrupted; what is complete stays, and the same command goes on from there" >&2
	on_exit
	trap - EXIT INT
	kill -INT "$$"
}

# fresh_tmp VAR PATH: set VAR to an unused name beside PATH, to be renamed to it
# once complete. Nothing trusts such a name, so that a script may be killed at
# any point; what a killed one left is removed here (the caller holds the lock).
fresh_tmp()
{
	local -n name=$1
	mkdir -p "$(dirname "$2")"
	rm -rf "$2".tmp.*
	# shellcheck disable=SC2034 # set for the caller
	name=$2.tmp.$$
	TEMPORARY+=("$name")
}

# lock FILE: held until the caller exits; descriptor 9 is closed for children
# that may outlive us.
lock()
{
	mkdir -p "$(dirname "$1")"
	exec 9>"$1"
	flock -n 9 && return
	note "another make holds $1, waiting for it"
	flock 9
}

# out_dir: create $OUT with the mark by which it is known as ours.
out_dir()
{
	mkdir -p "$OUT" "$LOGS" "$STATE" "$RESULTS"
	: >>"$OUT/.kvm-arm64-rust"
}

# need_space DIR MIB WHAT: whether it fits on the disk, before it fills up.
need_space()
{
	local dir=$1 free
	while [[ ! -d $dir ]]; do dir=$(dirname "$dir"); done
	free=$(df --output=avail -BM -- "$dir" | tail -n1)
	((${free//[!0-9]/} >= $2)) ||
		die "$1 has room for ${free//[!0-9]/} MiB, and $3 takes $2; make room, or choose another place with O= or XDG_CACHE_HOME"
}

# logged LOG COMMAND...: run it with its output in LOG; say every half minute
# where it is, and on failure show the end of the log.
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
			# Our parent may have been killed without a word.
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

# count STAGE PASSED FAILED SKIPPED: what `make test` adds up.
count()
{
	mkdir -p "$RESULTS"
	printf '%d %d %d\n' "$2" "$3" "$4" >"$RESULTS/$1.count"
}

# Debian's tools by their place: a toolchain of the user's that is earlier in
# PATH (rustup, for one) has another LLVM. Nothing of the user's environment
# gets in, so that two clones, and two users, build the same.
BINDGEN=$CACHE/bindgen/bin/bindgen
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

# kbuild TREE OUTPUT ARGS...: the kernel's make. HOSTCC is a file name to rustc,
# which links host tools with it: no ccache there.
kbuild()
{
	local tree=$1 output=$2
	shift 2
	clean_env make -C "$tree" O="$output" -j"$JOBS" ARCH=arm64 LLVM=-22 \
		CC="ccache clang-22" BINDGEN="$BINDGEN" "$@"
}

# cargo_env COMMAND...: run it with Debian's compiler and nothing else. It goes to
# the registry like any cargo, so that the user's proxy and such stay; what would
# change the compiler does not, neither from the environment nor, as far as
# a variable has priority over it, from a configuration file of the user's.
cargo_env()
{
	local name drop=()
	while read -r name; do
		case $name in
		CARGO_BUILD_*|CARGO_PROFILE_*|CARGO_TARGET_*|CARGO_UNSTABLE_*|CARGO_ALIAS_*|\
		CARGO_INCREMENTAL|CARGO_INSTALL_ROOT|RUSTC*|RUSTDOC*|RUSTFLAGS|__CARGO_*|\
		CC|AR|CFLAGS|CXXFLAGS|CPPFLAGS|LDFLAGS)
			drop+=(-u "$name") ;;
		esac
	done < <(compgen -e)
	# An empty wrapper is none, and empty flags are none.
	env "${drop[@]}" PATH=/usr/bin:/bin RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc \
		RUSTC_WRAPPER= RUSTC_WORKSPACE_WRAPPER= CARGO_ENCODED_RUSTDOCFLAGS= \
		CARGO_ENCODED_RUSTFLAGS="${CRATE_FLAGS:-}" \
		CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER=/usr/bin/cc CARGO_TERM_COLOR=never "$@"
}

# debian_cargo NAME COMMAND ARGS...: Debian's cargo, building in $O/NAME what the
# Cargo.lock says. `make setup` has fetched it: nothing else asks the network, and
# nothing is written beside the sources.
debian_cargo()
{
	local target=$OUT/$1 command=$2 offline=true cargo=/usr/bin/cargo
	shift 2
	[[ $command != fetch && $command != install ]] || offline=false
	# cargo looks for its subcommands in ~/.cargo/bin first, where rustup has its own.
	[[ $command != clippy ]] || cargo=/usr/bin/cargo-clippy
	cargo_env CARGO_NET_OFFLINE="$offline" CARGO_TARGET_DIR="$target" \
		nice "$cargo" "$command" --locked "$@"
}
