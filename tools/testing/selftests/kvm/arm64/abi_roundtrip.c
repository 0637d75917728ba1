// SPDX-License-Identifier: GPL-2.0-only
/*
 * abi_roundtrip - Move a VM from one implementation of the ABI to another.
 *
 * As a VMM does it: while one implementation serves, all registers of
 * KVM_GET_REG_LIST are read from the source; while another one serves, they are
 * written to a destination that was only set up with KVM_ARM_VCPU_INIT. The
 * memory is copied, and the guest goes on in the destination where it stopped
 * in the source. Whichever implementation served which side:
 *
 *  - the destination lists the same registers and they read the same;
 *  - after one more round of the guest in each of the two VMs they still do;
 *  - the guest sees the same PSCI, SMCCC services, and ID registers.
 *
 * The registers are written in the order of the list and in shuffled orders.
 * The sources are fresh VMs, VMs configured with less than the host has, and
 * VMs whose guest has run, with each vCPU feature; all without a GIC, which has
 * no registers in the list. On a kernel without the switch VMs are moved within
 * its only implementation.
 */
#include <errno.h>

#include "abi/cases.h"
#include "abi/fw_reg.h"
#include "abi/id_reg.h"
#include "abi/one_reg.h"
#include "abi/reg_image.h"
#include "abi/roundtrip/guest.h"
#include "abi/roundtrip/restore.h"
#include "abi/roundtrip/vm.h"
#include "abi/switch.h"
#include "processor.h"

#define NR_SEEDS	3	/* shuffled orders, seeds 1 to this */

/* ---- Moving ---- */

static const struct direction {
	const char *name;
	const char *source;
	const char *destination;
} directions[] = {
	{ "c to rust", "c", "rust" },
	{ "rust to c", "rust", "c" },
	{ "c to c", "c", "c" },
	{ "rust to rust", "rust", "rust" },
	{ "check to check", "check", "check" },
};

static const struct scenario {
	const char *name;
	int feat;
	bool configured;
	int rounds;
} scenarios[] = {
	{ "fresh VM", TRIP_PLAIN, false, 0 },
	{ "configured VM", TRIP_PLAIN, true, 0 },
	{ "configured VM that has run", TRIP_PLAIN, true, 2 },
	{ "VM with SVE that has run", TRIP_SVE, true, 2 },
	{ "VM with a PMU that has run", TRIP_PMU, true, 2 },
	{ "VM with PTRAUTH that has run", TRIP_PTRAUTH, true, 2 },
};

static void set_mode(const char *mode)
{
	if (abi_present())
		abi_set_mode(mode);
}

/* Without a switch, one direction and one mode are enough. */
static bool needs_switch(bool needed)
{
	if (abi_present() || !needed)
		return false;

	test_skip("this kernel has one implementation");
	return true;
}

/* A source when the guest leaves it, and after one more round */
struct departure {
	struct reg_image img[TRIP_NR_VCPUS], img_next[TRIP_NR_VCPUS];
	struct trip_view view_next[TRIP_NR_VCPUS];
	void *mem;
};

static struct userspace_mem_region *vm_memory(struct trip_vm *m)
{
	return memslot2region(m->vm, 0);
}

static void depart(struct trip_vm *src, struct departure *d)
{
	struct userspace_mem_region *mem = vm_memory(src);
	int i;

	trip_read_images(src, d->img);
	image_expect_vm_wide(&d->img[0], &d->img[1]);

	d->mem = malloc(mem->region.memory_size);
	TEST_ASSERT(d->mem, "Out of memory");
	memcpy(d->mem, mem->host_mem, mem->region.memory_size);

	trip_run_round(src);
	trip_read_images(src, d->img_next);
	memcpy(d->view_next, trip_views(src->vm), sizeof(d->view_next));
	for (i = 0; i < TRIP_NR_VCPUS; i++) {
		image_expect_vm_wide_kept(&d->img[i], &d->img_next[i]);
		trip_expect_view_agrees(&d->view_next[i], &d->img_next[i]);
	}
}

static void depart_free(struct departure *d)
{
	trip_free_images(d->img);
	trip_free_images(d->img_next);
	free(d->mem);
}

