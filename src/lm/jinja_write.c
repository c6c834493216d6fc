/* jinja_write.c - the texts of the template engine's values: as Python prints them, and as JSON. */
#include "lm/jinja_parts.h"

#include "base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As Python's repr(): the shortest digits that are read back as the same, from 1e16 on and below 1e-4 with an exponent. */
static void write_real(struct run *r, struct buffer *b, double x)
{
    char text[64];
    int digits = 0;
    do
        snprintf(text, sizeof text, "%.*e", digits, x);
    while (strtod(text, NULL) != x && digits++ < 16);
    int exponent = atoi(strchr(text, 'e') + 1);
    if (exponent >= -4 && exponent < 16)
        snprintf(text, sizeof text, "%.*f", digits > exponent ? digits - exponent : 1, x);
    buffer_puts(&r->pool, b, text);
}

/* As Python quotes text. */
static void write_quoted(struct run *r, struct buffer *b, const struct value *v)
{
    const char *quote = memchr(v->text, '\'', v->n) != NULL && memchr(v->text, '"', v->n) == NULL ? "\"" : "'";
    buffer_puts(&r->pool, b, quote);
    for (size_t i = 0; i < v->n; i++) {
        char escaped[8], c = v->text[i];
        if (c == '\\' || c == *quote)
            snprintf(escaped, sizeof escaped, "\\%c", c);
        else if (c == '\n' || c == '\t' || c == '\r')
            snprintf(escaped, sizeof escaped, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
        else if ((unsigned char)c < 0x20 || c == 0x7f)
            snprintf(escaped, sizeof escaped, "\\x%02x", (unsigned)c);
        else
            snprintf(escaped, sizeof escaped, "%c", c);
        buffer_puts(&r->pool, b, escaped);
    }
    buffer_puts(&r->pool, b, quote);
}

static void write_members(struct run *r, struct buffer *b, const struct value *v)
{
    bool list = v->type == VALUE_LIST, tuple = list && v->list->tuple;
    size_t n = list ? v->list->n : v->dict->n;
    buffer_puts(&r->pool, b, tuple ? "(" : list ? "[" : "{");
    for (size_t i = 0; i < n; i++) {
        buffer_puts(&r->pool, b, i ? ", " : "");
        if (!list) {
            value_write(r, b, &v->dict->key[i], true);
            buffer_puts(&r->pool, b, ": ");
        }
        value_write(r, b, list ? &v->list->item[i] : &v->dict->value[i], true);
    }
    buffer_puts(&r->pool, b, tuple ? n == 1 ? ",)" : ")" : list ? "]" : "}");
}

void value_write(struct run *r, struct buffer *b, const struct value *v, bool quoted)
{
    char number[32];
    buffer_puts(&r->pool, b, "");
    switch (v->type) {
    case VALUE_UNDEFINED:
        buffer_puts(&r->pool, b, quoted ? "Undefined" : "");
        break;
    case VALUE_NONE:
        buffer_puts(&r->pool, b, "None");
        break;
    case VALUE_BOOL:
        buffer_puts(&r->pool, b, v->truth ? "True" : "False");
        break;
    case VALUE_INT:
        snprintf(number, sizeof number, "%lld", (long long)v->whole);
        buffer_puts(&r->pool, b, number);
        break;
    case VALUE_FLOAT:
        write_real(r, b, v->real);
        break;
    case VALUE_STRING:
        if (quoted)
            write_quoted(r, b, v);
        else
            buffer_add(&r->pool, b, v->text, v->n);
        break;
    case VALUE_LIST:
    case VALUE_DICT:
        write_members(r, b, v);
        break;
    default:
        pool_fail(&r->pool, "%s has no text", value_kind(v));
    }
}

struct value value_string(struct run *r, const struct value *v)
{
    struct buffer b = {0};
    if (v->type == VALUE_STRING)
        return *v;
    value_write(r, &b, v, false);
    return value_text(b.data, b.n);
}

static void write_json_text(struct run *r, struct buffer *b, const struct value *v)
{
    static const char letters[] = "\"\\\n\r\t\b\f", means[] = "\"\\nrtbf";
    buffer_puts(&r->pool, b, "\"");
    for (size_t i = 0; i < v->n; i++) {
        char escaped[8], c = v->text[i];
        const char *known = c != '\0' ? strchr(letters, c) : NULL;
        if (known != NULL)
            snprintf(escaped, sizeof escaped, "\\%c", means[known - letters]);
        else if ((unsigned char)c < 0x20)
            snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned)c);
        else
            snprintf(escaped, sizeof escaped, "%c", c);
        buffer_puts(&r->pool, b, escaped);
    }
    buffer_puts(&r->pool, b, "\"");
}

static void new_line(struct run *r, struct buffer *b, int indent, int level)
{
    if (indent < 0)
        return;
    buffer_puts(&r->pool, b, "\n");
    for (int i = 0; i < indent * level; i++)
        buffer_puts(&r->pool, b, " ");
}

void value_write_json(struct run *r, struct buffer *b, const struct value *v, int indent, int level)
{
    bool list = v->type == VALUE_LIST;
    if (v->type == VALUE_STRING) {
        write_json_text(r, b, v);
    } else if (v->type == VALUE_NONE || v->type == VALUE_BOOL) {
        buffer_puts(&r->pool, b, v->type == VALUE_NONE ? "null" : v->truth ? "true" : "false");
    } else if (list || v->type == VALUE_DICT) {
        size_t n = list ? v->list->n : v->dict->n;
        buffer_puts(&r->pool, b, list ? "[" : "{");
        for (size_t i = 0; i < n; i++) {
            buffer_puts(&r->pool, b, i == 0 ? "" : indent < 0 ? ", " : ",");
            new_line(r, b, indent, level + 1);
            if (!list) {
                struct value key = value_string(r, &v->dict->key[i]);
                write_json_text(r, b, &key);
                buffer_puts(&r->pool, b, ": ");
            }
            value_write_json(r, b, list ? &v->list->item[i] : &v->dict->value[i], indent, level + 1);
        }
        if (n > 0)
            new_line(r, b, indent, level);
        buffer_puts(&r->pool, b, list ? "]" : "}");
    } else if (v->type == VALUE_INT || v->type == VALUE_FLOAT) {
        value_write(r, b, v, false);
    } else {
        pool_fail(&r->pool, "%s cannot be written as JSON", value_kind(v));
    }
}
