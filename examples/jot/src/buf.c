#include "buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* make_room makes room for size more bytes and a 0. */
static void make_room(buf *b, size_t size)
{
	if (b->room - b->size > size)
		return;
	size_t room = b->room ? b->room : 64;
	while (room - b->size <= size)
		room *= 2;
	char *bytes = realloc(b->bytes, room);
	if (bytes == NULL) {
		fputs("jot: out of memory\n", stderr);
		exit(3);
	}
	b->bytes = bytes;
	b->room = room;
}

void buf_add(buf *b, const char *bytes, size_t size)
{
	make_room(b, size);
	if (size > 0)
		memcpy(b->bytes + b->size, bytes, size);
	b->size += size;
	b->bytes[b->size] = 0;
}

void buf_text(buf *b, const char *text)
{
	buf_add(b, text, strlen(text));
}

void buf_char(buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_fill(buf *b, char c, size_t times)
{
	make_room(b, times);
	memset(b->bytes + b->size, c, times);
	b->size += times;
	b->bytes[b->size] = 0;
}

void buf_free(buf *b)
{
	free(b->bytes);
	*b = (buf){0};
}
