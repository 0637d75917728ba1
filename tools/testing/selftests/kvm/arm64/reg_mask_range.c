// SPDX-License-Identifier: GPL-2.0-only
/*
 * reg_mask_range - KVM_ARM_GET_REG_WRITABLE_MASKS: what it tells, how it fails,
 * and what it does to memory.
 *
 * A VMM decides by these 192 masks which ID registers it can adapt to a
 * destination host. All of them are stated here, and that a bit which they do
 * not have cannot be changed indeed.
 *
 * The request is checked before memory is touched; then the whole array is
 * wiped, from its beginning to its end, before any mask is written. So an array
 * of which only the beginning is accessible holds zeroes there after EFAULT,
 * and the inaccessible rest what it held before.
 */
#include <errno.h>
#include <sys/prctl.h>

#include "id_reg.h"

#define MASKS_SIZE	(NR_ID_REGS * sizeof(u64))
#define NR_RESERVED	13
#define CANARY		0xc5

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpu;
static bool has_aarch32;

/* Some pages that can be accessed, and one on either side that cannot. */
#define NR_PAGES	2
static u8 *mem;
static u8 *hole;
static u8 *read_only;
static size_t page_size, mem_size;

/* The array that is expected on this host. */
static u64 masks[NR_ID_REGS];

static int get_masks_at(u64 addr)
{
	struct reg_mask_range range = { .addr = addr };

	return id_get_masks(vm->fd, &range);
}

static void expect_error(const struct reg_mask_range *range, int want)
{
	int ret = id_get_masks(vm->fd, range);

	fw_expect(ret == want, "range %u at %#llx: %s, expected %s",
		  range->range, range->addr, strerror(ret), strerror(want));
}

/* All of the memory holds the canary, but for @len bytes at @p. */
static void expect_canary(const u8 *p, size_t len, const char *when)
{
	const u8 *c;

	for (c = mem; c < hole; c++) {
		if ((c < p || c >= p + len) && *c != CANARY)
			break;
	}

	fw_expect(c == hole, "%s: byte %ld from the array is overwritten", when,
		  (long)(c - p));
}

/* Have @fd's VM fill in the array at @p, and expect the masks and no more. */
static void __expect_masks(int line, int fd, u8 *p, const char *when)
{
	struct reg_mask_range range = { .addr = (u64)p };
	u64 now;
	int nr, ret;

	memset(mem, CANARY, mem_size);
	ret = id_get_masks(fd, &range);
	__fw_expect(line, !ret, "%s: %s", when, strerror(ret));

	for (nr = 0; nr < NR_ID_REGS; nr++) {
		memcpy(&now, p + nr * sizeof(now), sizeof(now));
		__fw_expect(line, now == masks[nr],
			    "%s: mask %d is %#lx, expected %#lx", when, nr, now,
			    masks[nr]);
	}
	expect_canary(p, MASKS_SIZE, when);
}

#define expect_masks(...)	__expect_masks(__LINE__, __VA_ARGS__)

/* ---- What the masks are ---- */

static void check_capability(int unused)
{
	unsigned int ret = kvm_check_cap(KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES);

	fw_expect(ret == BIT(KVM_ARM_FEATURE_ID_RANGE), "/dev/kvm: %#x", ret);
	ret = vm_check_cap(vm, KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES);
	fw_expect(ret == BIT(KVM_ARM_FEATURE_ID_RANGE), "VM: %#x", ret);
}

static void check_masks(int unused)
{
	expect_masks(vm->fd, mem, "masks");
}

static void check_numbers(int unused)
{
	const struct id_mask *m;

	for (m = id_masks; m < id_masks + ARRAY_SIZE(id_masks); m++)
		fw_expect(id_nr(m->reg) == m->nr, "%s is number %d",
			  id_name(m->nr), id_nr(m->reg));
	fw_expect(NR_ID_REGS == 192, "%d masks", NR_ID_REGS);
	fw_expect(sizeof(struct reg_mask_range) == 64, "struct reg_mask_range");
}

static void check_aarch32(int want)
{
	int nr;

	if (has_aarch32 != want) {
		fw_skip(want ? "no AArch32 here" : "AArch32 here");
		return;
	}

	memset(mem, CANARY, mem_size);
	fw_expect(!get_masks_at((u64)mem), "failed");
	for (nr = 8; nr < 32; nr++) {
		u64 mask = want && id_is_aarch32_allocated(nr) ?
			   GENMASK(31, 0) : 0;

		fw_expect(((u64 *)mem)[nr] == mask, "mask %d is %#lx", nr,
			  ((u64 *)mem)[nr]);
	}
}

