// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults on demand, included by switch.c in kernels with the KUnit suites, to check
 * that a test system notices each of them.
 */
#include <linux/bug.h>

static DEFINE_MUTEX(plant_first);
static DEFINE_MUTEX(plant_second);

/* Claims to an export that C lists no firmware register. */
static void plant_mismatch(void)
{
	kvm_arm_check_fw_reg_ids(kvm_arm_c_fw_reg_ids, 0);
}

/* Nothing else takes these locks, so this cannot deadlock. */
static void plant_lockdep(void)
{
	mutex_lock(&plant_first);
	mutex_lock(&plant_second);
	mutex_unlock(&plant_second);
	mutex_unlock(&plant_first);

	mutex_lock(&plant_second);
	mutex_lock(&plant_first);
	mutex_unlock(&plant_first);
	mutex_unlock(&plant_second);
}

static void plant_warn(void)
{
	WARN(1, "KVM: a warning that was asked for\n");
}

static const struct {
	const char *name;
	void (*plant)(void);
} plants[] = {
	{ "mismatch", plant_mismatch },
	{ "lockdep", plant_lockdep },
	{ "warn", plant_warn },
};

static ssize_t plant_write(struct file *file, const char __user *ubuf,
			   size_t count, loff_t *ppos)
{
	char buf[16];

	if (!count || count >= sizeof(buf))
		return -EINVAL;
	if (copy_from_user(buf, ubuf, count))
		return -EFAULT;
	buf[count] = '\0';

	for (int i = 0; i < ARRAY_SIZE(plants); i++) {
		if (!sysfs_streq(buf, plants[i].name))
			continue;
		plants[i].plant();
		return count;
	}

	return -EINVAL;
}

static const struct file_operations plant_fops = {
	.owner	= THIS_MODULE,
	.open	= nonseekable_open,
	.write	= plant_write,
};

static void __init kvm_arm_abi_debugfs_plant(struct dentry *dir)
{
	debugfs_create_file("plant", 0200, dir, NULL, &plant_fops);
}
