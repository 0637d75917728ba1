// SPDX-License-Identifier: GPL-2.0-only
/*
 * The switch between C and Rust, the counters, and the reports of mode check.
 */
#include <linux/debugfs.h>
#include <linux/hash.h>
#include <linux/init.h>
#include <linux/jump_label.h>
#include <linux/kprobes.h>
#include <linux/math.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/timex.h>
#include <linux/uaccess.h>

#include <asm/spectre.h>

#include <kvm/arm_abi.h>

#define CREATE_TRACE_POINTS
#define CREATE_RUST_TRACE_POINTS
#include <trace/events/kvm_arm64_rust.h>

static const char * const mode_names[] = {
	[KVM_ARM_ABI_C]		= "c",
	[KVM_ARM_ABI_RUST]	= "rust",
	[KVM_ARM_ABI_CHECK]	= "check",
};

static const char * const surface_names[NR_KVM_ARM_ABI_SURFACES] = {
	[KVM_ARM_ABI_FW_REG]		= "fw_reg",
	[KVM_ARM_ABI_ID_REG]		= "id_reg",
	[KVM_ARM_ABI_REG_MASKS]		= "reg_masks",
	[KVM_ARM_ABI_VGIC_V2]	= "vgic_v2",
	[KVM_ARM_ABI_SMCCC]		= "smccc",
	[KVM_ARM_ABI_SMCCC_FILTER]	= "smccc_filter",
};

DEFINE_STATIC_KEY_MAYBE(CONFIG_KVM_ARM64_RUST_DEFAULT_RUST, kvm_arm_abi_key);
DEFINE_STATIC_KEY_MAYBE(CONFIG_KVM_ARM64_RUST_DEFAULT_RUST, kvm_arm_abi_rust_key);
DEFINE_STATIC_KEY_FALSE(kvm_arm_abi_check_key);
DEFINE_STATIC_KEY_MAYBE(CONFIG_KVM_ARM64_RUST_DEFAULT_RUST, kvm_arm_abi_fast_key);

/*
 * At the vectors of the hypervisor, the exception of a probe is a panic. The Rust
 * code that runs there is in .kprobes.text.
 */
NOKPROBE_SYMBOL(arm64_get_spectre_v2_state);
NOKPROBE_SYMBOL(arm64_get_spectre_v4_state);
NOKPROBE_SYMBOL(arm64_get_spectre_bhb_state);
NOKPROBE_SYMBOL(read_sanitised_ftr_reg);

static enum kvm_arm_abi_mode boot_mode __initdata =
	IS_ENABLED(CONFIG_KVM_ARM64_RUST_DEFAULT_RUST) ? KVM_ARM_ABI_RUST :
	IS_ENABLED(CONFIG_KVM_ARM64_RUST_DEFAULT_CHECK) ? KVM_ARM_ABI_CHECK :
							  KVM_ARM_ABI_C;
static bool boot_count __initdata;
static bool boot_fast __initdata = true;
static unsigned int boot_check __initdata = 1;

/* The state behind the keys; writers hold mode_lock. */
static DEFINE_MUTEX(mode_lock);
static enum kvm_arm_abi_mode mode =
	IS_ENABLED(CONFIG_KVM_ARM64_RUST_DEFAULT_RUST) ? KVM_ARM_ABI_RUST :
							 KVM_ARM_ABI_C;
static bool counting;
/* In mode rust, hypercalls may be answered without an exit. */
static bool fast;
/* In mode check, one in so many calls is compared. */
static unsigned int check_every __read_mostly = 1;
/* Each call is compared, and none is counted. */
static bool only_comparing __read_mostly;
/* The number of tracepoints of registers that are enabled. */
static int watchers;
/* A call that began in another mode may be under way. */
static bool switched;

/* Held while Rust makes the writable masks. */
DEFINE_MUTEX(kvm_arm_reg_masks_lock);

struct abi_calls {
	unsigned long c[NR_KVM_ARM_ABI_SURFACES];
	unsigned long rust[NR_KVM_ARM_ABI_SURFACES];
};

