// SPDX-License-Identifier: GPL-2.0-only
/* Masks of the registers of a GICv3 */
#include <linux/bitfield.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/gic_mask.h"
#include "abi/reg_mask.h"
#include "abi/vgic_v2.h"

#define GIC_HCR_TDIR		BIT(14)
#define GIC_VTR_TDS		BIT(19)

/* Active priorities; the meaning of the bits is implementation defined. */
#define AP_BITS			GENMASK(31, 0)

const struct gic_reg gic_regs[] = {
	{ "ICC_IAR0_EL1", 0, 8, 0, .fields = 0xffffff },
	{ "ICC_EOIR0_EL1", 0, 8, 1, .fields = 0xffffff },
	{ "ICC_HPPIR0_EL1", 0, 8, 2, .fields = 0xffffff },
	{ "ICC_BPR0_EL1", 0, 8, 3, 0, false, 0x7, 0x7, 0x7 },
	{ "ICC_AP0R0_EL1", 0, 8, 4, 0, false, AP_BITS, AP_BITS, AP_BITS },
	{ "ICC_AP0R1_EL1", 0, 8, 5, 6, false, AP_BITS, AP_BITS, AP_BITS },
	{ "ICC_AP0R2_EL1", 0, 8, 6, 7, false, AP_BITS, AP_BITS, AP_BITS },
	{ "ICC_AP0R3_EL1", 0, 8, 7, 7, false, AP_BITS, AP_BITS, AP_BITS },
	{ "ICC_AP1R0_EL1", 0, 9, 0, 0, false, AP_BITS, AP_BITS, AP_BITS },
	{ "ICC_AP1R1_EL1", 0, 9, 1, 6, false, AP_BITS, AP_BITS, AP_BITS },
	{ "ICC_AP1R2_EL1", 0, 9, 2, 7, false, AP_BITS, AP_BITS, AP_BITS },
	{ "ICC_AP1R3_EL1", 0, 9, 3, 7, false, AP_BITS, AP_BITS, AP_BITS },
	{ "ICC_NMIAR1_EL1", 0, 9, 5, .fields = 0xffffff },
	{ "ICC_DIR_EL1", 0, 11, 1, .fields = 0xffffff },
	{ "ICC_RPR_EL1", 0, 11, 3, .fields = 0xc0000000000000ff },
	{ "ICC_SGI1R_EL1", 0, 11, 5, .fields = 0x00fff1ff0fffffff },
	{ "ICC_ASGI1R_EL1", 0, 11, 6, .fields = 0x00fff1ff0fffffff },
	{ "ICC_SGI0R_EL1", 0, 11, 7, .fields = 0x00fff1ff0fffffff },
	{ "ICC_IAR1_EL1", 0, 12, 0, .fields = 0xffffff },
	{ "ICC_EOIR1_EL1", 0, 12, 1, .fields = 0xffffff },
	{ "ICC_HPPIR1_EL1", 0, 12, 2, .fields = 0xffffff },
	{ "ICC_BPR1_EL1", 0, 12, 3, 0, false, 0x7, 0x7, 0x7 },
	/* CBPR, EOImode, PMHE, PRIbits, IDbits, SEIS, A3V, RSS, ExtRange: two are bits. */
	{ "ICC_CTLR_EL1", 0, 12, 4, 0, false, 0xcff43, 0x3, 0x3 },
	/* SRE, DFB, DIB: none of them can be changed. */
	{ "ICC_SRE_EL1", 0, 12, 5, .fields = 0x7 },
	{ "ICC_IGRPEN0_EL1", 0, 12, 6, 0, false, 0x1, 0x1, 0x1 },
	{ "ICC_IGRPEN1_EL1", 0, 12, 7, 0, false, 0x1, 0x1, 0x1 },

	{ "ICH_AP0R0_EL2", 4, 8, 0, 0, true, AP_BITS, AP_BITS, ~0UL },
	{ "ICH_AP0R1_EL2", 4, 8, 1, 6, true, AP_BITS, AP_BITS, ~0UL },
	{ "ICH_AP0R2_EL2", 4, 8, 2, 7, true, AP_BITS, AP_BITS, ~0UL },
	{ "ICH_AP0R3_EL2", 4, 8, 3, 7, true, AP_BITS, AP_BITS, ~0UL },
	{ "ICH_AP1R0_EL2", 4, 9, 0, 0, true, AP_BITS, AP_BITS, ~0UL },
	{ "ICH_AP1R1_EL2", 4, 9, 1, 6, true, AP_BITS, AP_BITS, ~0UL },
	{ "ICH_AP1R2_EL2", 4, 9, 2, 7, true, AP_BITS, AP_BITS, ~0UL },
	{ "ICH_AP1R3_EL2", 4, 9, 3, 7, true, AP_BITS, AP_BITS, ~0UL },
	/* SRE, DFB, DIB, Enable: none of them can be changed. */
	{ "ICC_SRE_EL2", 4, 9, 5, .fields = 0xf },
	/*
	 * EOIcount, DVIM, TDIR, TSEI, TALL1, TALL0, TC, vSGIEOICount, VGrp*IE,
	 * NPIE, LRENPIE, UIE, En. A VM has no GICv4, so neither DVIM nor
	 * vSGIEOICount, and TDIR is optional. KVM stores any value, and reduces
	 * it to what the VM has at its first run.
	 */
	{ "ICH_HCR_EL2", 4, 11, 0, 0, true, 0xf800fdff, 0xf8003cff, ~0UL },
	{ "ICH_VTR_EL2", 4, 11, 1, .fields = 0xfffe001f },
	{ "ICH_MISR_EL2", 4, 11, 2, .fields = 0xff },
	{ "ICH_EISR_EL2", 4, 11, 3, .fields = 0xffff },
	{ "ICH_ELRSR_EL2", 4, 11, 5, .fields = 0xffff },
	/* VPMR, VBPR0, VBPR1, VEOIM, VCBPR, VFIQEn, VAckCtl, VENG1, VENG0 */
	{ "ICH_VMCR_EL2", 4, 11, 7, 0, true, 0xfffc021f, 0xfffc021f, ~0UL },
	/* State, HW, Group, NMI, Priority, pINTID, vINTID; NMI is optional. */
#define LR(name, crm, op2)						\
	{ name, 4, crm, op2, 0, true, 0xf8ff1fffffffffff, 0xf0ff1fffffffffff, ~0UL }
	LR("ICH_LR0_EL2", 12, 0), LR("ICH_LR1_EL2", 12, 1),
	LR("ICH_LR2_EL2", 12, 2), LR("ICH_LR3_EL2", 12, 3),
	LR("ICH_LR4_EL2", 12, 4), LR("ICH_LR5_EL2", 12, 5),
	LR("ICH_LR6_EL2", 12, 6), LR("ICH_LR7_EL2", 12, 7),
	LR("ICH_LR8_EL2", 13, 0), LR("ICH_LR9_EL2", 13, 1),
	LR("ICH_LR10_EL2", 13, 2), LR("ICH_LR11_EL2", 13, 3),
	LR("ICH_LR12_EL2", 13, 4), LR("ICH_LR13_EL2", 13, 5),
	LR("ICH_LR14_EL2", 13, 6), LR("ICH_LR15_EL2", 13, 7),
#undef LR
};

