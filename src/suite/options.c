/* options.c - see options.h. */
#include "suite/options.h"

#include "base/list.h"
#include "base/memory.h"
#include "base/visible.h"
#include "suite/options_words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct option_spec *find_in(const struct option_spec *table, const char *name)
{
    for (; table != NULL && table->name != NULL; table++)
        if (strcmp(table->name, name) == 0)
            return table;
    return NULL;
}

/* Names of the LM Evaluation Harness that are taken as ours, with a word. */
static const struct option_spec *synonym(const char *name, const struct option_spec *common, const struct option_spec *own)
{
    static const char *const names[][2] = {{"limit", "samples"}, {"num_fewshot", "shots"}, {"output_path", "out"}};
    const struct option_spec *option = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i][0], name) == 0 && (option = find_in(own, names[i][1])) == NULL)
            option = find_in(common, names[i][1]);
    return option;
}

/* What other programs, the LM Evaluation Harness among them, call it, with hyphens or underscores. */
static const char *known_elsewhere(const char *hyphened)
{
    static const char *const aliases[][2] = {
        {"limit", "samples"},       {"num-samples", "samples"},
        {"n-samples", "samples"},   {"num-fewshot", "shots"},
        {"fewshot", "shots"},       {"n-shot", "shots"},
        {"max-length", "length"},   {"seq-len", "length"},
        {"context", "lengths"},     {"output", "out"},
        {"output-path", "out"},     {"output-dir", "out"},
        {"jobs", "threads"},        {"num-threads", "threads"},
        {"max-tokens", "tokens"},   {"max-new-tokens", "tokens"},
        {"force", "fresh"},         {"restart", "fresh"},
        {"overwrite", "fresh"},     {"model-path", "model"},
        {"pretrained", "model"},    {"dataset", "data"},
        {"data-path", "data"},      {"gen-kwargs", "tokens"},
        {"verbosity", "log-level"}, {"silent", "quiet"},
        {"dtype", "compute"},       {"random-seed", "seed"},
        {"use-cache", "resume"},    {"file", "out"},
    };
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (strcmp(aliases[i][0], hyphened) == 0)
            return aliases[i][1];
    return NULL;
}

