#include "arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 64 * 1024, ALIGN = 16 };

struct block {
	struct block *next;
	size_t size, used;
	/* ALIGN makes the bytes behind the header as aligned as malloc's. */
	unsigned char *bytes;
};

struct arena {
	struct block *blocks;
	size_t used;
};

static void *must(void *p)
{
	if (p == NULL) {
		fputs("jot: out of memory\n", stderr);
		exit(3);
	}
	return p;
}

arena *arena_new(void)
{
	return must(calloc(1, sizeof(arena)));
}

void arena_free(arena *a)
{
	if (a == NULL)
		return;
	for (struct block *b = a->blocks; b != NULL;) {
		struct block *next = b->next;
		free(b->bytes);
		free(b);
		b = next;
	}
	free(a);
}

void *arena_alloc(arena *a, size_t size)
{
	if (size > SIZE_MAX - ALIGN)
		must(NULL);
	size_t rounded = (size + ALIGN - 1) / ALIGN * ALIGN;
	struct block *b = a->blocks;
	if (b == NULL || b->size - b->used < rounded) {
		b = must(calloc(1, sizeof *b));
		b->size = rounded > BLOCK ? rounded : BLOCK;
		b->bytes = must(calloc(1, b->size));
		b->next = a->blocks;
		a->blocks = b;
	}
	void *p = b->bytes + b->used;
	b->used += rounded;
	a->used += size;
	return p;
}

char *arena_copy(arena *a, const char *bytes, size_t size)
{
	char *p = arena_alloc(a, size + 1);
	if (size > 0)
		memcpy(p, bytes, size);
	return p;
}

size_t arena_used(const arena *a)
{
	return a->used;
}
