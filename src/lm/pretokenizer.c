/* pretokenizer.c - see pretokenizer.h. */
#include "lm/pretokenizer.h"

#include "base/memory.h"
#include "formats/pattern.h"
#include "lm/byte_level.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_STAGES = 8 };

/* What becomes of the matches of a pattern and the gaps between them, as the tokenizers library has it. */
enum behavior { REMOVED, ISOLATED, MERGED_WITH_PREVIOUS, MERGED_WITH_NEXT, CONTIGUOUS, N_BEHAVIORS };
static const char *const BEHAVIORS[N_BEHAVIORS] = {"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"};

/* Cuts the pieces of the stage before. */
struct stage {
    pcre2_code *pattern;
    enum behavior behavior;
    bool invert; /* matches and gaps change places */
};

struct pretokenizer {
    struct stage stages[MAX_STAGES];
    size_t n;
    bool byte_level, adds_space;
};

/* The pattern in PCRE2's words: its \s knows U+180E, which Unicode has no longer as white space, and its \w knows fewer letters
 * than the library's. Within brackets and without them the classes are spelled differently. */
static bool translate(struct text *out, const char *pattern)
{
    static const char word[] = "\\p{Alphabetic}\\p{M}\\p{N}\\p{Pc}";
    bool brackets = false, ok = text_puts(out, "");
    for (const char *p = pattern; *p != '\0' && ok; p++) {
        if (*p == '[' && !brackets) {
            brackets = true;
            ok = text_add(out, p, 1);
            if (p[1] == '^')
                ok = ok && text_add(out, ++p, 1);
            if (p[1] == ']')
                ok = ok && text_add(out, ++p, 1);
        } else if (*p != '\\' || p[1] == '\0') {
            brackets = brackets && *p != ']';
            ok = text_add(out, p, 1);
        } else if (*++p == 's' || *p == 'S') {
            ok = text_puts(out, *p == 's' ? "\\p{White_Space}" : "\\P{White_Space}");
        } else if (*p == 'w') {
            ok = text_printf(out, brackets ? "%s" : "[%s]", word);
        } else if (*p == 'W' && !brackets) {
            ok = text_printf(out, "[^%s]", word);
        } else {
            ok = text_add(out, p - 1, 2);
        }
    }
    return ok;
}

static enum status add_stage(struct pretokenizer *p, const char *pattern, enum behavior behavior, bool invert, const char *path,
                             struct error *err)
{
    struct text translated = {0};
    pcre2_code *compiled = NULL;
    enum status status;
    if (p->n == MAX_STAGES)
        return error_set(err, ERR_INPUT, "%s: key 'pre_tokenizer' has too many stages, expected at most %d", path, MAX_STAGES);
    status = translate(&translated, pattern)
                 ? pattern_compile(&compiled, translated.data, PCRE2_UTF | PCRE2_UCP, path, "pre_tokenizer", err)
                 : error_set(err, ERR_INPUT, "%s: key 'pre_tokenizer': the pattern is wrong", path);
    text_free(&translated);
    if (status != OK)
        return status;
    pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);
    p->stages[p->n++] = (struct stage){compiled, behavior, invert};
    return OK;
}

/* The behavior that a stage names; `initial` where it names none. */
static enum status read_behavior(enum behavior *behavior, const cJSON *json, enum behavior initial, const char *path,
                                 struct error *err)
{
    const char *name = BEHAVIORS[initial];
    enum status status = json_get_string(json, "behavior", true, &name, path, err);
    for (*behavior = 0; status == OK && *behavior < N_BEHAVIORS; ++*behavior)
        if (strcmp(BEHAVIORS[*behavior], name) == 0)
            return OK;
    return status != OK ? status
                        : error_set(err, ERR_INPUT,
                                    "%s: key 'pre_tokenizer': behavior '%.40s' is not known, expected Removed, Isolated, "
                                    "MergedWithPrevious, MergedWithNext or Contiguous",
                                    path, name);
}

/* A pattern of a Split: a Regex, or a String whose characters stand for themselves. */
static enum status read_split(struct pretokenizer *p, const cJSON *json, const char *path, struct error *err)
{
    const cJSON *pattern = cJSON_GetObjectItemCaseSensitive(json, "pattern");
    const char *regex = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(pattern, "Regex"));
    const char *string = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(pattern, "String"));
    bool invert = false;
    struct text quoted = {0};
    enum behavior behavior;
    enum status status = read_behavior(&behavior, json, ISOLATED, path, err);
    if (status == OK)
        status = json_get_bool(json, "invert", true, &invert, path, err);
    if (status == OK && regex == NULL && (string == NULL || string[0] == '\0' || strstr(string, "\\E") != NULL))
        return error_set(err, ERR_INPUT, "%s: key 'pre_tokenizer': a Split has no pattern, expected a Regex or a String", path);
    if (status == OK && regex == NULL)
        text_printf(&quoted, "\\Q%s\\E", string);
    if (status == OK)
        status = add_stage(p, regex ? regex : quoted.data, behavior, invert, path, err);
    text_free(&quoted);
    return status;
}

/* What the library's own stages call a word's character; a user's \w has all numbers. */
#define WORD "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{200c}\\x{200d}"
#define PUNCTUATION "[\\p{P}!-/:-@\\[-`{-~]"

/* Stages without settings; a type with two rows is two stages. */
static const struct {
    const char *type, *pattern;
    enum behavior behavior;
    bool invert;
} FIXED[] = {{"Whitespace", "[" WORD "]+|[^" WORD "\\s]+", REMOVED, true},
             {"WhitespaceSplit", "\\s", REMOVED, false},
             {"BertPreTokenizer", "\\s", REMOVED, false},
             {"BertPreTokenizer", PUNCTUATION, ISOLATED, false}};

