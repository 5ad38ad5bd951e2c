#include "writer.h"

#include "number.h"

#include <stdio.h>

void write_string(buf *out, text t)
{
	buf_char(out, '"');
	for (size_t i = 0; i < t.size; i++) {
		unsigned char c = (unsigned char)t.bytes[i];
		switch (c) {
		case '"':
			buf_text(out, "\\\"");
			break;
		case '\\':
			buf_text(out, "\\\\");
			break;
		case '\n':
			buf_text(out, "\\n");
			break;
		case '\r':
			buf_text(out, "\\r");
			break;
		case '\t':
			buf_text(out, "\\t");
			break;
		default:
			if (c < 0x20 || c == 0x7F) {
				char escaped[8];
				snprintf(escaped, sizeof escaped, "\\u%04x", c);
				buf_text(out, escaped);
			} else {
				buf_char(out, (char)c);
			}
		}
	}
	buf_char(out, '"');
}

static void line(buf *out, int indent, int level)
{
	if (indent == 0)
		return;
	buf_char(out, '\n');
	buf_fill(out, ' ', (size_t)indent * (size_t)level);
}

static void write_at(buf *out, const value *v, int indent, int level);

static void write_list(buf *out, const value *v, int indent, int level)
{
	int object = v->kind == V_OBJECT;
	buf_char(out, object ? '{' : '[');
	for (const member *m = v->first; m != NULL; m = m->next) {
		line(out, indent, level + 1);
		if (object) {
			write_string(out, m->name);
			buf_text(out, indent ? ": " : ":");
		}
		write_at(out, m->value, indent, level + 1);
		if (m->next)
			buf_char(out, ',');
	}
	if (v->count > 0)
		line(out, indent, level);
	buf_char(out, object ? '}' : ']');
}

static void write_at(buf *out, const value *v, int indent, int level)
{
	char number[40];
	switch (v->kind) {
	case V_NULL:
		buf_text(out, "null");
		break;
	case V_BOOL:
		buf_text(out, v->truth ? "true" : "false");
		break;
	case V_NUMBER:
		/* What was read is written as it was: 1.10 stays so, and digits beyond a double's are kept. */
		if (v->string.size > 0)
			buf_add(out, v->string.bytes, v->string.size);
		else
			buf_add(out, number, number_format(v->number, number, sizeof number));
		break;
	case V_STRING:
		write_string(out, v->string);
		break;
	case V_ARRAY:
	case V_OBJECT:
		write_list(out, v, indent, level);
		break;
	}
}

void write_value(buf *out, const value *v, int indent)
{
	write_at(out, v, indent, 0);
}
