#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/deb/build.sh [config]
#
# Build a package of the kernel in $O/linux: Debian's own configuration of the flavour
# DEB_FLAVOUR, changed by scripts/deb/options.config, and packed by the kernel's own
# rules (make bindeb-pkg). It is installed beside Debian's kernels. `config` stops
# after the configuration.

. "$(dirname "$0")/../lib.sh"
. "$ROOT/scripts/overlay.sh"
. "$ROOT/scripts/config.sh"

PLACE=$OUT/deb/$DEB_FLAVOUR
# The packages are made beside it.
BUILD_DIR=$PLACE/build
DEBIAN=$DEBIAN_CONFIGS/$DEB_FLAVOUR
SOURCE=linux-kvm-rust
# What it takes of the disk
declare -A MIB=([cloud-arm64]=8000 [arm64]=16000)
# From one `make deb` to the next one the number grows, so that dpkg upgrades.
# shellcheck disable=SC2153 # set by vars.sh
VERSION=$(tree_version "$TREE")-$(our_git rev-list --count HEAD 2>/dev/null || echo 1)
FRAGMENTS=("$ROOT/scripts/deb/options.config" "$PLACE/name.config")

# debian_config LOG TREE OUTPUT: Debian's configuration, with our lines in place of those
# about the same symbols; what is new in our tree, or with our compiler, has its default.
debian_config()
{
	merged >"$3/.fragment"
	{
		awk 'NR == FNR { if (/^CONFIG_/) { sub(/=.*/, ""); ours[$0] }; next }
			{ name = $0; sub(/^# /, "", name); sub(/[= ].*/, "", name) }
			!(name in ours)' "$3/.fragment" "$DEBIAN"
		cat "$3/.fragment"
	} >"$3/.config"
	logged "$1" kbuild "$2" "$3" olddefconfig
}

out_dir
[[ -f $DEBIAN ]] || die "Debian's configuration is not there: run scripts/deb/get.sh"
need_space "$OUT" "${MIB[$DEB_FLAVOUR]}" "building the package"
mkdir -p "$BUILD_DIR"
# The comment makes another configuration of Debian's another fragment.
printf '# %s\nCONFIG_LOCALVERSION="-kvm-rust-%s"\n' "$(sha256sum <"$DEBIAN")" \
	"$DEB_FLAVOUR" >"$PLACE/name.config"
configure "$TREE" "$BUILD_DIR" debian_config
case ${1:-} in
'')	;;
config)	note "$BUILD_DIR/.config"; exit ;;
*)	die "usage: scripts/deb/build.sh [config]" ;;
esac

log=$LOGS/deb-$DEB_FLAVOUR.log
# dpkg-buildpackage puts its files into the parent directory, and make exports what is on
# its command line. The image is Debian's choice: firmware cannot start the compressed one.
# Headers for other modules are left out: their tools would have to be built for arm64.
logged "$log" kbuild "$TREE" "$BUILD_DIR" KDEB_SOURCENAME="$SOURCE" KDEB_PKGVERSION="$VERSION" \
	KDEB_CHANGELOG_DIST=unstable DEB_BUILD_PROFILES="pkg.$SOURCE.nokernelheaders" \
	KBUILD_IMAGE=arch/arm64/boot/Image bindeb-pkg ||
	die "the package could not be built; the whole log: $log"

mapfile -t found < <(find "$PLACE" -maxdepth 1 -name "linux-image-*_${VERSION}_arm64.deb")
((${#found[@]} == 1)) || die "there are ${#found[@]} packages linux-image-*_${VERSION}_arm64.deb in $PLACE, not one; the whole log: $log"
# Older ones, and linux-libc-dev, which must not replace Debian's.
find "$PLACE" -maxdepth 1 -type f ! -name name.config ! -samefile "${found[0]}" -delete
note "${found[0]}"
