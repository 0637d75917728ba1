// SPDX-License-Identifier: GPL-2.0-only
/*
 * vm_config - KVM_ARM_VM_CONFIG: what GET lists, what CHECK answers and SET does.
 *
 * Each register accepts what KVM_SET_ONE_REG accepts of it; a VM that has not opted
 * in is the oracle. What is new: the order of the entries makes no difference, a
 * set is accepted whole or not at all, each entry has an answer, and the limit in
 * the answer to a refused one is accepted.
 *
 * vm_config_errors tests the request itself.
 */
#include <errno.h>
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/fw_host.h"
#include "abi/fw_reg.h"
#include "abi/id_reg.h"
#include "abi/level.h"
#include "abi/one_reg.h"
#include "abi/opt_in.h"
#include "abi/reg_image.h"
#include "abi/run_alarm.h"
#include "abi/vm_config.h"
#include "processor.h"

#define PFR1		KVM_ARM64_SYS_REG(SYS_ID_AA64PFR1_EL1)
#define ISAR0		KVM_ARM64_SYS_REG(SYS_ID_AA64ISAR0_EL1)
#define PFR1_SSBS	GENMASK(7, 4)

static struct kvm_vm *create(u32 features, struct kvm_vcpu *vcpus[2])
{
	struct kvm_vm *vm = vm_create(2);
	int i;

	opt_in(vm, BIT(OPT_IN_VM_CONFIG));
	for (i = 0; i < 2; i++)
		vcpus[i] = id_vcpu_add(vm, i, features);
	return vm;
}

static struct kvm_vm *create_psci(struct kvm_vcpu *vcpus[2])
{
	return create(BIT(KVM_ARM_VCPU_PSCI_0_2), vcpus);
}

/* ---- What there is ---- */

static bool is_config_reg(u64 id)
{
	return image_is_vm_wide(id);
}

/* All that a vCPU lists of the VM's, and with the same values */
static void check_get(int features)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm = create(features, vcpus);
	struct config c = config_get(vm->fd), of_vcpu;
	struct kvm_reg_list *list = vcpu_get_reg_list(vcpus[0]);
	struct kvm_arm_vm_config_entry *e;
	u32 nr = 0, i;
	u64 j, val;

	for (j = 0; j < list->n; j++) {
		if (!is_config_reg(list->reg[j]))
			continue;
		nr++;
		e = config_find(&c, list->reg[j]);
		test_expect(e, "%#llx is not listed", list->reg[j]);
		if (!e)
			continue;
		val = vcpu_get_reg(vcpus[1], e->id);
		test_expect(e->value == val, "%#llx is %#llx, not %#lx", e->id,
			    e->value, val);
		test_expect(e->scope == 1 && !e->err && !e->reason &&
			    e->other == ~0u, "%#llx: scope %u", e->id, e->scope);
	}
	test_expect(c.n == nr, "%u registers, not %u", c.n, nr);

	for (i = 0; i < 2; i++) {
		of_vcpu = config_get(vcpus[i]->fd);
		test_expect(of_vcpu.n == c.n &&
			    !memcmp(of_vcpu.entry, c.entry, sizeof(c.entry)),
			    "vCPU %u has another configuration", i);
	}
	free(list);
	kvm_vm_free(vm);
}

/* Before there is a vCPU, only what does not depend on its features */
static void check_get_early(int unused)
{
	struct kvm_vm *vm = vm_create_barebones();
	struct config c;
	int i;

	opt_in(vm, BIT(OPT_IN_VM_CONFIG));
	c = config_get(vm->fd);
	test_expect(c.n == NR_FW_REGS - 1, "%u registers", c.n);
	for (i = 0; i < NR_FW_REGS; i++)
		test_expect(!!config_find(&c, fw_regs[i].id) == (i != FW_WORKAROUND_2),
			    "%s", fw_regs[i].name);

	c = (struct config) {};
	config_add(&c, KVM_REG_ARM_PSCI_VERSION, PSCI_VERSION(1, 1));
	config_expect(vm->fd, 0, &c, 0);
	config_add(&c, fw_regs[FW_WORKAROUND_2].id, 0);
	config_add(&c, ISAR0, 0);
	config_expect(vm->fd, 0, &c, ERANGE);
	config_expect_answer(&c.entry[0], 0, 0);
	config_expect_answer(&c.entry[1], ENOEXEC, KVM_ARM_VM_CONFIG_REASON_NOT_READY);
	config_expect_answer(&c.entry[2], ENOEXEC, KVM_ARM_VM_CONFIG_REASON_NOT_READY);
	kvm_vm_free(vm);
}

