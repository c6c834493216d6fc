/* jinja_lex.c - see jinja_lex.h. */
#include "lm/jinja_lex.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Text and tags */

static void count_lines(struct lexer *l, const char *from, const char *to)
{
    for (; from < to; from++)
        l->pool->line += *from == '\n';
}

static void skip_spaces(struct lexer *l)
{
    const char *from = l->at;
    while (l->at < l->end && isspace((unsigned char)*l->at))
        l->at++;
    count_lines(l, from, l->at);
}

/* After "%}", "-%}", "#}" and their like: what is cut from the text behind. */
static void end_tag(struct lexer *l, bool cut, bool block)
{
    const char *from = l->at;
    if (cut)
        skip_spaces(l);
    else if (block && l->at < l->end && *l->at == '\n') {
        l->at++;
        l->pool->line++;
    }
    l->line_starts = l->at > from && l->at[-1] == '\n';
}

static bool looking_at(const struct lexer *l, const char *text)
{
    size_t n = strlen(text);
    return (size_t)(l->end - l->at) >= n && memcmp(l->at, text, n) == 0;
}

struct node *node_new(struct lexer *l, enum node_kind kind)
{
    struct node *n = pool_get(l->pool, sizeof *n);
    n->kind = kind;
    n->line = l->pool->line;
    return n;
}

struct node *lex_text(struct lexer *l, char *tag)
{
    const char *from = l->at, *q = from;
    while (q < l->end && !(q + 1 < l->end && q[0] == '{' && strchr("{%#", q[1]) != NULL))
        q++;
    *tag = q < l->end ? q[1] : '\0';
    const char *to = q;
    char sign = q + 2 < l->end ? q[2] : '\0';
    if (*tag != '\0' && sign == '-') {
        while (to > from && isspace((unsigned char)to[-1]))
            to--;
    } else if (*tag == '%' || *tag == '#') {
        const char *line = to;
        while (line > from && line[-1] != '\n' && isspace((unsigned char)line[-1]))
            line--;
        bool begins = line > from ? line[-1] == '\n' : l->line_starts;
        to = begins && sign != '+' ? line : to;
    }
    count_lines(l, from, q);
    l->at = *tag != '\0' ? q + 2 + (sign == '-' || sign == '+') : q;
    if (to == from)
        return NULL;
    struct node *n = node_new(l, NODE_TEXT);
    n->constant = value_text(from, (size_t)(to - from));
    return n;
}

void lex_comment(struct lexer *l)
{
    const char *from = l->at;
    while (l->at < l->end && !looking_at(l, "#}"))
        l->at++;
    if (l->at == l->end)
        pool_fail(l->pool, "a comment does not end, expected #}");
    count_lines(l, from, l->at);
    bool cut = l->at > from && l->at[-1] == '-', keep = l->at > from && l->at[-1] == '+';
    l->at += 2;
    end_tag(l, cut, !keep);
}

void lex_open(struct lexer *l, char closes)
{
    l->closes = closes;
    l->brackets = 0;
    lex_advance(l);
}

/* Tokens */

static void read_escape(struct lexer *l, struct buffer *b)
{
    static const char letters[] = "ntrabfv\\'\"", means[] = "\n\t\r\a\b\f\v\\'\"";
    char c = *l->at++;
    const char *known = c != '\0' ? strchr(letters, c) : NULL;
    int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (c == '\n') {
        l->pool->line++;
    } else if (known != NULL) {
        buffer_add(l->pool, b, &means[known - letters], 1);
    } else if (digits > 0 && l->end - l->at >= digits) {
        char number[9] = {0}, utf8[4];
        memcpy(number, l->at, (size_t)digits);
        unsigned long x = strtoul(number, NULL, 16);
        if (strspn(number, "0123456789abcdefABCDEF") != (size_t)digits || x > 0x10ffff || (x >= 0xd800 && x < 0xe000))
            pool_fail(l->pool, "\\%c%.8s is no character, expected hexadecimal digits of one", c, number);
        size_t n = x < 0x80 ? 1 : x < 0x800 ? 2 : x < 0x10000 ? 3 : 4;
        for (size_t i = n; i-- > 1; x >>= 6)
            utf8[i] = (char)(0x80 | (x & 0x3f));
        utf8[0] = (char)(n == 1 ? x : (0xf00u >> n & 0xf0) | x);
        buffer_add(l->pool, b, utf8, n);
        l->at += digits;
    } else {
        buffer_add(l->pool, b, "\\", 1);
        buffer_add(l->pool, b, &c, 1);
    }
}