/* The masks are about what KVM can do, not about what this VM is. */
static void check_any_vm(int unused)
{
	struct kvm_vm *other = vm_create_barebones();
	struct kvm_vcpu *vcpus[2];

	expect_masks(other->fd, mem, "VM without vCPUs");
	vm_enable_cap(other, KVM_CAP_ARM_WRITABLE_IMP_ID_REGS, 0);
	expect_masks(other->fd, mem, "writable MIDR_EL1");
	__vm_vcpu_add(other, 0);
	expect_masks(other->fd, mem, "vCPU not initialised");
	kvm_vm_free(other);

	other = id_vm_create(id_all_features(), false, vcpus);
	expect_masks(other->fd, mem, "all vCPU features");
	id_run(vcpus[0]);
	expect_masks(other->fd, mem, "after a run");
	expect_masks(vm->fd, mem, "after a run of another VM");
	kvm_vm_free(other);
}

/* Nothing that a mask does not have can be changed. */
static void check_clear_bits(int unused)
{
	struct id_state state = id_state_read(vcpu);
	u64 id, val, now;
	int nr, bit, ret;

	for (nr = 0; nr < NR_ID_REGS; nr++) {
		if (!state.listed[nr]) {
			fw_expect(!masks[nr], "mask %d: no register", nr);
			continue;
		}
		if (id_is_mpidr(nr))
			continue;

		id = id_reg(nr);
		for (bit = 0; bit < 64; bit++) {
			/* Without KVM_CAP_ARM_WRITABLE_IMP_ID_REGS, no bit. */
			if (masks[nr] & BIT(bit) && !id_is_imp(nr))
				continue;

			val = state.val[nr] ^ BIT(bit);
			ret = fw_set(vcpu, id, val);
			now = vcpu_get_reg(vcpu, id);
			fw_expect(ret == EINVAL ||
				  (!ret && (id_ignored(nr) & BIT(bit))) ||
				  (!ret && id_is_aarch32(nr) && !has_aarch32),
				  "%s <- %#lx: %s", id_name(nr), val,
				  strerror(ret));
			fw_expect(now == state.val[nr],
				  "%s <- %#lx: reads %#lx", id_name(nr),
				  val, now);
		}
		id_expect_state(vcpu, &state, "bit without a mask written");
	}
}

/* ---- Requests that are refused ---- */

static void expect_einval(struct reg_mask_range *range, const char *what)
{
	memset(mem, CANARY, mem_size);
	range->addr = (u64)mem;
	expect_error(range, EINVAL);
	expect_canary(mem, 0, what);

	/* Whatever the pointer is: it is not looked at. */
	range->addr = (u64)hole;
	expect_error(range, EINVAL);
	range->addr = 0;
	expect_error(range, EINVAL);
	range->addr = -1UL;
	expect_error(range, EINVAL);
}

static void check_ranges(int unused)
{
	static const u32 ranges[] = { 2, 3, 0x7fffffff, ~0u };
	struct reg_mask_range range = {};
	int i;

	for (i = 0; i < 32; i++) {
		range.range = BIT(i);
		expect_einval(&range, "range");
	}
	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		range.range = ranges[i];
		expect_einval(&range, "range");
	}
}

static void check_reserved(int unused)
{
	struct reg_mask_range range;
	u8 *reserved = (u8 *)range.reserved;
	int i;

	for (i = 0; i < sizeof(range.reserved); i++) {
		range = (struct reg_mask_range) {};
		reserved[i] = 1;
		expect_einval(&range, "reserved");
		reserved[i] = 0x80;
		expect_einval(&range, "reserved");
	}
	for (i = 0; i < NR_RESERVED; i++) {
		range = (struct reg_mask_range) {};
		range.reserved[i] = ~0u;
		expect_einval(&range, "reserved");
		range.range = 1;
		expect_einval(&range, "reserved and range");
	}
	fw_expect(ARRAY_SIZE(range.reserved) == NR_RESERVED, "reserved[]");
}

/* Nothing to be written here, from any user process. */
static u64 bad_pointers[] = {
	0,			/* NULL */
	8,
	BIT(52),		/* between user space and kernel */
	BIT(55),
	0xffff000000000000UL,	/* kernel */
	0xffff800080000000UL,
	-MASKS_SIZE,		/* the array ends at the end of all addresses */
	-MASKS_SIZE + 1,	/* and wraps */
	-8UL,
	-1UL,
	0,			/* PROT_NONE, filled in by main() */
	0,			/* read-only, filled in by main() */
};

static void check_bad_addr(int unused)
{
	struct reg_mask_range range = {};
	int i;

	memset(mem, CANARY, mem_size);
	for (i = 0; i < ARRAY_SIZE(bad_pointers); i++) {
		range.addr = bad_pointers[i];
		expect_error(&range, EFAULT);
	}
	expect_canary(mem, 0, "bad pointer");
	for (i = 0; i < page_size; i++)
		fw_expect(!read_only[i], "read-only page written to");
}

