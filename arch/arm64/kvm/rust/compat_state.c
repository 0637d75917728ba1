// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMs that behave as under an older kernel: the command line, and what C's lists of
 * registers ask. Rust decides what the level of a VM changes.
 */
#include <linux/debugfs.h>
#include <linux/init.h>
#include <linux/irqflags.h>
#include <linux/kvm_host.h>
#include <linux/log2.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <asm/sysreg.h>

#include <kvm/arm_compat.h>

DEFINE_STATIC_KEY_FALSE(kvm_arm_compat_key);

/* In the order of their bits */
static const char * const level_names[] = { "native", "6.18", "6.16", "6.12", "6.1" };

static_assert(BIT(0) == KVM_ARM_COMPAT_NATIVE);
static_assert(BIT(ARRAY_SIZE(level_names) - 1) == KVM_ARM_COMPAT_6_1);

/* The level of new VMs, 0 for native */
static u32 boot_level __ro_after_init;

static int __init early_compat(char *arg)
{
	int level = arg ? match_string(level_names, ARRAY_SIZE(level_names), arg) : -EINVAL;

	if (level < 0)
		return level;

	boot_level = level ? BIT(level) : 0;
	return 0;
}
early_param("kvm-arm.compat", early_compat);

/* Runs before KVM, and so before the first VM. */
static int __init kvm_arm_compat_init(void)
{
	if (boot_level)
		static_branch_enable(&kvm_arm_compat_key);

	return 0;
}
core_initcall(kvm_arm_compat_init);

/**
 * kvm_arm_use_compat - Enable the call sites of the levels
 *
 * Call this before a VM gets a level. The key stays enabled.
 */
void kvm_arm_use_compat(void)
{
	static_branch_enable(&kvm_arm_compat_key);
}

/**
 * kvm_arm_compat_of_new_vms - Get the level of new VMs
 *
 * Return: its bit, or 0 for native.
 */
u32 kvm_arm_compat_of_new_vms(void)
{
	return boot_level;
}

/**
 * kvm_arm_compat_start_vm - Give a new VM the level of the command line
 * @kvm: The VM, which nobody else knows
 *
 * A protected VM has no level: EL2 decides what it sees.
 */
void kvm_arm_compat_start_vm(struct kvm *kvm)
{
	if (!boot_level || kvm_vm_is_protected(kvm))
		return;

	kvm->arch.compat_level = boot_level;
	kvm->arch.psci_version = kvm_arm_rust_compat_psci(boot_level);
}

/**
 * kvm_arm_compat_lacks_cap - Look for a capability
 * @kvm: A VM, or NULL for a new one
 * @ext: The capability
 *
 * Return: true if the kernel of the VM's level lacks it.
 */
bool kvm_arm_compat_lacks_cap(struct kvm *kvm, long ext)
{
	u32 level = kvm ? kvm_arm_compat_level(kvm) : boot_level;

	return level && !kvm_arm_rust_compat_has_cap(level, ext);
}

/**
 * kvm_arm_compat_lists - Ask whether a list has a register, and where
 * @kvm: A VM with a level
 * @id: The register
 * @hidden: Whether this kernel hides it
 * @first: Whether to ask for those before the other system registers
 *
 * Return: true if the list has it there.
 */
bool kvm_arm_compat_lists(struct kvm *kvm, u64 id, bool hidden, bool first)
{
	u32 place = kvm_arm_rust_compat_place(kvm_arm_compat_level(kvm), id, hidden);

	return place == (first ? KVM_ARM_COMPAT_FIRST : KVM_ARM_COMPAT_IN_ORDER);
}

/**
 * kvm_arm_compat_fw_regs - List the firmware registers
 * @vcpu: A vCPU of a VM with a level
 * @uindices: Where to write the ids, or NULL
 *
 * Return: their number, or -EFAULT.
 */
int kvm_arm_compat_fw_regs(struct kvm_vcpu *vcpu, u64 __user *uindices)
{
	int i, nr = 0;

	for (i = 0; i < KVM_ARM_NR_FW_REGS; i++) {
		u64 id = kvm_arm_c_fw_reg_ids[i];

		if (!kvm_arm_compat_lists(vcpu->kvm, id, false, false))
			continue;
		if (uindices && put_user(id, uindices++))
			return -EFAULT;
		nr++;
	}

	return nr;
}

/**
 * kvm_arm_host_clidr - Read the host's CLIDR_EL1
 *
 * Return: its value, on this CPU.
 */
u64 kvm_arm_host_clidr(void)
{
	return read_sysreg(clidr_el1);
}

/**
 * kvm_arm_host_ccsidr - Read the CCSIDR_EL1 of a cache of the host
 * @csselr: The cache, as in CSSELR_EL1
 *
 * Return: its value, on this CPU; UNKNOWN if there is no such cache.
 */
u64 kvm_arm_host_ccsidr(u32 csselr)
{
	unsigned long flags;
	u64 ccsidr;

	/* An interrupt could select another cache. */
	local_irq_save(flags);
	write_sysreg(csselr, csselr_el1);
	isb();
	ccsidr = read_sysreg(ccsidr_el1);
	local_irq_restore(flags);

	return ccsidr;
}

static int compat_show(struct seq_file *m, void *unused)
{
	seq_printf(m, "%s\n", level_names[boot_level ? ilog2(boot_level) : 0]);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(compat);

/**
 * kvm_arm_compat_debugfs - Show the level of new VMs
 * @dir: The directory
 */
void kvm_arm_compat_debugfs(struct dentry *dir)
{
	debugfs_create_file("compat", 0400, dir, NULL, &compat_fops);
}