/* Of the mask and the limit: what is outside of the mask cannot be changed. */
static void check_masks(int unused)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm = create_psci(vcpus);
	struct config c = config_get(vm->fd), one;
	u32 i, nr = 0;
	int bit;

	for (i = 0; i < c.n; i++) {
		const struct kvm_arm_vm_config_entry *e = &c.entry[i];

		nr += !!e->mask;
		/* The workarounds store nothing. */
		if (e->id >= fw_regs[FW_WORKAROUND_1].id &&
		    e->id <= fw_regs[FW_WORKAROUND_3].id)
			continue;
		for (bit = 0; bit < 64; bit++) {
			if (e->mask & BIT(bit))
				continue;
			one = (struct config) {};
			config_add(&one, e->id, e->value ^ BIT(bit));
			config_access(vm->fd, KVM_ARM_VM_CONFIG_SET, 0, one.entry, 1);
			/* KVM forgives some, and keeps what it has. */
			test_expect(vcpu_get_reg(vcpus[0], e->id) == e->value,
				    "%#llx, bit %d can be changed", e->id, bit);
		}
	}
	test_expect(nr > 10, "%u registers can be changed", nr);
	config_expect_same(vm->fd, &c, "masks");
	kvm_vm_free(vm);
}

/* ---- Each register, against KVM_SET_ONE_REG ---- */

/* Registers whose fields depend on each other: the first run enforces that. */
static bool has_dependencies(u64 id)
{
	return id == KVM_ARM64_SYS_REG(SYS_ID_AA64MMFR3_EL1) ||
	       id == KVM_ARM64_SYS_REG(SYS_ID_AA64MMFR1_EL1) ||
	       id == KVM_ARM64_SYS_REG(SYS_ID_AA64ISAR2_EL1);
}

static void try_value(struct kvm_vm *vm, struct kvm_vcpu *vcpu,
		      struct kvm_vcpu *oracle, u64 id, u64 before, u64 val)
{
	struct config c = {}, again = {};
	struct kvm_arm_vm_config_entry *e = &c.entry[0];
	int want = one_reg_set(oracle, id, val);
	u64 stored = vcpu_get_reg(oracle, id), now;

	config_add(&c, id, val);
	/* What a VM has is accepted. */
	if (want && val == before)
		want = 0;
	config_access(vm->fd, KVM_ARM_VM_CONFIG_CHECK, 0, c.entry, 1);
	if (e->reason == KVM_ARM_VM_CONFIG_REASON_CONFLICT && has_dependencies(id)) {
		test_expect(!want, "%#lx <- %#lx: conflict, %s", id, val,
			    strerror(want));
		want = EINVAL;
		stored = before;
	}
	config_expect(vm->fd, 0, &c, want ? ERANGE : 0);
	test_expect(e->err == -want, "%#lx <- %#lx: %s, expected %s", id, val,
		    strerror(-e->err), strerror(want));
	test_expect(!want == !e->reason, "%#lx <- %#lx: reason %u", id, val,
		    e->reason);
	now = vcpu_get_reg(vcpu, id);
	test_expect(now == stored, "%#lx <- %#lx: reads %#lx, expected %#lx", id,
		    val, now, stored);

	/* The value that the answer has instead is accepted. */
	if (want) {
		test_expect(e->mask, "%#lx <- %#lx: no bad bits", id, val);
		config_add(&again, id, e->limit);
		config_expect(vm->fd, 0, &again, 0);
	}
	again = (struct config) {};
	config_add(&again, id, before);
	config_expect(vm->fd, 0, &again, 0);
	test_expect(one_reg_set(oracle, id, before) == 0 ||
		    vcpu_get_reg(oracle, id) == before, "%#lx of the oracle", id);
}

static const u64 fw_values[] = {
	0, 1, 2, 3, 4, 0xf, 0x10, 0x12, 0x13, 0x10000, 0x10001, 0x10002, 0x10003,
	0x10004, 0x20000, BIT(32) | 0x10003, BIT(63), ~0UL,
};

