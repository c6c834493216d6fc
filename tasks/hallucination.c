/* hallucination.c - does an output say what its document does not? (Ye et al. 2024, section 3.6, table 4)
 *
 * Summaries of a document and answers to a question about it, greedy, judged
 * (suite/judge.h).  The lookback ratio (Chuang et al. 2024) comes with each output:
 * the attention of the generated tokens on the context, per token, against that
 * on what was generated before.
 */
#include "base/utf8.h"
#include "lm/generate.h"
#include "suite/dataset.h"
#include "suite/judge.h"
#include "tasks/hallucination_lookback.h"
#include "tasks/hallucination_prompt.h"
#include "tasks/hallucination_summary.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct settings {
    const char *data, *field, *stop, *summary_template, *question_template, *agreement;
    unsigned cut;   /* enum cut */
    unsigned forms; /* a bit for each, 0: those the data has fields for */
    size_t length, max_new_tokens, samples;
    struct judge_options judge;
};

#define AT(member) offsetof(struct settings, member)
static const struct option_spec OPTIONS[] = {
    {"data", OPTION_STRING, NULL, 0, 0, "FILE",
     "records (JSON lines, CSV, ..) with `document` and `question`, `answer` or `summary` (default: a generated set that comes "
     "with the program)",
     false, AT(data)},
    {"field", OPTION_STRING, NULL, 0, 0, "NEW=OLD", "fields under other names, e.g. document=text,summary=highlights", false,
     AT(field)},
    {"form", OPTION_CHOICES, NULL, 0, 0, "summary|question", "what is written (default: what the data has fields for)", false,
     AT(forms)},
    {"length", OPTION_INT, "1024", 64, 1048576, "N", "tokens of prompt and output; a longer document is cut", false, AT(length)},
    {"cut", OPTION_CHOICE, "middle", 0, 0, "middle|end", "what a document that is too long loses (LongBench: its middle)", false,
     AT(cut)},
    {"max-new-tokens", OPTION_INT, "48", 1, 65536, "N", "bound on the output", false, AT(max_new_tokens)},
    {"stop", OPTION_STRING, "\\n", 0, 0, "TEXT", "the output ends before it; \\n is a line break", false, AT(stop)},
    {"summary-template", OPTION_STRING, "{document}\\nSummary:", 0, 0, "TEXT", "the prompt for a summary", false,
     AT(summary_template)},
    {"question-template", OPTION_STRING, "{document}\\nQuestion: {question}\\nAnswer:", 0, 0, "TEXT", "the prompt for a question",
     false, AT(question_template)},
    {"samples", OPTION_INT, "100", 1, 10000000, "N", "documents, at most: the first ones", false, AT(samples)},
    {"agreement", OPTION_STRING, NULL, 0, 0, "FILE",
     "instead: how far the judge agrees with people; records with `document`, `output` and `label` (1: free of hallucination)",
     false, AT(agreement)},
    JUDGE_OPTIONS(AT(judge)),
    OPTIONS_END,
};

enum form { FORM_SUMMARY, FORM_QUESTION, FORM_AGREEMENT, N_FORMS };
static const char *const FORMS[] = {"summary", "question", "agreement", NULL};

struct item {
    size_t form, record;
};

static const struct dimension DIMENSIONS[] = {
    {"form", DIMENSION_NAME, offsetof(struct item, form), FORMS, NULL},
    {"record", DIMENSION_SIZE, offsetof(struct item, record), NULL, NULL},
    {NULL, DIMENSION_SIZE, 0, NULL, NULL},
};

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

static enum status choose_forms(struct state *s, const struct settings *o, struct error *err)
{
    for (size_t f = 0; f < 2; f++)
        s->form[f] = o->forms ? o->forms >> f & 1 : json_has(s->data.record[0], FORMS[f]);
    if (!s->form[0] && !s->form[1])
        return error_set(err, ERR_INPUT,
                         "%s: record 1 has no field 'summary' or 'question', expected one (--field renames, --form)",
                         s->data.path);
    return OK;
}

