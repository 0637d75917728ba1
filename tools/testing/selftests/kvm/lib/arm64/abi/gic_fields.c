// SPDX-License-Identifier: GPL-2.0-only
/* VMs with read-only fields of a GICv3's CPU interface of their own */
#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/gic_fields.h"
#include "abi/opt_in.h"
#include "abi/vm_config.h"
#include "processor.h"
#include "ucall.h"

bool gic_fields_possible(bool el2)
{
	if (!gic_vm_possible(el2))
		return false;
	if (kvm_check_cap(KVM_CAP_ARM_MIGRATION) & KVM_ARM_MIGRATION_GIC_FIELDS)
		return true;

	test_skip("VMs cannot have fields of their own here");
	return false;
}

struct gic_vm gic_fields_vm_create(u32 opt_ins, int nr_vcpus, bool el2, void *code)
{
	u32 features = BIT(KVM_ARM_VCPU_PSCI_0_2) |
		       (el2 ? BIT(KVM_ARM_VCPU_HAS_EL2) : 0);
	struct gic_vm g = { .vm = vm_create(nr_vcpus), .el2 = el2 };

	if (opt_ins)
		opt_in(g.vm, opt_ins);
	g.fd = mask_vgic_v3_add(g.vm, nr_vcpus);
	fw_vm_add_vcpus(g.vm, nr_vcpus, features, code, g.vcpus);
	__vgic_v3_init(g.fd);
	return g;
}

void gic_fields_guest_code(void)
{
	for (;;) {
		GUEST_SYNC(read_sysreg_s(SYS_ICC_CTLR_EL1));
		if (get_current_el() == 2)
			GUEST_SYNC(read_sysreg_s(SYS_ICH_VTR_EL2));
	}
}

static u64 guest_sync(struct kvm_vcpu *vcpu)
{
	struct ucall uc;

	vcpu_run(vcpu);
	switch (get_ucall(vcpu, &uc)) {
	case UCALL_SYNC:
		return uc.args[1];
	case UCALL_ABORT:
		REPORT_GUEST_ASSERT(uc);
	default:
		TEST_FAIL("The guest has stopped: %s",
			  exit_reason_str(vcpu->run->exit_reason));
	}
}

u64 gic_fields_guest_read(struct gic_vm *g, u64 *vtr)
{
	u64 ctlr = guest_sync(g->vcpus[0]);

	if (g->el2)
		*vtr = guest_sync(g->vcpus[0]);
	return ctlr;
}

u64 gic_fields_of_hardware(void)
{
	struct gic_vm g = gic_fields_vm_create(0, 1, false, gic_fields_guest_code);
	u64 ctlr = gic_fields_guest_read(&g, NULL);

	gic_vm_free(&g);
	return ctlr & GIC_FIELDS;
}

u64 gic_fields_vtr(u64 vtr, u64 ctlr)
{
	return (vtr & ~(GIC_VTR_PRI_BITS | GIC_VTR_SEIS)) |
	       FIELD_PREP(GIC_VTR_PRI_BITS, FIELD_GET(GIC_CTLR_PRI_BITS, ctlr)) |
	       FIELD_PREP(GIC_VTR_SEIS, FIELD_GET(GIC_CTLR_SEIS, ctlr));
}

void gic_fields_set(struct gic_vm *g, u64 id, u64 val)
{
	struct config c = {};

	config_add(&c, id, val);
	config_expect(g->vm->fd, 0, &c, 0);
}

int gic_fields_list(u64 host, u64 fields[GIC_MAX_FIELDS])
{
	u64 pri, id, seis, a3v;
	int nr = 0;

	for (pri = GIC_LEAST_PRI_BITS; pri <= FIELD_GET(GIC_CTLR_PRI_BITS, host); pri++)
		for (id = 0; id <= FIELD_GET(GIC_CTLR_ID_BITS, host); id++)
			for (seis = 0; seis < 2; seis++)
				for (a3v = 0; a3v <= FIELD_GET(GIC_CTLR_A3V, host); a3v++)
					fields[nr++] = FIELD_PREP(GIC_CTLR_PRI_BITS, pri) |
						       FIELD_PREP(GIC_CTLR_ID_BITS, id) |
						       FIELD_PREP(GIC_CTLR_SEIS, seis) |
						       FIELD_PREP(GIC_CTLR_A3V, a3v);
	return nr;
}
