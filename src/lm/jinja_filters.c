/* jinja_filters.c - the filters and methods of chat templates: x | trim, x.strip(). Many are one function under two names; those
 * of text are in jinja_text.c. */
#include "lm/jinja_call.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct value join_filter(struct run *r, const struct value *v, const struct call *c)
{
    struct value between = jinja_text_argument(r, c, 0, "d", "");
    return jinja_text_joined(r, v, &between);
}

static struct value length(struct run *r, const struct value *v, const struct call *c)
{
    (void)c;
    return value_int((int64_t)value_length(r, v));
}

static struct value to_list(struct run *r, const struct value *v, const struct call *c)
{
    const struct list *l = value_items(r, v);
    struct value out = value_list(r);
    (void)c;
    for (size_t i = 0; i < l->n; i++)
        list_add(r, out.list, l->item[i]);
    return out;
}

static struct value first(struct run *r, const struct value *v, const struct call *c)
{
    const struct list *l = value_items(r, v);
    (void)c;
    return l->n > 0 ? l->item[0] : value_undefined("the first of nothing");
}

static struct value last(struct run *r, const struct value *v, const struct call *c)
{
    const struct list *l = value_items(r, v);
    (void)c;
    return l->n > 0 ? l->item[l->n - 1] : value_undefined("the last of nothing");
}

static struct value reversed(struct run *r, const struct value *v, const struct call *c)
{
    const struct list *l = value_items(r, v);
    struct value out = value_list(r), nothing = value_text("", 0);
    (void)c;
    for (size_t i = l->n; i-- > 0;)
        list_add(r, out.list, l->item[i]);
    return v->type == VALUE_STRING ? jinja_text_joined(r, &out, &nothing) : out;
}

static struct value unique(struct run *r, const struct value *v, const struct call *c)
{
    const struct list *l = value_items(r, v);
    struct value out = value_list(r);
    (void)c;
    for (size_t i = 0; i < l->n; i++)
        if (!value_is_in(r, &l->item[i], &out))
            list_add(r, out.list, l->item[i]);
    return out;
}

static struct value to_string(struct run *r, const struct value *v, const struct call *c)
{
    (void)c;
    return value_string(r, v);
}

static struct value to_int(struct run *r, const struct value *v, const struct call *c)
{
    double x = 0;
    if (v->type == VALUE_STRING) {
        char *end, *text = pool_copy(&r->pool, v->text, v->n);
        x = strtod(text, &end);
        if (end == text || *end != '\0')
            return value_int(jinja_whole_argument(r, c, 0, "default", 0));
    } else if (!value_number(v, &x)) {
        return value_int(jinja_whole_argument(r, c, 0, "default", 0));
    }
    if (!(fabs(x) < 1e15))
        pool_fail(&r->pool, "a number is too large, expected 15 digits");
    return value_int((int64_t)x);
}

static struct value to_float(struct run *r, const struct value *v, const struct call *c)
{
    struct value out = {.type = VALUE_FLOAT};
    (void)c;
    if (v->type == VALUE_STRING)
        out.real = strtod(pool_copy(&r->pool, v->text, v->n), NULL);
    else
        value_number(v, &out.real);
    if (!isfinite(out.real))
        pool_fail(&r->pool, "a number is too large");
    return out;
}

static struct value absolute(struct run *r, const struct value *v, const struct call *c)
{
    struct value out = *v;
    (void)c;
    if (v->type == VALUE_FLOAT)
        out.real = fabs(v->real);
    else if (v->type == VALUE_INT && v->whole > INT64_MIN)
        out.whole = v->whole < 0 ? -v->whole : v->whole;
    else
        pool_fail(&r->pool, "%s is found, expected a number", value_kind(v));
    return out;
}

static struct value initial(struct run *r, const struct value *v, const struct call *c)
{
    const struct value *other = call_argument(c, 0, "default_value"), *untrue = call_argument(c, 1, "boolean");
    (void)r;
    bool missing = v->type == VALUE_UNDEFINED || (untrue != NULL && value_is_true(untrue) && !value_is_true(v));
    return !missing ? *v : other ? *other : value_text("", 0);
}

static struct value to_json(struct run *r, const struct value *v, const struct call *c)
{
    struct buffer out = {0};
    const struct value *indent = call_argument(c, SIZE_MAX, "indent");
    for (size_t i = 0; i < c->n_named; i++)
        if (strcmp(c->name[i], "indent") != 0 && strcmp(c->name[i], "ensure_ascii") != 0)
            pool_fail(&r->pool, "tojson has no argument '%.60s' that is known", c->name[i]);
    const struct value *ascii = call_argument(c, SIZE_MAX, "ensure_ascii");
    if (c->n > 0 || (ascii != NULL && value_is_true(ascii)))
        pool_fail(&r->pool, "tojson has an argument that is not known, expected indent");
    int64_t wide = indent != NULL && indent->type == VALUE_INT ? indent->whole : -1;
    if (wide > 64)
        pool_fail(&r->pool, "tojson indents by %lld, expected up to 64", (long long)wide);
    value_write_json(r, &out, v, (int)wide, 0);
    return value_text(out.data, out.n);
}

