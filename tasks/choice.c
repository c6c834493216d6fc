/* choice.c - zero- and few-shot multiple choice (Ye et al. 2024, section 3.1, table 1), scored as the LM Evaluation Harness does.
 *
 * A task is a YAML file in configs/choice: what of a record is the context, the
 * choices and the right one.
 */
#include "report/places.h"
#include "suite/dataset.h"
#include "tasks/choice_score.h"

#include <stdlib.h>
#include <string.h>

struct settings {
    const char *form, *data, *train, *field;
    struct sizes shots;
    size_t samples;
};

#define AT(member) offsetof(struct settings, member)
static const struct option_spec OPTIONS[] = {
    {"form", OPTION_STRING, "reading", 0, 0, "NAME",
     "a YAML file, or one of configs/choice: reading (generated, comes with the program), arc-easy, arc-challenge, boolq, "
     "hellaswag, openbookqa, piqa, winogrande",
     false, AT(form)},
    {"data", OPTION_STRING, NULL, 0, 0, "FILE", "the questions, records (default: what the task names)", false, AT(data)},
    {"train", OPTION_STRING, NULL, 0, 0, "FILE", "where worked examples are drawn from (default: the questions)", false,
     AT(train)},
    {"field", OPTION_STRING, NULL, 0, 0, "NEW=OLD", "fields under other names, e.g. goal=question", false, AT(field)},
    {"shots", OPTION_INTS, "0", 0, 64, "LIST", "worked examples before each question", false, AT(shots)},
    {"samples", OPTION_INT, "300", 1, 10000000, "N", "questions, at most: the first ones", false, AT(samples)},
    OPTIONS_END,
};

struct item {
    const char *task; /* the form's name */
    size_t shots, record;
};

static const struct dimension DIMENSIONS[] = {
    {"task", DIMENSION_TEXT, offsetof(struct item, task), NULL, NULL},
    {"shots", DIMENSION_SIZE, offsetof(struct item, shots), NULL, NULL},
    {"record", DIMENSION_SIZE, offsetof(struct item, record), NULL, NULL},
    {NULL, DIMENSION_SIZE, 0, NULL, NULL},
};

struct state {
    struct choice_form form;
    struct dataset data, train;
    struct question *questions; /* [n] */
    size_t n;
};

static void release(struct experiment *e)
{
    struct state *s = e->state;
    for (size_t i = 0; s->questions != NULL && i < s->n; i++)
        question_free(&s->questions[i]);
    free(s->questions);
    dataset_free(&s->data);
    dataset_free(&s->train);
    choice_form_free(&s->form);
    free(s);
}

static enum status make_question(struct question *q, const struct state *s, const struct dataset *d, size_t i, struct error *err)
{
    struct text name = {0};
    text_printf(&name, "%s: record %zu", d->path, i + 1);
    enum status status = question_make(q, &s->form, d->record[i], name.data ? name.data : d->path, err);
    text_free(&name);
    return status;
}

static enum status load_data(struct experiment *e, struct state *s, struct error *err)
{
    const struct settings *o = e->settings;
    const char *given = o->data, *train = o->train, *fields = o->field;
    if (given == NULL && s->form.data == NULL)
        return error_set(err, ERR_USAGE, "--data: is missing, expected the records of %s as JSON lines", s->form.name);
    char *path = given ? strdup(given) : embedded_path(s->form.data);
    enum status status = path ? dataset_load(&s->data, path, fields, err) : error_set(err, ERR_SYSTEM, "choice: out of memory");
    free(path);
    if (status == OK)
        experiment_add_data(e, s->form.name, given ? given : s->form.data, s->data.sha256, s->data.n, s->form.licence);
    if (status == OK && train != NULL) {
        status = dataset_load(&s->train, train, fields, err);
        if (status == OK)
            experiment_add_data(e, "train", train, s->train.sha256, s->train.n, NULL);
    }
    return status;
}

