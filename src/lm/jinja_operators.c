/* jinja_operators.c - members, parts and operators of values in chat templates, as Python has them. */
#include "lm/jinja_parts.h"

#include <math.h>
#include <string.h>

/* Looking at what is undefined is no error, looking into it is. */
const struct value *value_must(struct run *r, const struct value *v, const char *what)
{
    if (v->type == VALUE_UNDEFINED)
        pool_fail(&r->pool, "'%.60s' is undefined", v->what ? v->what : what);
    return v;
}

struct value value_attribute(struct run *r, const struct value *v, const char *name)
{
    const struct value *found = NULL;
    value_must(r, v, name);
    if (jinja_has_method(v, name)) /* before a member of that name; it is defined, and may be called */
        return value_function();
    if (v->type == VALUE_DICT || v->type == VALUE_NAMESPACE)
        found = dict_find(v->dict, name);
    if (v->type != VALUE_LOOP)
        return found ? *found : value_undefined(name);
    const struct loop *l = v->loop;
    const struct {
        const char *name;
        struct value value;
    } members[] = {{"index", value_int((int64_t)l->at + 1)},
                   {"index0", value_int((int64_t)l->at)},
                   {"revindex", value_int((int64_t)(l->items->n - l->at))},
                   {"revindex0", value_int((int64_t)(l->items->n - l->at) - 1)},
                   {"first", value_bool(l->at == 0)},
                   {"last", value_bool(l->at + 1 == l->items->n)},
                   {"length", value_int((int64_t)l->items->n)},
                   {"depth", value_int((int64_t)l->depth)},
                   {"depth0", value_int((int64_t)l->depth - 1)},
                   {"previtem", l->at > 0 ? l->items->item[l->at - 1] : value_undefined("loop.previtem")},
                   {"nextitem", l->at + 1 < l->items->n ? l->items->item[l->at + 1] : value_undefined("loop.nextitem")}};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (strcmp(members[i].name, name) == 0)
            return members[i].value;
    pool_fail(&r->pool, "loop.%.60s is not known", name);
}

struct value value_item(struct run *r, const struct value *v, const struct value *key)
{
    value_must(r, v, "a value");
    if (v->type == VALUE_DICT) {
        const struct value *found = dict_get(v->dict, key);
        return found ? *found : value_undefined(key->type == VALUE_STRING ? pool_copy(&r->pool, key->text, key->n) : NULL);
    }
    if ((v->type == VALUE_NAMESPACE || v->type == VALUE_LOOP) && key->type == VALUE_STRING)
        return value_attribute(r, v, pool_copy(&r->pool, key->text, key->n));
    if ((v->type != VALUE_LIST && v->type != VALUE_STRING) || (key->type != VALUE_INT && key->type != VALUE_BOOL))
        return value_undefined(NULL);
    const struct list *l = value_items(r, v);
    int64_t i = key->type == VALUE_INT ? key->whole : key->truth, n = (int64_t)l->n;
    i += i < 0 ? n : 0;
    return i >= 0 && i < n ? l->item[i] : value_undefined("list index");
}

/* One end of a slice as Python has it. */
static int64_t bound(struct run *r, const struct value *v, int64_t missing, int64_t low, int64_t high, int64_t n)
{
    if (v == NULL || v->type == VALUE_NONE)
        return missing;
    if (v->type != VALUE_INT)
        pool_fail(&r->pool, "%s bounds a part, expected a whole number", value_kind(v));
    int64_t i = v->whole < 0 ? v->whole + n : v->whole;
    return i < low ? low : i > high ? high : i;
}

struct value value_slice(struct run *r, const struct value *v, const struct value *from, const struct value *to,
                         const struct value *by)
{
    value_must(r, v, "a value");
    if (v->type != VALUE_LIST && v->type != VALUE_STRING)
        pool_fail(&r->pool, "%s has no parts, expected a list or text", value_kind(v));
    const struct list *l = value_items(r, v);
    int64_t n = (int64_t)l->n, s = bound(r, by, 1, INT64_MIN, INT64_MAX, 0);
    if (s == 0)
        pool_fail(&r->pool, "steps of 0, expected another number");
    int64_t i = s > 0 ? bound(r, from, 0, 0, n, n) : bound(r, from, n - 1, -1, n - 1, n);
    int64_t end = s > 0 ? bound(r, to, n, 0, n, n) : bound(r, to, -1, -1, n - 1, n);
    struct value out = value_list(r);
    struct buffer text = {0};
    out.list->tuple = v->type == VALUE_LIST && v->list->tuple;
    buffer_puts(&r->pool, &text, "");
    for (; s > 0 ? i < end : i > end; i += s) {
        if (v->type == VALUE_LIST)
            list_add(r, out.list, l->item[i]);
        else
            buffer_add(&r->pool, &text, l->item[i].text, l->item[i].n);
        if (s > n || s < -n)
            break;
    }
    return v->type == VALUE_LIST ? out : value_text(text.data, text.n);
}

