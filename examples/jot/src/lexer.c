#include "lexer.h"

#include "buf.h"
#include "number.h"
#include "utf8.h"

#include <string.h>

void lexer_init(lexer *l, arena *a, const char *bytes, size_t size, error *e)
{
	*l = (lexer){.arena = a, .bytes = bytes, .size = size, .line = 1, .error = e};
	if (size >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0)
		l->at = l->line_start = 3;
}

static void skip_space(lexer *l)
{
	for (; l->at < l->size; l->at++) {
		char c = l->bytes[l->at];
		if (c == '\n') {
			l->line++;
			l->line_start = l->at + 1;
		} else if (c != ' ' && c != '\t' && c != '\r') {
			return;
		}
	}
}

static token fail(lexer *l, token t, size_t at, const char *message)
{
	error_set(l->error, l->line, at - l->line_start + 1, "%s", message);
	t.kind = T_ERROR;
	return t;
}

/* hex4 reads four hex digits; it returns -1 where there are none. */
static long hex4(const lexer *l, size_t at)
{
	long n = 0;
	if (l->size - at < 4)
		return -1;
	for (size_t i = 0; i < 4; i++) {
		char c = l->bytes[at + i];
		int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
		if (digit < 0)
			return -1;
		n = n * 16 + digit;
	}
	return n;
}

/* unicode_escape reads what follows "\u", and the second half of a pair; it returns the bytes read, or 0. */
static size_t unicode_escape(const lexer *l, size_t at, buf *out)
{
	long high = hex4(l, at);
	size_t length = 4;
	uint32_t point = (uint32_t)high;
	if (high < 0)
		return 0;
	if (high >= 0xD800 && high <= 0xDBFF) {
		if (l->size - at < 10 || l->bytes[at + 4] != '\\' || l->bytes[at + 5] != 'u')
			return 0;
		long low = hex4(l, at + 6);
		if (low < 0xDC00 || low > 0xDFFF)
			return 0;
		point = 0x10000 + (((uint32_t)high - 0xD800) << 10) + ((uint32_t)low - 0xDC00);
		length = 10;
	}
	char encoded[4];
	size_t n = utf8_encode(point, encoded);
	buf_add(out, encoded, n);
	return n ? length : 0;
}

static token string(lexer *l, token t)
{
	static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
	buf out = {0};
	const char *wrong = NULL;
	size_t at = l->at + 1;
	while (wrong == NULL) {
		if (at >= l->size) {
			wrong = "the string has no end";
			break;
		}
		unsigned char c = (unsigned char)l->bytes[at];
		if (c == '"') {
			break;
		} else if (c < 0x20) {
			wrong = "a control character in a string must be escaped";
		} else if (c == '\\' && at + 1 < l->size && l->bytes[at + 1] == 'u') {
			size_t n = unicode_escape(l, at + 2, &out);
			if (n == 0)
				wrong = "\\u is not followed by a character";
			else
				at += 2 + n;
		} else if (c == '\\') {
			const char *escape = at + 1 < l->size && l->bytes[at + 1] ? strchr(escapes, l->bytes[at + 1]) : NULL;
			if (escape == NULL) {
				wrong = "no such escape";
			} else {
				buf_char(&out, meanings[escape - escapes]);
				at += 2;
			}
		} else {
			uint32_t point;
			size_t n = utf8_decode(l->bytes + at, l->size - at, &point);
			if (n == 0)
				wrong = "the string is not UTF-8";
			else
				buf_add(&out, l->bytes + at, n);
			at += n;
		}
	}
	if (wrong) {
		t = fail(l, t, at, wrong);
	} else {
		t.kind = T_STRING;
		t.text = (text){arena_copy(l->arena, out.bytes, out.size), out.size};
		l->at = at + 1;
	}
	buf_free(&out);
	return t;
}

static token word(lexer *l, token t)
{
	static const struct {
		const char *word;
		token_kind kind;
	} words[] = {{"null", T_NULL}, {"true", T_TRUE}, {"false", T_FALSE}};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		size_t n = strlen(words[i].word);
		if (l->size - l->at >= n && memcmp(l->bytes + l->at, words[i].word, n) == 0) {
			t.kind = words[i].kind;
			l->at += n;
			return t;
		}
	}
	return fail(l, t, l->at, "a value is expected");
}

token lexer_next(lexer *l)
{
	static const char marks[] = "{}[]:,";
	static const token_kind kinds[] = {T_OPEN_OBJECT, T_CLOSE_OBJECT, T_OPEN_ARRAY, T_CLOSE_ARRAY, T_COLON, T_COMMA};
	skip_space(l);
	token t = {.kind = T_END, .line = l->line, .column = l->at - l->line_start + 1};
	if (l->at == l->size)
		return t;
	char c = l->bytes[l->at];
	const char *mark = c ? strchr(marks, c) : NULL;
	if (mark) {
		t.kind = kinds[mark - marks];
		l->at++;
		return t;
	}
	if (c == '"')
		return string(l, t);
	if (c != '-' && (c < '0' || c > '9'))
		return word(l, t);
	size_t n = number_scan(l->bytes + l->at, l->size - l->at);
	if (n == 0)
		return fail(l, t, l->at, "the number is not written as JSON wants it");
	t.kind = T_NUMBER;
	t.text = (text){arena_copy(l->arena, l->bytes + l->at, n), n};
	l->at += n;
	return t;
}

const char *token_name(token_kind k)
{
	static const char *const names[] = {
		"the end", "an error", "\"{\"", "\"}\"", "\"[\"", "\"]\"", "\":\"", "\",\"", "null", "true", "false", "a number", "a string",
	};
	return names[k];
}
