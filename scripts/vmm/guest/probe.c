// SPDX-License-Identifier: GPL-2.0
/*
 * A guest of two CPUs without an operating system, which shows at EL1 all that it sees of its
 * host: every ID register, the answer to every hypercall of SMCCC, PSCI, TRNG and KVM's own
 * services, and the interrupt controller. What is undefined or not supported it leaves out. It
 * counts meanwhile. It obeys letters on its UART:
 *
 *	v	show what the guest sees, from both CPUs
 *	c	show how far both CPUs have counted
 *	p	switch the second CPU off and on through PSCI
 *	q	switch the VM off
 *
 * Each answer ends with a line "end". For QEMU's machine virt, with -smp 2.
 */

typedef unsigned int u32;
typedef unsigned long u64;

#define UART		0x09000000UL
#define GICD		0x08000000UL
#define GICC		0x08010000UL
/* The second half of the redistributor of CPU n. */
#define GICR_SGI(n)	(0x080a0000UL + (n) * 0x20000UL + 0x10000UL)
#define ISENABLER0	0x100
#define TIMER_PPI	(1U << 27)

struct mrs_value {
	u64 value, undefined;
};

struct answer {
	u64 x[4];
};

extern char secondary[];
struct mrs_value mrs_read(u64 which);
void second_cpu(void);
void unexpected(u64 esr, u64 elr);
int main(void);

static char second_stack[8192] __attribute__((aligned(16)));
static volatile u64 counts[2];
/* What the second CPU is to do: a letter, or 0 if it has done that. */
static volatile u32 order;

static u32 read32(u64 address)
{
	u32 value;

	asm volatile("ldr %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
	return value;
}

static void write32(u64 address, u32 value)
{
	asm volatile("str %w0, [%1]" : : "r"(value), "r"(address) : "memory");
}

static void put(char c)
{
	while (read32(UART + 0x18) & 1 << 5)
		;
	write32(UART, c);
}

static void say(const char *text)
{
	for (; *text; text++)
		put(*text);
}

static void say_hex(u64 value)
{
	int shift = 60;

	while (shift && !(value >> shift & 15))
		shift -= 4;
	say("0x");
	for (; shift >= 0; shift -= 4)
		put("0123456789abcdef"[value >> shift & 15]);
}

static void say_number(u64 value)
{
	char digits[20];
	int n = 0;

	do
		digits[n++] = '0' + value % 10;
	while (value /= 10);
	while (n)
		put(digits[--n]);
}

/* A letter from the UART, or 0. */
static char hear(void)
{
	return read32(UART + 0x18) & 1 << 4 ? 0 : read32(UART) & 0xff;
}

static struct answer hvc(u64 function, u64 a1, u64 a2, u64 a3)
{
	register u64 x0 asm("x0") = function;
	register u64 x1 asm("x1") = a1;
	register u64 x2 asm("x2") = a2;
	register u64 x3 asm("x3") = a3;

	asm volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : :
		     "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
		     "x16", "x17", "memory");
	return (struct answer){ { x0, x1, x2, x3 } };
}

/* The numbers of the registers in the table of probe.S. */
enum {
	ENCODED = 3 * 8 * 8,
	CNTFRQ = ENCODED + 5,
	REGISTERS,
};

static int gic_version(void)
{
	/* ID_AA64PFR0_EL1.GIC */
	return mrs_read(4 * 8).value >> 24 & 15 ? 3 : 2;
}

static int this_cpu(void)
{
	return mrs_read(5).value & 15;
}

/* Give the interrupt controller a state that a VMM can save: the timer's interrupt is enabled, and
 * masked in PSTATE. A VMM that does not save the controller makes this necessary again.
 */
static void set_up_gic(void)
{
	u64 cpu = gic_version() == 3 ? GICR_SGI(this_cpu()) : GICD;

	if (read32(cpu + ISENABLER0) & TIMER_PPI)
		return;
	if (cpu == GICD) {
		write32(GICD, 1);
		write32(GICC + 4, 0xf0);
		write32(GICC, 1);
	} else {
		/* Affinity routing, group 1 */
		write32(GICD, 1 << 4 | 1 << 1);
		write32(cpu + 0x80, ~0U);
		/* ICC_PMR_EL1, ICC_IGRPEN1_EL1 */
		asm volatile("msr s3_0_c4_c6_0, %0; msr s3_0_c12_c12_7, %1; isb"
			     : : "r"(0xf0UL), "r"(1UL));
	}
	write32(cpu + ISENABLER0, TIMER_PPI);
}

/* Wait ten milliseconds, by the event stream. No interrupt may be needed to go on: a VMM that does
 * not save the interrupt controller may stop this CPU right after set_up_gic().
 */
