// SPDX-License-Identifier: GPL-2.0-only
/* Episodes and their digests */
#include <errno.h>

#include "abi/cases.h"
#include "abi/user_mem.h"
#include "episode.h"
#include "random.h"

/* ---- What is called, and the errors that it may return ---- */

#define E(name)		BIT(E##name)

static const struct {
	const char *name;
	/* The names of the arguments */
	const char *in[4];
	u64 errors;
} fuzz_ops[NR_FUZZ_OPS] = {
	[FUZZ_CREATE_VM] = { "KVM_CREATE_VM",
			     { "vm", "features", "opt_in", "gic" } },
	[FUZZ_CREATE_VCPU] = { "KVM_CREATE_VCPU", { "vm", "id" },
			     E(EXIST) | E(INVAL) | E(BUSY) },
	[FUZZ_VCPU_INIT] = { "KVM_ARM_VCPU_INIT",
			   { "vcpu", "target", "features[0]", "features[6]" },
			   E(INVAL) | E(NOENT) | E(FAULT) },
	[FUZZ_FINALIZE] = { "KVM_ARM_VCPU_FINALIZE", { "vcpu", "feature" },
			  E(NOEXEC) | E(INVAL) | E(PERM) },
	[FUZZ_GET_REG] = { "KVM_GET_ONE_REG", { "vcpu", "id", "addr", "at" },
			 E(NOEXEC) | E(FAULT) | E(NOENT) | E(INVAL) | E(PERM) |
			 E(BUSY) },
	[FUZZ_SET_REG] = { "KVM_SET_ONE_REG", { "vcpu", "id", "val", "addr" },
			 E(NOEXEC) | E(FAULT) | E(NOENT) | E(INVAL) | E(PERM) |
			 E(BUSY) },
	[FUZZ_GET_LIST] = { "KVM_GET_REG_LIST", { "vcpu", "n", "addr" },
			  E(NOEXEC) | E(FAULT) | E(PERM) | E(2BIG) },
	/* Also the errors of KVM_ARM_SET_DEVICE_ADDR, whose number it once had */
	[FUZZ_VM_GET_REG] = { "KVM_ARM_VM_GET_ONE_REG", { "vm", "id", "addr", "at" },
			    E(NOEXEC) | E(FAULT) | E(NOENT) | E(NODEV) |
			    E(INVAL) | E(NXIO) | E(EXIST) | E(2BIG) },
	[FUZZ_VM_SET_REG] = { "KVM_ARM_VM_SET_ONE_REG", { "vm", "id", "val", "addr" },
			    E(NOEXEC) | E(FAULT) | E(NOENT) | E(INVAL) | E(BUSY) },
	[FUZZ_VM_GET_LIST] = { "KVM_ARM_VM_GET_REG_LIST", { "vm", "n", "addr" },
			     E(FAULT) | E(2BIG) | E(INVAL) },
	[FUZZ_CONFIG] = { "KVM_ARM_VM_CONFIG", { "vm", "op", "n", "flags" },
			E(INVAL) | E(FAULT) | E(2BIG) | E(RANGE) | E(BUSY) },
	[FUZZ_MASKS] = { "KVM_ARM_GET_REG_WRITABLE_MASKS",
		       { "vm", "range", "addr", "reserved" },
		       E(INVAL) | E(FAULT) },
	[FUZZ_VM_ATTR] = { "KVM_*_DEVICE_ATTR", { "vm", "group", "attr", "addr" },
			 E(NXIO) | E(FAULT) | E(INVAL) | E(BUSY) | E(EXIST) |
			 E(NOTTY) },
	[FUZZ_FILTER_LIST] = { "KVM_ARM_VM_SMCCC_FILTER_LIST",
			     { "vm", "n", "ranges", "addr" },
			     E(NXIO) | E(FAULT) | E(INVAL) | E(2BIG) },
	[FUZZ_GIC_CREATE] = { "KVM_CREATE_DEVICE", { "vm", "type" },
			    E(EXIST) | E(NODEV) | E(BUSY) },
	[FUZZ_GIC_ATTR] = { "KVM_*_DEVICE_ATTR", { "gic", "group", "attr", "val" },
			  E(NXIO) | E(FAULT) | E(INVAL) | E(BUSY) | E(EXIST) |
			  E(2BIG) | E(NODEV) | E(NOENT) },
	[FUZZ_VCPU_ATTR] = { "KVM_*_DEVICE_ATTR", { "vcpu", "group", "attr", "val" },
			   E(NXIO) | E(FAULT) | E(INVAL) | E(EXIST) | E(NOEXEC) },
	[FUZZ_CHECK_EXTENSION] = { "KVM_CHECK_EXTENSION", { "vm", "cap" } },
	[FUZZ_ENABLE_CAP] = { "KVM_ENABLE_CAP", { "vm", "cap", "args[0]", "flags" },
			    E(INVAL) | E(FAULT) },
	[FUZZ_GET_MP_STATE] = { "KVM_GET_MP_STATE", { "vcpu" }, E(FAULT) },
	[FUZZ_SET_MP_STATE] = { "KVM_SET_MP_STATE", { "vcpu", "state" },
			      E(INVAL) | E(FAULT) },
	/* EAGAIN: with EL2, and without a GIC that could interrupt it */
	[FUZZ_RUN] = { "KVM_RUN", { "vcpu", "calls", "immediate_exit" },
		     E(NOEXEC) | E(PERM) | E(INVAL) | E(NODEV) | E(BUSY) |
		     E(NXIO) | E(AGAIN) },
	[FUZZ_HYPERCALL] = { "hypercall", { "smc", "x0", "x1", "x2" } },
};

