// SPDX-License-Identifier: GPL-2.0-only
/* The VMs of abi_fuzz */
#include <linux/sizes.h>

#include "abi/opt_in.h"
#include "abi/switch.h"
#include "abi/vgic_v2.h"
#include "args.h"
#include "episode.h"
#include "gic.h"
#include "guest.h"
#include "random.h"
#include "vm.h"

struct fuzz_host fuzz_host;

static bool fuzz_has_device(u32 type)
{
	struct kvm_create_device create = {
		.type = type, .flags = KVM_CREATE_DEVICE_TEST,
	};
	int fd = __kvm_ioctl(fuzz_host.kvm_fd, KVM_CREATE_VM, NULL);
	int ret = __kvm_ioctl(fd, KVM_CREATE_DEVICE, &create);

	close(fd);
	return !ret;
}

void fuzz_find_host(void)
{
	fuzz_host.kvm_fd = open_kvm_dev_path_or_exit();
	fuzz_host.run_size = __kvm_ioctl(fuzz_host.kvm_fd,
					 KVM_GET_VCPU_MMAP_SIZE, NULL);
	fuzz_host.vgic_v2 = fuzz_has_device(KVM_DEV_TYPE_ARM_VGIC_V2);
	fuzz_host.vgic_v3 = fuzz_has_device(KVM_DEV_TYPE_ARM_VGIC_V3);
	fuzz_host.el1_32bit = kvm_has_cap(KVM_CAP_ARM_EL1_32BIT);
	fuzz_host.el2 = kvm_has_cap(KVM_CAP_ARM_EL2);
	fuzz_host.sve = kvm_has_cap(KVM_CAP_ARM_SVE);
	fuzz_host.pmu = kvm_has_cap(KVM_CAP_ARM_PMU_V3);
	fuzz_host.ptrauth = kvm_has_cap(KVM_CAP_ARM_PTRAUTH_ADDRESS) &&
			    kvm_has_cap(KVM_CAP_ARM_PTRAUTH_GENERIC);
	fuzz_host.stolen_time = kvm_has_cap(KVM_CAP_STEAL_TIME);
}

static u32 fuzz_opt_in(struct fuzz *f, int vm_fd)
{
	u32 set = fuzz_below(&f->random, OPT_IN_ALL + 1);

	return opt_in_enable(vm_fd, set) ? 0 : opt_in_complete(set);
}

/* ---- Making VMs ---- */

static u64 fuzz_features(struct fuzz *f)
{
	struct fuzz_random *r = &f->random;
	u64 features = 0;

	if (!fuzz_one_in(r, 5))
		features |= BIT(KVM_ARM_VCPU_PSCI_0_2);
	if (fuzz_host.el1_32bit && !f->racing && fuzz_one_in(r, 6))
		features |= BIT(KVM_ARM_VCPU_EL1_32BIT);
	if (fuzz_host.pmu && fuzz_one_in(r, 8))
		features |= BIT(KVM_ARM_VCPU_PMU_V3);
	if (fuzz_host.sve && fuzz_one_in(r, 8))
		features |= BIT(KVM_ARM_VCPU_SVE);
	if (fuzz_host.ptrauth && fuzz_one_in(r, 8))
		features |= BIT(KVM_ARM_VCPU_PTRAUTH_ADDRESS) |
			    BIT(KVM_ARM_VCPU_PTRAUTH_GENERIC);
	/* VMs with EL2 are slow. */
	if (fuzz_host.el2 && !f->racing && fuzz_one_in(r, 16))
		features |= BIT(KVM_ARM_VCPU_HAS_EL2) |
			    (fuzz_one_in(r, 2) ? BIT(KVM_ARM_VCPU_HAS_EL2_E2H0) : 0);

	return features;
}

static u32 fuzz_gic_type(struct fuzz *f, u64 features)
{
	/* Without a GIC a VM with EL2 does not run. */
	if ((features & BIT(KVM_ARM_VCPU_HAS_EL2)) && !fuzz_one_in(&f->random, 8))
		return KVM_DEV_TYPE_ARM_VGIC_V3;
	if (!fuzz_one_in(&f->random, fuzz_host.vgic_v2 ? 2 : 3))
		return 0;
	if (fuzz_host.vgic_v2 && (!fuzz_host.vgic_v3 || fuzz_one_in(&f->random, 2)))
		return KVM_DEV_TYPE_ARM_VGIC_V2;
	return fuzz_host.vgic_v3 ? KVM_DEV_TYPE_ARM_VGIC_V3 : 0;
}

void fuzz_vm_create(struct fuzz *f, struct fuzz_vm *vm)
{
	struct kvm_userspace_memory_region region = {
		.guest_phys_addr = FUZZ_GPA,
		.memory_size = FUZZ_GUEST_SIZE,
		.userspace_addr = (u64)vm->mem,
	};
	u8 *mem = vm->mem;
	int i;

	memset(vm, 0, sizeof(*vm));
	vm->mem = mem;
	vm->gic_fd = -1;
	for (i = 0; i < FUZZ_MAX_VCPUS; i++)
		vm->vcpus[i].fd = -1;

	/* KVM_CREATE_VM takes many locks, which a signal can interrupt. */
	do {
		vm->fd = __kvm_ioctl(fuzz_host.kvm_fd, KVM_CREATE_VM, NULL);
	} while (vm->fd < 0 && errno == EINTR);
	TEST_ASSERT(vm->fd >= 0, KVM_IOCTL_ERROR(KVM_CREATE_VM, vm->fd));
	TEST_ASSERT(!__kvm_ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region),
		    "KVM_SET_USER_MEMORY_REGION: %s", strerror(errno));

	vm->idle = fuzz_one_in(&f->random, 3);
	vm->features = fuzz_features(f);
	vm->gic_type = fuzz_gic_type(f, vm->features);
	if (f->opts_in)
		vm->opted_in = fuzz_opt_in(f, vm->fd);

	fuzz_begin(f, FUZZ_CREATE_VM, vm - f->vms, vm->features, vm->opted_in,
		   vm->gic_type);
	fuzz_end(f, 0);
}

