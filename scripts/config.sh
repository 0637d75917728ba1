# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The kernel's configuration. Sourced after lib.sh.

FRAGMENT=$ROOT/configs/base.config

# configure TREE OUTPUT: allnoconfig plus the fragment, made anew only when the
# fragment, a Kconfig file of the overlay or a compiler changed.
configure()
{
	local stamp=$2/.configured now
	now=$({
		cat "$FRAGMENT" "$STATE/base"
		grep -E '(^|/)Kconfig' "$STATE/laid" | (cd "$1" && xargs -r cat 2>/dev/null) || :
		/usr/bin/clang-22 --version
		/usr/bin/rustc --version
	} | sha256sum)
	[[ ! -f $2/.config || $(cat "$stamp" 2>/dev/null) != "$now" ]] || return 0
	rm -f "$stamp"
	mkdir -p "$2"
	logged "$LOGS/config.log" kbuild "$1" "$2" KCONFIG_ALLCONFIG="$FRAGMENT" allnoconfig ||
		die "the kernel could not be configured; the whole log: $LOGS/config.log"
	configured "$2/.config"
	echo "$now" >"$stamp"
}

# configured FILE: every line of the fragment is as asked for. Kconfig drops
# what it does not know and what lacks a dependency without a word.
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
	done < <(grep '^CONFIG_' "$FRAGMENT")
	[[ -z $bad ]] || {
		rm -f "$1"
		die "asked for in configs/base.config, but not in the kernel's configuration (an unknown symbol or an unmet dependency):$bad"
	}
}
