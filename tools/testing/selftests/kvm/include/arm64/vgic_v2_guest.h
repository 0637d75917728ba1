/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest for the tests of KVM's GICv2: it only makes single accesses on
 * request, so its GIC has exactly the settings of the test. It checks for
 * interrupts in GICC_IAR, with all of them masked in PSTATE, unless it is asked
 * to take one.
 */
#ifndef SELFTEST_KVM_ARM64_VGIC_V2_GUEST_H
#define SELFTEST_KVM_ARM64_VGIC_V2_GUEST_H

#include "gic_v3.h"
#include "vgic_v2.h"

/* Two interrupts: both SPIs are in the second word of 32. */
#define HIGH_SPI		(MIN_SPI + 1)
#define LOW_SPI		(MIN_SPI + 2)
#define SPI_BIT(intid)	BIT((intid) - MIN_SPI)
#define BOTH_SPIS		(SPI_BIT(HIGH_SPI) | SPI_BIT(LOW_SPI))

#define GICC_PMR_ALL		0xf8

enum guest_op { GUEST_READ, GUEST_WRITE, GUEST_TAKE };

static struct {
	enum guest_op op;
	u64 addr;
	u32 val;
} guest;

/* The interrupt that the guest took last */
static struct taken {
	u32 vector;
	u32 iar;
} guest_taken;

static inline void guest_code(void)
{
	int i;

	for (;;) {
		switch (guest.op) {
		case GUEST_READ:
			guest.val = readl((void *)guest.addr);
			break;
		case GUEST_WRITE:
			writel(guest.val, (void *)guest.addr);
			break;
		case GUEST_TAKE:
			local_irq_enable();
			for (i = 0; i < 1000; i++) {
				if (READ_ONCE(guest_taken.vector))
					break;
				isb();
			}
			local_irq_disable();
			break;
		}
		GUEST_SYNC(0);
	}
}

static inline void guest_take(u32 vector)
{
	u32 iar = readl(GICC_BASE_GVA + GICC_IAR);

	guest_taken.iar = iar;
	WRITE_ONCE(guest_taken.vector, vector);
	writel(iar, GICC_BASE_GVA + GICC_EOIR);
}

static inline void guest_irq(struct ex_regs *regs)
{
	guest_take(VECTOR_IRQ_CURRENT);
}

static inline void guest_fiq(struct ex_regs *regs)
{
	guest_take(VECTOR_FIQ_CURRENT);
}

static inline u32 guest_do(struct kvm_vcpu *vcpu, enum guest_op op, u64 addr,
			   u32 val)
{
	typeof(guest) *g = addr_gva2hva(vcpu->vm, (gva_t)&guest);

	g->op = op;
	g->addr = addr;
	g->val = val;
	fw_run(vcpu);

	return g->val;
}

#define guest_read(vcpu, addr)		guest_do(vcpu, GUEST_READ, addr, 0)
#define guest_write(vcpu, addr, val)	guest_do(vcpu, GUEST_WRITE, addr, val)
#define guest_read_gicc(vcpu, offset)			\
	guest_read(vcpu, GICC_BASE_GPA + (offset))
#define guest_write_gicc(vcpu, offset, val)		\
	guest_write(vcpu, GICC_BASE_GPA + (offset), val)
#define guest_write_gicd(vcpu, offset, val)		\
	guest_write(vcpu, GICD_BASE_GPA + (offset), val)

static inline struct taken guest_take_irq(struct kvm_vcpu *vcpu)
{
	struct taken *taken = addr_gva2hva(vcpu->vm, (gva_t)&guest_taken);

	memset(taken, 0, sizeof(*taken));
	guest_do(vcpu, GUEST_TAKE, 0, 0);
	return *taken;
}

static inline struct vgic_v2 vgic_v2_create_guest(void)
{
	struct vgic_v2 v = vgic_v2_create_one(guest_code);

	vm_init_descriptor_tables(v.vm);
	vcpu_init_descriptor_tables(v.vcpus[0]);
	vm_install_exception_handler(v.vm, VECTOR_IRQ_CURRENT, guest_irq);
	vm_install_exception_handler(v.vm, VECTOR_FIQ_CURRENT, guest_fiq);
	return v;
}

static inline void __expect_guest(int line, struct vgic_v2 *v, u32 offset,
				  u32 want, const char *when)
{
	u32 now = guest_read_gicc(v->vcpus[0], offset);

	__fw_expect(line, now == want, "%s: the guest reads %#x at %#x, not %#x",
		    when, now, offset, want);
}

#define expect_guest(...)	__expect_guest(__LINE__, __VA_ARGS__)

/* @pmr and the priorities are in the guest's format. */
struct gic_setup {
	u32 ctlr;
	u32 pmr;
	bool group1;
};

static inline void guest_setup(struct vgic_v2 *v, const struct gic_setup *s)
{
	struct kvm_vcpu *vcpu = v->vcpus[0];
	u32 prio = (s->pmr - 8) << 8 | s->pmr << 16;

	/* Edge-triggered: each injection makes them pending once. */
	guest_write_gicd(vcpu, GICD_ICFGR + 2 * 4, 0x28);
	guest_write_gicd(vcpu, GICD_IGROUPR + 4, s->group1 ? BOTH_SPIS : 0);
	guest_write_gicd(vcpu, GICD_IPRIORITYR + MIN_SPI, prio);
	guest_write_gicd(vcpu, GICD_ITARGETSR + MIN_SPI, 0x010100);
	guest_write_gicd(vcpu, GICD_ISENABLER + 4, BOTH_SPIS);
	guest_write_gicd(vcpu, GICD_CTLR, 1);

	guest_write_gicc(vcpu, GICC_PMR, s->pmr);
	guest_write_gicc(vcpu, GICC_BPR, 5);
	guest_write_gicc(vcpu, GICC_ABPR, 6);
	guest_write_gicc(vcpu, GICC_CTLR, s->ctlr);
}

static inline void vgic_v2_inject(struct vgic_v2 *v, u32 intid)
{
	kvm_arm_irq_line(v->vm, intid, 1);
	kvm_arm_irq_line(v->vm, intid, 0);
}

/* Only one interrupt passes the mask; the other one does once it is raised. */
static inline void guest_expect_mask(struct vgic_v2 *v, const char *vm)
{
	struct kvm_vcpu *vcpu = v->vcpus[0];

	vgic_v2_inject(v, LOW_SPI);
	expect_guest(v, GICC_IAR, IAR_SPURIOUS, vm);
	vgic_v2_inject(v, HIGH_SPI);
	expect_guest(v, GICC_IAR, HIGH_SPI, vm);
	expect_guest(v, GICC_IAR, IAR_SPURIOUS, vm);
	guest_write_gicc(vcpu, GICC_EOIR, HIGH_SPI);
	expect_guest(v, GICC_IAR, IAR_SPURIOUS, vm);

	guest_write_gicc(vcpu, GICC_PMR, GICC_PMR_ALL);
	expect_guest(v, GICC_IAR, LOW_SPI, vm);
	guest_write_gicc(vcpu, GICC_EOIR, LOW_SPI);
	expect_guest(v, GICC_IAR, IAR_SPURIOUS, vm);
}

#endif /* SELFTEST_KVM_ARM64_VGIC_V2_GUEST_H */
