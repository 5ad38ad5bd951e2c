#include "parser.h"

#include "lexer.h"
#include "number.h"

/* Deeper documents are refused rather than that they overflow the stack. */
enum { MAX_DEPTH = 512 };

typedef struct {
	lexer lexer;
	token token; /* the next one */
	int depth;
} parser;

static value *parse_value(parser *p);

static void advance(parser *p)
{
	p->token = lexer_next(&p->lexer);
}

static value *unexpected(parser *p, const char *wanted)
{
	/* Where the lexer failed its error is set, and this one does nothing. */
	error_set(p->lexer.error, p->token.line, p->token.column, "%s is expected, not %s", wanted, token_name(p->token.kind));
	return NULL;
}

static value *parse_array(parser *p)
{
	value *array = value_array(p->lexer.arena);
	advance(p);
	if (p->token.kind != T_CLOSE_ARRAY) {
		for (;;) {
			value *v = parse_value(p);
			if (v == NULL)
				return NULL;
			value_append(p->lexer.arena, array, v);
			if (p->token.kind != T_COMMA)
				break;
			advance(p);
		}
	}
	if (p->token.kind != T_CLOSE_ARRAY)
		return unexpected(p, "\",\" or \"]\"");
	advance(p);
	return array;
}

static value *parse_object(parser *p)
{
	value *object = value_object(p->lexer.arena);
	advance(p);
	if (p->token.kind != T_CLOSE_OBJECT) {
		for (;;) {
			if (p->token.kind != T_STRING)
				return unexpected(p, "a name in quotes");
			text name = p->token.text;
			advance(p);
			if (p->token.kind != T_COLON)
				return unexpected(p, "\":\"");
			advance(p);
			value *v = parse_value(p);
			if (v == NULL)
				return NULL;
			value_set(p->lexer.arena, object, name, v);
			if (p->token.kind != T_COMMA)
				break;
			advance(p);
		}
	}
	if (p->token.kind != T_CLOSE_OBJECT)
		return unexpected(p, "\",\" or \"}\"");
	advance(p);
	return object;
}

static value *parse_scalar(parser *p)
{
	arena *a = p->lexer.arena;
	value *v = NULL;
	switch (p->token.kind) {
	case T_NULL:
		v = value_null(a);
		break;
	case T_TRUE:
	case T_FALSE:
		v = value_bool(a, p->token.kind == T_TRUE);
		break;
	case T_NUMBER:
		v = value_number(a, number_parse(p->token.text.bytes, p->token.text.size));
		v->string = p->token.text;
		break;
	case T_STRING:
		v = value_string(a, p->token.text.bytes, p->token.text.size);
		break;
	default:
		return unexpected(p, "a value");
	}
	advance(p);
	return v;
}

static value *parse_value(parser *p)
{
	if (p->token.kind != T_OPEN_ARRAY && p->token.kind != T_OPEN_OBJECT)
		return parse_scalar(p);
	if (p->depth == MAX_DEPTH) {
		error_set(p->lexer.error, p->token.line, p->token.column, "more than %d levels", MAX_DEPTH);
		return NULL;
	}
	p->depth++;
	value *v = p->token.kind == T_OPEN_ARRAY ? parse_array(p) : parse_object(p);
	p->depth--;
	return v;
}

value *parse(arena *a, const char *bytes, size_t size, error *e)
{
	parser p = {.depth = 0};
	lexer_init(&p.lexer, a, bytes, size, e);
	advance(&p);
	value *v = parse_value(&p);
	if (v != NULL && p.token.kind != T_END)
		return unexpected(&p, "the end");
	return v;
}
