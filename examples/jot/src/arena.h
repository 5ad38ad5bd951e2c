#ifndef JOT_ARENA_H
#define JOT_ARENA_H

#include <stddef.h>

/* An arena gives memory that is freed all at once. Everything of a document lives in one. */
typedef struct arena arena;

arena *arena_new(void);
void arena_free(arena *a);

/* arena_alloc returns zeroed memory, aligned for any type. It never returns NULL: without memory the program ends. */
void *arena_alloc(arena *a, size_t size);

/* arena_copy returns a copy of size bytes, followed by a 0. */
char *arena_copy(arena *a, const char *bytes, size_t size);

/* arena_used is the number of bytes that were asked for. */
size_t arena_used(const arena *a);

#endif
