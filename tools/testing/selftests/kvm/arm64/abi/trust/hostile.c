// SPDX-License-Identifier: GPL-2.0-only
/* A hostile VMM and guest */
#include <linux/psci.h>
#include <linux/sizes.h>

#include "abi/fw_reg.h"
#include "abi/one_reg.h"
#include "abi/opt_in.h"
#include "abi/smccc_call.h"
#include "abi/smccc_filter.h"
#include "abi/smccc_guest.h"
#include "abi/user_mem.h"
#include "hostile.h"

/* Room for the longest result of an ioctl, a list of registers */
#define HOSTILE_BUF_SIZE	SZ_64K

static struct kvm_random_state hostile_rng;

static u32 hostile_random(u32 n)
{
	return (kvm_random_u32(&hostile_rng) >> 8) % n;
}

static u64 hostile_random_u64(void)
{
	return (u64)kvm_random_u32(&hostile_rng) << 33 ^
	       (u64)kvm_random_u32(&hostile_rng) << 16 ^
	       kvm_random_u32(&hostile_rng);
}

static u64 hostile_value(void)
{
	switch (hostile_random(5)) {
	case 0:
		return HOSTILE_ADDRESS + hostile_random(BIT(16));
	case 1:
		return 1UL << hostile_random(63);
	case 2:
		return hostile_random(16);
	case 3:
		return HOSTILE_ADDRESS >> hostile_random(16);
	default:
		return hostile_random_u64() >> 16;
	}
}

/* Valid half of the time */
static u64 hostile_pointer(struct hostile *h)
{
	if (hostile_random(2))
		return (u64)h->buf;

	return user_bad_pointers[hostile_random(NR_USER_BAD_POINTERS)];
}

struct hostile hostile_create(u32 seed)
{
	struct hostile h = { .vgic = -1 };
	u32 features = BIT(KVM_ARM_VCPU_PSCI_0_2) | BIT(KVM_ARM_VCPU_POWER_OFF);
	int i;

	hostile_rng = new_kvm_random_state(seed);
	h.buf = kvm_mmap(HOSTILE_BUF_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1);

	h.vm = smccc_vm_create(ARRAY_SIZE(h.vcpus), features, h.vcpus);
	for (i = 0; i < 3; i++)
		TEST_ASSERT_EQ(smccc_set_filter(h.vm, FILTER_FREE + i, 1,
						i % 2 ? FILTER_DENY :
							FILTER_FWD), 0);

	h.fresh_vm = smccc_vm_create(ARRAY_SIZE(h.fresh_vcpus), features,
				     h.fresh_vcpus);
	if (!__kvm_test_create_device(h.fresh_vm, KVM_DEV_TYPE_ARM_VGIC_V2))
		h.vgic = kvm_create_device(h.fresh_vm, KVM_DEV_TYPE_ARM_VGIC_V2);

	return h;
}

void hostile_free(struct hostile *h)
{
	if (h->vgic >= 0)
		close(h->vgic);
	kvm_vm_free(h->fresh_vm);
	kvm_vm_free(h->vm);
	kvm_munmap(h->buf, HOSTILE_BUF_SIZE);
}

/* ---- The VMM ---- */

static int hostile_reg_fd(struct hostile *h)
{
	const int fds[] = {
		h->vcpus[0]->fd, h->vcpus[1]->fd, h->vm->fd,
		h->fresh_vcpus[0]->fd, h->fresh_vm->fd,
	};

	return fds[hostile_random(ARRAY_SIZE(fds))];
}

static void hostile_fw_reg(struct hostile *h)
{
	static const unsigned long cmds[] = {
		KVM_GET_ONE_REG, KVM_SET_ONE_REG, KVM_ARM_VM_GET_ONE_REG,
		KVM_ARM_VM_SET_ONE_REG,
	};
	u64 id = fw_regs[hostile_random(NR_FW_REGS)].id;

	switch (hostile_random(6)) {
	case 0:		/* of another size */
		id ^= (u64)hostile_random(16) << KVM_REG_SIZE_SHIFT;
		break;
	case 1:		/* another one */
		id ^= hostile_random(BIT(16));
		break;
	case 2:		/* of another class: firmware, levels, SVE, none */
		id = (id & ~(u64)KVM_REG_ARM_COPROC_MASK) |
		     (0x14 + hostile_random(12)) << KVM_REG_ARM_COPROC_SHIFT;
		break;
	case 3:		/* with a scope, or with other bits there */
		id ^= 1UL << (28 + hostile_random(4));
		break;
	}

	h->buf[0] = hostile_value();
	/* Of vCPUs and of VMs, on any of both */
	one_reg(hostile_reg_fd(h), cmds[hostile_random(ARRAY_SIZE(cmds))], id,
		hostile_pointer(h));
}

static void hostile_id_reg(struct hostile *h)
{
	u64 id = ARM64_SYS_REG(3, 0, 0, hostile_random(8), hostile_random(8));

	h->buf[0] = hostile_value();
	one_reg(h->fresh_vcpus[0]->fd, KVM_SET_ONE_REG, id,
		hostile_pointer(h));
}

static void hostile_reg_list(struct hostile *h)
{
	void *list = (void *)hostile_pointer(h);

	h->buf[0] = hostile_random(2) ? hostile_random(400) : ~0UL;
	one_reg_list(hostile_reg_fd(h), list);
}