static DEFINE_PER_CPU(struct abi_calls, abi_calls);
/* How many calls follow that are not compared. */
static DEFINE_PER_CPU(unsigned int [NR_KVM_ARM_ABI_SURFACES], abi_skips);
static atomic_long_t abi_mismatches[NR_KVM_ARM_ABI_SURFACES];
static atomic_long_t abi_unjudged[NR_KVM_ARM_ABI_SURFACES];

static void set_key(struct static_key *key, bool on)
{
	if (on)
		static_key_enable(key);
	else
		static_key_disable(key);
}

/*
 * A call under way ends on the side on which it began. This is safe: both sides
 * keep the same state by the same rules, under the same locks, or without a
 * lock, like the version of PSCI.
 */
static void set_mode(enum kvm_arm_abi_mode new, bool count)
{
	lockdep_assert_held(&mode_lock);

	if (new != mode)
		WRITE_ONCE(switched, true);
	/* A CPU that sees a changed key sees that the mode was switched. */
	smp_mb();

	WRITE_ONCE(mode, new);
	WRITE_ONCE(counting, count);
	WRITE_ONCE(only_comparing,
		   new == KVM_ARM_ABI_CHECK && !count && check_every == 1);
	set_key(&kvm_arm_abi_fast_key.key, new == KVM_ARM_ABI_RUST && fast && !count);
	set_key(&kvm_arm_abi_check_key.key, new == KVM_ARM_ABI_CHECK);
	set_key(&kvm_arm_abi_rust_key.key,
		new == KVM_ARM_ABI_RUST && !count && !watchers);
	set_key(&kvm_arm_abi_key.key, new != KVM_ARM_ABI_C || count || watchers);
}

/**
 * kvm_arm_abi_was_switched - Ask whether the mode was changed since boot
 *
 * Return: true if it was, so calls that began in another mode may be under way.
 */
bool kvm_arm_abi_was_switched(void)
{
	return READ_ONCE(switched);
}

/* Registration hooks of the tracepoints. */
int kvm_arm_abi_watch(void)
{
	guard(mutex)(&mode_lock);

	watchers++;
	set_mode(mode, counting);
	return 0;
}

void kvm_arm_abi_unwatch(void)
{
	guard(mutex)(&mode_lock);

	watchers--;
	set_mode(mode, counting);
}

#define ABI_CHECK_EVERY_MAX	1000000

/* From here on one in @n calls is compared, on average. */
static noinline void skip_some(unsigned int *skips, unsigned int n)
{
	u32 random = hash_32(random_get_entropy(), 32);

	WRITE_ONCE(*skips, reciprocal_scale(random, 2 * n - 1));
}

/*
 * Whether mode check compares this call. The first one of each surface on each CPU
 * is compared. From there on the distance is random, and N on average: guests and
 * VMMs repeat themselves, and with a constant one the same calls might be compared
 * again and again, and others never.
 *
 * A thread that moves to another CPU meanwhile may change the distance there, which
 * does no harm.
 */
static bool is_compared(enum kvm_arm_abi_surface surface)
{
	unsigned int n = READ_ONCE(check_every), skips;
	unsigned int *p;

	if (n == 1)
		return true;

	p = raw_cpu_ptr(&abi_skips[surface]);
	/* N may have become smaller. */
	skips = min(READ_ONCE(*p), 2 * n - 2);
	if (skips) {
		WRITE_ONCE(*p, skips - 1);
		return false;
	}

	skip_some(p, n);
	return true;
}

static noinline void count_call(enum kvm_arm_abi_surface surface, enum kvm_arm_abi_mode how)
{
	if (how != KVM_ARM_ABI_RUST)
		this_cpu_inc(abi_calls.c[surface]);
	if (how != KVM_ARM_ABI_C)
		this_cpu_inc(abi_calls.rust[surface]);
}

/**
 * kvm_arm_abi_count - Choose how a call of a surface is served, and count it if calls
 *		       are counted
 * @surface: The surface
 *
 * Ask only once in each call. It counts for the side that serves it; if C serves and
 * Rust compares for both, because both decide.
 *
 * Return: KVM_ARM_ABI_RUST or KVM_ARM_ABI_C if that side serves the call, or
 *	   KVM_ARM_ABI_CHECK if C serves it and Rust judges it.
 */
enum kvm_arm_abi_mode kvm_arm_abi_count(enum kvm_arm_abi_surface surface)
{
	enum kvm_arm_abi_mode now = READ_ONCE(mode);

