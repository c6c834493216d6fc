/* normalizer.c - see normalizer.h. Unicode forms come from utf8proc. */
#include "lm/normalizer.h"

#include "base/utf8.h"
#include "formats/pattern.h"
#include "lm/charsmap.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

enum step_kind {
    STEP_PREPEND,
    STEP_REPLACE,
    STEP_UNICODE,
    STEP_STRIP,
    STEP_METASPACE,
    STEP_CHARSMAP,
    STEP_LOWERCASE,
    STEP_ACCENTS,
    STEP_CLEAN,
    STEP_CHINESE,
    STEP_SQUEEZE
};

struct step {
    enum step_kind kind;
    char *from, *to;
    int options;      /* of utf8proc */
    bool left, right; /* Strip */
    bool first_only;  /* Metaspace, Prepend: in front of the first text alone */
    bool never;
    pcre2_code *regex; /* Replace; NULL: `from` is a string */
    struct charsmap *charsmap;
};

enum { MAX_STEPS = 16, MAX_GROWTH = 64, MAX_GROWTH_BYTES = 1 << 16 };

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
    bool regex = json_has(pattern, "Regex");
    enum status status = json_get_string(pattern, regex ? "Regex" : "String", false, &from, path, err);
    if (status == OK)
        status = json_get_string(json, "content", false, &to, path, err);
    if (status == OK && from[0] == '\0')
        status = error_set(err, ERR_INPUT, "%s: key 'normalizer': Replace of an empty pattern, expected text", path);
    if (status == OK && regex)
        status = pattern_compile(&s->regex, from, PCRE2_UTF | PCRE2_UCP, path, "normalizer", err);
    if (status == OK) {
        s->from = strdup(from);
        s->to = strdup(to);
    }
    return status;
}

static enum status read_charsmap(struct step *s, const cJSON *json, const char *path, struct error *err)
{
    const char *text = NULL;
    bool longest = false;
    enum status status = json_get_string(json, "precompiled_charsmap", false, &text, path, err);
    if (status == OK)
        status = json_get_bool(json, "longest", true, &longest, path, err);
    return status == OK ? charsmap_from_base64(&s->charsmap, text, longest, path, err) : status;
}

/* The four steps of BERT's, each on its own; accents go with the lower case where nothing is said of them. */
static enum status read_bert(struct normalizer *n, const cJSON *json, const char *path, struct error *err)
{
    bool clean = true, chinese = true, lower = true, accents;
    struct step *s;
    enum status status = json_get_bool(json, "clean_text", true, &clean, path, err);
    if (status == OK)
        status = json_get_bool(json, "handle_chinese_chars", true, &chinese, path, err);
    if (status == OK)
        status = json_get_bool(json, "lowercase", true, &lower, path, err);
    const cJSON *said = cJSON_GetObjectItemCaseSensitive(json, "strip_accents");
    accents = cJSON_IsBool(said) ? cJSON_IsTrue(said) : lower;
    const struct {
        bool wanted;
        enum step_kind kind;
        int options;
    } steps[] = {{clean, STEP_CLEAN, 0},
                 {chinese, STEP_CHINESE, 0},
                 {accents, STEP_UNICODE, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE},
                 {accents, STEP_ACCENTS, 0},
                 {lower, STEP_LOWERCASE, 0}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps && status == OK; i++)
        if (steps[i].wanted && (status = new_step(n, steps[i].kind, &s, path, err)) == OK)
            s->options = steps[i].options;
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
        return status == OK ? json_get_bool(json, "first_only", true, &s->first_only, path, err) : status;
    }
    if (strcmp(type, "Precompiled") == 0) {
        status = new_step(n, STEP_CHARSMAP, &s, path, err);
        return status == OK ? read_charsmap(s, json, path, err) : status;
    }
    if (strcmp(type, "Squeeze") == 0)
        return new_step(n, STEP_SQUEEZE, &s, path, err);
    if (strcmp(type, "Lowercase") == 0)
        return new_step(n, STEP_LOWERCASE, &s, path, err);
    if (strcmp(type, "StripAccents") == 0)
        return new_step(n, STEP_ACCENTS, &s, path, err);
    if (strcmp(type, "BertNormalizer") == 0)
        return read_bert(n, json, path, err);
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
        "%s: key 'normalizer': type '%.40s' is not supported, expected Prepend, Replace, Strip, NFC, NFD, NFKC, NFKD, "
        "Lowercase, StripAccents, BertNormalizer, Precompiled or Sequence",
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
        pcre2_code_free(n->steps[i].regex);
        charsmap_free(n->steps[i].charsmap);
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

