// SPDX-License-Identifier: GPL-2.0-only
/*
 * vm_dead - A VM whose first run has failed half-way cannot be used any more.
 *
 * A KVM_RUN that cannot map the interrupt controller, as it has no address or
 * is not initialised, makes the VM dead for good. Each ioctl on each of its
 * file descriptors fails with EIO from then on, before it uses any argument,
 * whatever the VM has opted in to. Other VMs are not affected.
 */
#include <linux/psci.h>
#include <linux/sizes.h>

#include "abi/cases.h"
#include "abi/fw_reg.h"
#include "abi/opt_in.h"
#include "abi/smccc_call.h"
#include "abi/smccc_guest.h"
#include "abi/smccc_sysreg.h"
#include "abi/switch.h"
#include "gic.h"

#define PSCI_0_2	BIT(KVM_ARM_VCPU_PSCI_0_2)

/* ---- The ioctls ---- */

struct request {
	const char *name;
	unsigned long nr;
};

#define REQUEST(nr)	{ #nr, nr }

static const struct request vm_requests[] = {
	REQUEST(KVM_CHECK_EXTENSION),
	REQUEST(KVM_CREATE_VCPU),
	REQUEST(KVM_ENABLE_CAP),
	REQUEST(KVM_SET_USER_MEMORY_REGION),
	REQUEST(KVM_SET_USER_MEMORY_REGION2),
	REQUEST(KVM_GET_DIRTY_LOG),
	REQUEST(KVM_CLEAR_DIRTY_LOG),
	REQUEST(KVM_REGISTER_COALESCED_MMIO),
	REQUEST(KVM_IRQFD),
	REQUEST(KVM_IOEVENTFD),
	REQUEST(KVM_SIGNAL_MSI),
	REQUEST(KVM_IRQ_LINE),
	REQUEST(KVM_SET_GSI_ROUTING),
	REQUEST(KVM_CREATE_DEVICE),
	REQUEST(KVM_GET_STATS_FD),
	REQUEST(KVM_CREATE_IRQCHIP),
	REQUEST(KVM_ARM_PREFERRED_TARGET),
	REQUEST(KVM_ARM_SET_DEVICE_ADDR),
	REQUEST(KVM_ARM_SET_COUNTER_OFFSET),
	REQUEST(KVM_ARM_GET_REG_WRITABLE_MASKS),
	REQUEST(KVM_GET_ONE_REG),
	REQUEST(KVM_SET_ONE_REG),
	REQUEST(KVM_GET_REG_LIST),
	REQUEST(KVM_ARM_VM_GET_ONE_REG),
	REQUEST(KVM_ARM_VM_SET_ONE_REG),
	REQUEST(KVM_ARM_VM_GET_REG_LIST),
	REQUEST(KVM_ARM_VM_CONFIG),
	REQUEST(KVM_SET_DEVICE_ATTR),
	REQUEST(KVM_GET_DEVICE_ATTR),
	REQUEST(KVM_HAS_DEVICE_ATTR),
	{ "an unknown request", _IO(KVMIO, 0xff) },
	{ "a request of another kind", _IO('x', 1) },
};

static const struct request vcpu_requests[] = {
	REQUEST(KVM_RUN),
	REQUEST(KVM_ARM_VCPU_INIT),
	REQUEST(KVM_ARM_VCPU_FINALIZE),
	REQUEST(KVM_GET_ONE_REG),
	REQUEST(KVM_SET_ONE_REG),
	REQUEST(KVM_GET_REG_LIST),
	REQUEST(KVM_ARM_VM_CONFIG),
	REQUEST(KVM_GET_MP_STATE),
	REQUEST(KVM_SET_MP_STATE),
	REQUEST(KVM_GET_VCPU_EVENTS),
	REQUEST(KVM_SET_VCPU_EVENTS),
	REQUEST(KVM_SET_GUEST_DEBUG),
	REQUEST(KVM_SET_SIGNAL_MASK),
	REQUEST(KVM_GET_STATS_FD),
	REQUEST(KVM_ENABLE_CAP),
	REQUEST(KVM_SET_DEVICE_ATTR),
	REQUEST(KVM_GET_DEVICE_ATTR),
	REQUEST(KVM_HAS_DEVICE_ATTR),
	{ "an unknown request", _IO(KVMIO, 0xff) },
	{ "a request of another kind", _IO('x', 1) },
};

static const struct request gic_requests[] = {
	REQUEST(KVM_SET_DEVICE_ATTR),
	REQUEST(KVM_GET_DEVICE_ATTR),
	REQUEST(KVM_HAS_DEVICE_ATTR),
	{ "an unknown request", _IO(KVMIO, 0xff) },
};

/* Larger than any structure above, filled with an invalid value */
static u8 argument[4096], untouched[4096];

static void expect_eio(int fd, const struct request *requests, int nr)
{
	/* NULL, unmapped, the kernel's, valid, and unaligned */
	void *args[] = { NULL, (void *)8, (void *)~0xfffUL, argument, (void *)1 };
	int i, j, ret;

	memset(argument, 0x5a, sizeof(argument));
	memset(untouched, 0x5a, sizeof(untouched));
	for (i = 0; i < nr; i++) {
		for (j = 0; j < ARRAY_SIZE(args); j++) {
			ret = ioctl(fd, requests[i].nr, args[j]);
			test_expect(ret == -1 && errno == EIO, "%s(%p): %d, %s",
				    requests[i].name, args[j], ret,
				    ret < 0 ? strerror(errno) : "no error");
		}
		test_expect(!memcmp(argument, untouched, sizeof(argument)),
			    "%s has written its argument", requests[i].name);
	}
}