	if (now == KVM_ARM_ABI_CHECK && !(kvm_arm_abi_checking() && is_compared(surface)))
		now = KVM_ARM_ABI_C;

	if (unlikely(READ_ONCE(counting)))
		count_call(surface, now);

	return now;
}

/**
 * kvm_arm_abi_mismatch - Report that C and Rust differ
 * @surface: The surface
 * @id: The register, 0 if the difference does not concern one register
 * @c: C's result, which takes effect
 * @rust: Rust's result
 *
 * Every difference is counted and traced; the first one is logged. There is no
 * WARN(): a VM must not be able to stop a host that panics on warnings.
 */
void kvm_arm_abi_mismatch(enum kvm_arm_abi_surface surface, u64 id,
			  const struct kvm_arm_abi_outcome *c,
			  const struct kvm_arm_abi_outcome *rust)
{
	atomic_long_inc(&abi_mismatches[surface]);
	trace_kvm_arm64_abi_mismatch(surface_names[surface], id, c->ret, c->val,
				     rust->ret, rust->val);
	pr_warn_once("KVM: %s 0x%llx: C gives %d, 0x%llx; Rust gives %d, 0x%llx\n",
		     surface_names[surface], id, c->ret, c->val, rust->ret,
		     rust->val);
}

/**
 * kvm_arm_abi_unjudged - Count a call that mode check could not judge
 * @surface: The surface
 */
void kvm_arm_abi_unjudged(enum kvm_arm_abi_surface surface)
{
	atomic_long_inc(&abi_unjudged[surface]);
}

/**
 * kvm_arm_slow_smccc_call_handler - kvm_smccc_call_handler() or its Rust twin,
 *				     with counting and checking
 * @vcpu: The vCPU
 *
 * Return: What kvm_smccc_call_handler() returns.
 */
int kvm_arm_slow_smccc_call_handler(struct kvm_vcpu *vcpu)
{
	/* What kvm_arm_abi_count() would say, with less code on the way. */
	if (READ_ONCE(only_comparing) && kvm_arm_abi_checking())
		return kvm_arm_check_smccc_call(vcpu, kvm_smccc_call_handler);

	switch (kvm_arm_abi_count(KVM_ARM_ABI_SMCCC)) {
	case KVM_ARM_ABI_RUST:
		return kvm_arm_rust_smccc_call_handler(vcpu);
	case KVM_ARM_ABI_CHECK:
		return kvm_arm_check_smccc_call(vcpu, kvm_smccc_call_handler);
	default:
		return kvm_smccc_call_handler(vcpu);
	}
}

/**
 * kvm_arm_c_traced_get_fw_reg - kvm_arm_c_get_fw_reg() with tracing and checking
 * @vcpu: The vCPU
 * @reg: The register
 * @valp: Set to the value
 * @check: Whether Rust judges C
 *
 * Return: What kvm_arm_c_get_fw_reg() returns.
 */
int kvm_arm_c_traced_get_fw_reg(struct kvm_vcpu *vcpu,
				const struct kvm_one_reg *reg, u64 *valp, bool check)
{
	int ret;

	if (check)
		ret = kvm_arm_check_get_fw_reg(vcpu, reg, valp);
	else
		ret = kvm_arm_c_get_fw_reg(vcpu, reg, valp);

	trace_kvm_arm64_get_fw_reg(vcpu->vcpu_id, reg->id, ret ? 0 : *valp, ret,
				   false);
	return ret;
}

/**
 * kvm_arm_c_traced_set_fw_reg - kvm_arm_c_set_fw_reg() with tracing and checking
 * @vcpu: The vCPU
 * @reg: The register
 * @val: The value
 * @check: Whether Rust judges C
 *
 * Return: What kvm_arm_c_set_fw_reg() returns.
 */
int kvm_arm_c_traced_set_fw_reg(struct kvm_vcpu *vcpu,
				const struct kvm_one_reg *reg, u64 val, bool check)
{
	u64 old = 0;
	int ret;

	if (trace_kvm_arm64_set_fw_reg_enabled())
		kvm_arm_c_get_fw_reg(vcpu, reg, &old);

	if (check)
		ret = kvm_arm_check_set_fw_reg(vcpu, reg, val);
	else
		ret = kvm_arm_c_set_fw_reg(vcpu, reg, val, false);

	trace_kvm_arm64_set_fw_reg(vcpu->vcpu_id, reg->id, old, val, ret, false);
	return ret;
}