/* Lines behind the first by some blanks. */
static struct value indented(struct run *r, const struct value *v, const struct call *c)
{
    const struct value *all = call_argument(c, 1, "first");
    int64_t width = jinja_whole_argument(r, c, 0, "width", 4);
    struct value s = *jinja_text_of(r, v);
    struct buffer out = {0};
    bool starts = all != NULL && value_is_true(all);
    if (width < 0 || width > 64)
        pool_fail(&r->pool, "indent by %lld, expected 0 to 64", (long long)width);
    buffer_puts(&r->pool, &out, "");
    for (size_t i = 0; i < s.n; i++) {
        for (int64_t k = 0; k < width && starts && s.text[i] != '\n'; k++)
            buffer_puts(&r->pool, &out, " ");
        buffer_add(&r->pool, &out, s.text + i, 1);
        starts = s.text[i] == '\n';
    }
    return value_text(out.data, out.n);
}

static struct value same(struct run *r, const struct value *v, const struct call *c)
{
    (void)r, (void)c;
    return *v;
}

/* Dictionaries */

static struct value pairs(struct run *r, const struct value *v, const struct call *c)
{
    struct value out = value_list(r);
    (void)c;
    if (v->type == VALUE_UNDEFINED)
        return out;
    if (v->type != VALUE_DICT)
        pool_fail(&r->pool, "%s has no items, expected a dictionary", value_kind(v));
    for (size_t i = 0; i < v->dict->n; i++) {
        struct value pair = value_list(r);
        pair.list->tuple = true;
        list_add(r, pair.list, v->dict->key[i]);
        list_add(r, pair.list, v->dict->value[i]);
        list_add(r, out.list, pair);
    }
    return out;
}

static int by_key(const void *a, const void *b)
{
    const struct value *x = &((const struct value *)a)->list->item[0], *y = &((const struct value *)b)->list->item[0];
    size_t n = x->n < y->n ? x->n : y->n;
    int order = strncasecmp(x->text, y->text, n);
    return order != 0 ? order : (x->n > y->n) - (x->n < y->n);
}

static struct value sorted_pairs(struct run *r, const struct value *v, const struct call *c)
{
    struct value out = pairs(r, v, c);
    if (c->n + c->n_named > 0)
        pool_fail(&r->pool, "dictsort has an argument that is not known");
    for (size_t i = 0; i < out.list->n; i++)
        jinja_text_of(r, &out.list->item[i].list->item[0]);
    if (out.list->n > 0)
        qsort(out.list->item, out.list->n, sizeof *out.list->item, by_key);
    return out;
}

static struct value keys(struct run *r, const struct value *v, const struct call *c)
{
    return to_list(r, v, c);
}

static struct value values(struct run *r, const struct value *v, const struct call *c)
{
    struct value out = value_list(r);
    (void)c;
    for (size_t i = 0; i < v->dict->n; i++)
        list_add(r, out.list, v->dict->value[i]);
    return out;
}

static struct value get(struct run *r, const struct value *v, const struct call *c)
{
    const struct value *key = call_argument(c, 0, NULL), *other = call_argument(c, 1, "default");
    if (key == NULL)
        pool_fail(&r->pool, "get has no argument, expected a key");
    const struct value *found = dict_get(v->dict, key);
    return found ? *found : other ? *other : value_none();
}

/* Choosing. As Jinja2 has it, nothing is chosen of what counts as untrue, whatever it is. */

static const struct list *chosen_from(struct run *r, const struct value *v)
{
    struct value nothing = value_undefined(NULL);
    return value_items(r, value_is_true(v) ? v : &nothing);
}

/* "a.b" of a value. */
static struct value member(struct run *r, const struct value *v, const struct value *path)
{
    struct value at = *v;
    if (path->type == VALUE_INT)
        return value_item(r, v, path);
    const char *text = jinja_text_of(r, path)->text, *end = text + path->n;
    while (text < end) {
        const char *dot = memchr(text, '.', (size_t)(end - text));
        dot = dot ? dot : end;
        at = value_attribute(r, &at, pool_copy(&r->pool, text, (size_t)(dot - text)));
        text = dot < end ? dot + 1 : end;
    }
    return at;
}

/* Members whose attribute (or who themselves) pass a test, or do not. */
static struct value chosen(struct run *r, const struct value *v, const struct call *c, bool attribute, bool wanted)
{
    const struct list *l = chosen_from(r, v);
    struct value out = value_list(r);
    size_t skip = attribute ? 1 : 0;
    if (c->n < skip || c->n_named > 0)
        pool_fail(&r->pool, "a choice has no attribute, expected its name and a test");
    for (size_t i = 0; i < l->n; i++) {
        struct value of = attribute ? member(r, &l->item[i], &c->item[0]) : l->item[i];
        bool is = value_is_true(&of);
        run_spend(r, 0);
        if (c->n > skip) {
            const struct value *test = jinja_text_of(r, &c->item[skip]);
            const struct call rest = {.item = c->item + skip + 1, .n = c->n - skip - 1};
            is = jinja_test(r, pool_copy(&r->pool, test->text, test->n), &of, &rest);
        }
        if (is == wanted)
            list_add(r, out.list, l->item[i]);
    }
    return out;
}

