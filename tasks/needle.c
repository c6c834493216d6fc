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
#include "report/places.h"
#include "suite/dataset.h"
#include "suite/haystack.h"
#include "suite/holdout.h"
#include "tasks/needle_prompt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lm/generate.h"

struct settings {
    struct sizes lengths;
    struct numbers depths;
    struct ratios needles;
    size_t samples, max_new_tokens;
    const char *haystack, *template;
};

#define AT(member) offsetof(struct settings, member)
static const struct option_spec OPTIONS[] = {
    {"lengths", OPTION_INTS, "1024", 128, 1048576, "LIST", "context lengths in tokens, question and answer included", false,
     AT(lengths)},
    {"depths", OPTION_NUMBERS, "0,25,50,75,100", 0, 100, "LIST", "where the asked needles stand, in percent of the haystack",
     false, AT(depths)},
    {"needles", OPTION_RATIOS, "1/1,6/2", 1, 50, "LIST", "needles in the haystack / needles asked for", false, AT(needles)},
    {"samples", OPTION_INT, "50", 1, 100000, "N", "samples for each length, depth and N/R", false, AT(samples)},
    {"haystack", OPTION_STRING, NULL, 0, 0, "PATH", "text file or folder (default: a book that comes with the program)", false,
     AT(haystack)},
    {"template", OPTION_STRING, NEEDLE_TEMPLATE, 0, 0, "TEXT", "the prompt, with {context} and {question}; \\n is a line break",
     false, AT(template)},
    {"max-new-tokens", OPTION_INT, "0", 0, 4096, "N", "bound on the answer, 0: 30 for each asked needle", false,
     AT(max_new_tokens)},
    OPTIONS_END,
};

struct item {
    size_t length, needles, asked, sample;
    double depth;
};

static const struct dimension DIMENSIONS[] = {
    {"length", DIMENSION_SIZE, offsetof(struct item, length), NULL, NULL},
    {"depth", DIMENSION_NUMBER, offsetof(struct item, depth), NULL, NULL},
    {"needles", DIMENSION_SIZE, offsetof(struct item, needles), NULL, NULL},
    {"asked", DIMENSION_SIZE, offsetof(struct item, asked), NULL, "/"},
    {"sample", DIMENSION_SIZE, offsetof(struct item, sample), NULL, NULL},
    {NULL, DIMENSION_SIZE, 0, NULL, NULL},
};

