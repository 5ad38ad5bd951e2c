#include "flatten.h"

#include "pointer.h"
#include "writer.h"

#include <stdio.h>

static void flatten_at(buf *out, buf *path, const value *v)
{
	if (v->count == 0) {
		buf_add(out, path->bytes, path->size);
		buf_text(out, " = ");
		write_value(out, v, 0);
		buf_char(out, '\n');
		return;
	}
	size_t index = 0, length = path->size;
	for (const member *m = v->first; m != NULL; m = m->next) {
		char digits[24];
		text name = m->name;
		if (v->kind == V_ARRAY)
			name = (text){digits, (size_t)snprintf(digits, sizeof digits, "%zu", index++)};
		pointer_add(path, name);
		flatten_at(out, path, m->value);
		path->size = length;
	}
}

void flatten(buf *out, const value *v)
{
	buf path = {0};
	flatten_at(out, &path, v);
	buf_free(&path);
}
