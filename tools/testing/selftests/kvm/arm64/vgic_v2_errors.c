// SPDX-License-Identifier: GPL-2.0-only
/*
 * vgic_v2_errors - How access to the registers of the GICv2 CPU interface
 * fails, and that a failure has no effect.
 *
 * The order in which KVM checks is visible to userspace:
 *
 *	HAS, GET, SET:	no vCPU has this id	EINVAL
 *	HAS:		no such register	ENXIO
 *	SET:		value cannot be read	EFAULT
 *	GET:		value cannot be written	EFAULT
 *
 * vgic_v2_busy tests what depends on the state of the VM, and what changes it.
 *
 * A value has four bytes. They are placed at the end of a page before an
 * inaccessible one, to see that only they are accessed. After every refusal all
 * registers of all vCPUs are read back, and must be unchanged.
 */
#include <errno.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/user_mem.h"
#include "abi/vgic_v2.h"

/* The vCPUs' ids, none of which is the index of its vCPU */
static const u8 ids[] = { 2, 5, 0 };
static const u8 bad_ids[] = { 1, 3, 4, 6, 7, 8, 127, 128, 130, 254, 255 };

#define NO_REGISTER	0x20

static struct vgic_v2 v;

/* Every case must leave the registers like this. */
static struct gicc_state state;

enum cmd { HAS, GET, SET, NR_CMDS };

static const unsigned long cmds[] = {
	[HAS] = KVM_HAS_DEVICE_ATTR,
	[GET] = KVM_GET_DEVICE_ATTR,
	[SET] = KVM_SET_DEVICE_ATTR,
};

static const char * const cmd_name[] = {
	[HAS] = "HAS", [GET] = "GET", [SET] = "SET",
};

static void expect_unchanged(const char *after)
{
	gicc_expect_state(&v, &state, after);
}

static void expect_access(enum cmd cmd, u8 cpuid, u32 offset, u64 addr,
			  int want)
{
	int ret = gicc_access(&v, cmds[cmd], cpuid, offset, addr);

	test_expect(ret == want, "%s of %#x, vCPU %u, at %#lx: %s, expected %s",
		    cmd_name[cmd], offset, cpuid, addr, strerror(ret),
		    strerror(want));
}

/* A value that changes every register that can be changed */
static u32 other_value(int n, int i)
{
	return ~state.val[n][i];
}

/* ---- vCPU ids ---- */

static bool is_vcpu(int cpuid)
{
	int n;

	for (n = 0; n < v.nr_vcpus; n++) {
		if (ids[n] == cpuid)
			return true;
	}

	return false;
}

static void check_cpuids(int unused)
{
	u32 *val = (u32 *)(user_hole - 4);
	int cpuid, i, want;

	for (cpuid = 0; cpuid < 256; cpuid++) {
		want = is_vcpu(cpuid) ? 0 : EINVAL;

		for (i = 0; i < NR_GICC_REGS; i++) {
			user_mem_fill_canary();
			expect_access(HAS, cpuid, gicc_regs[i].offset, 0, want);
			expect_access(GET, cpuid, gicc_regs[i].offset, (u64)val,
				      want);
			user_mem_expect_canary((u8 *)val, want ? 0 : 4,
					       "cpuid");

			/* Write the current value, or any if it is refused. */
			if (want)
				*val = 0xffffffff;
			expect_access(SET, cpuid, gicc_regs[i].offset, (u64)val,
				      want);
		}
		expect_unchanged("cpuid");
	}
}

/* Whatever else is wrong, and before it is checked */
static void check_bad_cpuid_first(int unused)
{
	enum cmd cmd;
	int i, j;

	for (i = 0; i < ARRAY_SIZE(bad_ids); i++) {
		for (cmd = HAS; cmd < NR_CMDS; cmd++) {
			for (j = 0; j < NR_USER_BAD_POINTERS; j++) {
				expect_access(cmd, bad_ids[i], GICC_PMR,
					      user_bad_pointers[j], EINVAL);
				expect_access(cmd, bad_ids[i], NO_REGISTER,
					      user_bad_pointers[j], EINVAL);
				expect_access(cmd, bad_ids[i], GICC_PMR + 1,
					      user_bad_pointers[j], EINVAL);
			}
		}
		expect_unchanged("bad cpuid");
	}
}

static void check_no_vcpus(int unused)
{
	struct kvm_vm *vm = vm_create_barebones();
	int fd = kvm_create_device(vm, KVM_DEV_TYPE_ARM_VGIC_V2);
	int cpuid, ret;
	enum cmd cmd;

	for (cmd = HAS; cmd < NR_CMDS; cmd++) {
		for (cpuid = 0; cpuid < 256; cpuid++) {
			ret = vgic_v2_access(fd, cmds[cmd],
					     KVM_DEV_ARM_VGIC_GRP_CPU_REGS,
					     vgic_v2_attr(cpuid, GICC_PMR),
					     (u64)user_mem);
			test_expect(ret == EINVAL, "%s, cpuid %d: %s",
				    cmd_name[cmd], cpuid, strerror(ret));
		}
	}

	close(fd);
	kvm_vm_free(vm);
}

/* ---- Groups ---- */

