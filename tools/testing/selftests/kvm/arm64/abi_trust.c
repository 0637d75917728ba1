// SPDX-License-Identifier: GPL-2.0-only
/*
 * abi_trust - Who may use the switch between the implementations of KVM/arm64's
 * ABI, and what its files and tracepoints disclose.
 *
 * Only root reads or writes the files of the switch and turns tracepoints on,
 * even if it passes a descriptor of their directory to others. A write is a
 * known word, or it has no effect, at any offset in the file. Neither the files
 * nor the tracepoints disclose a kernel address: all 64-bit values in them are
 * those that the test itself has written. abi_trust_log is about the kernel's
 * log.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sizes.h>
#include <sys/stat.h>

#include "abi/cases.h"
#include "abi/one_reg.h"
#include "abi/opt_in.h"
#include "abi/switch.h"
#include "abi/trust/hostile.h"
#include "abi/trust/unprivileged.h"
#include "abi/user_mem.h"

#define TRACE_DIR	"/sys/kernel/tracing/"
#define EVENTS_DIR	TRACE_DIR "events/kvm_arm64_rust/"

/* The whole file, to be freed; NULL if it cannot be read */
static char *text_read(const char *path)
{
	size_t len = 0, size = SZ_64K;
	int fd = open(path, O_RDONLY);
	char *text = malloc(size);
	ssize_t n = -1;

	while (fd >= 0 && (n = read(fd, text + len, size - 1 - len)) > 0) {
		len += n;
		if (len + 1 == size) {
			size *= 2;
			text = realloc(text, size);
		}
	}
	close(fd);
	if (n < 0) {
		free(text);
		return NULL;
	}
	text[len] = '\0';
	return text;
}

/* The first kernel address, with 48 bits of addresses */
#define TEXT_FIRST_ADDRESS	0xffff000000000000UL

/*
 * Whether @word, of @len characters, is such a value: in hexadecimal, with or
 * without 0x, or in decimal
 */
static bool text_is_address(const char *word, size_t len, u64 *val)
{
	char copy[32], *end;
	int base;

	if (len > 2 && word[0] == '0' && word[1] == 'x') {
		word += 2;
		len -= 2;
	}
	if (len < 16 || len >= sizeof(copy))
		return false;

	memcpy(copy, word, len);
	copy[len] = '\0';
	base = len == 16 ? 16 : 10;
	errno = 0;
	*val = strtoull(copy, &end, base);
	return !errno && !*end && *val >= TEXT_FIRST_ADDRESS;
}

typedef void (*text_address_fn)(u64 val, const char *where);

/* Call @fn with each address in @text. */
static void text_find_addresses(const char *text, text_address_fn fn)
{
	size_t len;
	u64 val;

	for (; *text; text += len) {
		for (len = 0; isalnum(text[len]); len++)
			;
		if (text_is_address(text, len, &val))
			fn(val, text);
		len += !len;
	}
}

/* ---- Whose files they are ---- */

static const struct file {
	const char *dir;
	const char *name;
	/* The permissions; no other bit may be set */
	mode_t mode;
} files[] = {
	{ ABI_DIR, "mode", 0600 },
	{ ABI_DIR, "check", 0600 },
	{ ABI_DIR, "count", 0600 },
	{ ABI_DIR, "fast", 0600 },
	{ ABI_DIR, "compat", 0400 },
	{ ABI_DIR, "stats", 0400 },
	{ EVENTS_DIR, "enable", 0640 },
	{ EVENTS_DIR, "filter", 0640 },
	{ EVENTS_DIR "kvm_arm64_get_fw_reg/", "enable", 0640 },
	{ EVENTS_DIR "kvm_arm64_set_fw_reg/", "enable", 0640 },
	{ EVENTS_DIR "kvm_arm64_abi_mismatch/", "enable", 0640 },
	{ EVENTS_DIR "kvm_arm64_set_fw_reg/", "format", 0440 },
	{ TRACE_DIR, "trace", 0640 },
	{ TRACE_DIR, "trace_pipe", 0440 },
};

#define NR_FILES	ARRAY_SIZE(files)

static int dir_fds[NR_FILES];
static int file_fds[NR_FILES];

