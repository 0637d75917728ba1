// SPDX-License-Identifier: GPL-2.0-only
/*
 * vgic_v2_busy - Access to the registers of the GICv2 CPU interface in every
 * state of the VM: before the GIC is initialised, and while a vCPU runs.
 *
 * The order in which KVM checks is visible to userspace:
 *
 *	HAS, GET, SET:	no vCPU has this id	EINVAL
 *	HAS:		no such register	ENXIO
 *	SET:		value cannot be read	EFAULT
 *	GET, SET:	a vCPU is running	EBUSY
 *	GET:		value cannot be written	EFAULT
 *
 * Another visible effect: an access that passes all but the last of these
 * checks initialises the GIC, and then no more vCPUs can be created.
 *
 * Any running vCPU makes the registers of all vCPUs busy, and all must be
 * unchanged when it has stopped. vgic_v2_errors tests the other failures.
 */
#include <errno.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/user_mem.h"
#include "abi/vgic_v2.h"
#include "ucall_common.h"

#define NO_REGISTER	0x20

#define BAD_CPUID	0x100
#define BAD_POINTER	0x200

/*
 * The same accesses are made to a GIC that is not initialised, and to either
 * vCPU of an initialised one, while one of them runs.
 */
static const struct combination {
	unsigned long cmd;
	u32 offset;
	int flags;
	int err;
	int err_running;
	bool initialises;
} combinations[] = {
	{ KVM_HAS_DEVICE_ATTR, GICC_PMR, 0, 0, 0 },
	{ KVM_HAS_DEVICE_ATTR, GICC_PMR, BAD_POINTER, 0, 0 },
	{ KVM_HAS_DEVICE_ATTR, NO_REGISTER, 0, ENXIO, ENXIO },
	{ KVM_HAS_DEVICE_ATTR, GICC_PMR, BAD_CPUID, EINVAL, EINVAL },
	{ KVM_HAS_DEVICE_ATTR, NO_REGISTER, BAD_CPUID, EINVAL, EINVAL },

	{ KVM_SET_DEVICE_ATTR, GICC_PMR, BAD_POINTER, EFAULT, EFAULT },
	{ KVM_SET_DEVICE_ATTR, NO_REGISTER, BAD_POINTER, EFAULT, EFAULT },
	{ KVM_SET_DEVICE_ATTR, GICC_PMR, BAD_CPUID, EINVAL, EINVAL },
	{ KVM_SET_DEVICE_ATTR, GICC_PMR, BAD_CPUID | BAD_POINTER, EINVAL, EINVAL },
	{ KVM_SET_DEVICE_ATTR, GICC_PMR, 0, 0, EBUSY, true },
	{ KVM_SET_DEVICE_ATTR, GICC_IIDR, 0, 0, EBUSY, true },
	{ KVM_SET_DEVICE_ATTR, NO_REGISTER, 0, 0, EBUSY, true },

	{ KVM_GET_DEVICE_ATTR, GICC_PMR, BAD_CPUID, EINVAL, EINVAL },
	{ KVM_GET_DEVICE_ATTR, GICC_PMR, BAD_CPUID | BAD_POINTER, EINVAL, EINVAL },
	{ KVM_GET_DEVICE_ATTR, GICC_PMR, BAD_POINTER, EFAULT, EBUSY, true },
	{ KVM_GET_DEVICE_ATTR, GICC_PMR, 0, 0, EBUSY, true },
	{ KVM_GET_DEVICE_ATTR, NO_REGISTER, 0, 0, EBUSY, true },
	{ KVM_GET_DEVICE_ATTR, NO_REGISTER, BAD_POINTER, EFAULT, EBUSY, true },
};

static int access_combination(int fd, const struct combination *c, u8 cpuid)
{
	u32 val = 0x5a5a5a5a;
	int ret;

	if (c->flags & BAD_CPUID)
		cpuid = 255;

	ret = vgic_v2_access(fd, c->cmd, KVM_DEV_ARM_VGIC_GRP_CPU_REGS,
			     vgic_v2_attr(cpuid, c->offset),
			     c->flags & BAD_POINTER ? (u64)user_hole : (u64)&val);
	test_expect(val == 0x5a5a5a5a ||
		    (c->cmd == KVM_GET_DEVICE_ATTR && !ret),
		    "combination %ld writes to memory", c - combinations);
	return ret;
}

