#ifndef JOT_PARSER_H
#define JOT_PARSER_H

#include "arena.h"
#include "error.h"
#include "value.h"

/* parse reads a whole document (RFC 8259). It returns NULL where it has set the error. Of members of one name the last counts. */
value *parse(arena *a, const char *bytes, size_t size, error *e);

#endif