/* SentencePiece's remove_extra_whitespaces: several blanks become one, none stay at the start and the end of a whole text. */
static bool apply_squeeze(struct text *out, const char *text, size_t length, bool first, bool last)
{
    static const char blank[] = "\xe2\x96\x81";
    size_t n = sizeof blank - 1, from = out->len;
    bool ok = text_add(out, "", 0);
    for (size_t i = 0; ok && i < length; i++) {
        bool before = out->len > from ? out->data[out->len - 1] == ' ' : first;
        ok = (text[i] == ' ' && before) || text_add(out, text + i, 1);
    }
    while (ok && last && out->len > from) { /* a spelled-out stand-in counts as a blank here, and here alone */
        size_t cut = out->data[out->len - 1] == ' ' ? 1 : 0;
        if (out->len - from >= n && memcmp(out->data + out->len - n, blank, n) == 0)
            cut = n;
        if (cut == 0)
            break;
        out->len -= cut;
        out->data[out->len] = '\0';
    }
    return ok;
}

static bool apply_lowercase(struct text *out, const char *text, size_t length)
{
    bool ok = true;
    for (size_t i = 0; ok && i < length;) {
        utf8proc_int32_t c;
        utf8proc_uint8_t bytes[4];
        utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)text + i, (utf8proc_ssize_t)(length - i), &c);
        if (n <= 0)
            return false;
        ok = text_add(out, (const char *)bytes, (size_t)utf8proc_encode_char(c == 0x130 ? 'i' : utf8proc_tolower(c), bytes)) &&
             (c != 0x130 || text_puts(out, "\xcc\x87")); /* a capital I with a dot is an i and a dot above */
        i += (size_t)n;
    }
    return ok;
}

