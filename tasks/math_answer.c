/* math_answer.c - see math_answer.h. */
#include "tasks/math_answer.h"

#include "base/exhausted.h"
#include "formats/pattern.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *const ANSWER_KINDS[] = {"boxed", "hashes", "phrase", "number", "whole", NULL};

#define WHOLE_NUMBER "(?:\\d{1,3}(?:,\\d{3})+(?!\\d)|\\d+)"
#define UNITS                                                                                                                    \
    "(?:cm|mm|km|kg|gm|ft|mph|lbs?|hours?|minutes?|feet|inches|meters?|pounds?|degrees?|dollars?|cents?|units?)(?:/[a-zA-Z]+)?"

/* Each in turn, wherever it matches; the next rule sees what the last has made. */
static const struct {
    const char *pattern, *replacement;
} RULES[] = {
    /* one way of writing */
    {"\\x{2212}", "-"},
    {"\\\\\\\\\\s*", "\\"},
    {"\\\\[dt]frac(?![a-z])", "\\frac"},
    {"\\\\(?:left|right|displaystyle|boldsymbol)(?![a-zA-Z])", ""},
    {"\\\\([lgn])eq(?![a-zA-Z])", "\\$1e"},
    {"\\{,\\}", ","},
    {"\\\\!", ""},
    {"\\\\[,;:\\s]|\\\\q?quad(?![a-zA-Z])|~", " "},
    /* signs that change no value: currency, percent, degrees, the marks of a formula */
    {"\\\\?[$%]|[\\x{20ac}\\x{a3}\\x{a5}]|\\\\[()\\[\\]]", ""},
    {"\\^\\s*\\{?\\s*\\\\circ\\s*\\}?|\\x{b0}", ""},
    {"^\\s+|[\\s.,;:]+$", ""},
    /* words: and, or between values; a unit behind a value; then what is said by words alone */
    {",?\\s*\\\\(?:text|mbox|mathrm)\\{\\s*(?:and|or)\\s*\\}\\s*|(?<=[\\d)}\\]]),?\\s+(?:and|or)\\s+", ","},
    {"(?<=[\\w)}\\]])\\s*\\\\(?:text|mbox|mathrm|textrm)\\s*\\{[^{}]*\\}(?:\\^\\s*\\{?\\s*\\d\\s*\\}?)?\\s*$", ""},
    {"\\\\(?:text|textbf|textit|textrm|mbox|mathrm|mathbf)\\s*\\{([^{}]*)\\}", "$1"},
    {"^(?:[^A-Za-z\\\\=]*\\d[^A-Za-z\\\\=]*|\\s*\\S{1,2}\\s*|\\s*\\\\?[a-zA-Z]+(?:_\\{?\\w+\\}?|'|\\([a-z]\\))?\\s*)=(?=[^=]*$)",
     ""},
    {"^\\s*([-+]?[\\d,]*\\.?\\d+(?:/\\d+)?)(?:\\s+(?:[a-zA-Z]{1,2}\\s+)?[a-zA-Z]{3}[a-zA-Z\\s.'/-]*|\\s*" UNITS ")$", "$1"},
    /* fractions and roots; a mixed number keeps its parts apart */
    {"^(-?\\d+)\\s+(\\d+)/(\\d+)$", "$1\\frac{$2}{$3}"},
    {"\\s+", ""},
    {"\\\\frac(\\d)(\\d)", "\\frac{$1}{$2}"},
    {"\\\\frac(\\d)\\{", "\\frac{$1}{"},
    {"\\\\frac(\\{[^{}]*\\})(\\w)", "\\frac$1{$2}"},
    {"\\\\sqrt(\\w)", "\\sqrt{$1}"},
    {"^(-?)\\(?\\\\frac\\{(-?[\\d.]+)\\}\\{([\\d.]+)\\}\\)?$", "$1$2/$3"},
    {"^--", ""},
    /* numbers */
    {"(?:^-?\\d{1,3}|\\G(?!^)\\d{3})\\K,(?=(?:\\d{3},)*\\d{3}(?:\\.\\d+)?$)", ""},
    {"^\\+", ""},
    {"(?<!\\d)\\.(?=\\d)", "0."},
    {"(\\.\\d*?)0+(?!\\d)", "$1"},
    {"(?<=\\d)\\.(?!\\d)", ""},
    {"(?<![\\d.])0+(?=\\d)", ""},
    {"^-0$", "0"},
};
enum { N_RULES = sizeof RULES / sizeof *RULES };

