/* needle.c - key information retrieval: numbers hidden in a book (Ye et al. 2024, section 3.4).
 *
 * The protocol of Large World Model (Liu et al. 2024) and Gemini 1.5: N needles
 * give N cities a magic number each, R of them are asked for.  The asked ones
 * stand at the requested depth, one after another, the others at random.  Score:
 * the share of asked numbers that the greedy output holds.  Each item also
 * yields table 3 and figure 1: what the attention lies on (needle_attention.h).
 */
#include "base/file.h"
#include "base/utf8.h"
#include "lm/holdout.h"
#include "report/places.h"
#include "suite/dataset.h"
#include "suite/haystack.h"
#include "tasks/needle_attention.h"

#include <stdlib.h>
#include <string.h>

#include "lm/generate.h"

struct settings {
    struct sizes lengths;
    struct numbers depths;
    struct ratios needles;
    size_t samples, max_new_tokens;
    const char *haystack, *template, *reference;
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
    {"reference", OPTION_STRING, NULL, 0, 0, "TEXT",
     "the right answer on one city, with {city} and {number}, for the attention before the number (default: that of the default "
     "template; another template: the last prompt token's attention)",
     false, AT(reference)},
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

/* A haystack shorter than a prompt is repeated: the reader of the results should know. */
static enum status note_repeats(struct experiment *e, const struct haystack *h, struct error *err)
{
    enum { LONGEST_TOKEN = 64 }; /* bytes; a text with more for each token that is asked for needs no counting */
    const struct settings *o = e->settings;
    size_t longest = 0;
    enum status status = OK;
    for (size_t i = 0; i < o->lengths.n; i++)
        longest = o->lengths.data[i] > longest ? o->lengths.data[i] : longest;
    for (size_t s = 0; s < e->n_subjects && status == OK && h->length / LONGEST_TOKEN < longest; s++) {
        struct ids ids = {0};
        status = tokenizer_encode(e->subjects[s].tokenizer, h->text, h->length, false, &ids, err);
        if (status == OK && ids.n < longest)
            experiment_note(e, "the haystack has %zu tokens for %s, fewer than a prompt of %zu: its text repeats", ids.n,
                            e->subjects[s].name, longest);
        ids_free(&ids);
    }
    return status;
}

static enum status prepare(struct experiment *e, struct error *err)
{
    const struct settings *o = e->settings;
    struct haystack *h = calloc(1, sizeof *h);
    char *path = experiment_data_path(o->haystack, "data/haystack/persuasion.txt");
    enum status status =
        h && path ? needle_check_template(o->template, err) : error_set(err, ERR_SYSTEM, "haystack: out of memory");
    if (status == OK)
        status = haystack_load(h, path, err);
    if (status == OK && (status = note_repeats(e, h, err)) != OK)
        haystack_free(h);
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

static void score(cJSON *result, const struct needle_prompt *p, const char *output)
{
    size_t found = 0;
    cJSON *evidence = cJSON_AddObjectToObject(result, "evidence");
    cJSON *cities = cJSON_AddArrayToObject(evidence, "cities"), *expected = cJSON_AddArrayToObject(evidence, "expected");
    cJSON *hits = cJSON_AddArrayToObject(evidence, "found");
    for (size_t i = 0; i < p->n_asked; i++) {
        char digits[24];
        snprintf(digits, sizeof digits, "%ld", p->numbers[i]);
        bool hit = strstr(output, digits) != NULL; /* as Large World Model counts: within other digits, too */
        found += hit;
        cJSON_AddItemToArray(cities, cJSON_CreateString(p->cities[i]));
        cJSON_AddItemToArray(expected, cJSON_CreateString(digits));
        cJSON_AddItemToArray(hits, cJSON_CreateBool(hit));
    }
    json_add_number(result, "score", (double)found / (double)p->n_asked);
    json_add_number(evidence, "all_found", found == p->n_asked);
    json_add_number(evidence, "prompt_tokens", (double)p->ids.n);
}

/* Room for the reference answer where its tokens are more than are kept for an answer. */
static size_t spare(const struct experiment *e, const void *item)
{
    enum { SENTENCE = 96 }; /* bytes, so tokens at most, of what is said of one city */
    const struct settings *o = e->settings;
    return ((const struct item *)item)->asked * (SENTENCE + (o->reference ? strlen(o->reference) : 0));
}

static enum status add_attention(const struct settings *o, const struct needle_prompt *p, const struct needle_request *request,
                                 struct session *session, cJSON *evidence, struct error *err)
{
    const char *form = o->reference ? o->reference : strcmp(o->template, NEEDLE_TEMPLATE) == 0 ? NEEDLE_REFERENCE : NULL;
    struct needle_reference reference;
    if (form == NULL)
        return needle_attention(evidence, p, NULL, session, err);
    enum status status = needle_reference_build(&reference, p, request, form, err);
    if (status != OK)
        return status;
    status = needle_attention(evidence, p, &reference, session, err);
    needle_reference_free(&reference);
    return status;
}

static struct needle_request request_of(const struct experiment *e, const struct item *it, const struct subject *subject,
                                        const char *id)
{
    const struct settings *o = e->settings;
    return (struct needle_request){
        .e = e,
        .subject = subject,
        .haystack = e->state,
        .template = o->template,
        .length = it->length,
        .reserve = answer_tokens(e, it->asked),
        .needles = it->needles,
        .asked = it->asked,
        .depth = it->depth,
        .id = id,
    };
}

/* The asked needles, in the order in which they stand, are marked. */
static enum status prompt(const struct experiment *e, const void *item, const struct subject *subject, cJSON *to,
                          struct error *err)
{
    struct needle_prompt p;
    struct text id = {0};
    item_id(&id, DIMENSIONS, item);
    struct needle_request request = request_of(e, item, subject, id.data);
    enum status status = needle_prompt_build(&p, &request, err);
    text_free(&id);
    if (status != OK)
        return status;
    cJSON_AddStringToObject(to, "text", p.text.data);
    cJSON *marks = cJSON_AddArrayToObject(to, "marks");
    for (size_t done = 0, from = 0; done < p.n_asked; done++) {
        size_t next = p.n_asked;
        for (size_t i = 0; i < p.n_asked; i++)
            if (p.bytes[i].from >= from && (next == p.n_asked || p.bytes[i].from < p.bytes[next].from))
                next = i;
        if (next == p.n_asked)
            break;
        const double span[] = {(double)p.bytes[next].from, (double)p.bytes[next].to};
        cJSON_AddItemToArray(marks, cJSON_CreateDoubleArray(span, 2));
        from = p.bytes[next].to;
    }
    needle_prompt_free(&p);
    return OK;
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
    if (!item_id(&id, DIMENSIONS, item))
        return error_set(err, ERR_SYSTEM, "needle: out of memory");
    struct needle_request request = request_of(e, it, subject, id.data);
    enum status status = needle_prompt_build(&prompt, &request, err);
    text_free(&id);
    if (status != OK)
        return status;
    status = generate(session, prompt.ids.data, prompt.ids.n, request.reserve, &greedy, NULL, &answer, NULL, NULL, err);
    if (status == OK)
        status = tokenizer_decode(subject->tokenizer, answer.data, answer.n, false, &output, err);
    if (status == OK) {
        utf8_mend(output.data); /* the bound may have cut a character: the report is UTF-8 */
        cJSON_AddStringToObject(result, "output", output.data);
        score(result, &prompt, output.data);
        status = add_attention(o, &prompt, &request, session, cJSON_GetObjectItemCaseSensitive(result, "evidence"), err);
    }
    ids_free(&answer);
    text_free(&output);
    needle_prompt_free(&prompt);
    return status;
}

static const struct metric METRICS[] = {{"accuracy", "score", METRIC_PROPORTION, "higher"},
                                        {"all_found", "evidence.all_found", METRIC_PROPORTION, "higher"},
                                        {"attention_first", "evidence.attention.first", METRIC_MEAN, NULL},
                                        {"attention_before", "evidence.attention.before", METRIC_MEAN, "lower"},
                                        {"attention_answer", "evidence.attention.answer", METRIC_MEAN, "higher"},
                                        {"attention_after", "evidence.attention.after", METRIC_MEAN, "lower"},
                                        {"attention_question", "evidence.attention.question", METRIC_MEAN, NULL},
                                        {"attention_noise", "evidence.attention.noise", METRIC_MEAN, "lower"},
                                        {"attention_abs_answer", "evidence.attention.abs_answer", METRIC_SHARE, "higher"},
                                        {"attention_abs_noise", "evidence.attention.abs_noise", METRIC_SHARE, "lower"},
                                        {"attention_rows_answer", "evidence.attention.rows_answer", METRIC_MEAN, "higher"},
                                        {"attention_rows_noise", "evidence.attention.rows_noise", METRIC_MEAN, "lower"}};
static const struct metric LAYER_METRICS[] = {
    {"attention_first", "evidence.attention.layers.*.first", METRIC_MEAN, NULL},
    {"attention_before", "evidence.attention.layers.*.before", METRIC_MEAN, "lower"},
    {"attention_answer", "evidence.attention.layers.*.answer", METRIC_MEAN, "higher"},
    {"attention_after", "evidence.attention.layers.*.after", METRIC_MEAN, "lower"},
    {"attention_question", "evidence.attention.layers.*.question", METRIC_MEAN, NULL},
    {"attention_noise", "evidence.attention.layers.*.noise", METRIC_MEAN, "lower"},
    {"attention_abs_answer", "evidence.attention.layers.*.abs_answer", METRIC_SHARE, "higher"},
    {"attention_abs_noise", "evidence.attention.layers.*.abs_noise", METRIC_SHARE, "lower"},
    {"attention_rows_answer", "evidence.attention.layers.*.rows_answer", METRIC_MEAN, "higher"},
    {"attention_rows_noise", "evidence.attention.layers.*.rows_noise", METRIC_MEAN, "lower"}};
enum { N_METRICS = sizeof METRICS / sizeof *METRICS, N_LAYER_METRICS = sizeof LAYER_METRICS / sizeof *LAYER_METRICS };

static enum status summarize(const struct experiment *e, const cJSON *items, struct report *r, struct error *err)
{
    (void)e;
    static const char *const cell[] = {"length", "needles", "asked", "depth", NULL};
    static const char *const setting[] = {"length", "needles", "asked", NULL};
    enum status status = report_add_places(r, items, METRICS, N_METRICS, cell, err);
    if (status == OK)
        status = report_add_places(r, items, METRICS, N_METRICS, setting, err);
    if (status == OK)
        status = report_add_indexed(r, items, LAYER_METRICS, N_LAYER_METRICS, setting, "layer", err);
    cJSON *places = report_places(items, setting), *where;
    cJSON_ArrayForEach(where, places)
        report_add_curve(r, "accuracy", "accuracy", where, "depth", "depth of the asked needles, %", "accuracy", "linear");
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
        bool hit = output != NULL && cJSON_IsString(expected) && strstr(output, expected->valuestring) != NULL;
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
    {"table", "attention_first,attention_before,attention_answer,attention_after,attention_question",
     "attention, as the paper counts it", NULL, NULL},
    {"table", "attention_answer", "attention on the asked needles, as the paper counts it", "depth", NULL},
    {"table", "attention_noise", "attention on the context around them, as the paper counts it", "depth", NULL},
    {"table", "attention_abs_answer,attention_abs_noise", "attention by absolute value, so that nothing cancels", NULL, NULL},
    {"parts", "attention_first,attention_before,attention_answer,attention_after,attention_question",
     "Figure 1: what the attention lies on when the number is about to be said", NULL, NULL},
    {"heatmap", "accuracy", "Numbers found, by depth and length", "length", "depth"},
    {"lines", "accuracy", "Numbers found, by depth of the asked needles", NULL, NULL},
    {"bars", "attention_answer,attention_noise", "Attention on the asked needles, and on the noise around them, by depth",
     "depth", NULL},
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
    .chats = true,
    .views = VIEWS,
    .prepare = prepare,
    .release = release,
    .plan = plan,
    .tokens = tokens,
    .spare = spare,
    .run = run,
    .prompt = prompt,
    .summarize = summarize,
    .rescore = rescore,
};