static void expect_vm_eio(int fd)
{
	expect_eio(fd, vm_requests, ARRAY_SIZE(vm_requests));
}

static void expect_vcpu_eio(struct kvm_vcpu *vcpu)
{
	expect_eio(vcpu->fd, vcpu_requests, ARRAY_SIZE(vcpu_requests));
}

/* ---- VMs that die ---- */

enum death {
	/* The GIC has no address; or it has one, but is not initialised. */
	NO_ADDRESS,
	NOT_INITIALISED,
};

struct dead_vm {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpus[2];
	int gic_fd;
};

/* A new VM that has opted in to everything, or to nothing */
static struct dead_vm dead_vm_create(bool opts_in)
{
	struct dead_vm d = { .vm = smccc_vm_create_empty(0) };

	if (opts_in)
		opt_in(d.vm, OPT_IN_ALL);
	smccc_vm_add_vcpus(d.vm, ARRAY_SIZE(d.vcpus), PSCI_0_2, d.vcpus);
	d.gic_fd = kvm_create_device(d.vm, smccc_gic_type());
	return d;
}

static void __dead_vm_run(int line, struct dead_vm *d, enum death death)
{
	u64 addr = GICD_BASE_GPA;
	int ret, want = ENXIO;

	if (death == NOT_INITIALISED) {
		kvm_device_attr_set(d->gic_fd, KVM_DEV_ARM_VGIC_GRP_ADDR,
				    KVM_VGIC_V3_ADDR_TYPE_DIST, &addr);
		addr = REDIST_REGION_ATTR_ADDR(2, GICR_BASE_GPA, 0, 0);
		kvm_device_attr_set(d->gic_fd, KVM_DEV_ARM_VGIC_GRP_ADDR,
				    KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION, &addr);
		want = EBUSY;
	}
	ret = __vcpu_run(d->vcpus[0]) ? errno : 0;
	__test_expect(line, ret == want, "KVM_RUN: %s, expected %s",
		      strerror(ret), strerror(want));
}

#define dead_vm_run(...)	__dead_vm_run(__LINE__, __VA_ARGS__)

static void dead_vm_free(struct dead_vm *d)
{
	close(d->gic_fd);
	kvm_vm_free(d->vm);
}

static void check_all(int death)
{
	struct dead_vm d;

	if (death == NOT_INITIALISED &&
	    smccc_gic_type() != KVM_DEV_TYPE_ARM_VGIC_V3) {
		test_skip("a GICv2 is initialised by its first use");
		return;
	}

	d = dead_vm_create(false);
	dead_vm_run(&d, death);
	expect_vm_eio(d.vm->fd);
	expect_vcpu_eio(d.vcpus[0]);
	/* This vCPU has never been in KVM_RUN. */
	expect_vcpu_eio(d.vcpus[1]);
	expect_eio(d.gic_fd, gic_requests, ARRAY_SIZE(gic_requests));
	dead_vm_free(&d);
}

static void check_opted_in(int unused)
{
	struct dead_vm d;

	if (!kvm_has_cap(KVM_CAP_ARM_MIGRATION)) {
		test_skip("the kernel has nothing to opt in to");
		return;
	}

	d = dead_vm_create(true);
	dead_vm_run(&d, NO_ADDRESS);
	expect_vm_eio(d.vm->fd);
	expect_vcpu_eio(d.vcpus[0]);
	expect_vcpu_eio(d.vcpus[1]);
	dead_vm_free(&d);
}

/* A VM made before the other one died, and one made after it */
static void check_others(int unused)
{
	struct kvm_vcpu *before, *after;
	struct kvm_vm *vm_before, *vm_after;
	struct smccc_call c;
	struct dead_vm d;

	vm_before = smccc_vm_create(1, PSCI_0_2, &before);
	d = dead_vm_create(false);
	dead_vm_run(&d, NO_ADDRESS);
	vm_after = smccc_vm_create(1, PSCI_0_2, &after);

	fw_expect_set(before, FW_STD, 0, 0, 0);
	c = smccc_call(before, SMCCC_HVC, PSCI_0_2_FN_PSCI_VERSION, 0, 0, 0);
	smccc_expect(&c, .x = { FW_PSCI_LATEST });
	expect_vcpu_eio(d.vcpus[0]);
	fw_expect_set(after, FW_STD, 1, 0, 1);
	c = smccc_call(after, SMCCC_SMC, PSCI_0_2_FN_PSCI_VERSION, 0, 0, 0);
	smccc_expect(&c, .x = { FW_PSCI_LATEST });
	dead_vm_free(&d);

	c = smccc_call(before, SMCCC_HVC, PSCI_0_2_FN_PSCI_VERSION, 0, 0, 0);
	smccc_expect(&c, .x = { FW_PSCI_LATEST });
	kvm_vm_free(vm_before);
	kvm_vm_free(vm_after);
}

static const struct test_case cases[] = {
	{ "a GIC without an address: each ioctl is EIO from then on",
	  check_all, NO_ADDRESS },
	{ "a GICv3 that is not initialised: each ioctl is EIO from then on",
	  check_all, NOT_INITIALISED },
	{ "a VM that has opted in to everything: the same",
	  check_opted_in },
	{ "VMs made before and after it work", check_others },
};

int main(void)
{
	__abi_open();

	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
