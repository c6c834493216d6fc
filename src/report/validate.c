/* validate.c - see validate.h. */
#include "report/validate.h"

#include "base/memory.h"
#include "formats/bounds.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What may stand at a place. */
enum kind { TEXT, NAME, WORD, HEX, NUMBER, NUMBER_OR_NULL, COUNT, PLACE, LIST, FILLED_LIST, PAIR, OBJECT, N_KINDS };

static const char *const EXPECTED[N_KINDS] = {
    [TEXT] = "a string",
    [NAME] = "a string that is not empty",
    [WORD] = "a name of lower-case letters, digits and -",
    [HEX] = "64 hexadecimal digits",
    [NUMBER] = "a finite number",
    [NUMBER_OR_NULL] = "a finite number or null",
    [COUNT] = "a whole number that is not negative",
    [PLACE] = "a string, a finite number, true or false",
    [LIST] = "an array",
    [FILLED_LIST] = "an array that is not empty",
    [PAIR] = "an array of two, or null",
    [OBJECT] = "an object",
};

/* `*` is every element of an array or every member of an object; the last name of a path may be missing where it is optional. */
static const struct rule {
    const char *path;
    enum kind kind;
    bool optional;
} RULES[] = {
    {"schema", TEXT, false},
    {"task", WORD, false},
    {"version", NAME, false},
    {"seed", COUNT, false},
    {"options", OBJECT, false},
    {"digest", HEX, false},
    {"rescore_of", HEX, true},
    {"run", OBJECT, false},
    {"models", FILLED_LIST, false},
    {"models.*", OBJECT, false},
    {"models.*.name", NAME, false},
    {"models.*.family", TEXT, true},
    {"models.*.path", TEXT, true},
    {"models.*.n_params", COUNT, true},
    {"models.*.n_maps", COUNT, true},
    {"models.*.sha256", HEX, true},
    {"models.*.tokenizer_sha256", HEX, true},
    {"trainings", FILLED_LIST, true},
    {"trainings.*", FILLED_LIST, false},
    {"trainings.*.*", OBJECT, false},
    {"trainings.*.*.name", NAME, false},
    {"data", LIST, false},
    {"data.*", OBJECT, false},
    {"data.*.name", TEXT, false},
    {"data.*.path", TEXT, false},
    {"data.*.sha256", HEX, false},
    {"data.*.records", COUNT, false},
    {"data.*.licence", TEXT, true},
    {"notes", LIST, true},
    {"notes.*", TEXT, false},
    {"metrics", LIST, false},
    {"metrics.*", OBJECT, false},
    {"metrics.*.name", NAME, false},
    {"metrics.*.model", NAME, false},
    {"metrics.*.where", OBJECT, false},
    {"metrics.*.where.*", PLACE, false},
    {"metrics.*.value", NUMBER, false},
    {"metrics.*.ci", PAIR, true},
    {"metrics.*.ci.*", NUMBER_OR_NULL, false},
    {"metrics.*.n", COUNT, false},
    {"metrics.*.field", TEXT, true},
    {"metrics.*.kind", TEXT, true},
    {"comparisons", LIST, false},
    {"comparisons.*", OBJECT, false},
    {"comparisons.*.name", NAME, false},
    {"comparisons.*.model", NAME, false},
    {"comparisons.*.baseline", NAME, false},
    {"comparisons.*.where", OBJECT, false},
    {"comparisons.*.where.*", PLACE, false},
    {"comparisons.*.difference", NUMBER, false},
    {"comparisons.*.ci", PAIR, true},
    {"comparisons.*.ci.*", NUMBER_OR_NULL, false},
    {"comparisons.*.p_value", NUMBER_OR_NULL, false},
    {"comparisons.*.n", COUNT, false},
    {"comparisons.*.values", LIST, true},
    {"comparisons.*.values.*", NUMBER, false},
    {"series", LIST, false},
    {"series.*", OBJECT, false},
    {"series.*.name", NAME, false},
    {"series.*.model", NAME, false},
    {"series.*.where", OBJECT, true},
    {"series.*.where.*", PLACE, false},
    {"series.*.x", LIST, false},
    {"series.*.x.*", NUMBER, false},
    {"series.*.y", LIST, false},
    {"series.*.y.*", NUMBER, false},
    {"series.*.ci_low", LIST, false},
    {"series.*.ci_low.*", NUMBER_OR_NULL, false},
    {"series.*.ci_high", LIST, false},
    {"series.*.ci_high.*", NUMBER_OR_NULL, false},
    {"series.*.x_label", TEXT, false},
    {"series.*.y_label", TEXT, false},
    {"series.*.x_scale", TEXT, false},
    {"references", LIST, true},
    {"references.*", OBJECT, false},
    {"references.*.name", NAME, false},
    {"references.*.label", TEXT, false},
    {"references.*.where", OBJECT, false},
    {"references.*.where.*", PLACE, false},
    {"references.*.value", NUMBER, false},
    {"views", LIST, false},
    {"views.*", OBJECT, false},
    {"views.*.kind", NAME, false},
    {"views.*.name", NAME, false},
    {"views.*.title", TEXT, false},
    {"views.*.x", NAME, true},
    {"views.*.y", NAME, true},
    {"items", LIST, false},
    {"items.*", OBJECT, false},
    {"items.*.id", TEXT, false},
    {"items.*.where", OBJECT, false},
    {"items.*.where.*", PLACE, false},
    {"items.*.results", OBJECT, false},
    {"items.*.results.*", OBJECT, false},
    {"items.*.results.*.output", TEXT, false},
    {"items.*.results.*.score", NUMBER_OR_NULL, false},
    {"items.*.results.*.evidence", OBJECT, false},
};

