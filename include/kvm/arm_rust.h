/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM/arm64 in Rust: the exports, and the shims by which C calls them.
 *
 * A surface is a group of functions that exist in C and in Rust. The mode
 * selects the side that serves it:
 *
 *  - c: the C code. A shim is a NOP.
 *  - rust: the Rust code.
 *  - check: the C code; the Rust code decides on the same state, and a
 *    difference is reported.
 *
 * Documentation/virt/kvm/arm/rust.rst
 */
#ifndef __KVM_ARM_RUST_H
#define __KVM_ARM_RUST_H

#include <linux/jump_label.h>
#include <linux/kvm_host.h>

#include <kvm/arm_hypercalls.h>

struct sys_reg_desc;
struct vgic_vmcr;

/**
 * enum kvm_arm_abi_surface - The surfaces
 * @KVM_ARM_ABI_FW_REG: The firmware pseudo-registers
 * @KVM_ARM_ABI_ID_REG: The comparison of ID registers with the host's limits
 * @KVM_ARM_ABI_REG_MASKS: KVM_ARM_GET_REG_WRITABLE_MASKS
 * @KVM_ARM_ABI_VGIC_V2_CPUIF: The CPU interface of the GICv2
 * @KVM_ARM_ABI_SMCCC: Hypercalls, including PSCI
 * @KVM_ARM_ABI_SMCCC_FILTER: The filter of hypercalls that userspace sets
 * @NR_KVM_ARM_ABI_SURFACES: The number of surfaces
 */
enum kvm_arm_abi_surface {
	KVM_ARM_ABI_FW_REG,
	KVM_ARM_ABI_ID_REG,
	KVM_ARM_ABI_REG_MASKS,
	KVM_ARM_ABI_VGIC_V2_CPUIF,
	KVM_ARM_ABI_SMCCC,
	KVM_ARM_ABI_SMCCC_FILTER,
	NR_KVM_ARM_ABI_SURFACES
};

/* The modes, in the order of their names in switch.c */
enum kvm_arm_abi_mode {
	KVM_ARM_ABI_C,
	KVM_ARM_ABI_RUST,
	KVM_ARM_ABI_CHECK,
};

/*
 * The C code of the firmware registers, in all modes, without the checks of the
 * request and the copy from or to userspace: the reference for the Rust code.
 */
extern const u64 kvm_arm_fw_reg_ids[];
int kvm_arm_c_get_fw_reg(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg,
			 u64 *valp);
int kvm_arm_c_set_fw_reg(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg,
			 u64 val);

/* arm64_check_features(), in all modes. */
int kvm_arm_c_check_features(struct kvm_vcpu *vcpu, const struct sys_reg_desc *rd,
			     u64 val);

/* The C code of the filter of hypercalls, judged by the Rust code. */
int kvm_arm_c_smccc_set_filter(struct kvm *kvm,
			       struct kvm_smccc_filter __user *uaddr);

/**
 * kvm_arm_sys_reg_mask - Read an entry of KVM's table of system registers
 * @i: The index of the entry
 * @encoding: Set to the register, as sys_reg() encodes it
 * @mask: Set to the bits that userspace may change, if it is an ID register
 *
 * Return: false if the table has no such entry.
 */
bool kvm_arm_sys_reg_mask(unsigned int i, u32 *encoding, u64 *mask);

/*
 * Exports of arch/arm64/kvm/rust. Without CONFIG_KVM_ARM64_RUST they are not
 * defined, and the compiler removes all calls of them.
 */

/* fw_reg.rs */
void kvm_arm_rust_init_hypercalls(struct kvm *kvm);
int kvm_arm_rust_copy_fw_reg_indices(struct kvm_vcpu *vcpu, u64 __user *uindices);
int kvm_arm_rust_get_fw_reg(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg);
int kvm_arm_rust_set_fw_reg(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg);
int kvm_arm_rust_traced_get_fw_reg(struct kvm_vcpu *vcpu,
				   const struct kvm_one_reg *reg);
int kvm_arm_rust_traced_set_fw_reg(struct kvm_vcpu *vcpu,
				   const struct kvm_one_reg *reg);

/* fw_reg_check.rs */
int kvm_arm_check_get_fw_reg(struct kvm_vcpu *vcpu,
				  const struct kvm_one_reg *reg, u64 *valp);
int kvm_arm_check_set_fw_reg(struct kvm_vcpu *vcpu,
				  const struct kvm_one_reg *reg, u64 val);
void kvm_arm_check_fw_reg_bmap(struct kvm_vcpu *vcpu, u64 id, u64 old,
				    u64 val, int ret);
