// SPDX-License-Identifier: GPL-2.0-only
/*
 * opt_in_race - KVM_ENABLE_CAP in races with other operations on the VM.
 *
 * A VM can opt in until it has a vCPU. If one is created at the same time, the
 * request is accepted or refused; as soon as the vCPU exists, the VM has
 * exactly what was accepted, and gains nothing later. A vCPU whose creation
 * fails does not count. Two requests at the same time are both accepted, and
 * the VM has both. Closing the file descriptor meanwhile does not keep a
 * request from being served, and the VM is destroyed in the end.
 */
#include <asm/kvm_migration.h>
#include <errno.h>
#include <sys/resource.h>

#include "abi/cases.h"
#include "abi/count_vms.h"
#include "abi/one_reg.h"
#include "abi/opt_in.h"
#include "abi/opt_in_probe.h"

/* Enough rounds to see each order of two calls */
#define NR_ROUNDS	48

/* They start together, one of them delayed by up to so many steps, in us. */
#define NR_DELAYS	8
#define DELAY_US	50

/* Creations that fail, while the VM opts in as often as it can */
#define NR_CREATIONS	300

static struct {
	int fd;
	pthread_barrier_t start;
	int part;
	unsigned int delay;
	int ret;
} other;

static void wait_us(unsigned int us)
{
	if (us)
		usleep(us);
}

static void *enable(void *unused)
{
	pthread_barrier_wait(&other.start);
	wait_us(other.delay);
	other.ret = opt_in_enable(other.fd, BIT(other.part));
	return NULL;
}

/* Some of the rounds delay the one, some the other one. */
static unsigned int begin_round(pthread_t *thread, int round, int part, int fd)
{
	int shift = round % (2 * NR_DELAYS) - NR_DELAYS;

	other.part = part;
	other.fd = fd;
	other.ret = -1;
	other.delay = shift > 0 ? shift * DELAY_US : 0;
	kvm_pthread_create(thread, NULL, enable, NULL);
	return shift < 0 ? -shift * DELAY_US : 0;
}

/* Whether a VM has a part, as far as this can be read without a vCPU */
static bool has_part(int fd, int part)
{
	struct reg_mask_range range = { .range = part == OPT_IN_GIC_MASKS ?
					KVM_ARM_GIC_RANGE : KVM_ARM_FW_RANGE };
	struct kvm_reg_list list = { .n = 0 };

	if (part == OPT_IN_VM_REGS)
		return one_reg_list(fd, &list) == E2BIG;

	/* The range exists if the error is about its array. */
	return ioctl(fd, KVM_ARM_GET_REG_WRITABLE_MASKS, &range) &&
	       errno == EFAULT;
}

static const int parts[] = {
	OPT_IN_VM_REGS, OPT_IN_GIC_MASKS, OPT_IN_FW_MASKS,
};

/* ---- KVM_CREATE_VCPU ---- */

static void check_create_vcpu(int unused)
{
	unsigned int accepted = 0, refused = 0, us;
	int i, part, early, late, ret;
	struct kvm_vm *vm;
	pthread_t thread;

	for (i = 0; i < NR_ROUNDS; i++) {
		vm = vm_create_barebones();
		part = parts[i % ARRAY_SIZE(parts)];
		us = begin_round(&thread, i, part, vm->fd);

		pthread_barrier_wait(&other.start);
		wait_us(us);
		__vm_vcpu_add(vm, 0);
		early = has_part(vm->fd, part);
		kvm_pthread_join(thread, NULL);
		late = has_part(vm->fd, part);

		test_expect(!other.ret || other.ret == EINVAL,
			    "KVM_ENABLE_CAP: %s", strerror(other.ret));
		test_expect(late == !other.ret, "%s: has %d, returned %s",
			    opt_in_names[part], late, strerror(other.ret));
		test_expect(early == late, "%s: had %d with a vCPU, has %d",
			    opt_in_names[part], early, late);
		ret = opt_in_enable(vm->fd, BIT(part));
		test_expect(ret == EINVAL, "later: %s", strerror(ret));
		accepted += !other.ret;
		refused += !!other.ret;
		kvm_vm_free(vm);
	}

	ksft_print_msg("%u accepted, %u refused\n", accepted, refused);
	test_expect(accepted && refused, "%u accepted, %u refused", accepted,
		    refused);
}

/* Creation fails half-way, as no file descriptor is left. */
static void check_create_in_vain(int unused)
{
	struct rlimit limit, none;
	struct kvm_vm *vm;
	pthread_t thread;
	unsigned int us;
	int i, part, fd;

	getrlimit(RLIMIT_NOFILE, &limit);
	none = (struct rlimit) { 0, limit.rlim_max };
	for (i = 0; i < NR_ROUNDS; i++) {
		vm = vm_create_barebones();
		part = parts[i % ARRAY_SIZE(parts)];
		us = begin_round(&thread, i, part, vm->fd);

		setrlimit(RLIMIT_NOFILE, &none);
		pthread_barrier_wait(&other.start);
		wait_us(us);
		fd = __vm_ioctl(vm, KVM_CREATE_VCPU, NULL);
		test_expect(fd < 0 && errno == EMFILE, "KVM_CREATE_VCPU: %d",
			    fd);
		setrlimit(RLIMIT_NOFILE, &limit);
		kvm_pthread_join(thread, NULL);

		/* The calls take turns, and in the end there is no vCPU. */
		test_expect(!other.ret, "KVM_ENABLE_CAP: %s",
			    strerror(other.ret));
		test_expect(has_part(vm->fd, part), "no %s",
			    opt_in_names[part]);
		test_expect(!opt_in_enable(vm->fd, BIT(part)),
			    "refused after it");
		kvm_vm_free(vm);
	}
}