static void check_each(int features)
{
	struct kvm_vcpu *vcpus[2], *oracles[2];
	struct kvm_vm *vm = create(features, vcpus);
	struct kvm_vm *plain = id_vm_create(features, false, oracles);
	struct config c = config_get(vm->fd);
	unsigned int nr = 0, i, j, shift;
	u64 level, levels[6];

	for (i = 0; i < c.n; i++) {
		u64 id = c.entry[i].id, before = c.entry[i].value;

		if (image_is_fw_reg(id)) {
			for (j = 0; j < ARRAY_SIZE(fw_values); j++, nr++)
				try_value(vm, vcpus[0], oracles[0], id, before,
					  fw_values[j]);
			continue;
		}
		for (shift = 0; shift < 64; shift += 4) {
			level = before >> shift & 0xf;
			levels[0] = 0;
			levels[1] = 1;
			levels[2] = 15;
			levels[3] = level;
			levels[4] = (level + 1) & 0xf;
			levels[5] = (level - 1) & 0xf;
			for (j = 0; j < ARRAY_SIZE(levels); j++, nr++)
				try_value(vm, vcpus[0], oracles[0], id, before,
					  (before & ~(0xfUL << shift)) |
					  levels[j] << shift);
		}
	}
	config_expect_same(vm->fd, &c, "in the end");
	ksft_print_msg("%u values\n", nr);
	kvm_vm_free(plain);
	kvm_vm_free(vm);
}

static void check_imp(int writable)
{
	static const u32 regs[] = { SYS_MIDR_EL1, SYS_REVIDR_EL1, SYS_AIDR_EL1 };
	struct kvm_vm *vm = vm_create(1);
	struct kvm_vcpu *vcpu;
	struct config c;
	int i;

	opt_in(vm, BIT(OPT_IN_VM_CONFIG));
	if (writable)
		vm_enable_cap(vm, KVM_CAP_ARM_WRITABLE_IMP_ID_REGS, 0);
	vcpu = id_vcpu_add(vm, 0, 0);
	for (i = 0; i < ARRAY_SIZE(regs); i++) {
		u64 id = KVM_ARM64_SYS_REG(regs[i]), now = vcpu_get_reg(vcpu, id);

		c = (struct config) {};
		config_add(&c, id, now ^ 1);
		config_expect(vm->fd, 0, &c, writable ? 0 : ERANGE);
		if (!writable)
			config_expect_answer(&c.entry[0], EINVAL,
					     KVM_ARM_VM_CONFIG_REASON_NEEDS_CAPABILITY);
		test_expect(vcpu_get_reg(vcpu, id) == (writable ? now ^ 1 : now),
			    "%#lx is %#lx", id, vcpu_get_reg(vcpu, id));
	}
	kvm_vm_free(vm);
}

/* ---- Sets ---- */

/* The workaround depends on SSBS, and comes before it in the list. */
static void check_order(int reverse)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm = create_psci(vcpus);
	u64 pfr1 = vcpu_get_reg(vcpus[0], PFR1) & ~PFR1_SSBS;
	struct config c = {}, source, moved = {};
	u64 wa_2;
	u32 i, from;

	/* A VM whose SSBS is hidden, saved and restored, in any order */
	config_add(&c, PFR1, pfr1);
	config_expect(vm->fd, 0, &c, 0);
	wa_2 = vcpu_get_reg(vcpus[0], fw_regs[FW_WORKAROUND_2].id);
	source = config_get(vm->fd);
	kvm_vm_free(vm);

	vm = create_psci(vcpus);
	for (i = 0; i < source.n; i++) {
		from = reverse ? source.n - 1 - i : i;
		config_add(&moved, source.entry[from].id, source.entry[from].value);
	}
	config_expect(vm->fd, 0, &moved, 0);
	config_expect_same(vm->fd, &source, "restored");
	test_expect(vcpu_get_reg(vcpus[1], fw_regs[FW_WORKAROUND_2].id) == wa_2,
		    "WORKAROUND_2");
	kvm_vm_free(vm);
}

