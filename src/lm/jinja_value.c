/* jinja_value.c - memory and values of the template engine; what Python does with them. */
#include "lm/jinja_parts.h"

#include "base/utf8.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Memory */

struct jinja_block {
    struct jinja_block *next;
    size_t used, size;
    _Alignas(16) char bytes[];
};

void *pool_get(struct jinja_pool *p, size_t bytes)
{
    enum { BLOCK = 16384 };
    if (bytes > JINJA_MEMORY || p->used + bytes > JINJA_MEMORY)
        pool_fail(p, "makes more than %d MB of text", JINJA_MEMORY >> 20);
    bytes = (bytes + 15) & ~(size_t)15;
    struct jinja_block *b = p->blocks;
    if (b == NULL || b->size - b->used < bytes) {
        size_t size = bytes > BLOCK ? bytes : BLOCK;
        b = calloc(1, sizeof *b + size);
        b->size = size;
        b->next = p->blocks;
        p->blocks = b;
    }
    void *out = b->bytes + b->used;
    b->used += bytes;
    p->used += bytes;
    return out;
}

char *pool_copy(struct jinja_pool *p, const char *text, size_t n)
{
    char *out = pool_get(p, n + 1);
    memcpy(out, text, n);
    return out;
}

void pool_free(struct jinja_pool *p)
{
    for (struct jinja_block *b = p->blocks, *next; b != NULL; b = next) {
        next = b->next;
        free(b);
    }
    p->blocks = NULL;
}

void pool_fail(struct jinja_pool *p, const char *format, ...)
{
    char what[300];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    utf8_mend(what);
    (void)error_set(p->err, ERR_INPUT, "%s: line %d of the chat template: %s", p->name, p->line, what);
    longjmp(p->out, 1);
}

void buffer_add(struct jinja_pool *p, struct buffer *b, const char *text, size_t n)
{
    if (b->capacity - b->n < n + 1) {
        size_t capacity = 2 * b->capacity > b->n + n + 64 ? 2 * b->capacity : b->n + n + 64;
        char *data = pool_get(p, capacity);
        if (b->n > 0)
            memcpy(data, b->data, b->n);
        b->data = data;
        b->capacity = capacity;
    }
    if (n > 0)
        memcpy(b->data + b->n, text, n);
    b->n += n;
    b->data[b->n] = '\0';
}

void buffer_puts(struct jinja_pool *p, struct buffer *b, const char *text)
{
    buffer_add(p, b, text, strlen(text));
}

/* Values */

struct value value_none(void)
{
    return (struct value){.type = VALUE_NONE};
}

struct value value_bool(bool truth)
{
    return (struct value){.type = VALUE_BOOL, .truth = truth};
}

struct value value_int(int64_t whole)
{
    return (struct value){.type = VALUE_INT, .whole = whole};
}

struct value value_undefined(const char *what)
{
    return (struct value){.type = VALUE_UNDEFINED, .what = what};
}

struct value value_function(void)
{
    return (struct value){.type = VALUE_MACRO};
}

struct value value_text(const char *text, size_t n)
{
    return (struct value){.type = VALUE_STRING, .text = n > 0 ? text : "", .n = n};
}

struct value value_list(struct run *r)
{
    return (struct value){.type = VALUE_LIST, .list = pool_get(&r->pool, sizeof(struct list))};
}

struct value value_dict(struct run *r)
{
    return (struct value){.type = VALUE_DICT, .dict = pool_get(&r->pool, sizeof(struct dict))};
}

void run_spend(struct run *r, size_t bytes)
{
    r->steps += 1 + bytes / 64;
    if (r->steps > JINJA_STEPS)
        pool_fail(&r->pool, "takes more than %d steps", JINJA_STEPS);
}

/* The depth of what holds such a value. */
static int depth_with(struct run *r, const struct value *v, int depth)
{
    int own = 1 + (v->type == VALUE_LIST ? v->list->depth : v->type == VALUE_DICT ? v->dict->depth : 0);
    if (own > JINJA_DEPTH)
        pool_fail(&r->pool, "a value is nested too deeply, expected at most %d levels", JINJA_DEPTH);
    return own > depth ? own : depth;
}

