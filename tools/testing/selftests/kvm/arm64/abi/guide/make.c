// SPDX-License-Identifier: GPL-2.0-only
/*
 * A new VM with what must be there before its registers: steps 1 to 5.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmm.h"

/* ---- Opt in ---- */

static int enable(int vm_fd, uint32_t nr, uint64_t arg)
{
	struct kvm_enable_cap cap = { .cap = nr, .args = { arg } };

	if (!ioctl(vm_fd, KVM_ENABLE_CAP, &cap))
		return 0;
	fprintf(stderr, "capability %#x <- %#llx: %s\n", nr,
		(unsigned long long)arg, strerror(errno));
	return -1;
}

static int opt_in(int vm_fd, const struct machine *m)
{
	/* -EINVAL if the host does not know one of the bits: it cannot have this VM. */
	if (m->opt_in && enable(vm_fd, KVM_CAP_ARM_MIGRATION, m->opt_in))
		return -1;
	if (m->imp_id_regs && enable(vm_fd, KVM_CAP_ARM_WRITABLE_IMP_ID_REGS, 0))
		return -1;
	return 0;
}

/* ---- The filter ---- */

static int set_filters(int vm_fd, const struct machine *m)
{
	for (uint32_t i = 0; i < m->nr_filters; i++) {
		struct kvm_device_attr attr = {
			.group = KVM_ARM_VM_SMCCC_CTRL,
			.attr = KVM_ARM_VM_SMCCC_FILTER,
			.addr = (uintptr_t)&m->filter[i],
		};

		if (ioctl(vm_fd, KVM_SET_DEVICE_ATTR, &attr)) {
			fprintf(stderr, "filter from %#x: %s\n",
				m->filter[i].base, strerror(errno));
			return -1;
		}
	}
	return 0;
}

/* ---- The vCPUs ---- */

static int make_vcpus(struct vm *vm, const struct machine *m)
{
	struct kvm_vcpu_init init;

	if (ioctl(vm->fd, KVM_ARM_PREFERRED_TARGET, &init))
		return -1;
	memcpy(init.features, m->init.features, sizeof(init.features));

	for (uint32_t i = 0; i < m->nr_vcpus; i++) {
		vm->vcpu_fd[i] = ioctl(vm->fd, KVM_CREATE_VCPU, i);
		if (vm->vcpu_fd[i] < 0 ||
		    ioctl(vm->vcpu_fd[i], KVM_ARM_VCPU_INIT, &init)) {
			fprintf(stderr, "vCPU %u: %s\n", i, strerror(errno));
			return -1;
		}
	}
	return 0;
}

/* ---- SVE ---- */

static bool has_sve(const struct machine *m)
{
	return m->init.features[0] & 1 << KVM_ARM_VCPU_SVE;
}

/*
 * The vector lengths can be set before this, and the lists of registers are there
 * after it.
 */
static int finalize(const struct vm *vm, const struct machine *m,
		    const struct reg *lengths)
{
	int sve = KVM_ARM_VCPU_SVE;

	for (uint32_t i = 0; has_sve(m) && i < m->nr_vcpus; i++) {
		if (lengths && vmm_set_reg(vm->vcpu_fd[i], lengths))
			return -1;
		if (ioctl(vm->vcpu_fd[i], KVM_ARM_VCPU_FINALIZE, &sve)) {
			fprintf(stderr, "vCPU %u: SVE: %s\n", i, strerror(errno));
			return -1;
		}
	}
	return 0;
}

/* ---- The interrupt controller ---- */

int gic_attr(int gic_fd, unsigned long request, uint32_t group, uint64_t attr,
	     void *val)
{
	struct kvm_device_attr access = {
		.group = group,
		.attr = attr,
		.addr = (uintptr_t)val,
	};

	if (!ioctl(gic_fd, request, &access))
		return 0;
	fprintf(stderr, "GIC group %#x attribute %#llx: %s\n", group,
		(unsigned long long)attr, strerror(errno));
	return -1;
}

static int make_gic(struct vm *vm, const struct machine *m)
{
	bool v2 = m->gic == KVM_DEV_TYPE_ARM_VGIC_V2;
	uint64_t dist = v2 ? KVM_VGIC_V2_ADDR_TYPE_DIST : KVM_VGIC_V3_ADDR_TYPE_DIST;
	uint64_t cpus = v2 ? KVM_VGIC_V2_ADDR_TYPE_CPU : KVM_VGIC_V3_ADDR_TYPE_REDIST;
	uint64_t dist_at = 0x08000000, cpus_at = 0x08010000;
	struct kvm_create_device device = { .type = m->gic };

	if (ioctl(vm->fd, KVM_CREATE_DEVICE, &device)) {
		fprintf(stderr, "GIC: %s\n", strerror(errno));
		return -1;
	}
	vm->gic_fd = device.fd;
	if (gic_attr(vm->gic_fd, KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_ADDR,
		     dist, &dist_at) ||
	    gic_attr(vm->gic_fd, KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_ADDR,
		     cpus, &cpus_at))
		return -1;
	return gic_attr(vm->gic_fd, KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_CTRL,
			KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
}

/* ---- All of it ---- */

int vmm_make(int kvm_fd, const struct machine *m, const struct reg *lengths,
	     struct vm *vm)
{
	memset(vm, -1, sizeof(*vm));
	vm->fd = ioctl(kvm_fd, KVM_CREATE_VM, 0);
	if (vm->fd >= 0 && !opt_in(vm->fd, m) && !set_filters(vm->fd, m) &&
	    !make_vcpus(vm, m) && !finalize(vm, m, lengths) && !make_gic(vm, m))
		return 0;
	vmm_close(vm);
	return -1;
}

void vmm_close(struct vm *vm)
{
	for (int i = 0; i < MAX_VCPUS; i++)
		close(vm->vcpu_fd[i]);
	close(vm->gic_fd);
	close(vm->fd);
}
