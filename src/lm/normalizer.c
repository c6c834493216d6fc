/* normalizer.c - see normalizer.h. Unicode forms come from utf8proc. */
#include "lm/normalizer.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

enum step_kind { STEP_PREPEND, STEP_REPLACE, STEP_UNICODE, STEP_STRIP, STEP_METASPACE };

struct step {
    enum step_kind kind;
    char *from, *to;
    int options;      /* of utf8proc */
    bool left, right; /* Strip */
    bool first_only;  /* Metaspace: in front of the first text alone */
    bool never;
};

enum { MAX_STEPS = 8 };

struct normalizer {
    struct step steps[MAX_STEPS];
    size_t n;
};

static const struct {
    const char *type;
    int options;
} FORMS[] = {
    {"NFC", UTF8PROC_STABLE | UTF8PROC_COMPOSE},
    {"NFD", UTF8PROC_STABLE | UTF8PROC_DECOMPOSE},
    {"NFKC", UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT},
    {"NFKD", UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT},
};

static enum status new_step(struct normalizer *n, enum step_kind kind, struct step **step, const char *path, struct error *err)
{
    if (n->n == MAX_STEPS)
        return error_set(err, ERR_INPUT, "%s: key 'normalizer' has too many steps, expected at most %d", path, MAX_STEPS);
    *step = &n->steps[n->n++];
    **step = (struct step){.kind = kind};
    return OK;
}

static enum status read_replace(struct step *s, const cJSON *json, const char *path, struct error *err)
{
    const char *from = NULL, *to = NULL;
    const cJSON *pattern = cJSON_GetObjectItemCaseSensitive(json, "pattern");
    if (json_has(pattern, "Regex"))
        return error_set(err, ERR_INPUT, "%s: key 'normalizer': Replace of a Regex is not supported, expected a String", path);
    enum status status = json_get_string(pattern, "String", false, &from, path, err);
    if (status == OK)
        status = json_get_string(json, "content", false, &to, path, err);
    if (status == OK && from[0] == '\0')
        status = error_set(err, ERR_INPUT, "%s: key 'normalizer': Replace of an empty String, expected text", path);
    if (status == OK) {
        s->from = strdup(from);
        s->to = strdup(to);
    }
    return status;
}

static enum status read_step(struct normalizer *n, const cJSON *json, int depth, const char *path, struct error *err)
{
    const char *type = NULL, *text = NULL;
    const cJSON *child;
    struct step *s;
    enum status status = json_get_string(json, "type", false, &type, path, err);
    if (status != OK)
        return status;
    if (strcmp(type, "Sequence") == 0 && depth < 4) {
        cJSON_ArrayForEach(child, cJSON_GetObjectItemCaseSensitive(json, "normalizers"))
        {
            if (status == OK)
                status = read_step(n, child, depth + 1, path, err);
        }
        return status;
    }
    if (strcmp(type, "Prepend") == 0) {
        status = json_get_string(json, "prepend", false, &text, path, err);
        if (status == OK)
            status = new_step(n, STEP_PREPEND, &s, path, err);
        if (status == OK)
            s->to = strdup(text);
        return status;
    }
    if (strcmp(type, "Replace") == 0) {
        status = new_step(n, STEP_REPLACE, &s, path, err);
        return status == OK ? read_replace(s, json, path, err) : status;
    }
    if (strcmp(type, "Strip") == 0) {
        status = new_step(n, STEP_STRIP, &s, path, err);
        if (status == OK)
            status = json_get_bool(json, "strip_left", true, &s->left, path, err);
        return status == OK ? json_get_bool(json, "strip_right", true, &s->right, path, err) : status;
    }
    for (size_t i = 0; i < sizeof FORMS / sizeof *FORMS; i++)
        if (strcmp(type, FORMS[i].type) == 0) {
            status = new_step(n, STEP_UNICODE, &s, path, err);
            if (status == OK)
                s->options = FORMS[i].options;
            return status;
        }
    return error_set(
        err, ERR_INPUT,
        "%s: key 'normalizer': type '%.40s' is not supported, expected Prepend, Replace, Strip, NFC, NFD, NFKC, NFKD or "
        "Sequence",
        path, type);
}

