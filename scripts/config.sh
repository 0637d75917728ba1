# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The kernel's configuration. Sourced after lib.sh.

# A named one other than base adds its own file to the base's.
FRAGMENTS=("$ROOT/configs/base.config")
[[ $CONFIG == base ]] || FRAGMENTS+=("$ROOT/configs/$CONFIG.config")

# merged: the lines of the fragments. The last line about a symbol counts; kbuild
# would warn about the other ones.
merged()
{
	cat "${FRAGMENTS[@]}" | tac | awk -F= '!/^CONFIG_/ || !seen[$1]++' | tac
}

# configure TREE OUTPUT [COMMAND]: allnoconfig plus the fragments, or what COMMAND LOG TREE
# OUTPUT makes of them; repeated only when a fragment, a Kconfig file of the overlay or a
# compiler changed.
configure()
{
	local stamp=$2/.configured now
	now=$({
		cat "${FRAGMENTS[@]}" "$STATE/base"
		grep -E '(^|/)Kconfig' "$STATE/laid" | (cd "$1" && xargs -r cat 2>/dev/null) || :
		/usr/bin/clang-22 --version
		/usr/bin/rustc --version
	} | sha256sum)
	[[ ! -f $2/.config || $(cat "$stamp" 2>/dev/null) != "$now" ]] || return 0
	rm -f "$stamp"
	mkdir -p "$2"
	"${3:-allnoconfig}" "$LOGS/config.log" "$1" "$2" ||
		die "the kernel could not be configured; the whole log: $LOGS/config.log"
	configured "$2/.config"
	echo "$now" >"$stamp"
}

# allnoconfig LOG TREE OUTPUT: all symbols off except those of the fragments, which
# kbuild takes as one file.
allnoconfig()
{
	local all=$3/.fragment
	mkdir -p "$3"
	merged >"$all"
	logged "$1" kbuild "$2" "$3" KCONFIG_ALLCONFIG="$all" allnoconfig
}

# configured FILE: check that FILE contains each line of the fragments. Kconfig silently
# drops unknown symbols and symbols with an unmet dependency.
configured()
{
	local line symbol bad=''
	while read -r line; do
		symbol=${line%%=*}
		if [[ $line == *=n ]]; then
			! grep -q "^$symbol=" "$1" || bad+=" $line"
		else
			grep -qxF "$line" "$1" || bad+=" $line"
		fi
	done < <(merged | grep '^CONFIG_')
	[[ -z $bad ]] || {
		rm -f "$1"
		die "these lines of ${FRAGMENTS[*]#"$ROOT/"} are missing in the kernel's configuration (unknown symbol or unmet dependency):$bad"
	}
}
