/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hypercalls that are answered before the vCPU leaves its guest, on VHE.
 *
 * Most of a hypercall's instructions are the world switch. Here a call that values
 * alone answer goes back to the guest at once, with the answer of the function
 * that decides calls after the exit, too. All others leave the guest.
 */
#ifndef __ARM64_KVM_HYP_SMCCC_FAST_H__
#define __ARM64_KVM_HYP_SMCCC_FAST_H__

#ifdef CONFIG_KVM_ARM64_RUST

#include <hyp/adjust_pc.h>

#include <linux/kprobes.h>
#include <linux/kvm_host.h>
#include <linux/maple_tree.h>
#include <linux/tracepoint-defs.h>

#include <asm/kvm_emulate.h>
#include <asm/sysreg.h>

#include <kvm/arm_abi.h>
#include <kvm/arm_vgic.h>

/* Each exit by a call passes these. */
DECLARE_TRACEPOINT(kvm_entry);
DECLARE_TRACEPOINT(kvm_exit);
DECLARE_TRACEPOINT(kvm_hvc_arm64);

/*
 * Whether somebody could notice that there is no exit. Only single words are read:
 * the guest's registers are loaded, exceptions are fatal, and RCU does not watch.
 * pKVM, whose VMs have filters of their own, is never VHE.
 */
static __always_inline bool kvm_hyp_exit_is_needed(struct kvm_vcpu *vcpu)
{
	struct kvm *kvm = vcpu->kvm;

	if (tracepoint_enabled(kvm_entry) || tracepoint_enabled(kvm_exit) ||
	    tracepoint_enabled(kvm_hvc_arm64))
		return true;

	/* Userspace may step over the call. */
	if (vcpu->guest_debug)
		return true;

	/* The call is for the guest hypervisor. */
	if (vcpu_has_nv(vcpu))
		return true;

	if (kvm_request_pending(vcpu))
		return true;

	if (!mtree_empty(&kvm->arch.smccc_filter))
		return true;

	/*
	 * With an interrupt controller in userspace, an exit notices that the guest
	 * has lowered the line of a timer, and unmasks the host's interrupt.
	 */
	if (unlikely(!irqchip_in_kernel(kvm)) &&
	    READ_ONCE(vcpu->run->s.regs.device_irq_level))
		return true;

	/* Such a vCPU dies of its next exit. */
	if (unlikely(vcpu_mode_is_32bit(vcpu)) && !kvm_supports_32bit_el0())
		return true;

	/* The host takes its interrupts, and SErrors, no later than without this. */
	return read_sysreg(isr_el1);
}

/* Not in line: while they are not called, an exit by a call pays for no stack frame. */

static noinline bool kvm_hyp_fast_hvc(struct kvm_vcpu *vcpu, u64 *exit_code)
{
	if (kvm_hyp_exit_is_needed(vcpu) || !kvm_arm_rust_smccc_fast_call(vcpu))
		return false;

	vcpu->stat.hvc_exit_stat++;
	vcpu->stat.exits++;
	return true;
}
NOKPROBE_SYMBOL(kvm_hyp_fast_hvc);

static noinline bool kvm_hyp_fast_smc(struct kvm_vcpu *vcpu, u64 *exit_code)
{
	/* With another immediate than 0 it is no call of SMCCC. */
	if (kvm_vcpu_hvc_get_imm(vcpu) || kvm_hyp_exit_is_needed(vcpu) ||
	    !kvm_arm_rust_smccc_fast_call(vcpu))
		return false;

	/* An SMC is trapped: unlike that of an HVC, its PC is still that of the SMC. */
	__kvm_skip_instr(vcpu);
	vcpu->stat.exits++;
	return true;
}
NOKPROBE_SYMBOL(kvm_hyp_fast_smc);

static bool kvm_hyp_handle_hvc(struct kvm_vcpu *vcpu, u64 *exit_code)
{
	if (kvm_arm_abi_fast())
		__kvm_arm_abi_jump return kvm_hyp_fast_hvc(vcpu, exit_code);

	return false;
}
NOKPROBE_SYMBOL(kvm_hyp_handle_hvc);

static bool kvm_hyp_handle_smc(struct kvm_vcpu *vcpu, u64 *exit_code)
{
	if (kvm_arm_abi_fast())
		__kvm_arm_abi_jump return kvm_hyp_fast_smc(vcpu, exit_code);

	return false;
}
NOKPROBE_SYMBOL(kvm_hyp_handle_smc);

#else

#define kvm_hyp_handle_hvc	NULL
#define kvm_hyp_handle_smc	NULL

#endif /* CONFIG_KVM_ARM64_RUST */

#endif /* __ARM64_KVM_HYP_SMCCC_FAST_H__ */
