// SPDX-License-Identifier: GPL-2.0-only
/*
 * fw_reg_trace - What the tracepoints of firmware pseudo-registers report, and
 * who may switch between the implementations.
 *
 * On a kernel with several implementations of the firmware registers, each
 * access is traced with the vCPU, the register, the values, the result and the
 * side whose decision counted. Only the side depends on the mode.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/one_reg.h"
#include "abi/switch.h"
#include "processor.h"

#define TRACE_DIR	"/sys/kernel/tracing/"
#define EVENTS_DIR	TRACE_DIR "events/kvm_arm64_rust/"

/* Not the vCPU that the library would create first. */
#define VCPU_ID		1

static void read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY);
	size_t len = 0;
	ssize_t n;

	TEST_ASSERT(fd >= 0, "%s: %s", path, strerror(errno));
	while ((n = read(fd, buf + len, size - 1 - len)) > 0)
		len += n;
	buf[len] = '\0';
	close(fd);
}

static void stop_tracing(void)
{
	abi_write_word(EVENTS_DIR "enable", "0");
}

/* The events since the last call: their number, and the last one's text. */
static int traced(char *last, size_t size)
{
	static char trace[1 << 16];
	char *line, *event;
	int nr = 0;

	last[0] = '\0';
	read_file(TRACE_DIR "trace", trace, sizeof(trace));
	for (line = strtok(trace, "\n"); line; line = strtok(NULL, "\n")) {
		event = strstr(line, "kvm_arm64_");
		if (line[0] == '#' || !event)
			continue;
		nr++;
		snprintf(last, size, "%s", event);
	}
	close(open(TRACE_DIR "trace", O_WRONLY | O_TRUNC));

	return nr;
}

/* An access, and its trace: none without @event. */
static const struct access {
	const char *what;
	bool write;
	u64 id;
	u64 val;
	int ret;
	const char *event;
	const char *values;
} accesses[] = {
	{ "read", false, KVM_REG_ARM_VENDOR_HYP_BMAP, 0, 0,
	  "kvm_arm64_get_fw_reg", "val 0x3 ret 0" },
	{ "read of an unknown register", false, KVM_REG_ARM_FW_REG(4), 0,
	  ENOENT, "kvm_arm64_get_fw_reg", "val 0x0 ret -2" },
	{ "accepted write of a bitmap", true, KVM_REG_ARM_VENDOR_HYP_BMAP, 1,
	  0, "kvm_arm64_set_fw_reg", "old 0x3 val 0x1 ret 0" },
	{ "refused write of a bitmap", true, KVM_REG_ARM_VENDOR_HYP_BMAP, 4,
	  EINVAL, "kvm_arm64_set_fw_reg", "old 0x1 val 0x4 ret -22" },
	{ "accepted write of the version", true, KVM_REG_ARM_PSCI_VERSION,
	  0x10001, 0, "kvm_arm64_set_fw_reg",
	  "old 0x10003 val 0x10001 ret 0" },
	{ "refused write of the version", true, KVM_REG_ARM_PSCI_VERSION,
	  0x10004, EINVAL, "kvm_arm64_set_fw_reg",
	  "old 0x10001 val 0x10004 ret -22" },
	{ "write of an unknown register", true, KVM_REG_ARM_FW_REG(4), 7,
	  ENOENT, "kvm_arm64_set_fw_reg", "old 0x0 val 0x7 ret -2" },
	{ "write with another size", true,
	  KVM_REG_ARM_PSCI_VERSION ^ KVM_REG_SIZE_U64 ^ KVM_REG_SIZE_U32,
	  0x10001, ENOENT, NULL, NULL },
};

static const struct traced_mode {
	const char *mode;
	bool count;
	const char *side;
} traced_modes[] = {
	{ "c", true, "c" },
	{ "rust", true, "rust" },
	{ "check", true, "c" },
	/* If calls are not even counted, other functions serve them. */
	{ "c", false, "c" },
	{ "rust", false, "rust" },
	{ "check", false, "c" },
};