/* How many of a list's elements there may be. */
static const struct bound {
    const char *list;
    int most;
} BOUNDS[] = {{"models", REPORT_MODELS},
              {"views", REPORT_VIEWS},
              {"metrics", REPORT_ROWS},
              {"comparisons", REPORT_ROWS},
              {"series", REPORT_ROWS}};

static bool consists_of(const char *text, const char *characters, size_t n)
{
    return text[0] != '\0' && strspn(text, characters) == strlen(text) && (n == 0 || strlen(text) == n);
}

static bool is_kind(const cJSON *v, enum kind kind)
{
    const char *text = cJSON_GetStringValue(v);
    bool number = cJSON_IsNumber(v) && isfinite(v->valuedouble);
    switch (kind) {
    case TEXT:
        return text != NULL;
    case NAME:
        return text != NULL && text[0] != '\0';
    case WORD:
        return text != NULL && consists_of(text, "abcdefghijklmnopqrstuvwxyz0123456789-", 0);
    case HEX:
        return text != NULL && consists_of(text, "0123456789abcdef", 64);
    case NUMBER:
        return number;
    case NUMBER_OR_NULL:
        return number || cJSON_IsNull(v);
    case COUNT:
        return number && v->valuedouble >= 0 && v->valuedouble == floor(v->valuedouble);
    case PLACE:
        return number || text != NULL || cJSON_IsBool(v);
    case LIST:
        return cJSON_IsArray(v);
    case FILLED_LIST:
        return cJSON_IsArray(v) && v->child != NULL;
    case PAIR:
        return (cJSON_IsArray(v) && cJSON_GetArraySize(v) == 2) || cJSON_IsNull(v);
    default:
        return cJSON_IsObject(v);
    }
}

/* Where in the document: the nodes from the root down. */
struct place {
    const struct place *above;
    const char *name; /* NULL: an element of an array */
    size_t index;
};

static void place_text(struct text *out, const struct place *p)
{
    if (p == NULL)
        return;
    place_text(out, p->above);
    if (p->name == NULL)
        text_printf(out, "[%zu]", p->index);
    else
        text_printf(out, "%s%.60s", out->len ? "." : "", p->name);
}

