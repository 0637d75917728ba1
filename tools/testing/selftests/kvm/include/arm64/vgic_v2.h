/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of KVM's GICv2 share: VMs that have one, access to its
 * registers that returns the errno, and which bits of userspace's values the
 * registers of the CPU interface keep.
 */
#ifndef SELFTEST_KVM_ARM64_VGIC_V2_H
#define SELFTEST_KVM_ARM64_VGIC_V2_H

#include <linux/bitfield.h>
#include <linux/sizes.h>

#include "fw_reg.h"
#include "gic.h"
#include "vgic.h"

#define VGIC_V2_MAX_CPUS	8

#define GICC_BASE_GPA		(GICD_BASE_GPA + SZ_64K)
#define GICC_BASE_GVA		((void *)GICC_BASE_GPA)

/* The CPU interface, by offset. Its second frame has only GICC_DIR. */
#define GICC_CTLR		0x0000
#define GICC_PMR		0x0004
#define GICC_BPR		0x0008
#define GICC_IAR		0x000c
#define GICC_EOIR		0x0010
#define GICC_RPR		0x0014
#define GICC_ABPR		0x001c
#define GICC_APR(n)		(0x00d0 + 4 * (n))
#define GICC_IIDR		0x00fc
#define GICC_DIR		0x1000

#define GICC_CTLR_ENABLE_GRP0	BIT(0)
#define GICC_CTLR_ENABLE_GRP1	BIT(1)
#define GICC_CTLR_ACK_CTL	BIT(2)
#define GICC_CTLR_FIQ_EN		BIT(3)
#define GICC_CTLR_CBPR		BIT(4)
#define GICC_CTLR_EOI_MODE_NS	BIT(9)

#define GICC_IIDR_KVM		0x04b2043b

/*
 * The registers that userspace has, and which bits of a value a vCPU keeps
 * before it has run, when the hardware has not changed any yet. PMR is in the
 * format of GICH_VMCR.VMPriMask: GICC_PMR shifted right by three.
 *
 * The hardware's GICH_APR has one word, so GICC_APR1 to 3 keep nothing.
 */
#define GICC_PMR_SHIFT		3

static const struct gicc_reg {
	const char *name;
	u32 offset;
	u32 writable;
	u32 fixed;
} gicc_regs[] = {
	{ "GICC_CTLR", GICC_CTLR,
	  GICC_CTLR_ENABLE_GRP0 | GICC_CTLR_ENABLE_GRP1 | GICC_CTLR_ACK_CTL |
	  GICC_CTLR_FIQ_EN | GICC_CTLR_CBPR | GICC_CTLR_EOI_MODE_NS },
	{ "GICC_PMR", GICC_PMR, 0x1f },
	{ "GICC_BPR", GICC_BPR, 0x7 },
	{ "GICC_ABPR", GICC_ABPR, 0x7 },
	{ "GICC_APR0", GICC_APR(0), 0xffffffff },
	{ "GICC_APR1", GICC_APR(1) },
	{ "GICC_APR2", GICC_APR(2) },
	{ "GICC_APR3", GICC_APR(3) },
	{ "GICC_IIDR", GICC_IIDR, 0, GICC_IIDR_KVM },
	{ "GICC_DIR", GICC_DIR },
};

#define NR_GICC_REGS	ARRAY_SIZE(gicc_regs)

/* The register with this offset, NR_GICC_REGS if there is none */
static inline int gicc_reg_nr(u64 offset)
{
	int i;

	for (i = 0; i < NR_GICC_REGS && gicc_regs[i].offset != offset; i++)
		;

	return i;
}

static inline u32 gicc_kept(int nr, u32 val)
{
	return (val & gicc_regs[nr].writable) | gicc_regs[nr].fixed;
}

/* A VM with a GICv2 */
struct vgic_v2 {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpus[VGIC_V2_MAX_CPUS];
	int nr_vcpus;
	int fd;
};

/* The registers of all CPU interfaces at one moment */
struct gicc_state {
	u32 val[VGIC_V2_MAX_CPUS][NR_GICC_REGS];
};

/* Give @vm, which has its vCPUs, a GIC at the addresses above. Returns its fd. */
static inline int vgic_v2_add(struct kvm_vm *vm)
{
	u64 dist = GICD_BASE_GPA, cpu = GICC_BASE_GPA;
	int fd = kvm_create_device(vm, KVM_DEV_TYPE_ARM_VGIC_V2);

	kvm_device_attr_set(fd, KVM_DEV_ARM_VGIC_GRP_ADDR,
			    KVM_VGIC_V2_ADDR_TYPE_DIST, &dist);
	kvm_device_attr_set(fd, KVM_DEV_ARM_VGIC_GRP_ADDR,
			    KVM_VGIC_V2_ADDR_TYPE_CPU, &cpu);
	virt_map(vm, GICD_BASE_GPA, GICD_BASE_GPA,
		 vm_calc_num_guest_pages(vm->mode, KVM_VGIC_V2_DIST_SIZE));
	virt_map(vm, GICC_BASE_GPA, GICC_BASE_GPA,
		 vm_calc_num_guest_pages(vm->mode, KVM_VGIC_V2_CPU_SIZE));

	return fd;
}

/*
 * A VM with vCPUs with these ids, created in this order, which run @code. The
 * guest is at EL1 and has the GIC at the addresses above.
 */
