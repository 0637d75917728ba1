/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM/arm64 in Rust: the functions of arch/arm64/kvm/rust that C calls.
 * #[export] makes the compiler compare each with its prototype.
 *
 * Without CONFIG_KVM_ARM64_RUST they are not defined, and the compiler removes
 * all calls of them. Their contracts are in their doc comments.
 *
 * Documentation/virt/kvm/arm/rust.rst
 */
#ifndef __KVM_ARM_RUST_H
#define __KVM_ARM_RUST_H

#include <linux/kvm_host.h>

struct kvm_arm_vm_config;
struct sys_reg_desc;
struct vgic_vmcr;

/**
 * struct kvm_arm_id_reg - An ID register of a VM, as a vCPU sees it
 * @id: The register, as sys_reg() encodes it
 * @raz: Whether it reads as zero
 * @ignored: Whether userspace's writes are ignored
 * @el2: Whether the vCPU has EL2
 * @imp_writable: Whether userspace may write the implementation ID registers
 * @ran: Whether the VM has run
 * @level: The VM's level, KVM_ARM_COMPAT_*, or 0
 * @limit: The most that the host can give without a level
 * @writable: The bits that userspace may change without a level
 * @val: Its value
 */
struct kvm_arm_id_reg {
	u32 id;
	bool raz;
	bool ignored;
	bool el2;
	bool imp_writable;
	bool ran;
	u32 level;
	u64 limit;
	u64 writable;
	u64 val;
};

/* fw_reg.rs */
void kvm_arm_rust_init_hypercalls(struct kvm *kvm);
int kvm_arm_rust_copy_fw_reg_indices(struct kvm_vcpu *vcpu, u64 __user *uindices);
int kvm_arm_rust_get_fw_reg(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg);
int kvm_arm_rust_set_fw_reg(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg);
int kvm_arm_rust_traced_get_fw_reg(struct kvm_vcpu *vcpu,
				   const struct kvm_one_reg *reg);
int kvm_arm_rust_traced_set_fw_reg(struct kvm_vcpu *vcpu,
				   const struct kvm_one_reg *reg);

/* compat.rs */
bool kvm_arm_rust_compat_has_cap(u32 level, u32 cap);
bool kvm_arm_rust_compat_has_features(u32 level, unsigned long features);
bool kvm_arm_rust_compat_host_caches(u32 level);
u32 kvm_arm_rust_compat_psci(u32 level);
u32 kvm_arm_rust_compat_place(u32 level, u64 id, bool hidden);
u64 kvm_arm_rust_compat_first(u32 level, unsigned long nr);
u64 kvm_arm_rust_compat_limit(u32 level, u32 id, u64 limit);

/* id_reg.rs */
int kvm_arm_rust_set_id_reg(struct kvm_vcpu *vcpu, const struct sys_reg_desc *rd,
			    u32 id, u64 val);

/* reg_masks.rs */
int kvm_arm_rust_get_reg_writable_masks(const struct reg_mask_range *range);
/* Only with CONFIG_KVM_ARM64_RUST_KUNIT_TEST */
void kvm_arm_rust_forget_reg_masks(void);

/* smccc.rs */
int kvm_arm_rust_smccc_call_handler(struct kvm_vcpu *vcpu);
bool kvm_arm_rust_smccc_fast_call(struct kvm_vcpu *vcpu);

/* smccc_filter.rs */
int kvm_arm_rust_smccc_set_attr(struct kvm *kvm, struct kvm_device_attr *attr);

/* opt_in/mod.rs */
int kvm_arm_rust_extension(struct kvm *kvm, long ext);
int kvm_arm_rust_enable_cap(struct kvm *kvm, const struct kvm_enable_cap *cap);
int kvm_arm_rust_reg_mask_ranges(struct kvm *kvm);
int kvm_arm_rust_get_vm_reg_masks(struct kvm *kvm,
				  const struct reg_mask_range *range);
int kvm_arm_rust_has_canonical_pmr(u64 attr, u32 flags, bool has_vcpu);
void kvm_arm_rust_uaccess_canonical_pmr(struct kvm_vcpu *vcpu, bool is_write, u32 *val);

/* opt_in/filter_list.rs */
int kvm_arm_rust_has_filter_list(struct kvm *kvm, const struct kvm_device_attr *attr);
int kvm_arm_rust_get_filter_list(struct kvm *kvm, const struct kvm_device_attr *attr);