static void check_modes(int unused)
{
	struct stat st;
	int i;

	for (i = 0; i < NR_FILES; i++) {
		test_expect(!fstatat(dir_fds[i], files[i].name, &st, 0) &&
			    !st.st_uid && !st.st_gid &&
			    (st.st_mode & 07777) == files[i].mode,
			    "%s%s: mode %o of user %u, group %u", files[i].dir,
			    files[i].name, st.st_mode, st.st_uid, st.st_gid);
	}
}

static void expect_no_access(int dir_fd, const char *path, const char *name)
{
	static const int flags[] = { O_RDONLY, O_WRONLY, O_RDWR };
	int i, fd;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		fd = openat(dir_fd, path, flags[i]);
		test_expect(fd < 0 && errno == EACCES,
			    "%s can be opened with flags %d: %s", name,
			    flags[i], fd < 0 ? strerror(errno) : "yes");
		close(fd);
	}
}

/* By path, through the directory, and through root's open file. */
static void try_files(void)
{
	char path[128];
	int i;

	for (i = 0; i < NR_FILES; i++) {
		snprintf(path, sizeof(path), "%s%s", files[i].dir,
			 files[i].name);
		expect_no_access(AT_FDCWD, path, path);
		expect_no_access(dir_fds[i], files[i].name, path);
		test_expect(chmod(path, 0666), "%s: chmod", path);
		test_expect(fchmodat(dir_fds[i], files[i].name, 0666, 0),
			    "%s: fchmodat", path);
		if (file_fds[i] < 0)
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", file_fds[i]);
		expect_no_access(AT_FDCWD, path, files[i].name);
	}
}

static void check_user(int unused)
{
	int i;

	test_expect(unprivileged_run(true, try_files),
		    "A user can access the files");

	/* Restore the modes, in case the user could change them. */
	for (i = 0; i < NR_FILES; i++)
		fchmodat(dir_fds[i], files[i].name, files[i].mode, 0);
}

/* Root succeeds in the same way, so check_user() fails due to the user. */
static void check_root(int unused)
{
	int i, fd;

	for (i = 0; i < NR_FILES; i++) {
		fd = openat(dir_fds[i], files[i].name,
			    files[i].mode & 0200 ? O_RDWR : O_RDONLY);
		test_expect(fd >= 0, "%s%s: %s", files[i].dir, files[i].name,
			    strerror(errno));
		close(fd);
	}
}

/* ---- What is written to them ---- */

#define LONG	SZ_1M

/* Words that are not known; .len can differ from the string's length. */
static const struct write {
	const char *file;
	const char *text;
	size_t len;
	int want;
} bad_writes[] = {
	{ "mode", "x", 1, EINVAL },
	{ "mode", "C", 1, EINVAL },
	{ "mode", "RUST", 4, EINVAL },
	{ "mode", "rustc", 5, EINVAL },
	{ "mode", "rust ", 5, EINVAL },
	{ "mode", " rust", 5, EINVAL },
	{ "mode", "rust\n\n", 6, EINVAL },
	{ "mode", "c rust", 6, EINVAL },
	{ "mode", "\n", 1, EINVAL },
	{ "mode", "\0rust", 5, EINVAL },
	{ "mode", "rust", 3, EINVAL },
	{ "mode", "check\n", 4, EINVAL },
	{ "mode", "rust\nxyz", 8, EINVAL },
	{ "mode", "rust", LONG, EINVAL },
	{ "count", "x", 1, EINVAL },
	{ "count", "2", 1, EINVAL },
	{ "count", "-1", 2, EINVAL },
	{ "count", "1x", 2, EINVAL },
	{ "count", "0 1", 3, EINVAL },
	{ "count", "\n", 1, EINVAL },
	{ "count", "0x", 2, EINVAL },
	{ "count", "18446744073709551615", 20, EINVAL },
	{ "count", "18446744073709551616", 20, ERANGE },
	{ "count", "1 and so on", LONG, EINVAL },
};

static const char * const words[] = { "c", "rust", "check" };

static void expect_word(const char *file, const char *want, const char *when)
{
	char path[64], now[ABI_WORD] = "";

	snprintf(path, sizeof(path), ABI_DIR "%s", file);
	test_expect(abi_read_word(path, now) && !strcmp(now, want),
		    "%s: %s is '%s', was '%s'", when, file, now, want);
}

/*
 * Seek to @offset, if possible, and write. Returns 0 if all was written, or the
 * positive errno.
 */