static enum status read_delimiter(struct pretokenizer *p, const cJSON *json, const char *path, struct error *err)
{
    const char *delimiter = NULL;
    struct text quoted = {0};
    enum status status = json_get_string(json, "delimiter", false, &delimiter, path, err);
    if (status == OK && (delimiter[0] == '\0' || strstr(delimiter, "\\E") != NULL))
        status = error_set(err, ERR_INPUT, "%s: key 'pre_tokenizer.delimiter' is wrong, expected a character", path);
    if (status == OK)
        status = text_printf(&quoted, "\\Q%s\\E", delimiter) ? add_stage(p, quoted.data, REMOVED, false, path, err)
                                                             : error_set(err, ERR_SYSTEM, "%s: out of memory", path);
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
    return status == OK && split ? add_stage(p, "\xe2\x96\x81", MERGED_WITH_NEXT, false, path, err) : status;
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
        return status == OK ? add_stage(p, "\\p{N}", flag ? ISOLATED : CONTIGUOUS, false, path, err) : status;
    }
    if (strcmp(type, "Split") == 0)
        return read_split(p, json, path, err);
    if (strcmp(type, "Metaspace") == 0)
        return read_metaspace(p, json, normalizer, path, err);
    if (strcmp(type, "Punctuation") == 0) {
        enum behavior behavior;
        status = read_behavior(&behavior, json, ISOLATED, path, err);
        return status == OK ? add_stage(p, PUNCTUATION, behavior, false, path, err) : status;
    }
    if (strcmp(type, "CharDelimiterSplit") == 0)
        return read_delimiter(p, json, path, err);
    bool known = false;
    for (size_t i = 0; i < sizeof FIXED / sizeof *FIXED && status == OK; i++)
        if (strcmp(FIXED[i].type, type) == 0) {
            known = true;
            status = add_stage(p, FIXED[i].pattern, FIXED[i].behavior, FIXED[i].invert, path, err);
        }
    if (known || status != OK)
        return status;
    if (strcmp(type, "ByteLevel") != 0)
        return error_set(
            err, ERR_INPUT,
            "%s: key 'pre_tokenizer': type '%.40s' is not supported, expected ByteLevel, Digits, Split, Metaspace, Punctuation, "
            "Whitespace, WhitespaceSplit, BertPreTokenizer, CharDelimiterSplit or Sequence",
            path, type);
    p->byte_level = true;
    status = json_get_bool(json, "use_regex", true, &flag, path, err);
    if (status == OK)
        status = json_get_bool(json, "add_prefix_space", true, &space, path, err);
    p->adds_space = space;
    return status == OK && flag ? add_stage(p, GPT2_PATTERN, ISOLATED, false, path, err) : status;
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
        pcre2_code_free(p->stages[i].pattern);
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
    int failed; /* the last error of a match; 0: none */
};

/* A match of the stage's pattern, or what lies between two. */
struct part {
    size_t from, to;
    bool match;
};

/* The next part of text from `at` on; a match that was found behind a gap waits in *after. */
static struct part next_part(struct walk *w, size_t stage, const char *text, size_t length, size_t at, struct part *after)
{
    const struct stage *s = &w->p->stages[stage];
    if (after->to > at) {
        struct part held = *after;
        *after = (struct part){0, 0, false};
        return held;
    }
    int found = pattern_match(s->pattern, text, length, at, PCRE2_NO_UTF_CHECK, w->match[stage]);
    PCRE2_SIZE *range = pcre2_get_ovector_pointer(w->match[stage]);
    if (found < 0 && found != PCRE2_ERROR_NOMATCH)
        w->failed = found;
    if (found < 0 || range[1] <= range[0]) /* no further match: the rest is one gap */
        return (struct part){at, length, s->invert};
    struct part match = {range[0], range[1], !s->invert};
    if (match.from == at)
        return match;
    *after = match;
    return (struct part){at, match.from, s->invert};
}

/* Does a part go on with the one before it? */
static bool joins(enum behavior behavior, const struct part *before, const struct part *part)
{
    return (behavior == MERGED_WITH_PREVIOUS && part->match && !before->match) ||
           (behavior == MERGED_WITH_NEXT && !part->match && before->match) ||
           (behavior == CONTIGUOUS && part->match == before->match);
}

/* Cuts text[0..length) by stage `stage` and those after it. */
static bool cut(struct walk *w, size_t stage, const char *text, size_t length)
{
    if (length == 0)
        return true;
    if (stage == w->p->n)
        return w->piece(w->context, text, length);
    enum behavior behavior = w->p->stages[stage].behavior;
    struct part after = {0, 0, false}, last = {0, 0, false};
    size_t from = 0; /* where the piece that may still grow begins */
    bool ok = true;
    for (size_t at = 0; at < length && ok;) {
        struct part part = next_part(w, stage, text, length, at, &after);
        bool join = last.to > 0 && joins(behavior, &last, &part);
        if (last.to > 0 && !join) {
            ok = (behavior == REMOVED && last.match) || cut(w, stage + 1, text + from, last.to - from);
            from = part.from;
        }
        last = part;
        at = part.to;
    }
    return ok && ((behavior == REMOVED && last.match) || cut(w, stage + 1, text + from, last.to - from));
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
    if (w.failed != 0)
        return pattern_failed(w.failed, "tokenizer", err);
    return ok ? OK : error_set(err, ERR_SYSTEM, "tokenizer: out of memory");
}
