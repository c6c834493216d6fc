/* jinja_text.c - what chat templates do with text; see jinja_call.h. */
#include "lm/jinja_call.h"

#include <string.h>
#include <utf8proc.h>

const struct value *jinja_text_of(struct run *r, const struct value *v)
{
    if (v->type != VALUE_STRING)
        pool_fail(&r->pool, "%s is found, expected text", value_kind(v));
    return v;
}

/* An argument that is text, or `initial`. */
struct value jinja_text_argument(struct run *r, const struct call *c, size_t i, const char *name, const char *initial)
{
    const struct value *v = call_argument(c, i, name);
    if (v != NULL)
        return *jinja_text_of(r, v);
    if (initial == NULL)
        pool_fail(&r->pool, "argument %zu is missing, expected text", i + 1);
    return value_text(initial, strlen(initial));
}

int64_t jinja_whole_argument(struct run *r, const struct call *c, size_t i, const char *name, int64_t initial)
{
    const struct value *v = call_argument(c, i, name);
    if (v != NULL && v->type != VALUE_INT)
        pool_fail(&r->pool, "%s is an argument, expected a whole number", value_kind(v));
    return v ? v->whole : initial;
}

/* Whitespace as Python sees it, at the first or the last character of a text; its bytes, 0: another character. */
static size_t space(const char *text, size_t n, bool last)
{
    utf8proc_int32_t c;
    size_t at = n > 0 && last ? n - 1 : 0;
    while (last && at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80)
        at--;
    utf8proc_ssize_t width = n > 0 ? utf8proc_iterate((const utf8proc_uint8_t *)text + at, (utf8proc_ssize_t)(n - at), &c) : 0;
    if (width <= 0)
        return 0;
    bool is = (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
              (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
    return is ? (size_t)width : 0;
}

/* Is a character of `set` there? */
static size_t one_of(const char *text, size_t n, bool last, const struct value *set)
{
    for (size_t i = 0, width; i < set->n; i += width) {
        for (width = 1; i + width < set->n && ((unsigned char)set->text[i + width] & 0xc0) == 0x80;)
            width++;
        if (width <= n && memcmp(last ? text + n - width : text, set->text + i, width) == 0)
            return width;
    }
    return 0;
}

static struct value stripped(struct run *r, const struct value *v, const struct call *c, bool left, bool right)
{
    struct value s = value_string(r, v);
    const struct value *set = call_argument(c, 0, "chars");
    set = set != NULL && set->type == VALUE_NONE ? NULL : set;
    if (set != NULL)
        jinja_text_of(r, set);
    run_spend(r, s.n);
    for (size_t n; left && (n = set ? one_of(s.text, s.n, false, set) : space(s.text, s.n, false)) > 0;)
        s = value_text(s.text + n, s.n - n);
    for (size_t n; right && (n = set ? one_of(s.text, s.n, true, set) : space(s.text, s.n, true)) > 0;)
        s.n -= n;
    return s;
}

struct value jinja_text_strip(struct run *r, const struct value *v, const struct call *c)
{
    return stripped(r, v, c, true, true);
}

static struct value left_strip(struct run *r, const struct value *v, const struct call *c)
{
    return stripped(r, v, c, true, false);
}

static struct value right_strip(struct run *r, const struct value *v, const struct call *c)
{
    return stripped(r, v, c, false, true);
}

enum letters { LOWER, UPPER, TITLE, CAPITAL };

/* Each character in another case, by its own mapping. */
static struct value cased(struct run *r, const struct value *v, enum letters how)
{
    struct value s = value_string(r, v);
    struct buffer out = {0};
    bool first = true;
    utf8proc_int32_t c;
    buffer_puts(&r->pool, &out, "");
    for (size_t i = 0; i < s.n;) {
        utf8proc_uint8_t bytes[4];
        utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)s.text + i, (utf8proc_ssize_t)(s.n - i), &c);
        if (n <= 0) {
            buffer_add(&r->pool, &out, s.text + i++, 1);
            continue;
        }
        utf8proc_category_t kind = utf8proc_category(c);
        bool letter = kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
        bool up = how == UPPER || (first && how != LOWER);
        utf8proc_int32_t other = up ? how == UPPER ? utf8proc_toupper(c) : utf8proc_totitle(c) : utf8proc_tolower(c);
        buffer_add(&r->pool, &out, (const char *)bytes, (size_t)utf8proc_encode_char(other, bytes));
        first = how == TITLE ? !letter : false;
        i += (size_t)n;
    }
    return value_text(out.data, out.n);
}

struct value jinja_text_lower(struct run *r, const struct value *v, const struct call *c)
{
    (void)c;
    return cased(r, v, LOWER);
}

struct value jinja_text_upper(struct run *r, const struct value *v, const struct call *c)
{
    (void)c;
    return cased(r, v, UPPER);
}

struct value jinja_text_title(struct run *r, const struct value *v, const struct call *c)
{
    (void)c;
    return cased(r, v, TITLE);
}

struct value jinja_text_capitalize(struct run *r, const struct value *v, const struct call *c)
{
    (void)c;
    return cased(r, v, CAPITAL);
}

