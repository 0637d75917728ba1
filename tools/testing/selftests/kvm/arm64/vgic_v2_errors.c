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
 *	GET, SET:	a vCPU is running	EBUSY
 *	GET:		value cannot be written	EFAULT
 *
 * and so is that the GIC gets initialised, after which there can be no more
 * vCPUs, by an access that passes all but the last of these checks.
 *
 * A value is four bytes. They are placed at the end of a page before one that
 * cannot be accessed, to see that no more are touched. After every refusal all
 * registers of all vCPUs are read back, and must be what they were.
 */
#include <errno.h>

#include "vgic_v2.h"

#define CANARY		0xc5

/* vCPU ids, of which none is the index of its vCPU; and those that are not. */
static const u8 ids[] = { 2, 5, 0 };
static const u8 bad_ids[] = { 1, 3, 4, 6, 7, 8, 127, 128, 130, 254, 255 };

#define NO_REGISTER	0x20

static struct vgic_v2 v;

/* The registers as every case must leave them. */
static struct gicc_state state;

/* One page that can be accessed and one, right after it, that cannot. */
static u8 *page;
static u8 *hole;
static u8 *read_only;
static size_t page_size;

/* Nothing to be read or written here, from any user process. */
static u64 bad_pointers[] = {
	0,			/* NULL */
	4,
	1UL << 52,		/* between user space and kernel */
	1UL << 55,
	0xffff000000000000UL,	/* kernel */
	0xffff800080000000UL,
	-4UL,			/* the value ends at the end of all addresses */
	-2UL,			/* and wraps */
	0,			/* PROT_NONE, filled in by main() */
};

enum cmd { HAS, GET, SET, NR_CMDS };

static const unsigned long cmds[] = {
	[HAS] = KVM_HAS_DEVICE_ATTR,
	[GET] = KVM_GET_DEVICE_ATTR,
	[SET] = KVM_SET_DEVICE_ATTR,
};

static const char * const cmd_name[] = {
	[HAS] = "HAS", [GET] = "GET", [SET] = "SET",
};

static void protect(void *mem, size_t size, int prot)
{
	int ret = mprotect(mem, size, prot);

	TEST_ASSERT(!ret, __KVM_SYSCALL_ERROR("mprotect()", ret));
}

/* Make the values of all registers differ from 0, ~0 and one another. */
static void set_pattern(struct vgic_v2 *v)
{
	int n, i;

	for (n = 0; n < v->nr_vcpus; n++) {
		for (i = 0; i < NR_GICC_REGS; i++)
			gicc_set(v, v->vcpus[n]->id, gicc_regs[i].offset,
				 0x5a936cb5 * (3 + n * NR_GICC_REGS + i));
	}
}

static void expect_unchanged(const char *after)
{
	gicc_expect_state(&v, &state, after);
}

static void expect_access(enum cmd cmd, u8 cpuid, u32 offset, u64 addr,
			  int want)
{
	int ret = gicc_access(&v, cmds[cmd], cpuid, offset, addr);

	fw_expect(ret == want, "%s of %#x, vCPU %u, at %#lx: %s, expected %s",
		  cmd_name[cmd], offset, cpuid, addr, strerror(ret),
		  strerror(want));
}

/* A value that changes every register that can be, if it is written. */
static u32 other_value(int n, int i)
{
	return ~state.val[n][i];
}

/* The whole page holds the canary, but for @len bytes at @val. */
static void expect_canary(const u8 *val, size_t len, const char *what)
{
	const u8 *p;

	for (p = page; p < hole; p++) {
		if (p >= val && p < val + len)
			continue;
		if (*p != CANARY)
			break;
	}

	fw_expect(p == hole, "%s: byte at %ld of the value is overwritten",
		  what, (long)(p - val));
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
	u32 *val = (u32 *)(hole - 4);
	int cpuid, i, want;

	for (cpuid = 0; cpuid < 256; cpuid++) {
		want = is_vcpu(cpuid) ? 0 : EINVAL;

		for (i = 0; i < NR_GICC_REGS; i++) {
			memset(page, CANARY, page_size);
			expect_access(HAS, cpuid, gicc_regs[i].offset, 0, want);
			expect_access(GET, cpuid, gicc_regs[i].offset, (u64)val,
				      want);
			expect_canary((u8 *)val, want ? 0 : 4, "cpuid");

			/* What is there already, or if refused anything. */
			if (want)
				*val = 0xffffffff;
			expect_access(SET, cpuid, gicc_regs[i].offset, (u64)val,
				      want);
		}
		expect_unchanged("cpuid");
	}
}

