# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# apt with sources, lists and cache of its own, below the user's cache folder:
# the machine's sources are read to learn its mirror and are never changed.
# Sourced after lib.sh.
#
#   apt_state NAME SUITE...		choose the state NAME with these suites
#   apt_refresh				fetch its lists, verified with Debian's keyring
#   apt_do TOOL ARGS...			apt-get, apt-cache … in that state

KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# shellcheck source=/dev/null
. /etc/os-release

# mirror_of SUITE: where this machine takes it from. DEBIAN_MIRROR= overrides.
# A suite that the machine does not use is on the mirror of its main suite; the
# security archive stands beside the main one, by Debian's own convention.
mirror_of()
{
	local main uri
	# Lists need not have been fetched for this.
	machine_uri()
	{
		# shellcheck disable=SC2016 # these are apt's own
		apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE)' |
			awk -v suite="$1" '$2 == suite { print $1; exit }'
	}
	uri=
	[[ -n ${DEBIAN_MIRROR:-} ]] || uri=$(machine_uri "$1")
	if [[ -z $uri ]]; then
		main=${DEBIAN_MIRROR:-$(machine_uri "$VERSION_CODENAME")}
		[[ -n $main ]] ||
			die "this machine's apt has no source for $VERSION_CODENAME; give one with DEBIAN_MIRROR=<URI of a Debian archive>"
		uri=${main%/}
		[[ $1 != *-security ]] || uri+=-security
	fi
	printf '%s' "${uri%/}"
}

# APT_ARCH, if set, is the architecture of the state's packages; such a state
# knows nothing as installed and is good for downloads only.
apt_state()
{
	local suite lines=''
	APT_DIR=$CACHE/apt/$1
	shift
	[[ -r $KEYRING ]] || die "Debian's keyring is missing: apt-get install debian-archive-keyring"
	mkdir -p "$APT_DIR"/{lists,cache/archives,root-cache/archives,empty}/partial
	for suite in "$@"; do
		lines+="deb [signed-by=$KEYRING] $(mirror_of "$suite") $suite main"$'\n'
	done
	printf %s "$lines" >"$APT_DIR/sources.list"
	APT_OPTIONS=(
		-o "Dir::Etc::SourceList=$APT_DIR/sources.list"
		-o "Dir::Etc::SourceParts=$APT_DIR/empty"
		-o Dir::Etc::Preferences=/dev/null
		-o "Dir::Etc::PreferencesParts=$APT_DIR/empty"
		-o "Dir::State::Lists=$APT_DIR/lists"
		-o "Dir::Cache=$APT_DIR/cache"
		-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
		-o Acquire::Languages=none -o Acquire::Retries=3
		-o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false
		# apt's own user cannot read below a private home directory.
		-o APT::Sandbox::User=root
		-o APT::Get::AllowUnauthenticated=false
	)
	if [[ -n ${APT_ARCH:-} ]]; then
		: >>"$APT_DIR/status"
		APT_OPTIONS+=(-o "APT::Architecture=$APT_ARCH" -o "APT::Architectures=$APT_ARCH"
			-o "Dir::State::status=$APT_DIR/status")
	fi
}

apt_do()
{
	local tool=$1
	shift
	DEBIAN_FRONTEND=noninteractive "$tool" "${APT_OPTIONS[@]}" "$@"
}

apt_refresh()
{
	# Without this a failed download is a warning and exit status 0.
	logged "$LOGS/apt-update.log" apt_do apt-get -o APT::Update::Error-Mode=any update ||
		die "the package lists could not be fetched (network?); DEBIAN_MIRROR=<URI> names another mirror"
}
