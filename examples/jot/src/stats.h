#ifndef JOT_STATS_H
#define JOT_STATS_H

#include "buf.h"
#include "value.h"

/* What a document is made of. */
typedef struct {
	size_t kinds[V_OBJECT + 1]; /* values of each kind */
	size_t depth;               /* levels of arrays and objects */
	size_t characters;          /* in strings */
	size_t widest;              /* most members or elements of one value */
} stats;

void stats_count(stats *s, const value *v);
void stats_write(const stats *s, buf *out);

#endif
