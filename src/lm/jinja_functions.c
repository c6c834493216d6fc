/* jinja_functions.c - the functions and tests that chat templates call by name; filters and methods are in jinja_filters.c. */
#include "lm/jinja_parts.h"

#include <stdlib.h>
#include <string.h>

struct test {
    const char *name;
    bool (*is)(struct run *, const struct value *, const struct value *);
    bool argument; /* it has one */
};

static bool is_undefined(struct run *r, const struct value *v, const struct value *a)
{
    (void)r, (void)a;
    return v->type == VALUE_UNDEFINED;
}

static bool is_defined(struct run *r, const struct value *v, const struct value *a)
{
    return !is_undefined(r, v, a);
}

static bool is_none(struct run *r, const struct value *v, const struct value *a)
{
    (void)r, (void)a;
    return v->type == VALUE_NONE;
}

static bool is_string(struct run *r, const struct value *v, const struct value *a)
{
    (void)r, (void)a;
    return v->type == VALUE_STRING;
}

static bool is_mapping(struct run *r, const struct value *v, const struct value *a)
{
    (void)r, (void)a;
    return v->type == VALUE_DICT;
}

static bool is_sequence(struct run *r, const struct value *v, const struct value *a)
{
    (void)r, (void)a;
    return v->type == VALUE_LIST || v->type == VALUE_DICT || v->type == VALUE_STRING;
}

static bool is_iterable(struct run *r, const struct value *v, const struct value *a)
{
    return is_sequence(r, v, a) || v->type == VALUE_UNDEFINED;
}

static bool is_number(struct run *r, const struct value *v, const struct value *a)
{
    double x;
    (void)r, (void)a;
    return value_number(v, &x);
}

static bool is_integer(struct run *r, const struct value *v, const struct value *a)
{
    (void)r, (void)a;
    return v->type == VALUE_INT;
}

static bool is_float(struct run *r, const struct value *v, const struct value *a)
{
    (void)r, (void)a;
    return v->type == VALUE_FLOAT;
}

static bool is_boolean(struct run *r, const struct value *v, const struct value *a)
{
    (void)r, (void)a;
    return v->type == VALUE_BOOL;
}

static bool is_true(struct run *r, const struct value *v, const struct value *a)
{
    return is_boolean(r, v, a) && v->truth;
}

static bool is_false(struct run *r, const struct value *v, const struct value *a)
{
    return is_boolean(r, v, a) && !v->truth;
}

static bool is_callable(struct run *r, const struct value *v, const struct value *a)
{
    (void)r, (void)a;
    return v->type == VALUE_MACRO;
}

static bool is_equal(struct run *r, const struct value *v, const struct value *a)
{
    return value_equal(r, v, a);
}

static bool is_unequal(struct run *r, const struct value *v, const struct value *a)
{
    return !value_equal(r, v, a);
}

static bool is_in(struct run *r, const struct value *v, const struct value *a)
{
    return value_is_in(r, v, a);
}

/* What is left of a division by `by`. */
static int64_t rest(struct run *r, const struct value *v, int64_t by)
{
    if ((v->type != VALUE_INT && v->type != VALUE_BOOL) || by == 0)
        pool_fail(&r->pool, "%s is divided, expected a whole number, and not by 0", value_kind(v));
    return by == -1 ? 0 : (v->type == VALUE_INT ? v->whole : v->truth) % by;
}

static bool is_odd(struct run *r, const struct value *v, const struct value *a)
{
    (void)a;
    return rest(r, v, 2) != 0;
}

static bool is_even(struct run *r, const struct value *v, const struct value *a)
{
    return !is_odd(r, v, a);
}

static bool is_divisible(struct run *r, const struct value *v, const struct value *a)
{
    return rest(r, v, a->type == VALUE_INT ? a->whole : 0) == 0;
}

static const struct test TESTS[] = {{"undefined", is_undefined, false},
                                    {"defined", is_defined, false},
                                    {"none", is_none, false},
                                    {"string", is_string, false},
                                    {"mapping", is_mapping, false},
                                    {"sequence", is_sequence, false},
                                    {"iterable", is_iterable, false},
                                    {"number", is_number, false},
                                    {"integer", is_integer, false},
                                    {"float", is_float, false},
                                    {"boolean", is_boolean, false},
                                    {"true", is_true, false},
                                    {"false", is_false, false},
                                    {"callable", is_callable, false},
                                    {"odd", is_odd, false},
                                    {"even", is_even, false},
                                    {"equalto", is_equal, true},
                                    {"eq", is_equal, true},
                                    {"==", is_equal, true},
                                    {"ne", is_unequal, true},
                                    {"!=", is_unequal, true},
                                    {"in", is_in, true},
                                    {"divisibleby", is_divisible, true}};

