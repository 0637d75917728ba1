/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM/arm64 in C and in Rust: which side serves, and the doors to both.
 *
 * A surface is a group of functions that exist in C and in Rust. The mode
 * selects the side that serves it:
 *
 *  - c: the C code. A door is a NOP.
 *  - rust: the Rust code.
 *  - check: the C code; the Rust code decides on the same state, and a
 *    difference is reported.
 *
 * For a function x, kvm_arm_abi_x() is the door, kvm_arm_rust_x() the Rust code,
 * kvm_arm_slow_x() either side with counting, tracing and checking, and
 * kvm_arm_check_x() what compares. The C code has its own name; where it needs
 * a second one, that is kvm_arm_c_x().
 *
 * Documentation/virt/kvm/arm/rust.rst
 */
#ifndef __KVM_ARM_ABI_H
#define __KVM_ARM_ABI_H

#include <linux/jump_label.h>
#include <linux/kvm_host.h>

#include <kvm/arm_hypercalls.h>
#include <kvm/arm_rust.h>
#include <kvm/arm_ties.h>

struct dentry;
struct sys_reg_desc;
struct vgic_vmcr;

/**
 * enum kvm_arm_abi_surface - The surfaces
 * @KVM_ARM_ABI_FW_REG: The firmware pseudo-registers
 * @KVM_ARM_ABI_ID_REG: Writes to the ID registers that all vCPUs of a VM share
 * @KVM_ARM_ABI_REG_MASKS: KVM_ARM_GET_REG_WRITABLE_MASKS
 * @KVM_ARM_ABI_VGIC_V2: The CPU interface of the GICv2
 * @KVM_ARM_ABI_SMCCC: Hypercalls, including PSCI
 * @KVM_ARM_ABI_SMCCC_FILTER: The filter of hypercalls that userspace sets
 * @NR_KVM_ARM_ABI_SURFACES: The number of surfaces
 */
