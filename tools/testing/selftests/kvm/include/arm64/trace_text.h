/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Text in files of the kernel, and whether it contains kernel addresses.
 */
#ifndef SELFTEST_KVM_ARM64_TRACE_TEXT_H
#define SELFTEST_KVM_ARM64_TRACE_TEXT_H

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>

#include "fw_reg.h"

#define TRACE_DIR	"/sys/kernel/tracing/"
#define EVENTS_DIR	TRACE_DIR "events/kvm_arm64_rust/"

/* The whole file, to be freed; NULL if it cannot be read */
static inline char *text_read(const char *path)
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
static inline bool text_is_address(const char *word, size_t len, u64 *val)
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
static inline void text_find_addresses(const char *text, text_address_fn fn)
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

#endif /* SELFTEST_KVM_ARM64_TRACE_TEXT_H */