static void rest(void)
{
	u64 ticks = mrs_read(CNTFRQ).value / 100, begin, now;

	set_up_gic();
	/* CNTKCTL_EL1.EVNTEN, an event each 2^16 ticks */
	asm volatile("msr cntkctl_el1, %1; isb; mrs %0, cntvct_el0"
		     : "=r"(begin) : "r"(15UL << 4 | 1UL << 2));
	do
		asm volatile("wfe; isb; mrs %0, cntvct_el0" : "=r"(now));
	while (now - begin < ticks);
}

static void say_register(int which)
{
	static const char *const others[] = {
		"PMCR_EL0", "PMCEID0_EL0", "PMCEID1_EL0", "ICC_CTLR_EL1", "ICC_SRE_EL1", "CNTFRQ_EL0",
	};

	if (which >= ENCODED) {
		say(others[which - ENCODED]);
		return;
	}
	say("s3_");
	say_number("\0\1\3"[which / 64]);
	say("_c0_c");
	say_number(which / 8 % 8);
	say("_");
	say_number(which % 8);
}

/* S3_1_C0_C0_0, which means nothing as long as CSSELR_EL1 selects no cache: show_caches(). */
#define CCSIDR_EL1	64

static void show_registers(int cpu)
{
	for (int which = 0; which < REGISTERS; which++) {
		struct mrs_value got = mrs_read(which);

		if (got.undefined || which == CCSIDR_EL1)
			continue;
		say("cpu");
		say_number(cpu);
		say(" mrs ");
		say_register(which);
		say(" ");
		say_hex(got.value);
		say("\n");
	}
}

static void show_caches(int cpu)
{
	for (u64 level = 0; level < 14; level++) {
		u64 size;

		asm volatile("msr csselr_el1, %1; isb; mrs %0, ccsidr_el1" : "=r"(size) : "r"(level));
		say("cpu");
		say_number(cpu);
		say(" ccsidr ");
		say_number(level);
		say(" ");
		say_hex(size);
		say("\n");
	}
}

#define NOT_SUPPORTED	(~0UL)

/* What an answer shows: all four registers, or, since the others vary, only whether x0 is an
 * error.
 */
enum shown { ALL, STATUS };

static const struct call {
	u32 function;
	u32 argument;
	enum shown shown;
} calls[] = {
	{ 0x80000000, 0, ALL },			/* SMCCC_VERSION */
	{ 0x80000002, 0, ALL }, { 0x80000002, 1, ALL },	/* SMCCC_ARCH_SOC_ID */
	{ 0x80008000, 0, ALL },			/* SMCCC_ARCH_WORKAROUND_1 */
	{ 0x80007fff, 0, ALL }, { 0x80007fff, 1, ALL },	/* SMCCC_ARCH_WORKAROUND_2 */
	{ 0x80003fff, 0, ALL },			/* SMCCC_ARCH_WORKAROUND_3 */
	{ 0x84000000, 0, ALL },			/* PSCI_VERSION */
	{ 0x84000006, 0, ALL },			/* MIGRATE_INFO_TYPE */
	{ 0x84000007, 0, ALL },			/* MIGRATE_INFO_UP_CPU */
	{ 0x84000050, 0, ALL },			/* TRNG_VERSION */
	{ 0x84000052, 0, ALL },			/* TRNG_GET_UUID */
	{ 0x84000053, 32, STATUS }, { 0xc4000053, 192, STATUS },	/* TRNG_RND */
	{ 0xc4000053, 193, ALL },		/* too many bits */
	{ 0xc5000021, 0, ALL },			/* PV_TIME_ST */
	{ 0x8600ff01, 0, ALL },			/* KVM: the UID of the service */
	{ 0x8600ff03, 0, ALL },			/* its revision */
	{ 0x86000000, 0, ALL },			/* its functions */
	{ 0x86000001, 0, STATUS }, { 0x86000001, 1, STATUS },	/* KVM_PTP */
	{ 0x86000001, 2, ALL },			/* an unknown clock */
	{ 0xc6000040, 0, ALL },			/* KVM: the versions of implementations */
	{ 0xc6000041, 0, ALL },			/* their CPUs */
	/* UID and revision of the other services, and functions that nobody has */
	{ 0x8000ff01, 0, ALL }, { 0x8400ff01, 0, ALL }, { 0x8400ff03, 0, ALL },
	{ 0x8500ff01, 0, ALL }, { 0x8500ff03, 0, ALL },
	{ 0x84001234, 0, ALL }, { 0xc4001234, 0, ALL }, { 0x86001234, 0, ALL }, { 0xb2000000, 0, ALL },
};

