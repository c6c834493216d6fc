/* ruler.c - RULER (Hsieh et al. 2024): thirteen synthetic tasks on long contexts.
 *
 * Needles of numbers and identifiers, chains of variables, common and frequent words, questions among documents; made by the
 * rules of NVIDIA's generators (ruler_prompt.h) and scored as its string_match_all and string_match_part: the share of the
 * answers that stand in the greedy output, without regard to case, or whether any does (qa).
 */
#include "base/utf8.h"
#include "lm/generate.h"
#include "report/places.h"
#include "suite/template.h"
#include "tasks/ruler_prompt.h"

#include <stdlib.h>
#include <string.h>

#define SETS                                                                                                                     \
    "niah_single_1|niah_single_2|niah_single_3|niah_multikey_1|niah_multikey_2|niah_multikey_3|niah_multivalue|niah_multiquery|" \
    "vt|cwe|fwe|qa_1|qa_2"

struct settings {
    struct sizes lengths;
    unsigned sets;
    size_t samples, max_new_tokens;
    const char *form, *words, *haystack;
    struct strings data;
};

#define AT(member) offsetof(struct settings, member)
static const struct option_spec OPTIONS[] = {
    {"lengths", OPTION_INTS, "1024", 512, 1048576, "LIST", "context lengths in tokens, question and answer included", false,
     AT(lengths)},
    {"sets", OPTION_CHOICES, NULL, 0, 0, SETS, "which of the thirteen configurations (default: all)", false, AT(sets)},
    {"samples", OPTION_INT, "20", 1, 100000, "N", "samples of each configuration and length", false, AT(samples)},
    {"max-new-tokens", OPTION_INT, "0", 0, 4096, "N", "bound on the answer, 0: RULER's own, 30 to 128 by configuration", false,
     AT(max_new_tokens)},
    {"haystack", OPTION_STRING, NULL, 0, 0, "PATH", "text file or folder (default: a book that comes with the program)", false,
     AT(haystack)},
    {"words", OPTION_STRING, NULL, 0, 0, "FILE", "YAML with lists of adjectives, nouns and verbs (default: the program's own)",
     false, AT(words)},
    {"data", OPTION_STRINGS, NULL, 0, 0, "FILE",
     "questions of SQuAD's format for qa_1 or of HotpotQA's for qa_2; repeatable (default: generated ones)", false, AT(data)},
    {"form", OPTION_STRING, "ruler", 0, 0, "FORM", "the prompts: a YAML file, or one of configs/ruler", false, AT(form)},
    OPTIONS_END,
};

struct item {
    const char *task; /* the configuration's name */
    size_t length, sample;
};

static const struct dimension DIMENSIONS[] = {
    {"task", DIMENSION_TEXT, offsetof(struct item, task), NULL, NULL},
    {"length", DIMENSION_SIZE, offsetof(struct item, length), NULL, NULL},
    {"sample", DIMENSION_SIZE, offsetof(struct item, sample), NULL, NULL},
    {NULL, DIMENSION_SIZE, 0, NULL, NULL},
};

struct state {
    struct ruler_material material;
    bool *taken; /* [lengths, N_RULER_CONFIGS] */
};

