// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is saved, of a VM whose vCPUs are not in KVM_RUN.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm.h"

/* ---- A register ---- */

uint32_t reg_size(uint64_t id)
{
	return 1u << ((id & KVM_REG_SIZE_MASK) >> KVM_REG_SIZE_SHIFT);
}

static int access_reg(int fd, unsigned long request, const struct reg *reg)
{
	struct kvm_one_reg one = {
		.id = reg->id,
		.addr = (uintptr_t)reg->bytes,
	};

	if (!ioctl(fd, request, &one))
		return 0;
	/* What a person needs to find out why: the register, the value, the errno */
	fprintf(stderr, "register %#llx, %#llx: %s\n",
		(unsigned long long)reg->id, (unsigned long long)reg->val,
		strerror(errno));
	return -1;
}

int vmm_get_reg(int fd, struct reg *reg)
{
	return access_reg(fd, KVM_GET_ONE_REG, reg);
}

int vmm_set_reg(int fd, const struct reg *reg)
{
	return access_reg(fd, KVM_SET_ONE_REG, reg);
}

/* ---- GICC_PMR ---- */

/* The group of a GICv2 that has all eight bits, or else that of the upper five */
uint32_t pmr_group(const struct vm *vm, const struct machine *m)
{
	struct kvm_device_attr eight = {
		.group = KVM_DEV_ARM_VGIC_GRP_CANONICAL,
		.attr = GICC_PMR,
	};

	if (m->gic != KVM_DEV_TYPE_ARM_VGIC_V2)
		return 0;
	return ioctl(vm->gic_fd, KVM_HAS_DEVICE_ATTR, &eight) ?
	       KVM_DEV_ARM_VGIC_GRP_CPU_REGS : KVM_DEV_ARM_VGIC_GRP_CANONICAL;
}

int gicc_pmr(const struct vm *vm, uint32_t group, unsigned long request,
	     uint32_t vcpu, uint32_t *pmr)
{
	if (!group)
		return 0;
	/* -ENXIO: this host has no such group. */
	return gic_attr(vm->gic_fd, request, group,
			(uint64_t)vcpu << KVM_DEV_ARM_VGIC_CPUID_SHIFT | GICC_PMR,
			pmr);
}

/* ---- The filter ---- */

/* The ranges as they were set, for the destination to set them again */
static int save_filters(const struct vm *vm, struct machine *m)
{
	struct kvm_arm_smccc_filter_list list = {
		.n = MAX_FILTERS,
		.ranges = (uintptr_t)m->filter,
	};
	struct kvm_device_attr attr = {
		.group = KVM_ARM_VM_SMCCC_CTRL,
		.attr = KVM_ARM_VM_SMCCC_FILTER_LIST,
		.addr = (uintptr_t)&list,
	};

	/* Without it, they are those of the machine type. */
	if (!(m->opt_in & KVM_ARM_MIGRATION_FILTER_LIST))
		return 0;
	if (ioctl(vm->fd, KVM_GET_DEVICE_ATTR, &attr)) {
		/* -E2BIG: list.n is now what is needed. */
		fprintf(stderr, "the filter: %s\n", strerror(errno));
		return -1;
	}
	m->nr_filters = list.n;
	return 0;
}

/* ---- Save ---- */

static int save_vcpu(int vcpu_fd, struct saved_vcpu *s)
{
	struct {
		uint64_t n;
		uint64_t id[MAX_REGS];
	} list = { .n = MAX_REGS };

	/* -E2BIG: list.n is now what is needed. -EPERM: SVE is not finalized. */
	if (ioctl(vcpu_fd, KVM_GET_REG_LIST, &list) ||
	    ioctl(vcpu_fd, KVM_GET_MP_STATE, &s->mp_state)) {
		fprintf(stderr, "a vCPU: %s\n", strerror(errno));
		return -1;
	}

	s->nr = list.n;
	for (uint32_t i = 0; i < s->nr; i++) {
		/* Ids have their scope only on this side. */
		s->reg[i] = (struct reg){ .id = list.id[i] & ~(uint64_t)KVM_REG_ARM_SCOPE_MASK };
		if (reg_size(s->reg[i].id) > sizeof(s->reg[i].bytes) ||
		    vmm_get_reg(vcpu_fd, &s->reg[i]))
			return -1;
	}
	return 0;
}

int vmm_save(const struct vm *vm, const struct machine *m, struct saved *s)
{
	memset(s, 0, sizeof(*s));
	s->machine = *m;
	s->pmr_group = pmr_group(vm, m);
	if (save_filters(vm, &s->machine))
		return -1;
	for (uint32_t i = 0; i < m->nr_vcpus; i++) {
		if (save_vcpu(vm->vcpu_fd[i], &s->vcpu[i]) ||
		    gicc_pmr(vm, s->pmr_group, KVM_GET_DEVICE_ATTR, i,
			     &s->vcpu[i].gicc_pmr))
			return -1;
	}
	return gic_attr(vm->gic_fd, KVM_GET_DEVICE_ATTR,
			KVM_DEV_ARM_VGIC_GRP_DIST_REGS, GICD_IIDR, &s->gicd_iidr);
}
