// SPDX-License-Identifier: GPL-2.0-only
/* The VMs whose calls fail */
#include <asm/kvm_migration.h>
#include <linux/sizes.h>

#include "abi/cases.h"
#include "abi/fw_reg.h"
#include "abi/id_reg.h"
#include "abi/opt_in.h"
#include "abi/switch.h"
#include "abi/vgic_v2.h"
#include "abi/vm_reg.h"
#include "call.h"
#include "config.h"
#include "filter.h"
#include "gic.h"
#include "processor.h"
#include "vm.h"

static struct kvm_vcpu *fault_vcpu_add(struct kvm_vm *vm, u32 id)
{
	struct kvm_vcpu *vcpu = __vm_vcpu_add(vm, id);

	vcpu->init = vm_reg_vcpu_init(vm, BIT(KVM_ARM_VCPU_PSCI_0_2));
	vcpu_ioctl(vcpu, KVM_ARM_VCPU_INIT, &vcpu->init);
	return vcpu;
}

void fault_add_plain(void)
{
	struct kvm_vm *vm = vm_create_barebones();
	struct kvm_vcpu *vcpu = fault_vcpu_add(vm, 0);

	fault_vms.plain = vm;
	fault_vms.plain_vcpu = vcpu;
	fault_add_fw_regs("vCPU", vcpu->fd, 0);
	fault_add_id_regs("vCPU", vcpu->fd, 0);
	fault_add_list("vCPU", vcpu->fd, 0);
	fault_add_structs("vCPU", vcpu->fd);
	fault_add_masks("VM", vm->fd, KVM_ARM_FEATURE_ID_RANGE, NR_ID_REGS);
	fault_add_vm_structs("VM", vm->fd, KVM_ARM_FEATURE_ID_RANGE);
	fault_add_filter();
}

void fault_add_opted(void)
{
	struct kvm_vm *vm = vm_create_barebones();
	struct kvm_vcpu *vcpu;

	opt_in(vm, OPT_IN_ALL);
	vcpu = fault_vcpu_add(vm, 0);

	fault_vms.opted = vm;
	fault_vms.opted_vcpu = vcpu;
	fault_add_fw_regs("VM, opted in", vm->fd, 0);
	fault_add_levels("VM, opted in", vm->fd, 0);
	fault_add_list("VM, opted in", vm->fd, 0);
	fault_add_structs("VM, opted in", vm->fd);
	fault_add_masks("VM, opted in", vm->fd, KVM_ARM_FEATURE_ID_RANGE,
			NR_ID_REGS);
	fault_add_masks("VM, opted in", vm->fd, KVM_ARM_GIC_RANGE,
			KVM_ARM_GIC_RANGE_SIZE);
	fault_add_masks("VM, opted in", vm->fd, KVM_ARM_FW_RANGE,
			KVM_ARM_FW_RANGE_SIZE);
	fault_add_vm_structs("VM, opted in", vm->fd, KVM_ARM_FW_RANGE);
	fault_add_config("VM, opted in", vm->fd);
	fault_add_config_list("VM, opted in");
	fault_add_filter_list("VM, opted in");

	fault_add_fw_regs("vCPU, opted in", vcpu->fd, 0);
	fault_add_levels("vCPU, opted in", vcpu->fd, 0);
	/* The scopes are added to the ids of system registers at the end. */
	fault_add_list("vCPU, opted in", vcpu->fd, KVM_REG_ARM_SCOPE_VM);
	fault_add_structs("vCPU, opted in", vcpu->fd);
	fault_add_config("vCPU, opted in", vcpu->fd);
	fault_add_fw_regs("vCPU, scope", vcpu->fd, KVM_REG_ARM_SCOPE_VM);
	fault_add_id_regs("vCPU, scope", vcpu->fd, KVM_REG_ARM_SCOPE_VM);
	fault_add_enable_caps();
}

bool fault_has_gic_v2(void)
{
	return !kvm_supports_vgic_v3() && vgic_v2_supported();
}

static struct vgic_v2 fault_gic_create(void)
{
	struct vgic_v2 v = { .vm = vm_create_barebones(), .nr_vcpus = 1 };
	u64 dist = GICD_BASE_GPA, cpu = GICC_BASE_GPA;

	if (abi_present())
		opt_in(v.vm, BIT(OPT_IN_PMR));
	v.vcpus[0] = fault_vcpu_add(v.vm, 0);
	v.fd = kvm_create_device(v.vm, KVM_DEV_TYPE_ARM_VGIC_V2);
	kvm_device_attr_set(v.fd, KVM_DEV_ARM_VGIC_GRP_ADDR,
			    KVM_VGIC_V2_ADDR_TYPE_DIST, &dist);
	kvm_device_attr_set(v.fd, KVM_DEV_ARM_VGIC_GRP_ADDR,
			    KVM_VGIC_V2_ADDR_TYPE_CPU, &cpu);
	return v;
}