static enum status wrong(const char *path, const struct place *place, const char *what, const char *expected, struct error *err)
{
    struct text where = {0};
    place_text(&where, place);
    enum status status = error_set(err, ERR_INPUT, "%s: %s: %s, expected %s", path, where.data ? where.data : "", what, expected);
    text_free(&where);
    return status;
}

/* `rest` is what is left of the rule's path below `node`. */
static enum status apply(const struct rule *rule, const cJSON *node, const char *rest, const struct place *place,
                         const char *path, struct error *err)
{
    if (rest[0] == '\0')
        return is_kind(node, rule->kind) ? OK : wrong(path, place, "is of another kind", EXPECTED[rule->kind], err);
    char name[32];
    size_t n = strcspn(rest, "."), i = 0;
    const char *below = rest + n + (rest[n] == '.');
    snprintf(name, sizeof name, "%.*s", (int)n, rest);
    enum status status = OK;
    if (rest[0] == '*') {
        for (const cJSON *child = node->child; child != NULL && status == OK; child = child->next) {
            struct place here = {place, child->string, i++};
            status = apply(rule, child, below, &here, path, err);
        }
        return status;
    }
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(node, name);
    struct place here = {place, name, 0};
    if (member != NULL)
        return apply(rule, member, below, &here, path, err);
    /* above the last name the rule for that place, which stands earlier, has said what it has to say */
    return rule->optional || below[0] != '\0' ? OK : wrong(path, &here, "is missing", EXPECTED[rule->kind], err);
}

static enum status check_bounds(const cJSON *report, const char *path, struct error *err)
{
    for (const struct bound *b = BOUNDS; b < BOUNDS + sizeof BOUNDS / sizeof *BOUNDS; b++) {
        char most[40];
        struct place list = {NULL, b->list, 0};
        snprintf(most, sizeof most, "at most %d", b->most);
        if (cJSON_GetArraySize(json_path(report, b->list)) > b->most)
            return wrong(path, &list, "has too many elements", most, err);
    }
    return OK;
}

/* A curve's lists are read side by side. */
static enum status check_series(const cJSON *series, const char *path, struct error *err)
{
    static const char *const lists[] = {"y", "ci_low", "ci_high"};
    struct place top = {NULL, "series", 0};
    size_t index = 0;
    for (const cJSON *s = series->child; s != NULL; s = s->next, index++)
        for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
            struct place at = {&top, NULL, index}, list = {&at, lists[i], 0};
            if (cJSON_GetArraySize(json_path(s, lists[i])) != cJSON_GetArraySize(json_path(s, "x")))
                return wrong(path, &list, "has another length than x", "as many values", err);
        }
    return OK;
}

/* What a picture has on its axes. */
static enum status check_views(const cJSON *views, const char *path, struct error *err)
{
    static const struct {
        const char *kind, *needs;
    } axes[] = {{"bars", "x"}, {"heatmap", "x"}, {"heatmap", "y"}};
    struct place top = {NULL, "views", 0};
    size_t index = 0;
    for (const cJSON *v = views->child; v != NULL; v = v->next, index++)
        for (size_t i = 0; i < sizeof axes / sizeof *axes; i++) {
            struct place at = {&top, NULL, index}, axis = {&at, axes[i].needs, 0};
            if (strcmp(json_text(v, "kind"), axes[i].kind) == 0 && json_text(v, axes[i].needs) == NULL)
                return wrong(path, &axis, "is missing", "the dimension on that axis", err);
        }
    return OK;
}

enum status report_validate(const cJSON *report, const char *path, struct error *err)
{
    enum status status = OK;
    for (size_t i = 0; i < sizeof RULES / sizeof *RULES && status == OK; i++)
        status = apply(&RULES[i], report, RULES[i].path, NULL, path, err);
    if (status == OK)
        status = check_bounds(report, path, err);
    if (status == OK)
        status = check_series(json_path(report, "series"), path, err);
    return status == OK ? check_views(json_path(report, "views"), path, err) : status;
}