static struct {
	bool started, stop;
	unsigned int served, refused;
} loop;

/* Ask for the same again and again, on another CPU. */
static void *enable_always(void *unused)
{
	pin_self_to_cpu(1);
	WRITE_ONCE(loop.started, true);
	while (!READ_ONCE(loop.stop)) {
		loop.refused += !!opt_in_enable(other.fd, BIT(other.part));
		loop.served++;
	}
	return NULL;
}

/*
 * While a vCPU is being created, it counts, and kvm->lock is held: many requests
 * begin in that time. Each of them has to wait for what becomes of the vCPU.
 */
static void check_creating_always(int unused)
{
	struct rlimit limit, none;
	struct kvm_vm *vm;
	pthread_t thread;
	cpu_set_t cpus;
	int i, part, fd;

	TEST_ASSERT(!sched_getaffinity(0, sizeof(cpus), &cpus), "sched_getaffinity()");
	if (!CPU_ISSET(0, &cpus) || !CPU_ISSET(1, &cpus)) {
		test_skip("it takes two CPUs");
		return;
	}

	getrlimit(RLIMIT_NOFILE, &limit);
	none = (struct rlimit) { 0, limit.rlim_max };
	pin_self_to_cpu(0);
	for (part = 0; part < ARRAY_SIZE(parts); part++) {
		vm = vm_create_barebones();
		other.fd = vm->fd;
		other.part = parts[part];
		memset(&loop, 0, sizeof(loop));
		kvm_pthread_create(&thread, NULL, enable_always, NULL);
		while (!READ_ONCE(loop.started))
			;

		setrlimit(RLIMIT_NOFILE, &none);
		for (i = 0; i < NR_CREATIONS; i++) {
			fd = __vm_ioctl(vm, KVM_CREATE_VCPU, NULL);
			test_expect(fd < 0 && errno == EMFILE,
				    "KVM_CREATE_VCPU: %d", fd);
		}
		setrlimit(RLIMIT_NOFILE, &limit);
		WRITE_ONCE(loop.stop, true);
		kvm_pthread_join(thread, NULL);

		test_expect(!loop.refused, "%s: %u of %u are refused",
			    opt_in_names[other.part], loop.refused, loop.served);
		test_expect(loop.served, "%s: none was served",
			    opt_in_names[other.part]);
		ksft_print_msg("%u requests beside %u creations\n", loop.served,
			       NR_CREATIONS);
		kvm_vm_free(vm);
	}
	sched_setaffinity(0, sizeof(cpus), &cpus);
}

/* ---- Another KVM_ENABLE_CAP ---- */

static void check_enable_cap(int unused)
{
	int i, a, b, ret;
	struct kvm_vm *vm;
	pthread_t thread;
	unsigned int us;

	for (i = 0; i < NR_OPT_INS * (NR_OPT_INS - 1); i++) {
		a = i % NR_OPT_INS;
		b = a + 1 + i / NR_OPT_INS % (NR_OPT_INS - 1);
		b %= NR_OPT_INS;
		vm = vm_create(1);
		us = begin_round(&thread, i, a, vm->fd);
		pthread_barrier_wait(&other.start);
		wait_us(us);
		ret = opt_in_enable(vm->fd, BIT(b));
		kvm_pthread_join(thread, NULL);
		test_expect(!ret && !other.ret, "%s: %s, %s: %s",
			    opt_in_names[b], strerror(ret),
			    opt_in_names[a], strerror(other.ret));
		opt_in_expect_parts(vm, opt_in_complete(BIT(a) | BIT(b)), "both");
		kvm_vm_free(vm);
	}
}

/* ---- close() ---- */

static void check_close(int unused)
{
	int before = count_vms(), served = 0, gone = 0, now;
	int kvm_fd = open_kvm_dev_path_or_exit();
	pthread_t thread;
	unsigned int us;
	int i, fd;

	for (i = 0; i < NR_ROUNDS; i++) {
		fd = ioctl(kvm_fd, KVM_CREATE_VM, NULL);
		TEST_ASSERT(fd >= 0, "KVM_CREATE_VM");
		us = begin_round(&thread, i, parts[i % ARRAY_SIZE(parts)], fd);

		pthread_barrier_wait(&other.start);
		wait_us(us);
		close(fd);
		kvm_pthread_join(thread, NULL);
		test_expect(!other.ret || other.ret == EBADF,
			    "KVM_ENABLE_CAP: %s", strerror(other.ret));
		served += !other.ret;
		gone += !!other.ret;
		now = count_vms();
		test_expect(now == before, "%d VMs, there were %d", now,
			    before);
	}
	close(kvm_fd);

	ksft_print_msg("%d served, %d too late\n", served, gone);
	test_expect(served && gone, "%d served, %d too late", served, gone);
}

static const struct test_case cases[] = {
	{ "against KVM_CREATE_VCPU: accepted before it, refused after it",
	  check_create_vcpu },
	{ "against KVM_CREATE_VCPU that fails: accepted",
	  check_create_in_vain },
	{ "against KVM_CREATE_VCPU that always fails: always accepted",
	  check_creating_always },
	{ "against another KVM_ENABLE_CAP: the VM has both",
	  check_enable_cap },
	{ "against close(): served or EBADF, and no VM is left", check_close },
};

int main(void)
{
	opt_in_require();

	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	pthread_barrier_init(&other.start, NULL, 2);
	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
