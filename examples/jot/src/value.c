#include "value.h"

#include <string.h>

static value *make(arena *a, kind k)
{
	value *v = arena_alloc(a, sizeof *v);
	v->kind = k;
	return v;
}

value *value_null(arena *a)
{
	return make(a, V_NULL);
}

value *value_bool(arena *a, bool truth)
{
	value *v = make(a, V_BOOL);
	v->truth = truth;
	return v;
}

value *value_number(arena *a, double number)
{
	value *v = make(a, V_NUMBER);
	v->number = number;
	return v;
}

value *value_string(arena *a, const char *bytes, size_t size)
{
	value *v = make(a, V_STRING);
	v->string = (text){arena_copy(a, bytes, size), size};
	return v;
}

value *value_array(arena *a)
{
	return make(a, V_ARRAY);
}

value *value_object(arena *a)
{
	return make(a, V_OBJECT);
}

static void add(arena *a, value *list, text name, value *v)
{
	member *m = arena_alloc(a, sizeof *m);
	m->name = name;
	m->value = v;
	if (list->last)
		list->last->next = m;
	else
		list->first = m;
	list->last = m;
	list->count++;
}

void value_append(arena *a, value *array, value *v)
{
	add(a, array, (text){"", 0}, v);
}

static member *find(const value *object, text name)
{
	for (member *m = object->first; m != NULL; m = m->next)
		if (text_equal(m->name, name))
			return m;
	return NULL;
}

void value_set(arena *a, value *object, text name, value *v)
{
	member *m = find(object, name);
	if (m)
		m->value = v;
	else
		add(a, object, name, v);
}

value *value_get(const value *object, text name)
{
	member *m = find(object, name);
	return m ? m->value : NULL;
}

bool value_remove(value *object, text name)
{
	member *before = NULL;
	for (member *m = object->first; m != NULL; before = m, m = m->next) {
		if (!text_equal(m->name, name))
			continue;
		if (before)
			before->next = m->next;
		else
			object->first = m->next;
		if (object->last == m)
			object->last = before;
		object->count--;
		return true;
	}
	return false;
}

value *value_at(const value *array, size_t index)
{
	member *m = array->first;
	while (m != NULL && index-- > 0)
		m = m->next;
	return m ? m->value : NULL;
}

value *value_copy(arena *a, const value *v)
{
	value *copy = make(a, v->kind);
	*copy = *v;
	copy->first = copy->last = NULL;
	copy->count = 0;
	for (member *m = v->first; m != NULL; m = m->next)
		add(a, copy, m->name, value_copy(a, m->value));
	return copy;
}

bool text_equal(text a, text b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.bytes, b.bytes, a.size) == 0);
}

const char *kind_name(kind k)
{
	static const char *const names[] = {"null", "boolean", "number", "string", "array", "object"};
	return names[k];
}