static void check_bad_struct(int unused)
{
	size_t size = sizeof(struct reg_mask_range), k;
	int i, ret;

	memset(mem, 0, mem_size);
	for (i = 0; i < ARRAY_SIZE(bad_pointers); i++) {
		if (bad_pointers[i] == (u64)read_only)
			continue;
		ret = id_get_masks(vm->fd, (void *)bad_pointers[i]);
		fw_expect(ret == EFAULT, "struct at %#lx: %s", bad_pointers[i],
			  strerror(ret));
	}

	/* Not even the bits that would be refused are looked at. */
	memset(mem, 0xff, mem_size);
	for (k = 1; k < size; k++) {
		ret = id_get_masks(vm->fd, (void *)(hole - k));
		fw_expect(ret == EFAULT, "%lu bytes of the struct: %s", k,
			  strerror(ret));
		ret = id_get_masks(vm->fd, (void *)(mem - k));
		fw_expect(ret == EFAULT, "struct without %lu bytes: %s", k,
			  strerror(ret));
	}
	ret = id_get_masks(vm->fd, (void *)(hole - size));
	fw_expect(ret == EINVAL, "struct before a hole: %s", strerror(ret));
}

static void check_other_fds(int unused)
{
	struct reg_mask_range range = { .addr = (u64)mem };
	int ret, fd = open_kvm_dev_path_or_exit();

	memset(mem, CANARY, mem_size);
	ret = id_get_masks(vcpu->fd, &range);
	fw_expect(ret == EINVAL, "vCPU: %s", strerror(ret));
	ret = id_get_masks(fd, &range);
	fw_expect(ret == EINVAL, "/dev/kvm: %s", strerror(ret));
	expect_canary(mem, 0, "wrong file descriptor");
	close(fd);
}

/* ---- Memory ---- */

/* Every byte of every mask is written, whatever was there before. */
static void check_garbage(int unused)
{
	static const u8 garbage[] = { 0x00, 0x01, 0x80, 0xff };
	int i;

	for (i = 0; i < ARRAY_SIZE(garbage); i++) {
		memset(mem, garbage[i], MASKS_SIZE);
		fw_expect(!get_masks_at((u64)mem), "failed");
		fw_expect(!memcmp(mem, masks, MASKS_SIZE),
			  "over bytes of %#x", garbage[i]);
	}
}

static void check_alignment(int unused)
{
	int k;

	for (k = 0; k < 16; k++) {
		expect_masks(vm->fd, mem + k, "aligned to no 8 bytes");
		expect_masks(vm->fd, hole - MASKS_SIZE - k, "near a hole");
		/* Across two pages, in the midst of a mask and between two. */
		expect_masks(vm->fd, mem + page_size - 800 - k, "across pages");
	}
}

/* The request is read before the array is written, and never written. */
static void check_request(int unused)
{
	struct reg_mask_range *range = (void *)(mem + 64), copy = {};

	memset(mem, CANARY, mem_size);
	*range = copy;
	range->addr = (u64)mem;
	fw_expect(!id_get_masks(vm->fd, range), "request inside the array");
	fw_expect(!memcmp(mem, masks, MASKS_SIZE), "request inside the array");

	range = (void *)(hole - sizeof(*range));
	copy.addr = (u64)mem;
	*range = copy;
	fw_expect(!id_get_masks(vm->fd, range), "request before a hole");
	fw_expect(!memcmp(range, &copy, sizeof(copy)), "request written to");
}

/*
 * The first @k bytes of the array are accessible. Zeroes are stored from its
 * beginning on, in words of 8 bytes, or by the set instructions of FEAT_MOPS.
 * A word that crosses into the hole may be stored in part, or not at all.
 */
static void expect_wiped(size_t k)
{
	size_t i, words = k & ~7UL;
	u8 *p = hole - k;
	int ret;

	memset(mem, CANARY, mem_size);
	ret = get_masks_at((u64)p);
	fw_expect(ret == EFAULT, "%lu bytes: %s", k, strerror(ret));

	for (i = 0; i < words; i++)
		fw_expect(!p[i], "%lu bytes: byte %lu is %#x", k, i, p[i]);
	for (; i < k; i++)
		fw_expect(!p[i] || p[i] == CANARY,
			  "%lu bytes: byte %lu is %#x", k, i, p[i]);
	expect_canary(p, k, "array into a hole");
}

static void check_hole_behind(int unused)
{
	size_t k;

	for (k = 1; k < MASKS_SIZE; k += k < 32 || k > 1500 ? 1 : 5)
		expect_wiped(k);
	for (k = 8; k < MASKS_SIZE; k += 8)
		expect_wiped(k);
}

