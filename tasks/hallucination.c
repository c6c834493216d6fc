/* hallucination.c - does an output say what its document does not? (Ye et al. 2024, section 3.6, table 4)
 *
 * Summaries of a document and answers to a question about it, greedy, judged
 * (suite/judge.h).  The lookback ratio (Chuang et al. 2024) comes with each output:
 * the attention of the generated tokens on the context, per token, against that
 * on what was generated before.
 */
#include "base/list.h"
#include "lm/generate.h"
#include "report/report.h"
#include "suite/dataset.h"
#include "suite/judge.h"
#include "suite/template.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct option_spec OPTIONS[] = {
    {"data", OPTION_STRING, NULL, 0, 0, "FILE",
     "records (JSON lines, CSV, ..) with `document` and `question`, `answer` or `summary` (default: a generated set that comes "
     "with the program)",
     false},
    {"field", OPTION_STRING, NULL, 0, 0, "NEW=OLD", "fields under other names, e.g. document=text,summary=highlights", false},
    {"form", OPTION_STRING, NULL, 0, 0, "LIST", "summary, question, or both (default: those the data has fields for)", false},
    {"length", OPTION_INT, "1024", 64, 1048576, "N", "tokens of prompt and output; a longer document loses its end", false},
    {"max-new-tokens", OPTION_INT, "48", 1, 65536, "N", "bound on the output", false},
    {"stop", OPTION_STRING, "\\n", 0, 0, "TEXT", "the output ends before it; \\n is a line break", false},
    {"summary-template", OPTION_STRING, "{document}\\nSummary:", 0, 0, "TEXT", "the prompt for a summary", false},
    {"question-template", OPTION_STRING, "{document}\\nQuestion: {question}\\nAnswer:", 0, 0, "TEXT", "the prompt for a question",
     false},
    {"samples", OPTION_INT, "100", 1, 10000000, "N", "documents, at most: the first ones", false},
    {"agreement", OPTION_STRING, NULL, 0, 0, "FILE",
     "instead: how far the judge agrees with people; records with `document`, `output` and `label` (1: free of hallucination)",
     false},
    JUDGE_OPTIONS,
    {NULL, OPTION_FLAG, NULL, 0, 0, NULL, NULL, false},
};
static const char *const FORMS[] = {"summary", "question"};
static const char *const REFERENCES[] = {"summary", "answer"};

struct state {
    struct dataset data;
    struct judge *judge;
    bool agreement, form[2];
};

static void release(struct experiment *e)
{
    struct state *s = e->state;
    judge_close(s->judge);
    dataset_free(&s->data);
    free(s);
}

static enum status choose_forms(struct state *s, const cJSON *options, struct error *err)
{
    const char *list = option_string(options, "form");
    for (size_t f = 0; f < 2 && list == NULL; f++)
        s->form[f] = json_has(s->data.record[0], FORMS[f]);
    if (list != NULL && !list_flags(s->form, list, FORMS, 2))
        return error_set(err, ERR_USAGE, "--form: '%.60s' is wrong, expected summary, question or summary,question", list);
    if (!s->form[0] && !s->form[1])
        return error_set(err, ERR_INPUT,
                         "%s: record 1 has no field 'summary' or 'question', expected one (--field renames, --form)",
                         s->data.path);
    return OK;
}

static enum status prepare(struct experiment *e, struct error *err)
{
    struct state *s = calloc(1, sizeof *s);
    const char *agreement = option_string(e->options, "agreement");
    char *path = agreement ? strdup(agreement) : experiment_data_path(e, "data", "data/hallucination/people.jsonl");
    bool given = agreement != NULL || option_string(e->options, "data") != NULL;
    if (s == NULL || path == NULL) {
        free(s);
        free(path);
        return error_set(err, ERR_SYSTEM, "hallucination: out of memory");
    }
    e->state = s;
    s->agreement = agreement != NULL;
    enum status status = dataset_load(&s->data, path, option_string(e->options, "field"), err);
    if (status == OK) {
        experiment_add_data(e, "documents", given ? path : "data/hallucination/people.jsonl", s->data.sha256, s->data.n,
                            given ? NULL : "public domain (generated)");
        status = judge_open(&s->judge, e->options, json_has(s->data.record[0], "facts") ? "facts" : "lexical", err);
    }
    if (status == OK && !s->agreement)
        status = choose_forms(s, e->options, err);
    free(path);
    return status;
}