static int write_at(const char *file, const void *text, size_t len, s64 offset)
{
	char path[64];
	ssize_t ret;
	int fd, err;

	snprintf(path, sizeof(path), ABI_DIR "%s", file);
	fd = open(path, O_WRONLY);
	TEST_ASSERT(fd >= 0, "%s: %s", path, strerror(errno));
	if (offset)
		lseek(fd, offset, SEEK_SET);
	ret = write(fd, text, len);
	err = ret < 0 ? errno : 0;
	close(fd);

	return err ?: ret == len ? 0 : EIO;
}

static void check_bad_words(int unused)
{
	char mode[ABI_WORD], count[ABI_WORD], *text = malloc(LONG);
	int i, j, ret;

	for (j = 0; j < ARRAY_SIZE(words); j++) {
		abi_set_mode(words[j]);
		TEST_ASSERT(abi_read_word(ABI_DIR "mode", mode) &&
			    abi_read_word(ABI_DIR "count", count), "Not read");

		for (i = 0; i < ARRAY_SIZE(bad_writes); i++) {
			const struct write *w = &bad_writes[i];

			memset(text, '1', LONG);
			memcpy(text, w->text, w->len < LONG ? w->len :
							      strlen(w->text));
			ret = write_at(w->file, text, w->len, 0);
			test_expect(ret == w->want, "%s <- '%s', %lu bytes: %s",
				    w->file, w->text, w->len, strerror(ret));
			expect_word("mode", mode, w->text);
			expect_word("count", count, w->text);
		}
	}
	free(text);
}

/* Each write is taken as a whole: pieces of a word are not put together. */
static void check_pieces(int unused)
{
	static const char * const pieces[] = { "ru", "st", "che", "ck", "\n" };
	static const char * const none[] = { "mode", "count" };
	int i, fd, ret;

	abi_set_mode("c");
	fd = open(ABI_DIR "mode", O_WRONLY);
	for (i = 0; i < ARRAY_SIZE(pieces); i++) {
		ret = write(fd, pieces[i], strlen(pieces[i]));
		test_expect(ret < 0 && errno == EINVAL, "'%s' is accepted",
			    pieces[i]);
	}
	close(fd);
	expect_word("mode", "c", "pieces");

	for (i = 0; i < ARRAY_SIZE(none); i++) {
		ret = write_at(none[i], "", 0, 0);
		test_expect(!ret || ret == EINVAL, "nothing: %s",
			    strerror(ret));
		ret = write_at(none[i], user_hole, 4, 0);
		test_expect(ret == EFAULT, "no memory: %s", strerror(ret));
		ret = write_at(none[i], user_hole - 2, 4, 0);
		test_expect(ret == EFAULT, "too little memory: %s",
			    strerror(ret));
	}
	expect_word("mode", "c", "nothing");
}

/* At any offset, a write is taken as the whole word. */
static void check_offsets(int unused)
{
	static const s64 offsets[] = { 1, 4, 4096, 1L << 40 };
	char buf[ABI_WORD] = "";
	int i, j, fd, ret;

	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		for (j = 0; j < ARRAY_SIZE(words); j++) {
			ret = write_at("mode", words[j], strlen(words[j]),
				       offsets[i]);
			test_expect(!ret, "%s at %ld: %s", words[j], offsets[i],
				    strerror(ret));
			expect_word("mode", words[j], "sought");
		}
		ret = write_at("mode", "ust", 3, offsets[i]);
		test_expect(ret == EINVAL, "ust at %ld: %s", offsets[i],
			    strerror(ret));
		ret = write_at("count", "01", 2, offsets[i]);
		test_expect(!ret, "01 at %ld: %s", offsets[i], strerror(ret));
		expect_word("count", "1", "sought");
		expect_word("mode", words[j - 1], "a piece at an offset");

		/* Past the end there is nothing to read. */
		fd = open(ABI_DIR "mode", O_RDWR);
		ret = pwrite(fd, "c", 1, offsets[i]);
		test_expect(ret < 0 && errno == ESPIPE, "c at %ld: %s",
			    offsets[i],
			    ret < 0 ? strerror(errno) : "is accepted");
		if (offsets[i] > ABI_WORD && lseek(fd, offsets[i], SEEK_SET) > 0)
			test_expect(read(fd, buf, sizeof(buf)) <= 0,
				    "'%s' at %ld", buf, offsets[i]);
		close(fd);
		expect_word("mode", words[j - 1], "in the end");
	}
}