static void arrive(struct trip_vm *dst, struct departure *d, u32 seed)
{
	struct userspace_mem_region *mem = vm_memory(dst);

	trip_restore(dst, d->img, seed);
	memcpy(mem->host_mem, d->mem, mem->region.memory_size);
}

/* Take the values of counters, which go on counting, from @from. */
static void take_counters(struct reg_image to[TRIP_NR_VCPUS],
			  const struct reg_image from[TRIP_NR_VCPUS])
{
	int i, j;

	for (i = 0; i < TRIP_NR_VCPUS; i++) {
		for (j = 0; j < from[i].n; j++) {
			if (image_is_counter(from[i].reg[j].id))
				*image_find(&to[i], from[i].reg[j].id) =
					from[i].reg[j];
		}
	}
}

static void check_move(int arg)
{
	const struct direction *dir = &directions[arg % ARRAY_SIZE(directions)];
	const struct scenario *sc = &scenarios[arg / ARRAY_SIZE(directions)];
	struct trip_vm src, dst;
	struct departure d;
	bool same;
	u32 seed;
	int i;

	if (!trip_has_feature(sc->feat)) {
		test_skip("not on this host");
		return;
	}
	if (needs_switch(dir != directions))
		return;

	image_set_context("source");
	/* Calls that are not counted are served by other functions. */
	abi_set_count(arg / ARRAY_SIZE(directions) % 2);
	set_mode(dir->source);
	src = trip_new_source(sc->feat, sc->configured, arg, sc->rounds);
	depart(&src, &d);

	set_mode(dir->destination);
	/* Controls, within one implementation: one order is enough. */
	same = abi_present() && !strcmp(dir->source, dir->destination);
	for (seed = 0; seed <= (same ? 0 : NR_SEEDS); seed++) {
		image_set_context(seed == 0 ? "order of the list" :
			  seed == 1 ? "seed 1" :
			  seed == 2 ? "seed 2" : "seed 3");
		dst = trip_new(sc->feat, true);
		arrive(&dst, &d, seed);
		trip_expect_images(&dst, d.img, false, "written");

		trip_run_round(&dst);
		take_counters(d.img_next, d.img);
		trip_expect_images(&dst, d.img_next, true, "run");
		for (i = 0; i < TRIP_NR_VCPUS; i++)
			trip_expect_same_view(&trip_views(dst.vm)[i],
					      &d.view_next[i]);

		/* The reading implementation must not matter either. */
		if (!same) {
			set_mode(dir->source);
			trip_expect_images(&dst, d.img_next, true,
					   "read by source");
			set_mode(dir->destination);
		}
		kvm_vm_free(dst.vm);
	}

	depart_free(&d);
	kvm_vm_free(src.vm);
}

/* ---- Refused writes ---- */

static const char * const modes[] = { "c", "rust", "check" };

static u64 above_host(int nr, u64 level)
{
	if (nr == FW_PSCI_VERSION)
		return FW_PSCI_LATEST + 1;
	if (nr >= FW_FIRST_BMAP)
		return fw_regs[nr].features + 1;
	/* WORKAROUND_2 has two levels with two values each. */
	if (nr == FW_WORKAROUND_2 &&
	    level == KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_NOT_AVAIL)
		return KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_AVAIL;
	return level + 1;
}

static void expect_write(struct kvm_vcpu *vcpu, u64 id, u64 val, int want,
			 const char *when)
{
	int ret = one_reg_set(vcpu, id, val);

	test_expect(ret == want,
		    "%s, %s: vCPU %u: %#lx <- %#lx: %s, expected %s",
		    image_context(), when, vcpu->id, id, val, strerror(ret),
		    strerror(want));
}

/*
 * All fields above the host's, in the registers that have the host's value as
 * their limit. The implementation's ID can be anything, and registers of a
 * single vCPU are never frozen.
 */
static void expect_id_regs_refused(struct kvm_vcpu *vcpu,
				   const struct reg_image *img, int want,
				   const char *when)
{
	u64 pfr0 = image_find(img, IMAGE_SYS_REG(ID_AA64PFR0_EL1))->val[0];
	bool has_aarch32 = SYS_FIELD_GET(ID_AA64PFR0_EL1, EL0, pfr0) ==
			   ID_AA64PFR0_EL1_EL0_AARCH32;
	u64 masks[NR_ID_REGS];
	bool ignored;
	int nr;

	id_fill_masks(masks, true);
	for (nr = 0; nr < NR_ID_REGS; nr++) {
		if (!image_find(img, id_reg(nr)) || id_is_mpidr(nr) ||
		    id_is_imp(nr) || nr == id_nr(SYS_CLIDR_EL1))
			continue;

		/* AArch32 registers ignore writes if the host lacks AArch32. */
		ignored = id_is_aarch32(nr) && masks[nr] && !has_aarch32;
		expect_write(vcpu, id_reg(nr), ~0UL, ignored ? 0 : want, when);
	}
}