enum kvm_arm_abi_surface {
	KVM_ARM_ABI_FW_REG,
	KVM_ARM_ABI_ID_REG,
	KVM_ARM_ABI_REG_MASKS,
	KVM_ARM_ABI_VGIC_V2,
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
 * request and the copy from or to userspace: the reference for the Rust code. In
 * mode check, a write of a bitmap is judged while C holds its lock.
 */
extern const u64 *const kvm_arm_c_fw_reg_ids;
int kvm_arm_c_get_fw_reg(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg,
			 u64 *valp);
int kvm_arm_c_set_fw_reg(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg,
			 u64 val, bool judged);

/*
 * The C code of the ID registers that all vCPUs of a VM share, in all modes. The
 * caller of the first one holds the config_lock.
 */
void kvm_arm_c_read_id_reg(struct kvm_vcpu *vcpu, const struct sys_reg_desc *rd,
			   struct kvm_arm_id_reg *reg);
int kvm_arm_c_set_id_reg(struct kvm_vcpu *vcpu, const struct sys_reg_desc *rd,
			 u64 val);
/* Only with CONFIG_KVM_ARM64_RUST_KUNIT_TEST */
const struct sys_reg_desc *kvm_arm_c_sys_reg_desc(u32 id);

/*
 * Note what C sees of an ID register when it has taken the lock, and what it has
 * stored, if the vCPU's write is to be judged.
 */
void kvm_arm_note_id_reg(struct kvm_vcpu *vcpu, const struct sys_reg_desc *rd);
void kvm_arm_note_stored_id_reg(struct kvm_vcpu *vcpu, const struct sys_reg_desc *rd);

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

/**
 * struct kvm_arm_gicv3_state - The state that the masks of a GICv3 depend on
 * @pri_bits: The largest number of priority bits of a vCPU
 * @el2: Whether the VM has EL2
 * @ich_hcr: The bits of ICH_HCR_EL2 that are not reserved in the VM
 */
struct kvm_arm_gicv3_state {
	u32 pri_bits;
	bool el2;
	u64 ich_hcr;
};

/**
 * struct kvm_arm_gic_cpus - What a VM's configuration has of a GICv3's CPU interfaces
 * @fields: The read-only fields of the VM, where ICC_CTLR_EL1 has them
 * @host: Those of the host
 * @vtr: ICH_VTR_EL2 with those of the host
 * @el2: Whether the VM has EL2, and so ICH_VTR_EL2
 * @aff3: Whether a vCPU has an affinity at level 3
 */
struct kvm_arm_gic_cpus {
	u32 fields;
	u32 host;
	u64 vtr;
	bool el2;
	bool aff3;
};

/* The ID registers that all vCPUs of a VM share */
#define KVM_ARM_NR_VM_ID_REGS	(7 * 8 + 4)

/**
 * struct kvm_arm_vm_id_regs - The ID registers that all vCPUs of a VM share
 * @val: Their values: ID_*_EL1, by CRm and op2, then MIDR_EL1, REVIDR_EL1, AIDR_EL1
 *	 and CTR_EL0
 * @place: Their numbers in C's table, from 1 on, or 0: the vCPUs do not have the
 *	   register, or none of them is initialised
 * @raz: Those that read as zero, as bits
 * @ignored: Those of which userspace's writes are ignored
 * @vcpu: The vCPU that shows this, or NULL
 */
struct kvm_arm_vm_id_regs {
	u64 val[KVM_ARM_NR_VM_ID_REGS];
	u16 place[KVM_ARM_NR_VM_ID_REGS];
	u64 raz;
	u64 ignored;
	struct kvm_vcpu *vcpu;
};

/**
 * kvm_arm_read_vm_id_regs - Read the ID registers of a VM
 * @kvm: The VM, whose config_lock the caller holds
 * @regs: Set to what the VM has
 */
void kvm_arm_read_vm_id_regs(struct kvm *kvm, struct kvm_arm_vm_id_regs *regs);

/**
 * kvm_arm_read_vm_id_reg - Read the state of an ID register of a VM
 * @kvm: The VM, whose locks have been held since it filled @regs
 * @regs: What kvm_arm_read_vm_id_regs() has set
 * @nr: The number of a register there that has a place
 * @reg: Set to its state, as the vCPU sees it
 */
void kvm_arm_read_vm_id_reg(struct kvm *kvm, const struct kvm_arm_vm_id_regs *regs,
			    u32 nr, struct kvm_arm_id_reg *reg);

/**
 * struct kvm_arm_vmcr - The layout of struct vgic_vmcr
 * @en: Only a GICv5 has it
 * @grpen0: Whether interrupts of group 0 are enabled
 * @grpen1: Whether interrupts of group 1 are enabled
 * @ackctl: GICC_CTLR.AckCtl
 * @fiqen: GICC_CTLR.FIQEn
 * @cbpr: GICC_CTLR.CBPR
 * @eoim: GICC_CTLR.EOImode
 * @abpr: The aliased binary point
 * @bpr: The binary point
 * @pmr: The priority mask
 *
 * A header of vgic/ defines struct vgic_vmcr. It is private to KVM, but Rust
 * code gets its types from headers that all of it shares. opt_in_state.c asserts that
 * both are the same.
 */
struct kvm_arm_vmcr {
	u32 en;
	u32 grpen0;
	u32 grpen1;
	u32 ackctl;
	u32 fiqen;
	u32 cbpr;
	u32 eoim;
	u32 abpr;
	u32 bpr;
	u32 pmr;
};

/* arch/arm64/kvm/rust/switch.c */
DECLARE_STATIC_KEY_MAYBE(CONFIG_KVM_ARM64_RUST_DEFAULT_RUST, kvm_arm_abi_key);
DECLARE_STATIC_KEY_MAYBE(CONFIG_KVM_ARM64_RUST_DEFAULT_RUST, kvm_arm_abi_rust_key);
DECLARE_STATIC_KEY_FALSE(kvm_arm_abi_check_key);
DECLARE_STATIC_KEY_MAYBE(CONFIG_KVM_ARM64_RUST_DEFAULT_RUST, kvm_arm_abi_fast_key);

enum kvm_arm_abi_mode kvm_arm_abi_count(enum kvm_arm_abi_surface surface);
void kvm_arm_abi_mismatch(enum kvm_arm_abi_surface surface, u64 id,
			  const struct kvm_arm_abi_outcome *c,
			  const struct kvm_arm_abi_outcome *rust);
void kvm_arm_abi_unjudged(enum kvm_arm_abi_surface surface);
bool kvm_arm_abi_was_switched(void);
extern struct mutex kvm_arm_reg_masks_lock;

int kvm_arm_c_traced_get_fw_reg(struct kvm_vcpu *vcpu,
				const struct kvm_one_reg *reg, u64 *valp, bool check);
int kvm_arm_c_traced_set_fw_reg(struct kvm_vcpu *vcpu,
				const struct kvm_one_reg *reg, u64 val, bool check);
int kvm_arm_slow_copy_fw_reg_indices(struct kvm_vcpu *vcpu, u64 __user *uindices);
int kvm_arm_slow_get_fw_reg(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg);
int kvm_arm_slow_set_fw_reg(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg);
int kvm_arm_slow_set_id_reg(struct kvm_vcpu *vcpu, const struct sys_reg_desc *rd,
			    u32 id, u64 val);
int kvm_arm_slow_smccc_call_handler(struct kvm_vcpu *vcpu);
int kvm_arm_slow_smccc_set_attr(struct kvm *kvm, struct kvm_device_attr *attr);

/* arch/arm64/kvm/vgic/vgic-v2.c */
void kvm_arm_slow_vgic_v2_get_vmcr(struct kvm_vcpu *vcpu, struct vgic_vmcr *vmcrp);
void kvm_arm_slow_vgic_v2_set_vmcr(struct kvm_vcpu *vcpu, struct vgic_vmcr *vmcrp);

/* arch/arm64/kvm/rust/opt_in_state.c */
bool kvm_arm_opt_in_offered(void);
void kvm_arm_use_opt_ins(u32 opt_ins);
int kvm_arm_lock_all_vcpus(struct kvm *kvm);
void kvm_arm_unlock_all_vcpus(struct kvm *kvm);
bool kvm_arm_read_vm_gic(struct kvm *kvm, u32 *iidr, bool *groups_writable);
void kvm_arm_write_vm_gic(struct kvm *kvm, u32 iidr, bool groups_writable);
bool kvm_arm_read_promise(struct kvm *kvm, unsigned int nr, u64 *levels);
void kvm_arm_store_promise(struct kvm *kvm, unsigned int nr, u64 levels);
bool kvm_arm_find_filter_range(struct kvm *kvm, unsigned long from,
			       struct kvm_smccc_filter *range);
bool kvm_arm_gicv3_state(struct kvm *kvm, struct kvm_arm_gicv3_state *state);

/* arch/arm64/kvm/rust/compat_state.c */
void kvm_arm_use_compat(void);
u32 kvm_arm_compat_of_new_vms(void);
u64 kvm_arm_host_clidr(void);
void kvm_arm_compat_debugfs(struct dentry *dir);

/* arch/arm64/kvm/sys_regs.c */
bool kvm_arm_hides_sys_reg(struct kvm_vcpu *vcpu, u64 id);

/* arch/arm64/kvm/rust/gic_fields.c */
bool kvm_arm_gic_fields_offered(void);
void kvm_arm_use_gic_fields(void);
bool kvm_arm_read_vm_gic_cpus(struct kvm *kvm, struct kvm_arm_gic_cpus *cpus);
void kvm_arm_write_vm_gic_fields(struct kvm *kvm, u32 fields);

/*
 * For C code whose door jumps to it: in line, its stack frame would be that of
 * the door. Without CONFIG_KVM_ARM64_RUST, there is no door.
 */
#ifdef CONFIG_KVM_ARM64_RUST
#define __kvm_arm_abi_out_of_line	noinline
#else
#define __kvm_arm_abi_out_of_line	__always_inline
#endif

/*
 * For C functions that are compiled twice, as they are and for their judge.
 * Without CONFIG_KVM_ARM64_RUST, they are compiled as the base compiles them.
 */
#ifdef CONFIG_KVM_ARM64_RUST
#define __kvm_arm_abi_twice		__always_inline
#else
#define __kvm_arm_abi_twice
#endif

/*
 * For a door that is a function of its own, of the same type as the three functions
 * that it leads to. The kernel is built without sibling calls: kvm_arm_abi_serve()
 * would put a useless stack frame into each call.
 */
#if defined(CONFIG_KVM_ARM64_RUST) && __has_attribute(__musttail__)
#define __kvm_arm_abi_jump	__attribute__((__musttail__))
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

/**
 * kvm_arm_abi_serve - Serve a call by the side that the mode selects
 * @c: The call of the C code, if it serves alone
 * @rust: The call of the Rust code, if it serves alone
 * @slow: The call of either side, with counting, tracing or checking
 *
 * Return: What the call returns.
 */
#define kvm_arm_abi_serve(c, rust, slow)				\
	(!kvm_arm_abi_on() ? (c) : kvm_arm_abi_rust_alone() ? (rust) : (slow))

/**
 * kvm_arm_abi_checking - Ask whether C's decisions may be judged
 *
 * kvm_arm_abi_count() says whether one is: of some calls, or of all.
 *
 * Return: true in mode check.
 */
static __always_inline bool kvm_arm_abi_checking(void)
{
	return IS_ENABLED(CONFIG_KVM_ARM64_RUST) &&
	       static_branch_unlikely(&kvm_arm_abi_check_key);
}

/**
 * kvm_arm_abi_fast - Ask whether hypercalls may be answered without an exit
 *
 * Return: true in mode rust, unless calls are counted, or kvm-arm.abi_fast=0.
 */
static __always_inline bool kvm_arm_abi_fast(void)
{
	return IS_ENABLED(CONFIG_KVM_ARM64_RUST) &&
	       static_branch_maybe(CONFIG_KVM_ARM64_RUST_DEFAULT_RUST,
				   &kvm_arm_abi_fast_key);
}

/*
 * Whether to note what C sees of other vCPUs, or of an ID register, for Rust to
 * judge it. What judges a call sets the pointer to the notes before it calls the
 * C code. So a judged call has all its notes, whatever the mode becomes meanwhile.
 */
#ifdef CONFIG_KVM_ARM64_RUST
static __always_inline bool kvm_arm_abi_notes_vcpus(const struct kvm_vcpu *vcpu)
{
	return unlikely(vcpu->arch.abi_notes);
}

static __always_inline bool kvm_arm_abi_notes_id_reg(const struct kvm_vcpu *vcpu)
{
	return unlikely(vcpu->arch.id_reg_notes);
}
#else
static inline bool kvm_arm_abi_notes_vcpus(const struct kvm_vcpu *vcpu)
{
	return false;
}

static inline bool kvm_arm_abi_notes_id_reg(const struct kvm_vcpu *vcpu)
{
	return false;
}
#endif

/*
 * Doors for the callers of C functions that have a Rust twin: at the head of the
 * function, they would make the Rust code pay for the stack frame of the C code.
 */

static __always_inline int
kvm_arm_abi_copy_fw_reg_indices(struct kvm_vcpu *vcpu, u64 __user *uindices)
{
	return kvm_arm_abi_serve(kvm_arm_copy_fw_reg_indices(vcpu, uindices),
				 kvm_arm_rust_copy_fw_reg_indices(vcpu, uindices),
				 kvm_arm_slow_copy_fw_reg_indices(vcpu, uindices));
}

static __always_inline int
kvm_arm_abi_get_fw_reg(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg)
{
	return kvm_arm_abi_serve(kvm_arm_get_fw_reg(vcpu, reg),
				 kvm_arm_rust_get_fw_reg(vcpu, reg),
				 kvm_arm_slow_get_fw_reg(vcpu, reg));
}

static __always_inline int
kvm_arm_abi_set_fw_reg(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg)
{
	return kvm_arm_abi_serve(kvm_arm_set_fw_reg(vcpu, reg),
				 kvm_arm_rust_set_fw_reg(vcpu, reg),
				 kvm_arm_slow_set_fw_reg(vcpu, reg));
}

static __always_inline int
kvm_arm_abi_set_id_reg(struct kvm_vcpu *vcpu, const struct sys_reg_desc *rd,
		       u32 id, u64 val)
{
	return kvm_arm_abi_serve(kvm_arm_c_set_id_reg(vcpu, rd, val),
				 kvm_arm_rust_set_id_reg(vcpu, rd, id, val),
				 kvm_arm_slow_set_id_reg(vcpu, rd, id, val));
}

static __always_inline int kvm_arm_abi_smccc_call_handler(struct kvm_vcpu *vcpu)
{
	return kvm_arm_abi_serve(kvm_smccc_call_handler(vcpu),
				 kvm_arm_rust_smccc_call_handler(vcpu),
				 kvm_arm_slow_smccc_call_handler(vcpu));
}

static __always_inline int
kvm_arm_abi_smccc_set_attr(struct kvm *kvm, struct kvm_device_attr *attr)
{
	return kvm_arm_abi_serve(kvm_vm_smccc_set_attr(kvm, attr),
				 kvm_arm_rust_smccc_set_attr(kvm, attr),
				 kvm_arm_slow_smccc_set_attr(kvm, attr));
}

#endif /* __KVM_ARM_ABI_H */
