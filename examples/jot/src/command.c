#include "command.h"

#include "equal.h"
#include "flatten.h"
#include "patch.h"
#include "pointer.h"
#include "sort.h"
#include "stats.h"
#include "writer.h"

#include <stdio.h>

static void finish(buf *out, const value *v, int indent)
{
	write_value(out, v, indent);
	buf_char(out, '\n');
}

static int run_format(arena *a, value **documents, const char *further, buf *out)
{
	(void)a, (void)further;
	finish(out, documents[0], 2);
	return 0;
}

static int run_compact(arena *a, value **documents, const char *further, buf *out)
{
	(void)a, (void)further;
	finish(out, documents[0], 0);
	return 0;
}

static int run_sort(arena *a, value **documents, const char *further, buf *out)
{
	(void)a, (void)further;
	sort_members(documents[0]);
	finish(out, documents[0], 2);
	return 0;
}

static int run_get(arena *a, value **documents, const char *further, buf *out)
{
	error e = {.line = 0};
	const value *v = pointer_get(a, documents[0], further, &e);
	if (v == NULL) {
		fprintf(stderr, "jot: %s: %s\n", further, e.message);
		return 1;
	}
	finish(out, v, 2);
	return 0;
}

static int run_flat(arena *a, value **documents, const char *further, buf *out)
{
	(void)a, (void)further;
	flatten(out, documents[0]);
	return 0;
}

static int run_stats(arena *a, value **documents, const char *further, buf *out)
{
	(void)a, (void)further;
	stats s;
	stats_count(&s, documents[0]);
	stats_write(&s, out);
	return 0;
}

static int run_equal(arena *a, value **documents, const char *further, buf *out)
{
	(void)a, (void)further, (void)out;
	return value_equal(documents[0], documents[1]) ? 0 : 1;
}

static int run_diff(arena *a, value **documents, const char *further, buf *out)
{
	(void)further;
	const value *patch = patch_diff(a, documents[0], documents[1]);
	if (patch == NULL) {
		fputs("jot: a merge patch cannot set a member to null\n", stderr);
		return 1;
	}
	finish(out, patch, 2);
	return 0;
}

static int run_patch(arena *a, value **documents, const char *further, buf *out)
{
	(void)further;
	finish(out, patch_apply(a, documents[0], documents[1]), 2);
	return 0;
}

const command commands[] = {
	{"format", "FILE", "show with one member a line", 1, 0, run_format},
	{"compact", "FILE", "show on one line", 1, 0, run_compact},
	{"sort", "FILE", "show with members in the order of their names", 1, 0, run_sort},
	{"get", "POINTER FILE", "show what a JSON pointer names", 1, 1, run_get},
	{"flat", "FILE", "show one line for each value, with its pointer", 1, 0, run_flat},
	{"stats", "FILE", "count what it is made of", 1, 0, run_stats},
	{"equal", "FILE FILE", "exit with 1 where two documents differ", 2, 0, run_equal},
	{"diff", "FILE FILE", "show the merge patch from the first to the second", 2, 0, run_diff},
	{"patch", "FILE PATCH", "apply a merge patch", 2, 0, run_patch},
	{.name = NULL},
};
