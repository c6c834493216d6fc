/* outliers.c - activation outliers and low-bit attention (Ye et al. 2024, section 3.7, table 5 and figure 8).
 *
 * Every causal attention logit (after 1/sqrt(d), before the softmax) and every
 * hidden state (output of each layer) of many tokens goes into sketches of
 * constant size: largest values exactly, the median within SKETCH_ERROR.  Then
 * the logits of each row are rounded to few bits, against accuracy and
 * perplexity.
 */
#include "tasks/outliers.h"
#include "lm/score.h"
#include "report/places.h"
#include "suite/dataset.h"
#include "tasks/choice_score.h"
#include "tasks/outliers_watch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct settings {
    const char *data, *form, *form_data;
    size_t tokens, length, groups, samples, documents;
    struct sizes bits;
    unsigned round; /* enum round */
};

#define AT(member) offsetof(struct settings, member)
static const struct option_spec OPTIONS[] = {
    {"data", OPTION_STRING, NULL, 0, 0, "PATH", "text or folder of texts (default: a book that comes with the program)", false,
     AT(data)},
    {"tokens", OPTION_INT, "400000", 64, 1000000000, "N", "tokens whose activations are counted", false, AT(tokens)},
    {"length", OPTION_INT, "512", 16, 1048576, "N", "tokens of one sequence", false, AT(length)},
    {"groups", OPTION_INT, "20", 1, 100000, "N", "parts into which the tokens fall: the units of the intervals", false,
     AT(groups)},
    {"bits", OPTION_INTS, "16,8,6,4", 2, 16, "LIST", "widths of the attention logits; 16: as they are", false, AT(bits)},
    {"round", OPTION_CHOICE, "row", 0, 0, "row|tensor",
     "whose largest absolute value sets the step: that of a row of the logits, or of all of a layer in a sequence", false,
     AT(round)},
    {"form", OPTION_STRING, "reading", 0, 0, "FORM", "multiple-choice task for the accuracy at each width (see choice)", false,
     AT(form)},
    {"form-data", OPTION_STRING, NULL, 0, 0, "FILE", "its questions (default: what the task names)", false, AT(form_data)},
    {"samples", OPTION_INT, "100", 1, 10000000, "N", "questions at each width", false, AT(samples)},
    {"documents", OPTION_INT, "8", 1, 100000, "N", "sequences for the perplexity at each width", false, AT(documents)},
    OPTIONS_END,
};

enum round { ROUND_ROW, ROUND_TENSOR };
enum part { ACTIVATIONS, ACCURACY, PERPLEXITY };
static const char *const PARTS[] = {"activations", "accuracy", "perplexity", NULL};

/* Of group, record and document each part has one; activations have no bits. */
struct item {
    size_t part, bits, group, record, document;
};

static const struct dimension DIMENSIONS[] = {
    {"part", DIMENSION_NAME, offsetof(struct item, part), PARTS, NULL},
    {"bits", DIMENSION_SIZE, offsetof(struct item, bits), NULL, NULL},
    {"group", DIMENSION_SIZE, offsetof(struct item, group), NULL, NULL},
    {"record", DIMENSION_SIZE, offsetof(struct item, record), NULL, NULL},
    {"document", DIMENSION_SIZE, offsetof(struct item, document), NULL, NULL},
    {NULL, DIMENSION_SIZE, 0, NULL, NULL},
};

struct state {
    struct documents text;
    struct choice_form form;
    struct dataset data;
    struct question *questions;
    size_t n_questions, n_subjects;
    struct ids *ids; /* [n_subjects] the text's tokens */
};

static void release(struct experiment *e)
{
    struct state *s = e->state;
    documents_free(&s->text);
    for (size_t i = 0; i < s->n_questions; i++)
        question_free(&s->questions[i]);
    free(s->questions);
    for (size_t m = 0; s->ids != NULL && m < s->n_subjects; m++)
        ids_free(&s->ids[m]);
    free(s->ids);
    dataset_free(&s->data);
    choice_form_free(&s->form);
    free(s);
}

static enum status load_questions(struct experiment *e, struct state *s, struct error *err)
{
    const struct settings *o = e->settings;
    const char *given = o->form_data;
    size_t wanted = o->samples;
    enum status status = choice_form_load(&s->form, o->form, err);
    if (status == OK && given == NULL && s->form.data == NULL)
        status = error_set(err, ERR_USAGE, "--form-data: is missing, expected the records of %s as JSON lines", s->form.name);
    if (status != OK)
        return status;
    char *path = given ? strdup(given) : embedded_path(s->form.data);
    status = path ? dataset_load(&s->data, path, NULL, err) : error_set(err, ERR_SYSTEM, "outliers: out of memory");
    free(path);
    wanted = s->data.n < wanted ? s->data.n : wanted;
    if (status == OK && (s->questions = calloc(wanted, sizeof *s->questions)) == NULL)
        status = error_set(err, ERR_SYSTEM, "outliers: out of memory");
    while (status == OK && s->n_questions < wanted) {
        char name[64];
        snprintf(name, sizeof name, "%.20s: record %zu", s->form.name, s->n_questions + 1);
        status = question_make(&s->questions[s->n_questions], &s->form, s->data.record[s->n_questions], name, err);
        s->n_questions += status == OK;
    }
    if (status == OK) {
        experiment_add_data(e, s->form.name, given ? given : s->form.data, s->data.sha256, s->data.n, s->form.licence);
        experiment_add_data(e, "form", o->form, s->form.file.sha256, 1, NULL);
    }
    return status;
}

