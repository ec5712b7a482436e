# SPDX-License-Identifier: GPL-2.0-or-later
# Shared by the scripts in tools/: messages, the cache folder, Debian packages.
# Sourced, never run.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache=${DYNCAST_CACHE:-/var/cache/frr-dyncast}

say() { printf '%s\n' "$*" >&2; }
die() {
	say "${0##*/}: $*"
	exit 1
}

# need_root: most of what we do makes namespaces or installs packages
need_root() { [ "$(id -u)" = 0 ] || die "run me as root: sudo $0"; }

# need_packages NAME...: install whichever of these Debian packages is missing
need_packages() {
	local name there missing=()
	there=" $(dpkg-query -W -f '${db:Status-Status}=${Package} ' "$@" 2>/dev/null || :) "
	for name in "$@"; do
		[[ $there == *" installed=$name "* ]] || missing+=("$name")
	done
	[ ${#missing[@]} = 0 ] && return 0
	need_root
	say "installing ${missing[*]}"
	# the package would start routing daemons in the root namespace
	local policy=/usr/sbin/policy-rc.d made=
	if [ ! -e $policy ]; then
		printf '#!/bin/sh\nexit 101\n' >$policy
		chmod 755 $policy
		made=yes
	fi
	local log rc=0
	log=$(mktemp)
	{ apt-get update -q &&
		DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
			--no-install-recommends "${missing[@]}"; } >"$log" 2>&1 || rc=$?
	[ -z "$made" ] || rm -f $policy
	if [ $rc != 0 ]; then
		tail -n 20 "$log" >&2
		rm -f "$log"
		die "apt-get could not install ${missing[*]} (see above)"
	fi
	rm -f "$log"
}

# The mirror of Debian that the system's own apt uses; nothing when it has none.
debian_mirror() {
	apt-get indextargets --format '$(REPO_URI)|$(COMPONENT)|$(ORIGIN)' 'Created-By: Packages' |
		awk -F'|' '$2 == "main" && $3 == "Debian" && $1 !~ /security/ { print $1; exit }'
}

# deb12, deb13, ...: also for a release that is no release yet and has no number
debian_number() {
	local VERSION_ID='' VERSION_CODENAME=''
	. /etc/os-release
	case $VERSION_CODENAME in
	forky) VERSION_ID=14 ;;
	esac
	[ -n "$VERSION_ID" ] || die "which release of Debian is this? /etc/os-release gives no VERSION_ID"
	echo "deb$VERSION_ID"
}

# Debian 12 has libyang's second generation beside nothing else, later releases
# the newest one only; yanglint's package has a number in some
case $(. /etc/os-release && echo "${VERSION_CODENAME:-}") in
bookworm) libyang=(libyang2-dev libyang2-tools) ;;
trixie) libyang=(libyang-dev libyang3-tools) ;;
*) libyang=(libyang-dev libyang-tools) ;;
esac

# what the modules, the agent and their tests are built with
packages_build=(frr gcc make autoconf automake libtool bison flex pkg-config
	dpkg-dev libjson-c-dev "${libyang[0]}" libcap-dev libreadline-dev libelf-dev
	zlib1g-dev python3-dev python3-sphinx libbpf-dev clang llvm
	bpftool
	libcurl4-openssl-dev libconfuse-dev libmicrohttpd-dev libcmocka-dev libyuma-dev libxml2-dev)
# FRR 10's management daemon speaks protobuf; its headers want the generated ones
[ "${libyang[0]}" = libyang2-dev ] || packages_build+=(protobuf-c-compiler libprotobuf-c-dev)
# what running them in namespaces needs
packages_run=(frr frr-pythontools iproute2 nftables ethtool iputils-ping tcpdump procps
	python3 python3-pytest gdb curl bpftool)
# virtual machines with other kernels (tools/kernels)
packages_kernels=(qemu-system-x86 busybox-static cpio kmod xz-utils iproute2 bpftool)
# building packages (tools/package)
packages_package=(build-essential debhelper fakeroot lintian)
# what only the tests use
packages_check=(clang-format libclang-rt-dev "${libyang[1]}" valgrind python3-pytest-xdist tshark
	prometheus groff-base netconfd python3-ncclient openssh-server)
