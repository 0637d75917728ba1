// SPDX-License-Identifier: GPL-2.0-only
/* A VM's GICv2, as userspace sees it */
#include <linux/bitfield.h>
#include <linux/sizes.h>

#include "abi/cases.h"
#include "abi/vgic_v2.h"
#include "gic.h"
#include "processor.h"

const struct gicc_reg gicc_regs[] = {
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

kvm_static_assert(ARRAY_SIZE(gicc_regs) == NR_GICC_REGS);

int gicc_reg_nr(u64 offset)
{
	int i;

	for (i = 0; i < NR_GICC_REGS && gicc_regs[i].offset != offset; i++)
		;

	return i;
}

u32 gicc_kept(int nr, u32 val)
{
	return (val & gicc_regs[nr].writable) | gicc_regs[nr].fixed;
}

int vgic_v2_add(struct kvm_vm *vm)
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

struct vgic_v2 vgic_v2_create_in(struct kvm_vm *vm, const u8 *ids, int nr, void *code)
{
	struct vgic_v2 v = { .vm = vm, .nr_vcpus = nr };
	struct kvm_vcpu_init init = {};
	int i;

	vm_ioctl(v.vm, KVM_ARM_PREFERRED_TARGET, &init);
	for (i = 0; i < nr; i++)
		v.vcpus[i] = aarch64_vcpu_add(v.vm, ids[i], &init, code);

	v.fd = vgic_v2_add(v.vm);
	return v;
}

struct vgic_v2 vgic_v2_create(const u8 *ids, int nr, void *code)
{
	return vgic_v2_create_in(vm_create(nr), ids, nr, code);
}

struct vgic_v2 vgic_v2_create_one(void *code)
{
	static const u8 id;

	return vgic_v2_create(&id, 1, code);
}

void vgic_v2_free(struct vgic_v2 *v)
{
	close(v->fd);
	kvm_vm_free(v->vm);
}

bool vgic_v2_supported(void)
{
	struct kvm_vm *vm = vm_create_barebones();
	int ret = __kvm_test_create_device(vm, KVM_DEV_TYPE_ARM_VGIC_V2);

	kvm_vm_free(vm);
	return !ret;
}

void vgic_v2_require(void)
{
	test_disable_default_vgic();
	__TEST_REQUIRE(!kvm_supports_vgic_v3(),
		       "The host's GIC is not a GICv2");
	__TEST_REQUIRE(vgic_v2_supported(), "KVM has no GICv2");
}

u64 vgic_v2_attr(u8 cpuid, u32 offset)
{
	return FIELD_PREP(KVM_DEV_ARM_VGIC_CPUID_MASK, cpuid) |
	       FIELD_PREP(KVM_DEV_ARM_VGIC_OFFSET_MASK, offset);
}

int vgic_v2_access(int fd, unsigned long cmd, u32 group, u64 attr, u64 addr)
{
	struct kvm_device_attr kattr = {
		.group = group,
		.attr = attr,
		.addr = addr,
	};

	return ioctl(fd, cmd, &kattr) ? errno : 0;
}

int gicc_access(struct vgic_v2 *v, unsigned long cmd, u8 cpuid, u32 offset,
		u64 addr)
{
	return vgic_v2_access(v->fd, cmd, KVM_DEV_ARM_VGIC_GRP_CPU_REGS,
			      vgic_v2_attr(cpuid, offset), addr);
}

int gicc_has(struct vgic_v2 *v, u8 cpuid, u32 offset)
{
	return gicc_access(v, KVM_HAS_DEVICE_ATTR, cpuid, offset, 0);
}

u32 vgic_v2_get(struct vgic_v2 *v, u32 group, u8 cpuid, u32 offset)
{
	u32 val;

	kvm_device_attr_get(v->fd, group, vgic_v2_attr(cpuid, offset), &val);
	return val;
}

void vgic_v2_set(struct vgic_v2 *v, u32 group, u8 cpuid, u32 offset, u32 val)
{
	kvm_device_attr_set(v->fd, group, vgic_v2_attr(cpuid, offset), &val);
}

void gicc_set_pattern(struct vgic_v2 *v)
{
	int n, i;

	for (n = 0; n < v->nr_vcpus; n++) {
		for (i = 0; i < NR_GICC_REGS; i++)
			gicc_set(v, v->vcpus[n]->id, gicc_regs[i].offset,
				 0x5a936cb5U * (3 + n * NR_GICC_REGS + i));
	}
}

struct gicc_state gicc_state_read(struct vgic_v2 *v)
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

void __gicc_expect_state(int line, struct vgic_v2 *v,
			 const struct gicc_state *want, const char *when)
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
