// SPDX-License-Identifier: GPL-2.0-only
/* What a VM has opted in to, by its behaviour */
#include <asm/kvm_migration.h>
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/fw_reg.h"
#include "abi/one_reg.h"
#include "abi/opt_in_probe.h"
#include "processor.h"

/* Whether the VM has @range. If not, the array must not be written. */
static bool opt_in_has_range(int vm_fd, u32 range)
{
	u64 array[KVM_ARM_GIC_RANGE_SIZE];
	struct reg_mask_range request = { .addr = (u64)array, .range = range };
	int i, ret;

	for (i = 0; i < ARRAY_SIZE(array); i++)
		array[i] = OPT_IN_CANARY;

	ret = ioctl(vm_fd, KVM_ARM_GET_REG_WRITABLE_MASKS, &request) ?
	      errno : 0;
	test_expect(!ret || ret == EINVAL, "range %u: %s", range,
		    strerror(ret));
	for (i = 0; ret && i < ARRAY_SIZE(array); i++)
		test_expect(array[i] == OPT_IN_CANARY, "range %u: written to",
			    range);
	return !ret;
}

/* Whether the VM's fd has a list. vm_one_reg tests its contents. */
static bool opt_in_has_vm_regs(int vm_fd)
{
	struct kvm_reg_list list = { .n = 0 };
	int ret = one_reg_list(vm_fd, &list);

	test_expect(ret == E2BIG || (ret == EINVAL && !list.n),
		    "KVM_ARM_VM_GET_REG_LIST: %s, n %llu", strerror(ret),
		    list.n);
	return ret == E2BIG;
}

/* Whether the VM's fd has a configuration. vm_config tests its contents. */
static bool opt_in_has_config(int vm_fd)
{
	struct kvm_arm_vm_config request = {
		.entry_size = sizeof(struct kvm_arm_vm_config_entry),
	};
	int ret = ioctl(vm_fd, KVM_ARM_VM_CONFIG, &request) ? errno : 0;

	test_expect((ret == E2BIG && request.n) || (ret == EINVAL && !request.n),
		    "KVM_ARM_VM_CONFIG: %s, n %u", strerror(ret), request.n);
	return ret == E2BIG;
}

/* Whether the VM's filter can be read. smccc_filter_list tests what is read. */
static bool opt_in_has_filter_list(int vm_fd)
{
	struct kvm_arm_smccc_filter_list request = {};
	struct kvm_device_attr attr = {
		.group = KVM_ARM_VM_SMCCC_CTRL,
		.attr = KVM_ARM_VM_SMCCC_FILTER_LIST,
		.addr = (u64)&request,
	};
	int ret = ioctl(vm_fd, KVM_GET_DEVICE_ATTR, &attr) ? errno : 0;

	test_expect(!ret || ret == E2BIG || ret == EINVAL,
		    "KVM_ARM_VM_SMCCC_FILTER_LIST: %s", strerror(ret));
	return ret != EINVAL;
}

u32 opt_in_probe_vm(int vm_fd)
{
	u32 parts = 0;

	if (opt_in_has_range(vm_fd, KVM_ARM_GIC_RANGE))
		parts |= BIT(OPT_IN_GIC_MASKS);
	if (opt_in_has_range(vm_fd, KVM_ARM_FW_RANGE))
		parts |= BIT(OPT_IN_FW_MASKS);
	if (opt_in_has_vm_regs(vm_fd))
		parts |= BIT(OPT_IN_VM_REGS);
	if (opt_in_has_config(vm_fd))
		parts |= BIT(OPT_IN_VM_CONFIG);
	if (opt_in_has_filter_list(vm_fd))
		parts |= BIT(OPT_IN_FILTER_LIST);
	/* Only a GICv2 shows it: vgic_v2_canonical_pmr. */
	parts |= opt_in_get(vm_fd) & BIT(OPT_IN_PMR);

	return parts;
}

u32 opt_in_probe(struct kvm_vcpu *vcpu)
{
	u32 parts = opt_in_probe_vm(vcpu->vm->fd);
	u64 version, other;
	struct kvm_reg_list *list = vcpu_get_reg_list(vcpu);
	int ret;
	u64 i;

	for (i = 0; i < list->n; i++) {
		if ((list->reg[i] & KVM_REG_ARM_COPROC_MASK) ==
		    KVM_REG_ARM_FEATURE_LEVEL)
			parts |= BIT(OPT_IN_LEVELS);
		if (list->reg[i] & KVM_REG_ARM_SCOPE_MASK)
			parts |= BIT(OPT_IN_SCOPE);
	}
	free(list);

	ret = one_reg_get(vcpu, KVM_REG_ARM_FEATURE_LEVEL_REG(0), &version);
	test_expect(ret == (parts & BIT(OPT_IN_LEVELS) ? 0 : ENOENT),
		    "levels: %s", strerror(ret));
	ret = one_reg_get(vcpu, KVM_REG_ARM_PSCI_VERSION | KVM_REG_ARM_SCOPE_VM,
			  &version);
	test_expect(ret == (parts & BIT(OPT_IN_SCOPE) ? 0 : ENOENT),
		    "PSCI_VERSION with a scope: %s", strerror(ret));

	vcpu->run->immediate_exit = 1;
	ret = __vcpu_run(vcpu);
	test_expect(ret == -1 && errno == EINTR, "KVM_RUN: %d, %s", ret,
		    strerror(errno));
	vcpu->run->immediate_exit = 0;

	version = vcpu_get_reg(vcpu, KVM_REG_ARM_PSCI_VERSION);
	other = version == FW_PSCI_LATEST ? PSCI_VERSION(1, 0) : FW_PSCI_LATEST;
	ret = one_reg_set(vcpu, KVM_REG_ARM_PSCI_VERSION, other);
	test_expect(!ret || ret == EBUSY, "PSCI_VERSION: %s", strerror(ret));
	if (ret == EBUSY)
		parts |= BIT(OPT_IN_FREEZE);
	test_expect(!one_reg_set(vcpu, KVM_REG_ARM_PSCI_VERSION, version),
		    "PSCI_VERSION cannot be written back");

	return parts;
}

void __opt_in_expect_parts(int line, struct kvm_vm *vm, u32 want,
			   const char *when)
{
	struct kvm_vcpu *vcpu;
	u32 parts, i;
	int cap;

	cap = opt_in_get(vm->fd);
	__test_expect(line, cap == want, "%s: is said to have %#x, not %#x",
		      when, cap, want);
	cap = vm_check_cap(vm, KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES);
	__test_expect(line, cap == ((want & OPT_IN_RANGES) |
				    BIT(KVM_ARM_FEATURE_ID_RANGE)),
		      "%s: ranges %#x", when, cap);

	fw_vm_add_vcpus(vm, 1, BIT(KVM_ARM_VCPU_PSCI_0_2), fw_guest_code,
			&vcpu);
	parts = opt_in_probe(vcpu);
	for (i = 0; i < NR_OPT_INS; i++)
		__test_expect(line, !((parts ^ want) & BIT(i)), "%s: has %s%s",
			      when, parts & BIT(i) ? "" : "no ",
			      opt_in_names[i]);
}

struct test_case opt_in_case(const struct test_case *check, const char *prefix,
			     int arg)
{
	struct test_case c = { .run = check->run, .arg = arg };
	char *name;

	TEST_ASSERT(asprintf(&name, "%s: %s", prefix, check->name) > 0,
		    "asprintf()");
	c.name = name;
	return c;
}