/* What they ask for that needs no option here. */
static const char *done_anyway(const char *hyphened)
{
    static const char *const answers[][2] = {
        {"log-samples", "a report holds every item's output and scores (difftf-eval show)"},
        {"tasks", "the task is the first word: difftf-eval TASK, or several by difftf-eval run FILE.yaml"},
        {"device", "everything runs on the processor"},
        {"write-out", "difftf-eval show REPORT --item ID prints an item as the model saw it"},
        {"confirm-run-unsafe-code", "no code of models or data is ever run"},
        {"trust-remote-code", "no code of models or data is ever run"},
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        if (strcmp(answers[i][0], hyphened) == 0)
            return answers[i][1];
    return NULL;
}

static enum status unknown(const char *name, const struct option_spec *common, const struct option_spec *own, struct error *err)
{
    enum { MOST = 128 };
    const struct option_spec *tables[] = {own, common};
    const char *names[MOST + 1] = {"help"};
    size_t n = 1;
    for (size_t t = 0; t < 2; t++)
        for (const struct option_spec *o = tables[t]; o != NULL && o->name != NULL && n < MOST; o++)
            names[n++] = o->name;
    char hyphened[64];
    snprintf(hyphened, sizeof hyphened, "%s", name);
    for (char *c = hyphened; *c != '\0'; c++)
        *c = *c == '_' ? '-' : *c;
    const char *meant = known_elsewhere(hyphened), *answer = done_anyway(hyphened);
    for (size_t t = 0; t < 2; t++) /* --dry_run, and options that have the name in another's words */
        if (find_in(tables[t], hyphened) != NULL)
            meant = hyphened;
    if (answer != NULL && meant == NULL)
        return error_set(err, ERR_USAGE, "--%s: there is no such option: %s", name, answer);
    if (meant != NULL && find_in(own, meant) == NULL && find_in(common, meant) == NULL)
        return error_set(err, ERR_USAGE,
                         "--%s: there is no such option, nor --%s, which others have for it (--help lists those there are)", name,
                         meant);
    if (meant == NULL)
        meant = list_nearest(name, names);
    return error_set(err, ERR_USAGE, "--%s: there is no such option, did you mean --%s?", name, meant);
}

static enum status wrong_word(const struct option_spec *o, const char *value, struct error *err)
{
    struct text expected = {0};
    const char *next = o->argument, *word;
    size_t n;
    while (next_word(&next, &word, &n))
        text_printf(&expected, "%s%.*s", expected.len == 0 ? "" : next ? ", " : " or ", (int)n, word);
    error_write(err, ERR_USAGE, "--%s: '%.80s' is wrong, expected %s%s", o->name, value, expected.data ? expected.data : "",
                o->kind == OPTION_CHOICES ? ", or several with commas between them" : "");
    text_free(&expected);
    return ERR_USAGE;
}

static enum status wrong(const struct option_spec *o, const char *value, struct error *err)
{
    char range[160];
    if (o->kind == OPTION_CHOICE || o->kind == OPTION_CHOICES)
        return wrong_word(o, value, err);
    if (o->kind == OPTION_RATIOS)
        snprintf(range, sizeof range, "N/R with 1 <= R <= N <= %g, separated by commas", o->high);
    else
        snprintf(range, sizeof range, "%s from %.10g to %.10g",
                 o->kind == OPTION_INT      ? "an integer"
                 : o->kind == OPTION_NUMBER ? "a number"
                 : o->kind == OPTION_INTS   ? "comma-separated integers"
                                            : "comma-separated numbers",
                 o->low, o->high);
    return error_set(err, ERR_USAGE, "--%s: '%.80s' is wrong, expected %s", o->name, value, range);
}

/* One number at *text; moves past it. */
static bool read_number(const char **text, bool integer, double low, double high, double *value)
{
    char *end;
    if (strchr("0123456789.-+", **text) == NULL || **text == '\0')
        return false;
    *value = strtod(*text, &end);
    bool ok = end != *text && *value >= low && *value <= high && (!integer || *value == floor(*value));
    *text = end;
    return ok;
}

static cJSON *parse_list(const struct option_spec *o, const char *value)
{
    cJSON *list = cJSON_CreateArray();
    bool ok = true;
    for (const char *p = value; ok;) {
        double x, y;
        if (o->kind == OPTION_RATIOS) {
            char ratio[48];
            ok = read_number(&p, true, 1, o->high, &x) && *p++ == '/' && read_number(&p, true, 1, x, &y);
            if (ok) {
                snprintf(ratio, sizeof ratio, "%.0f/%.0f", x, y);
                cJSON_AddItemToArray(list, cJSON_CreateString(ratio));
            }
        } else {
            ok = read_number(&p, o->kind == OPTION_INTS, o->low, o->high, &x);
            if (ok)
                cJSON_AddItemToArray(list, json_number(x));
        }
        if (ok && *p == '\0')
            return list;
        ok = ok && *p++ == ',';
    }
    cJSON_Delete(list);
    return NULL;
}

static enum status set(cJSON *values, const struct option_spec *o, const char *value, struct error *err)
{
    cJSON *item = NULL;
    double x;
    const char *p = value;
    switch (o->kind) {
    case OPTION_FLAG:
        item = cJSON_CreateBool(strcmp(value, "false") != 0);
        break;
    case OPTION_STRING:
        item = cJSON_CreateString(value);
        break;
    case OPTION_CHOICE:
        item = find_word(o->argument, value, strlen(value)) != OPTION_ABSENT ? cJSON_CreateString(value) : NULL;
        break;
    case OPTION_CHOICES:
        item = find_words(o->argument, value) != 0 ? cJSON_CreateString(value) : NULL;
        break;
    case OPTION_STRINGS:
        if (cJSON_GetObjectItemCaseSensitive(values, o->name) == NULL)
            cJSON_AddArrayToObject(values, o->name);
        cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(values, o->name), cJSON_CreateString(value));
        return OK;
    case OPTION_INT:
    case OPTION_NUMBER:
        item = read_number(&p, o->kind == OPTION_INT, o->low, o->high, &x) && *p == '\0' ? json_number(x) : NULL;
        break;
    default:
        item = parse_list(o, value);
    }
    if (item == NULL)
        return wrong(o, value, err);
    cJSON_DeleteItemFromObjectCaseSensitive(values, o->name);
    cJSON_AddItemToObject(values, o->name, item);
    return OK;
}

static enum status set_defaults(cJSON *values, const struct option_spec *table, struct error *err)
{
    enum status status = OK;
    for (; table != NULL && table->name != NULL && status == OK; table++)
        if (table->kind == OPTION_FLAG)
            cJSON_AddFalseToObject(values, table->name);
        else if (table->initial != NULL)
            status = set(values, table, table->initial, err);
    return status;
}

/* A value from YAML as it would stand on the command line. */
static void spell(struct text *out, const cJSON *value)
{
    if (cJSON_IsString(value))
        text_puts(out, value->valuestring);
    else if (cJSON_IsBool(value))
        text_puts(out, cJSON_IsTrue(value) ? "true" : "false");
    else if (cJSON_IsNumber(value))
        text_printf(out, "%.15g", value->valuedouble);
    for (const cJSON *item = cJSON_IsArray(value) ? value->child : NULL; item != NULL; item = item->next) {
        spell(out, item);
        text_puts(out, item->next ? "," : "");
    }
}

static bool has_mapping(const cJSON *value)
{
    bool found = cJSON_IsObject(value);
    for (const cJSON *item = cJSON_IsArray(value) ? value->child : NULL; item != NULL && !found; item = item->next)
        found = has_mapping(item);
    return found;
}

static enum status wrong_kind(const struct option_spec *o, struct error *err)
{
    return error_set(err, ERR_INPUT, "holds a value of the wrong kind, expected %s", o->argument ? o->argument : "true or false");
}