static inline struct vgic_v2 vgic_v2_create(const u8 *ids, int nr, void *code)
{
	struct vgic_v2 v = { .nr_vcpus = nr };
	struct kvm_vcpu_init init = {};
	int i;

	v.vm = vm_create(nr);
	vm_ioctl(v.vm, KVM_ARM_PREFERRED_TARGET, &init);
	for (i = 0; i < nr; i++)
		v.vcpus[i] = aarch64_vcpu_add(v.vm, ids[i], &init, code);

	v.fd = vgic_v2_add(v.vm);
	return v;
}

static inline struct vgic_v2 vgic_v2_create_one(void *code)
{
	static const u8 id;

	return vgic_v2_create(&id, 1, code);
}

static inline void vgic_v2_free(struct vgic_v2 *v)
{
	close(v->fd);
	kvm_vm_free(v->vm);
}

static inline bool vgic_v2_supported(void)
{
	struct kvm_vm *vm = vm_create_barebones();
	int ret = __kvm_test_create_device(vm, KVM_DEV_TYPE_ARM_VGIC_V2);

	kvm_vm_free(vm);
	return !ret;
}

/* The whole test needs a host with a GICv2, which KVM supports. */
static inline void vgic_v2_require(void)
{
	test_disable_default_vgic();
	__TEST_REQUIRE(!kvm_supports_vgic_v3(),
		       "The host's GIC is not a GICv2");
	__TEST_REQUIRE(vgic_v2_supported(), "KVM has no GICv2");
}

static inline u64 vgic_v2_attr(u8 cpuid, u32 offset)
{
	return FIELD_PREP(KVM_DEV_ARM_VGIC_CPUID_MASK, cpuid) |
	       FIELD_PREP(KVM_DEV_ARM_VGIC_OFFSET_MASK, offset);
}

/* KVM_{HAS,GET,SET}_DEVICE_ATTR. Returns 0, or the positive errno. */
static inline int vgic_v2_access(int fd, unsigned long cmd, u32 group, u64 attr,
				 u64 addr)
{
	struct kvm_device_attr kattr = {
		.group = group,
		.attr = attr,
		.addr = addr,
	};

	return ioctl(fd, cmd, &kattr) ? errno : 0;
}

static inline int gicc_access(struct vgic_v2 *v, unsigned long cmd, u8 cpuid,
			      u32 offset, u64 addr)
{
	return vgic_v2_access(v->fd, cmd, KVM_DEV_ARM_VGIC_GRP_CPU_REGS,
			      vgic_v2_attr(cpuid, offset), addr);
}

static inline int gicc_has(struct vgic_v2 *v, u8 cpuid, u32 offset)
{
	return gicc_access(v, KVM_HAS_DEVICE_ATTR, cpuid, offset, 0);
}

/* Accesses that must not fail */
static inline u32 vgic_v2_get(struct vgic_v2 *v, u32 group, u8 cpuid,
			      u32 offset)
{
	u32 val;

	kvm_device_attr_get(v->fd, group, vgic_v2_attr(cpuid, offset), &val);
	return val;
}

static inline void vgic_v2_set(struct vgic_v2 *v, u32 group, u8 cpuid,
			       u32 offset, u32 val)
{
	kvm_device_attr_set(v->fd, group, vgic_v2_attr(cpuid, offset), &val);
}

#define gicc_get(v, ...)	\
	vgic_v2_get(v, KVM_DEV_ARM_VGIC_GRP_CPU_REGS, __VA_ARGS__)
#define gicc_set(v, ...)	\
	vgic_v2_set(v, KVM_DEV_ARM_VGIC_GRP_CPU_REGS, __VA_ARGS__)
#define gicd_get(v, ...)	\
	vgic_v2_get(v, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, __VA_ARGS__)
#define gicd_set(v, ...)	\
	vgic_v2_set(v, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, __VA_ARGS__)

/* Make the values of all registers differ from 0, ~0 and one another. */
static inline void gicc_set_pattern(struct vgic_v2 *v)
{
	int n, i;

	for (n = 0; n < v->nr_vcpus; n++) {
		for (i = 0; i < NR_GICC_REGS; i++)
			gicc_set(v, v->vcpus[n]->id, gicc_regs[i].offset,
				 0x5a936cb5 * (3 + n * NR_GICC_REGS + i));
	}
}

static inline struct gicc_state gicc_state_read(struct vgic_v2 *v)
{
	struct gicc_state state = {};
	int n, i;

	for (n = 0; n < v->nr_vcpus; n++) {
		for (i = 0; i < NR_GICC_REGS; i++)
			state.val[n][i] = gicc_get(v, v->vcpus[n]->id,
						   gicc_regs[i].offset);
	}

	return state;
}

static inline void __gicc_expect_state(int line, struct vgic_v2 *v,
				       const struct gicc_state *want,
				       const char *when)
{
	struct gicc_state now = gicc_state_read(v);
	int n, i;

	for (n = 0; n < v->nr_vcpus; n++) {
		for (i = 0; i < NR_GICC_REGS; i++)
			__test_expect(line, now.val[n][i] == want->val[n][i],
				      "%s: vCPU %u: %s reads %#x, expected %#x",
				      when, v->vcpus[n]->id, gicc_regs[i].name,
				      now.val[n][i], want->val[n][i]);
	}
}

#define gicc_expect_state(...)	__gicc_expect_state(__LINE__, __VA_ARGS__)

#endif /* SELFTEST_KVM_ARM64_VGIC_V2_H */
