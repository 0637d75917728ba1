// SPDX-License-Identifier: GPL-2.0-only
/* Benchmarks of the configuration of a VM */
#include "abi/fw_reg.h"
#include "abi/reg_image.h"
#include "abi/vm_config.h"
#include "config.h"
#include "ioctl.h"
#include "measure.h"

/* Fewer registers than these would not be a whole configuration. */
#define MIN_REGS	60
#define MIN_CHANGED	10

/* The same registers, as entries and one by one */
struct set {
	struct config c;
	struct kvm_arm_vm_config request;
	struct kvm_one_reg reg[CONFIG_MAX];
};

static void set_prepare(struct set *s, u32 op)
{
	u32 i;

	s->request = (struct kvm_arm_vm_config) {
		.op = op,
		.n = op == KVM_ARM_VM_CONFIG_GET ? CONFIG_MAX : s->c.n,
		.entry_size = sizeof(s->c.entry[0]),
		.entries = (u64)s->c.entry,
	};
	for (i = 0; i < s->c.n; i++)
		s->reg[i] = (struct kvm_one_reg) {
			s->c.entry[i].id, (u64)&s->c.entry[i].value,
		};
}

/*
 * What decides about other registers keeps its value, so that the values can also be
 * written one by one.
 */
static bool has_dependents(u64 id)
{
	return id == KVM_ARM64_SYS_REG(SYS_ID_AA64PFR1_EL1) ||
	       id == KVM_ARM64_SYS_REG(SYS_ID_AA64MMFR1_EL1) ||
	       id == KVM_ARM64_SYS_REG(SYS_ID_AA64MMFR3_EL1) ||
	       id == KVM_ARM64_SYS_REG(SYS_ID_AA64ISAR2_EL1);
}

/* Lower the first field of each register that can be lowered. Returns how many can. */
static u32 lower(int vm_fd, struct config *c)
{
	struct kvm_arm_vm_config_entry one;
	u32 i, nr = 0;
	int shift;

	for (i = 0; i < c->n; i++) {
		struct kvm_arm_vm_config_entry *e = &c->entry[i];

		if (has_dependents(e->id))
			continue;
		for (shift = 0; shift < 64; shift += 4) {
			if (!(e->value >> shift & 0xf) || !(e->mask >> shift & 0xf))
				continue;
			one = (struct kvm_arm_vm_config_entry) {
				.id = e->id, .value = e->value - BIT(shift),
			};
			if (config_access(vm_fd, KVM_ARM_VM_CONFIG_CHECK, 0, &one, 1))
				continue;
			e->value = one.value;
			nr++;
			break;
		}
	}

	return nr;
}

static void bench_one_by_one(const char *path, int fd, struct kvm_reg_list *list,
			     const struct set * const sets[], int nr_sets)
{
	static struct bench_ioctl calls[2 * CONFIG_MAX + 1];
	unsigned long cmd = list ? KVM_GET_ONE_REG : KVM_SET_ONE_REG;
	int i, j, nr = 0;

	if (list)
		calls[nr++] = (struct bench_ioctl) { fd, KVM_GET_REG_LIST, list };
	for (i = 0; i < nr_sets; i++)
		for (j = 0; j < sets[i]->c.n; j++)
			calls[nr++] = (struct bench_ioctl) {
				fd, cmd, (void *)&sets[i]->reg[j],
			};
	bench_ioctls(path, 0, calls, nr);
}

void bench_config(int vm_fd, int vcpu_fd)
{
	static struct { u64 n, id[1024]; } list = { .n = 1024 };
	static struct set now, low, room;
	const struct set * const both[] = { &low, &now };
	struct bench_ioctl requests[] = {
		{ vm_fd, KVM_ARM_VM_CONFIG, &low.request },
		{ vm_fd, KVM_ARM_VM_CONFIG, &now.request },
	};
	u32 nr;

	now.c = config_get(vm_fd);
	low.c = now.c;
	nr = lower(vm_fd, &low.c);
	TEST_ASSERT(now.c.n >= MIN_REGS && nr >= MIN_CHANGED,
		    "%u registers, of which %u can be changed", now.c.n, nr);

	set_prepare(&room, KVM_ARM_VM_CONFIG_GET);
	bench_ioctl("config/GET", 0, vm_fd, KVM_ARM_VM_CONFIG, &room.request);
	set_prepare(&now, KVM_ARM_VM_CONFIG_CHECK);
	bench_one_by_one("config/GET:one_by_one", vcpu_fd, (void *)&list, &both[1], 1);

	bench_ioctl("config/CHECK", 0, vm_fd, KVM_ARM_VM_CONFIG, &now.request);
	set_prepare(&now, KVM_ARM_VM_CONFIG_SET);
	bench_ioctl("config/SET", 0, vm_fd, KVM_ARM_VM_CONFIG, &now.request);
	bench_one_by_one("config/SET:one_by_one", vcpu_fd, NULL, &both[1], 1);

	set_prepare(&low, KVM_ARM_VM_CONFIG_SET);
	bench_ioctls("config/SET:changed", 0, requests, ARRAY_SIZE(requests));
	bench_one_by_one("config/SET:changed:one_by_one", vcpu_fd, NULL, both,
			 ARRAY_SIZE(both));
}