/* Whatever else is wrong, and before it is looked at. */
static void check_bad_cpuid_first(int unused)
{
	enum cmd cmd;
	int i, j;

	for (i = 0; i < ARRAY_SIZE(bad_ids); i++) {
		for (cmd = HAS; cmd < NR_CMDS; cmd++) {
			for (j = 0; j < ARRAY_SIZE(bad_pointers); j++) {
				expect_access(cmd, bad_ids[i], GICC_PMR,
					      bad_pointers[j], EINVAL);
				expect_access(cmd, bad_ids[i], NO_REGISTER,
					      bad_pointers[j], EINVAL);
				expect_access(cmd, bad_ids[i], GICC_PMR + 1,
					      bad_pointers[j], EINVAL);
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
					     (u64)page);
			fw_expect(ret == EINVAL, "%s, cpuid %d: %s",
				  cmd_name[cmd], cpuid, strerror(ret));
		}
	}

	close(fd);
	kvm_vm_free(vm);
}

/* ---- Groups ---- */

/* The GICv2 has groups 0 to 4, and of these 3 and 4 are not of registers. */
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
				memset(page, CANARY, page_size);
				attr = vgic_v2_attr(ids[0],
						    gicc_regs[j].offset);
				ret = vgic_v2_access(v.fd, cmds[cmd], groups[i],
						     attr, (u64)hole - 4);
				fw_expect(ret == ENXIO, "%s, group %#x: %s",
					  cmd_name[cmd], groups[i],
					  strerror(ret));
				expect_canary(page, 0, "unknown group");
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
		for (j = 0; j < ARRAY_SIZE(bad_pointers); j++) {
			for (i = 0; i < NR_GICC_REGS; i++)
				expect_access(cmd, ids[n], gicc_regs[i].offset,
					      bad_pointers[j],
					      cmd == HAS ? 0 : EFAULT);

			/* It need not be that of a register. */
			expect_access(cmd, ids[n], NO_REGISTER,
				      bad_pointers[j],
				      cmd == HAS ? ENXIO : EFAULT);
			expect_access(cmd, ids[n], GICC_PMR + 1,
				      bad_pointers[j],
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
				      (u64)read_only, EFAULT);

			/* A value that is only read can be. */
			protect(read_only, page_size, PROT_READ | PROT_WRITE);
			*(u32 *)read_only = state.val[n][i];
			protect(read_only, page_size, PROT_READ);
			expect_access(SET, ids[n], gicc_regs[i].offset,
				      (u64)read_only, 0);
			expect_unchanged("read-only memory");
		}
	}
}

/* At every alignment, and right before the hole. */
static void check_four_bytes(int cmd)
{
	u32 val;
	int i, k;
	u8 *p;

	for (i = 0; i < NR_GICC_REGS; i++) {
		for (k = 4; k < 12; k++) {
			p = hole - k;
			memset(page, CANARY, page_size);
			if (cmd == SET)
				memcpy(p, &state.val[1][i], 4);

			expect_access(cmd, ids[1], gicc_regs[i].offset, (u64)p,
				      0);
			memcpy(&val, p, 4);
			fw_expect(val == state.val[1][i], "%s at -%d holds %#x",
				  gicc_regs[i].name, k, val);
			expect_canary(p, 4, gicc_regs[i].name);
			expect_unchanged(cmd_name[cmd]);
		}
	}
}

