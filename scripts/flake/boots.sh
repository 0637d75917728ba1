#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/flake/boots.sh BOOTS [QEMU OPTION...]
#
# Boot a kernel BOOTS times, with many_vms as its only program, and count how the
# boots end. See docs/flake.md. Environment variables:
#
#   IMAGE			the kernel (default: the one that `make` built)
#   QEMU			default: qemu-system-aarch64
#   STORE_DELAY_US		how long QEMU waits before it stores (default: 300; 0: no wait)
#   KEEP=1			let vm_keeper, as `make` built it, hold a VM
#   MODEL			the CPU (default: neoverse-n1)
#   CMDLINE			additional kernel parameters
#
# For instance: scripts/flake/boots.sh 10 -accel tcg,thread=single

here=$(dirname "$0")
image=${IMAGE:-}
. "$here/../lib.sh"
IMAGE=${image:-$IMAGE}

RUN_SECONDS=6
BOOT_SECONDS=180

[[ ${1:-} =~ ^[1-9][0-9]*$ ]] || die "usage: $0 BOOTS [QEMU OPTION...]"
boots=$1
shift
delay=${STORE_DELAY_US:-300}
work=$OUT/flake

build()
{
	local root=$work/root
	rm -rf "$work"
	mkdir -p "$root/bin"
	gcc -O2 -Wall -shared -fPIC -o "$work/store_delay.so" "$here/store_delay.c"
	aarch64-linux-gnu-gcc -O2 -Wall -static -pthread -o "$root/bin/many_vms" "$here/many_vms.c"
	cp "$BUSYBOX" "$root/bin/busybox"
	[[ -z ${KEEP:-} ]] || cp "$KSELFTEST/kvm/vm_keeper" "$root/bin/vm_keeper"
	cat >"$root/init" <<-'END'
	#!/bin/busybox sh
	/bin/busybox mkdir -p /dev /sys /run
	/bin/busybox mount -t devtmpfs dev /dev
	/bin/busybox mount -t sysfs sys /sys
	if [ -x /bin/vm_keeper ]; then
		/bin/vm_keeper >/run/keeper &
		until /bin/busybox grep -qs '^# vm: keeper' /run/keeper; do /bin/busybox sleep 0.1; done
	fi
	/bin/many_vms "$@" || echo "# flake: many_vms ended with $?"
	echo "# flake: end"
	/bin/busybox poweroff -f
	END
	chmod 755 "$root/init"
	(cd "$root" && find . | cpio --quiet -o -H newc) >"$work/initrd"
}

boot()
{
	local log=$1 preload=()
	shift
	# Preloaded into QEMU only, not into the programs of this shell.
	((!delay)) || preload=("STORE_DELAY_US=$delay" "LD_PRELOAD=$work/store_delay.so")
	env "${preload[@]}" timeout "$BOOT_SECONDS" "${QEMU:-qemu-system-aarch64}" \
		-M virt,virtualization=on,gic-version=3 -cpu "${MODEL:-neoverse-n1}" -smp 2 -m 1024 "$@" \
		-nodefaults -display none -no-reboot -serial "file:$log" \
		-kernel "$IMAGE" -initrd "$work/initrd" \
		-append "console=ttyAMA0 panic=-1 ${CMDLINE:-} rdinit=/init -- $RUN_SECONDS" \
		>"$log.qemu" 2>&1 || echo "QEMU ended with $?" >>"$log.qemu"
}

# verdict CONSOLE: print the worst problem in a boot's console.
verdict()
{
	if grep -q 'WARNING: .* kvm_vcpu_load_debug' "$1"; then
		echo "splat in kvm_vcpu_load_debug"
	elif grep -Eq 'WARNING|BUG:|Oops|Internal error|panic' "$1"; then
		echo "another splat"
	elif ! grep -q '^# flake: end' "$1"; then
		echo "hung"
	elif grep -q 'Segmentation\|^# flake: many_vms ended' "$1"; then
		echo "many_vms died"
	else
		echo "good"
	fi
}

build
for ((i = 1; i <= boots; i++)); do
	log=$work/boot.$i
	boot "$log" "$@"
	printf '%s: %s\n' "$(verdict "$log")" \
		"$({ sed -n 's/^# flake: \([0-9]* VMs\).*/\1/p' "$log"
		     sed -n 's/^store_delay: //p' "$log.qemu"; } | paste -sd,)"
done | tee "$work/verdicts"
echo "--- of $boots boots; consoles in $work"
cut -d: -f1 "$work/verdicts" | sort | uniq -c
