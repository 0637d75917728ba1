// SPDX-License-Identifier: GPL-2.0

#include <linux/cpufeature.h>
#include <linux/kvm_host.h>
#include <linux/uaccess.h>

__rust_helper bool rust_helper_kvm_vm_has_ran_once(struct kvm *kvm)
{
	return kvm_vm_has_ran_once(kvm);
}

__rust_helper bool rust_helper_vcpu_has_feature(struct kvm_vcpu *vcpu, int feature)
{
	return vcpu_has_feature(vcpu, feature);
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
