# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# apt with separate sources, lists and cache, below the user's cache directory. The
# machine's sources are only read, to find its mirror. Sourced after lib.sh.
#
#   apt_state NAME SUITE...		choose the state NAME with these suites
#   apt_refresh				fetch its lists, verified with Debian's keyring
#   apt_do TOOL ARGS...			apt-get, apt-cache … in that state
#   apt_reason LOG MISSING		print in one line what went wrong and what to do
#   pool_file …				download a file of an exact version
#   pool_rows …				print the rows of a list of such files

KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# shellcheck source=/dev/null
. /etc/os-release

# mirror_of SUITE: the mirror from which this machine takes the suite. DEBIAN_MIRROR=
# overrides it. For a suite that the machine does not use, it is the mirror of the main
# suite; by Debian's convention the security archive has that URI plus "-security".
mirror_of()
{
	local main uri
	# This works before any list has been fetched.
	machine_uri()
	{
		# shellcheck disable=SC2016 # these are apt's own
		apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE)' |
			awk -v suite="$1" '$2 == suite { print $1; exit }'
	}
	uri=
	[[ -n $DEBIAN_MIRROR ]] || uri=$(machine_uri "$1")
	if [[ -z $uri ]]; then
		main=${DEBIAN_MIRROR:-$(machine_uri "$VERSION_CODENAME")}
		[[ -n $main ]] ||
			die "this machine's apt has no source for $VERSION_CODENAME; set DEBIAN_MIRROR=<URI of a Debian archive>"
		uri=${main%/}
		[[ $1 != *-security ]] || uri+=-security
	fi
	printf '%s' "${uri%/}"
}

# apt_sources SUITE...: print the lines of a sources.list.
apt_sources()
{
	local suite
	[[ -r $KEYRING ]] || die "Debian's keyring is missing; as root: apt-get install debian-archive-keyring"
	for suite in "$@"; do
		printf 'deb [signed-by=%s] %s %s main\n' "$KEYRING" "$(mirror_of "$suite")" "$suite"
	done
}

# apt_options DIR: set APT_OPTIONS so that apt works only in DIR, which holds
# sources.list and empty/.
apt_options()
{
	APT_OPTIONS=(
		-o "Dir::Etc::SourceList=$1/sources.list"
		-o "Dir::Etc::SourceParts=$1/empty"
		-o Dir::Etc::Preferences=/dev/null
		-o "Dir::Etc::PreferencesParts=$1/empty"
		-o "Dir::State::Lists=$1/lists"
		-o "Dir::Cache=$1/cache"
		-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
		-o Acquire::Languages=none -o Acquire::Retries=3
		-o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false
		-o APT::Get::AllowUnauthenticated=false
		# Without this a failed update is a warning and exit status 0.
		-o APT::Update::Error-Mode=any
	)
}

# APT_ARCH, if set, is the architecture of the state's packages. In each state no
# package is installed: the states serve for downloads only.
apt_state()
{
	local arch=${APT_ARCH:-$(dpkg --print-architecture)}
	APT_DIR=$CACHE/apt/$1
	shift
	mkdir -p "$APT_DIR"/{lists,cache/archives,empty}/partial
	apt_sources "$@" >"$APT_DIR/sources.list"
	: >>"$APT_DIR/status"
	apt_options "$APT_DIR"
	APT_OPTIONS+=(
		-o "APT::Architecture=$arch" -o "APT::Architectures=$arch" -o "Dir::State::status=$APT_DIR/status"
		# The user _apt cannot read below a private home directory.
		-o APT::Sandbox::User=root
	)
}

apt_do()
{
	local tool=$1
	shift
	DEBIAN_FRONTEND=noninteractive "$tool" "${APT_OPTIONS[@]}" "$@"
}

apt_refresh()
{
	local log=$LOGS/apt-update.log
	logged "$log" apt_do apt-get update ||
		die "the package lists could not be fetched: $(apt_reason "$log" "the mirror lacks this suite")"
}

