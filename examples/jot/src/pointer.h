#ifndef JOT_POINTER_H
#define JOT_POINTER_H

#include "arena.h"
#include "buf.h"
#include "error.h"
#include "value.h"

/* pointer_get returns what a JSON pointer (RFC 6901), such as /a/0/b, names in a document, or NULL after it has set the error. */
value *pointer_get(arena *a, value *document, const char *pointer, error *e);

/* pointer_add appends one step to a pointer, escaped. */
void pointer_add(buf *pointer, text name);

#endif