static enum status plan(const struct experiment *e, cJSON *items, struct error *err)
{
    const struct state *s = e->state;
    size_t samples = option_size(e->options, "samples"), n = s->data.n < samples ? s->data.n : samples;
    (void)err;
    for (size_t f = 0; f < 2; f++)
        for (size_t i = 0; i < n && (s->agreement ? f == 0 : s->form[f]); i++) {
            cJSON *where = cJSON_CreateObject();
            cJSON_AddStringToObject(where, "form", s->agreement ? "agreement" : FORMS[f]);
            json_add_number(where, "record", (double)i);
            plan_add(items, where, NULL);
        }
    return OK;
}

static size_t tokens(const struct experiment *e, const cJSON *item)
{
    (void)item;
    return option_size(e->options, "length");
}

/* Sums of the attention of generated tokens: on the context and on the generated part, each divided by its number of tokens. */
struct lookback {
    size_t n_context, n_heads;
    double *ratio; /* [n_layers, n_heads] */
    size_t rows;   /* of each head */
};

static bool wants_row(void *context, size_t layer, size_t position)
{
    (void)layer;
    return position >= ((struct lookback *)context)->n_context;
}

static void on_row(void *context, size_t layer, size_t head, size_t position, const float *row)
{
    struct lookback *l = context;
    double on_context = 0, on_new = 0;
    for (size_t i = 0; i <= position; i++)
        *(i < l->n_context ? &on_context : &on_new) += fabs((double)row[i]);
    on_context /= (double)l->n_context;
    on_new /= (double)(position + 1 - l->n_context);
    l->ratio[layer * l->n_heads + head] += on_context + on_new > 0 ? on_context / (on_context + on_new) : 0;
    l->rows += layer == 0 && head == 0;
}

static void add_lookback(cJSON *evidence, const struct lookback *l, size_t n_layers)
{
    double all = 0;
    if (l->rows == 0)
        return;
    cJSON *object = cJSON_AddObjectToObject(evidence, "lookback"), *layers = cJSON_CreateArray(), *heads = cJSON_CreateArray();
    for (size_t i = 0; i < n_layers; i++) {
        double mean = 0;
        cJSON *row = cJSON_CreateArray();
        for (size_t h = 0; h < l->n_heads; h++) {
            double ratio = l->ratio[i * l->n_heads + h] / (double)l->rows;
            cJSON_AddItemToArray(row, json_number(ratio));
            mean += ratio / (double)l->n_heads;
        }
        cJSON_AddItemToArray(heads, row);
        cJSON_AddItemToArray(layers, json_number(mean));
        all += mean / (double)n_layers;
    }
    json_add_number(object, "mean", all);
    cJSON_AddItemToObject(object, "layers", layers);
    cJSON_AddItemToObject(object, "heads", heads);
}

static void unescape(struct text *out, const char *text)
{
    text_puts(out, "");
    for (const char *p = text; *p != '\0'; p++) {
        bool line = p[0] == '\\' && p[1] == 'n';
        text_add(out, line ? "\n" : p, 1);
        p += line;
    }
}

/* The prompt's tokens; the document is cut at its end until prompt and output fit. */
static enum status build_prompt(const struct experiment *e, const cJSON *record, const char *name, size_t form,
                                const struct subject *subject, struct ids *ids, struct error *err)
{
    size_t room = option_size(e->options, "length") - option_size(e->options, "max-new-tokens");
    struct text template = {0}, prompt = {0};
    cJSON *copy = cJSON_Duplicate(record, true);
    unescape(&template, option_string(e->options, form == 0 ? "summary-template" : "question-template"));
    enum status status = OK;
    for (;;) {
        prompt.len = ids->n = 0;
        status = template_expand(&prompt, template.data, copy, name, err);
        if (status == OK)
            status = tokenizer_encode(subject->tokenizer, prompt.data, prompt.len, true, ids, err);
        const char *document = json_text(copy, "document");
        size_t n = document ? strlen(document) : 0;
        if (status != OK || ids->n <= room)
            break;
        if (n == 0) {
            status = error_set(err, ERR_USAGE, "--length: %zu tokens do not hold the prompt of %s, expected more", room, name);
            break;
        }
        /* as much less as the tokens are too many, and a little more */
        size_t keep = (size_t)((double)n * (double)room / (double)ids->n * 0.98);
        char *shorter = strndup(document, keep < n ? keep : n - 1);
        for (size_t k = strlen(shorter); k > 0 && !utf8_valid(shorter, k); k--)
            shorter[k - 1] = '\0';
        cJSON_ReplaceItemInObjectCaseSensitive(copy, "document", cJSON_CreateString(shorter));
        free(shorter);
    }
    text_free(&template);
    text_free(&prompt);
    cJSON_Delete(copy);
    return status;
}