static void read_string(struct lexer *l)
{
    char quote = *l->at++;
    struct buffer b = {0};
    buffer_puts(l->pool, &b, "");
    while (l->at < l->end && *l->at != quote) {
        if (*l->at == '\\' && l->at + 1 < l->end) {
            l->at++;
            read_escape(l, &b);
            continue;
        }
        l->pool->line += *l->at == '\n';
        buffer_add(l->pool, &b, l->at++, 1);
    }
    if (l->at >= l->end)
        pool_fail(l->pool, "a string does not end, expected %c", quote);
    l->at++;
    l->token = (struct token){TOKEN_STRING, "a string", value_text(b.data, b.n)};
}

static void read_number(struct lexer *l)
{
    char digits[64];
    size_t n = 0;
    bool real = false;
    for (; l->at < l->end && n + 1 < sizeof digits; l->at++) {
        bool point = *l->at == '.' && !real && l->at + 1 < l->end && isdigit((unsigned char)l->at[1]);
        bool power = (*l->at == 'e' || *l->at == 'E') && l->at + 1 < l->end &&
                     (isdigit((unsigned char)l->at[1]) ||
                      (strchr("+-", l->at[1]) && l->at + 2 < l->end && isdigit((unsigned char)l->at[2])));
        if (point || power) {
            real = true;
            digits[n++] = *l->at;
            if (power && strchr("+-", l->at[1]) != NULL)
                digits[n++] = *++l->at;
        } else if (isdigit((unsigned char)*l->at)) {
            digits[n++] = *l->at;
        } else if (*l->at != '_') {
            break;
        }
    }
    digits[n] = '\0';
    if (n > 18 && !real)
        pool_fail(l->pool, "%s is too large, expected up to 18 digits", digits);
    l->token = (struct token){real ? TOKEN_FLOAT : TOKEN_INT, "a number", value_int(0)};
    l->token.value.type = real ? VALUE_FLOAT : VALUE_INT;
    if (real)
        l->token.value.real = strtod(digits, NULL);
    else
        l->token.value.whole = strtoll(digits, NULL, 10);
}

void lex_advance(struct lexer *l)
{
    static const char *const signs[] = {"**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<",
                                        ">",  "=",  "(",  ")",  "[",  "]",  "{", "}", "|", ",", ".", ":"};
    skip_spaces(l);
    const char close[] = {l->closes, '}', '\0'}, cut[] = {'-', l->closes, '}', '\0'}, keep[] = {'+', l->closes, '}', '\0'};
    if (l->at == l->end)
        pool_fail(l->pool, "a tag does not end, expected %s", close);
    if (l->brackets == 0 && (looking_at(l, close) || looking_at(l, cut) || (l->closes == '%' && looking_at(l, keep)))) {
        bool minus = *l->at == '-', plus = *l->at == '+';
        l->at += 2 + (minus || plus);
        l->token = (struct token){TOKEN_END, "the end of the tag", value_none()};
        end_tag(l, minus, l->closes == '%' && !plus);
        return;
    }
    unsigned char c = (unsigned char)*l->at;
    if (isalpha(c) || c == '_' || c >= 0x80) {
        const char *from = l->at;
        while (l->at < l->end && (isalnum((unsigned char)*l->at) || *l->at == '_' || (unsigned char)*l->at >= 0x80))
            l->at++;
        l->token = (struct token){TOKEN_NAME, pool_copy(l->pool, from, (size_t)(l->at - from)), value_none()};
        return;
    }
    if (isdigit(c)) {
        read_number(l);
        return;
    }
    if (c == '"' || c == '\'') {
        read_string(l);
        return;
    }
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (looking_at(l, signs[i])) {
            l->brackets += strchr("([{", *l->at) != NULL ? 1 : strchr(")]}", *l->at) != NULL ? -1 : 0;
            l->at += strlen(signs[i]);
            l->token = (struct token){TOKEN_SIGN, signs[i], value_none()};
            return;
        }
    pool_fail(l->pool, "'%c' is not known here, expected an expression", isprint(c) ? c : '?');
}

bool lex_is(const struct lexer *l, enum token_kind kind, const char *text)
{
    return l->token.kind == kind && strcmp(l->token.text, text) == 0;
}

bool lex_take(struct lexer *l, enum token_kind kind, const char *text)
{
    if (!lex_is(l, kind, text))
        return false;
    lex_advance(l);
    return true;
}

void lex_expect(struct lexer *l, const char *sign)
{
    if (!lex_take(l, TOKEN_SIGN, sign))
        pool_fail(l->pool, "found %s, expected '%s'", l->token.text, sign);
}

const char *lex_name(struct lexer *l)
{
    if (l->token.kind != TOKEN_NAME)
        pool_fail(l->pool, "found %s, expected a name", l->token.text);
    const char *name = l->token.text;
    lex_advance(l);
    return name;
}

void lex_end(const struct lexer *l)
{
    if (l->token.kind != TOKEN_END)
        pool_fail(l->pool, "found %s, expected the end of the tag", l->token.text);
}
