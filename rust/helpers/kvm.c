// SPDX-License-Identifier: GPL-2.0

#include <linux/cpufeature.h>
#include <linux/kvm_host.h>
#include <linux/maple_tree.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>

#include <asm/kvm_emulate.h>

#include <kvm/arm_opt_in.h>

/*
 * The types of fields that rust/kernel/kvm/id_reg.rs knows. If C gets another
 * one, the kernel does not build.
 */
__diag_push();
__diag_error(clang, all, "-Wswitch", "Rust sees constants only, and cannot notice a new one");

static void __maybe_unused kvm_arm_ftr_types(enum ftr_type type)
{
	switch (type) {
	case FTR_EXACT:
	case FTR_LOWER_SAFE:
	case FTR_HIGHER_SAFE:
	case FTR_HIGHER_OR_ZERO_SAFE:
		break;
	}
}

__diag_pop();

__rust_helper bool rust_helper_kvm_vm_has_ran_once(struct kvm *kvm)
{
	return kvm_vm_has_ran_once(kvm);
}

__rust_helper bool rust_helper_kvm_arm_opt_in_used(void)
{
	return kvm_arm_opt_in_used();
}

__rust_helper bool rust_helper_vcpu_has_feature(struct kvm_vcpu *vcpu, int feature)
{
	return vcpu_has_feature(vcpu, feature);
}

__rust_helper bool rust_helper_kvm_vcpu_has_feature(struct kvm *kvm, int feature)
{
	return kvm_vcpu_has_feature(kvm, feature);
}

__rust_helper bool rust_helper_vgic_initialized(struct kvm *kvm)
{
	return vgic_initialized(kvm);
}

__rust_helper bool rust_helper_kvm_has_feat_ssbs(struct kvm *kvm)
{
	return kvm_has_feat(kvm, ID_AA64PFR1_EL1, SSBS, IMP);
}

__rust_helper int rust_helper_put_user_u64(u64 val, u64 __user *ptr)
{
	return put_user(val, ptr);
}

__rust_helper unsigned long
rust_helper_clear_user(void __user *to, unsigned long n)
{
	return clear_user(to, n);
}

__rust_helper bool rust_helper_kvm_arm_supports_32bit_el0(void)
{
	return kvm_supports_32bit_el0();
}

__rust_helper unsigned long rust_helper_kvm_vcpu_get_mpidr_aff(struct kvm_vcpu *vcpu)
{
	return kvm_vcpu_get_mpidr_aff(vcpu);
}

__rust_helper bool rust_helper_kvm_vcpu_is_be(struct kvm_vcpu *vcpu)
{
	return kvm_vcpu_is_be(vcpu);
}

__rust_helper u8 rust_helper_kvm_vcpu_trap_get_class(const struct kvm_vcpu *vcpu)
{
	return kvm_vcpu_trap_get_class(vcpu);
}

__rust_helper bool rust_helper_kvm_vcpu_trap_il_is32bit(const struct kvm_vcpu *vcpu)
{
	return kvm_vcpu_trap_il_is32bit(vcpu);
}

__rust_helper void rust_helper_kvm_make_vcpu_reset_request(struct kvm_vcpu *vcpu)
{
	kvm_make_request(KVM_REQ_VCPU_RESET, vcpu);
}

__rust_helper bool rust_helper_kvm_make_all_cpus_sleep_request(struct kvm *kvm)
{
	return kvm_make_all_cpus_request(kvm, KVM_REQ_SLEEP);
}

__rust_helper bool rust_helper_mtree_empty(const struct maple_tree *mt)
{
	return mtree_empty(mt);
}

__rust_helper void rust_helper_kvm_arm_wipe_words(u64 (*words)[3])
{
	memzero_explicit(words, sizeof(*words));
}

__rust_helper void *rust_helper_xa_mk_value(unsigned long v)
{
	return xa_mk_value(v);
}

__rust_helper unsigned long rust_helper_xa_to_value(const void *entry)
{
	return xa_to_value(entry);
}

#ifdef CONFIG_KVM_ARM64_RUST_KUNIT_TEST
__rust_helper int
rust_helper_cpuid_feature_extract_signed_field(u64 features, int field)
{
	return cpuid_feature_extract_signed_field(features, field);
}

__rust_helper unsigned int
rust_helper_cpuid_feature_extract_unsigned_field(u64 features, int field)
{
	return cpuid_feature_extract_unsigned_field(features, field);
}
#endif