static enum status prepare(struct experiment *e, struct error *err)
{
    const struct settings *o = e->settings;
    struct haystack *h = calloc(1, sizeof *h);
    char *path = experiment_data_path(o->haystack, "data/haystack/persuasion.txt");
    enum status status =
        h && path ? needle_check_template(o->template, err) : error_set(err, ERR_SYSTEM, "haystack: out of memory");
    if (status == OK)
        status = haystack_load(h, path, err);
    if (status == OK) {
        experiment_add_data(e, "haystack", o->haystack ? path : "data/haystack/persuasion.txt", h->sha256, h->n_sentences,
                            o->haystack ? NULL : "public domain");
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
    const struct settings *o = e->settings;
    return o->max_new_tokens ? o->max_new_tokens : 30 * asked;
}

static enum status plan(const struct experiment *e, struct plan *plan, struct error *err)
{
    const struct settings *o = e->settings;
    (void)err;
    for (size_t l = 0; l < o->lengths.n; l++)
        for (size_t k = 0; k < o->needles.n; k++)
            for (size_t d = 0; d < o->depths.n; d++)
                for (size_t s = 0; s < o->samples; s++)
                    plan_add(plan, &(struct item){.length = o->lengths.data[l],
                                                  .needles = o->needles.data[k].all,
                                                  .asked = o->needles.data[k].part,
                                                  .depth = o->depths.data[d],
                                                  .sample = s});
    return OK;
}

static size_t tokens(const struct experiment *e, const void *item)
{
    (void)e;
    return ((const struct item *)item)->length;
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

static enum status run(const struct experiment *e, const void *item, const struct subject *subject, struct session *session,
                       cJSON *result, struct error *err)
{
    const struct settings *o = e->settings;
    const struct item *it = item;
    struct needle_prompt prompt;
    struct ids answer = {0};
    struct text output = {0}, id = {0};
    struct sampling greedy = {0};
    size_t n_layers = subject->model.config.n_layers, reserve = answer_tokens(e, it->asked);
    if (!item_id(&id, DIMENSIONS, item))
        return error_set(err, ERR_SYSTEM, "needle: out of memory");
    struct needle_request request = {
        .haystack = e->state,
        .tokenizer = subject->tokenizer,
        .template = o->template,
        .length = it->length,
        .reserve = reserve,
        .needles = it->needles,
        .asked = it->asked,
        .depth = it->depth,
        .seed = e->seed,
        .id = id.data,
    };
    enum status status = needle_prompt_build(&prompt, &request, err);
    text_free(&id);
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

static const struct metric METRICS[] = {{"accuracy", "score", METRIC_PROPORTION, "higher"},
                                        {"all_found", "evidence.all_found", METRIC_PROPORTION, "higher"},
                                        {"attention_answer_raw", "evidence.attention.answer_raw", METRIC_MEAN, "higher"},
                                        {"attention_noise_raw", "evidence.attention.noise_raw", METRIC_MEAN, "lower"},
                                        {"attention_answer", "evidence.attention.answer", METRIC_MEAN, "higher"},
                                        {"attention_noise", "evidence.attention.noise", METRIC_MEAN, "lower"}};
static const struct metric LAYER_METRICS[] = {
    {"attention_answer_raw", "evidence.attention.layers.*.answer_raw", METRIC_MEAN, "higher"},
    {"attention_noise_raw", "evidence.attention.layers.*.noise_raw", METRIC_MEAN, "lower"},
    {"attention_answer", "evidence.attention.layers.*.answer", METRIC_MEAN, "higher"},
    {"attention_noise", "evidence.attention.layers.*.noise", METRIC_MEAN, "lower"}};
enum { N_METRICS = sizeof METRICS / sizeof *METRICS, N_LAYER_METRICS = sizeof LAYER_METRICS / sizeof *LAYER_METRICS };

static enum status summarize(const struct experiment *e, const cJSON *items, struct report *r, struct error *err)
{
    static const char *const cell[] = {"length", "needles", "asked", "depth", NULL};
    static const char *const setting[] = {"length", "needles", "asked", NULL};
    enum status status = report_add_places(r, e, items, METRICS, N_METRICS, cell, err);
    if (status == OK)
        status = report_add_places(r, e, items, METRICS, N_METRICS, setting, err);
    if (status == OK)
        status = report_add_indexed(r, e, items, LAYER_METRICS, N_LAYER_METRICS, setting, "layer", err);
    cJSON *places = report_places(items, setting), *where;
    cJSON_ArrayForEach(where, places)
        report_add_curve(r, e, "accuracy", "accuracy", where, "depth", "depth of the asked needles, %", "accuracy", "linear");
    cJSON_Delete(places);
    return status;
}

/* Found or not, from the stored output. */
static enum status rescore(const struct experiment *e, const void *item, cJSON *result, struct error *err)
{
    const char *output = json_text(result, "output");
    cJSON *evidence = cJSON_GetObjectItemCaseSensitive(result, "evidence"), *hits = cJSON_CreateArray();
    const cJSON *expected;
    size_t n = 0, found = 0;
    (void)e;
    (void)item;
    cJSON_ArrayForEach(expected, cJSON_GetObjectItemCaseSensitive(evidence, "expected"))
    {
        bool hit = output != NULL && cJSON_IsString(expected) && holds_number(output, expected->valuestring);
        cJSON_AddItemToArray(hits, cJSON_CreateBool(hit));
        found += hit;
        n++;
    }
    if (n == 0) {
        cJSON_Delete(hits);
        return error_set(err, ERR_INPUT, "an item holds no 'evidence.expected', expected the numbers that were asked for");
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
    .settings_size = sizeof(struct settings),
    .dimensions = DIMENSIONS,
    .item_size = sizeof(struct item),
    .views = VIEWS,
    .prepare = prepare,
    .release = release,
    .plan = plan,
    .tokens = tokens,
    .run = run,
    .summarize = summarize,
    .rescore = rescore,
};