/* ---- What they disclose ---- */

static void check_formats(int unused)
{
	DIR *dir = opendir(EVENTS_DIR);
	struct dirent *event;
	char path[512], *text, *line;
	int nr = 0;

	TEST_ASSERT(dir, EVENTS_DIR);
	while ((event = readdir(dir))) {
		snprintf(path, sizeof(path), EVENTS_DIR "%s/format",
			 event->d_name);
		text = strncmp(event->d_name, "kvm_", 4) ? NULL :
		       text_read(path);
		if (!text)
			continue;

		nr++;
		for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
			if (strstr(line, "field:"))
				test_expect(!strchr(line, '*'), "%s: %s", path,
					    line);
			if (strstr(line, "print fmt:"))
				test_expect(!strstr(line, "%p"), "%s: %s", path,
					    line);
		}
		free(text);
	}
	closedir(dir);
	test_expect(nr == 3, "%d events have a format, expected 3", nr);
}

static int nr_own;

static void expect_own(u64 val, const char *where)
{
	if ((val & ~0xffffUL) == HOSTILE_ADDRESS)
		nr_own++;
	else
		test_expect(false, "%#lx is in '%.60s'", val, where);
}

static void call_all(void)
{
	struct hostile h = hostile_create(42);
	u64 id = KVM_REG_ARM_VENDOR_HYP_BMAP;
	int i;

	for (i = 0; i < 10; i++) {
		one_reg_set(h.vcpus[0], id, HOSTILE_ADDRESS + i);
		one_reg_get(h.vcpus[0], id, h.buf);
		hostile_vmm(&h, 300);
		hostile_guest(&h, 20);
	}
	hostile_free(&h);
}

static void check_addresses(int mode)
{
	static const char * const files[] = {
		TRACE_DIR "trace", ABI_DIR "stats", ABI_DIR "mode",
		ABI_DIR "count", EVENTS_DIR "kvm_arm64_get_fw_reg/format",
		EVENTS_DIR "kvm_arm64_set_fw_reg/format",
		EVENTS_DIR "kvm_arm64_abi_mismatch/format",
	};
	char *text;
	int i;

	abi_set_mode(words[mode]);
	close(open(TRACE_DIR "trace", O_WRONLY | O_TRUNC));
	TEST_ASSERT(!abi_write_word(EVENTS_DIR "enable", "1"), EVENTS_DIR);
	test_expect(unprivileged_run(false, call_all),
		    "The calls were not made");
	abi_write_word(EVENTS_DIR "enable", "0");

	nr_own = 0;
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		text = text_read(files[i]);
		TEST_ASSERT(text, "%s: %s", files[i], strerror(errno));
		text_find_addresses(text, expect_own);
		free(text);
	}
	test_expect(nr_own >= 10,
		    "%d values that the test has written are shown", nr_own);
}

static const struct test_case cases[] = {
	{ "files: only root has access, by their modes", check_modes },
	{ "files: a user cannot open them, not even through root's directory",
	  check_user },
	{ "files: root can open them", check_root },
	{ "writes: unknown words have no effect", check_bad_words },
	{ "writes: pieces, empty writes and bad pointers have no effect",
	  check_pieces },
	{ "writes: the same at each offset", check_offsets },
	{ "tracepoints: no field is a pointer, no format prints one",
	  check_formats },
	{ "mode c: no kernel address is disclosed", check_addresses, 0 },
	{ "mode rust: no kernel address is disclosed", check_addresses, 1 },
	{ "mode check: no kernel address is disclosed", check_addresses, 2 },
};

int main(void)
{
	int i;

	ksft_print_header();

	opt_in_require();
	/* One thread, as it forks. */
	if (!__abi_open())
		ksft_exit_skip("The kernel has no " ABI_DIR "mode\n");
	if (!abi_can_trace())
		ksft_exit_skip("this kernel has no tracefs\n");
	user_mem_create(1);
	for (i = 0; i < NR_FILES; i++) {
		dir_fds[i] = open(files[i].dir, O_RDONLY | O_DIRECTORY);
		TEST_ASSERT(dir_fds[i] >= 0, "%s", files[i].dir);
		file_fds[i] = openat(dir_fds[i], files[i].name, O_PATH);
	}

	test_set_plan(ARRAY_SIZE(cases));
	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
