// SPDX-License-Identifier: GPL-2.0-only
/* What the guest of a VM that is moved sees */
#include <linux/arm-smccc.h>
#include <linux/psci.h>

#include "abi/cases.h"
#include "guest.h"
#include "ucall_common.h"

#define NOT_THERE	0xbad0bad000000000UL

/* All results are compared, but only the presence of @value_varies calls. */
static const struct guest_call {
	u64 fn;
	u64 arg;
	bool value_varies;
} guest_calls[TRIP_NR_CALLS] = {
	{ ARM_SMCCC_TRNG_RND64, 64, true },
	{ ARM_SMCCC_VENDOR_HYP_KVM_PTP_FUNC_ID, KVM_PTP_VIRT_COUNTER, true },
	{ PSCI_0_2_FN_PSCI_VERSION },
	{ ARM_SMCCC_VENDOR_HYP_KVM_FEATURES_FUNC_ID },
	{ ARM_SMCCC_TRNG_VERSION },
	{ ARM_SMCCC_ARCH_FEATURES_FUNC_ID, ARM_SMCCC_HV_PV_TIME_FEATURES },
	{ ARM_SMCCC_HV_PV_TIME_FEATURES, ARM_SMCCC_HV_PV_TIME_FEATURES },
	{ ARM_SMCCC_HV_PV_TIME_FEATURES, ARM_SMCCC_HV_PV_TIME_ST },
	{ ARM_SMCCC_HV_PV_TIME_ST },
	{ ARM_SMCCC_TRNG_FEATURES, ARM_SMCCC_TRNG_RND64 },
	{ ARM_SMCCC_TRNG_GET_UUID },
	{ ARM_SMCCC_VENDOR_HYP_CALL_UID_FUNC_ID },
	{ ARM_SMCCC_VERSION_FUNC_ID },
	{ ARM_SMCCC_ARCH_FEATURES_FUNC_ID, ARM_SMCCC_ARCH_WORKAROUND_1 },
	{ ARM_SMCCC_ARCH_FEATURES_FUNC_ID, ARM_SMCCC_ARCH_WORKAROUND_2 },
	{ ARM_SMCCC_ARCH_FEATURES_FUNC_ID, ARM_SMCCC_ARCH_WORKAROUND_3 },
	{ PSCI_0_2_FN_MIGRATE_INFO_TYPE },
	{ PSCI_1_0_FN_PSCI_FEATURES, PSCI_0_2_FN64_CPU_SUSPEND },
	{ PSCI_1_0_FN_PSCI_FEATURES, PSCI_0_2_FN64_CPU_ON },
	{ PSCI_1_0_FN_PSCI_FEATURES, PSCI_0_2_FN_SYSTEM_RESET },
	{ PSCI_1_0_FN_PSCI_FEATURES, PSCI_1_0_FN64_SYSTEM_SUSPEND },
	{ PSCI_1_0_FN_PSCI_FEATURES, PSCI_1_1_FN64_SYSTEM_RESET2 },
	{ PSCI_1_0_FN_PSCI_FEATURES, PSCI_1_3_FN64_SYSTEM_OFF2 },
	{ PSCI_1_0_FN_PSCI_FEATURES, ARM_SMCCC_VERSION_FUNC_ID },
};

/* Those with a meaning below, by their place above */
enum { CALL_PSCI_VERSION = 2, CALL_FEATURES, CALL_TRNG, CALL_PV_TIME };

/* Each VM's copy is in its memory, and moves with it. */
static struct trip_view views[TRIP_NR_VCPUS];

struct trip_view *trip_views(struct kvm_vm *vm)
{
	return addr_gva2hva(vm, (gva_t)views);
}

void trip_guest_skip(struct ex_regs *regs)
{
	u32 insn = *(u32 *)regs->pc;

	regs->regs[insn & 0x1f] = NOT_THERE;
	regs->pc += 4;
}

/* Read all registers of these CRm to @ids, in order. */
#define guest_read_ids(ids, op1, crms)					\
do {									\
	u64 *__p = (ids), __val;					\
									\
	asm volatile("	.irp	crm, " crms "\n"			\
		     "	.irp	op2, 0, 1, 2, 3, 4, 5, 6, 7\n"		\
		     "	mrs	%1, S3_" #op1 "_C0_C\\crm\\()_\\op2\n"	\
		     "	str	%1, [%0], #8\n"				\
		     "	.endr\n"					\
		     "	.endr\n"					\
		     : "+r" (__p), "=&r" (__val) : : "memory");		\
} while (0)

