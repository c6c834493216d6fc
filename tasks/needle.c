/* needle.c - key information retrieval: numbers hidden in a book (Ye et al. 2024, section 3.4).
 *
 * The protocol of Large World Model (Liu et al. 2024) and Gemini 1.5: N needles
 * give N cities a magic number each, R of them are asked for.  The asked ones
 * stand at the requested depth, one after another, the others at random.  Score:
 * the share of asked numbers that the greedy output holds.  Each output also
 * yields table 3: how much attention lies on the asked needles and how much on
 * the haystack.
 */
#include "base/file.h"
#include "report/report.h"
#include "suite/dataset.h"
#include "suite/haystack.h"
#include "suite/holdout.h"
#include "tasks/needle_prompt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lm/generate.h"

static const struct option_spec OPTIONS[] = {
    {"lengths", OPTION_INTS, "1024", 128, 1048576, "LIST", "context lengths in tokens, question and answer included", false},
    {"depths", OPTION_NUMBERS, "0,25,50,75,100", 0, 100, "LIST", "where the asked needles stand, in percent of the haystack",
     false},
    {"needles", OPTION_RATIOS, "1/1,6/2", 1, 50, "LIST", "needles in the haystack / needles asked for", false},
    {"samples", OPTION_INT, "50", 1, 100000, "N", "samples for each length, depth and N/R", false},
    {"haystack", OPTION_STRING, NULL, 0, 0, "PATH", "text file or folder (default: a book that comes with the program)", false},
    {"template", OPTION_STRING, NEEDLE_TEMPLATE, 0, 0, "TEXT", "the prompt, with {context} and {question}; \\n is a line break",
     false},
    {"max-new-tokens", OPTION_INT, "0", 0, 4096, "N", "bound on the answer, 0: 30 for each asked needle", false},
    {NULL, OPTION_FLAG, NULL, 0, 0, NULL, NULL, false},
};

static enum status prepare(struct experiment *e, struct error *err)
{
    const char *given = option_string(e->options, "haystack");
    struct haystack *h = calloc(1, sizeof *h);
    char *path = experiment_data_path(e, "haystack", "data/haystack/persuasion.txt");
    enum status status = h && path ? needle_check_template(option_string(e->options, "template"), err)
                                   : error_set(err, ERR_SYSTEM, "haystack: out of memory");
    if (status == OK)
        status = haystack_load(h, path, err);
    if (status == OK) {
        experiment_add_data(e, "haystack", given ? path : "data/haystack/persuasion.txt", h->sha256, h->n_sentences,
                            given ? NULL : "public domain");
        e->state = h;
    } else {
        free(h);
    }
    free(path);
    return status;
}

static void release(struct experiment *e)
{
    haystack_free(e->state);
    free(e->state);
}

static size_t answer_tokens(const struct experiment *e, size_t asked)
{
    size_t given = option_size(e->options, "max-new-tokens");
    return given ? given : 30 * asked;
}

static void add_item(cJSON *items, double length, double depth, size_t needles, size_t asked, size_t sample)
{
    char id[96];
    cJSON *where = cJSON_CreateObject();
    snprintf(id, sizeof id, "length=%.0f,depth=%.9g,needles=%zu/%zu,sample=%zu", length, depth, needles, asked, sample);
    json_add_number(where, "length", length);
    json_add_number(where, "depth", depth);
    json_add_number(where, "needles", (double)needles);
    json_add_number(where, "asked", (double)asked);
    json_add_number(where, "sample", (double)sample);
    plan_add(items, where, id);
}

static enum status plan(const struct experiment *e, cJSON *items, struct error *err)
{
    const cJSON *length, *depth, *ratio;
    size_t samples = option_size(e->options, "samples");
    (void)err;
    cJSON_ArrayForEach(length, cJSON_GetObjectItemCaseSensitive(e->options, "lengths"))
    {
        cJSON_ArrayForEach(ratio, cJSON_GetObjectItemCaseSensitive(e->options, "needles"))
        {
            char *slash;
            size_t n = strtoul(ratio->valuestring, &slash, 10), r = strtoul(slash + 1, NULL, 10);
            cJSON_ArrayForEach(depth, cJSON_GetObjectItemCaseSensitive(e->options, "depths")) for (size_t s = 0; s < samples; s++)
                add_item(items, length->valuedouble, depth->valuedouble, n, r, s);
        }
    }
    return OK;
}