static void check_refused(int mode)
{
	struct trip_vm src, dst;
	struct departure d;
	struct kvm_vcpu *vcpu;
	u64 id, val;
	int i, n;

	if (needs_switch(mode))
		return;

	image_set_context("refused");
	abi_set_count(mode % 2);
	set_mode(modes[mode]);
	src = trip_new_source(TRIP_PLAIN, true, mode, 1);
	depart(&src, &d);
	dst = trip_new(TRIP_PLAIN, true);
	arrive(&dst, &d, 0);

	for (n = 0; n < TRIP_NR_VCPUS; n++) {
		vcpu = dst.vcpu[n];
		for (i = 0; i < NR_FW_REGS; i++) {
			val = above_host(i, image_find(&d.img[n],
						       fw_regs[i].id)->val[0]);
			expect_write(vcpu, fw_regs[i].id, val, EINVAL,
				     "before the run");
			trip_expect_images(&dst, d.img, false, fw_regs[i].name);
		}
		expect_id_regs_refused(vcpu, &d.img[n], EINVAL,
				       "before the run");
		trip_expect_images(&dst, d.img, false, "ID registers");
	}

	trip_run_round(&dst);
	take_counters(d.img_next, d.img);
	trip_expect_images(&dst, d.img_next, true, "run");

	for (n = 0; n < TRIP_NR_VCPUS; n++) {
		vcpu = dst.vcpu[n];
		for (i = 0; i < NR_FW_REGS; i++) {
			id = fw_regs[i].id;
			val = image_find(&d.img[n], id)->val[0];
			expect_write(vcpu, id, above_host(i, val), EINVAL,
				     "after the run");
			if (i >= FW_FIRST_BMAP)
				expect_write(vcpu, id,
					     val ^ fw_regs[i].features, EBUSY,
					     "after the run");
		}
		expect_id_regs_refused(vcpu, &d.img[n], EBUSY, "after the run");
		trip_expect_images(&dst, d.img_next, true,
				   "refused after the run");

		/* Write every register back, as a VMM does on reset. */
		for (i = 0; i < d.img_next[n].n; i++) {
			id = d.img_next[n].reg[i].id;
			if (image_is_fw_reg(id) || image_id_reg_nr(id) >= 0)
				expect_write(vcpu, id,
					     d.img_next[n].reg[i].val[0], 0,
					     "same value");
		}
		trip_expect_images(&dst, d.img_next, true, "same values");
	}

	depart_free(&d);
	kvm_vm_free(dst.vm);
	kvm_vm_free(src.vm);
}

/* ---- Registers that must be written in order ---- */

/* This is why dependencies[] in restore.c has WORKAROUND_2. */
static void check_workaround_2_order(int mode)
{
	u64 id = KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2, level, level_without;
	u64 pfr1_id = IMAGE_SYS_REG(ID_AA64PFR1_EL1);
	struct trip_vm m;
	u64 pfr1;

	if (needs_switch(mode))
		return;

	image_set_context("order");
	set_mode(modes[mode]);
	m = trip_new(TRIP_PLAIN, true);
	pfr1 = vcpu_get_reg(m.vcpu[0], pfr1_id);
	level = vcpu_get_reg(m.vcpu[0], id);
	vcpu_set_reg(m.vcpu[0], pfr1_id, pfr1 & ~ID_AA64PFR1_EL1_SSBS);
	level_without = vcpu_get_reg(m.vcpu[1], id);
	vcpu_set_reg(m.vcpu[0], pfr1_id, pfr1);

	if (level == level_without) {
		test_skip("the level does not depend on SSBS on this host");
	} else {
		expect_write(m.vcpu[1], id, level_without, EINVAL, "too early");
		vcpu_set_reg(m.vcpu[0], pfr1_id, pfr1 & ~ID_AA64PFR1_EL1_SSBS);
		expect_write(m.vcpu[1], id, level_without, 0, "in time");
	}
	kvm_vm_free(m.vm);
}

