// SPDX-License-Identifier: GPL-2.0-only
/*
 * vm_config_sets - KVM_ARM_VM_CONFIG: sets of several registers.
 *
 * The order of the entries makes no difference, a set is accepted whole or not at
 * all, and each entry has an answer. After the first run, and while a vCPU is in
 * use, nothing can be set.
 *
 * vm_config tests each register, vm_config_errors the request itself.
 */
#include <errno.h>
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/fw_reg.h"
#include "abi/id_reg.h"
#include "abi/level.h"
#include "abi/one_reg.h"
#include "abi/opt_in.h"
#include "abi/vm_config.h"
#include "processor.h"

#define PFR1		KVM_ARM64_SYS_REG(SYS_ID_AA64PFR1_EL1)
#define ISAR0		KVM_ARM64_SYS_REG(SYS_ID_AA64ISAR0_EL1)
#define PFR1_SSBS	GENMASK(7, 4)

static struct kvm_vm *create_psci(struct kvm_vcpu *vcpus[2])
{
	return config_vm_create(BIT(KVM_ARM_VCPU_PSCI_0_2), vcpus);
}

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
	struct kvm_vm *vm = config_vm_create(0, vcpus);
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