/* The value begins @k bytes before the page that cannot be accessed. */
static void check_straddle(int cmd)
{
	u32 other;
	int i, k;

	for (i = 0; i < NR_GICC_REGS; i++) {
		other = other_value(1, i);
		for (k = 1; k < 4; k++) {
			memset(page, CANARY, page_size);
			if (cmd == SET)
				memcpy(hole - k, &other, k);

			expect_access(cmd, ids[1], gicc_regs[i].offset,
				      (u64)hole - k, EFAULT);
			expect_canary(hole - k, k, gicc_regs[i].name);
			expect_unchanged(cmd_name[cmd]);
		}
	}
}

/* ---- Initialisation of the GIC ---- */

#define BAD_CPUID	0x100
#define BAD_POINTER	0x200

/*
 * The same accesses to a GIC that is not initialised and has one vCPU, to one
 * that is and has three, and to one of which a vCPU is running.
 */
static const struct combination {
	enum cmd cmd;
	u32 offset;
	int flags;
	int err;
	int err_running;
	bool initialises;
} combinations[] = {
	{ HAS, GICC_PMR, 0, 0, 0 },
	{ HAS, GICC_PMR, BAD_POINTER, 0, 0 },
	{ HAS, NO_REGISTER, 0, ENXIO, ENXIO },
	{ HAS, GICC_PMR, BAD_CPUID, EINVAL, EINVAL },
	{ HAS, NO_REGISTER, BAD_CPUID, EINVAL, EINVAL },

	{ SET, GICC_PMR, BAD_POINTER, EFAULT, EFAULT },
	{ SET, NO_REGISTER, BAD_POINTER, EFAULT, EFAULT },
	{ SET, GICC_PMR, BAD_CPUID, EINVAL, EINVAL },
	{ SET, GICC_PMR, BAD_CPUID | BAD_POINTER, EINVAL, EINVAL },
	{ SET, GICC_PMR, 0, 0, EBUSY, true },
	{ SET, GICC_IIDR, 0, 0, EBUSY, true },
	{ SET, NO_REGISTER, 0, 0, EBUSY, true },

	{ GET, GICC_PMR, BAD_CPUID, EINVAL, EINVAL },
	{ GET, GICC_PMR, BAD_CPUID | BAD_POINTER, EINVAL, EINVAL },
	{ GET, GICC_PMR, BAD_POINTER, EFAULT, EBUSY, true },
	{ GET, GICC_PMR, 0, 0, EBUSY, true },
	{ GET, NO_REGISTER, 0, 0, EBUSY, true },
	{ GET, NO_REGISTER, BAD_POINTER, EFAULT, EBUSY, true },
};

static int access_combination(int fd, const struct combination *c, u8 cpuid)
{
	u32 val = 0x5a5a5a5a;
	int ret;

	if (c->flags & BAD_CPUID)
		cpuid = 255;

	ret = vgic_v2_access(fd, cmds[c->cmd], KVM_DEV_ARM_VGIC_GRP_CPU_REGS,
			     vgic_v2_attr(cpuid, c->offset),
			     c->flags & BAD_POINTER ? (u64)hole : (u64)&val);
	fw_expect(val == 0x5a5a5a5a || (c->cmd == GET && !ret),
		  "%s of %#x writes to memory", cmd_name[c->cmd], c->offset);
	return ret;
}

static void expect_create_vcpu(struct kvm_vm *vm, u64 id, int want)
{
	int fd = __vm_ioctl(vm, KVM_CREATE_VCPU, (void *)id);
	int err = fd < 0 ? errno : 0;

	fw_expect(err == want, "vCPU %lu: %s, expected %s", id, strerror(err),
		  strerror(want));
	if (!err)
		close(fd);
}

static void check_initialises(int unused)
{
	const struct combination *c;
	struct kvm_vm *vm;
	int i, fd, ret;

	for (i = 0; i < ARRAY_SIZE(combinations); i++) {
		c = &combinations[i];
		vm = vm_create_barebones();
		fd = kvm_create_device(vm, KVM_DEV_TYPE_ARM_VGIC_V2);
		expect_create_vcpu(vm, 0, 0);

		ret = access_combination(fd, c, 0);
		fw_expect(ret == c->err, "combination %d: %s, expected %s", i,
			  strerror(ret), strerror(c->err));

		expect_create_vcpu(vm, 1, c->initialises ? EBUSY : 0);
		close(fd);
		kvm_vm_free(vm);
	}
}