static enum status prepare(struct experiment *e, struct error *err)
{
    struct state *s = calloc(1, sizeof *s);
    const struct settings *o = e->settings;
    char *path = experiment_data_path(o->data, "data/haystack/persuasion.txt");
    if (s == NULL || path == NULL) {
        free(s);
        free(path);
        return error_set(err, ERR_SYSTEM, "outliers: out of memory");
    }
    e->state = s;
    s->n_subjects = e->n_subjects;
    s->ids = calloc(e->n_subjects, sizeof *s->ids);
    enum status status = documents_load(&s->text, path, SIZE_MAX, SIZE_MAX / 2, NULL, err);
    if (status == OK && s->ids == NULL)
        status = error_set(err, ERR_SYSTEM, "outliers: out of memory");
    for (size_t m = 0; m < e->n_subjects && status == OK; m++) {
        for (size_t d = 0; d < s->text.n && status == OK; d++)
            status = tokenizer_encode(e->subjects[m].tokenizer, s->text.text[d], s->text.length[d], false, &s->ids[m], err);
        if (status == OK && s->ids[m].n < o->length)
            status =
                error_set(err, ERR_INPUT, "%s: has %zu tokens, expected at least --length %zu", path, s->ids[m].n, o->length);
    }
    if (status == OK) {
        bool given = o->data != NULL;
        experiment_add_data(e, "text", given ? path : "data/haystack/persuasion.txt", s->text.sha256, s->text.n,
                            given ? NULL : "public domain");
        status = load_questions(e, s, err);
    }
    free(path);
    return status;
}

static size_t n_sequences(const struct experiment *e)
{
    const struct settings *o = e->settings;
    return (o->tokens + o->length - 1) / o->length;
}

static size_t n_groups(const struct experiment *e)
{
    size_t groups = ((const struct settings *)e->settings)->groups, n = n_sequences(e);
    return groups < n ? groups : n;
}

/* How often the text is read; a text that ends begins again some tokens later. */
static double passes(const struct experiment *e, size_t subject)
{
    const struct state *s = e->state;
    size_t length = ((const struct settings *)e->settings)->length, in_a_round = s->ids[subject].n / length;
    return (double)n_sequences(e) / (double)(in_a_round ? in_a_round : 1);
}

static enum status plan(const struct experiment *e, struct plan *plan, struct error *err)
{
    const struct state *s = e->state;
    const struct settings *o = e->settings;
    (void)err;
    for (size_t i = 0; i < n_groups(e); i++)
        plan_add(plan, &(struct item){ACTIVATIONS, ITEM_NONE, i, ITEM_NONE, ITEM_NONE});
    for (size_t b = 0; b < o->bits.n; b++) {
        for (size_t i = 0; i < s->n_questions; i++)
            plan_add(plan, &(struct item){ACCURACY, o->bits.data[b], ITEM_NONE, i, ITEM_NONE});
        for (size_t i = 0; i < o->documents; i++)
            plan_add(plan, &(struct item){PERPLEXITY, o->bits.data[b], ITEM_NONE, ITEM_NONE, i});
    }
    return OK;
}

static size_t tokens(const struct experiment *e, const void *item)
{
    const struct state *s = e->state;
    const struct item *it = item;
    if (it->part != ACCURACY)
        return ((const struct settings *)e->settings)->length;
    return question_tokens(e, &s->questions[it->record], &s->form, "");
}

/* The tokens of sequence i of the text; a text that ends begins again some tokens later, so that no sequence comes twice. */
static const int32_t *sequence(const struct experiment *e, size_t subject, size_t i)
{
    const struct ids *ids = &((const struct state *)e->state)->ids[subject];
    size_t length = ((const struct settings *)e->settings)->length, places = ids->n - length + 1;
    size_t in_a_round = ids->n / length, shift = length * 3 / 8 + 1;
    return ids->data + (i % in_a_round * length + i / in_a_round * shift) % places;
}

