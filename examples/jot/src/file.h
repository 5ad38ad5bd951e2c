#ifndef JOT_FILE_H
#define JOT_FILE_H

#include "buf.h"

#include <stdbool.h>

/* file_read appends a whole file; "-" is standard input. Where it fails errno tells why. */
bool file_read(const char *name, buf *out);

#endif
