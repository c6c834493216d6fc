/* template.c - see template.h. */
#include "suite/template.h"

#include "base/utf8.h"
#include "formats/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/* A filter changes the text in place; the results are never longer than what they are made from, but for `clean`. */
typedef void filter(struct text *t, const char *argument);

static void cut(struct text *t, size_t from, size_t to)
{
    memmove(t->data, t->data + from, to - from);
    t->len = to - from;
    t->data[t->len] = '\0';
}

static void strip(struct text *t, const char *argument)
{
    size_t to = utf8_rstrip(t->data, t->len), from = utf8_lstrip(t->data, to);
    (void)argument;
    cut(t, from, to);
}

/* Every character in lower case; the first in title case instead where `first`. */
static void change_case(struct text *t, bool first)
{
    struct text out = {0};
    size_t width;
    text_puts(&out, "");
    for (size_t i = 0; i < t->len; i += width) {
        utf8proc_int32_t c = (utf8proc_int32_t)utf8_at(t->data, t->len, i, &width);
        utf8proc_uint8_t bytes[4];
        c = first && i == 0 ? utf8proc_totitle(c) : utf8proc_tolower(c);
        text_add(&out, (const char *)bytes, (size_t)utf8proc_encode_char(c, bytes));
    }
    text_free(t);
    *t = out;
}

static void lower(struct text *t, const char *argument)
{
    (void)argument;
    change_case(t, false);
}

/* As Python's str.capitalize. */
static void capitalize(struct text *t, const char *argument)
{
    (void)argument;
    change_case(t, true);
}

/* Adds the argument where there is something to add it to. */
static void suffix(struct text *t, const char *argument)
{
    if (t->len > 0)
        text_puts(t, argument);
}

static void prefix(struct text *t, const char *argument)
{
    struct text out = {0};
    if (t->len == 0)
        return;
    text_printf(&out, "%s%s", argument, t->data);
    text_free(t);
    *t = out;
}

static void before(struct text *t, const char *argument)
{
    const char *hit = strstr(t->data, argument);
    if (hit != NULL)
        cut(t, 0, (size_t)(hit - t->data));
}

static void after(struct text *t, const char *argument)
{
    const char *hit = strstr(t->data, argument);
    if (hit != NULL)
        cut(t, (size_t)(hit - t->data) + strlen(argument), t->len);
}

static void clean(struct text *t, const char *argument)
{
    struct text out = {0};
    strip(t, argument);
    for (size_t i = 0; i < t->len;) {
        if (strncmp(t->data + i, " [title]", 8) == 0) {
            text_puts(&out, ". ");
            i += 8;
        } else if (t->data[i] == '[' && t->data[i + strcspn(t->data + i, "]\n")] == ']') { /* within its line */
            i += strcspn(t->data + i, "]") + 1;
        } else {
            text_add(&out, t->data + i++, 1);
        }
    }
    t->len = 0;
    for (size_t i = 0; i < out.len; i++) { /* "  " becomes " ", from the left, as str.replace does */
        text_add(t, out.data + i, 1);
        i += out.data[i] == ' ' && i + 1 < out.len && out.data[i + 1] == ' ';
    }
    if (t->data != NULL)
        t->data[t->len] = '\0';
    text_free(&out);
}

static const struct {
    const char *name;
    filter *apply;
} FILTERS[] = {{"strip", strip}, {"lower", lower}, {"capitalize", capitalize}, {"before", before},
               {"after", after}, {"clean", clean}, {"suffix", suffix},         {"prefix", prefix}};

static enum status apply_filter(struct text *t, const char *spec, const char *name, struct error *err)
{
    size_t n = strcspn(spec, ":");
    for (size_t i = 0; i < sizeof FILTERS / sizeof *FILTERS; i++)
        if (strlen(FILTERS[i].name) == n && strncmp(FILTERS[i].name, spec, n) == 0) {
            FILTERS[i].apply(t, spec[n] == ':' ? spec + n + 1 : "");
            return OK;
        }
    return error_set(err, ERR_INPUT,
                     "%s: filter '%.*s' is not known, expected strip, lower, capitalize, before:TEXT, after:TEXT, prefix:TEXT, "
                     "suffix:TEXT or clean",
                     name, (int)n, spec);
}

enum status template_filter(struct text *text, const char *filters, const char *name, struct error *err)
{
    char *copy = strdup(filters), *rest = copy;
    enum status status = copy && text_puts(text, "") ? OK : error_set(err, ERR_SYSTEM, "%s: out of memory", name);
    for (const char *f; status == OK && (f = strsep(&rest, "|")) != NULL;)
        status = apply_filter(text, f, name, err);
    free(copy);
    return status;
}

/* A value as text, a list's with commas between; false for what is neither. */
static bool add_value(struct text *out, const cJSON *value)
{
    const cJSON *element;
    if (cJSON_IsString(value))
        return text_puts(out, value->valuestring);
    if (cJSON_IsNumber(value) || cJSON_IsBool(value)) {
        char *printed = cJSON_PrintUnformatted(value);
        text_puts(out, printed);
        free(printed);
        return true;
    }
    cJSON_ArrayForEach(element, value)
    {
        if (element != value->child)
            text_puts(out, ", ");
        if (cJSON_IsArray(element) || !add_value(out, element))
            return false;
    }
    return cJSON_IsArray(value) && value->child != NULL;
}

/* The hole whose text is hole[0..n). */
static enum status fill(struct text *out, const char *hole, size_t n, const cJSON *record, const char *name, struct error *err)
{
    char *spec = strndup(hole, n), *rest = spec;
    struct text value = {0};
    enum status status = spec ? OK : error_set(err, ERR_SYSTEM, "%s: out of memory", name);
    char *path = spec ? strsep(&rest, "|") : NULL;
    bool optional = path != NULL && path[0] != '\0' && path[strlen(path) - 1] == '?';
    if (optional)
        path[strlen(path) - 1] = '\0';
    const cJSON *member = json_path(record, path ? path : "");
    if (status == OK && !(optional && (member == NULL || cJSON_IsNull(member))) && !add_value(&value, member))
        status = error_set(err, ERR_INPUT, "%s: field '%.60s' is missing or no text, expected it for a template", name, path);
    text_puts(&value, "");
    if (status == OK && rest != NULL)
        status = template_filter(&value, rest, name, err);
    if (status == OK)
        text_add(out, value.data, value.len);
    text_free(&value);
    free(spec);
    return status;
}

enum status template_expand(struct text *out, const char *template, const cJSON *record, const char *name, struct error *err)
{
    text_puts(out, "");
    for (const char *p = template; *p != '\0'; p++) {
        if ((*p == '{' || *p == '}') && p[1] == *p) {
            text_add(out, p++, 1);
        } else if (*p == '{') {
            const char *end = strchr(p, '}');
            if (end == NULL)
                return error_set(err, ERR_INPUT, "%s: template '%.60s' has a { without }, expected {field}", name, template);
            enum status status = fill(out, p + 1, (size_t)(end - p - 1), record, name, err);
            if (status != OK)
                return status;
            p = end;
        } else {
            text_add(out, p, 1);
        }
    }
    return OK;
}

const cJSON *template_member(const char *template, const cJSON *record)
{
    char path[128];
    size_t n = strlen(template);
    if (n < 3 || n - 2 >= sizeof path || template[0] != '{' || template[n - 1] != '}' || strcspn(template, "|") < n ||
        strcspn(template + 1, "{}") != n - 2)
        return NULL;
    snprintf(path, sizeof path, "%.*s", (int)(n - 2), template + 1);
    return json_path(record, path);
}