static enum status prepare(struct experiment *e, struct error *err)
{
    struct state *s = calloc(1, sizeof *s);
    if (s == NULL)
        return error_set(err, ERR_SYSTEM, "choice: out of memory");
    e->state = s;
    const struct settings *o = e->settings;
    enum status status = choice_form_load(&s->form, o->form, err);
    if (status == OK)
        status = load_data(e, s, err);
    size_t wanted = s->data.n < o->samples ? s->data.n : o->samples;
    if (status == OK && (s->questions = calloc(wanted, sizeof *s->questions)) == NULL)
        status = error_set(err, ERR_SYSTEM, "choice: out of memory");
    for (; status == OK && s->n < wanted; s->n++)
        status = make_question(&s->questions[s->n], s, &s->data, s->n, err);
    return status;
}

static enum status plan(const struct experiment *e, struct plan *plan, struct error *err)
{
    const struct state *s = e->state;
    const struct settings *o = e->settings;
    (void)err;
    for (size_t k = 0; k < o->shots.n; k++)
        for (size_t i = 0; i < s->n; i++)
            plan_add(plan, &(struct item){s->form.name, o->shots.data[k], i});
    return OK;
}

/* Different records of the training file (never the question itself), each with its right answer. */
static enum status add_shots(struct text *out, const struct experiment *e, size_t record, size_t shots, struct error *err)
{
    const struct state *s = e->state;
    const struct dataset *d = s->train.n ? &s->train : &s->data;
    struct rng rng = rng_stream(e->seed, "choice shots", record);
    size_t *order = mem_array(d->n, sizeof *order);
    enum status status = order && text_puts(out, "") ? OK : error_set(err, ERR_SYSTEM, "choice: out of memory");
    if (status == OK && shots > 0)
        rng_permutation(&rng, order, d->n);
    for (size_t i = 0, used = 0; status == OK && used < shots && i < d->n; i++) {
        struct question q;
        if (d == &s->data && order[i] == record)
            continue;
        status = make_question(&q, s, d, order[i], err);
        if (status == OK) {
            text_printf(out, "%s%s%s\n\n", q.context[q.target].data, s->form.delimiter, q.continuation[q.target].data);
            question_free(&q);
            used++;
        }
    }
    free(order);
    return status;
}

static size_t tokens(const struct experiment *e, const void *item)
{
    const struct state *s = e->state;
    const struct item *it = item;
    size_t record = it->record, longest = 0;
    struct text prefix = {0};
    add_shots(&prefix, e, record, it->shots, NULL);
    for (size_t i = 0; i < s->questions[record].n; i++) { /* a token is a byte at least */
        size_t n = s->questions[record].context[i].len + s->questions[record].continuation[i].len;
        longest = n > longest ? n : longest;
    }
    longest += prefix.len + 16;
    text_free(&prefix);
    return longest;
}

static enum status run(const struct experiment *e, const void *item, const struct subject *subject, struct session *session,
                       cJSON *result, struct error *err)
{
    const struct state *s = e->state;
    const struct item *it = item;
    struct text prefix = {0};
    enum status status = add_shots(&prefix, e, it->record, it->shots, err);
    if (status == OK)
        status =
            question_score(result, &s->questions[it->record], prefix.data, s->form.delimiter, subject->tokenizer, session, err);
    text_free(&prefix);
    return status;
}

static enum status summarize(const struct experiment *e, const cJSON *items, struct report *r, struct error *err)
{
    static const struct metric metrics[] = {{"acc", "score", METRIC_PROPORTION, "higher"},
                                            {"acc_norm", "evidence.acc_norm", METRIC_PROPORTION, "higher"}};
    static const char *const dimensions[] = {"task", "shots", NULL};
    return report_add_places(r, e, items, metrics, sizeof metrics / sizeof *metrics, dimensions, err);
}

static const struct view VIEWS[] = {
    {"table", "acc,acc_norm", "accuracy", NULL, NULL},
    {"bars", "acc", "Accuracy, by worked examples", "shots", NULL},
    {"bars", "acc_norm", "Accuracy by log-probability a byte, by worked examples", "shots", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

extern const struct task TASK_CHOICE;
const struct task TASK_CHOICE = {
    .name = "choice",
    .summary = "multiple choice, zero- and few-shot, as the LM Evaluation Harness scores it (section 3.1)",
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
};