/* One bad entry, anywhere among good ones that change something */
static void check_all_or_nothing(int unused)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm = create_psci(vcpus);
	struct config before = config_get(vm->fd), c;
	struct fw_state state = fw_state_read(vcpus[0]);
	int place, i;

	for (place = 0; place < 5; place++) {
		c = (struct config) {};
		for (i = 0; i < 5; i++) {
			static const u64 ids[] = {
				KVM_REG_ARM_PSCI_VERSION, KVM_REG_ARM_STD_BMAP,
				KVM_REG_ARM_VENDOR_HYP_BMAP_2, ISAR0,
			};
			static const u64 values[] = { 0x10001, 0, 3, 0 };

			if (i == place)
				config_add(&c, KVM_REG_ARM_STD_HYP_BMAP, ~0UL);
			else
				config_add(&c, ids[i - (i > place)],
					   values[i - (i > place)]);
		}
		config_expect(vm->fd, 0, &c, ERANGE);
		for (i = 0; i < 5; i++)
			config_expect_answer(&c.entry[i], i == place ? EINVAL : 0,
					     i == place ?
					     KVM_ARM_VM_CONFIG_REASON_BAD_BITS : 0);
		test_expect(c.entry[place].mask == ~1UL && c.entry[place].limit == 1,
			    "bits %#llx, limit %#llx", c.entry[place].mask,
			    c.entry[place].limit);
		config_expect_same(vm->fd, &before, "refused");
		fw_expect_state(vcpus[1], &state, "refused");

		c.entry[place].value = c.entry[place].limit;
	}

	/* With the values of the answers */
	config_expect(vm->fd, 0, &c, 0);
	for (i = 0; i < 5; i++)
		test_expect(vcpu_get_reg(vcpus[1], c.entry[i].id) == c.entry[i].value,
			    "%#llx is not set", c.entry[i].id);
	kvm_vm_free(vm);
}

static void check_unknown(int unused)
{
	static const u64 ids[] = {
		KVM_REG_ARM_FW_REG(4), KVM_REG_ARM_FW_FEAT_BMAP_REG(4),
		KVM_ARM64_SYS_REG(SYS_MPIDR_EL1), KVM_ARM64_SYS_REG(SYS_CLIDR_EL1),
		KVM_REG_ARM64 | KVM_REG_SIZE_U64 | 0x20 << KVM_REG_ARM_COPROC_SHIFT,
		KVM_REG_ARM_PSCI_VERSION ^ KVM_REG_SIZE_U64 ^ KVM_REG_SIZE_U32, 0, ~0UL,
	};
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm = create_psci(vcpus);
	struct config c;
	int i;

	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		c = (struct config) {};
		config_add(&c, KVM_REG_ARM_STD_BMAP, 0);
		config_add(&c, ids[i], 0);
		config_expect(vm->fd, 0, &c, ERANGE);
		config_expect_answer(&c.entry[0], 0, 0);
		config_expect_answer(&c.entry[1], ENOENT,
				     KVM_ARM_VM_CONFIG_REASON_UNKNOWN);
		c.entry[1].value = 1;
		config_expect(vm->fd, KVM_ARM_VM_CONFIG_TOLERATE_ZERO, &c, ERANGE);
		config_expect_answer(&c.entry[1], ENOENT,
				     KVM_ARM_VM_CONFIG_REASON_UNKNOWN);
		test_expect(vcpu_get_reg(vcpus[0], KVM_REG_ARM_STD_BMAP) == 1,
			    "a refused set is set");
		c.entry[1].value = 0;
		config_expect(vm->fd, KVM_ARM_VM_CONFIG_TOLERATE_ZERO, &c, 0);
		test_expect(!vcpu_get_reg(vcpus[0], KVM_REG_ARM_STD_BMAP),
			    "a set is not set");
		c.n = 1;
		c.entry[0].value = 1;
		config_expect(vm->fd, 0, &c, 0);
	}
	kvm_vm_free(vm);
}

static void check_twice(int unused)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm = create_psci(vcpus);
	struct config c = {};

	config_add(&c, KVM_REG_ARM_VENDOR_HYP_BMAP_2, 3);
	config_add(&c, KVM_REG_ARM_VENDOR_HYP_BMAP_2, 3);
	config_expect(vm->fd, 0, &c, 0);
	test_expect(vcpu_get_reg(vcpus[0], KVM_REG_ARM_VENDOR_HYP_BMAP_2) == 3,
		    "not set");

	c.entry[1].value = 1;
	config_expect(vm->fd, 0, &c, ERANGE);
	config_expect_answer(&c.entry[0], EINVAL, KVM_ARM_VM_CONFIG_REASON_CONFLICT);
	config_expect_answer(&c.entry[1], EINVAL, KVM_ARM_VM_CONFIG_REASON_CONFLICT);
	test_expect(c.entry[0].other == 1 && c.entry[1].other == 0,
		    "%u conflicts with 0, %u with 1", c.entry[1].other,
		    c.entry[0].other);
	test_expect(c.entry[0].mask == 2 && c.entry[1].mask == 2, "bits");
	test_expect(vcpu_get_reg(vcpus[0], KVM_REG_ARM_VENDOR_HYP_BMAP_2) == 3,
		    "set");
	kvm_vm_free(vm);
}