static void check_accesses(int which)
{
	const struct traced_mode *m = &traced_modes[which];
	struct kvm_vcpu_init init = {};
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	char last[256], want[256];
	int i, nr, ret;
	u64 val;

	abi_set_mode(m->mode);
	abi_set_count(m->count);

	vm = vm_create(2);
	vm_ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init);
	init.features[0] |= BIT(KVM_ARM_VCPU_PSCI_0_2);
	vcpu = aarch64_vcpu_add(vm, VCPU_ID, &init, fw_guest_code);
	traced(last, sizeof(last));

	for (i = 0; i < ARRAY_SIZE(accesses); i++) {
		const struct access *a = &accesses[i];

		ret = a->write ? one_reg_set(vcpu, a->id, a->val) :
				 one_reg_get(vcpu, a->id, &val);
		test_expect(ret == a->ret, "%s: %s", a->what, strerror(ret));

		nr = traced(last, sizeof(last));
		test_expect(nr == !!a->event, "%s: %d events", a->what, nr);
		if (!a->event)
			continue;

		snprintf(want, sizeof(want), "%s: vcpu %d id 0x%lx %s side %s",
			 a->event, VCPU_ID, a->id, a->values, m->side);
		test_expect(!strcmp(last, want), "%s: '%s', expected '%s'",
			    a->what, last, want);
	}

	kvm_vm_free(vm);
}

static void check_silence(int unused)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	char last[256];

	abi_write_word(EVENTS_DIR "enable", "0");
	traced(last, sizeof(last));

	vm = fw_vm_create_one(&vcpu);
	vcpu_get_reg(vcpu, KVM_REG_ARM_PSCI_VERSION);
	test_expect(!traced(last, sizeof(last)), "'%s' while off", last);
	kvm_vm_free(vm);
}

static void check_bad_modes(int unused)
{
	static const char * const bad[] = { "", "x", "C", "rustc", "check it" };
	char before[ABI_WORD], mode[ABI_WORD] = "";
	int i, ret;

	TEST_ASSERT(abi_read_word(ABI_DIR "mode", before), "Failed to read the mode");
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		ret = abi_write_word(ABI_DIR "mode", bad[i]);
		test_expect(ret == EINVAL || !bad[i][0], "mode '%s': %s",
			    bad[i], strerror(ret));
		test_expect(abi_read_word(ABI_DIR "mode", mode) &&
			    !strcmp(mode, before), "'%s' gave mode %s", bad[i],
			    mode);
	}
}

/* Only root has access to the files and their directories. */
static void check_root_only(int unused)
{
	static const char * const files[] = { "mode", "count", "stats" };
	char path[64];
	struct stat st;
	int i, status;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), ABI_DIR "%s", files[i]);
		test_expect(!stat(path, &st) && !st.st_uid &&
			    !(st.st_mode & 0077), "%s is mode %o", path,
			    st.st_mode);

		if (!fork()) {
			if (setgid(65534) || setuid(65534))
				_exit(2);
			_exit(open(path, O_RDONLY) >= 0 ||
			      open(path, O_WRONLY) >= 0);
		}
		wait(&status);
		test_expect(WIFEXITED(status) && !WEXITSTATUS(status),
			    "%s can be opened by a user", path);
	}
}

static const struct test_case cases[] = {
	{ "mode c: each access is traced, side c", check_accesses, 0 },
	{ "mode rust: each access is traced, side rust", check_accesses, 1 },
	{ "mode check: each access is traced, side c", check_accesses, 2 },
	{ "mode c, not counted: each access is traced", check_accesses, 3 },
	{ "mode rust, not counted: each access is traced", check_accesses, 4 },
	{ "mode check, not counted: each access is traced", check_accesses, 5 },
	{ "tracepoints off: nothing is traced", check_silence },
	{ "a mode that does not exist is refused", check_bad_modes },
	{ "only root can read or write the files", check_root_only },
};

int main(void)
{
	ksft_print_header();

	if (!abi_open())
		ksft_exit_skip("this kernel has one implementation\n");
	if (!abi_can_trace())
		ksft_exit_skip("this kernel has no tracefs\n");

	atexit(stop_tracing);
	TEST_ASSERT(!abi_write_word(EVENTS_DIR "enable", "1"), "%s: %s",
		    EVENTS_DIR "enable", strerror(errno));

	test_set_plan(ARRAY_SIZE(cases));
	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