/* Without white space before it, cut before the stop text, and valid UTF-8. */
static void trim_output(struct text *out, const char *stop)
{
    struct text wanted = {0};
    size_t lead = 0;
    unescape(&wanted, stop);
    text_puts(out, "");
    while (out->data[lead] == ' ' || out->data[lead] == '\n')
        lead++;
    memmove(out->data, out->data + lead, out->len - lead + 1);
    out->len -= lead;
    char *hit = wanted.len ? strstr(out->data, wanted.data) : NULL;
    if (hit != NULL) {
        *hit = '\0';
        out->len = (size_t)(hit - out->data);
    }
    utf8_mend(out->data);
    text_free(&wanted);
}

static enum status write_output(const struct experiment *e, const cJSON *record, const char *name, size_t form,
                                const struct subject *subject, struct session *session, struct text *output, cJSON *evidence,
                                struct error *err)
{
    const struct model *m = &subject->model;
    struct ids prompt = {0}, answer = {0};
    struct sampling greedy = {0};
    struct lookback l = {.n_heads = m->plan.n_heads};
    struct probe probe = {.context = &l, .wants_row = wants_row, .on_row = on_row};
    l.ratio = mem_array(m->config.n_layers * l.n_heads, sizeof *l.ratio);
    enum status status = l.ratio ? build_prompt(e, record, name, form, subject, &prompt, err)
                                 : error_set(err, ERR_SYSTEM, "hallucination: out of memory");
    l.n_context = prompt.n;
    if (status == OK)
        status = generate(session, prompt.data, prompt.n, option_size(e->options, "max-new-tokens"), &greedy, &probe, &answer,
                          NULL, NULL, err);
    if (status == OK)
        status = tokenizer_decode(subject->tokenizer, answer.data, answer.n, false, output, err);
    if (status == OK) {
        trim_output(output, option_string(e->options, "stop"));
        add_lookback(evidence, &l, m->config.n_layers);
        json_add_number(evidence, "prompt_tokens", (double)prompt.n);
    }
    free(l.ratio);
    ids_free(&prompt);
    ids_free(&answer);
    return status;
}

static const char *form_of(const cJSON *item)
{
    return json_text(item, "where.form");
}

/* Judges `output` and sets score and the judge's evidence. */
static enum status judge_output(const struct state *s, const cJSON *item, const char *output, const volatile sig_atomic_t *stop,
                                cJSON *result, cJSON *evidence, struct error *err)
{
    const cJSON *record = s->data.record[(size_t)json_real(item, "where.record")];
    bool question = strcmp(form_of(item), "question") == 0;
    struct judge_case c = {.document = json_text(record, "document"),
                           .question = question || s->agreement ? json_text(record, "question") : NULL,
                           .reference = json_text(record, REFERENCES[question]),
                           .output = output,
                           .facts = cJSON_GetObjectItemCaseSensitive(record, "facts")};
    double free_of_it = NAN;
    if (c.document == NULL)
        return error_set(err, ERR_INPUT, "%s: record %.0f: field 'document' is missing, expected text (--field renames)",
                         s->data.path, json_real(item, "where.record") + 1);
    enum status status = judge_run(s->judge, &c, stop, evidence, &free_of_it, err);
    cJSON_DeleteItemFromObjectCaseSensitive(result, "score");
    json_add_number(result, "score", free_of_it);
    return status;
}

