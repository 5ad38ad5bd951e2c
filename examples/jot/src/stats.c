#include "stats.h"

#include "utf8.h"

#include <stdio.h>

static void count_at(stats *s, const value *v, size_t level)
{
	s->kinds[v->kind]++;
	if (v->kind == V_STRING)
		s->characters += utf8_length(v->string.bytes, v->string.size);
	if (v->kind == V_ARRAY || v->kind == V_OBJECT) {
		level++;
		if (level > s->depth)
			s->depth = level;
		if (v->count > s->widest)
			s->widest = v->count;
	}
	for (const member *m = v->first; m != NULL; m = m->next)
		count_at(s, m->value, level);
}

void stats_count(stats *s, const value *v)
{
	*s = (stats){.depth = 0};
	count_at(s, v, 0);
}

static void row(buf *out, const char *what, size_t n)
{
	char line[64];
	snprintf(line, sizeof line, "%-12s %zu\n", what, n);
	buf_text(out, line);
}

void stats_write(const stats *s, buf *out)
{
	for (kind k = V_NULL; k <= V_OBJECT; k++)
		row(out, kind_name(k), s->kinds[k]);
	row(out, "depth", s->depth);
	row(out, "widest", s->widest);
	row(out, "characters", s->characters);
}