static void *grown(struct run *r, void *old, size_t n, size_t capacity, size_t size)
{
    void *new = pool_get(&r->pool, capacity * size);
    if (n > 0)
        memcpy(new, old, n * size);
    return new;
}

void list_add(struct run *r, struct list *l, struct value v)
{
    if (l->n == l->capacity) {
        l->capacity = 2 * l->capacity + 4;
        l->item = grown(r, l->item, l->n, l->capacity, sizeof *l->item);
    }
    l->depth = depth_with(r, &v, l->depth);
    l->item[l->n++] = v;
}

static size_t dict_index(const struct dict *d, const struct value *key)
{
    for (size_t i = 0; i < d->n; i++)
        if (value_equal(NULL, &d->key[i], key))
            return i;
    return d->n;
}

void dict_set(struct run *r, struct dict *d, struct value key, struct value v)
{
    size_t i = dict_index(d, &key);
    if (key.type == VALUE_LIST || key.type == VALUE_DICT)
        pool_fail(&r->pool, "%s cannot be a key, expected text or a number", value_kind(&key));
    if (i == d->capacity) {
        d->capacity = 2 * d->capacity + 4;
        d->key = grown(r, d->key, d->n, d->capacity, sizeof *d->key);
        d->value = grown(r, d->value, d->n, d->capacity, sizeof *d->value);
    }
    d->depth = depth_with(r, &v, d->depth);
    d->key[i] = key;
    d->value[i] = v;
    d->n += i == d->n;
}

const struct value *dict_get(const struct dict *d, const struct value *key)
{
    size_t i = dict_index(d, key);
    return i < d->n ? &d->value[i] : NULL;
}

const struct value *dict_find(const struct dict *d, const char *key)
{
    struct value v = value_text(key, strlen(key));
    return dict_get(d, &v);
}

static struct value from_json(struct run *r, const cJSON *json, int depth)
{
    const cJSON *child;
    struct value out = value_none();
    if (depth > JINJA_DEPTH)
        pool_fail(&r->pool, "a variable is nested too deeply, expected at most %d levels", JINJA_DEPTH);
    if (cJSON_IsBool(json)) {
        out = value_bool(cJSON_IsTrue(json));
    } else if (cJSON_IsNumber(json)) {
        double x = json->valuedouble;
        out = value_int(fabs(x) < 1e15 ? (int64_t)x : 0);
        if (x != (double)out.whole) {
            out.type = VALUE_FLOAT;
            out.real = x;
        }
    } else if (cJSON_IsString(json)) {
        out = value_text(json->valuestring, strlen(json->valuestring));
    } else if (cJSON_IsArray(json)) {
        out = value_list(r);
        cJSON_ArrayForEach(child, json) list_add(r, out.list, from_json(r, child, depth + 1));
    } else if (cJSON_IsObject(json)) {
        out = value_dict(r);
        cJSON_ArrayForEach(child, json)
            dict_set(r, out.dict, value_text(child->string, strlen(child->string)), from_json(r, child, depth + 1));
    }
    return out;
}

struct value value_from_json(struct run *r, const cJSON *json)
{
    return from_json(r, json, 0);
}

const char *value_kind(const struct value *v)
{
    static const char *const kinds[] = {[VALUE_UNDEFINED] = "what is undefined",
                                        [VALUE_NONE] = "none",
                                        [VALUE_BOOL] = "true or false",
                                        [VALUE_INT] = "a whole number",
                                        [VALUE_FLOAT] = "a number",
                                        [VALUE_STRING] = "text",
                                        [VALUE_LIST] = "a list",
                                        [VALUE_DICT] = "a dictionary",
                                        [VALUE_NAMESPACE] = "a namespace",
                                        [VALUE_MACRO] = "a macro",
                                        [VALUE_LOOP] = "the loop"};
    return kinds[v->type];
}

bool value_number(const struct value *v, double *x)
{
    *x = v->type == VALUE_FLOAT ? v->real : v->type == VALUE_INT ? (double)v->whole : v->type == VALUE_BOOL ? v->truth : 0;
    return v->type == VALUE_FLOAT || v->type == VALUE_INT || v->type == VALUE_BOOL;
}