/* BERT's notion of what is a Chinese character. */
static bool is_chinese(uint32_t c)
{
    static const uint32_t ranges[][2] = {{0x4e00, 0x9fff},   {0x3400, 0x4dbf},   {0x20000, 0x2a6df}, {0x2a700, 0x2b73f},
                                         {0x2b740, 0x2b81f}, {0x2b920, 0x2ceaf}, {0xf900, 0xfaff},   {0x2f800, 0x2fa1f}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (c >= ranges[i][0] && c <= ranges[i][1])
            return true;
    return false;
}

/* Character by character: accents go; control characters go and white space becomes a blank; blanks around Chinese characters. */
static bool apply_characters(struct text *out, enum step_kind kind, const char *text, size_t length)
{
    bool ok = text_add(out, "", 0);
    for (size_t i = 0, width; ok && i < length; i += width) {
        uint32_t c = utf8_at(text, length, i, &width);
        utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
        bool control = k == UTF8PROC_CATEGORY_CC || k == UTF8PROC_CATEGORY_CF || k == UTF8PROC_CATEGORY_CN ||
                       k == UTF8PROC_CATEGORY_CO || k == UTF8PROC_CATEGORY_CS;
        bool space = utf8_is_space(c) && !(c >= 28 && c <= 31);
        if (kind == STEP_ACCENTS)
            ok = k == UTF8PROC_CATEGORY_MN || text_add(out, text + i, width);
        else if (kind == STEP_CLEAN)
            ok = c == 0 || c == 0xfffd || (control && !(c == '\t' || c == '\n' || c == '\r')) ||
                 (space ? text_add(out, " ", 1) : text_add(out, text + i, width));
        else
            ok = is_chinese(c) ? text_add(out, " ", 1) && text_add(out, text + i, width) && text_add(out, " ", 1)
                               : text_add(out, text + i, width);
    }
    return ok;
}

static bool apply_regex(struct text *out, const struct step *s, const char *text, size_t length)
{
    size_t room = 2 * length + strlen(s->to) + 16;
    char *changed = NULL;
    int code = PCRE2_ERROR_NOMEMORY;
    for (PCRE2_SIZE n = room; code == PCRE2_ERROR_NOMEMORY && n < ((size_t)1 << 40); n = 2 * room, room = n) {
        free(changed);
        changed = malloc(n);
        if (changed == NULL)
            return false;
        code = pcre2_substitute(s->regex, (PCRE2_SPTR)text, length, 0, PCRE2_SUBSTITUTE_GLOBAL | PCRE2_NO_UTF_CHECK, NULL, NULL,
                                (PCRE2_SPTR)s->to, PCRE2_ZERO_TERMINATED, (PCRE2_UCHAR *)changed, &n);
        if (code >= 0 && !text_add(out, changed, n))
            code = -1;
    }
    free(changed);
    return code >= 0;
}

static bool apply_step(const struct step *s, struct text *out, const char *text, size_t length, bool first, bool last)
{
    size_t from = 0, to = length, n;
    switch (s->kind) {
    case STEP_PREPEND:
        return (s->first_only && !first ? true : text_puts(out, s->to)) && text_add(out, text, length);
    case STEP_REPLACE:
        return s->regex ? apply_regex(out, s, text, length) : text_replace(out, text, length, s->from, s->to);
    case STEP_SQUEEZE:
        return apply_squeeze(out, text, length, first, last);
    case STEP_LOWERCASE:
        return apply_lowercase(out, text, length);
    case STEP_ACCENTS:
    case STEP_CLEAN:
    case STEP_CHINESE:
        return apply_characters(out, s->kind, text, length);
    case STEP_CHARSMAP:
        return charsmap_apply(s->charsmap, out, text, length);
    case STEP_UNICODE:
        return apply_unicode(out, text, length, s->options);
    case STEP_STRIP:
        to = s->right ? utf8_rstrip(text, length) : length;
        from = s->left ? utf8_lstrip(text, to) : 0;
        return text_add(out, text + from, to - from);
    case STEP_METASPACE:
        n = strlen(s->to);
        bool there = text[0] == ' ' || (length >= n && memcmp(text, s->to, n) == 0);
        bool wanted = !s->never && (first || !s->first_only) && !there;
        return (!wanted || text_puts(out, s->to)) && text_replace(out, text, length, s->from, s->to);
    }
    return false;
}

enum status normalizer_apply(const struct normalizer *n, struct text *out, const char *text, size_t length, bool first, bool last,
                             struct error *err)
{
    struct text from = {0}, to = {0};
    bool ok = text_add(&from, text, length);
    for (size_t i = 0; i < n->n && ok && from.len > 0; i++) {
        to.len = 0;
        ok = text_add(&to, "", 0) && apply_step(&n->steps[i], &to, from.data, from.len, first, last);
        if (ok && to.len > MAX_GROWTH * length + MAX_GROWTH_BYTES) {
            text_free(&from);
            text_free(&to);
            return error_set(err, ERR_INPUT,
                             "tokenizer: its normalizer makes a text of %zu bytes more than %d times as long, expected less",
                             length, MAX_GROWTH);
        }
        struct text swap = from;
        from = to;
        to = swap;
    }
    ok = ok && text_add(out, from.data, from.len);
    text_free(&from);
    text_free(&to);
    return ok ? OK : error_set(err, ERR_SYSTEM, "tokenizer: out of memory");
}