static struct value add(struct run *r, const struct value *a, const struct value *b)
{
    if (a->type == VALUE_STRING && b->type == VALUE_STRING) {
        struct buffer out = {0};
        buffer_add(&r->pool, &out, a->text, a->n);
        buffer_add(&r->pool, &out, b->text, b->n);
        return value_text(out.data, out.n);
    }
    struct value out = value_list(r);
    out.list->tuple = a->list->tuple;
    for (size_t i = 0; i < a->list->n; i++)
        list_add(r, out.list, a->list->item[i]);
    for (size_t i = 0; i < b->list->n; i++)
        list_add(r, out.list, b->list->item[i]);
    return out;
}

static struct value whole_result(struct run *r, char sign, bool twice, int64_t x, int64_t y)
{
    int64_t out = 0;
    bool fits = true;
    if ((sign == '/' || sign == '%') && y == 0)
        pool_fail(&r->pool, "divides by 0");
    if ((sign == '/' || sign == '%') && y == -1)
        return sign == '%' ? value_int(0) : whole_result(r, '-', false, 0, x);
    switch (sign) {
    case '+':
        fits = !__builtin_add_overflow(x, y, &out);
        break;
    case '-':
        fits = !__builtin_sub_overflow(x, y, &out);
        break;
    case '/': /* towards minus infinity, as Python does */
        out = x / y - (x % y != 0 && (x < 0) != (y < 0));
        break;
    case '%':
        out = x % y + (x % y != 0 && (x < 0) != (y < 0) ? y : 0);
        break;
    default:
        if (!twice) {
            fits = !__builtin_mul_overflow(x, y, &out);
            break;
        }
        out = x == 0 ? y == 0 : x == -1 && y % 2 != 0 ? -1 : 1;
        for (; (x > 1 || x < -1) && y > 0 && fits; y--)
            fits = !__builtin_mul_overflow(out, x, &out);
    }
    if (!fits)
        pool_fail(&r->pool, "a number is too large, expected 64 bits");
    return value_int(out);
}

static int64_t whole_of(const struct value *v)
{
    return v->type == VALUE_INT ? v->whole : v->truth;
}

struct value value_arithmetic(struct run *r, const char *sign, const struct value *a, const struct value *b)
{
    double x, y;
    bool whole = a->type != VALUE_FLOAT && b->type != VALUE_FLOAT, twice = sign[1] != '\0';
    if (*sign == '~') {
        struct value left = value_string(r, a), right = value_string(r, b);
        return add(r, &left, &right);
    }
    value_must(r, a, "a value");
    value_must(r, b, "a value");
    if (*sign == '+' && a->type == b->type && (a->type == VALUE_STRING || a->type == VALUE_LIST))
        return add(r, a, b);
    if (!value_number(a, &x) || !value_number(b, &y))
        pool_fail(&r->pool, "%s %s %s is not known, expected numbers%s", value_kind(a), sign, value_kind(b),
                  *sign == '+' ? ", two texts or two lists" : "");
    if (whole && (*sign != '/' || twice) && !(*sign == '*' && twice && y < 0))
        return whole_result(r, *sign, twice, whole_of(a), whole_of(b));
    if ((*sign == '/' || *sign == '%') && y == 0)
        pool_fail(&r->pool, "divides by 0");
    struct value out = {.type = VALUE_FLOAT};
    out.real = *sign == '+'   ? x + y
               : *sign == '-' ? x - y
               : *sign == '*' ? twice ? pow(x, y) : x * y
               : *sign == '/' ? twice ? floor(x / y) : x / y
                              : x - y * floor(x / y);
    if (!isfinite(out.real))
        pool_fail(&r->pool, "a number is too large");
    return out;
}

bool value_compare(struct run *r, const char *by, const struct value *a, const struct value *b)
{
    if (strcmp(by, "==") == 0 || strcmp(by, "!=") == 0)
        return value_equal(r, a, b) == (*by == '=');
    if (strcmp(by, "in") == 0 || strcmp(by, "not in") == 0)
        return value_is_in(r, a, b) == (*by == 'i');
    value_must(r, a, "a value");
    value_must(r, b, "a value");
    int order = value_order(r, a, b);
    return by[1] == '=' && order == 0 ? true : *by == '<' ? order < 0 : order > 0;
}