bool value_is_true(const struct value *v)
{
    double x;
    if (value_number(v, &x))
        return x != 0;
    return v->type == VALUE_STRING ? v->n > 0
           : v->type == VALUE_LIST ? v->list->n > 0
           : v->type == VALUE_DICT ? v->dict->n > 0
                                   : v->type != VALUE_UNDEFINED && v->type != VALUE_NONE;
}

bool value_equal(struct run *r, const struct value *a, const struct value *b)
{
    double x, y;
    if (value_number(a, &x) && value_number(b, &y))
        return x == y;
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case VALUE_STRING:
        if (r != NULL && a->n == b->n)
            run_spend(r, a->n);
        return a->n == b->n && memcmp(a->text, b->text, a->n) == 0;
    case VALUE_LIST:
        for (size_t i = 0; a->list->n == b->list->n && i < a->list->n; i++)
            if (!value_equal(r, &a->list->item[i], &b->list->item[i]))
                return false;
        return a->list->n == b->list->n && a->list->tuple == b->list->tuple;
    case VALUE_DICT:
        for (size_t i = 0; a->dict->n == b->dict->n && i < a->dict->n; i++) {
            const struct value *its = dict_get(b->dict, &a->dict->key[i]);
            if (its == NULL || !value_equal(r, &a->dict->value[i], its))
                return false;
        }
        return a->dict->n == b->dict->n;
    case VALUE_NAMESPACE:
        return a->dict == b->dict;
    case VALUE_MACRO:
        return a->macro == b->macro;
    default:
        return a->type == VALUE_NONE || a->type == VALUE_UNDEFINED;
    }
}

int value_order(struct run *r, const struct value *a, const struct value *b)
{
    double x, y;
    if (value_number(a, &x) && value_number(b, &y))
        return (x > y) - (x < y);
    if (a->type != VALUE_STRING || b->type != VALUE_STRING)
        pool_fail(&r->pool, "%s and %s have no order", value_kind(a), value_kind(b));
    run_spend(r, a->n < b->n ? a->n : b->n);
    int order = memcmp(a->text, b->text, a->n < b->n ? a->n : b->n);
    return order != 0 ? order : (a->n > b->n) - (a->n < b->n);
}

bool value_is_in(struct run *r, const struct value *a, const struct value *b)
{
    if (b->type == VALUE_STRING) {
        if (a->type != VALUE_STRING)
            pool_fail(&r->pool, "%s in text, expected text", value_kind(a));
        run_spend(r, b->n);
        return memmem(b->text, b->n, a->text, a->n) != NULL;
    }
    if (b->type == VALUE_DICT)
        return dict_get(b->dict, a) != NULL;
    const struct list *l = value_items(r, b);
    for (size_t i = 0; i < l->n; i++)
        if (value_equal(r, a, &l->item[i]))
            return true;
    return false;
}

/* Bytes of the character at a place. */
static size_t character(const char *text, size_t n)
{
    size_t i = 1;
    while (i < n && ((unsigned char)text[i] & 0xc0) == 0x80)
        i++;
    return i;
}

const struct list *value_items(struct run *r, const struct value *v)
{
    struct value out = value_list(r);
    if (v->type == VALUE_LIST)
        return v->list;
    if (v->type == VALUE_STRING) {
        for (size_t i = 0, n; i < v->n; i += n) {
            n = character(v->text + i, v->n - i);
            list_add(r, out.list, value_text(v->text + i, n));
        }
    } else if (v->type == VALUE_DICT) {
        for (size_t i = 0; i < v->dict->n; i++)
            list_add(r, out.list, v->dict->key[i]);
    } else if (v->type != VALUE_UNDEFINED) {
        pool_fail(&r->pool, "%s has no members, expected a list, a dictionary or text", value_kind(v));
    }
    return out.list;
}

size_t value_length(struct run *r, const struct value *v)
{
    return v->type == VALUE_DICT ? v->dict->n : value_items(r, v)->n;
}