static void check_psci_0_1(int unused)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm = create(0, vcpus);
	struct config c = {};

	config_add(&c, KVM_REG_ARM_PSCI_VERSION, PSCI_VERSION(1, 0));
	config_expect(vm->fd, 0, &c, ERANGE);
	config_expect_answer(&c.entry[0], EINVAL,
			     KVM_ARM_VM_CONFIG_REASON_NEEDS_FEATURE);
	test_expect(c.entry[0].limit == 1, "limit %#llx", c.entry[0].limit);
	c.entry[0].value = 1;
	config_expect(vm->fd, 0, &c, 0);
	c.entry[0].value = PSCI_VERSION(1, 4);
	config_expect(vm->fd, 0, &c, ERANGE);
	config_expect_answer(&c.entry[0], EINVAL,
			     KVM_ARM_VM_CONFIG_REASON_ABOVE_HOST);
	kvm_vm_free(vm);
}

/* Levels are promises, and part of the configuration. */
static void check_levels(int unused)
{
	struct kvm_vm *vm = vm_create(2);
	const struct kvm_arm_vm_config_entry *e;
	u64 host, lower, id = LEVEL_REG_0;
	struct kvm_vcpu *vcpus[2];
	struct config c;
	int i;

	opt_in(vm, BIT(OPT_IN_VM_CONFIG) | BIT(OPT_IN_LEVELS));
	for (i = 0; i < 2; i++)
		vcpus[i] = id_vcpu_add(vm, i, BIT(KVM_ARM_VCPU_PSCI_0_2));
	c = config_get(vm->fd);
	for (i = 0; i < NR_LEVEL_REGS; i++) {
		host = level_host(vcpus[0], i);
		e = config_find(&c, LEVEL_REG_0 + i);
		test_expect(e && e->value == host && e->mask == ~0UL && e->limit == host,
			    "levels %d", i);
	}

	host = level_host(vcpus[0], 0);
	c = (struct config) {};
	config_add(&c, id, level_with(host, 0, 7));
	config_add(&c, id + 1, LEVEL_NOT_AVAIL);
	config_expect(vm->fd, 0, &c, ERANGE);
	config_expect_answer(&c.entry[0], EINVAL, KVM_ARM_VM_CONFIG_REASON_ABOVE_HOST);
	config_expect_answer(&c.entry[1], 0, 0);
	test_expect(c.entry[0].mask == 0xf && c.entry[0].limit == host,
		    "bits %#llx, limit %#llx", c.entry[0].mask, c.entry[0].limit);
	test_expect(!vcpu_get_reg(vcpus[0], id + 1), "a refused set is set");

	lower = level_with(host, 2, LEVEL_UNKNOWN);
	c.entry[0].value = lower;
	config_expect(vm->fd, 0, &c, 0);
	test_expect(vcpu_get_reg(vcpus[1], id) == lower &&
		    vcpu_get_reg(vcpus[1], id + 1) == LEVEL_NOT_AVAIL, "not set");

	id_run(vcpus[1]);
	config_expect(vm->fd, 0, &c, 0);
	c.entry[0].value = level_with(lower, 2, LEVEL_NOT_AVAIL);
	config_expect(vm->fd, 0, &c, ERANGE);
	config_expect_answer(&c.entry[0], EBUSY, KVM_ARM_VM_CONFIG_REASON_FROZEN);
	test_expect(c.entry[0].limit == lower, "limit %#llx", c.entry[0].limit);
	kvm_vm_free(vm);
}

/* ---- When ---- */