static const char NUMBER[] =
    "(?:(?<![\\w)\\]}])[-\\x{2212}]\\$?)?(?:" WHOLE_NUMBER "(?:\\.\\d+)?|(?<!\\d)\\.\\d+)(?:/\\d+(?!\\d|[./]\\d))?";

/* Bytes of the longest answer that has a normal form; rules may take time that grows with the square. */
enum { LONGEST = 2048 };

struct grader {
    pcre2_code *rules[N_RULES], *number;
};

enum status grader_open(struct grader **out, struct error *err)
{
    struct grader *g = *out = calloc(1, sizeof *g);
    enum status status = OK;
    for (size_t i = 0; i < N_RULES && status == OK; i++)
        status = pattern_compile(&g->rules[i], RULES[i].pattern, PCRE2_UTF, "math", "rules", err);
    if (status == OK)
        status = pattern_compile(&g->number, NUMBER, PCRE2_UTF, "math", "number", err);
    if (status != OK) {
        grader_free(g);
        *out = NULL;
    }
    return status;
}

void grader_free(struct grader *g)
{
    for (size_t i = 0; g != NULL && i < N_RULES; i++)
        pcre2_code_free(g->rules[i]);
    if (g != NULL)
        pcre2_code_free(g->number);
    free(g);
}

/* What the braces at `open` hold; false when they are not closed within LONGEST bytes. A brace that is escaped counts as text. */
static bool add_braced(struct text *out, const char *open)
{
    size_t depth = 0;
    for (const char *p = open; *p != '\0' && p - open <= LONGEST; p++) {
        if (*p == '\\' && p[1] != '\0')
            p++;
        else if (*p == '{')
            depth++;
        else if (*p == '}' && --depth == 0)
            return text_add(out, open + 1, (size_t)(p - open - 1));
    }
    return false;
}

static bool find_boxed(struct text *out, const char *text)
{
    static const char *const marks[] = {"\\boxed", "\\fbox"};
    for (const char *p = text + strlen(text); p > text;) {
        p--;
        for (size_t i = 0; i < 2; i++) {
            size_t n = strlen(marks[i]);
            if (strncmp(p, marks[i], n) != 0)
                continue;
            const char *open = p + n + strspn(p + n, " ");
            if (*open == '{' && add_braced(out, open))
                return true;
            if (open > p + n && *open != '{' && strcspn(open, "$\n") > 0) /* \boxed 5$ */
                return text_add(out, open, strcspn(open, "$\n"));
        }
    }
    return false;
}

/* What stands behind a mark to the end of its line, or to the stop that ends its sentence. */
static bool add_sentence(struct text *out, const char *p)
{
    p += strspn(p, " \t\r\n");
    p += *p == ':';
    p += strspn(p, " \t\r\n");
    size_t n = 0;
    while (p[n] != '\0' && p[n] != '\n' && !(p[n] == '.' && strchr(" \t\r\n", p[n + 1]) != NULL)) /* at the end, too */
        n++;
    while (n > 0 && strchr(" \t\r", p[n - 1]) != NULL)
        n--;
    return n > 0 && text_add(out, p, n);
}

/* Behind the first mark, or behind the last of any case, that something stands behind. */
static bool find_hashes(struct text *out, const char *text)
{
    for (const char *p = text; (p = strstr(p, "####")) != NULL; p += 4)
        if (add_sentence(out, p + 4))
            return true;
    return false;
}

static bool find_phrase(struct text *out, const char *text)
{
    static const char mark[] = "answer is";
    const size_t n = sizeof mark - 1;
    for (const char *p = text + strlen(text); p > text;)
        if (strncasecmp(--p, mark, n) == 0 && add_sentence(out, p + n))
            return true;
    return false;
}

static bool find_number(struct text *out, const pcre2_code *code, const char *text)
{
    pcre2_match_data *match = pcre2_match_data_create_from_pattern(code, NULL);
    size_t length = strlen(text), at = 0, from = 0, to = 0;
    if (match == NULL)
        exhausted(sizeof(PCRE2_SIZE));
    uint32_t checked = 0; /* that the text is UTF-8: once is enough */
    while (at < length && pcre2_match(code, (PCRE2_SPTR)text, length, at, checked, match, NULL) > 0) {
        checked = PCRE2_NO_UTF_CHECK;
        const PCRE2_SIZE *range = pcre2_get_ovector_pointer(match);
        from = range[0];
        at = to = range[1];
    }
    pcre2_match_data_free(match);
    return to > from && text_add(out, text + from, to - from);
}

