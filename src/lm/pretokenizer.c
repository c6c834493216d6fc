/* pretokenizer.c - see pretokenizer.h. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "lm/pretokenizer.h"

#include "base/memory.h"
#include "lm/tokenizer.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

const char GPT2_PATTERN[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

enum { MAX_STAGES = 8 };

struct pretokenizer {
    pcre2_code *stages[MAX_STAGES]; /* each cuts the pieces of the one before; matches and gaps are pieces */
    bool drops_match[MAX_STAGES], drops_gap[MAX_STAGES];
    size_t n;
    bool byte_level, adds_space;
};

static enum status add_stage(struct pretokenizer *p, const char *pattern, const char *path, struct error *err)
{
    int code;
    PCRE2_SIZE at;
    if (p->n == MAX_STAGES)
        return error_set(err, ERR_INPUT, "%s: key 'pre_tokenizer' has too many stages, expected at most %d", path, MAX_STAGES);
    pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP, &code, &at, NULL);
    if (compiled == NULL)
        return error_set(err, ERR_INPUT, "%s: key 'pre_tokenizer': the pattern is wrong at character %zu", path, (size_t)at);
    pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);
    p->stages[p->n++] = compiled;
    return OK;
}

/* A pattern of a Split: a Regex, or a String whose characters stand for themselves. */
static enum status read_split(struct pretokenizer *p, const cJSON *json, const char *path, struct error *err)
{
    const cJSON *pattern = cJSON_GetObjectItemCaseSensitive(json, "pattern");
    const char *regex = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(pattern, "Regex")), *behavior = "Isolated";
    const char *string = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(pattern, "String"));
    bool invert = false;
    struct text quoted = {0};
    enum status status = json_get_string(json, "behavior", true, &behavior, path, err);
    if (status == OK)
        status = json_get_bool(json, "invert", true, &invert, path, err);
    bool removed = strcmp(behavior, "Removed") == 0;
    if (status == OK && !removed && strcmp(behavior, "Isolated") != 0)
        return error_set(err, ERR_INPUT,
                         "%s: key 'pre_tokenizer': behavior '%.40s' is not supported, expected Isolated or Removed", path,
                         behavior);
    if (status == OK && regex == NULL && (string == NULL || string[0] == '\0' || strstr(string, "\\E") != NULL))
        return error_set(err, ERR_INPUT, "%s: key 'pre_tokenizer': a Split has no pattern, expected a Regex or a String", path);
    if (status == OK && regex == NULL)
        text_printf(&quoted, "\\Q%s\\E", string);
    if (status == OK)
        status = add_stage(p, regex ? regex : quoted.data, path, err);
    if (status == OK) {
        p->drops_match[p->n - 1] = removed && !invert;
        p->drops_gap[p->n - 1] = removed && invert;
    }
    text_free(&quoted);
    return status;
}

/* The character changes go to the normalizer; `split` cuts before every blank. */
static enum status read_metaspace(struct pretokenizer *p, const cJSON *json, struct normalizer *normalizer, const char *path,
                                  struct error *err)
{
    bool split = true;
    enum status status = json_get_bool(json, "split", true, &split, path, err);
    if (status == OK)
        status = normalizer_add_metaspace(normalizer, json, path, err);
    return status == OK && split ? add_stage(p, "\xe2\x96\x81[^\xe2\x96\x81]*", path, err) : status;
}