/**
 * kvm_arm_slow_copy_fw_reg_indices - kvm_arm_copy_fw_reg_indices() or its Rust
 *				      twin, with counting and checking
 * @vcpu: The vCPU
 * @uindices: The address in userspace for the ids
 *
 * Return: What kvm_arm_copy_fw_reg_indices() returns.
 */
int kvm_arm_slow_copy_fw_reg_indices(struct kvm_vcpu *vcpu,
				     u64 __user *uindices)
{
	switch (kvm_arm_abi_count(KVM_ARM_ABI_FW_REG)) {
	case KVM_ARM_ABI_RUST:
		return kvm_arm_rust_copy_fw_reg_indices(vcpu, uindices);
	case KVM_ARM_ABI_CHECK:
		kvm_arm_check_fw_reg_ids(kvm_arm_c_fw_reg_ids,
					 kvm_arm_get_fw_num_regs(vcpu));
		fallthrough;
	default:
		return kvm_arm_copy_fw_reg_indices(vcpu, uindices);
	}
}

/**
 * kvm_arm_slow_get_fw_reg - kvm_arm_get_fw_reg() or its Rust twin, with counting,
 *			     tracing and checking
 * @vcpu: The vCPU
 * @reg: The register, and the address in userspace for its value
 *
 * Return: 0 or a negative errno.
 */
int kvm_arm_slow_get_fw_reg(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg)
{
	enum kvm_arm_abi_mode how = kvm_arm_abi_count(KVM_ARM_ABI_FW_REG);
	u64 val;
	int ret;

	if (how == KVM_ARM_ABI_RUST)
		return kvm_arm_rust_traced_get_fw_reg(vcpu, reg);

	ret = kvm_arm_c_traced_get_fw_reg(vcpu, reg, &val, how == KVM_ARM_ABI_CHECK);
	if (ret)
		return ret;

	if (copy_to_user(u64_to_user_ptr(reg->addr), &val, sizeof(val)))
		return -EFAULT;

	return 0;
}

/**
 * kvm_arm_slow_set_fw_reg - kvm_arm_set_fw_reg() or its Rust twin, with counting,
 *			     tracing and checking
 * @vcpu: The vCPU
 * @reg: The register, and the address of its value in userspace
 *
 * Return: 0 or a negative errno.
 */
int kvm_arm_slow_set_fw_reg(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg)
{
	enum kvm_arm_abi_mode how = kvm_arm_abi_count(KVM_ARM_ABI_FW_REG);
	u64 val;

	if (how == KVM_ARM_ABI_RUST)
		return kvm_arm_rust_traced_set_fw_reg(vcpu, reg);

	if (KVM_REG_SIZE(reg->id) != sizeof(val))
		return -ENOENT;
	if (copy_from_user(&val, u64_to_user_ptr(reg->addr), sizeof(val)))
		return -EFAULT;

	return kvm_arm_c_traced_set_fw_reg(vcpu, reg, val, how == KVM_ARM_ABI_CHECK);
}

/* What C notes of a write to an ID register, while it holds the lock */
struct kvm_arm_id_reg_notes {
	struct kvm_arm_id_reg reg;
	u64 stored;
	bool locked;
};

void kvm_arm_note_id_reg(struct kvm_vcpu *vcpu, const struct sys_reg_desc *rd)
{
	struct kvm_arm_id_reg_notes *notes = vcpu->arch.id_reg_notes;

	if (!notes)
		return;

	kvm_arm_c_read_id_reg(vcpu, rd, &notes->reg);
	notes->stored = notes->reg.val;
	notes->locked = true;
}

void kvm_arm_note_stored_id_reg(struct kvm_vcpu *vcpu, const struct sys_reg_desc *rd)
{
	struct kvm_arm_id_reg_notes *notes = vcpu->arch.id_reg_notes;

	if (notes)
		notes->stored = kvm_read_vm_id_reg(vcpu->kvm, notes->reg.id);
}

/*
 * kvm_arm_c_set_id_reg(), judged by what it sees while it holds the lock. A write
 * that never comes to the lock is one whose result no state of the VM could have
 * changed.
 */