/* The judge on an output that people have judged; for the first model only, since no model takes part. */
static enum status run_agreement(const struct experiment *e, const cJSON *item, const struct subject *subject,
                                 struct session *session, cJSON *result, struct error *err)
{
    const struct state *s = e->state;
    size_t i = (size_t)json_real(item, "where.record");
    const cJSON *label = cJSON_GetObjectItemCaseSensitive(s->data.record[i], "label");
    char buffer[32];
    const char *output;
    cJSON *evidence = cJSON_AddObjectToObject(result, "evidence");
    if (subject != e->subjects) {
        cJSON_AddNullToObject(result, "score");
        cJSON_AddStringToObject(result, "output", "");
        return OK;
    }
    enum status status = dataset_text(&s->data, i, "output", buffer, &output, err);
    if (status == OK && !cJSON_IsBool(label) && !cJSON_IsNumber(label))
        status = error_set(err, ERR_INPUT, "%s: record %zu: field 'label' is missing, expected 1 (free of hallucination) or 0",
                           s->data.path, i + 1);
    if (status != OK)
        return status;
    cJSON_AddStringToObject(result, "output", output);
    json_add_number(evidence, "label", cJSON_IsTrue(label) || (cJSON_IsNumber(label) && label->valuedouble != 0));
    status = judge_output(s, item, output, session->stop, result, evidence, err);
    double verdict = json_real(result, "score");
    if (status == OK && isfinite(verdict))
        json_add_number(evidence, "agrees", verdict == json_real(evidence, "label"));
    return status;
}

static enum status run(const struct experiment *e, const cJSON *item, const struct subject *subject, struct session *session,
                       cJSON *result, struct error *err)
{
    const struct state *s = e->state;
    size_t i = (size_t)json_real(item, "where.record");
    struct text output = {0}, name = {0};
    if (s->agreement)
        return run_agreement(e, item, subject, session, result, err);
    cJSON *evidence = cJSON_AddObjectToObject(result, "evidence");
    text_printf(&name, "%s: record %zu", s->data.path, i + 1);
    enum status status = write_output(e, s->data.record[i], name.data ? name.data : "", strcmp(form_of(item), "question") == 0,
                                      subject, session, &output, evidence, err);
    if (status == OK) {
        cJSON_AddStringToObject(result, "output", output.data);
        status = judge_output(s, item, output.data, session->stop, result, evidence, err);
    }
    text_free(&output);
    text_free(&name);
    return status;
}

/* The judge of the options on the stored output. */
static enum status rescore(const struct experiment *e, const cJSON *item, cJSON *result, struct error *err)
{
    static const char *const old[] = {"judge", "support", "claims", "wrong_claims", "reply", "tries"};
    const struct state *s = e->state;
    cJSON *evidence = cJSON_GetObjectItemCaseSensitive(result, "evidence");
    const char *output = json_text(result, "output");
    if (output == NULL || evidence == NULL || (size_t)json_real(item, "where.record") >= s->data.n)
        return error_set(err, ERR_INPUT, "item '%s': does not fit the data set, expected the one that the report was made from",
                         json_text(item, "id"));
    for (size_t i = 0; i < sizeof old / sizeof *old; i++)
        cJSON_DeleteItemFromObjectCaseSensitive(evidence, old[i]);
    return judge_output(s, item, output, NULL, result, evidence, err);
}

/* Balanced accuracy and Cohen's kappa of the judge against the labels. */
struct table_of_two {
    const double *verdict, *label;
};

static void count_table(const struct table_of_two *t, const size_t *index, size_t n, double count[2][2])
{
    memset(count, 0, 4 * sizeof(double));
    for (size_t i = 0; i < n; i++)
        count[t->label[index[i]] > 0.5][t->verdict[index[i]] > 0.5]++;
}

static double balanced_accuracy(void *context, const size_t *index, size_t n)
{
    double c[2][2];
    count_table(context, index, n, c);
    return (c[0][0] / (c[0][0] + c[0][1]) + c[1][1] / (c[1][0] + c[1][1])) / 2;
}

static double kappa(void *context, const size_t *index, size_t n)
{
    double c[2][2], all = (double)n;
    count_table(context, index, n, c);
    double agree = (c[0][0] + c[1][1]) / all;
    double chance = ((c[0][0] + c[0][1]) * (c[0][0] + c[1][0]) + (c[1][0] + c[1][1]) * (c[0][1] + c[1][1])) / (all * all);
    return (agree - chance) / (1 - chance);
}