void fuzz_vm_destroy(struct fuzz_vm *vm)
{
	int i;

	for (i = 0; i < FUZZ_MAX_VCPUS; i++) {
		if (vm->vcpus[i].run)
			kvm_munmap(vm->vcpus[i].run, fuzz_host.run_size);
		if (vm->vcpus[i].fd >= 0)
			close(vm->vcpus[i].fd);
	}
	if (vm->gic_fd >= 0)
		close(vm->gic_fd);
	close(vm->fd);
	vm->fd = -1;
}

void fuzz_vcpu_create(struct fuzz *f, struct fuzz_vm *vm, u64 id)
{
	struct fuzz_vcpu *vcpu = &vm->vcpus[vm->nr_vcpus];
	int fd;

	fuzz_begin(f, FUZZ_CREATE_VCPU, vm - f->vms, id);
	fd = ioctl(vm->fd, KVM_CREATE_VCPU, id);
	fuzz_end(f, FUZZ_ERR(fd));
	if (fd < 0)
		return;

	vcpu->fd = fd;
	vcpu->run = kvm_mmap(fuzz_host.run_size, PROT_READ | PROT_WRITE,
			     MAP_SHARED, fd);
	vm->nr_vcpus++;
}

void fuzz_vcpu_init(struct fuzz *f, struct fuzz_vm *vm, int nr, u32 target,
		    u64 features, u32 last)
{
	struct kvm_vcpu_init init = { .target = target };
	int ret;

	init.features[0] = features;
	init.features[6] = last;
	fuzz_begin(f, FUZZ_VCPU_INIT, nr, target, features, last);
	ret = ioctl(vm->vcpus[nr].fd, KVM_ARM_VCPU_INIT, fuzz_arg(f, &init));
	fuzz_end(f, FUZZ_ERR(ret));
	if (!ret && !vm->configured)
		vm->configured = BIT(63) | features;
}

static int fuzz_gic_set(struct fuzz *f, struct fuzz_vm *vm, u32 group, u64 attr,
			u64 addr)
{
	struct kvm_device_attr kattr = {
		.group = group, .attr = attr, .addr = addr,
	};
	int ret;

	fuzz_begin(f, FUZZ_GIC_ATTR, vm - f->vms, group, attr, !!addr);
	ret = ioctl(vm->gic_fd, KVM_SET_DEVICE_ATTR, &kattr);
	fuzz_end(f, FUZZ_ERR(ret));
	return ret;
}

/* At addresses above the guest's memory; initialised or not */
static void fuzz_gic_create(struct fuzz *f, struct fuzz_vm *vm)
{
	struct kvm_create_device create = { .type = vm->gic_type };
	u64 dist = GICD_BASE_GPA, cpu = GICC_BASE_GPA, redist = GICR_BASE_GPA;
	bool is_v2 = vm->gic_type == KVM_DEV_TYPE_ARM_VGIC_V2;
	int ret;

	fuzz_begin(f, FUZZ_GIC_CREATE, vm - f->vms, vm->gic_type);
	ret = ioctl(vm->fd, KVM_CREATE_DEVICE, &create);
	fuzz_end(f, FUZZ_ERR(ret));
	if (ret)
		return;

	vm->gic_fd = create.fd;
	fuzz_gic_set(f, vm, KVM_DEV_ARM_VGIC_GRP_ADDR,
		     is_v2 ? KVM_VGIC_V2_ADDR_TYPE_DIST :
			     KVM_VGIC_V3_ADDR_TYPE_DIST, (u64)&dist);
	fuzz_gic_set(f, vm, KVM_DEV_ARM_VGIC_GRP_ADDR,
		     is_v2 ? KVM_VGIC_V2_ADDR_TYPE_CPU :
			     KVM_VGIC_V3_ADDR_TYPE_REDIST,
		     (u64)(is_v2 ? &cpu : &redist));
	if (!fuzz_one_in(&f->random, 4))
		fuzz_gic_set(f, vm, KVM_DEV_ARM_VGIC_GRP_CTRL,
			     KVM_DEV_ARM_VGIC_CTRL_INIT, 0);
}

void fuzz_vm_fill(struct fuzz *f, struct fuzz_vm *vm)
{
	int i, nr = 1 + fuzz_below(&f->random, 3);

	if (fuzz_one_in(&f->random, 16))
		return;

	for (i = 0; i < nr; i++)
		fuzz_vcpu_create(f, vm, i);
	if (fuzz_one_in(&f->random, 16))
		return;

	for (i = 0; i < vm->nr_vcpus; i++)
		fuzz_vcpu_init(f, vm, i, KVM_ARM_TARGET_GENERIC_V8,
			       vm->features | (i ? BIT(KVM_ARM_VCPU_POWER_OFF) : 0),
			       0);
	if (vm->gic_type)
		fuzz_gic_create(f, vm);
}

void fuzz_vm_setup(struct fuzz *f, struct fuzz_vm *vm)
{
	fuzz_vm_create(f, vm);
	fuzz_vm_fill(f, vm);
}