/* Records as LongBench has them: context, input, and a list of answers of which any is right. */
static void name_longbench(cJSON *record)
{
    enum { ANSWERS = 2 };
    static const char *const names[][2] = {{"context", "document"}, {"input", "question"}, {"answers", "answer"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const cJSON *its = cJSON_GetObjectItemCaseSensitive(record, names[i][0]), *first = cJSON_IsArray(its) ? its->child : its;
        if (cJSON_IsString(first) && first->valuestring[0] != '\0' && !cJSON_HasObjectItem(record, names[i][1]))
            cJSON_AddItemToObject(record, names[i][1], cJSON_Duplicate(i == ANSWERS ? its : first, true));
    }
}

/* The texts of a member that is one or a list of them, any of which is right, with "or" between; empty: there is none. */
static void add_references(struct text *out, const cJSON *record, const char *name)
{
    const cJSON *its = cJSON_GetObjectItemCaseSensitive(record, name), *one;
    text_puts(out, cJSON_IsString(its) ? its->valuestring : "");
    cJSON_ArrayForEach(one, its)
    {
        if (cJSON_IsString(one))
            text_printf(out, "%s%s", out->len > 0 ? " or " : "", one->valuestring);
    }
}

static enum status prepare(struct experiment *e, struct error *err)
{
    struct state *s = calloc(1, sizeof *s);
    const struct settings *o = e->settings;
    const char *named = o->agreement ? o->agreement : o->data;
    char *path = experiment_data_path(named, "data/hallucination/people.jsonl");
    if (s == NULL || path == NULL) {
        free(s);
        free(path);
        return error_set(err, ERR_SYSTEM, "hallucination: out of memory");
    }
    e->state = s;
    s->agreement = o->agreement != NULL;
    enum status status = dataset_load(&s->data, path, o->field, err);
    if (status == OK && o->length <= o->max_new_tokens)
        status = error_set(err, ERR_USAGE, "--max-new-tokens: %zu leave no room for a prompt, expected fewer than --length %zu",
                           o->max_new_tokens, o->length);
    for (size_t i = 0; i < s->data.n && status == OK; i++)
        name_longbench(s->data.record[i]);
    if (status == OK) {
        experiment_add_data(e, "documents", named ? path : "data/hallucination/people.jsonl", s->data.sha256, s->data.n,
                            named ? NULL : "public domain (generated)");
        status = judge_open(&s->judge, &o->judge, json_has(s->data.record[0], "facts") ? "facts" : "lexical", err);
    }
    if (status == OK && !s->agreement)
        status = choose_forms(s, o, err);
    free(path);
    return status;
}

static enum status plan(const struct experiment *e, struct plan *plan, struct error *err)
{
    const struct state *s = e->state;
    size_t samples = ((const struct settings *)e->settings)->samples, n = s->data.n < samples ? s->data.n : samples;
    (void)err;
    for (size_t f = 0; f < N_FORMS; f++)
        for (size_t i = 0; i < n && (f == FORM_AGREEMENT ? s->agreement : !s->agreement && s->form[f]); i++)
            plan_add(plan, &(struct item){f, i});
    return OK;
}

static bool asks_others(const struct experiment *e)
{
    const char *judge = ((const struct settings *)e->settings)->judge.kind;
    return judge != NULL && strcmp(judge, "openai") == 0;
}

static size_t tokens(const struct experiment *e, const void *item)
{
    (void)item;
    return ((const struct settings *)e->settings)->length;
}

/* Without white space before it, cut before the stop text, and valid UTF-8. */
static void trim_output(struct text *out, const char *stop)
{
    struct text wanted = {0};
    size_t lead = 0;
    text_unescape(&wanted, stop);
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

/* The prompt of an item for a model. */
static enum status write_prompt(struct text *text, struct ids *ids, const struct experiment *e, const struct item *it,
                                const struct subject *subject, struct error *err)
{
    const struct settings *o = e->settings;
    const struct state *s = e->state;
    struct text name = {0};
    text_printf(&name, "%s: record %zu", s->data.path, it->record + 1);
    const struct document_prompt p = {.record = s->data.record[it->record],
                                      .name = name.data ? name.data : "",
                                      .template = it->form == FORM_SUMMARY ? o->summary_template : o->question_template,
                                      .room = o->length - o->max_new_tokens,
                                      .cut = (enum cut)o->cut};
    enum status status = document_prompt_write(text, ids, &p, e, subject, err);
    text_free(&name);
    return status;
}

/* With the question marked. */
static enum status prompt(const struct experiment *e, const void *item, const struct subject *subject, cJSON *to,
                          struct error *err)
{
    const struct state *s = e->state;
    const struct item *it = item;
    struct text text = {0};
    struct ids ids = {0};
    if (it->form == FORM_AGREEMENT) {
        prompt_tell(to, json_text(s->data.record[it->record], "document"), 0, 0);
        return OK;
    }
    enum status status = write_prompt(&text, &ids, e, it, subject, err);
    const char *asked = it->form == FORM_QUESTION ? json_text(s->data.record[it->record], "question") : NULL;
    const char *hit = status == OK && asked != NULL ? strstr(text.data, asked) : NULL;
    size_t from = hit != NULL ? (size_t)(hit - text.data) : 0;
    prompt_tell(to, text.data, from, hit != NULL ? from + strlen(asked) : from);
    text_free(&text);
    ids_free(&ids);
    return status;
}

static enum status write_output(const struct experiment *e, const struct item *it, const struct subject *subject,
                                struct session *session, struct text *output, cJSON *evidence, struct error *err)
{
    const struct settings *o = e->settings;
    const struct model *m = &subject->model;
    struct text text = {0};
    struct ids given = {0}, answer = {0};
    struct sampling greedy = {0};
    struct lookback l;
    enum status status = lookback_init(&l, m->config.n_layers, m->plan.n_heads)
                             ? write_prompt(&text, &given, e, it, subject, err)
                             : error_set(err, ERR_SYSTEM, "hallucination: out of memory");
    struct probe probe = lookback_probe(&l);
    l.n_context = given.n;
    if (status == OK)
        status = generate(session, given.data, given.n, o->max_new_tokens, &greedy, &probe, &answer, NULL, NULL, err);
    if (status == OK)
        status = tokenizer_decode(subject->tokenizer, answer.data, answer.n, false, output, err);
    if (status == OK) {
        trim_output(output, o->stop);
        lookback_add(evidence, &l);
        json_add_number(evidence, "prompt_tokens", (double)given.n);
    }
    free(l.ratio);
    text_free(&text);
    ids_free(&given);
    ids_free(&answer);
    return status;
}

/* Does it say nothing: no letter, no digit? */
static bool is_empty(const char *output)
{
    for (; *output != '\0'; output++)
        if (isalnum((unsigned char)*output) || (unsigned char)*output >= 0x80)
            return false;
    return true;
}

/* Judges `output` and sets score and the judge's evidence. What says nothing is not free of hallucination but empty, and is
 * counted as such; a verdict that cannot be read counts as not free, and is counted, too. */
static enum status judge_output(const struct state *s, const struct item *it, const char *output,
                                const volatile sig_atomic_t *stop, cJSON *result, cJSON *evidence, struct error *err)
{
    const cJSON *record = s->data.record[it->record];
    bool question = it->form == FORM_QUESTION;
    struct text references = {0};
    struct judge_case c = {.document = json_text(record, "document"),
                           .question = question || s->agreement ? json_text(record, "question") : NULL,
                           .output = output,
                           .facts = cJSON_GetObjectItemCaseSensitive(record, "facts")};
    double free_of_it = NAN;
    if (c.document == NULL)
        return error_set(err, ERR_INPUT, "%s: record %zu: field 'document' is missing, expected text (--field renames)",
                         s->data.path, it->record + 1);
    bool empty = is_empty(output);
    add_references(&references, record, REFERENCES[question]);
    c.reference = references.len > 0 ? references.data : NULL;
    enum status status = empty ? OK : judge_run(s->judge, &c, stop, evidence, &free_of_it, err);
    text_free(&references);
    json_add_number(evidence, "empty", empty);
    json_add_number(evidence, "unparsed", !empty && isnan(free_of_it));
    free_of_it = isnan(free_of_it) ? 0 : free_of_it;
    cJSON_DeleteItemFromObjectCaseSensitive(result, "score");
    json_add_number(result, "score", free_of_it);
    return status;
}

/* The judge on an output that people have judged; for the first model only, since no model takes part. */
static enum status run_agreement(const struct experiment *e, const struct item *it, const struct subject *subject,
                                 struct session *session, cJSON *result, struct error *err)
{
    const struct state *s = e->state;
    size_t i = it->record;
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
    status = judge_output(s, it, output, session->stop, result, evidence, err);
    double verdict = json_real(result, "score");
    if (status == OK && isfinite(verdict))
        json_add_number(evidence, "agrees", verdict == json_real(evidence, "label"));
    return status;
}

static enum status run(const struct experiment *e, const void *item, const struct subject *subject, struct session *session,
                       cJSON *result, struct error *err)
{
    const struct state *s = e->state;
    const struct item *it = item;
    struct text output = {0};
    if (s->agreement)
        return run_agreement(e, it, subject, session, result, err);
    cJSON *evidence = cJSON_AddObjectToObject(result, "evidence");
    enum status status = write_output(e, it, subject, session, &output, evidence, err);
    if (status == OK) {
        cJSON_AddStringToObject(result, "output", output.data);
        status = judge_output(s, it, output.data, session->stop, result, evidence, err);
    }
    text_free(&output);
    return status;
}

/* The judge of the options on the stored output. */
static enum status rescore(const struct experiment *e, const void *item, cJSON *result, struct error *err)
{
    static const char *const old[] = {"judge", "support", "claims", "wrong_claims", "reply", "tries", "empty", "unparsed"};
    const struct state *s = e->state;
    const struct item *it = item;
    cJSON *evidence = cJSON_GetObjectItemCaseSensitive(result, "evidence");
    const char *output = json_text(result, "output");
    if (output == NULL || evidence == NULL || it->record >= s->data.n)
        return error_set(err, ERR_INPUT, "item 'form=%s,record=%zu': does not fit %s, expected the data of the report",
                         FORMS[it->form], it->record, s->data.path);
    for (size_t i = 0; i < sizeof old / sizeof *old; i++)
        cJSON_DeleteItemFromObjectCaseSensitive(evidence, old[i]);
    return judge_output(s, it, output, NULL, result, evidence, err);
}

static enum status summarize(const struct experiment *e, const cJSON *items, struct report *r, struct error *err)
{
    return hallucination_summarize(items, ((const struct settings *)e->settings)->agreement != NULL, r, err);
}

static const struct view VIEWS[] = {
    {"table", "accuracy,empty,unparsed,support,lookback_ratio", "free of hallucination", NULL, NULL},
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
    .settings_size = sizeof(struct settings),
    .dimensions = DIMENSIONS,
    .item_size = sizeof(struct item),
    .chats = true,
    .views = VIEWS,
    .prepare = prepare,
    .release = release,
    .plan = plan,
    .tokens = tokens,
    .asks_others = asks_others,
    .run = run,
    .prompt = prompt,
    .summarize = summarize,
    .rescore = rescore,
    .rescore_reads_data = true,
};
