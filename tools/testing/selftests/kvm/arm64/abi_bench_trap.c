// SPDX-License-Identifier: GPL-2.0-only
/*
 * abi_bench_trap - What the guest's accesses cost to the system registers and
 * devices that KVM emulates, in the kernel or through userspace.
 *
 * The registers of the GIC's CPU interface cost an instruction, as they are not
 * trapped unless the host was booted with kvm-arm.vgic_v3_common_trap=1. See
 * floor/world_switch of abi_bench_hypercall for the world switch alone, and
 * abi/bench/measure.h for the method and the output.
 */
#include <linux/sizes.h>

#include "abi/bench/guest.h"
#include "abi/bench/measure.h"
#include "gic.h"

#define GICD_IIDR	0x0008

/* No memory and no device in the kernel */
#define USER_MMIO_GPA	0x0a000000UL

BENCH_DEFINE_LOOP(guest_nop, "nop")
BENCH_DEFINE_LOOP(guest_read_id, "mrs x0, id_aa64pfr0_el1")
BENCH_DEFINE_LOOP(guest_read_oslsr, "mrs x0, oslsr_el1")
BENCH_DEFINE_LOOP(guest_read_pmr, "mrs x0, icc_pmr_el1")
BENCH_DEFINE_LOOP(guest_write_pmr, "msr icc_pmr_el1, x1")
BENCH_DEFINE_LOOP(guest_read_ctlr, "mrs x0, icc_ctlr_el1")
BENCH_DEFINE_LOOP(guest_write_ctlr, "msr icc_ctlr_el1, x1")
BENCH_DEFINE_LOOP(guest_load, "ldr w0, [x1]")
BENCH_DEFINE_LOOP(guest_store, "str w2, [x1]")

enum needs { NOTHING, ANY_GIC, GICV3 };

static const struct trap {
	const char *path;
	void (*loop)(struct bench_job *job);
	u64 x1;
	enum needs needs;
	u32 exit_reason;
} traps[] = {
	{ "trap/nop", guest_nop },
	/* KVM traps all ID registers. */
	{ "trap/ID_AA64PFR0_EL1:read", guest_read_id },
	/* Trapped as well, and about the simplest to emulate */
	{ "trap/OSLSR_EL1:read", guest_read_oslsr },

	{ "icc/ICC_PMR_EL1:read", guest_read_pmr, 0, GICV3 },
	{ "icc/ICC_PMR_EL1:write", guest_write_pmr, 0xf0, GICV3 },
	{ "icc/ICC_CTLR_EL1:read", guest_read_ctlr, 0, GICV3 },
	{ "icc/ICC_CTLR_EL1:write", guest_write_ctlr, 0, GICV3 },

	{ "mmio/GICD_IIDR:read", guest_load, GICD_BASE_GPA + GICD_IIDR,
	  ANY_GIC },
	{ "mmio/user:read", guest_load, USER_MMIO_GPA, NOTHING, KVM_EXIT_MMIO },
	{ "mmio/user:write", guest_store, USER_MMIO_GPA, NOTHING,
	  KVM_EXIT_MMIO },
};

static const char *why_not(struct bench_vm *b, enum needs needs)
{
	if (needs == GICV3 && !b->has_gicv3)
		return "the VM has no GICv3";
	if (needs == ANY_GIC && !bench_vm_has_gic(b))
		return "the VM has no GIC";
	return NULL;
}

static void block(void)
{
	struct bench_vm b = bench_vm_create();
	const char *reason;
	int i;

	virt_map(b.vm, USER_MMIO_GPA, USER_MMIO_GPA, 1);

	for (i = 0; i < ARRAY_SIZE(traps); i++) {
		struct bench_guest_op g = {
			.vcpu = b.vcpu[0],
			.loop = traps[i].loop,
			.x = { 0, traps[i].x1 },
			.exit_reason = traps[i].exit_reason,
		};

		/*
		 * On the way through userspace and back, up to four of 7,150
		 * instructions vary from boot to boot, in C and in Rust.
		 */
		bench.approximate = traps[i].exit_reason == KVM_EXIT_MMIO;

		reason = why_not(&b, traps[i].needs);
		if (reason)
			bench_skip(traps[i].path, "%s", reason);
		else
			bench_guest(traps[i].path, BENCH_N, g);
	}
	bench.approximate = false;

	bench_vm_free(&b);
}

int main(int argc, char *argv[])
{
	return bench_main(argc, argv, 3, block);
}