static const struct test *find_test(const char *name)
{
    for (size_t i = 0; i < sizeof TESTS / sizeof *TESTS; i++)
        if (strcmp(TESTS[i].name, name) == 0)
            return &TESTS[i];
    return NULL;
}

bool jinja_has_test(const char *name)
{
    return find_test(name) != NULL;
}

bool jinja_test(struct run *r, const char *name, const struct value *v, const struct call *c)
{
    const struct test *t = find_test(name);
    if (t == NULL)
        pool_fail(&r->pool, "the test '%.60s' is not known", name);
    if (c->n != (t->argument ? 1 : 0) || c->n_named > 0)
        pool_fail(&r->pool, "the test '%s' has %zu arguments, expected %d", name, c->n + c->n_named, t->argument ? 1 : 0);
    return t->is(r, v, c->item);
}

/* Functions */

static int64_t whole(struct run *r, const struct value *v)
{
    if (v->type != VALUE_INT)
        pool_fail(&r->pool, "%s is an argument, expected a whole number", value_kind(v));
    return v->whole;
}

static struct value range(struct run *r, const struct call *c)
{
    struct value out = value_list(r);
    if (c->n < 1 || c->n > 3 || c->n_named > 0)
        pool_fail(&r->pool, "range has %zu arguments, expected 1 to 3", c->n + c->n_named);
    int64_t from = c->n > 1 ? whole(r, &c->item[0]) : 0, to = whole(r, &c->item[c->n > 1]);
    int64_t step = c->n > 2 ? whole(r, &c->item[2]) : 1;
    if (step == 0)
        pool_fail(&r->pool, "range goes on by 0, expected another number");
    for (int64_t i = from; step > 0 ? i < to : i > to;) {
        if (out.list->n >= JINJA_RANGE)
            pool_fail(&r->pool, "range has more than %d numbers", JINJA_RANGE);
        list_add(r, out.list, value_int(i));
        if (__builtin_add_overflow(i, step, &i))
            break;
    }
    return out;
}

static struct value dictionary(struct run *r, const struct call *c)
{
    struct value out = value_dict(r);
    if (c->n > 0)
        pool_fail(&r->pool, "arguments without a name are not known here, expected name=value");
    for (size_t i = 0; i < c->n_named; i++)
        dict_set(r, out.dict, value_text(c->name[i], strlen(c->name[i])), c->named[i]);
    return out;
}

static struct value namespace(struct run *r, const struct call *c)
{
    struct value out = dictionary(r, c);
    out.type = VALUE_NAMESPACE;
    return out;
}

static struct value raise_exception(struct run *r, const struct call *c)
{
    const struct value *message = call_argument(c, 0, "message");
    struct value text = message ? value_string(r, message) : value_text("", 0);
    pool_fail(&r->pool, "it refuses these messages: %.*s", (int)(text.n < 200 ? text.n : 200), text.text);
}

static struct value strftime_now(struct run *r, const struct call *c)
{
    enum { MOST = 256 };
    char *text = pool_get(&r->pool, MOST);
    struct tm t;
    const struct value *format = call_argument(c, 0, "format");
    if (format == NULL || format->type != VALUE_STRING)
        pool_fail(&r->pool, "strftime_now has no format, expected text");
    char *copy = pool_copy(&r->pool, format->text, format->n);
    gmtime_r(&r->now, &t);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    size_t n = strftime(text, MOST, copy, &t);
#pragma GCC diagnostic pop
    return value_text(text, n);
}

static const struct {
    const char *name;
    struct value (*call)(struct run *, const struct call *);
} FUNCTIONS[] = {{"range", range},
                 {"dict", dictionary},
                 {"namespace", namespace},
                 {"raise_exception", raise_exception},
                 {"strftime_now", strftime_now}};

bool jinja_has_function(const char *name)
{
    for (size_t i = 0; i < sizeof FUNCTIONS / sizeof *FUNCTIONS; i++)
        if (strcmp(FUNCTIONS[i].name, name) == 0)
            return true;
    return false;
}

struct value jinja_function(struct run *r, const char *name, const struct call *c)
{
    for (size_t i = 0; i < sizeof FUNCTIONS / sizeof *FUNCTIONS; i++)
        if (strcmp(FUNCTIONS[i].name, name) == 0)
            return FUNCTIONS[i].call(r, c);
    pool_fail(&r->pool, "the function '%.60s' is not known", name);
}