kvm_static_assert(ARRAY_SIZE(gic_regs) == NR_GIC_REGS);

const struct mask_array gic_no_masks;

int gic_nr(const struct gic_reg *reg)
{
	return (reg->op1 ? 128 : 0) + reg->crm * 8 + reg->op2;
}

const char *gic_name(int nr)
{
	static char name[16];
	int i;

	for (i = 0; i < NR_GIC_REGS; i++) {
		if (gic_nr(&gic_regs[i]) == nr)
			return gic_regs[i].name;
	}

	snprintf(name, sizeof(name), "number %d", nr);
	return name;
}

bool gic_vm_possible(bool el2)
{
	if (!kvm_supports_vgic_v3())
		test_skip("KVM has no GICv3 here");
	else if (el2 && !kvm_has_cap(KVM_CAP_ARM_EL2))
		test_skip("VMs cannot have EL2 here");
	else
		return true;

	return false;
}

static u32 gic_vcpu_features(bool el2)
{
	return BIT(KVM_ARM_VCPU_PSCI_0_2) |
	       (el2 ? BIT(KVM_ARM_VCPU_HAS_EL2) : 0);
}

struct kvm_vcpu_init gic_vcpu_init(struct kvm_vm *vm, bool el2)
{
	struct kvm_vcpu_init init = {};