static void guest_take_view(struct trip_view *v)
{
	struct fw_regs4 r;
	u64 round;
	int i;

	/* Only this register has the number: the guest has gone on. */
	round = read_sysreg(tpidr_el0) + 1;
	write_sysreg(round, tpidr_el0);
	v->round = round;

	/* CCSIDR_EL1 below is that of the last selector. */
	for (i = 0; i < TRIP_NR_CCSIDR; i++) {
		write_sysreg(i, csselr_el1);
		isb();
		v->ccsidr[i] = read_sysreg(ccsidr_el1);
	}

	guest_read_ids(v->id, 0, "0, 1, 2, 3, 4, 5, 6, 7");
	guest_read_ids(v->id + id_nr(SYS_CCSIDR_EL1), 1, "0");
	guest_read_ids(v->id + id_nr(SYS_CTR_EL0) - 1, 3, "0");

	for (i = 0; i < ARRAY_SIZE(guest_calls); i++) {
		r = (struct fw_regs4) { { guest_calls[i].fn, guest_calls[i].arg,
					  FW_POISON, FW_POISON } };
		fw_smccc(&r);
		if (guest_calls[i].value_varies)
			r = (struct fw_regs4) {
				{ r.x[0] == (u64)SMCCC_RET_NOT_SUPPORTED } };
		v->call[i] = r;
	}

	/* One timer has expired, the other never will; both are masked. */
	write_sysreg(1, cntv_cval_el0);
	write_sysreg(IMAGE_CTL_ENABLE_IMASK, cntv_ctl_el0);
	write_sysreg(~0UL - round, cntp_cval_el0);
	write_sysreg(IMAGE_CTL_ENABLE_IMASK, cntp_ctl_el0);
	isb();
}

/* No ucall structures: they have addresses of the VM that made them. */
void trip_guest_code(void)
{
	for (;;) {
		guest_take_view(&views[guest_get_vcpuid()]);
		GUEST_UCALL_NONE();
	}
}

/* ---- What it is expected to see ---- */

void trip_expect_view_agrees(const struct trip_view *v,
			     const struct reg_image *img)
{
	const struct image_reg *r;
	u64 fw[NR_FW_REGS];
	int i, nr;

	for (i = 0; i < img->n; i++) {
		r = &img->reg[i];
		nr = image_id_reg_nr(r->id);
		if (nr >= 0)
			test_expect(v->id[nr] == r->val[0],
				    "%s: guest reads %#lx of %s, expected %#lx",
				    image_context(), v->id[nr], id_name(nr),
				    r->val[0]);
		if ((r->id & KVM_REG_ARM_COPROC_MASK) == KVM_REG_ARM_DEMUX)
			test_expect(v->ccsidr[r->id & 0xff] == r->val[0],
				    "%s: guest reads CCSIDR %#lx of %#lx, expected %#lx",
				    image_context(), v->ccsidr[r->id & 0xff],
				    r->id, r->val[0]);
	}

	for (i = 0; i < NR_FW_REGS; i++)
		fw[i] = image_find(img, fw_regs[i].id)->val[0];

	test_expect(v->call[CALL_PSCI_VERSION].x[0] == fw[FW_PSCI_VERSION],
		    "%s: guest has PSCI %#lx", image_context(),
		    v->call[CALL_PSCI_VERSION].x[0]);
	test_expect(v->call[CALL_FEATURES].x[0] == fw[FW_VENDOR_HYP] &&
		    v->call[CALL_FEATURES].x[2] == fw[FW_VENDOR_HYP_2],
		    "%s: guest has vendor features %#lx, %#lx", image_context(),
		    v->call[CALL_FEATURES].x[0], v->call[CALL_FEATURES].x[2]);
	test_expect(v->call[CALL_TRNG].x[0] ==
		    (fw[FW_STD] ? 0x10000 : (u64)SMCCC_RET_NOT_SUPPORTED),
		    "%s: guest has TRNG %#lx", image_context(),
		    v->call[CALL_TRNG].x[0]);
	test_expect(v->call[CALL_PV_TIME].x[0] ==
		    (fw[FW_STD_HYP] ? 0 : (u64)SMCCC_RET_NOT_SUPPORTED),
		    "%s: guest has PV time %#lx", image_context(),
		    v->call[CALL_PV_TIME].x[0]);
}

void trip_expect_same_view(const struct trip_view *v,
			   const struct trip_view *want)
{
	const u64 *r, *w;
	int i;

	test_expect(v->round == want->round, "%s: round %#lx, expected %#lx",
		    image_context(), v->round, want->round);
	for (i = 0; i < ARRAY_SIZE(v->id); i++)
		test_expect(v->id[i] == want->id[i],
			    "%s: guest reads %#lx of %s, expected %#lx",
			    image_context(), v->id[i], id_name(i), want->id[i]);
	for (i = 0; i < TRIP_NR_CCSIDR; i++)
		test_expect(v->ccsidr[i] == want->ccsidr[i],
			    "%s: guest reads CCSIDR %#lx, expected %#lx",
			    image_context(), v->ccsidr[i], want->ccsidr[i]);
	for (i = 0; i < ARRAY_SIZE(guest_calls); i++) {
		r = v->call[i].x;
		w = want->call[i].x;
		test_expect(!memcmp(r, w, sizeof(v->call[i])),
			    "%s: call %#lx(%#lx): %lx %lx %lx %lx, expected %lx %lx %lx %lx",
			    image_context(), guest_calls[i].fn,
			    guest_calls[i].arg,
			    r[0], r[1], r[2], r[3], w[0], w[1], w[2], w[3]);
	}
}