static void hostile_masks(struct hostile *h)
{
	struct reg_mask_range range = {
		.addr = hostile_pointer(h),
		.range = hostile_random(2) ? hostile_random(4) :
					     kvm_random_u32(&hostile_rng),
	};
	int fd = hostile_random(2) ? h->vm->fd : h->fresh_vm->fd;

	if (hostile_random(2))
		range.reserved[hostile_random(ARRAY_SIZE(range.reserved))] =
			hostile_value();
	ioctl(fd, KVM_ARM_GET_REG_WRITABLE_MASKS, &range);
}

static void hostile_enable_cap(struct hostile *h)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_ARM_MIGRATION,
		.args = { hostile_value() },
	};

	if (hostile_random(2))
		cap.flags = hostile_value();
	if (hostile_random(2))
		cap.args[1 + hostile_random(3)] = hostile_value();
	if (hostile_random(2))
		cap.pad[hostile_random(sizeof(cap.pad))] = hostile_value();
	ioctl(h->vm->fd, KVM_ENABLE_CAP, &cap);
	ioctl(h->vm->fd, KVM_CHECK_EXTENSION, (unsigned long)cap.cap);
}

static void hostile_filter(struct hostile *h)
{
	struct kvm_smccc_filter *f = (void *)h->buf;
	struct kvm_device_attr attr = {
		.group = KVM_ARM_VM_SMCCC_CTRL,
		.attr = hostile_random(4) ? KVM_ARM_VM_SMCCC_FILTER :
					    hostile_value(),
		.addr = hostile_pointer(h),
	};
	int fd = hostile_random(2) ? h->vm->fd : h->fresh_vm->fd;

	*f = (struct kvm_smccc_filter) {
		.base = hostile_value(),
		.nr_functions = hostile_random(3) ? hostile_random(4) :
						    hostile_value(),
		.action = hostile_random(6),
	};
	if (!hostile_random(4))
		f->pad[hostile_random(sizeof(f->pad))] = hostile_value();
	if (hostile_random(8) == 0)
		attr.flags = hostile_value();

	ioctl(fd, KVM_SET_DEVICE_ATTR, &attr);
	ioctl(fd, KVM_HAS_DEVICE_ATTR, &attr);
}

static void hostile_vgic(struct hostile *h)
{
	struct kvm_device_attr attr = {
		.flags = hostile_random(4) ? 0 : hostile_value(),
		.group = hostile_random(9),
		.attr = hostile_random(2) ? hostile_random(12) : hostile_value(),
		.addr = hostile_pointer(h),
	};

	/* The VM has nothing for the vGIC to be initialised with. */
	if (h->vgic < 0 || (attr.group == KVM_DEV_ARM_VGIC_GRP_CTRL &&
			    attr.attr == KVM_DEV_ARM_VGIC_CTRL_INIT))
		return;

	h->buf[0] = hostile_value();
	ioctl(h->vgic, KVM_HAS_DEVICE_ATTR, &attr);
	ioctl(h->vgic, hostile_random(2) ? KVM_SET_DEVICE_ATTR :
					   KVM_GET_DEVICE_ATTR, &attr);
}

static void (*const hostile_ioctls[])(struct hostile *h) = {
	hostile_fw_reg, hostile_fw_reg, hostile_id_reg, hostile_reg_list,
	hostile_masks, hostile_enable_cap, hostile_filter, hostile_vgic,
};

void hostile_vmm(struct hostile *h, int nr)
{
	while (nr-- > 0)
		hostile_ioctls[hostile_random(ARRAY_SIZE(hostile_ioctls))](h);
}

/* ---- The guest ---- */

static u32 hostile_fn(void)
{
	static const u32 bases[] = {
		0x80000000, 0xc0000000, 0x80008000, 0x80007ff0,	/* Arm */
		0x84000000, 0xc4000000, 0x84000050, 0xc4000050,	/* PSCI, TRNG */
		0xc5000020, 0x85000020,				/* stolen time */
		0x86000000, 0xc6000000, 0x8600ff00,		/* KVM */
		FILTER_FREE, 0x00000000, 0x7fffffe0, 0xffffffe0,
	};

	if (!hostile_random(4))
		return hostile_random_u64();

	return bases[hostile_random(ARRAY_SIZE(bases))] + hostile_random(0x20);
}

/* Calls that stop the vCPU or exit with an event are left out. */
static bool hostile_may_call(u32 fn)
{
	u32 nr = fn & ~PSCI_0_2_64BIT;

	return nr == PSCI_0_2_FN_CPU_ON || nr == PSCI_0_2_FN_AFFINITY_INFO ||
	       nr == PSCI_0_2_FN_MIGRATE || !filter_call_has_effect(fn);
}

void hostile_guest(struct hostile *h, int nr)
{
	struct smccc_call c;
	u32 fn;

	while (nr-- > 0) {
		do {
			fn = hostile_fn();
		} while (!hostile_may_call(fn));

		c = smccc_call(h->vcpus[0], hostile_random(SMCCC_HVC_T32),
			       hostile_random(2) ? fn : fn | FILTER_GARBAGE,
			       hostile_value(), hostile_value(),
			       hostile_value());
		TEST_ASSERT(!c.err && (c.exit == KVM_EXIT_MMIO ||
				       c.exit == KVM_EXIT_HYPERCALL),
			    "call %#x: exit %u, error %d", fn, c.exit, c.err);
	}
}