static bool find_whole(struct text *out, const char *text)
{
    return text[strspn(text, " \t\r\n")] != '\0' && text_puts(out, text);
}

/* A number is found by its pattern. */
static bool (*const FINDERS[N_ANSWER_KINDS])(struct text *out, const char *text) = {
    [ANSWER_BOXED] = find_boxed, [ANSWER_HASHES] = find_hashes, [ANSWER_PHRASE] = find_phrase, [ANSWER_WHOLE] = find_whole};

enum answer_kind grader_extract(const struct grader *g, struct text *out, const char *text, const enum answer_kind *kinds,
                                size_t n)
{
    for (size_t i = 0; i < n; i++) {
        enum answer_kind kind = kinds[i];
        out->len = 0;
        text_puts(out, "");
        if (kind == ANSWER_NUMBER ? find_number(out, g->number, text) : FINDERS[kind](out, text))
            return kind;
    }
    return N_ANSWER_KINDS;
}

/* `text` with every match replaced; as it was when the library gives up. */
static void substitute(struct text *text, const pcre2_code *code, const char *replacement)
{
    enum { FLAGS = PCRE2_SUBSTITUTE_GLOBAL | PCRE2_SUBSTITUTE_OVERFLOW_LENGTH | PCRE2_SUBSTITUTE_UNSET_EMPTY };
    struct text out = {0};
    PCRE2_SIZE length = text->len + 64;
    int n = PCRE2_ERROR_NOMEMORY;
    for (int tries = 0; tries < 2 && n == PCRE2_ERROR_NOMEMORY; tries++) {
        PCRE2_SIZE room = length + 1;
        free(out.data);
        out.data = malloc(room);
        length = room;
        n = pcre2_substitute(code, (PCRE2_SPTR)text->data, text->len, 0, FLAGS, NULL, NULL, (PCRE2_SPTR)replacement,
                             PCRE2_ZERO_TERMINATED, (PCRE2_UCHAR *)out.data, &length);
        out.capacity = room;
        if (n == PCRE2_ERROR_NOMEMORY && length == PCRE2_UNSET) /* not for want of room in `out` */
            exhausted(room);
    }
    if (n > 0) {
        out.len = length;
        text_free(text);
        *text = out;
    } else {
        free(out.data);
    }
}

void grader_normalise(const struct grader *g, struct text *out, const char *answer)
{
    out->len = 0;
    text_puts(out, answer);
    for (size_t i = 0; i < N_RULES && out->len <= LONGEST; i++)
        substitute(out, g->rules[i], RULES[i].replacement);
    for (char *c = out->data; *c != '\0'; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + ('a' - 'A')) : *c;
}

/* An integer, decimal or fraction as p / q; false for anything else, and for more digits than fit. */
static bool parse_ratio(const char *text, int64_t *p, int64_t *q)
{
    int64_t part[2] = {0, 1}, scale = 1;
    bool negative = *text == '-', point = false, slash = false, digits = false;
    for (text += negative; *text != '\0'; text++) {
        int64_t *value = &part[slash];
        if (*text >= '0' && *text <= '9') {
            if (__builtin_mul_overflow(*value, 10, value) || __builtin_add_overflow(*value, *text - '0', value) ||
                (point && __builtin_mul_overflow(scale, 10, &scale)))
                return false;
            digits = true;
        } else if (*text == '.' && !point && !slash) {
            point = true;
        } else if (*text == '/' && !slash && !point && digits) {
            slash = true;
            digits = false;
            part[1] = 0;
        } else {
            return false;
        }
    }
    *p = negative ? -part[0] : part[0];
    *q = slash ? part[1] : scale;
    return digits && *q != 0;
}

bool answers_equal(const char *a, const char *b)
{
    int64_t p[2], q[2], left, right;
    if (strcmp(a, b) == 0)
        return true;
    return parse_ratio(a, &p[0], &q[0]) && parse_ratio(b, &p[1], &q[1]) && !__builtin_mul_overflow(p[0], q[1], &left) &&
           !__builtin_mul_overflow(p[1], q[0], &right) && left == right;
}
