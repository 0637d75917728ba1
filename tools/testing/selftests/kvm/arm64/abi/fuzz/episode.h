/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An episode of abi_fuzz: some hundred steps, each an ioctl or a hypercall,
 * determined by a seed and by the results of earlier steps. All output of a
 * step goes into its digest, by which two runs of an episode are compared.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_FUZZ_EPISODE_H
#define SELFTEST_KVM_ARM64_ABI_FUZZ_EPISODE_H

#include <linux/sizes.h>

#include "kvm_util.h"
#include "random.h"

enum fuzz_op {
	FUZZ_CREATE_VM,
	FUZZ_CREATE_VCPU,
	FUZZ_VCPU_INIT,
	FUZZ_FINALIZE,
	FUZZ_GET_REG,
	FUZZ_SET_REG,
	FUZZ_GET_LIST,
	FUZZ_VM_GET_REG,
	FUZZ_VM_SET_REG,
	FUZZ_VM_GET_LIST,
	FUZZ_CONFIG,
	FUZZ_MASKS,
	FUZZ_VM_ATTR,
	FUZZ_FILTER_LIST,
	FUZZ_GIC_CREATE,
	FUZZ_GIC_ATTR,
	FUZZ_VCPU_ATTR,
	FUZZ_CHECK_EXTENSION,
	FUZZ_ENABLE_CAP,
	FUZZ_GET_MP_STATE,
	FUZZ_SET_MP_STATE,
	FUZZ_RUN,
	FUZZ_HYPERCALL,
	NR_FUZZ_OPS,
};

/* ---- VMs ---- */

#define FUZZ_MAX_VMS	2
#define FUZZ_MAX_VCPUS	4

struct fuzz_vcpu {
	int fd;
	struct kvm_run *run;
};

struct fuzz_vm {
	int fd;
	int gic_fd;
	/* KVM_DEV_TYPE_ARM_VGIC_*, or 0 */
	u32 gic_type;
	/* What it has opted in to */
	u32 opted_in;
	/* In races, what it had opted in to when it got a vCPU; or -1 */
	int had;
	/* Its vCPUs never run, so nothing freezes. */
	bool idle;
	/* The vCPUs' features, now and at first */
	u64 features;
	u64 configured;
	int nr_vcpus;
	struct fuzz_vcpu vcpus[FUZZ_MAX_VCPUS];
	u8 *mem;
};

/* ---- Steps ---- */

#define FUZZ_MAX_STEPS	2048
#define FUZZ_NR_OUT	8

struct fuzz_step {
	enum fuzz_op op;
	int err;
	u64 in[4];
	u64 out[FUZZ_NR_OUT];
	int nr_out;
	u64 digest;
};

/* How much of the ioctls' memory is checked after each of them */
#define FUZZ_WINDOW	128
#define FUZZ_MEM_SIZE	SZ_64K

struct fuzz {
	struct fuzz_random random;
	/* The mode in which it runs; NULL if other threads change it */
	const char *mode;
	bool racing;
	/* Memory before an inaccessible page, and that page */
	u8 *mem;
	u8 *hole;
	struct fuzz_vm vms[FUZZ_MAX_VMS];
	struct fuzz_step *steps;
	int nr_steps;
	int max_steps;
	u64 nr_made;
	/* A VM is dead: its GIC could not be mapped. */
	bool lost_vm;
	bool failed;
	bool opts_in;
};

/* For the watchdog: the number of steps of all threads */
extern u64 fuzz_progress;

void fuzz_init(struct fuzz *f);
struct fuzz_step *fuzz_step(struct fuzz *f);
void fuzz_print_step(const struct fuzz_step *s, int nr, const char *mode);
__printf(2, 3) void fuzz_fail(struct fuzz *f, const char *fmt, ...);
void fuzz_mix(struct fuzz *f, u64 val);
void fuzz_mix_mem(struct fuzz *f, const void *mem, size_t len);

/* Also printed */
void fuzz_out(struct fuzz *f, u64 val);

#define fuzz_begin(f, op, ...)						\
	__fuzz_begin(f, op, (const u64[4]) { __VA_ARGS__ })

void __fuzz_begin(struct fuzz *f, enum fuzz_op op, const u64 in[4]);

/* @err is 0 or the positive errno. */
void fuzz_end(struct fuzz *f, int err);

/* The errno of the last ioctl */
#define FUZZ_ERR(ret)	((ret) < 0 ? errno : 0)

#endif /* SELFTEST_KVM_ARM64_ABI_FUZZ_EPISODE_H */