static size_t member(const cJSON *item, const char *key)
{
    return (size_t)cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(item, "where"), key));
}

static size_t tokens(const struct experiment *e, const cJSON *item)
{
    (void)e;
    return member(item, "length");
}

/* What the attention of the answer's rows lies on, summed over rows and heads. */
struct allocation {
    const struct needle_prompt *prompt;
    size_t first_row;
    double *sums; /* [n_layers, 5]: signed on the needle and on the haystack, the same of absolute values, rows */
};

static bool wants_row(void *context, size_t layer, size_t position)
{
    (void)layer;
    return position >= ((struct allocation *)context)->first_row;
}

static void on_row(void *context, size_t layer, size_t head, size_t position, const float *row)
{
    struct allocation *a = context;
    double sum[3] = {0}, absolute[3] = {0}, total = 0;
    (void)head;
    for (size_t i = 0; i <= position; i++) {
        size_t part = i < a->prompt->ids.n ? a->prompt->part[i] : NEEDLE_PART_OTHER;
        sum[part] += (double)row[i];
        absolute[part] += fabs((double)row[i]);
    }
    for (size_t part = 0; part < 3; part++)
        total += absolute[part];
    double *to = a->sums + 5 * layer;
    to[0] += sum[NEEDLE_PART_ASKED];
    to[1] += sum[NEEDLE_PART_HAY];
    to[2] += total > 0 ? absolute[NEEDLE_PART_ASKED] / total : 0;
    to[3] += total > 0 ? absolute[NEEDLE_PART_HAY] / total : 0;
    to[4] += 1;
}

static const char *const ALLOCATION[] = {"answer_raw", "noise_raw", "answer", "noise"};

static void add_allocation(cJSON *evidence, const struct allocation *a, size_t n_layers)
{
    cJSON *attention = cJSON_AddObjectToObject(evidence, "attention"), *layers = cJSON_CreateArray();
    for (size_t k = 0; k < 4; k++) {
        double mean = 0;
        for (size_t l = 0; l < n_layers; l++)
            mean += a->sums[5 * l + k] / a->sums[5 * l + 4] / (double)n_layers;
        json_add_number(attention, ALLOCATION[k], mean);
    }
    for (size_t l = 0; l < n_layers; l++) {
        cJSON *layer = cJSON_CreateObject();
        for (size_t k = 0; k < 4; k++)
            json_add_number(layer, ALLOCATION[k], a->sums[5 * l + k] / a->sums[5 * l + 4]);
        cJSON_AddItemToArray(layers, layer);
    }
    cJSON_AddItemToObject(attention, "layers", layers);
}

/* The digits stand in the output, and not as part of a longer number. */
static bool holds_number(const char *output, const char *digits)
{
    size_t n = strlen(digits);
    for (const char *hit = output; (hit = strstr(hit, digits)) != NULL; hit++)
        if ((hit == output || hit[-1] < '0' || hit[-1] > '9') && (hit[n] < '0' || hit[n] > '9'))
            return true;
    return false;
}

static void score(cJSON *result, const struct needle_prompt *p, const char *output)
{
    size_t found = 0;
    cJSON *evidence = cJSON_AddObjectToObject(result, "evidence");
    cJSON *cities = cJSON_AddArrayToObject(evidence, "cities"), *expected = cJSON_AddArrayToObject(evidence, "expected");
    cJSON *hits = cJSON_AddArrayToObject(evidence, "found");
    for (size_t i = 0; i < p->n_asked; i++) {
        char digits[24];
        snprintf(digits, sizeof digits, "%ld", p->numbers[i]);
        bool hit = holds_number(output, digits);
        found += hit;
        cJSON_AddItemToArray(cities, cJSON_CreateString(p->cities[i]));
        cJSON_AddItemToArray(expected, cJSON_CreateString(digits));
        cJSON_AddItemToArray(hits, cJSON_CreateBool(hit));
    }
    json_add_number(result, "score", (double)found / (double)p->n_asked);
    json_add_number(evidence, "all_found", found == p->n_asked);
    json_add_number(evidence, "prompt_tokens", (double)p->ids.n);
}