void kvm_arm_check_fw_reg_ids(const u64 *ids, unsigned int nr);
void kvm_arm_check_init_hypercalls(struct kvm *kvm);

/* id_reg.rs */
int kvm_arm_rust_accept_id_reg(u32 id, bool raz, u64 limit, u64 writable,
				u64 val);
void kvm_arm_check_id_reg(u32 id, bool raz, u64 limit, u64 writable,
				       u64 val, int ret);

/* reg_masks.rs */
int kvm_arm_rust_get_reg_writable_masks(const struct reg_mask_range *range);
void kvm_arm_check_reg_mask(u32 id, u64 mask);
void kvm_arm_check_nr_reg_masks(unsigned int nr);
void kvm_arm_check_reg_mask_range(const struct reg_mask_range *range,
				       int ret);
/* Only with CONFIG_KVM_ARM64_RUST_KUNIT_TEST */
void kvm_arm_rust_forget_reg_masks(void);

/* smccc.rs */
int kvm_arm_rust_smccc_call_handler(struct kvm_vcpu *vcpu);

/* smccc_check.rs */
int kvm_arm_check_smccc_call(struct kvm_vcpu *vcpu,
				  int (*handler)(struct kvm_vcpu *vcpu));
void kvm_arm_check_note_target(struct kvm_vcpu *source, unsigned long affinity,
			      const struct kvm_vcpu *target);
void kvm_arm_check_note_affinity(struct kvm_vcpu *source, unsigned long affinity);
void kvm_arm_check_note_power(struct kvm_vcpu *source, bool stopped);
void kvm_arm_check_vcpu_on(struct kvm_vcpu *source, struct kvm_vcpu *target);

/* smccc_filter.rs */
int kvm_arm_rust_smccc_set_attr(struct kvm *kvm, struct kvm_device_attr *attr);
void kvm_arm_check_smccc_filter_request(const struct kvm_smccc_filter *filter,
					     int ret);
void kvm_arm_check_smccc_filter(struct kvm *kvm,
				     const struct kvm_smccc_filter *filter,
				     int ret);

/* opt_in.rs */
int kvm_arm_rust_extension(struct kvm *kvm, long ext);
int kvm_arm_rust_enable_cap(struct kvm *kvm, const struct kvm_enable_cap *cap);
int kvm_arm_rust_reg_mask_ranges(struct kvm *kvm);
int kvm_arm_rust_get_vm_reg_masks(struct kvm *kvm,
				  const struct reg_mask_range *range);
int kvm_arm_rust_has_canonical_pmr(struct kvm *kvm);
int kvm_arm_rust_set_canonical_pmr(struct kvm *kvm,
				   const struct kvm_device_attr *attr);
bool kvm_arm_rust_uaccess_canonical_pmr(struct kvm_vcpu *vcpu, bool is_write,
					int offset, u32 *val);

/* vm_reg.rs */
unsigned long kvm_arm_rust_num_level_regs(struct kvm_vcpu *vcpu);
int kvm_arm_rust_copy_vm_reg_indices(struct kvm_vcpu *vcpu, u64 __user *uindices);
int kvm_arm_rust_list_scopes(struct kvm *kvm, u64 __user *uindices,
			     unsigned long nr);
int kvm_arm_rust_one_reg(struct kvm_vcpu *vcpu, struct kvm_one_reg *reg,
			 bool set);
int kvm_arm_rust_get_vm_reg(struct kvm *kvm, const struct kvm_one_reg *reg);
int kvm_arm_rust_set_vm_reg(struct kvm *kvm, const struct kvm_one_reg *reg);
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
void kvm_arm_check_read_vcpuif(const struct vgic_vmcr *vmcrp, gpa_t addr,
				    u32 val);
u32 kvm_arm_check_before_write_vcpuif(const struct vgic_vmcr *vmcrp, gpa_t addr,
				     unsigned long val);
void kvm_arm_check_write_vcpuif(const struct vgic_vmcr *vmcrp, gpa_t addr,
				     u32 want);
void kvm_arm_check_vgic_v2_get_vmcr(u32 vmcr, const struct vgic_vmcr *vmcrp);
void kvm_arm_check_vgic_v2_set_vmcr(const struct vgic_vmcr *vmcrp, u32 vmcr);

/* vgic_v2_{get,set}_vmcr() served by Rust, or by C with counting and checking. */
void kvm_arm_abi_vgic_v2_get_vmcr(struct kvm_vcpu *vcpu, struct vgic_vmcr *vmcrp);
void kvm_arm_abi_vgic_v2_set_vmcr(struct kvm_vcpu *vcpu, struct vgic_vmcr *vmcrp);

