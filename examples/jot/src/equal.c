#include "equal.h"

static bool equal_arrays(const value *a, const value *b)
{
	const member *y = b->first;
	for (const member *x = a->first; x != NULL; x = x->next, y = y->next)
		if (!value_equal(x->value, y->value))
			return false;
	return true;
}

static bool equal_objects(const value *a, const value *b)
{
	for (const member *x = a->first; x != NULL; x = x->next) {
		const value *y = value_get(b, x->name);
		if (y == NULL || !value_equal(x->value, y))
			return false;
	}
	return true;
}

bool value_equal(const value *a, const value *b)
{
	if (a->kind != b->kind || a->count != b->count)
		return false;
	switch (a->kind) {
	case V_NULL:
		return true;
	case V_BOOL:
		return a->truth == b->truth;
	case V_NUMBER:
		return a->number == b->number;
	case V_STRING:
		return text_equal(a->string, b->string);
	case V_ARRAY:
		return equal_arrays(a, b);
	case V_OBJECT:
		return equal_objects(a, b);
	}
	return false;
}