static int check_set_id_reg(struct kvm_vcpu *vcpu, const struct sys_reg_desc *rd,
			    u64 val)
{
	struct kvm_arm_id_reg_notes notes = {};
	int ret;

	vcpu->arch.id_reg_notes = &notes;
	ret = kvm_arm_c_set_id_reg(vcpu, rd, val);

	if (!notes.locked) {
		guard(mutex)(&vcpu->kvm->arch.config_lock);
		kvm_arm_note_id_reg(vcpu, rd);
	}
	vcpu->arch.id_reg_notes = NULL;

	kvm_arm_check_id_reg(notes.reg, val, notes.stored, ret);

	return ret;
}

/**
 * kvm_arm_slow_set_id_reg - kvm_arm_c_set_id_reg() or its Rust twin, with
 *			     counting and checking
 * @vcpu: The vCPU
 * @rd: The descriptor of an ID register that all vCPUs of a VM share
 * @id: The register, as sys_reg() encodes it
 * @val: The value that userspace writes
 *
 * Return: What kvm_arm_c_set_id_reg() returns.
 */
int kvm_arm_slow_set_id_reg(struct kvm_vcpu *vcpu, const struct sys_reg_desc *rd,
			    u32 id, u64 val)
{
	switch (kvm_arm_abi_count(KVM_ARM_ABI_ID_REG)) {
	case KVM_ARM_ABI_RUST:
		return kvm_arm_rust_set_id_reg(vcpu, rd, id, val);
	case KVM_ARM_ABI_CHECK:
		return check_set_id_reg(vcpu, rd, val);
	default:
		return kvm_arm_c_set_id_reg(vcpu, rd, val);
	}
}

/**
 * kvm_arm_slow_smccc_set_attr - kvm_vm_smccc_set_attr() or its Rust twin, with
 *				 counting and checking
 * @kvm: The VM
 * @attr: The attribute
 *
 * Return: What kvm_vm_smccc_set_attr() returns.
 */
int kvm_arm_slow_smccc_set_attr(struct kvm *kvm, struct kvm_device_attr *attr)
{
	switch (kvm_arm_abi_count(KVM_ARM_ABI_SMCCC_FILTER)) {
	case KVM_ARM_ABI_RUST:
		return kvm_arm_rust_smccc_set_attr(kvm, attr);
	case KVM_ARM_ABI_CHECK:
		if (attr->attr == KVM_ARM_VM_SMCCC_FILTER)
			return kvm_arm_c_smccc_set_filter(kvm, u64_to_user_ptr(attr->addr));
		fallthrough;
	default:
		return kvm_vm_smccc_set_attr(kvm, attr);
	}
}

static int __init early_abi_mode(char *arg)
{
	int m;

	if (!arg)
		return -EINVAL;

	m = match_string(mode_names, ARRAY_SIZE(mode_names), arg);
	if (m < 0)
		return m;

	boot_mode = m;
	return 0;
}
early_param("kvm-arm.abi", early_abi_mode);

static int __init early_abi_count(char *arg)
{
	return kstrtobool(arg, &boot_count);
}
early_param("kvm-arm.abi_count", early_abi_count);

static int __init early_abi_fast(char *arg)
{
	return kstrtobool(arg, &boot_fast);
}
early_param("kvm-arm.abi_fast", early_abi_fast);

static bool is_check_every(u64 n)
{
	return n && n <= ABI_CHECK_EVERY_MAX;
}

static int __init early_abi_check(char *arg)
{
	unsigned int n;
	int ret;

	if (!arg)
		return -EINVAL;

	ret = kstrtouint(arg, 0, &n);
	if (ret)
		return ret;
	if (!is_check_every(n))
		return -EINVAL;

	boot_check = n;
	return 0;
}
early_param("kvm-arm.abi_check", early_abi_check);

/* Runs before KVM, and so before the first VM. */
static int __init kvm_arm_abi_init(void)
{
	guard(mutex)(&mode_lock);

	fast = boot_fast;
	check_every = boot_check;
	set_mode(boot_mode, boot_count);
	switched = false;

	return 0;
}
core_initcall(kvm_arm_abi_init);