static enum status read_stage(struct pretokenizer *p, const cJSON *json, struct normalizer *normalizer, const char *path,
                              struct error *err)
{
    const char *type = NULL;
    bool flag = true, space = true;
    enum status status = json_get_string(json, "type", false, &type, path, err);
    if (status != OK)
        return status;
    if (strcmp(type, "Sequence") == 0) {
        const cJSON *child, *list = cJSON_GetObjectItemCaseSensitive(json, "pretokenizers");
        cJSON_ArrayForEach(child, list)
        {
            const char *inner = NULL;
            status = json_get_string(child, "type", false, &inner, path, err);
            if (status == OK && strcmp(inner, "Sequence") == 0)
                status =
                    error_set(err, ERR_INPUT, "%s: key 'pre_tokenizer': a Sequence within a Sequence is not supported", path);
            if (status == OK)
                status = read_stage(p, child, normalizer, path, err);
            if (status != OK)
                return status;
        }
        return OK;
    }
    if (strcmp(type, "Digits") == 0) {
        flag = false;
        status = json_get_bool(json, "individual_digits", true, &flag, path, err);
        return status == OK ? add_stage(p, flag ? "\\p{N}" : "\\p{N}+", path, err) : status;
    }
    if (strcmp(type, "Split") == 0)
        return read_split(p, json, path, err);
    if (strcmp(type, "Metaspace") == 0)
        return read_metaspace(p, json, normalizer, path, err);
    if (strcmp(type, "ByteLevel") != 0)
        return error_set(
            err, ERR_INPUT,
            "%s: key 'pre_tokenizer': type '%.40s' is not supported, expected ByteLevel, Digits, Split, Metaspace or "
            "Sequence",
            path, type);
    p->byte_level = true;
    status = json_get_bool(json, "use_regex", true, &flag, path, err);
    if (status == OK)
        status = json_get_bool(json, "add_prefix_space", true, &space, path, err);
    p->adds_space = space;
    return status == OK && flag ? add_stage(p, GPT2_PATTERN, path, err) : status;
}

enum status pretokenizer_from_json(struct pretokenizer **p, const cJSON *json, struct normalizer *normalizer, const char *path,
                                   struct error *err)
{
    *p = calloc(1, sizeof **p);
    if (*p == NULL)
        return error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    enum status status = cJSON_IsObject(json) ? read_stage(*p, json, normalizer, path, err) : OK;
    if (status != OK) {
        pretokenizer_free(*p);
        *p = NULL;
    }
    return status;
}

void pretokenizer_free(struct pretokenizer *p)
{
    for (size_t i = 0; p != NULL && i < p->n; i++)
        pcre2_code_free(p->stages[i]);
    free(p);
}

bool pretokenizer_is_byte_level(const struct pretokenizer *p)
{
    return p->byte_level;
}

bool pretokenizer_adds_space(const struct pretokenizer *p)
{
    return p->adds_space;
}

struct walk {
    const struct pretokenizer *p;
    bool (*piece)(void *, const char *, size_t);
    void *context;
    pcre2_match_data *match[MAX_STAGES];
};

/* Cuts text[0..length) by stage `stage` and those after it. */
static bool cut(struct walk *w, size_t stage, const char *text, size_t length)
{
    if (length == 0)
        return true;
    if (stage == w->p->n)
        return w->piece(w->context, text, length);
    size_t at = 0;
    while (at < length) {
        int found = pcre2_match(w->p->stages[stage], (PCRE2_SPTR)text, length, at, PCRE2_NO_UTF_CHECK, w->match[stage], NULL);
        PCRE2_SIZE *range = pcre2_get_ovector_pointer(w->match[stage]);
        if (found < 0 || range[1] <= range[0]) /* no further match: the rest is one piece */
            return w->p->drops_gap[stage] || cut(w, stage + 1, text + at, length - at);
        size_t from = range[0], to = range[1];
        if ((!w->p->drops_gap[stage] && !cut(w, stage + 1, text + at, from - at)) ||
            (!w->p->drops_match[stage] && !cut(w, stage + 1, text + from, to - from)))
            return false;
        at = to;
    }
    return true;
}

enum status pretokenizer_split(const struct pretokenizer *p, const char *text, size_t length,
                               bool (*piece)(void *, const char *, size_t), void *context, struct error *err)
{
    struct walk w = {.p = p, .piece = piece, .context = context};
    bool ok = true;
    for (size_t i = 0; i < p->n; i++) {
        w.match[i] = pcre2_match_data_create(1, NULL);
        ok = ok && w.match[i] != NULL;
    }
    ok = ok && cut(&w, 0, text, length);
    for (size_t i = 0; i < p->n; i++)
        pcre2_match_data_free(w.match[i]);
    return ok ? OK : error_set(err, ERR_SYSTEM, "tokenizer: out of memory");
}