static enum status run(const struct experiment *e, const cJSON *item, const struct subject *subject, struct session *session,
                       cJSON *result, struct error *err)
{
    struct needle_prompt prompt;
    struct ids answer = {0};
    struct text output = {0};
    struct sampling greedy = {0};
    size_t asked = member(item, "asked"), n_layers = subject->model.config.n_layers, reserve = answer_tokens(e, asked);
    struct needle_request request = {
        .haystack = e->state,
        .tokenizer = subject->tokenizer,
        .template = option_string(e->options, "template"),
        .length = member(item, "length"),
        .reserve = reserve,
        .needles = member(item, "needles"),
        .asked = asked,
        .depth = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(item, "where"), "depth")),
        .seed = e->seed,
        .id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "id")),
    };
    enum status status = needle_prompt_build(&prompt, &request, err);
    if (status != OK)
        return status;
    struct allocation a = {.prompt = &prompt, .first_row = prompt.ids.n - 1, .sums = mem_array(n_layers, 5 * sizeof(double))};
    struct probe probe = {.context = &a, .wants_row = wants_row, .on_row = on_row};
    if (a.sums == NULL)
        status = error_set(err, ERR_SYSTEM, "needle: out of memory");
    if (status == OK)
        status = generate(session, prompt.ids.data, prompt.ids.n, reserve, &greedy, &probe, &answer, NULL, NULL, err);
    if (status == OK)
        status = tokenizer_decode(subject->tokenizer, answer.data, answer.n, false, &output, err);
    if (status == OK) {
        if (!utf8_valid(output.data, output.len)) /* the bound may have cut a character: the report is UTF-8 */
            for (size_t i = 0; i < output.len; i++)
                output.data[i] = (unsigned char)output.data[i] < 0x80 ? output.data[i] : '?';
        cJSON_AddStringToObject(result, "output", output.data);
        score(result, &prompt, output.data);
        add_allocation(cJSON_GetObjectItemCaseSensitive(result, "evidence"), &a, n_layers);
    }
    free(a.sums);
    ids_free(&answer);
    text_free(&output);
    needle_prompt_free(&prompt);
    return status;
}

static const struct metric FOUND[] = {{"accuracy", "score", METRIC_PROPORTION, "higher"},
                                      {"all_found", "evidence.all_found", METRIC_PROPORTION, "higher"}};

static enum status add_found(struct report *r, const struct experiment *e, const cJSON *items, const cJSON *where,
                             struct error *err)
{
    enum status status = OK;
    for (size_t k = 0; k < 2 && status == OK; k++)
        status = report_add(r, e, items, &FOUND[k], where, err);
    return status;
}

/* The four attention metrics; `prefix` is the path of the object that holds them. */
static enum status add_attention(struct report *r, const struct experiment *e, const cJSON *items, const char *prefix,
                                 const cJSON *where, struct error *err)
{
    enum status status = OK;
    for (size_t k = 0; k < 4 && status == OK; k++) {
        char name[32], field[64];
        snprintf(name, sizeof name, "attention_%s", ALLOCATION[k]);
        snprintf(field, sizeof field, "%s.%s", prefix, ALLOCATION[k]);
        struct metric metric = {name, field, METRIC_MEAN, k % 2 ? "lower" : "higher"};
        status = report_add(r, e, items, &metric, where, err);
    }
    return status;
}

static enum status add_cell(struct report *r, const struct experiment *e, const cJSON *items, const cJSON *where,
                            struct error *err)
{
    enum status status = add_found(r, e, items, where, err);
    return status == OK ? add_attention(r, e, items, "evidence.attention", where, err) : status;
}

/* Attention by layer over all depths of a setting, for as many layers as the deepest model has. */
static enum status add_layers(struct report *r, const struct experiment *e, const cJSON *items, const cJSON *where,
                              struct error *err)
{
    int n_layers = 0;
    enum status status = OK;
    const cJSON *result;
    cJSON_ArrayForEach(result, json_path(items->child, "results"))
    {
        int n = cJSON_GetArraySize(json_path(result, "evidence.attention.layers"));
        n_layers = n > n_layers ? n : n_layers;
    }
    for (int l = 0; l < n_layers && status == OK; l++) {
        char prefix[48];
        cJSON *at = cJSON_Duplicate(where, true);
        json_add_number(at, "layer", l);
        snprintf(prefix, sizeof prefix, "evidence.attention.layers.%d", l);
        status = add_attention(r, e, items, prefix, at, err);
        cJSON_Delete(at);
    }
    return status;
}