/* arch/arm64/kvm/rust/switch.c */
DECLARE_STATIC_KEY_MAYBE(CONFIG_KVM_ARM64_RUST_DEFAULT_RUST, kvm_arm_abi_key);
DECLARE_STATIC_KEY_MAYBE(CONFIG_KVM_ARM64_RUST_DEFAULT_RUST, kvm_arm_abi_rust_key);
DECLARE_STATIC_KEY_FALSE(kvm_arm_abi_check_key);
DECLARE_STATIC_KEY_FALSE(kvm_arm_abi_notes_key);

/**
 * struct kvm_arm_gicv3_state - The state that the masks of a GICv3 depend on
 * @pri_bits: The largest number of priority bits of a vCPU
 * @id_bits: The largest ICC_CTLR_EL1.IDbits of a vCPU
 * @el2: Whether the VM has EL2
 * @ich_hcr: The bits of ICH_HCR_EL2 that are not reserved in the VM
 */
struct kvm_arm_gicv3_state {
	u32 pri_bits;
	u32 id_bits;
	bool el2;
	u64 ich_hcr;
};

/**
 * struct kvm_arm_abi_outcome - One side's result of an access
 * @ret: 0 or a negative errno
 * @val: The value read, or the value of the register after a write; 0 if there
 *	 is none
 */
struct kvm_arm_abi_outcome {
	int ret;
	u64 val;
};

bool kvm_arm_abi_count(enum kvm_arm_abi_surface surface);
void kvm_arm_abi_mismatch(enum kvm_arm_abi_surface surface, u64 id,
			  const struct kvm_arm_abi_outcome *c,
			  const struct kvm_arm_abi_outcome *rust);
void kvm_arm_abi_unjudged(enum kvm_arm_abi_surface surface);
unsigned long kvm_arm_abi_check_period(void);
bool kvm_arm_abi_was_switched(void);
int kvm_arm_abi_watch_fw_reg_indices(struct kvm_vcpu *vcpu,
				     u64 __user *uindices);
int kvm_arm_abi_watch_smccc_call(struct kvm_vcpu *vcpu);
int kvm_arm_abi_get_fw_reg(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg,
			   u64 *valp);
int kvm_arm_abi_set_fw_reg(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg,
			   u64 val);
int kvm_arm_abi_watch_get_one_reg(struct kvm_vcpu *vcpu,
				  const struct kvm_one_reg *reg);
int kvm_arm_abi_watch_set_one_reg(struct kvm_vcpu *vcpu,
				  const struct kvm_one_reg *reg);
int kvm_arm_abi_watch_smccc_set_attr(struct kvm *kvm,
				     struct kvm_device_attr *attr);
bool kvm_arm_abi_offers(void);
extern struct mutex kvm_arm_reg_masks_lock;

/* arch/arm64/kvm/rust/opt_in_state.c */
void kvm_arm_use_opt_ins(void);
bool kvm_arm_gicv3_state(struct kvm *kvm, struct kvm_arm_gicv3_state *state);

/*
 * For shims between functions of the same type whose stack frame would cost
 * more than the shim: the kernel is built without sibling calls.
 */
#if __has_attribute(__musttail__)
#define __kvm_arm_abi_jump __attribute__((__musttail__))
#else
#define __kvm_arm_abi_jump
#endif

/*
 * kvm_arm_abi_key: off while plain C serves; the call site is a NOP then.
 * kvm_arm_abi_rust_key: on while plain Rust serves.
 */
static __always_inline bool kvm_arm_abi_on(void)
{
	return IS_ENABLED(CONFIG_KVM_ARM64_RUST) &&
	       static_branch_maybe(CONFIG_KVM_ARM64_RUST_DEFAULT_RUST,
				   &kvm_arm_abi_key);
}

static __always_inline bool kvm_arm_abi_rust_alone(void)
{
	return IS_ENABLED(CONFIG_KVM_ARM64_RUST) &&
	       static_branch_maybe(CONFIG_KVM_ARM64_RUST_DEFAULT_RUST,
				   &kvm_arm_abi_rust_key);
}

static __always_inline bool __kvm_arm_abi_rust(enum kvm_arm_abi_surface surface)
{
	return IS_ENABLED(CONFIG_KVM_ARM64_RUST) &&
	       (kvm_arm_abi_rust_alone() || kvm_arm_abi_count(surface));
}

/**
 * kvm_arm_abi_rust - Ask whether Rust serves a surface
 * @surface: The surface
 *
 * For the head of a C function that has a Rust twin, or for its callers.
 *
 * Return: true in mode rust, false in the modes c and check.
 */
static __always_inline bool kvm_arm_abi_rust(enum kvm_arm_abi_surface surface)
{
	return kvm_arm_abi_on() && __kvm_arm_abi_rust(surface);
}

