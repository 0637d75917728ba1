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
#   small_tour DIRECTORY GIC MODE...	let the small VMM save a guest, and resume it in each
#					mode, as a set and register by register

# The tests replace these.
VMM_ROOT=${VMM_ROOT:-/vmm}
CONSOLE=${CONSOLE:-/dev/console}
ABI=${ABI:-/sys/kernel/debug/kvm/arm_abi}
CLOCK=${CLOCK:-/proc/uptime}
# In seconds: the guest of an emulated host is slow, and the machine may be busy.
PATIENCE=${PATIENCE:-900}

uptime() {
	cut -d. -f1 "$CLOCK"
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
			-chardev "pipe,id=monitor,path=$dir/monitor" -monitor chardev:monitor \
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

# The file is there as soon as its writer has started.
answers() {
	found=$(grep -sc '^end' "$1/uart")
	echo "${found:-0}"
}

answered() {
	[ "$(answers "$1")" -ge "$2" ]
}

# A pipe that is opened for reading, too, cannot block if the VMM has just ended.

# ask DIRECTORY LETTER: send it to the guest and wait for the answer.
ask() {
	count=$(answers "$1")
	printf %s "$2" 1<>"$1/uart.in"
	await "$1" answered "$1" $((count + 1))
}

monitor() {
	dir=$1
	shift
	ended "$dir" || printf '%s\n' "$@" 1<>"$dir/monitor.in"
}

runs() {
	monitor "$1" "info status"
	grep -qs 'VM status: running' "$1/monitor"
}

# The monitor of QEMU 11 takes the next command when the guest has stopped. The end of its
# state is not written yet.
migrated() {
	monitor "$1" "info migrate"
	grep -qsE 'tatus:[[:space:]]*(completed|failed)' "$1/monitor"
}

# migrate DIRECTORY FILE: save the guest. Part of a state is none.
migrate() {
	monitor "$1" "migrate file:$2"
	if ! await "$1" migrated "$1" || grep -qsE 'tatus:[[:space:]]*failed' "$1/monitor"; then
		echo "the migration to $2 did not complete" >>"$1/problem"
		rm -f "$2"
	fi
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
	timeout "$PATIENCE" "$VMM_ROOT/small" --like "$vmm" --way "${WAY:-auto}" --letters cvpc "$@" \
		>"$dir/uart" 2>"$dir/said"
	echo $? >"$dir/status"
	# What `timeout` of busybox and of coreutils return
	case $(cat "$dir/status") in
	124 | 143)	echo "timeout: $*" >>"$dir/problem" ;;
	esac
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
	[ -z "${DAMAGE:-}" ] || sed -i "$DAMAGE" "$1/vm/state.json"
	small_vmm "$1" "$2" resume "$1/vm"
	rm -r "$1/vm"
}

# Real binaries of these two, for who has them. Their guest is "debian"; its UART is
# their standard input and output.

is_real() {
	[ -e "$VMM_ROOT/real/$1" ]
}

# api DIRECTORY METHOD PATH [JSON]
api() {
	dir=$1
	shift
	"$VMM_ROOT/api" "$dir/socket" "$@" 2>>"$dir/said" || return 1
}

has_socket() {
	[ -S "$1/socket" ]
}

# real_start DIRECTORY VMM [OPTION]...
real_start() {
	dir=$1 vmm=$2
	shift 2
	mkdir -p "$dir/vm"
	mkfifo "$dir/uart.in"
	(
		# Open for reading and writing, the pipe has no end.
		"$VMM_ROOT/real/$vmm" "$@" <>"$dir/uart.in" >"$dir/uart" 2>"$dir/said" &
		echo $! >"$dir/pid"
		wait $!
		echo $? >"$dir/status"
	) &
	await "$dir" has_socket "$dir"
}

# real_end DIRECTORY: neither has a call that only ends it. What fails before ends with its
# own status.
real_end() {
	if ! ended "$1"; then
		kill "$(cat "$1/pid")"
		await "$1" ended "$1"
		echo "${2:-0}" >"$1/status"
	fi
	rm -rf "$1/uart.in" "$1/pid" "$1/socket" "$1/vm"
}

firecracker_start() {
	real_start "$1" firecracker --api-sock "$1/socket" --log-path "$1/log" --level Warn
}