/* {length, needles, asked} of one setting. */
static cJSON *setting(const cJSON *length, const cJSON *ratio)
{
    char *slash;
    cJSON *where = cJSON_CreateObject();
    json_add_number(where, "length", length->valuedouble);
    json_add_number(where, "needles", strtod(ratio->valuestring, &slash));
    json_add_number(where, "asked", strtod(slash + 1, NULL));
    return where;
}

static enum status summarize(const struct experiment *e, const cJSON *items, struct report *r, struct error *err)
{
    const cJSON *length, *ratio, *depth, *depths = cJSON_GetObjectItemCaseSensitive(e->options, "depths");
    enum status status = OK;
    cJSON_ArrayForEach(length, cJSON_GetObjectItemCaseSensitive(e->options, "lengths"))
    {
        cJSON_ArrayForEach(ratio, cJSON_GetObjectItemCaseSensitive(e->options, "needles"))
        {
            cJSON *where = setting(length, ratio);
            cJSON_ArrayForEach(depth, depths)
            {
                cJSON *at = cJSON_Duplicate(where, true);
                json_add_number(at, "depth", depth->valuedouble);
                if (status == OK)
                    status = add_cell(r, e, items, at, err);
                cJSON_Delete(at);
            }
            if (status == OK)
                status = add_cell(r, e, items, where, err);
            if (status == OK)
                status = add_layers(r, e, items, where, err);
            report_add_curve(r, e, "accuracy", "accuracy", where, "depth", "depth of the asked needles, %", "accuracy", "linear");
            cJSON_Delete(where);
        }
    }
    return status;
}

/* Found or not, from the stored output. */
static enum status rescore(const struct experiment *e, const cJSON *item, cJSON *result, struct error *err)
{
    const char *output = json_text(result, "output");
    cJSON *evidence = cJSON_GetObjectItemCaseSensitive(result, "evidence"), *hits = cJSON_CreateArray();
    const cJSON *expected;
    size_t n = 0, found = 0;
    (void)e;
    cJSON_ArrayForEach(expected, cJSON_GetObjectItemCaseSensitive(evidence, "expected"))
    {
        bool hit = output != NULL && cJSON_IsString(expected) && holds_number(output, expected->valuestring);
        cJSON_AddItemToArray(hits, cJSON_CreateBool(hit));
        found += hit;
        n++;
    }
    if (n == 0) {
        cJSON_Delete(hits);
        return error_set(err, ERR_INPUT, "item '%s': holds no 'evidence.expected', expected the numbers that were asked for",
                         json_text(item, "id"));
    }
    cJSON_ReplaceItemInObjectCaseSensitive(evidence, "found", hits);
    cJSON_ReplaceItemInObjectCaseSensitive(evidence, "all_found", cJSON_CreateNumber(found == n));
    cJSON_ReplaceItemInObjectCaseSensitive(result, "score", json_number((double)found / (double)n));
    return OK;
}

static const struct view VIEWS[] = {
    {"table", "accuracy", "numbers found", "depth", NULL},
    {"table", "attention_answer", "attention on the asked needles", "depth", NULL},
    {"table", "attention_noise", "attention on the haystack", "depth", NULL},
    {"heatmap", "accuracy", "Numbers found, by depth and length", "length", "depth"},
    {"lines", "accuracy", "Numbers found, by depth of the asked needles", NULL, NULL},
    {"bars", "attention_answer", "Attention on the asked needles, by their depth", "depth", NULL},
    {"bars", "attention_noise", "Attention on the haystack, by depth of the asked needles", "depth", NULL},
    {"bars", "attention_answer", "Attention on the asked needles, by layer", "layer", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

extern const struct task TASK_NEEDLE;
const struct task TASK_NEEDLE = {
    .name = "needle",
    .summary = "find numbers hidden in a long text (section 3.4)",
    .options = OPTIONS,
    .views = VIEWS,
    .prepare = prepare,
    .release = release,
    .plan = plan,
    .tokens = tokens,
    .run = run,
    .summarize = summarize,
    .rescore = rescore,
};