static void check_after_run(int unused)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm = create_psci(vcpus);
	struct config all, one;
	u32 i, nr = 0;

	id_run(vcpus[0]);
	all = config_get(vm->fd);
	one = all;
	for (i = 0; i < one.n; i++) {
		one.entry[i].mask = 0;
		one.entry[i].limit = 0;
	}
	config_expect(vm->fd, 0, &one, 0);

	for (i = 0; i < all.n; i++) {
		const struct kvm_arm_vm_config_entry *e = &all.entry[i];

		test_expect(!e->mask || e->mask == ~0UL, "%#llx: mask %#llx", e->id,
			    e->mask);
		if (e->id != KVM_REG_ARM_PSCI_VERSION && e->id != ISAR0 &&
		    e->id != KVM_REG_ARM_STD_BMAP)
			continue;
		nr++;
		one = (struct config) {};
		config_add(&one, e->id, e->id == KVM_REG_ARM_PSCI_VERSION ?
			   PSCI_VERSION(1, 0) : 0);
		config_expect(vm->fd, 0, &one, ERANGE);
		config_expect_answer(&one.entry[0], EBUSY,
				     KVM_ARM_VM_CONFIG_REASON_FROZEN);
		test_expect(one.entry[0].limit == e->value, "limit %#llx",
			    one.entry[0].limit);
		/* Through the vCPU as well */
		test_expect(one_reg_set(vcpus[1], e->id, one.entry[0].value) == EBUSY,
			    "%#llx is not frozen on the vCPU", e->id);
	}
	test_expect(nr == 3, "%u registers", nr);
	config_expect_same(vm->fd, &all, "has run");
	kvm_vm_free(vm);
}

static void guest_loop(void)
{
	for (;;)
		cpu_relax();
}

static struct kvm_vcpu *running;

static void *run(void *unused)
{
	/* Until it is interrupted */
	__vcpu_run(running);
	return NULL;
}

/* While a vCPU is in KVM_RUN, its mutex is held. */
static void check_busy(int unused)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm = opt_in_vm_create(BIT(OPT_IN_VM_CONFIG), 2, true,
					     guest_loop, vcpus);
	struct config c = {};
	pthread_t thread;
	int i, ret = 0;

	running = vcpus[0];
	kvm_pthread_create(&thread, NULL, run, NULL);
	config_add(&c, KVM_REG_ARM_STD_BMAP, 1);
	for (i = 0; i < 1000 && ret != EBUSY; i++) {
		usleep(1000);
		ret = config_access(i % 2 ? vm->fd : vcpus[1]->fd,
				    KVM_ARM_VM_CONFIG_CHECK, 0, c.entry, 1);
		test_expect(!ret || ret == EBUSY, "CHECK: %s", strerror(ret));
	}
	test_expect(ret == EBUSY, "never busy");
	ret = config_access(vm->fd, KVM_ARM_VM_CONFIG_GET, 0, c.entry, 0);
	test_expect(ret == EBUSY, "GET: %s", strerror(ret));

	vcpus[0]->run->immediate_exit = 1;
	pthread_kill(thread, SIGUSR1);
	kvm_pthread_join(thread, NULL);
	config_expect(vm->fd, 0, &c, 0);
	kvm_vm_free(vm);
}

static const struct test_case cases[] = {
	{ "GET: all registers of the VM, on all file descriptors", check_get,
	  BIT(KVM_ARM_VCPU_PSCI_0_2) },
	{ "GET: the same without PSCI 0.2", check_get, 0 },
	{ "GET: before there is a vCPU, what does not depend on it",
	  check_get_early },
	{ "GET: bits outside of the masks cannot be changed", check_masks },
	{ "each register: as KVM_SET_ONE_REG, and the limit is accepted",
	  check_each, BIT(KVM_ARM_VCPU_PSCI_0_2) },
	{ "MIDR_EL1 and its like: need the capability", check_imp, false },
	{ "MIDR_EL1 and its like: with the capability", check_imp, true },
	{ "order: SSBS after WORKAROUND_2", check_order, true },
	{ "order: SSBS before WORKAROUND_2", check_order, false },
	{ "a set with a bad entry changes nothing, and says which one it is",
	  check_all_or_nothing },
	{ "unknown registers: ENOENT, or tolerated if 0", check_unknown },
	{ "two entries of a register: the same, or a conflict", check_twice },
	{ "PSCI: needs a feature, or is above the host's", check_psci_0_1 },
	{ "levels: what is promised, up to the host's", check_levels },
	{ "after the first run: only what it has, others EBUSY", check_after_run },
	{ "while a vCPU runs: EBUSY", check_busy },
};

static void do_nothing(int sig)
{
}

int main(void)
{
	struct sigaction action = { .sa_handler = do_nothing };

	opt_in_require();
	test_disable_default_vgic();
	sigaction(SIGUSR1, &action, NULL);

	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));
	test_run_cases(cases, ARRAY_SIZE(cases));
	test_finished();
}
