/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What lockdep knows about a class of locks, from /proc/lockdep. With
 * CONFIG_DEBUG_LOCKDEP it has a line for each class,
 *
 *	<key> OPS:<times it was taken> FD:... BD:... <usage>: <name>
 *
 * followed by a line for each class that was taken right under it:
 *
 *	 -> [<key>] <name>
 *
 * The name is the initialiser's argument, followed by "#2" and so on if there
 * is more than one class of this name.
 */
#ifndef SELFTEST_KVM_ARM64_LOCK_CLASS_H
#define SELFTEST_KVM_ARM64_LOCK_CLASS_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "test_util.h"

#define LOCKDEP		"/proc/lockdep"
#define LOCKDEP_STATS	"/proc/lockdep_stats"

#define LOCK_NAME	96
#define MAX_LOCK_EDGES	256

struct lock_class {
	char name[LOCK_NAME];
	unsigned long ops;
	/* With this name */
	int nr_classes;
};

/* Which lock was taken directly under which */
struct lock_edge {
	char outer[LOCK_NAME];
	char inner[LOCK_NAME];
};

struct lock_edges {
	int nr;
	struct lock_edge edge[MAX_LOCK_EDGES];
};

/* Drop the suffix that distinguishes classes of the same name. */
static inline void lock_set_name(char *to, const char *from)
{
	size_t len = strcspn(from, "#/\n");

	if (len >= LOCK_NAME)
		len = LOCK_NAME - 1;
	memcpy(to, from, len);
	to[len] = '\0';
}

static inline FILE *lock_open_classes(void)
{
	FILE *f = fopen(LOCKDEP, "r");

	TEST_ASSERT(f, LOCKDEP ": %s", strerror(errno));
	return f;
}

/* Parse the line of a class; false if it is not one. */
static inline bool lock_parse_class(const char *line, char *name,
				    unsigned long *ops)
{
	const char *sep = strstr(line, ": "), *p = strstr(line, " OPS:"), *next;

	if (!p || sscanf(p, " OPS:%lu", ops) != 1)
		return false;

	/* "FD:    1" has blanks after a colon, too: the last colon counts. */
	for (; sep; sep = next) {
		next = strstr(sep + 1, ": ");
		if (!next)
			break;
	}
	lock_set_name(name, sep + 2);
	return true;
}

static inline const char *lock_parse_edge(const char *line)
{
	const char *p = strstr(line, " -> [");

	p = p ? strstr(p, "] ") : NULL;
	return p ? p + 2 : NULL;
}

/* Fill in the data of the class that @c names. */
static inline void lock_class_read(struct lock_class *c)
{
	char line[256], name[LOCK_NAME];
	FILE *f = lock_open_classes();
	unsigned long ops;

	c->ops = 0;
	c->nr_classes = 0;
	while (fgets(line, sizeof(line), f)) {
		if (!lock_parse_class(line, name, &ops) || strcmp(name, c->name))
			continue;
		c->ops += ops;
		c->nr_classes++;
	}
	fclose(f);
}

typedef void (*lock_name_fn)(const char *name);

/* Call @fn once for each class. */
static inline void lock_call_with_names(lock_name_fn fn)
{
	char line[256], name[LOCK_NAME];
	FILE *f = lock_open_classes();
	unsigned long ops;

	while (fgets(line, sizeof(line), f)) {
		if (lock_parse_class(line, name, &ops))
			fn(name);
	}
	fclose(f);
}

static inline bool lock_has_edge(const struct lock_edges *e, const char *outer,
				 const char *inner)
{
	int i;

	for (i = 0; i < e->nr; i++) {
		if (!strcmp(e->edge[i].outer, outer) &&
		    !strcmp(e->edge[i].inner, inner))
			return true;
	}

	return false;
}

/* Add the edges from and to a class, each once. */
static inline void lock_edges_read(struct lock_edges *e, const char *class)
{
	char line[256], outer[LOCK_NAME] = "", inner[LOCK_NAME];
	FILE *f = lock_open_classes();
	unsigned long ops;
	const char *p;

	while (fgets(line, sizeof(line), f)) {
		if (lock_parse_class(line, outer, &ops))
			continue;
		p = lock_parse_edge(line);
		if (!p)
			continue;
		lock_set_name(inner, p);
		if ((strcmp(outer, class) && strcmp(inner, class)) ||
		    lock_has_edge(e, outer, inner))
			continue;
		TEST_ASSERT(e->nr < MAX_LOCK_EDGES, "Too many edges");
		lock_set_name(e->edge[e->nr].outer, outer);
		lock_set_name(e->edge[e->nr].inner, inner);
		e->nr++;
	}
	fclose(f);
}

/* Whether lockdep counts; it gives up after the first problem that it finds. */
static inline bool lock_debugging_is_on(void)
{
	FILE *f = fopen(LOCKDEP_STATS, "r");
	char line[256];
	int on = 0;

	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, " debug_locks: %d", &on) == 1)
			break;
	}
	fclose(f);
	return on == 1;
}

#endif /* SELFTEST_KVM_ARM64_LOCK_CLASS_H */