enum status normalizer_from_json(struct normalizer **n, const cJSON *json, const char *path, struct error *err)
{
    *n = calloc(1, sizeof **n);
    if (*n == NULL)
        return error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    enum status status = cJSON_IsObject(json) ? read_step(*n, json, 0, path, err) : OK;
    if (status != OK) {
        normalizer_free(*n);
        *n = NULL;
    }
    return status;
}

enum status normalizer_add_metaspace(struct normalizer *n, const cJSON *json, const char *path, struct error *err)
{
    const char *replacement = "\xe2\x96\x81", *scheme = "always";
    bool add = true;
    struct step *s;
    enum status status = json_get_string(json, "replacement", true, &replacement, path, err);
    if (status == OK)
        status = json_get_string(json, "prepend_scheme", true, &scheme, path, err);
    if (status == OK)
        status = json_get_bool(json, "add_prefix_space", true, &add, path, err);
    if (status == OK)
        status = new_step(n, STEP_METASPACE, &s, path, err);
    if (status != OK)
        return status;
    s->from = strdup(" ");
    s->to = strdup(replacement);
    s->first_only = strcmp(scheme, "first") == 0;
    s->never = !add || strcmp(scheme, "never") == 0;
    return OK;
}

void normalizer_free(struct normalizer *n)
{
    for (size_t i = 0; n != NULL && i < n->n; i++) {
        free(n->steps[i].from);
        free(n->steps[i].to);
    }
    free(n);
}

bool normalizer_is_empty(const struct normalizer *n)
{
    return n->n == 0;
}

bool text_replace(struct text *out, const char *text, size_t length, const char *from, const char *to)
{
    size_t n = strlen(from), at = 0;
    bool ok = text_add(out, "", 0);
    while (ok && at < length) {
        const char *hit = memmem(text + at, length - at, from, n);
        size_t plain = hit ? (size_t)(hit - text) - at : length - at;
        ok = text_add(out, text + at, plain) && (hit == NULL || text_puts(out, to));
        at += plain + (hit ? n : 0);
    }
    return ok;
}

static bool apply_unicode(struct text *out, const char *text, size_t length, int options)
{
    utf8proc_uint8_t *result = NULL;
    utf8proc_ssize_t n =
        utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)length, &result, (utf8proc_option_t)options);
    bool ok = n >= 0 && text_add(out, (const char *)result, (size_t)n);
    free(result);
    return ok;
}

bool text_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool apply_step(const struct step *s, struct text *out, const char *text, size_t length, bool first)
{
    size_t from = 0, to = length, n;
    switch (s->kind) {
    case STEP_PREPEND:
        return text_puts(out, s->to) && text_add(out, text, length);
    case STEP_REPLACE:
        return text_replace(out, text, length, s->from, s->to);
    case STEP_UNICODE:
        return apply_unicode(out, text, length, s->options);
    case STEP_STRIP:
        while (s->left && from < to && text_is_space(text[from]))
            from++;
        while (s->right && to > from && text_is_space(text[to - 1]))
            to--;
        return text_add(out, text + from, to - from);
    case STEP_METASPACE:
        n = strlen(s->to);
        bool there = text[0] == ' ' || (length >= n && memcmp(text, s->to, n) == 0);
        bool wanted = !s->never && (first || !s->first_only) && !there;
        return (!wanted || text_puts(out, s->to)) && text_replace(out, text, length, s->from, s->to);
    }
    return false;
}

enum status normalizer_apply(const struct normalizer *n, struct text *out, const char *text, size_t length, bool first,
                             struct error *err)
{
    struct text from = {0}, to = {0};
    bool ok = text_add(&from, text, length);
    for (size_t i = 0; i < n->n && ok && from.len > 0; i++) {
        to.len = 0;
        ok = text_add(&to, "", 0) && apply_step(&n->steps[i], &to, from.data, from.len, first);
        struct text swap = from;
        from = to;
        to = swap;
    }
    ok = ok && text_add(out, from.data, from.len);
    text_free(&from);
    text_free(&to);
    return ok ? OK : error_set(err, ERR_SYSTEM, "tokenizer: out of memory");
}
