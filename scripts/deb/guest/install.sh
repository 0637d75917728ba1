# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# The job that makes a Debian system, by busybox in a booted stock kernel (see root.py), as
# debootstrap does on a machine of this architecture: the base is unpacked, and then dpkg
# installs all packages. One disk has a partition for EFI and one for the system; the other one
# is a tar archive. fstab has the identifiers of both file systems.

set -e
disk=/dev/nvme0n1 archive=/dev/nvme1n1
# The kernel probes both at a time.
[ -b ${disk}p2 ] || { disk=/dev/nvme1n1 archive=/dev/nvme0n1; }
say() {
	echo "install: $*" | tee /dev/console
}
inside() {
	# By its path, as busybox takes its own env, dpkg and so on otherwise. Standard input is the job.
	chroot /mnt /usr/bin/env -i PATH=/usr/sbin:/usr/bin HOME=/root LC_ALL=C.UTF-8 \
		DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true "$@" </dev/null
}

say "unpacking"
mkdir -p /mnt
mount -t ext4 ${disk}p2 /mnt
mkdir /mnt/new
tar -x -C /mnt/new -f $archive
cd /mnt
mkdir -p usr/bin usr/sbin usr/lib
ln -s usr/bin usr/sbin usr/lib .
for name in new/base/*; do
	tar -x -C /mnt -f "$name"
done
rm -r new/base
mkdir -p proc sys dev run tmp boot/efi var/lib/dpkg/info var/lib/dpkg/updates
: >>var/lib/dpkg/status
: >>var/lib/dpkg/available
for name in proc sys dev; do
	mount -o bind /$name $name
done
[ -e usr/bin/awk ] || ln -s mawk usr/bin/awk
cp new/files/etc/fstab etc/fstab

for name in base-passwd base-files; do
	inside dpkg --force-depends --install "/new/debs/$name.deb"
done
say "installing the base"
# shellcheck disable=SC2016 # for the inner shell
inside sh -c 'dpkg --force-depends --force-unsafe-io --unpack $(cat /new/base.list)'
inside dpkg --force-depends --force-unsafe-io --configure --pending
say "installing the system"
# shellcheck disable=SC2016 # for the inner shell
inside sh -c 'dpkg --force-depends --force-unsafe-io --unpack $(cat /new/system.list)'
cp -a new/files/. .
rm -r new
inside dpkg --force-unsafe-io --configure --pending
inside dpkg --audit >audit
cat audit
[ ! -s audit ]
rm audit

say "installing GRUB"
# The kernel itself would look for them outside.
inside modprobe -a vfat nls_cp437 nls_ascii
efi=$(sed -n 's/^UUID=\([^ ]*\) .* vfat .*/\1/p' etc/fstab)
inside mkfs.vfat -i "$(echo "$efi" | tr -d -)" ${disk}p1 >/dev/null
# Elsewhere udev makes this link. GRUB believes the identifier only if it is there; the disk has
# another name when the system boots.
mkdir -p dev/disk/by-uuid
ln -s ../../${disk##*/}p2 "dev/disk/by-uuid/$(sed -n 's/^UUID=\([^ ]*\) .* ext4 .*/\1/p' etc/fstab)"
inside mount ${disk}p1 /boot/efi
inside grub-install --target=arm64-efi --efi-directory=/boot/efi --removable --no-nvram
inside update-grub
inside umount /boot/efi
inside uname -r >/out/release
for name in proc sys dev; do
	umount $name
done
cd /
umount /mnt
say "done"