static enum status add_agreement(struct report *r, const struct experiment *e, const cJSON *items, const cJSON *where,
                                 struct error *err)
{
    size_t n = 0, most = (size_t)cJSON_GetArraySize(items);
    double *verdict = mem_array(2 * most + 1, sizeof *verdict);
    const cJSON *item;
    if (verdict == NULL)
        return error_set(err, ERR_SYSTEM, "hallucination: out of memory");
    struct table_of_two t = {verdict, verdict + most};
    cJSON_ArrayForEach(item, items)
    {
        const cJSON *result = cJSON_GetObjectItemCaseSensitive(json_path(item, "results"), e->subjects[0].name);
        if (isfinite(json_real(result, "score"))) {
            verdict[n] = json_real(result, "score");
            verdict[most + n++] = json_real(result, "evidence.label");
        }
    }
    report_add_value(r, "balanced_accuracy", e->subjects[0].name, where, bootstrap_items(n, e->seed, balanced_accuracy, &t), n,
                     "higher");
    report_add_value(r, "kappa", e->subjects[0].name, where, bootstrap_items(n, e->seed, kappa, &t), n, "higher");
    free(verdict);
    static const struct metric agreement = {"agreement", "evidence.agrees", METRIC_PROPORTION, "higher"};
    return report_add(r, e, items, &agreement, where, err);
}

static enum status add_form(struct report *r, const struct experiment *e, const cJSON *items, const char *form, struct error *err)
{
    static const struct metric metrics[] = {{"accuracy", "score", METRIC_PROPORTION, "higher"},
                                            {"support", "evidence.support", METRIC_MEAN, "higher"},
                                            {"lookback_ratio", "evidence.lookback.mean", METRIC_MEAN, NULL}};
    cJSON *where = cJSON_CreateObject();
    int n_layers = 0;
    const cJSON *result;
    enum status status = OK;
    cJSON_AddStringToObject(where, "form", form);
    if (strcmp(form, "agreement") == 0) {
        status = add_agreement(r, e, items, where, err);
        cJSON_Delete(where);
        return status;
    }
    for (size_t i = 0; i < 3 && status == OK; i++)
        status = report_add(r, e, items, &metrics[i], where, err);
    cJSON_ArrayForEach(result, json_path(items->child, "results"))
    {
        int n = cJSON_GetArraySize(json_path(result, "evidence.lookback.layers"));
        n_layers = n > n_layers ? n : n_layers;
    }
    for (int l = 0; l < n_layers && status == OK; l++) {
        char field[48];
        cJSON *at = cJSON_Duplicate(where, true);
        json_add_number(at, "layer", l);
        snprintf(field, sizeof field, "evidence.lookback.layers.%d", l);
        struct metric metric = {"lookback_ratio", field, METRIC_MEAN, NULL};
        status = report_add(r, e, items, &metric, at, err);
        cJSON_Delete(at);
    }
    cJSON_Delete(where);
    return status;
}

static enum status summarize(const struct experiment *e, const cJSON *items, struct report *r, struct error *err)
{
    static const char *const forms[] = {"summary", "question", "agreement"};
    enum status status = OK;
    for (size_t f = 0; f < 3 && status == OK; f++) {
        const cJSON *item;
        bool there = false;
        cJSON_ArrayForEach(item, items) there = there || strcmp(form_of(item), forms[f]) == 0;
        if (there)
            status = add_form(r, e, items, forms[f], err);
    }
    return status;
}

static const struct view VIEWS[] = {
    {"table", "accuracy,support,lookback_ratio", "free of hallucination", NULL, NULL},
    {"table", "agreement,balanced_accuracy,kappa", "judge against people", NULL, NULL},
    {"bars", "accuracy", "Outputs free of hallucination", "form", NULL},
    {"bars", "lookback_ratio", "Lookback ratio, by layer", "layer", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

extern const struct task TASK_HALLUCINATION;
const struct task TASK_HALLUCINATION = {
    .name = "hallucination",
    .summary = "summaries and answers judged against their documents (section 3.6)",
    .options = OPTIONS,
    .views = VIEWS,
    .prepare = prepare,
    .release = release,
    .plan = plan,
    .tokens = tokens,
    .run = run,
    .summarize = summarize,
    .rescore = rescore,
    .rescore_reads_data = true,
};