firecracker_save() {
	firecracker_start "$1" &&
		api "$1" PUT /machine-config '{"vcpu_count": 2, "mem_size_mib": 128}' &&
		api "$1" PUT /boot-source "{\"kernel_image_path\": \"$VMM_ROOT/debian/vmlinuz\",
			\"initrd_path\": \"$VMM_ROOT/debian/initrd\",
			\"boot_args\": \"console=ttyS0 quiet panic=-1 rdinit=/init\"}" &&
		api "$1" PUT /actions '{"action_type": "InstanceStart"}' &&
		await "$1" answered "$1" 1 && show "$1" &&
		api "$1" PATCH /vm '{"state": "Paused"}' &&
		api "$1" PUT /snapshot/create "{\"snapshot_type\": \"Full\",
			\"snapshot_path\": \"$1/vm/vmstate\", \"mem_file_path\": \"$1/vm/memory\"}" &&
		tar -c -f "$2" -C "$1/vm" .
	real_end "$1"
}

firecracker_resume() {
	if firecracker_start "$1" && tar -x -f "$2" -C "$1/vm" &&
		api "$1" PUT /snapshot/load "{\"snapshot_path\": \"$1/vm/vmstate\", \"resume_vm\": true,
		\"mem_backend\": {\"backend_type\": \"File\", \"backend_path\": \"$1/vm/memory\"}}"; then
		show "$1"
		real_end "$1"
	else
		real_end "$1" 1
	fi
}

cloud_hypervisor_save() {
	real_start "$1" cloud-hypervisor --api-socket "$1/socket" --console off --serial tty \
		--cpus boot=2 --memory size=128M --kernel "$VMM_ROOT/debian/vmlinuz" \
		--initramfs "$VMM_ROOT/debian/initrd" \
		--cmdline "console=ttyAMA0 quiet panic=-1 rdinit=/init" &&
		await "$1" answered "$1" 1 && show "$1" &&
		api "$1" PUT /api/v1/vm.pause &&
		api "$1" PUT /api/v1/vm.snapshot "{\"destination_url\": \"file://$1/vm\"}" &&
		tar -c -f "$2" -C "$1/vm" .
	real_end "$1"
}

cloud_hypervisor_resume() {
	mkdir -p "$1/vm" && tar -x -f "$2" -C "$1/vm"
	if real_start "$1" cloud-hypervisor --api-socket "$1/socket" --restore "source_url=file://$1/vm" &&
		api "$1" PUT /api/v1/vm.resume; then
		show "$1"
		real_end "$1"
	else
		real_end "$1" 1
	fi
}

save() {
	say "save $2 $4"
	if is_real "$2"; then
		# One of them takes absolute names only.
		"$(echo "$2" | tr - _)_save" "$PWD/$1" "$5"
		[ -s "$5" ] || echo "no state was saved" >>"$1/problem"
		return
	elif is_small "$2"; then
		small_save "$1" "$2" "$3" "$5"
		[ -s "$5" ] || echo "no state was saved" >>"$1/problem"
		return
	fi
	start "$1" "$2" "$3" "$4"
	if await "$1" answered "$1" 1; then
		show "$1"
		migrate "$1" "$5"
	fi
	finish "$1"
	[ -s "$5" ] || echo "no state was saved" >>"$1/problem"
}

# A letter that comes before the state is loaded would be lost.
resume() {
	say "resume $2 $4 $5"
	if is_real "$2"; then
		"$(echo "$2" | tr - _)_resume" "$PWD/$1" "$5"
		return
	elif is_small "$2"; then
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
		migrate "$vm" "$place.state"
		finish "$vm"
		n=$((n + 1))
	done
	rm -f "$place.state"
	echo 0 >"$ABI"/count
}

# to REGISTER VALUE: a command of sed that gives a register of a saved VM another value.
to() {
	echo "/\"$1\"/{n;s/\"0x[0-9a-f]*\"/\"$2\"/}"
}

# small_tour: below DIRECTORY there is `saved`, and for each mode and way MODE-WAY and
# MODE-WAY-damaged, where two registers have values that no host takes.
small_tour() {
	place=$1 gic=$2
	shift 2
	damage="$(to 0x6030000000140000 0x10004);$(to 0x603000000013c030 0xffffffffffffffff)"
	for mode; do
		say "$place/$mode"
		echo "$mode" >"$ABI"/mode
		[ -e "$place.state" ] || small_save "$place/saved" planned "$gic" "$place.state"
		for WAY in set registers; do
			small_resume "$place/$mode-$WAY" planned "$place.state"
			DAMAGE=$damage small_resume "$place/$mode-$WAY-damaged" planned "$place.state"
			DAMAGE=
		done
	done
	unset WAY
	rm -f "$place.state"
}
