/* jot looks at JSON documents and changes them. */
#include "arena.h"
#include "buf.h"
#include "command.h"
#include "error.h"
#include "file.h"
#include "parser.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int usage(FILE *to, int status)
{
	fputs("usage: jot COMMAND ARGUMENT...    (- is standard input)\n\n", to);
	for (const command *c = commands; c->name != NULL; c++)
		fprintf(to, "  %-8s %-14s %s\n", c->name, c->arguments, c->help);
	return status;
}

static value *load(arena *a, const char *name)
{
	buf content = {0};
	value *v = NULL;
	error e = {.line = 0};
	if (!file_read(name, &content))
		fprintf(stderr, "jot: %s: %s\n", name, strerror(errno));
	else if ((v = parse(a, content.bytes, content.size, &e)) == NULL)
		fprintf(stderr, "%s:%zu:%zu: %s\n", name, e.line, e.column, e.message);
	buf_free(&content);
	return v;
}

static int run(const command *c, char **arguments)
{
	arena *a = arena_new();
	value *documents[2] = {NULL, NULL};
	buf out = {0};
	int status = 0;
	for (int i = 0; i < c->documents && status == 0; i++)
		if ((documents[i] = load(a, arguments[c->further + i])) == NULL)
			status = 2;
	if (status == 0)
		status = c->run(a, documents, c->further ? arguments[0] : NULL, &out);
	if (out.size > 0 && fwrite(out.bytes, 1, out.size, stdout) != out.size)
		status = 2;
	if (fflush(stdout) != 0)
		status = 2;
	buf_free(&out);
	arena_free(a);
	return status;
}

int main(int argc, char **argv)
{
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return usage(stdout, 0);
	if (argc < 2)
		return usage(stderr, 2);
	for (const command *c = commands; c->name != NULL; c++)
		if (strcmp(c->name, argv[1]) == 0)
			return argc - 2 == c->further + c->documents ? run(c, argv + 2) : usage(stderr, 2);
	fprintf(stderr, "jot: no command %s\n", argv[1]);
	return usage(stderr, 2);
}
