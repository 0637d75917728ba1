#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/lint/msrv.sh
#
# Check that kvmfit builds, for this machine and for arm64, with the oldest compiler
# that its Cargo.toml promises (rust-version). That is the one of Debian 13, which is
# unpacked below the user's cache directory with the libraries that it needs (140 MB to
# fetch, once), and never installed.

. "$(dirname "$0")/../lib.sh"
. "$ROOT/scripts/apt.sh"

SUITE=trixie
# What rustc and its LLVM load
PACKAGES=(rustc libstd-rust-1.85 libstd-rust-dev libllvm19 libc6 libgcc-s1 libstdc++6
	zlib1g libzstd1 libedit2 libffi8 libxml2 libz3-4 libtinfo6 libbsd0 libmd0 liblzma5)
MSRV=$CACHE/rust-msrv
MANIFEST=$ROOT/tools/kvmfit/Cargo.toml

# download ARCH PACKAGE...: unpack packages of an architecture into $tmp/root.
download()
{
	local arch=$1 log=$LOGS/msrv-$1.log
	shift
	APT_ARCH=$arch apt_state "msrv-$arch" "$SUITE"
	apt_refresh
	rm -rf "$tmp/deb"
	mkdir -p "$tmp/deb" "$tmp/root"
	(cd "$tmp/deb" && logged "$log" apt_do apt-get download "$@") ||
		die "Debian's oldest compiler for kvmfit could not be downloaded: $(apt_reason "$log" "the mirror lacks a package of $SUITE")"
	find "$tmp/deb" -name '*.deb' -exec dpkg-deb -x {} "$tmp/root" \;
	rm -rf "$tmp/deb"
}

toolchain()
{
	local tmp
	[[ -x $MSRV/rustc ]] && return
	need_space "$CACHE" 700 "Debian's compiler for kvmfit"
	lock "$CACHE/lock"
	[[ -x $MSRV/rustc ]] && return
	fresh_tmp tmp "$MSRV"
	note "getting the compiler of Debian's $SUITE (140 MB, once)"
	download "$(dpkg --print-architecture)" "${PACKAGES[@]}"
	download arm64 libstd-rust-dev
	# This machine's loader and C library may be older than those that it needs.
	cat >"$tmp/rustc" <<-'EOF'
		#!/bin/sh
		root=$(dirname "$0")/root/usr
		lib=$root/lib/$(uname -m)-linux-gnu
		exec "$lib"/ld-linux-*.so.? --library-path "$lib" "$root/bin/rustc" --sysroot="$root" "$@"
	EOF
	chmod +x "$tmp/rustc"
	mv -T "$tmp" "$MSRV"
}

# planted: it must refuse what only a newer compiler takes.
planted()
{
	local place=$OUT/cargo-msrv said
	mkdir -p "$place"
	printf 'pub fn planted(a: Option<u8>) -> bool {\n    if let Some(a) = a && a > 0 { true } else { false }\n}\n' >"$place/planted.rs"
	if said=$("$MSRV/rustc" --edition 2024 --crate-type lib --emit metadata -o "$place/planted.rmeta" "$place/planted.rs" 2>&1) ||
		[[ $said != *E0658* ]]; then
		printf '%s\n' "$said" >&2
		die "$MSRV/rustc does not report the planted mistake (E0658)"
	fi
}

# builds NAME ARGS...: cargo check with that compiler.
builds()
{
	local name=$1
	shift
	logged "$LOGS/$name.log" cargo_env CARGO_NET_OFFLINE=true CARGO_TARGET_DIR="$OUT/cargo-msrv" \
		RUSTC="$MSRV/rustc" nice /usr/bin/cargo check --locked --manifest-path "$MANIFEST" "$@"
}

out_dir
toolchain
promised=$(sed -nE 's/^rust-version = "(.*)"$/\1/p' "$MANIFEST")
found=$("$MSRV/rustc" --version)
[[ -n $promised && $found == "rustc $promised."* ]] ||
	die "the compiler of $SUITE is $found, and $MANIFEST promises $promised: change one of them"
planted
builds msrv --workspace
# What asks /dev/kvm is there on arm64 only.
builds msrv-arm64 --target "$ARM64" --package kvmfit-host