static int mode_show(struct seq_file *m, void *unused)
{
	guard(mutex)(&mode_lock);
	seq_printf(m, "%s\n", mode_names[mode]);
	return 0;
}

static int mode_open(struct inode *inode, struct file *file)
{
	return single_open(file, mode_show, NULL);
}

static ssize_t mode_write(struct file *file, const char __user *ubuf,
			  size_t count, loff_t *ppos)
{
	char buf[8];
	int m;

	if (!count || count >= sizeof(buf))
		return -EINVAL;
	if (copy_from_user(buf, ubuf, count))
		return -EFAULT;
	buf[count] = '\0';

	m = sysfs_match_string(mode_names, buf);
	if (m < 0)
		return m;

	guard(mutex)(&mode_lock);
	set_mode(m, counting);
	return count;
}

static const struct file_operations mode_fops = {
	.owner		= THIS_MODULE,
	.open		= mode_open,
	.read		= seq_read,
	.write		= mode_write,
	.llseek		= seq_lseek,
	.release	= single_release,
};

static int count_get(void *data, u64 *val)
{
	*val = READ_ONCE(counting);
	return 0;
}

static int count_set(void *data, u64 val)
{
	if (val > 1)
		return -EINVAL;

	guard(mutex)(&mode_lock);
	set_mode(mode, val);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(count_fops, count_get, count_set, "%llu\n");

static int fast_get(void *data, u64 *val)
{
	*val = READ_ONCE(fast);
	return 0;
}

static int fast_set(void *data, u64 val)
{
	if (val > 1)
		return -EINVAL;

	guard(mutex)(&mode_lock);
	WRITE_ONCE(fast, val);
	set_mode(mode, counting);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(fast_fops, fast_get, fast_set, "%llu\n");

static int check_get(void *data, u64 *val)
{
	*val = READ_ONCE(check_every);
	return 0;
}

static int check_set(void *data, u64 val)
{
	if (!is_check_every(val))
		return -EINVAL;

	guard(mutex)(&mode_lock);
	WRITE_ONCE(check_every, val);
	set_mode(mode, counting);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(check_fops, check_get, check_set, "%llu\n");

static int stats_show(struct seq_file *m, void *unused)
{
	int surface, cpu;

	seq_puts(m, "surface c rust mismatches unjudged\n");
	for (surface = 0; surface < NR_KVM_ARM_ABI_SURFACES; surface++) {
		unsigned long c = 0, rust = 0;

		for_each_possible_cpu(cpu) {
			c += READ_ONCE(per_cpu(abi_calls.c[surface], cpu));
			rust += READ_ONCE(per_cpu(abi_calls.rust[surface], cpu));
		}
		seq_printf(m, "%s %lu %lu %ld %ld\n", surface_names[surface], c,
			   rust, atomic_long_read(&abi_mismatches[surface]),
			   atomic_long_read(&abi_unjudged[surface]));
	}

	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

#ifdef CONFIG_KVM_ARM64_RUST_KUNIT_TEST
#include "tests/plant.c"
#else
static inline void kvm_arm_abi_debugfs_plant(struct dentry *dir) {}
#endif

/* Runs after KVM, which creates the directory if there is a hypervisor. */
static int __init kvm_arm_abi_debugfs_init(void)
{
	struct dentry *kvm = debugfs_lookup("kvm", NULL);
	struct dentry *dir;

	if (IS_ERR_OR_NULL(kvm))
		return 0;

	dir = debugfs_create_dir("arm_abi", kvm);
	debugfs_create_file("mode", 0600, dir, NULL, &mode_fops);
	debugfs_create_file_unsafe("check", 0600, dir, NULL, &check_fops);
	debugfs_create_file_unsafe("count", 0600, dir, NULL, &count_fops);
	debugfs_create_file_unsafe("fast", 0600, dir, NULL, &fast_fops);
	debugfs_create_file("stats", 0400, dir, NULL, &stats_fops);
	kvm_arm_compat_debugfs(dir);
	kvm_arm_abi_debugfs_plant(dir);
	dput(kvm);

	return 0;
}
late_initcall(kvm_arm_abi_debugfs_init);

#ifdef CONFIG_KVM_ARM64_RUST_KUNIT_TEST
#include "tests/switch_kunit.c"
#endif