static const struct ruler_config *find(const char *name)
{
    for (const struct ruler_config *c = RULER_CONFIGS; c->name != NULL; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

static bool is_asked(const struct settings *o, const struct ruler_config *c)
{
    return o->sets == 0 || (o->sets >> (c - RULER_CONFIGS) & 1);
}

static size_t answer_tokens(const struct settings *o, const struct ruler_config *c)
{
    return o->max_new_tokens ? o->max_new_tokens : c->kind->new_tokens;
}

static struct ruler_request request_of(const struct experiment *e, const struct item *it, const struct subject *subject,
                                       const char *id)
{
    const struct ruler_config *c = find(it->task);
    return (struct ruler_request){.e = e,
                                  .subject = subject,
                                  .material = &((const struct state *)e->state)->material,
                                  .config = c,
                                  .length = it->length,
                                  .reserve = answer_tokens(e->settings, c),
                                  .sample = it->sample,
                                  .id = id};
}

/* Is the configuration taken at a length? Those that nobody asked for by name are left out where they do not fit, with a note. */
static enum status check_fit(struct experiment *e, const struct ruler_config *c, size_t length, bool *taken, struct error *err)
{
    const struct settings *o = e->settings;
    struct error why = {0};
    enum status status = OK;
    *taken = is_asked(o, c);
    for (size_t s = 0; s < e->n_subjects && status == OK && *taken; s++) {
        const struct ruler_request r = request_of(e, &(struct item){c->name, length, 0}, &e->subjects[s], c->name);
        status = ruler_prompt_fits(&r, &why);
    }
    if (status == ERR_USAGE && o->sets == 0) {
        experiment_note(e, "%s is left out: %s", c->name, why.message);
        *taken = false;
        return OK;
    }
    if (status != OK)
        *err = why;
    return status;
}

static enum status prepare(struct experiment *e, struct error *err)
{
    const struct settings *o = e->settings;
    struct state *s = calloc(1, sizeof *s);
    s->taken = calloc(o->lengths.n * N_RULER_CONFIGS, sizeof *s->taken);
    e->state = s;
    enum status status =
        ruler_material_load(&s->material, e, &(struct ruler_files){o->form, o->words, o->haystack, &o->data}, err);
    for (size_t i = 0; i < o->lengths.n * N_RULER_CONFIGS && status == OK; i++)
        status = check_fit(e, &RULER_CONFIGS[i % N_RULER_CONFIGS], o->lengths.data[i / N_RULER_CONFIGS], &s->taken[i], err);
    for (const struct ruler_config *c = RULER_CONFIGS; c->name != NULL && status == OK; c++)
        if (c->kind == &RULER_QUESTIONS && is_asked(o, c) && s->material.qa[c->qa].n < o->samples)
            experiment_note(e, "%s: %zu samples of %zu questions, each is asked again with other documents", c->name, o->samples,
                            s->material.qa[c->qa].n);
    return status;
}

static void release(struct experiment *e)
{
    struct state *s = e->state;
    ruler_material_free(&s->material);
    free(s->taken);
    free(s);
}

static enum status plan(const struct experiment *e, struct plan *plan, struct error *err)
{
    const struct settings *o = e->settings;
    const struct state *s = e->state;
    (void)err;
    for (size_t i = 0; i < o->lengths.n * N_RULER_CONFIGS; i++)
        for (size_t k = 0; k < o->samples && s->taken[i]; k++)
            plan_add(plan, &(struct item){RULER_CONFIGS[i % N_RULER_CONFIGS].name, o->lengths.data[i / N_RULER_CONFIGS], k});
    return OK;
}

static size_t tokens(const struct experiment *e, const void *item)
{
    (void)e;
    return ((const struct item *)item)->length;
}

/* Builds the prompt of an item. */
static enum status build(struct ruler_prompt *p, const struct experiment *e, const struct item *it, const struct subject *subject,
                         struct error *err)
{
    struct text id = {0};
    if (find(it->task) == NULL)
        return error_set(err, ERR_INPUT, "item '%.60s': is none of RULER, expected one of --sets", it->task);
    item_id(&id, DIMENSIONS, it);
    const struct ruler_request r = request_of(e, it, subject, id.data);
    enum status status = ruler_prompt_build(p, &r, err);
    text_free(&id);
    return status;
}

static enum status prompt(const struct experiment *e, const void *item, const struct subject *subject, cJSON *to,
                          struct error *err)
{
    struct ruler_prompt p;
    enum status status = build(&p, e, item, subject, err);
    if (status != OK)
        return status;
    cJSON_AddStringToObject(to, "text", p.text.data);
    cJSON *marks = cJSON_AddArrayToObject(to, "marks");
    for (size_t i = 0; i < p.n_marks; i++) {
        const double span[] = {(double)p.marks[2 * i], (double)p.marks[2 * i + 1]};
        cJSON_AddItemToArray(marks, cJSON_CreateDoubleArray(span, 2));
    }
    ruler_prompt_free(&p);
    return OK;
}

/* As NVIDIA's evaluation reads an output: control characters are line breaks, no space at the ends, no upper case. */
static void read_output(struct text *out, const char *output)
{
    struct error ignored = {0};
    text_puts(out, output);
    template_filter(out, "strip", "output", &ignored);
    for (size_t i = 0; i < out->len; i++)
        out->data[i] = (unsigned char)out->data[i] < ' ' ? '\n' : out->data[i];
    template_filter(out, "strip|lower", "output", &ignored);
}

/* Sets the score and which answers were found; `evidence` has them as `expected`. */
static void score(const struct ruler_config *c, const char *output, cJSON *result, cJSON *evidence)
{
    const cJSON *answer, *expected = cJSON_GetObjectItemCaseSensitive(evidence, "expected");
    cJSON *hits = cJSON_CreateArray();
    struct text said = {0};
    size_t n = 0, found = 0;
    read_output(&said, output);
    cJSON_ArrayForEach(answer, expected)
    {
        struct text wanted = {0};
        struct error ignored = {0};
        text_puts(&wanted, answer->valuestring);
        template_filter(&wanted, "lower", "answer", &ignored);
        bool hit = strstr(said.data, wanted.data) != NULL;
        found += hit;
        n++;
        cJSON_AddItemToArray(hits, cJSON_CreateBool(hit));
        text_free(&wanted);
    }
    cJSON_DeleteItemFromObjectCaseSensitive(evidence, "found");
    cJSON_AddItemToObject(evidence, "found", hits);
    cJSON_DeleteItemFromObjectCaseSensitive(evidence, "empty");
    json_add_number(evidence, "empty", said.len == 0);
    cJSON_DeleteItemFromObjectCaseSensitive(result, "score");
    json_add_number(result, "score", c->kind->any ? found > 0 : n > 0 ? (double)found / (double)n : 0);
    text_free(&said);
}

static enum status run(const struct experiment *e, const void *item, const struct subject *subject, struct session *session,
                       cJSON *result, struct error *err)
{
    const struct item *it = item;
    struct ruler_prompt p;
    struct ids answer = {0};
    struct text output = {0};
    struct sampling greedy = {0};
    enum status status = build(&p, e, it, subject, err);
    if (status != OK)
        return status;
    const struct ruler_config *c = find(it->task);
    status = generate(session, p.ids.data, p.ids.n, answer_tokens(e->settings, c), &greedy, NULL, &answer, NULL, NULL, err);
    if (status == OK)
        status = tokenizer_decode(subject->tokenizer, answer.data, answer.n, false, &output, err);
    if (status == OK) {
        text_puts(&output, "");
        utf8_mend(output.data); /* the bound may have cut a character: the report is UTF-8 */
        cJSON_AddStringToObject(result, "output", output.data);
        cJSON *evidence = cJSON_AddObjectToObject(result, "evidence");
        cJSON_AddItemToObject(evidence, "expected", cJSON_Duplicate(p.answers, true));
        json_add_number(evidence, "prompt_tokens", (double)p.ids.n);
        json_add_number(evidence, "size", (double)p.size);
        score(c, output.data, result, evidence);
    }
    ids_free(&answer);
    text_free(&output);
    ruler_prompt_free(&p);
    return status;
}

static enum status rescore(const struct experiment *e, const void *item, cJSON *result, struct error *err)
{
    const struct ruler_config *c = find(((const struct item *)item)->task);
    const char *output = json_text(result, "output");
    cJSON *evidence = cJSON_GetObjectItemCaseSensitive(result, "evidence");
    (void)e;
    if (c == NULL || output == NULL || !cJSON_IsArray(json_path(evidence, "expected")))
        return error_set(err, ERR_INPUT, "item of '%.60s': has no output or no expected answers, expected a report of ruler",
                         ((const struct item *)item)->task);
    score(c, output, result, evidence);
    return OK;
}

static enum status summarize(const struct experiment *e, const cJSON *items, struct report *r, struct error *err)
{
    (void)e;
    static const struct metric metrics[] = {{"accuracy", "score", METRIC_PROPORTION, "higher"},
                                            {"empty", "evidence.empty", METRIC_PROPORTION, "lower"}};
    static const char *const cell[] = {"task", "length", NULL}, *const set[] = {"task", NULL}, *const length[] = {"length", NULL};
    const size_t n = sizeof metrics / sizeof *metrics;
    enum status status = report_add_places(r, items, metrics, n, cell, err);
    if (status == OK)
        status = report_add_places(r, items, metrics, n, length, err);
    cJSON *places = report_places(items, set), *where;
    cJSON_ArrayForEach(where, places)
        report_add_curve(r, "accuracy", "accuracy", where, "length", "context, tokens", "accuracy", "log");
    cJSON_Delete(places);
    return status;
}

static const struct view VIEWS[] = {
    {"table", "accuracy", "answers found", "length", NULL},
    {"heatmap", "accuracy", "Answers found, by configuration and length", "length", "task"},
    {"lines", "accuracy", "Answers found, by length", NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

extern const struct task TASK_RULER;
const struct task TASK_RULER = {
    .name = "ruler",
    .summary = "thirteen synthetic tasks on long contexts (RULER)",
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
    .run = run,
    .prompt = prompt,
    .summarize = summarize,
    .rescore = rescore,
};
