#include "patch.h"

#include "equal.h"

value *patch_apply(arena *a, const value *target, const value *patch)
{
	if (patch->kind != V_OBJECT)
		return value_copy(a, patch);
	value *result = target != NULL && target->kind == V_OBJECT ? value_copy(a, target) : value_object(a);
	for (const member *m = patch->first; m != NULL; m = m->next) {
		if (m->value->kind == V_NULL)
			value_remove(result, m->name);
		else
			value_set(a, result, m->name, patch_apply(a, value_get(result, m->name), m->value));
	}
	return result;
}

/* has_null reports whether an object in v, other than below an array, has a null. */
static bool has_null(const value *v)
{
	if (v->kind != V_OBJECT)
		return false;
	for (const member *m = v->first; m != NULL; m = m->next)
		if (m->value->kind == V_NULL || has_null(m->value))
			return true;
	return false;
}

/* diff_members adds to patch what makes to out of from, and returns false where a patch cannot. */
static bool diff_members(arena *a, value *patch, const value *from, const value *to)
{
	for (const member *m = from->first; m != NULL; m = m->next)
		if (value_get(to, m->name) == NULL)
			value_set(a, patch, m->name, value_null(a));
	for (const member *m = to->first; m != NULL; m = m->next) {
		const value *old = value_get(from, m->name);
		if (old != NULL && value_equal(old, m->value))
			continue;
		if (m->value->kind == V_NULL)
			return false;
		value *change;
		if (old != NULL && old->kind == V_OBJECT && m->value->kind == V_OBJECT)
			change = patch_diff(a, old, m->value);
		else
			change = has_null(m->value) ? NULL : value_copy(a, m->value);
		if (change == NULL)
			return false;
		value_set(a, patch, m->name, change);
	}
	return true;
}

value *patch_diff(arena *a, const value *from, const value *to)
{
	if (to->kind != V_OBJECT)
		return value_copy(a, to);
	if (from->kind != V_OBJECT)
		return has_null(to) ? NULL : value_copy(a, to);
	value *patch = value_object(a);
	return diff_members(a, patch, from, to) ? patch : NULL;
}
