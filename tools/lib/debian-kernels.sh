# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Debian's kernels, and how to start them in a virtual machine: for tools/kernels
# and tools/in-kernel, after common.sh.  Kernels are kept under $cache/kernels;
# the system's own apt configuration is not touched.

declare -A kernel_suites=([5.10]=bullseye [6.1]=bookworm [6.12]=trixie)
# of its modules: what networks are made of, and what mounts this machine's files
kernel_parts='net/|drivers/net/(bonding/|(veth|dummy|vrf|tun)\.ko)|drivers/virtio/|fs/(9p|netfs|fscache|overlayfs)/|lib/|crypto/|arch/x86/crypto/'

kernel_known() { # KERNEL
	[ -n "${kernel_suites[$1]:-}" ] || die "no kernel $1 (there are ${!kernel_suites[*]})"
}

# kernel_fetch KERNEL: its package unpacked in $cache/kernels/KERNEL
kernel_fetch() {
	local dir=$cache/kernels/$1 suite=${kernel_suites[$1]} mirror package module
	[ ! -e "$dir/ready-3" ] || return 0
	say "fetching Debian's kernel $1"
	rm -rf "$dir"
	mkdir -p "$dir/apt/lists/partial" "$dir/apt/archives/partial"
	mirror=$(apt-get indextargets --format '$(REPO_URI)|$(COMPONENT)|$(ORIGIN)' 'Created-By: Packages' |
		awk -F'|' '$2 == "main" && $3 == "Debian" && $1 !~ /security/ { print $1; exit }')
	[ -n "$mirror" ] || die "no Debian mirror in apt's configuration: add one, then run me again"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$dir/apt/sources.list"
	: >"$dir/apt/status"
	local options=(-o Dir::Etc::sourcelist="$dir/apt/sources.list"
		-o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null
		-o Dir::State::lists="$dir/apt/lists" -o Dir::State::status="$dir/apt/status"
		-o Dir::Cache::archives="$dir/apt/archives"
		-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
		-o APT::Sandbox::User=root)
	apt-get -qq "${options[@]}" update
	package=$(apt-cache "${options[@]}" show linux-image-amd64 |
		sed -n 's/^Depends: \(linux-image-[^ ,]*\).*/\1/p' | head -n 1)
	(cd "$dir" && apt-get -qq "${options[@]}" download "$package")
	mkdir "$dir/root"
	dpkg-deb --fsys-tarfile "$dir"/linux-image-*.deb >"$dir/files.tar"
	tar -tf "$dir/files.tar" | grep -E "/boot/vmlinuz-|/modules\.[a-z.]*\$|/kernel/($kernel_parts)" | grep -v '/$' >"$dir/files"
	tar -xf "$dir/files.tar" -C "$dir/root" -T "$dir/files"
	[ ! -d "$dir/root/usr/lib" ] || mv "$dir/root/usr/lib" "$dir/root/lib"
	for module in "$dir"/root/lib/modules/*; do depmod -b "$dir/root" "${module##*/}"; done
	rm -f "$dir"/files*
	rm -rf "$dir/apt" "$dir"/*.deb
	touch "$dir/ready-3"
}

# kernel_image KERNEL: what qemu starts
kernel_image() {
	find "$cache/kernels/$1/root" -name 'vmlinuz-*'
}

# kernel_accelerator KERNEL: KVM where the kernel says a word by it within ten
# seconds.  Within another virtual machine qemu may end at once, or hang.
kernel_accelerator() {
	local said
	said=$(timeout 10 qemu-system-x86_64 -accel kvm -cpu max -m 256 -display none -nodefaults \
		-serial stdio -no-reboot -kernel "$(kernel_image "$1")" \
		-append "console=ttyS0 panic=-1" </dev/null 2>/dev/null | grep -m 1 -c 'Linux version') || true
	if [ "$said" = 1 ]; then echo kvm; else echo tcg; fi
}