/* ---- Initialisation of the GIC ---- */

static void expect_create_vcpu(struct kvm_vm *vm, u64 id, int want)
{
	int fd = __vm_ioctl(vm, KVM_CREATE_VCPU, (void *)id);
	int err = fd < 0 ? errno : 0;

	test_expect(err == want, "vCPU %lu: %s, expected %s", id, strerror(err),
		    strerror(want));
	if (!err)
		close(fd);
}

static void check_initialises(int unused)
{
	const struct combination *c;
	struct kvm_vm *vm;
	int i, fd, ret;

	for (i = 0; i < ARRAY_SIZE(combinations); i++) {
		c = &combinations[i];
		vm = vm_create_barebones();
		fd = kvm_create_device(vm, KVM_DEV_TYPE_ARM_VGIC_V2);
		expect_create_vcpu(vm, 0, 0);

		ret = access_combination(fd, c, 0);
		test_expect(ret == c->err, "combination %d: %s, expected %s", i,
			    strerror(ret), strerror(c->err));

		expect_create_vcpu(vm, 1, c->initialises ? EBUSY : 0);
		close(fd);
		kvm_vm_free(vm);
	}
}

/* ---- While a vCPU runs ---- */

static bool running;
static bool stop;

static void guest_loop(void)
{
	for (;;) {
		WRITE_ONCE(running, true);
		while (!READ_ONCE(stop))
			;
		GUEST_SYNC(0);
	}
}

static void *run_thread(void *vcpu)
{
	fw_run(vcpu);
	return NULL;
}

static void check_running(int runner)
{
	struct vgic_v2 two = vgic_v2_create((u8[]) { 3, 0 }, 2, guest_loop);
	bool *guest_running = addr_gva2hva(two.vm, (gva_t)&running);
	bool *guest_stop = addr_gva2hva(two.vm, (gva_t)&stop);
	const struct combination *c;
	struct gicc_state before;
	pthread_t thread;
	int i, n, ret;

	/* The first run may change values that the hardware cannot hold. */
	gicc_set_pattern(&two);
	for (n = 0; n < 2; n++) {
		WRITE_ONCE(*guest_stop, true);
		fw_run(two.vcpus[n]);
	}
	before = gicc_state_read(&two);

	WRITE_ONCE(*guest_stop, false);
	WRITE_ONCE(*guest_running, false);
	kvm_pthread_create(&thread, NULL, run_thread, two.vcpus[runner]);
	while (!READ_ONCE(*guest_running))
		usleep(100);

	for (n = 0; n < 2; n++) {
		for (i = 0; i < ARRAY_SIZE(combinations); i++) {
			c = &combinations[i];
			ret = access_combination(two.fd, c, two.vcpus[n]->id);
			test_expect(ret == c->err_running,
				    "vCPU %u, combination %d: %s, expected %s",
				    two.vcpus[n]->id, i, strerror(ret),
				    strerror(c->err_running));
		}
		for (i = 0; i < NR_GICC_REGS; i++) {
			u32 val = ~before.val[n][i];

			ret = gicc_access(&two, KVM_SET_DEVICE_ATTR,
					  two.vcpus[n]->id, gicc_regs[i].offset,
					  (u64)&val);
			test_expect(ret == EBUSY, "%s of vCPU %u: %s",
				    gicc_regs[i].name, two.vcpus[n]->id,
				    strerror(ret));
		}
	}

	WRITE_ONCE(*guest_stop, true);
	kvm_pthread_join(thread, NULL);

	gicc_expect_state(&two, &before, "not running any more");
	gicc_set_pattern(&two);
	vgic_v2_free(&two);
}

static const struct test_case cases[] = {
	{ "only an access that passes EINVAL and SET's EFAULT initialises the GIC",
	  check_initialises },
	{ "while vCPU 3 runs: EBUSY, after EINVAL and SET's EFAULT",
	  check_running, 0 },
	{ "while vCPU 0 runs: EBUSY, after EINVAL and SET's EFAULT",
	  check_running, 1 },
};

int main(void)
{
	ksft_print_header();
	vgic_v2_require();
	test_set_plan(ARRAY_SIZE(cases));

	user_mem_create(1);
	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