/* While other threads close descriptors, interrupt, and change vCPUs */
#define FUZZ_RACE_ERRORS	(E(BADF) | E(NOTTY) | E(INTR) | E(INVAL) | \
				 E(FAULT) | E(NODEV) | E(PERM) | E(NXIO))
#define FUZZ_RACE_RUN_ERRORS	(E(NOSYS) | E(NOENT))

u64 fuzz_progress;

void fuzz_init(struct fuzz *f)
{
	memset(f, 0, sizeof(*f));
	f->steps = calloc(FUZZ_MAX_STEPS, sizeof(*f->steps));
	TEST_ASSERT(f->steps, "Out of memory");
	f->mem = kvm_mmap(FUZZ_MEM_SIZE + getpagesize(), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1);
	f->hole = f->mem + FUZZ_MEM_SIZE;
	user_mem_protect(f->hole, getpagesize(), PROT_NONE);
}

struct fuzz_step *fuzz_step(struct fuzz *f)
{
	return &f->steps[f->nr_steps];
}

void fuzz_print_step(const struct fuzz_step *s, int nr, const char *mode)
{
	int i;

	printf("# %4d %-5s %s(", nr, mode ?: "", fuzz_ops[s->op].name);
	for (i = 0; i < 4 && fuzz_ops[s->op].in[i]; i++)
		printf("%s%s %#lx", i ? ", " : "", fuzz_ops[s->op].in[i],
		       s->in[i]);
	printf(") = %s", s->err ? strerrorname_np(s->err) : "0");
	for (i = 0; i < s->nr_out && i < FUZZ_NR_OUT; i++)
		printf(" %#lx", s->out[i]);
	printf(" digest %016lx\n", s->digest);
}

void fuzz_fail(struct fuzz *f, const char *fmt, ...)
{
	va_list args;

	f->failed = true;
	if (!test_fail())
		return;

	printf("# ");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
	fuzz_print_step(fuzz_step(f), f->nr_steps, f->mode);
}

void fuzz_mix(struct fuzz *f, u64 val)
{
	struct fuzz_step *s = fuzz_step(f);

	s->digest = (s->digest ^ val) * 0x9fb21c651e98df25UL;
	s->digest ^= s->digest >> 29;
}

void fuzz_mix_mem(struct fuzz *f, const void *mem, size_t len)
{
	const u64 *p = mem, *end = mem + len;

	while (p < end)
		fuzz_mix(f, *p++);
}

void fuzz_out(struct fuzz *f, u64 val)
{
	struct fuzz_step *s = fuzz_step(f);

	if (s->nr_out < FUZZ_NR_OUT)
		s->out[s->nr_out++] = val;
	fuzz_mix(f, val);
}

void __fuzz_begin(struct fuzz *f, enum fuzz_op op, const u64 in[4])
{
	struct fuzz_step *s;

	if (f->racing || f->nr_steps >= FUZZ_MAX_STEPS - 1)
		f->nr_steps = 0;

	s = fuzz_step(f);
	memset(s, 0, sizeof(*s));
	s->op = op;
	memcpy(s->in, in, sizeof(s->in));
	fuzz_mix(f, op);
	fuzz_mix_mem(f, in, sizeof(s->in));
}

static bool fuzz_has_gic(const struct fuzz *f)
{
	int i;

	for (i = 0; i < FUZZ_MAX_VMS; i++) {
		if (f->vms[i].gic_fd >= 0)
			return true;
	}

	return f->racing;
}

void fuzz_end(struct fuzz *f, int err)
{
	struct fuzz_step *s = fuzz_step(f);
	u64 allowed = fuzz_ops[s->op].errors;

	s->err = err;
	fuzz_mix(f, err);

	if (err == EIO && fuzz_has_gic(f)) {
		allowed |= E(IO);
		f->lost_vm = true;
	}
	if (f->racing)
		allowed |= FUZZ_RACE_ERRORS;
	if (f->racing && s->op == FUZZ_RUN)
		allowed |= FUZZ_RACE_RUN_ERRORS;
	if (err && (err > 63 || !(allowed & BIT(err))))
		fuzz_fail(f, "an error that this call must not return");

	if (fuzz_options.verbose)
		fuzz_print_step(s, f->nr_steps, f->mode);

	__atomic_add_fetch(&fuzz_progress, 1, __ATOMIC_RELAXED);
	f->nr_made++;
	f->nr_steps++;
}