static void fault_add_gic_reg(const char *of, struct vgic_v2 *v, const char *name,
			      u32 group, u32 offset)
{
	struct fault_call *c;
	u32 val;
	int i;

	for (i = 0; i < 2; i++) {
		c = fault_add("%s: %s %s", of, i ? "SET" : "GET", name);
		c->run = fault_run_attr;
		c->fd = v->fd;
		c->cmd = i ? KVM_SET_DEVICE_ATTR : KVM_GET_DEVICE_ATTR;
		c->group = group;
		c->id = vgic_v2_attr(0, offset);
		c->size = 4;
		c->writes = !i;
	}
	c->get_cmd = KVM_GET_DEVICE_ATTR;
	c->in_size = 4;
	val = vgic_v2_get(v, group, 0, offset);
	memcpy(c->now, &val, 4);
	val = ~val;
	memcpy(c->in, &val, 4);
}

void fault_add_gic(void)
{
	struct vgic_v2 *v = &fault_vms.gic;
	struct kvm_device_attr attr = {
		.group = KVM_DEV_ARM_VGIC_GRP_CPU_REGS,
		.attr = GICC_PMR,
		.addr = (u64)fault_scratch,
	};
	int i;

	*v = fault_gic_create();
	gicc_set_pattern(v);
	for (i = 0; i < NR_GICC_REGS; i++)
		fault_add_gic_reg("GICv2", v, gicc_regs[i].name,
				  KVM_DEV_ARM_VGIC_GRP_CPU_REGS, gicc_regs[i].offset);
	fault_add_struct("GICv2", "struct kvm_device_attr", v->fd,
			 KVM_GET_DEVICE_ATTR, &attr, sizeof(attr), 0);

	if (abi_present())
		fault_add_gic_reg("GICv2", v, "canonical GICC_PMR",
				  KVM_DEV_ARM_VGIC_GRP_CANONICAL, GICC_PMR);
}

void fault_state_read(struct fault_state *s)
{
	struct kvm_vcpu *vcpu[] = {
		fault_vms.plain_vcpu, fault_vms.opted_vcpu
	};
	struct kvm_reg_list *list;
	int i, nr;
	u64 j;

	memset(s, 0, sizeof(*s));
	if (fault_vms.gic.vm)
		s->gic = gicc_state_read(&fault_vms.gic);
	for (i = 0; i < 2; i++) {
		if (!vcpu[i])
			continue;

		s->fw[i] = fw_state_read(vcpu[i]);
		/* Whichever scope the id has */
		list = vcpu_get_reg_list(vcpu[i]);
		for (j = 0; j < list->n; j++) {
			for (nr = 0; nr < NR_ID_REGS; nr++) {
				if ((list->reg[j] & ~KVM_REG_ARM_SCOPE_MASK) ==
				    id_reg(nr))
					s->id[i].val[nr] =
						vcpu_get_reg(vcpu[i], id_reg(nr));
			}
		}
		free(list);
	}
	if (fault_vms.opted)
		s->vm = vm_reg_state_read(fault_vms.opted, VM_REG_MAX);
}

void __fault_expect_state(int line, const struct fault_state *want,
			  const char *when)
{
	static struct fault_state now;

	fault_state_read(&now);
	__test_expect(line, !memcmp(now.fw, want->fw, sizeof(now.fw)),
		      "%s: firmware registers have changed", when);
	__test_expect(line, !memcmp(&now.vm, &want->vm, sizeof(now.vm)),
		      "%s: registers of the VM have changed", when);
	__test_expect(line, !memcmp(now.id, want->id, sizeof(now.id)),
		      "%s: ID registers have changed", when);
	__test_expect(line, !memcmp(&now.gic, &want->gic, sizeof(now.gic)),
		      "%s: registers of the GICv2 have changed", when);
}

void fault_add_all(void)
{
	fault_add_plain();
	if (abi_present()) {
		fault_add_opted();
		fault_add_mode();
	}
	if (fault_has_gic_v2())
		fault_add_gic();
}

void fault_free_all(void)
{
	kvm_vm_free(fault_vms.plain);
	if (fault_vms.opted)
		kvm_vm_free(fault_vms.opted);
	if (fault_vms.gic.vm)
		vgic_v2_free(&fault_vms.gic);
	if (fault_own_vm)
		kvm_vm_free(fault_own_vm);
	fault_free_config();
	fault_free_filter_list();
}

void fault_run_cases(void (*check)(int nr), const struct test_case *more,
		     int nr_more)
{
	int i, nr = fault_nr_calls + nr_more + 1;
	struct test_case *cases, *c;

	cases = calloc(nr, sizeof(*cases));
	TEST_ASSERT(cases, "calloc()");
	c = cases;
	for (i = 0; i < fault_nr_calls; i++)
		*c++ = (struct test_case) { fault_calls[i].name, check, i };
	for (i = 0; i < nr_more; i++)
		*c++ = more[i];
	*c = (struct test_case) {
		"switch: no mismatch, C and Rust served calls, mode restored",
		abi_check_stats
	};

	test_set_plan(nr);
	test_run_cases(cases, nr);

	free(cases);
	fault_free_all();
	test_finished();
}
