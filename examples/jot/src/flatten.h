#ifndef JOT_FLATTEN_H
#define JOT_FLATTEN_H

#include "buf.h"
#include "value.h"

/* flatten appends a line "pointer = value" for each value that is no array or object with something in it: easy to grep. */
void flatten(buf *out, const value *v);

#endif