static void check_hole_before(int unused)
{
	size_t k;
	int ret;

	memset(mem, CANARY, mem_size);
	for (k = 1; k < MASKS_SIZE; k += k < 32 || k > 1500 ? 1 : 7) {
		ret = get_masks_at((u64)mem - k);
		fw_expect(ret == EFAULT, "%lu bytes: %s", k, strerror(ret));
	}
	ret = get_masks_at((u64)mem - MASKS_SIZE);
	fw_expect(ret == EFAULT, "all bytes: %s", strerror(ret));
	expect_canary(mem, 0, "array out of a hole");
}

static void check_read_only(int unused)
{
	size_t k;
	u8 *c;
	int i;

	/* The hole becomes readable, and still cannot be written. */
	i = mprotect(hole, page_size, PROT_READ);
	TEST_ASSERT(!i, __KVM_SYSCALL_ERROR("mprotect()", i));

	for (k = 1; k < MASKS_SIZE; k += k < 17 || k > 1519 ? 1 : 8)
		expect_wiped(k);
	for (c = hole; c < hole + page_size && !*c; c++)
		;
	fw_expect(c == hole + page_size, "read-only page written to");

	i = mprotect(hole, page_size, PROT_NONE);
	TEST_ASSERT(!i, __KVM_SYSCALL_ERROR("mprotect()", i));
}

/* A tagged pointer is as good as others only for those who ask for it. */
static void check_tagged_addr(int unused)
{
	u8 *tagged = (u8 *)((u64)mem | 0x5aUL << 56);

	if (prctl(PR_SET_TAGGED_ADDR_CTRL, PR_TAGGED_ADDR_ENABLE, 0, 0, 0)) {
		fw_skip("no tagged address ABI");
		return;
	}

	memset(mem, CANARY, mem_size);
	fw_expect(!get_masks_at((u64)tagged), "enabled");
	fw_expect(!memcmp(mem, masks, MASKS_SIZE), "masks");

	prctl(PR_SET_TAGGED_ADDR_CTRL, 0, 0, 0, 0);
	memset(mem, CANARY, mem_size);
	fw_expect(get_masks_at((u64)tagged) == EFAULT, "disabled");
	expect_canary(mem, 0, "tagged address");
}

static const struct fw_case cases[] = {
	{ "capability: range 0 and no other", check_capability },
	{ "masks: numbers of the registers", check_numbers },
	{ "masks: all 192, and nothing is written behind them", check_masks },
	{ "masks: AArch32 registers, with AArch32 at EL0",
	  check_aarch32, true },
	{ "masks: AArch32 registers have none without AArch32 at EL0",
	  check_aarch32, false },
	{ "masks: the same for any VM at any time", check_any_vm },
	{ "masks: a bit without one cannot be changed", check_clear_bits },

	{ "request: any other range is EINVAL, before EFAULT", check_ranges },
	{ "request: any reserved byte set is EINVAL, before EFAULT",
	  check_reserved },
	{ "request: a bad pointer to the array is EFAULT", check_bad_addr },
	{ "request: a bad pointer to the request is EFAULT",
	  check_bad_struct },
	{ "request: EINVAL to a vCPU and to /dev/kvm", check_other_fds },

	{ "memory: nothing is left of what the array held", check_garbage },
	{ "memory: the array needs no alignment", check_alignment },
	{ "memory: the request is only read", check_request },
	{ "memory: EFAULT within the array leaves zeroes before it",
	  check_hole_behind },
	{ "memory: EFAULT at its beginning leaves all as it was",
	  check_hole_before },
	{ "memory: read-only is the same as none", check_read_only },
	{ "memory: tagged address", check_tagged_addr },
};

int main(void)
{
	struct id_state state;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES));
	test_disable_default_vgic();

	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(cases));

	page_size = getpagesize();
	mem_size = NR_PAGES * page_size;
	mem = kvm_mmap(mem_size + 2 * page_size, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1);
	mem += page_size;
	hole = mem + mem_size;
	TEST_ASSERT(!mprotect(mem, mem_size, PROT_READ | PROT_WRITE),
		    "mprotect() failed, errno %d", errno);
	read_only = kvm_mmap(page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
			     -1);
	bad_pointers[ARRAY_SIZE(bad_pointers) - 2] = (u64)hole;
	bad_pointers[ARRAY_SIZE(bad_pointers) - 1] = (u64)read_only;

	vm = fw_vm_create_one(&vcpu);
	state = id_state_read(vcpu);
	has_aarch32 = id_has_aarch32(&state);
	id_fill_masks(masks, has_aarch32);

	fw_run_cases(cases, ARRAY_SIZE(cases));

	kvm_vm_free(vm);
	ksft_finished();
}
