// SPDX-License-Identifier: GPL-2.0-only
/* A guest that accesses its GICv2 on request */
#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/vgic_v2.h"
#include "abi/vgic_v2_guest.h"
#include "processor.h"
#include "ucall_common.h"

static struct {
	enum v2_guest_op op;
	u64 addr;
	u32 val;
} v2_guest;

static struct v2_guest_taken v2_guest_taken;

void v2_guest_code(void)
{
	int i;

	for (;;) {
		switch (v2_guest.op) {
		case V2_GUEST_READ:
			v2_guest.val = readl((void *)v2_guest.addr);
			break;
		case V2_GUEST_WRITE:
			writel(v2_guest.val, (void *)v2_guest.addr);
			break;
		case V2_GUEST_TAKE:
			local_irq_enable();
			for (i = 0; i < 1000; i++) {
				if (READ_ONCE(v2_guest_taken.vector))
					break;
				isb();
			}
			local_irq_disable();
			break;
		}
		GUEST_SYNC(0);
	}
}

static void v2_guest_take(u32 vector)
{
	u32 iar = readl(GICC_BASE_GVA + GICC_IAR);

	v2_guest_taken.iar = iar;
	WRITE_ONCE(v2_guest_taken.vector, vector);
	writel(iar, GICC_BASE_GVA + GICC_EOIR);
}

static void v2_guest_irq(struct ex_regs *regs)
{
	v2_guest_take(VECTOR_IRQ_CURRENT);
}

static void v2_guest_fiq(struct ex_regs *regs)
{
	v2_guest_take(VECTOR_FIQ_CURRENT);
}

u32 v2_guest_do(struct kvm_vcpu *vcpu, enum v2_guest_op op, u64 addr, u32 val)
{
	typeof(v2_guest) *g = addr_gva2hva(vcpu->vm, (gva_t)&v2_guest);

	g->op = op;
	g->addr = addr;
	g->val = val;
	fw_run(vcpu);

	return g->val;
}

struct v2_guest_taken v2_guest_take_irq(struct kvm_vcpu *vcpu)
{
	struct v2_guest_taken *taken = addr_gva2hva(vcpu->vm,
						    (gva_t)&v2_guest_taken);

	memset(taken, 0, sizeof(*taken));
	v2_guest_do(vcpu, V2_GUEST_TAKE, 0, 0);
	return *taken;
}

struct vgic_v2 vgic_v2_create_guest_in(struct kvm_vm *vm)
{
	static const u8 id;
	struct vgic_v2 v = vgic_v2_create_in(vm, &id, 1, v2_guest_code);

	vm_init_descriptor_tables(v.vm);
	vcpu_init_descriptor_tables(v.vcpus[0]);
	vm_install_exception_handler(v.vm, VECTOR_IRQ_CURRENT, v2_guest_irq);
	vm_install_exception_handler(v.vm, VECTOR_FIQ_CURRENT, v2_guest_fiq);
	return v;
}

struct vgic_v2 vgic_v2_create_guest(void)
{
	return vgic_v2_create_guest_in(vm_create(1));
}

void __v2_guest_expect(int line, struct vgic_v2 *v, u32 offset, u32 want,
		       const char *when)
{
	u32 now = v2_guest_read_gicc(v->vcpus[0], offset);

	__test_expect(line, now == want,
		      "%s: the guest reads %#x at %#x, not %#x",
		      when, now, offset, want);
}

void v2_guest_setup(struct vgic_v2 *v, const struct v2_guest_gic *s)
{
	struct kvm_vcpu *vcpu = v->vcpus[0];
	u32 prio = (s->pmr - 8) << 8 | s->pmr << 16;

	/* Edge-triggered: each injection makes them pending once. */
	v2_guest_write_gicd(vcpu, GICD_ICFGR + 2 * 4, 0x28);
	v2_guest_write_gicd(vcpu, GICD_IGROUPR + 4,
			    s->group1 ? V2_GUEST_BOTH_SPIS : 0);
	v2_guest_write_gicd(vcpu, GICD_IPRIORITYR + MIN_SPI, prio);
	v2_guest_write_gicd(vcpu, GICD_ITARGETSR + MIN_SPI, 0x010100);
	v2_guest_write_gicd(vcpu, GICD_ISENABLER + 4, V2_GUEST_BOTH_SPIS);
	v2_guest_write_gicd(vcpu, GICD_CTLR, 1);

	v2_guest_write_gicc(vcpu, GICC_PMR, s->pmr);
	v2_guest_write_gicc(vcpu, GICC_BPR, 5);
	v2_guest_write_gicc(vcpu, GICC_ABPR, 6);
	v2_guest_write_gicc(vcpu, GICC_CTLR, s->ctlr);
}

void vgic_v2_inject(struct vgic_v2 *v, u32 intid)
{
	kvm_arm_irq_line(v->vm, intid, 1);
	kvm_arm_irq_line(v->vm, intid, 0);
}

void v2_guest_expect_mask(struct vgic_v2 *v, const char *vm)
{
	struct kvm_vcpu *vcpu = v->vcpus[0];

	vgic_v2_inject(v, V2_GUEST_LOW_SPI);
	v2_guest_expect(v, GICC_IAR, IAR_SPURIOUS, vm);
	vgic_v2_inject(v, V2_GUEST_HIGH_SPI);
	v2_guest_expect(v, GICC_IAR, V2_GUEST_HIGH_SPI, vm);
	v2_guest_expect(v, GICC_IAR, IAR_SPURIOUS, vm);
	v2_guest_write_gicc(vcpu, GICC_EOIR, V2_GUEST_HIGH_SPI);
	v2_guest_expect(v, GICC_IAR, IAR_SPURIOUS, vm);

	v2_guest_write_gicc(vcpu, GICC_PMR, GICC_PMR_ALL);
	v2_guest_expect(v, GICC_IAR, V2_GUEST_LOW_SPI, vm);
	v2_guest_write_gicc(vcpu, GICC_EOIR, V2_GUEST_LOW_SPI);
	v2_guest_expect(v, GICC_IAR, IAR_SPURIOUS, vm);
}