/* Functions about whose presence another function is asked. */
static const struct ask {
	u32 function, first, count;
} asks[] = {
	{ 0x80000001, 0x80000000, 8 },		/* SMCCC_ARCH_FEATURES */
	{ 0x80000001, 0x80003ffe, 4 }, { 0x80000001, 0x80007ffe, 4 },
	{ 0x80000001, 0xc5000020, 2 }, { 0x80000001, 0x86000000, 2 }, { 0x80000001, 0x84000050, 4 },
	{ 0x8400000a, 0x84000000, 0x20 }, { 0x8400000a, 0xc4000000, 0x20 },	/* PSCI_FEATURES */
	{ 0x8400000a, 0x80000000, 2 },
	{ 0x84000051, 0x84000050, 4 }, { 0x84000051, 0xc4000053, 1 },	/* TRNG_FEATURES */
	{ 0xc5000020, 0xc5000020, 2 },		/* PV_TIME_FEATURES */
};

static void show_answer(u32 function, u64 argument, enum shown shown)
{
	struct answer got = hvc(function, argument, 0, 0);

	if (got.x[0] == NOT_SUPPORTED)
		return;
	say("hvc ");
	say_hex(function);
	say(" ");
	say_hex(argument);
	say(" ->");
	for (int i = 0; i < (shown == ALL ? 4 : 1); i++) {
		say(" ");
		if (shown == ALL)
			say_hex(got.x[i]);
		else
			say((long)got.x[0] < 0 ? "error" : "good");
	}
	say("\n");
}

static void show_hypercalls(void)
{
	for (u64 i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		show_answer(calls[i].function, calls[i].argument, calls[i].shown);
	for (u64 i = 0; i < sizeof(asks) / sizeof(asks[0]); i++)
		for (u32 n = 0; n < asks[i].count; n++)
			show_answer(asks[i].function, asks[i].first + n, ALL);
	/* AFFINITY_INFO of the two CPUs and of one that does not exist */
	for (u64 cpu = 0; cpu < 3; cpu++)
		show_answer(0xc4000004, cpu, ALL);
}

static void show_word(const char *name, u64 address)
{
	say("gic ");
	say(name);
	say(" ");
	say_hex(read32(address));
	say("\n");
}

static void show_gic(void)
{
	show_word("GICD_TYPER", GICD + 4);
	show_word("GICD_IIDR", GICD + 8);
	if (gic_version() == 3) {
		show_word("GICD_PIDR2", GICD + 0xffe8);
		return;
	}
	show_word("GICC_PMR", GICC + 4);
	show_word("GICC_BPR", GICC + 8);
	show_word("GICC_IIDR", GICC + 0xfc);
}

/* On QEMU's machine, CPU n has the affinity n. */
static long switch_on(void)
{
	return hvc(0xc4000003, 1, (u64)secondary, (u64)(second_stack + sizeof(second_stack))).x[0];
}

static void ask_second(char letter)
{
	order = letter;
	while (order)
		rest();
}

static void say_result(const char *what, long value)
{
	say(what);
	say(" ");
	if (value < 0)
		put('-');
	say_number(value < 0 ? -value : value);
	say("\n");
}

static void replug(void)
{
	order = 'o';
	/* AFFINITY_INFO: 1 is off. */
	while (hvc(0xc4000004, 1, 0, 0).x[0] != 1)
		rest();
	order = 0;
	say_result("cpu1 off, affinity", hvc(0xc4000004, 1, 0, 0).x[0]);
	say_result("CPU_ON", switch_on());
	/* ALREADY_ON */
	say_result("CPU_ON again", switch_on());
	ask_second('c');
	say_result("cpu1 on, affinity", hvc(0xc4000004, 1, 0, 0).x[0]);
}

static void obey(char letter)
{
	switch (letter) {
	case 'v':
		show_registers(0);
		show_caches(0);
		ask_second('v');
		show_hypercalls();
		show_gic();
		break;
	case 'c':
		say("counts ");
		say_number(counts[0]);
		say(" ");
		say_number(counts[1]);
		say("\n");
		break;
	case 'p':
		replug();
		break;
	case 'q':
		hvc(0x84000008, 0, 0, 0);
		break;
	default:
		return;
	}
	say("end\n");
}

void second_cpu(void)
{
	for (;;) {
		counts[1]++;
		if (order == 'v') {
			show_registers(1);
			show_caches(1);
		} else if (order == 'o') {
			/* CPU_OFF */
			hvc(0x84000002, 0, 0, 0);
		}
		if (order)
			order = 0;
		rest();
	}
}

void unexpected(u64 esr, u64 elr)
{
	say("unexpected exception, ESR ");
	say_hex(esr);
	say(" at ");
	say_hex(elr);
	say("\n");
}

int main(void)
{
	say_result("CPU_ON", switch_on());
	ask_second('c');
	say("end\n");
	for (;;) {
		counts[0]++;
		obey(hear());
		rest();
	}
}
