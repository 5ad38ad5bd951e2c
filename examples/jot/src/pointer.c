#include "pointer.h"

#include <string.h>

/* unescape turns ~1 into / and ~0 into ~; it returns false for any other use of ~. */
static bool unescape(arena *a, const char *step, size_t size, text *name)
{
	char *out = arena_copy(a, step, size);
	size_t length = 0;
	for (size_t i = 0; i < size; i++) {
		char c = step[i];
		if (c == '~') {
			if (i + 1 == size || (step[i + 1] != '0' && step[i + 1] != '1'))
				return false;
			c = step[++i] == '0' ? '~' : '/';
		}
		out[length++] = c;
	}
	out[length] = 0;
	*name = (text){out, length};
	return true;
}

/* index_of reads an index: decimal digits without a leading zero. */
static bool index_of(text name, size_t *index)
{
	if (name.size == 0 || name.size > 9 || (name.size > 1 && name.bytes[0] == '0'))
		return false;
	*index = 0;
	for (size_t i = 0; i < name.size; i++) {
		if (name.bytes[i] < '0' || name.bytes[i] > '9')
			return false;
		*index = *index * 10 + (size_t)(name.bytes[i] - '0');
	}
	return true;
}

static value *step_into(value *v, text name, error *e)
{
	size_t index;
	value *found = NULL;
	if (v->kind == V_OBJECT)
		found = value_get(v, name);
	else if (v->kind != V_ARRAY)
		error_set(e, 0, 0, "a %s has no member \"%s\"", kind_name(v->kind), name.bytes);
	else if (!index_of(name, &index))
		error_set(e, 0, 0, "\"%s\" is no index of an array", name.bytes);
	else
		found = value_at(v, index);
	if (found == NULL)
		error_set(e, 0, 0, "there is no \"%s\"", name.bytes);
	return found;
}

value *pointer_get(arena *a, value *document, const char *pointer, error *e)
{
	if (*pointer != 0 && *pointer != '/') {
		error_set(e, 0, 0, "the pointer \"%s\" does not begin with /", pointer);
		return NULL;
	}
	value *v = document;
	while (v != NULL && *pointer != 0) {
		const char *step = pointer + 1;
		size_t size = strcspn(step, "/");
		text name;
		if (!unescape(a, step, size, &name)) {
			error_set(e, 0, 0, "~ is followed by 0 or 1 in a pointer");
			return NULL;
		}
		v = step_into(v, name, e);
		pointer = step + size;
	}
	return v;
}

void pointer_add(buf *pointer, text name)
{
	buf_char(pointer, '/');
	for (size_t i = 0; i < name.size; i++) {
		if (name.bytes[i] == '~')
			buf_text(pointer, "~0");
		else if (name.bytes[i] == '/')
			buf_text(pointer, "~1");
		else
			buf_char(pointer, name.bytes[i]);
	}
}