static struct value select_attribute(struct run *r, const struct value *v, const struct call *c)
{
    return chosen(r, v, c, true, true);
}

static struct value reject_attribute(struct run *r, const struct value *v, const struct call *c)
{
    return chosen(r, v, c, true, false);
}

static struct value select_members(struct run *r, const struct value *v, const struct call *c)
{
    return chosen(r, v, c, false, true);
}

static struct value reject_members(struct run *r, const struct value *v, const struct call *c)
{
    return chosen(r, v, c, false, false);
}

/* By the filter of that name. */
static struct value filtered(struct run *r, const struct value *name, const struct value *v, const struct call *c)
{
    const struct value *text = jinja_text_of(r, name);
    return jinja_filter(r, pool_copy(&r->pool, text->text, text->n), v, c);
}

/* map(attribute="a", default=..) or map("filter", ..) */
static struct value map(struct run *r, const struct value *v, const struct call *c)
{
    const struct list *l = chosen_from(r, v);
    const struct value *attribute = call_argument(c, SIZE_MAX, "attribute"), *other = call_argument(c, SIZE_MAX, "default");
    struct value out = value_list(r);
    if (attribute == NULL && c->n == 0)
        pool_fail(&r->pool, "map has no argument, expected attribute=name or a filter");
    struct call rest = *c; /* behind the filter's name */
    if (attribute == NULL) {
        rest.item++;
        rest.n--;
    }
    for (size_t i = 0; i < l->n; i++) {
        struct value of = attribute ? member(r, &l->item[i], attribute) : filtered(r, &c->item[0], &l->item[i], &rest);
        run_spend(r, 0);
        list_add(r, out.list, attribute && of.type == VALUE_UNDEFINED && other != NULL ? *other : of);
    }
    return out;
}

static const struct jinja_named FILTERS[] = {{"trim", jinja_text_strip},
                                             {"lower", jinja_text_lower},
                                             {"upper", jinja_text_upper},
                                             {"title", jinja_text_title},
                                             {"capitalize", jinja_text_capitalize},
                                             {"replace", jinja_text_replace},
                                             {"join", join_filter},
                                             {"length", length},
                                             {"count", length},
                                             {"list", to_list},
                                             {"first", first},
                                             {"last", last},
                                             {"reverse", reversed},
                                             {"unique", unique},
                                             {"string", to_string},
                                             {"int", to_int},
                                             {"float", to_float},
                                             {"abs", absolute},
                                             {"default", initial},
                                             {"d", initial},
                                             {"tojson", to_json},
                                             {"indent", indented},
                                             {"safe", same},
                                             {"items", pairs},
                                             {"dictsort", sorted_pairs},
                                             {"selectattr", select_attribute},
                                             {"rejectattr", reject_attribute},
                                             {"select", select_members},
                                             {"reject", reject_members},
                                             {"map", map}};

static const struct jinja_named DICT_METHODS[] = {
    {"items", pairs}, {"keys", keys}, {"values", values}, {"get", get}, {NULL, NULL}};

static const struct jinja_named *find_filter(const char *name)
{
    for (size_t i = 0; i < sizeof FILTERS / sizeof *FILTERS; i++)
        if (strcmp(FILTERS[i].name, name) == 0)
            return &FILTERS[i];
    return NULL;
}

bool jinja_has_filter(const char *name)
{
    return find_filter(name) != NULL;
}

struct value jinja_filter(struct run *r, const char *name, const struct value *v, const struct call *c)
{
    const struct jinja_named *f = find_filter(name);
    if (f == NULL)
        pool_fail(&r->pool, "the filter '%.60s' is not known", name);
    if (++r->depth > 4 * JINJA_DEPTH)
        pool_fail(&r->pool, "calls itself too deeply, expected at most %d levels", 4 * JINJA_DEPTH);
    struct value out = f->call(r, v, c);
    r->depth--;
    return out;
}

static const struct jinja_named *find_method(const struct value *self, const char *name)
{
    const struct jinja_named *m = self->type == VALUE_STRING ? JINJA_TEXT_METHODS
                                  : self->type == VALUE_DICT ? DICT_METHODS
                                                             : NULL;
    while (m != NULL && m->name != NULL && strcmp(m->name, name) != 0)
        m++;
    return m != NULL && m->name != NULL ? m : NULL;
}

bool jinja_has_method(const struct value *self, const char *name)
{
    return find_method(self, name) != NULL;
}

bool jinja_method(struct run *r, const char *name, const struct value *self, const struct call *c, struct value *out)
{
    const struct jinja_named *m = find_method(self, name);
    if (m != NULL)
        *out = m->call(r, self, c);
    return m != NULL;
}