/* ---- While a vCPU runs ---- */

static bool running;
static bool stop;

static void guest_loop(void)
{
	for (;;) {
		WRITE_ONCE(running, true);
		while (!READ_ONCE(stop))
			;
		GUEST_SYNC(0);
	}
}

static void *run_thread(void *vcpu)
{
	fw_run(vcpu);
	return NULL;
}

static void check_running(int runner)
{
	struct vgic_v2 two = vgic_v2_create((u8[]) { 3, 0 }, 2, guest_loop);
	bool *guest_running = addr_gva2hva(two.vm, (gva_t)&running);
	bool *guest_stop = addr_gva2hva(two.vm, (gva_t)&stop);
	const struct combination *c;
	struct gicc_state before;
	pthread_t thread;
	int i, n, ret;

	/* The hardware has its say in the first run. */
	set_pattern(&two);
	for (n = 0; n < 2; n++) {
		WRITE_ONCE(*guest_stop, true);
		fw_run(two.vcpus[n]);
	}
	before = gicc_state_read(&two);

	WRITE_ONCE(*guest_stop, false);
	WRITE_ONCE(*guest_running, false);
	kvm_pthread_create(&thread, NULL, run_thread, two.vcpus[runner]);
	while (!READ_ONCE(*guest_running))
		usleep(100);

	for (n = 0; n < 2; n++) {
		for (i = 0; i < ARRAY_SIZE(combinations); i++) {
			c = &combinations[i];
			ret = access_combination(two.fd, c, two.vcpus[n]->id);
			fw_expect(ret == c->err_running,
				  "vCPU %u, combination %d: %s, expected %s",
				  two.vcpus[n]->id, i, strerror(ret),
				  strerror(c->err_running));
		}
		for (i = 0; i < NR_GICC_REGS; i++) {
			u32 val = ~before.val[n][i];

			ret = gicc_access(&two, KVM_SET_DEVICE_ATTR,
					  two.vcpus[n]->id, gicc_regs[i].offset,
					  (u64)&val);
			fw_expect(ret == EBUSY, "%s of vCPU %u: %s",
				  gicc_regs[i].name, two.vcpus[n]->id,
				  strerror(ret));
		}
	}

	WRITE_ONCE(*guest_stop, true);
	kvm_pthread_join(thread, NULL);

	gicc_expect_state(&two, &before, "not running any more");
	set_pattern(&two);
	vgic_v2_free(&two);
}

static const struct fw_case cases[] = {
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
	{ "pointer: HAS does not look at it", check_bad_pointers, HAS },
	{ "pointer: GET to read-only memory is EFAULT, SET from it works",
	  check_read_only },

	{ "value: GET writes four bytes, at any alignment",
	  check_four_bytes, GET },
	{ "value: SET reads four bytes, at any alignment",
	  check_four_bytes, SET },
	{ "value: GET into a hole is EFAULT", check_straddle, GET },
	{ "value: SET from a hole is EFAULT, register unchanged",
	  check_straddle, SET },

	{ "only an access that got past EINVAL and SET's EFAULT initialises",
	  check_initialises },
	{ "while vCPU 3 runs: EBUSY, after EINVAL and SET's EFAULT",
	  check_running, 0 },
	{ "while vCPU 0 runs: EBUSY, after EINVAL and SET's EFAULT",
	  check_running, 1 },
};

int main(void)
{
	ksft_print_header();
	vgic_v2_require();
	ksft_set_plan(ARRAY_SIZE(cases));

	page_size = getpagesize();
	page = kvm_mmap(2 * page_size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1);
	hole = page + page_size;
	protect(hole, page_size, PROT_NONE);
	read_only = kvm_mmap(page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
			     -1);
	bad_pointers[ARRAY_SIZE(bad_pointers) - 1] = (u64)hole;

	v = vgic_v2_create(ids, ARRAY_SIZE(ids), guest_loop);
	set_pattern(&v);
	state = gicc_state_read(&v);
	fw_run_cases(cases, ARRAY_SIZE(cases));

	vgic_v2_free(&v);
	ksft_finished();
}
