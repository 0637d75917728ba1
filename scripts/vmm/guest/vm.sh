#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Functions for the jobs of boots.py, which run in the kernel under test and start VMs of
# a real VMM there. All that a VM leaves is in its directory: what the guest answered
# (uart), its kernel's messages (console), what the VMM said (said, monitor), its exit
# status, and what went wrong (problem).
#
#   save DIRECTORY VMM GIC GUEST FILE	let a new guest show what it sees, and save it
#   resume DIRECTORY VMM GIC GUEST FILE	resume a saved guest, and let it show what it sees
#   tour DIRECTORY VMM GIC GUEST MODE...	let a guest of this project's kernel reboot, and
#					move it to each mode of kvm-arm.abi in turn

# The tests replace these.
VMM_ROOT=${VMM_ROOT:-/vmm}
CONSOLE=${CONSOLE:-/dev/console}
ABI=${ABI:-/sys/kernel/debug/kvm/arm_abi}
# In seconds: the guest of an emulated host is slow, and the machine may be busy.
PATIENCE=${PATIENCE:-300}

uptime() {
	cut -d. -f1 /proc/uptime
}

# On the console, too: whoever waits sees how far it is.
say() {
	echo "vm: $(uptime) $*" | tee "$CONSOLE"
}

# start DIRECTORY VMM GIC GUEST [OPTION]...: start a VM. Its guest answers through its last
# UART.
start() {
	dir=$1 vmm=$2 gic=$3 guest=$4
	shift 4
	mkdir -p "$dir"
	for pipe in uart monitor; do
		mkfifo "$dir/$pipe.in" "$dir/$pipe.out"
		cat "$dir/$pipe.out" >"$dir/$pipe" &
	done
	case $guest in
	probe)	set -- -m 4 -kernel "$VMM_ROOT/probe" "$@" ;;
	debian)	set -- -m 128 -kernel "$VMM_ROOT/debian/vmlinuz" -initrd "$VMM_ROOT/debian/initrd" \
			-append "console=ttyAMA0 quiet panic=-1 rdinit=/init" \
			-serial "file:$dir/console" "$@" ;;
	esac
	(
		"$VMM_ROOT/lib/ld-linux-aarch64.so.1" --library-path "$VMM_ROOT/lib" "$VMM_ROOT/$vmm/qemu" \
			-M "virt,accel=kvm,gic-version=$gic" -cpu host -smp 2 -nodefaults -display none \
			-chardev "pipe,id=monitor,path=$dir/monitor" -mon monitor \
			-trace kvm_failed_reg_set "$@" \
			-chardev "pipe,id=uart,path=$dir/uart" -serial chardev:uart >"$dir/said" 2>&1 &
		echo $! >"$dir/pid"
		wait $!
		echo $? >"$dir/status"
	) &
}

ended() {
	[ -s "$1/status" ]
}

# await DIRECTORY COMMAND...: wait until it succeeds. Fails if the VMM ends before, or if
# it takes too long.
await() {
	dir=$1 end=$(($(uptime) + PATIENCE))
	shift
	until "$@"; do
		! ended "$dir" || return 1
		[ "$(uptime)" -lt $end ] || {
			echo "timeout: $*" >>"$dir/problem"
			return 1
		}
		sleep 0.2
	done
}

answered() {
	[ "$(grep -c '^end' "$1/uart")" -ge "$2" ]
}

# ask DIRECTORY LETTER: send it to the guest and wait for the answer.
ask() {
	count=$(grep -c '^end' "$1/uart")
	printf %s "$2" >"$1/uart.in"
	await "$1" answered "$1" $((count + 1))
}

monitor() {
	dir=$1
	shift
	ended "$dir" || printf '%s\n' "$@" >"$dir/monitor.in"
}

runs() {
	monitor "$1" "info status"
	grep -q 'VM status: running' "$1/monitor"
}

# finish DIRECTORY: let the VMM end.
finish() {
	monitor "$1" quit
	await "$1" ended "$1" || kill -9 "$(cat "$1/pid")"
	rm -f "$1"/*.in "$1"/*.out "$1/pid"
	[ ! -s "$1/problem" ] || say "$(cat "$1/problem")"
}

# show DIRECTORY: all that the guest can show.
show() {
	ask "$1" c && ask "$1" v && ask "$1" p && ask "$1" c ||
		echo "the guest does not answer" >>"$1/problem"
}

# small_vmm DIRECTORY VMM COMMAND...: let the small VMM run, which sends the letters itself.
small_vmm() {
	dir=$1 vmm=$2
	shift 2
	timeout "$PATIENCE" "$VMM_ROOT/small" --like "$vmm" --letters cvpc "$@" \
		>"$dir/uart" 2>"$dir/said"
	echo $? >"$dir/status"
}

is_small() {
	[ "$1" = firecracker ] || [ "$1" = cloud-hypervisor ]
}

# What it saves is a directory.
small_save() {
	mkdir -p "$1"
	small_vmm "$1" "$2" run --gic "$3" --save "$1/vm" "$VMM_ROOT/probe"
	if [ -d "$1/vm" ]; then
		tar -c -f "$4" -C "$1/vm" .
		rm -r "$1/vm"
	fi
}

small_resume() {
	mkdir -p "$1/vm"
	tar -x -f "$3" -C "$1/vm"
	small_vmm "$1" "$2" resume "$1/vm"
	rm -r "$1/vm"
}

save() {
	say "save $2 $4"
	if is_small "$2"; then
		small_save "$1" "$2" "$3" "$5"
		[ -s "$5" ] || echo "no state was saved" >>"$1/problem"
		return
	fi
	start "$1" "$2" "$3" "$4"
	if await "$1" answered "$1" 1; then
		show "$1"
		monitor "$1" "migrate file:$5" "info migrate"
	fi
	finish "$1"
	[ -s "$5" ] || echo "no state was saved" >>"$1/problem"
}

# A letter that comes before the state is loaded would be lost.
resume() {
	say "resume $2 $4 $5"
	if is_small "$2"; then
		small_resume "$1" "$2" "$5"
		return
	fi
	start "$1" "$2" "$3" "$4" -incoming "file:$5"
	! await "$1" runs "$1" || show "$1"
	finish "$1"
}

# tour: each mode has a directory below DIRECTORY, NUMBER-MODE.
tour() {
	place=$1 vmm=$2 gic=$3 guest=$4 n=0
	shift 4
	echo 1 >"$ABI"/count
	for mode; do
		vm=$place/$n-$mode
		say "$vm"
		echo "$mode" >"$ABI"/mode
		cat "$ABI"/stats >"$place.before"
		if [ $n -eq 0 ]; then
			start "$vm" "$vmm" "$gic" "$guest"
			if await "$vm" answered "$vm" 1 && [ "$guest" = debian ]; then
				ask "$vm" r && ask "$vm" r && ask "$vm" r
			fi
		else
			start "$vm" "$vmm" "$gic" "$guest" -incoming "file:$place.state"
			await "$vm" runs "$vm"
		fi
		ended "$vm" || show "$vm"
		cat "$ABI"/stats >"$vm/stats"
		mv "$place.before" "$vm/before"
		rm -f "$place.state"
		monitor "$vm" "migrate file:$place.state" "info migrate"
		finish "$vm"
		n=$((n + 1))
	done
	rm -f "$place.state"
	echo 0 >"$ABI"/count
}