/**
 * kvm_arm_abi_checking - Ask whether to judge C's decisions
 *
 * Ask only once in each call: the mode may change in between.
 *
 * Return: true in mode check.
 */
static __always_inline bool kvm_arm_abi_checking(void)
{
	return IS_ENABLED(CONFIG_KVM_ARM64_RUST) &&
	       static_branch_unlikely(&kvm_arm_abi_check_key);
}

/**
 * kvm_arm_abi_noting - Ask whether to note what C sees, for Rust to judge it
 *
 * Return: true in mode check, and while the mode is being set from or to it.
 */
static __always_inline bool kvm_arm_abi_noting(void)
{
	return IS_ENABLED(CONFIG_KVM_ARM64_RUST) &&
	       static_branch_unlikely(&kvm_arm_abi_notes_key);
}

/*
 * For the callers of C functions that have a Rust twin: a shim at the head of
 * the function would make the Rust code pay for the stack frame of the C code.
 */

/**
 * kvm_arm_abi_copy_fw_reg_indices - kvm_arm_copy_fw_reg_indices(), or its Rust twin
 * @vcpu: The vCPU
 * @uindices: The address in userspace for the ids of the registers
 *
 * Return: 0 or a negative errno.
 */
static __always_inline int
kvm_arm_abi_copy_fw_reg_indices(struct kvm_vcpu *vcpu, u64 __user *uindices)
{
	if (!kvm_arm_abi_on())
		return kvm_arm_copy_fw_reg_indices(vcpu, uindices);

	if (__kvm_arm_abi_rust(KVM_ARM_ABI_FW_REG))
		return kvm_arm_rust_copy_fw_reg_indices(vcpu, uindices);

	return kvm_arm_abi_watch_fw_reg_indices(vcpu, uindices);
}

/**
 * kvm_arm_abi_get_one_reg - kvm_arm_get_fw_reg(), or its Rust twin
 * @vcpu: The vCPU
 * @reg: The register, and the address in userspace for its value
 *
 * Return: 0 or a negative errno.
 */
static __always_inline int
kvm_arm_abi_get_one_reg(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg)
{
	if (!kvm_arm_abi_on())
		return kvm_arm_get_fw_reg(vcpu, reg);

	if (kvm_arm_abi_rust_alone())
		return kvm_arm_rust_get_fw_reg(vcpu, reg);

	return kvm_arm_abi_watch_get_one_reg(vcpu, reg);
}

/**
 * kvm_arm_abi_set_one_reg - kvm_arm_set_fw_reg(), or its Rust twin
 * @vcpu: The vCPU
 * @reg: The register, and the address of its value in userspace
 *
 * Return: 0 or a negative errno.
 */
static __always_inline int
kvm_arm_abi_set_one_reg(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg)
{
	if (!kvm_arm_abi_on())
		return kvm_arm_set_fw_reg(vcpu, reg);

	if (kvm_arm_abi_rust_alone())
		return kvm_arm_rust_set_fw_reg(vcpu, reg);

	return kvm_arm_abi_watch_set_one_reg(vcpu, reg);
}

/**
 * kvm_arm_abi_smccc_call - kvm_smccc_call_handler(), or its Rust twin
 * @vcpu: The vCPU that made a hypercall
 *
 * Return: 1 if the guest goes on, 0 for an exit to userspace, or an error.
 */
static __always_inline int kvm_arm_abi_smccc_call(struct kvm_vcpu *vcpu)
{
	if (!kvm_arm_abi_on())
		return kvm_smccc_call_handler(vcpu);

	if (__kvm_arm_abi_rust(KVM_ARM_ABI_SMCCC))
		return kvm_arm_rust_smccc_call_handler(vcpu);

	return kvm_arm_abi_watch_smccc_call(vcpu);
}

/**
 * kvm_arm_abi_smccc_set_attr - kvm_vm_smccc_set_attr(), or its Rust twin
 * @kvm: The VM
 * @attr: The attribute, and the address of its value in userspace
 *
 * Return: 0 or a negative errno.
 */
static __always_inline int
kvm_arm_abi_smccc_set_attr(struct kvm *kvm, struct kvm_device_attr *attr)
{
	if (!kvm_arm_abi_on())
		return kvm_vm_smccc_set_attr(kvm, attr);

	if (__kvm_arm_abi_rust(KVM_ARM_ABI_SMCCC_FILTER))
		return kvm_arm_rust_smccc_set_attr(kvm, attr);

	return kvm_arm_abi_watch_smccc_set_attr(kvm, attr);
}

#endif /* __KVM_ARM_RUST_H */
