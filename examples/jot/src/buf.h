#ifndef JOT_BUF_H
#define JOT_BUF_H

#include <stddef.h>

/* A buf is bytes that grow. Zeroed it is empty; bytes are always followed by a 0 once something was added. */
typedef struct {
	char *bytes;
	size_t size, room;
} buf;

void buf_add(buf *b, const char *bytes, size_t size);
void buf_text(buf *b, const char *text);
void buf_char(buf *b, char c);
void buf_fill(buf *b, char c, size_t times);
void buf_free(buf *b);

#endif