# apt_reason LOG MISSING: MISSING is the explanation of a "not found". Bad signatures
# are looked for first, so that they are never reported as a missing network.
apt_reason()
{
	local elsewhere="DEBIAN_MIRROR=<URI of a Debian archive> names another mirror"
	says() { grep -qiE "$1" "$log"; }
	local log=$1
	if says 'NO_PUBKEY|EXPKEYSIG|REVKEYSIG|Missing key'; then
		echo "the lists are signed with a key that is missing in this machine's Debian keyring, or recorded there as expired; as root: apt-get install debian-archive-keyring"
	elif says 'BADSIG|ERRSIG|signatures? (was|were) invalid|signature verification failed|is not signed|Clearsigned file|NOSPLIT|NODATA'; then
		echo "the signature of the lists is bad, so they were not used; $elsewhere"
	elif says 'is not valid yet|is expired'; then
		echo "by this machine's clock ($(date -u '+%F %H:%M') UTC) the lists are expired or from the future; set the clock, or $elsewhere"
	elif says 'Hash Sum mismatch|unexpected size'; then
		echo "a file from the mirror has the wrong checksum and was not used; $elsewhere"
	elif says 'No space left'; then
		echo "the disk is full"
	elif says '404 +Not Found|File not found|does not have a Release file'; then
		echo "$2"
	elif says 'Could not (resolve|connect)|Temporary failure|Connection (timed out|failed)|Network is unreachable|Failed to fetch|Some index files failed'; then
		echo "the mirror cannot be reached (no network?); $elsewhere"
	elif says 'Unable to locate package|has no installation candidate'; then
		echo "the mirror lacks a package; $elsewhere"
	elif says 'Could not get lock'; then
		echo "another apt is running; try again when it has finished"
	else
		echo "for the reason see $log"
	fi
}

# Those that pool_file has asked apt for, which takes it a second
declare -A MIRRORS=()

# pool_file SUITE FILENAME SHA256 FILE LOG: download exactly this file from the pool of
# the suite's mirror, whichever version the suite lists, and set MIRROR to that.
pool_file()
{
	MIRROR=${MIRRORS[$1]:=$(mirror_of "$1")}
	# The user _apt cannot write below a private home directory.
	PATH=$PATH:/usr/lib/apt logged "$5" apt-helper -o Acquire::Retries=3 -o APT::Sandbox::User=root \
		download-file "$MIRROR/$2" "$4" "SHA256:$3"
}

# is_gone LOG: whether pool_file failed only because the mirror does not have the file.
is_gone()
{
	[[ $(apt_reason "$1" GONE) == GONE ]]
}

# pool_rows NAME STABLE PACKAGE=VERSION...: the rows of a list of pinned packages, from the lists of
# the state, whose suites are those of the stable release STABLE:
# NAME | suite | package | version | filename | SHA256
pool_rows()
{
	local uri file sha256 suite mirror package version name=$1 stable=$2
	local main security uris
	shift 2
	main=$(mirror_of "$stable") security=$(mirror_of "$stable-security")
	uris=$(apt_do apt-get download --print-uris "$@")
	(($(wc -l <<<"$uris") == $#)) || die "apt does not know all of: $*"
	while read -r uri file _ sha256; do
		uri=${uri//\'/}
		# Only security has a mirror of its own.
		suite=$stable-security mirror=$security
		[[ $uri == "$mirror"/* ]] || { suite=$stable mirror=$main; }
		[[ $uri == "$mirror"/* && $sha256 == SHA256:* ]] || die "this is from no mirror that is used: $uri"
		uri=${uri#"$mirror"/}
		IFS=_ read -r package version _ <<<"${file//%3a/:}"
		# apt writes '+' and '~' as numbers.
		printf '%s | %s | %s | %s | %b | %s\n' "$name" "$suite" "$package" "$version" \
			"${uri//%/\\x}" "${sha256#SHA256:}"
	done <<<"$uris"
}