	vm_ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init);
	init.features[0] |= gic_vcpu_features(el2);
	return init;
}

struct gic_vm gic_vm_create_init(int nr_vcpus, bool el2)
{
	struct gic_vm g = { .vm = mask_vm_create(nr_vcpus), .el2 = el2 };

	g.fd = mask_vgic_v3_add(g.vm, nr_vcpus);
	fw_vm_add_vcpus(g.vm, nr_vcpus, gic_vcpu_features(el2), fw_guest_code,
			g.vcpus);
	__vgic_v3_init(g.fd);
	return g;
}

void gic_vm_free(struct gic_vm *g)
{
	close(g->fd);
	kvm_vm_free(g->vm);
}

/* ---- Access ---- */

int gic_access(struct gic_vm *g, unsigned long cmd, int n, int nr, u64 *val)
{
	u64 op1 = nr & 128 ? 4 : 0, crm = nr / 8 & 15, op2 = nr & 7;
	u64 attr = FIELD_PREP(KVM_DEV_ARM_VGIC_V3_MPIDR_MASK, n) |
		   FIELD_PREP(KVM_REG_ARM64_SYSREG_OP0_MASK, 3) |
		   FIELD_PREP(KVM_REG_ARM64_SYSREG_OP1_MASK, op1) |
		   FIELD_PREP(KVM_REG_ARM64_SYSREG_CRN_MASK, 12) |
		   FIELD_PREP(KVM_REG_ARM64_SYSREG_CRM_MASK, crm) |
		   FIELD_PREP(KVM_REG_ARM64_SYSREG_OP2_MASK, op2);

	return vgic_v2_access(g->fd, cmd, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS,
			      attr, (u64)val);
}

u64 gic_get(struct gic_vm *g, int n, int nr)
{
	u64 val = 0;
	int ret = gic_access(g, KVM_GET_DEVICE_ATTR, n, nr, &val);

	TEST_ASSERT(!ret, "GET of %s: %s", gic_name(nr), strerror(ret));
	return val;
}

void gic_set(struct gic_vm *g, int n, int nr, u64 val)
{
	int ret = gic_access(g, KVM_SET_DEVICE_ATTR, n, nr, &val);

	TEST_ASSERT(!ret, "%s <- %#lx: %s", gic_name(nr), val, strerror(ret));
}

/* ---- The expected masks ---- */

/* The mask of ICH_HCR_EL2, in a VM that has run */
static u64 gic_hcr_mask(struct gic_vm *g)
{
	return 0xf8003cff |
	       (gic_get(g, 0, GIC_VTR) & GIC_VTR_TDS ? GIC_HCR_TDIR : 0);
}

struct mask_array gic_masks(struct gic_vm *g, bool ran)
{
	u64 ctlr = gic_get(g, 0, GIC_CTLR);
	int pri_bits = FIELD_GET(GIC_CTLR_PRI_BITS, ctlr) + 1;
	struct mask_array masks = {};
	const struct gic_reg *reg;

	/* With all eight bits KVM has only the first of these registers. */
	if (pri_bits == 8)
		pri_bits = 5;

	for (reg = gic_regs; reg < gic_regs + NR_GIC_REGS; reg++) {
		if (reg->pri_bits <= pri_bits && (!reg->op1 || g->el2))
			masks.val[gic_nr(reg)] = reg->mask;
	}
	if (g->el2 && ran)
		masks.val[GIC_HCR] = gic_hcr_mask(g);

	return masks;
}
