# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# Check the user's variables and set every path that depends on them.
# Sourced by lib.sh, so that no script does anything before all variables are valid.

# VARIABLES: the user's variables; GOOD: the good values of those that have a list of
# them. An empty variable means the default, for the VM tests the whole table. make's
# SECONDS is FUZZ_SECONDS here, since bash has a timer of that name.
declare -a VARIABLES=()
declare -A GOOD=()
while IFS='|' read -r name values; do
	[[ $name == [A-Z]* ]] || continue
	name=${name// /}
	[[ $name != SECONDS ]] || name=FUZZ_SECONDS
	read -ra words <<<"${values//,/ }"
	VARIABLES+=("$name") GOOD[$name]=${words[*]}
	printf -v "$name" %s "${!name:-}"
done <"$(dirname "${BASH_SOURCE[0]}")/driver/variables"

# first_column FILE: print the words in the first column of a file of rows.
first_column()
{
	sed -n 's/^\([^#| ][^| ]*\) *|.*/\1/p' "$1" | paste -sd ' '
}
GOOD[CPU]=$(first_column "$(dirname "${BASH_SOURCE[0]}")/vm/cpus")

# one_of NAME VALUE LIST: reject a VALUE that is neither empty nor a word of LIST.
one_of()
{
	[[ -z $2 || " $3 " == *" $2 "* && $2 != *" "* ]] ||
		die "$1=$2 is not known; good values: ${3// /, }"
}

# is_seed TEXT: whether it is a number of up to 64 bits in C's notation.
# shellcheck disable=SC2071 # too large for bash; texts of the same length compare as numbers
is_seed()
{
	[[ $1 =~ ^(0|0[xX][0-9A-Fa-f]{1,16}|[1-9][0-9]{0,18})$ ||
		$1 =~ ^[1-9][0-9]{19}$ && ! $1 > 18446744073709551615 ]]
}

for name in "${VARIABLES[@]}"; do
	# KERNELS is a list, see below.
	[[ ${GOOD[$name]} == '*' || $name == KERNELS ]] || one_of "$name" "${!name}" "${GOOD[$name]}"
done
# FIXES=1: the fixes of the base's bugs, laid after the series
ALL=${ALL:-0} FIXES=${FIXES:-0}
CONFIG=${CONFIG:-base}
DEB_FLAVOUR=${DEB_FLAVOUR:-cloud-arm64}

[[ -z $JOBS || $JOBS =~ ^[1-9][0-9]{0,3}$ ]] ||
	die "JOBS=$JOBS is not known; good values: a number from 1 to 9999"
[[ -z $FUZZ_SECONDS || $FUZZ_SECONDS =~ ^[1-9][0-9]{0,5}$ ]] ||
	die "SECONDS=$FUZZ_SECONDS is not known; good values: a number from 1 to 999999"
[[ -z $SEED ]] || is_seed "$SEED" ||
	die "SEED=$SEED is not known; good values: a number of up to 64 bits, e.g. the one that a failing test printed"
[[ -z $TESTS || $TESTS =~ ^[A-Za-z0-9_./-]+([,\ ]+[A-Za-z0-9_./-]+)*$ ]] ||
	die "TESTS=$TESTS is not known; good values: names of tests separated by commas, e.g. TESTS=hypercalls,psci_test"
[[ $CMDLINE != *$'\n'* ]] || die "CMDLINE= holds more than one line; give kernel parameters on one line"
TESTS=${TESTS// /,}
[[ -z $BASE || -f $BASE ]] || die "BASE=$BASE is not a file; give the bench.json of an earlier \`make bench\`"
BASE=${BASE:+$(realpath -- "$BASE")}
for name in FIRECRACKER CLOUD_HYPERVISOR; do
	[[ -z ${!name} || -f ${!name} ]] || die "$name=${!name} is not a file; give the program, built for arm64"
	printf -v "$name" %s "${!name:+$(realpath -- "${!name}")}"
done
[[ -z $DEBIAN_MIRROR || $DEBIAN_MIRROR =~ ^[a-z][a-z0-9+.-]*:/[^][:space:][]+$ ]] ||
	die "DEBIAN_MIRROR=$DEBIAN_MIRROR is not the URI of a Debian archive, such as http://<host>/debian or file:/<directory>"

# PART: the variables that narrow this run, for the closing line.
PART=''
for name in ABI GIC CPU MODE TESTS CMDLINE VMM; do
	[[ -z ${!name} ]] || PART+="${PART:+ }$name=${!name}"
done
[[ $CONFIG == base ]] || PART+="${PART:+ }CONFIG=$CONFIG"
[[ $FIXES == 0 ]] || PART+="${PART:+ }FIXES=1"

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

# pinned_kernels: print the rows of the list of stock kernels, without spaces.
pinned_kernels()
{
	sed -n '/^#/d; / | /{ s/ *| */|/g; p }' "$ROOT/scripts/kernels/pinned"
}

read -ra chosen <<<"${KERNELS//,/ }"
KERNELS=${chosen[*]}
if [[ -n $KERNELS ]]; then
	for name in "${chosen[@]}"; do
		one_of KERNELS "$name" "$(first_column "$ROOT/scripts/kernels/pinned") ${GOOD[KERNELS]}"
	done
	PART+="${PART:+ }KERNELS=${KERNELS// /,}"
fi

# The only directories from which the overlay lays files into a kernel tree.
PAYLOAD_DIRS=(arch include rust tools Documentation)

# The cache is shared by all clones of this user.
[[ -n ${XDG_CACHE_HOME:-} || -n ${HOME:-} ]] || die "neither HOME nor XDG_CACHE_HOME is set; set one of them"
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/kvm-arm64-rust
[[ $CACHE == /* ]] || die "XDG_CACHE_HOME=$XDG_CACHE_HOME is not an absolute path; give one"

# OUT: the output directory of this clone.
if [[ -z $O ]]; then
	OUT=$CACHE/work/$(basename "$ROOT")-$(printf %s "$ROOT" | sha256sum | cut -c1-8)
else
	OUT=$(realpath -m -- "${O/#\~\//${HOME:-}/}")
	[[ ! -e $OUT || -d $OUT ]] || die "O=$O is a file; give a directory"
	[[ $OUT != / && $ROOT/ != "$OUT/"* ]] || die "O=$O holds this repository; give a separate directory"
	# What is built there would count as sources.
	[[ $OUT/ != "$ROOT/"* ]] || die "O=$O lies within this repository; give a directory outside of it"
	# These scripts clean and remove their output directory: never adopt one that was not
	# created by them for this user.
	for file in "$OUT" "$OUT/.kvm-arm64-rust"; do
		[[ ! -e $file || -O $file ]] ||
			die "O=$O belongs to the user $(stat -c %U -- "$file"); give your own directory"
	done
	[[ ! -d $OUT || -e $OUT/.kvm-arm64-rust || -z $(ls -A -- "$OUT") ]] ||
		die "O=$O holds other files; give an empty or a new directory"
	# The absolute path, for scripts called from another directory.
	O=$OUT
fi
[[ $OUT != *[[:space:]:%\']* ]] ||
	die "the path of the output directory '$OUT' has a space, ':', '%' or quote, which the kernel's build rejects; choose another directory with O="

# supported_bases: print the kernel versions that have patches.
supported_bases()
{
	find "$ROOT/patches" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' 2>/dev/null | sort -V | paste -sd ' '
}

# tree_version DIR: print VERSION.PATCHLEVEL.SUBLEVEL of a kernel tree.
tree_version()
{
	awk '$2 == "=" && /^(VERSION|PATCHLEVEL|SUBLEVEL) / { v = v sep $3; sep = "." } /^NAME/ { exit } END { print v }' "$1/Makefile"
}

DEFAULT_LINUX=7.3
[[ -z $KERNEL_SRC || -z $KERNEL_DEB ]] || die "KERNEL_SRC= and KERNEL_DEB= both name a kernel source; give one of them"
[[ -z $KERNEL_SRC || $BASE_UPDATE != 1 ]] ||
	die "BASE_UPDATE=1 updates Debian's kernel source, which KERNEL_SRC= replaces; give one of them"
[[ -z $KERNEL_DEB || -f $KERNEL_DEB ]] ||
	die "KERNEL_DEB=$KERNEL_DEB is not a file; give the .deb of Debian's package linux-source-$DEFAULT_LINUX"
KERNEL_DEB=${KERNEL_DEB:+$(realpath -- "$KERNEL_DEB")}
if [[ -n $KERNEL_SRC ]]; then
	[[ -d $KERNEL_SRC ]] || die "KERNEL_SRC=$KERNEL_SRC is not a directory; give a Linux source tree"
	KERNEL_SRC=$(cd "$KERNEL_SRC" && pwd -P)
	[[ -f $KERNEL_SRC/Kbuild && -f $KERNEL_SRC/Makefile && -d $KERNEL_SRC/arch/arm64/kvm ]] ||
		die "KERNEL_SRC=$KERNEL_SRC is not a Linux source tree (no Kbuild, Makefile or arch/arm64/kvm)"
	version=$(tree_version "$KERNEL_SRC")
	LINUX=${version%.*}
	[[ -n $version && -d $ROOT/patches/$LINUX ]] ||
		die "KERNEL_SRC=$KERNEL_SRC is Linux ${version:-of an unknown version}; supported: $(supported_bases)"
	[[ ! -e $KERNEL_SRC/.config && ! -d $KERNEL_SRC/include/config ]] ||
		die "KERNEL_SRC=$KERNEL_SRC holds the results of a build; run 'make mrproper' in it or give a clean copy"
	[[ $OUT/ != "$KERNEL_SRC/"* ]] ||
		die "O= lies within KERNEL_SRC, which is never modified; give another directory"
else
	LINUX=$DEFAULT_LINUX
fi

# pinned FIELD: print a field of the kernel source for which the patches are made.
pinned()
{
	sed -n "s/^$1: //p" "$ROOT/patches/$LINUX/base"
}

# Debian's source in the pinned version: one tree for all clones.
DEBIAN_TREE=$CACHE/source/$LINUX/linux-$(pinned Version)
[[ $(pinned SHA256) =~ ^[0-9a-f]{64}$ && $DEBIAN_TREE =~ /linux-[0-9][A-Za-z0-9.+~-]*$ ]] ||
	die "patches/$LINUX/base lacks a valid version or SHA256; to restore it: git checkout patches/$LINUX/base"

# base_tree: print the path of the pristine tree: the user's or Debian's.
base_tree()
{
	local tree=${KERNEL_SRC:-$DEBIAN_TREE}
	[[ -d $tree ]] || die "the kernel source $(pinned Version) is missing: run 'make setup'"
	printf '%s\n' "$tree"
}

JOBS=${JOBS:-$(nproc)}
BUSYBOX=$CACHE/busybox-arm64/busybox
# The standard library of arm64 for rustc, to build static programs for the guest
RUST_STD_ARM64=$CACHE/rust-std-arm64
TREE=$OUT/linux			# the base with the overlay on it
KOUT=$OUT/kernel		# O= of the kernel's build
RESULTS=$OUT/results
[[ $FIXES == 0 ]] || RESULTS+=/fixes
if [[ $CONFIG != base ]]; then
	KOUT+=-$CONFIG RESULTS+=/$CONFIG
fi
IMAGE=$KOUT/arch/arm64/boot/Image
WITHOUT=$OUT/kernel-without	# O= of a kernel without the overlay
KSELFTEST=$OUT/kselftest_install
DEBIAN_CONFIGS=$CACHE/debian-config/$LINUX
LOGS=$OUT/log
STATE=$OUT/state
export "${VARIABLES[@]}"
