// SPDX-License-Identifier: GPL-2.0-only
/* A guest that makes the same SMCCC call in a loop */
#include <linux/arm-smccc.h>

#include "abi/smccc_call.h"
#include "abi/smccc_loop.h"
#include "abi/switch.h"
#include "processor.h"

const char * const smccc_side_names[NR_SMCCC_SIDES] = {
	[SMCCC_FAST] = "without an exit",
	[SMCCC_FULL] = "Rust after an exit",
	[SMCCC_C] = "C",
};

void smccc_serve_by(int side)
{
	if (!abi_present())
		return;

	abi_set_mode(side == SMCCC_C ? "c" : "rust");
	abi_set_fast(side == SMCCC_FAST);
}

#define LOOP_HVC_GPA	(SMCCC_CODE_GPA + 0x800)
#define LOOP_SMC_GPA	(SMCCC_CODE_GPA + 0x840)
/* In the vectors: synchronous exceptions and SErrors of EL1 */
#define SYNC_GPA	(SMCCC_VECTORS_GPA + 0x200)
#define SERROR_GPA	(SMCCC_VECTORS_GPA + 0x380)

/*
 * x12 calls of function x10. Adds the results to x15, and leaves the times of begin
 * and end in x13 and x14.
 */
static const u32 loop[] = {
	0xd53be04d,	/* mrs x13, cntvct_el0 */
	0xaa0a03e0,	/* mov x0, x10 */
	0xaa1f03e1,	/* mov x1, xzr */
	0xd4000002,	/* hvc #0; or smc #0 */
	0x8b0001ef,	/* add x15, x15, x0 */
	0xf100058c,	/* subs x12, x12, #1 */
	0x54ffff61,	/* b.ne, to the first mov */
	0xd53be04e,	/* mrs x14, cntvct_el0 */
	0xb9000128,	/* str w8, [x9] */
};

#define LOOP_CALL	3

void smccc_write_code(struct kvm_vm *vm, u64 gpa, const u32 *words, int nr)
{
	u32 *code = addr_gpa2hva(vm, gpa);

	memcpy(code, words, nr * sizeof(*words));
	__builtin___clear_cache((char *)code, (char *)(code + nr));
}

struct smccc_vm smccc_loop_vm(void)
{
	static const u32 store[] = { 0xb9000128, 0xb9000128 };
	struct smccc_vm v = smccc_vm_default();
	u32 smc[ARRAY_SIZE(loop)];

	smccc_vm_start(&v);
	memcpy(smc, loop, sizeof(smc));
	smc[LOOP_CALL] = 0xd4000003;
	smccc_write_code(v.vm, LOOP_HVC_GPA, loop, ARRAY_SIZE(loop));
	smccc_write_code(v.vm, LOOP_SMC_GPA, smc, ARRAY_SIZE(smc));
	smccc_write_code(v.vm, SYNC_GPA, store, ARRAY_SIZE(store));
	smccc_write_code(v.vm, SERROR_GPA, store, ARRAY_SIZE(store));
	return v;
}

void smccc_loop_start(struct kvm_vcpu *vcpu, enum smccc_insn insn, u64 nr)
{
	smccc_set_x(vcpu, 9, SMCCC_MMIO_GPA);
	smccc_set_x(vcpu, 10, SMCCC_LOOP_FN);
	smccc_set_x(vcpu, SMCCC_LOOP_LEFT, nr);
	smccc_set_x(vcpu, SMCCC_LOOP_SUM, 0);
	vcpu_set_reg(vcpu, ARM64_CORE_REG(regs.pc),
		     smccc_is_smc(insn) ? LOOP_SMC_GPA : LOOP_HVC_GPA);
}

bool smccc_at_store(struct kvm_vcpu *vcpu, int ret)
{
	return !ret && vcpu->run->exit_reason == KVM_EXIT_MMIO &&
	       vcpu->run->mmio.phys_addr == SMCCC_MMIO_GPA;
}

u64 smccc_loop_run(struct kvm_vcpu *vcpu, enum smccc_insn insn, u64 nr)
{
	int ret;

	smccc_loop_start(vcpu, insn, nr);
	ret = smccc_run(vcpu);
	TEST_ASSERT(smccc_at_store(vcpu, ret), "KVM_RUN: %d, %s, exit %u", ret,
		    strerror(errno), vcpu->run->exit_reason);
	vcpu_run_complete_io(vcpu);
	TEST_ASSERT_EQ(smccc_get_x(vcpu, SMCCC_LOOP_SUM), nr * SMCCC_LOOP_RESULT);
	return smccc_get_x(vcpu, 14) - smccc_get_x(vcpu, 13);
}