/* opt_in/vm_config.rs */
int kvm_arm_rust_vm_config(struct kvm *kvm,
			   struct kvm_arm_vm_config __user *argp);

/* opt_in/vm_reg.rs */
unsigned long kvm_arm_rust_num_level_regs(struct kvm_vcpu *vcpu);
int kvm_arm_rust_copy_vm_reg_indices(struct kvm_vcpu *vcpu, u64 __user *uindices);
u64 kvm_arm_rust_list_id(struct kvm *kvm, u64 id);
int kvm_arm_rust_one_reg(struct kvm_vcpu *vcpu, struct kvm_one_reg *reg,
			 bool set);
int kvm_arm_rust_vm_one_reg(struct kvm *kvm, const struct kvm_one_reg *reg,
			    bool is_set);
int kvm_arm_rust_get_vm_reg_list(struct kvm *kvm,
				 struct kvm_reg_list __user *list);
bool kvm_arm_rust_vcpu_features_fit(struct kvm *kvm, unsigned long features);

/* vgic_v2.rs */
unsigned long kvm_arm_rust_read_vcpuif(struct kvm_vcpu *vcpu, gpa_t addr);
void kvm_arm_rust_write_vcpuif(struct kvm_vcpu *vcpu, gpa_t addr,
			       unsigned int len, unsigned long val);
void kvm_arm_rust_vgic_v2_get_vmcr(struct kvm_vcpu *vcpu,
				   struct vgic_vmcr *vmcrp);
void kvm_arm_rust_vgic_v2_set_vmcr(struct kvm_vcpu *vcpu,
				   const struct vgic_vmcr *vmcrp);

/* What compares, in mode check */

/* check/fw_reg.rs */
int kvm_arm_check_get_fw_reg(struct kvm_vcpu *vcpu,
			     const struct kvm_one_reg *reg, u64 *valp);
int kvm_arm_check_set_fw_reg(struct kvm_vcpu *vcpu,
			     const struct kvm_one_reg *reg, u64 val);
void kvm_arm_check_fw_reg_bmap(struct kvm_vcpu *vcpu, u64 id, u64 old,
			       u64 val, int ret);
void kvm_arm_check_fw_reg_ids(const u64 *ids, unsigned int nr);
void kvm_arm_check_init_hypercalls(struct kvm *kvm);

/* check/id_reg.rs */
void kvm_arm_check_id_reg(struct kvm_arm_id_reg reg, u64 written, u64 stored,
			  int ret);

/* check/reg_masks.rs */
void kvm_arm_check_reg_mask(u32 id, u64 mask);
void kvm_arm_check_nr_reg_masks(unsigned int nr);
void kvm_arm_check_reg_mask_range(const struct reg_mask_range *range, int ret);

/* check/smccc.rs */
int kvm_arm_check_smccc_call(struct kvm_vcpu *vcpu,
			     int (*handler)(struct kvm_vcpu *vcpu));
void kvm_arm_check_note_target(struct kvm_vcpu *source, unsigned long affinity,
			       const struct kvm_vcpu *target);
void kvm_arm_check_note_affinity(struct kvm_vcpu *source, unsigned long affinity);
void kvm_arm_check_note_power(struct kvm_vcpu *source, bool stopped);
void kvm_arm_check_vcpu_on(struct kvm_vcpu *source, struct kvm_vcpu *target);

/* check/smccc_filter.rs */
void kvm_arm_check_smccc_filter_request(const struct kvm_smccc_filter *filter,
					int ret);
void kvm_arm_check_smccc_filter(struct kvm *kvm,
				const struct kvm_smccc_filter *filter,
				int ret);

/* check/vgic_v2.rs */
void kvm_arm_check_read_vcpuif(const struct vgic_vmcr *vmcrp, gpa_t addr,
			       u32 val);
u32 kvm_arm_check_before_write_vcpuif(const struct vgic_vmcr *vmcrp, gpa_t addr,
				      unsigned long val);
void kvm_arm_check_write_vcpuif(const struct vgic_vmcr *vmcrp, gpa_t addr,
				u32 want);
void kvm_arm_check_vgic_v2_get_vmcr(u32 vmcr, const struct vgic_vmcr *vmcrp);
void kvm_arm_check_vgic_v2_set_vmcr(const struct vgic_vmcr *vmcrp, u32 vmcr);

#endif /* __KVM_ARM_RUST_H */