/* The GICv2 has groups 0 to 4; 3 and 4 are not for registers. */
static void check_unknown_group(int unused)
{
	static const u32 groups[] = {
		KVM_DEV_ARM_VGIC_GRP_REDIST_REGS,
		KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS,
		KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO,
		KVM_DEV_ARM_VGIC_GRP_ITS_REGS,
		KVM_DEV_ARM_VGIC_GRP_MAINT_IRQ,
		10, 0x102, 0x10002, 0x80000002, 0xffffffff,
	};
	enum cmd cmd;
	int i, j, ret;
	u64 attr;

	for (i = 0; i < ARRAY_SIZE(groups); i++) {
		for (cmd = HAS; cmd < NR_CMDS; cmd++) {
			for (j = 0; j < NR_GICC_REGS; j++) {
				user_mem_fill_canary();
				attr = vgic_v2_attr(ids[0],
						    gicc_regs[j].offset);
				ret = vgic_v2_access(v.fd, cmds[cmd], groups[i],
						     attr, (u64)user_hole - 4);
				test_expect(ret == ENXIO, "%s, group %#x: %s",
					    cmd_name[cmd], groups[i],
					    strerror(ret));
				user_mem_expect_untouched("unknown group");
			}
		}
		expect_unchanged("unknown group");
	}
}

/* ---- Pointers ---- */

static void check_bad_pointers(int cmd)
{
	int n, i, j;

	for (n = 0; n < v.nr_vcpus; n++) {
		for (j = 0; j < NR_USER_BAD_POINTERS; j++) {
			for (i = 0; i < NR_GICC_REGS; i++)
				expect_access(cmd, ids[n], gicc_regs[i].offset,
					      user_bad_pointers[j],
					      cmd == HAS ? 0 : EFAULT);

			/* The offset need not be that of a register. */
			expect_access(cmd, ids[n], NO_REGISTER,
				      user_bad_pointers[j],
				      cmd == HAS ? ENXIO : EFAULT);
			expect_access(cmd, ids[n], GICC_PMR + 1,
				      user_bad_pointers[j],
				      cmd == HAS ? ENXIO : EFAULT);
			expect_unchanged(cmd_name[cmd]);
		}
	}
}

static void check_read_only(int unused)
{
	int n, i;

	for (n = 0; n < v.nr_vcpus; n++) {
		for (i = 0; i < NR_GICC_REGS; i++) {
			expect_access(GET, ids[n], gicc_regs[i].offset,
				      (u64)user_read_only, EFAULT);

			/* Reading the value works. */
			user_mem_set_read_only(&state.val[n][i], sizeof(u32));
			expect_access(SET, ids[n], gicc_regs[i].offset,
				      (u64)user_read_only, 0);
			expect_unchanged("read-only memory");
		}
	}
}

/* At every alignment, and right before the hole */
static void check_four_bytes(int cmd)
{
	u32 val;
	int i, k;
	u8 *p;

	for (i = 0; i < NR_GICC_REGS; i++) {
		for (k = 4; k < 12; k++) {
			p = user_hole - k;
			user_mem_fill_canary();
			if (cmd == SET)
				memcpy(p, &state.val[1][i], 4);

			expect_access(cmd, ids[1], gicc_regs[i].offset, (u64)p,
				      0);
			memcpy(&val, p, 4);
			test_expect(val == state.val[1][i],
				    "%s at -%d holds %#x",
				    gicc_regs[i].name, k, val);
			user_mem_expect_canary(p, 4, gicc_regs[i].name);
			expect_unchanged(cmd_name[cmd]);
		}
	}
}

/* The value begins @k bytes before the inaccessible page. */
static void check_straddle(int cmd)
{
	u32 other;
	int i, k;

	for (i = 0; i < NR_GICC_REGS; i++) {
		other = other_value(1, i);
		for (k = 1; k < 4; k++) {
			user_mem_fill_canary();
			if (cmd == SET)
				memcpy(user_hole - k, &other, k);

			expect_access(cmd, ids[1], gicc_regs[i].offset,
				      (u64)user_hole - k, EFAULT);
			user_mem_expect_canary(user_hole - k, k,
					       gicc_regs[i].name);
			expect_unchanged(cmd_name[cmd]);
		}
	}
}

static const struct test_case cases[] = {
	{ "vCPU id: EINVAL for the 253 of 256 that no vCPU has", check_cpuids },
	{ "vCPU id: EINVAL before a bad offset or pointer",
	  check_bad_cpuid_first },
	{ "vCPU id: EINVAL for all if there is no vCPU", check_no_vcpus },
	{ "group: ENXIO for those that a GICv2 does not have",
	  check_unknown_group },

	{ "pointer: GET to a bad one is EFAULT, with or without a register",
	  check_bad_pointers, GET },
	{ "pointer: SET from a bad one is EFAULT, with or without a register",
	  check_bad_pointers, SET },
	{ "pointer: HAS ignores it", check_bad_pointers, HAS },
	{ "pointer: GET to read-only memory is EFAULT, SET from it works",
	  check_read_only },

	{ "value: GET writes four bytes, at any alignment",
	  check_four_bytes, GET },
	{ "value: SET reads four bytes, at any alignment",
	  check_four_bytes, SET },
	{ "value: GET into a hole is EFAULT", check_straddle, GET },
	{ "value: SET from a hole is EFAULT, register unchanged",
	  check_straddle, SET },
};

int main(void)
{
	ksft_print_header();
	vgic_v2_require();
	test_set_plan(ARRAY_SIZE(cases));

	user_mem_create(1);
	v = vgic_v2_create(ids, ARRAY_SIZE(ids), fw_guest_code);
	gicc_set_pattern(&v);
	state = gicc_state_read(&v);
	test_run_cases(cases, ARRAY_SIZE(cases));

	vgic_v2_free(&v);
	test_finished();
}
