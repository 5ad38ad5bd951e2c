#ifndef JOT_WRITER_H
#define JOT_WRITER_H

#include "buf.h"
#include "value.h"

/* write_value appends v as JSON: on one line for indent 0, else with so many spaces per level. */
void write_value(buf *out, const value *v, int indent);

/* write_string appends text in quotes. */
void write_string(buf *out, text t);

#endif