static enum status watch_group(const struct experiment *e, size_t group, const struct subject *subject, struct session *session,
                               cJSON *result, struct error *err)
{
    const struct settings *o = e->settings;
    size_t n = n_sequences(e), groups = n_groups(e);
    struct outliers_watch w;
    enum status status =
        outliers_watch_init(&w, subject->model.config.n_layers) ? OK : error_set(err, ERR_SYSTEM, "outliers: out of memory");
    struct probe probe = outliers_watch_probe(&w);
    for (size_t i = group * n / groups; i < (group + 1) * n / groups && status == OK; i++) {
        session_rewind(session, 0);
        status = session_run(session, sequence(e, (size_t)(subject - e->subjects), i), o->length, &probe, NULL, err);
    }
    if (status == OK) {
        outliers_watch_add(cJSON_AddObjectToObject(result, "evidence"), &w);
        cJSON_AddStringToObject(result, "output", "");
        cJSON_AddNullToObject(result, "score");
    }
    outliers_watch_free(&w);
    return status;
}

static enum status score_document(const struct experiment *e, size_t document, const struct subject *subject,
                                  struct session *session, cJSON *result, struct error *err)
{
    size_t n = ((const struct settings *)e->settings)->length;
    double *nll = mem_array(n, sizeof *nll), sum = 0;
    enum status status = nll ? score_tokens(session, sequence(e, (size_t)(subject - e->subjects), document), n, nll, err)
                             : error_set(err, ERR_SYSTEM, "outliers: out of memory");
    for (size_t i = 0; i + 1 < n && status == OK; i++)
        sum += nll[i];
    json_add_number(result, "score", sum / (double)(n - 1));
    cJSON_AddStringToObject(result, "output", "");
    cJSON_AddObjectToObject(result, "evidence");
    free(nll);
    return status;
}

static enum status run(const struct experiment *e, const void *item, const struct subject *subject, struct session *session,
                       cJSON *result, struct error *err)
{
    const struct state *s = e->state;
    const struct item *it = item;
    if (it->part == ACTIVATIONS)
        return watch_group(e, it->group, subject, session, result, err);
    session->logit_bits = it->bits < 16 ? (unsigned)it->bits : 0;
    session->logit_tensor = ((const struct settings *)e->settings)->round == ROUND_TENSOR;
    enum status status = session->logit_tensor ? session_widen(session, session->capacity, err) : OK;
    if (status != OK)
        return status;
    if (it->part == PERPLEXITY)
        return score_document(e, it->document, subject, session, result, err);
    return question_score(result, e, subject, &s->questions[it->record], &s->form, "", session, err);
}

static enum status summarize(const struct experiment *e, const cJSON *items, struct report *r, struct error *err)
{
    static const struct metric metrics[] = {{"accuracy", "score", METRIC_PROPORTION, "higher"},
                                            {"perplexity", "score", METRIC_EXP_MEAN, "lower"}};
    static const char *const dimensions[] = {"part", "bits", NULL};
    for (size_t m = 0; m < e->n_subjects && e->state != NULL; m++)
        if (passes(e, m) > 1)
            report_note(r, "%s: the text has %zu tokens and is read %.2g times, at other places each time", e->subjects[m].name,
                        ((const struct state *)e->state)->ids[m].n, passes(e, m));
    enum status status = outliers_summarize(items, r, err);
    static const char *const part[] = {"part", NULL};
    report_add_chance(r, items, "accuracy", "evidence.log_p", part);
    cJSON *places = report_places(items, dimensions), *where;
    for (size_t k = 0; k < 2; k++) {
        cJSON_ArrayForEach(where, places)
        {
            if (status == OK && strcmp(json_text(where, "part"), metrics[k].name) == 0)
                status = report_add(r, items, &metrics[k], where, err);
        }
        cJSON *curve = cJSON_CreateObject();
        cJSON_AddStringToObject(curve, "part", metrics[k].name);
        report_add_curve(r, metrics[k].name, metrics[k].name, curve, "bits", "bits of the attention logits", metrics[k].name,
                         "log");
        cJSON_Delete(curve);
    }
    cJSON_Delete(places);
    return status;
}

static const struct view VIEWS[] = {
    {"table", "top_1,top_2,top_3,top_10,top_100,median,kurtosis", "absolute activations (median within 0.4 %)", NULL, NULL},
    {"table", "accuracy", "accuracy, rounded logits", "bits", NULL},
    {"table", "perplexity", "perplexity, rounded logits", "bits", NULL},
    {"steps", "histogram", "Absolute values, counted by powers of two", NULL, NULL},
    {"lines", "accuracy", "Accuracy with rounded attention logits", NULL, NULL},
    {"lines", "perplexity", "Perplexity with rounded attention logits", NULL, NULL},
    {"bars", "top_1", "Largest absolute value of each layer", "layer", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

extern const struct task TASK_OUTLIERS;
const struct task TASK_OUTLIERS = {
    .name = "outliers",
    .summary = "largest activations, and attention logits of few bits (section 3.7)",
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
    .summary_reads_data = true,
};