enum status options_set(cJSON *values, const cJSON *object, const char *name, const struct option_spec *common,
                        const struct option_spec *own, struct error *err)
{
    enum status status = OK;
    for (const cJSON *item = object ? object->child : NULL; item != NULL && status == OK; item = item->next) {
        const struct option_spec *o = find_in(own, item->string);
        struct error inner = {0};
        if (o == NULL)
            o = find_in(common, item->string);
        if (o == NULL) {
            unknown(item->string, common, own, &inner);
            status = ERR_INPUT;
        } else if (o->kind == OPTION_STRINGS && cJSON_IsArray(item)) {
            cJSON_DeleteItemFromObjectCaseSensitive(values, o->name);
            for (const cJSON *s = item->child; s != NULL && status == OK; s = s->next)
                status = cJSON_IsString(s) ? set(values, o, s->valuestring, &inner) : wrong_kind(o, &inner);
        } else if (has_mapping(item)) {
            status = wrong_kind(o, &inner);
        } else {
            struct text value = {0};
            spell(&value, item);
            status = set(values, o, value.data ? value.data : "", &inner);
            text_free(&value);
        }
        if (status != OK)
            status = error_set(err, ERR_INPUT, "%s: key '%s': %.600s", name, item->string, inner.message);
    }
    return status;
}

static enum status set_from_file(cJSON *values, const char *path, const struct option_spec *common, const struct option_spec *own,
                                 struct error *err)
{
    cJSON *root;
    enum status status = yaml_read(&root, path, err);
    if (status == OK)
        status = options_set(values, root, path, common, own, err);
    cJSON_Delete(root);
    return status;
}

/* The option that argv[*i] names and its value; moves *i past them. */
static enum status take(const struct option_spec **option, const char **value, char name[64], const struct option_spec *common,
                        const struct option_spec *own, int argc, char **argv, int *i, struct error *err)
{
    const char *word = argv[*i] + 2, *equals = strchr(word, '=');
    size_t n = equals ? (size_t)(equals - word) : strlen(word);
    snprintf(name, 64, "%.*s", (int)(n < 63 ? n : 63), word);
    *option = find_in(own, name);
    if (*option == NULL)
        *option = find_in(common, name);
    if (*option == NULL)
        *option = synonym(name, common, own);
    if (*option == NULL)
        return unknown(name, common, own, err);
    *value = "true";
    if ((*option)->kind == OPTION_FLAG && equals != NULL)
        return error_set(err, ERR_USAGE, "--%s: '%s' is wrong, expected no value", name, equals + 1);
    if ((*option)->kind == OPTION_FLAG)
        return OK;
    if (equals == NULL && *i + 1 >= argc)
        return error_set(err, ERR_USAGE, "--%s: the value is missing, expected %s", name, (*option)->argument);
    *value = equals ? equals + 1 : argv[++*i];
    return OK;
}

enum status options_parse(cJSON **values, cJSON *rest, const struct option_spec *common, const struct option_spec *own, int argc,
                          char **argv, struct error *err)
{
    *values = cJSON_CreateObject();
    cJSON *seen = cJSON_CreateObject();
    enum status status = set_defaults(*values, own, err);
    if (status == OK)
        status = set_defaults(*values, common, err);
    /* Two passes, so that a --config anywhere gives defaults and never overrides the line. */
    for (int pass = 0; pass < 2 && status == OK; pass++)
        for (int i = 0; i < argc && status == OK; i++) {
            const struct option_spec *o = NULL;
            const char *value = NULL;
            char name[64] = "";
            if (strncmp(argv[i], "--", 2) != 0 || argv[i][2] == '\0') {
                if (pass == 1 && rest == NULL)
                    status = error_set(err, ERR_USAGE, "%s: is no option, expected options like --%s", argv[i],
                                       own && own->name ? own->name : "help");
                else if (pass == 1)
                    cJSON_AddItemToArray(rest, cJSON_CreateString(argv[i]));
                continue;
            }
            if (strcmp(argv[i], "--log_samples") == 0 && own != NULL) { /* the Harness's, which asks for what is always done */
                if (pass == 1)
                    say(stderr, "note: %s\n", done_anyway("log-samples"));
                continue;
            }
            status = take(&o, &value, name, common, own, argc, argv, &i, err);
            if (status == OK && pass == 1 && strcmp(o->name, name) != 0)
                say(stderr, "note: --%s is --%s here\n", name, o->name);
            if (status == OK)
                snprintf(name, sizeof name, "%s", o->name);
            bool is_config = status == OK && strcmp(name, "config") == 0;
            if (status == OK && pass == 0 && is_config)
                status = set_from_file(*values, value, common, own, err);
            if (status == OK && pass == 1) {
                if (o->kind == OPTION_STRINGS && !cJSON_HasObjectItem(seen, name)) /* the line replaces a file's list */
                    cJSON_DeleteItemFromObjectCaseSensitive(*values, name);
                cJSON_AddTrueToObject(seen, name);
                status = set(*values, o, value, err);
            }
        }
    cJSON_Delete(seen);
    if (status != OK) {
        cJSON_Delete(*values);
        *values = NULL;
    }
    return status;
}