/* text.split(by, most): by what, or at whitespace, which is dropped. */
static struct value split(struct run *r, const struct value *v, const struct call *c)
{
    struct value out = value_list(r);
    const struct value *by = call_argument(c, 0, "sep");
    int64_t most = jinja_whole_argument(r, c, 1, "maxsplit", -1);
    const char *at = v->text, *end = v->text + v->n;
    bool spaces = by == NULL || by->type == VALUE_NONE;
    if (!spaces && jinja_text_of(r, by)->n == 0)
        pool_fail(&r->pool, "split has an empty separator, expected text");
    run_spend(r, v->n);
    for (; spaces && at < end; most--) {
        size_t n;
        while ((n = space(at, (size_t)(end - at), false)) > 0)
            at += n;
        if (at == end)
            return out;
        const char *from = at;
        while (at < end && (most == 0 || space(at, (size_t)(end - at), false) == 0))
            at++;
        list_add(r, out.list, value_text(from, (size_t)(at - from)));
    }
    for (; !spaces; most--) {
        const char *next = most == 0 ? NULL : memmem(at, (size_t)(end - at), by->text, by->n);
        list_add(r, out.list, value_text(at, (size_t)((next ? next : end) - at)));
        if (next == NULL)
            break;
        at = next + by->n;
    }
    return out;
}

static struct value split_lines(struct run *r, const struct value *v, const struct call *c)
{
    struct value out = value_list(r);
    (void)c;
    for (const char *at = v->text, *end = v->text + v->n; at < end;) {
        const char *line = memchr(at, '\n', (size_t)(end - at));
        list_add(r, out.list, value_text(at, (size_t)((line ? line : end) - at)));
        at = line ? line + 1 : end;
    }
    return out;
}

/* x.replace(old, new, most) */
struct value jinja_text_replace(struct run *r, const struct value *v, const struct call *c)
{
    struct value s = value_string(r, v), old = jinja_text_argument(r, c, 0, "old", NULL),
                 new = jinja_text_argument(r, c, 1, "new", NULL);
    int64_t most = jinja_whole_argument(r, c, 2, "count", -1);
    struct buffer out = {0};
    if (old.n == 0)
        pool_fail(&r->pool, "replace looks for nothing, expected text");
    run_spend(r, s.n);
    for (; most != 0; most--) {
        const char *hit = memmem(s.text, s.n, old.text, old.n);
        if (hit == NULL)
            break;
        size_t before = (size_t)(hit - s.text);
        buffer_add(&r->pool, &out, s.text, before);
        buffer_add(&r->pool, &out, new.text, new.n);
        s = value_text(hit + old.n, s.n - before - old.n);
    }
    buffer_add(&r->pool, &out, s.text, s.n);
    return value_text(out.data, out.n);
}

/* Of a text, or of any of a tuple of them. */
static bool ends_so(struct run *r, const struct value *v, const struct call *c, bool start)
{
    const struct value *given = call_argument(c, 0, NULL);
    struct value one = value_list(r);
    if (given == NULL)
        pool_fail(&r->pool, "argument 1 is missing, expected text");
    if (given->type != VALUE_LIST) {
        list_add(r, one.list, *given);
        given = &one;
    }
    for (size_t i = 0; i < given->list->n; i++) {
        const struct value *s = jinja_text_of(r, &given->list->item[i]);
        if (s->n <= v->n && memcmp(start ? v->text : v->text + v->n - s->n, s->text, s->n) == 0)
            return true;
    }
    return false;
}

static struct value starts_with(struct run *r, const struct value *v, const struct call *c)
{
    return value_bool(ends_so(r, v, c, true));
}

static struct value ends_with(struct run *r, const struct value *v, const struct call *c)
{
    return value_bool(ends_so(r, v, c, false));
}

static struct value find(struct run *r, const struct value *v, const struct call *c)
{
    struct value s = jinja_text_argument(r, c, 0, "sub", NULL);
    run_spend(r, v->n);
    const char *hit = memmem(v->text, v->n, s.text, s.n);
    int64_t at = hit ? 0 : -1;
    for (const char *p = v->text; hit != NULL && p < hit; p++)
        at += ((unsigned char)*p & 0xc0) != 0x80;
    return value_int(at);
}

static struct value count(struct run *r, const struct value *v, const struct call *c)
{
    struct value s = jinja_text_argument(r, c, 0, "sub", NULL);
    int64_t n = 0;
    if (s.n == 0)
        pool_fail(&r->pool, "count looks for nothing, expected text");
    run_spend(r, v->n);
    for (const char *at = v->text, *end = v->text + v->n; (at = memmem(at, (size_t)(end - at), s.text, s.n)) != NULL; at += s.n)
        n++;
    return value_int(n);
}

struct value jinja_text_joined(struct run *r, const struct value *members, const struct value *between)
{
    const struct list *l = value_items(r, members);
    struct buffer out = {0};
    buffer_puts(&r->pool, &out, "");
    for (size_t i = 0; i < l->n; i++) {
        struct value s = value_string(r, &l->item[i]);
        if (i > 0)
            buffer_add(&r->pool, &out, between->text, between->n);
        buffer_add(&r->pool, &out, s.text, s.n);
    }
    return value_text(out.data, out.n);
}

static struct value join_method(struct run *r, const struct value *v, const struct call *c)
{
    const struct value *members = call_argument(c, 0, NULL);
    if (members == NULL)
        pool_fail(&r->pool, "join has no argument, expected a list");
    return jinja_text_joined(r, members, v);
}

const struct jinja_named JINJA_TEXT_METHODS[] = {{"strip", jinja_text_strip},
                                                 {"lstrip", left_strip},
                                                 {"rstrip", right_strip},
                                                 {"lower", jinja_text_lower},
                                                 {"upper", jinja_text_upper},
                                                 {"title", jinja_text_title},
                                                 {"capitalize", jinja_text_capitalize},
                                                 {"split", split},
                                                 {"splitlines", split_lines},
                                                 {"replace", jinja_text_replace},
                                                 {"startswith", starts_with},
                                                 {"endswith", ends_with},
                                                 {"find", find},
                                                 {"count", count},
                                                 {"join", join_method},
                                                 {NULL, NULL}};
