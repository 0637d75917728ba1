// SPDX-License-Identifier: GPL-2.0
/*
 * store_delay.so - Make a race in QEMU's multi-threaded TCG frequent.
 *
 * When a guest overwrites an instruction, QEMU first invalidates the
 * translations of the old instruction, then stores the new one. This
 * library, when preloaded, waits in between, which gives another thread
 * time to translate the old instruction again. Only stores that invalidated
 * a translation are delayed. See docs/flake.md.
 *
 *	gcc -O2 -shared -fPIC -o store_delay.so store_delay.c
 *	STORE_DELAY_US=300 LD_PRELOAD=./store_delay.so qemu-system-aarch64 ...
 *
 * It changes one call in the memory of the process. QEMU need not be rebuilt:
 * Debian's build exports the symbols that are needed. x86-64 hosts only.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define INVALIDATE	"tb_invalidate_phys_range_fast"
#define CALL		0xe8
#define CALL_SIZE	5

typedef void invalidate_fn(uintptr_t, uintptr_t, uintptr_t, uintptr_t);

static invalidate_fn *invalidate;
/* QEMU's count of invalidated translations: the last word of its tb_ctx. */
static const unsigned int *invalidated;
static struct timespec delay;
static unsigned long delays;

static void die(const char *what)
{
	fprintf(stderr, "store_delay: %s\n", what);
	_exit(99);
}

static void invalidate_and_wait(uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d)
{
	unsigned int before = __atomic_load_n(invalidated, __ATOMIC_RELAXED);

	invalidate(a, b, c, d);
	if (__atomic_load_n(invalidated, __ATOMIC_RELAXED) == before)
		return;
	__atomic_fetch_add(&delays, 1, __ATOMIC_RELAXED);
	nanosleep(&delay, NULL);
}

struct text {
	uint8_t *start;
	size_t size;
};

/* The first object is the program itself: return 1 to stop after it. */
static int find_text(struct dl_phdr_info *info, size_t size, void *data)
{
	struct text *text = data;

	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];

		if (header->p_type == PT_LOAD && (header->p_flags & PF_X)) {
			text->start = (uint8_t *)info->dlpi_addr + header->p_vaddr;
			text->size = header->p_memsz;
		}
	}
	return 1;
}

/* Returns a new page within reach of a call in the program. */
static uint8_t *page_near(uint8_t *text)
{
	uintptr_t hint = (uintptr_t)text & ~0xffffUL;

	for (int i = 1; i < 0x4000; i++) {
		void *want = (void *)(hint - i * 0x10000UL);
		void *page = mmap(want, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

		if (page == want)
			return page;
		if (page != MAP_FAILED)
			munmap(page, 4096);
	}
	die("no free page near the program");
	return NULL;
}

static void redirect(uint8_t *call)
{
	static const uint8_t jump[] = { 0xff, 0x25, 0, 0, 0, 0 };
	void *target = invalidate_and_wait;
	uint8_t *page = page_near(call);
	uintptr_t first = (uintptr_t)call & ~4095UL;
	size_t size = (((uintptr_t)call + CALL_SIZE + 4095) & ~4095UL) - first;
	int32_t offset = page - (call + CALL_SIZE);

	memcpy(page, jump, sizeof(jump));
	memcpy(page + sizeof(jump), &target, sizeof(target));
	if (mprotect((void *)first, size, PROT_READ | PROT_WRITE | PROT_EXEC))
		die("the program's code cannot be made writable");
	memcpy(call + 1, &offset, sizeof(offset));
	mprotect((void *)first, size, PROT_READ | PROT_EXEC);
}

static void report(void)
{
	fprintf(stderr, "store_delay: %lu stores delayed\n", delays);
}

__attribute__((constructor)) static void start(void)
{
	const char *word = getenv("STORE_DELAY_US");
	unsigned long us = word ? strtoul(word, NULL, 0) : 0;
	uint8_t *call = NULL;
	struct text text = {};
	ElfW(Sym) *symbol;
	uint8_t *context;
	Dl_info info;

	invalidate = dlsym(RTLD_DEFAULT, INVALIDATE);
	/* Another program than QEMU, started with the same environment. */
	if (!invalidate || !us)
		return;

	context = dlsym(RTLD_DEFAULT, "tb_ctx");
	if (!context || !dladdr1(context, &info, (void **)&symbol, RTLD_DL_SYMENT))
		die("this QEMU does not export tb_ctx: use Debian's");
	invalidated = (unsigned int *)(context + symbol->st_size) - 1;

	dl_iterate_phdr(find_text, &text);
	for (uint8_t *at = text.start; at + CALL_SIZE <= text.start + text.size; at++) {
		int32_t offset;

		memcpy(&offset, at + 1, sizeof(offset));
		if (*at != CALL || at + CALL_SIZE + offset != (uint8_t *)invalidate)
			continue;
		if (call)
			die("more than one call of " INVALIDATE);
		call = at;
	}
	if (!call)
		die("no call of " INVALIDATE);

	delay.tv_sec = us / 1000000;
	delay.tv_nsec = us % 1000000 * 1000;
	redirect(call);
	atexit(report);
}