static void check_sve_vls_order(int mode)
{
	struct image_reg vls = { .id = KVM_REG_ARM64_SVE_VLS };
	struct image_reg z = { .id = KVM_REG_ARM64_SVE_ZREG(0, 0) };
	struct trip_vm m;

	if (!trip_has_feature(TRIP_SVE)) {
		test_skip("not on this host");
		return;
	}
	if (needs_switch(mode))
		return;

	set_mode(modes[mode]);
	m = trip_new(TRIP_SVE, true);
	test_expect(!image_access_reg(m.vcpu[0], KVM_GET_ONE_REG, &vls),
		    "no SVE_VLS");
	test_expect(!image_access_reg(m.vcpu[0], KVM_SET_ONE_REG, &vls),
		    "SVE_VLS refused before KVM_ARM_VCPU_FINALIZE");
	test_expect(image_access_reg(m.vcpu[0], KVM_SET_ONE_REG, &z) == EPERM,
		    "Z0 accepted before KVM_ARM_VCPU_FINALIZE");
	trip_finalize(m.vcpu[0]);
	test_expect(image_access_reg(m.vcpu[0], KVM_SET_ONE_REG, &vls) == EPERM,
		    "SVE_VLS accepted after KVM_ARM_VCPU_FINALIZE");
	test_expect(!image_access_reg(m.vcpu[0], KVM_SET_ONE_REG, &z),
		    "Z0 refused after KVM_ARM_VCPU_FINALIZE");
	kvm_vm_free(m.vm);
}

/* ---- The register list ---- */

static void check_reg_list(int feat)
{
	struct trip_vm m;
	struct reg_image img[TRIP_NR_VCPUS];
	int i;

	if (!trip_has_feature(feat)) {
		test_skip("not on this host");
		return;
	}
	if (needs_switch(true))
		return;

	set_mode(modes[0]);
	m = trip_new_source(feat, false, 0, 0);
	trip_read_images(&m, img);
	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		image_set_context(modes[i]);
		set_mode(modes[i]);
		trip_expect_images(&m, img, false, "list");
	}
	trip_free_images(img);
	kvm_vm_free(m.vm);
}

#define MAX_CASES	64

static struct test_case cases[MAX_CASES];
static int nr_cases;

static void add_case(void (*run)(int arg), int arg, const char *by,
		     const char *name)
{
	TEST_ASSERT(nr_cases < MAX_CASES, "Too many cases");
	cases[nr_cases++] = (struct test_case) {
		.name = by ? strdup_printf("%s: %s", by, name) : name,
		.run = run,
		.arg = arg,
	};
}

static void add_cases(void)
{
	int i, j;

	for (i = 0; i < ARRAY_SIZE(scenarios); i++) {
		for (j = 0; j < ARRAY_SIZE(directions); j++)
			add_case(check_move, i * ARRAY_SIZE(directions) + j,
				 directions[j].name, scenarios[i].name);
	}

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		add_case(check_refused, i, modes[i],
			 "refused writes have no effect, a running VM accepts only the same values");
		add_case(check_workaround_2_order, i, modes[i],
			 "WORKAROUND_2 has to follow ID_AA64PFR1_EL1.SSBS");
		add_case(check_sve_vls_order, i, modes[i],
			 "SVE_VLS has to precede KVM_ARM_VCPU_FINALIZE");
	}

	for (i = 0; i < ARRAY_SIZE(trip_features); i++)
		add_case(check_reg_list, i, trip_features[i].name,
			 "the list is the same in all modes");
	add_case(abi_check_stats, 0, NULL,
		 "switch: no mismatch, C and Rust served calls, mode restored");
}

int main(void)
{
	ksft_print_header();
	test_disable_default_vgic();

	if (abi_open())
		abi_begin_stats();
	else
		ksft_print_msg(ABI_DIR "mode: %s, moved within the only implementation\n",
			       strerror(errno));
	ksft_print_msg("orders: of the list, and shuffled with seeds 1 to %d\n",
		       NR_SEEDS);

	add_cases();
	test_set_plan(nr_cases);
	test_run_cases(cases, nr_cases);

	test_finished();
}
