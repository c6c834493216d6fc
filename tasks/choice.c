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
    {"train", OPTION_STRING, NULL, 0, 0, "FILE",
     "where worked examples are drawn from (default: what the form names, else the questions)", false, AT(train)},
    {"field", OPTION_STRING, NULL, 0, 0, "NEW=OLD", "fields under other names, e.g. goal=question", false, AT(field)},
    {"shots", OPTION_INTS, "0", 0, 64, "LIST", "worked examples before each question", false, AT(shots)},
    {"samples", OPTION_INT, "300", 1, 10000000, "N", "questions, at most: a random sample by the seed", false, AT(samples)},
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
    struct question *questions; /* [data.n]; those that are asked are there */
    size_t *record, n;          /* [n] the records that are asked, ascending */
};

static void release(struct experiment *e)
{
    struct state *s = e->state;
    for (size_t i = 0; s->questions != NULL && i < s->data.n; i++)
        question_free(&s->questions[i]);
    free(s->questions);
    free(s->record);
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
    if (status == OK) {
        experiment_add_data(e, s->form.name, given ? given : s->form.data, s->data.sha256, s->data.n, s->form.licence);
        experiment_add_data(e, "form", o->form, s->form.sha256, 1, NULL);
    }
    char *examples = train ? strdup(train) : s->form.train ? embedded_path(s->form.train) : NULL;
    if (status == OK && examples != NULL) {
        status = dataset_load(&s->train, examples, fields, err);
        if (status == OK)
            experiment_add_data(e, "train", train ? train : s->form.train, s->train.sha256, s->train.n, NULL);
    }
    free(examples);
    return status;
}

/* Fewer than all: a sample that the seed draws, in the order of the file. */
static enum status choose_records(const struct experiment *e, struct state *s, struct error *err)
{
    const struct settings *o = e->settings;
    s->record = mem_array(s->data.n + 1, sizeof *s->record);
    if (s->record == NULL)
        return error_set(err, ERR_SYSTEM, "choice: out of memory");
    struct rng rng = rng_stream(e->seed, "choice questions", 0);
    for (size_t i = 0, wanted = o->samples < s->data.n ? o->samples : s->data.n; i < s->data.n && s->n < wanted; i++)
        if (rng_below(&rng, s->data.n - i) < wanted - s->n)
            s->record[s->n++] = i;
    return OK;
}

/* Where the worked examples come from, and how many there are for a question: never the question itself. */
static const struct dataset *examples_of(const struct state *s)
{
    return s->train.n ? &s->train : &s->data;
}

static bool is_example(const struct state *s, size_t example, size_t record)
{
    const struct dataset *d = examples_of(s);
    return d == &s->data ? example != record : !cJSON_Compare(d->record[example], s->data.record[record], true);
}

/* The most examples that every question can have. */
static size_t most_shots(const struct state *s)
{
    const struct dataset *d = examples_of(s);
    size_t same = 0;
    for (size_t i = 0; d != &s->data && i < s->n && same == 0; i++)
        for (size_t k = 0; k < d->n && same == 0; k++)
            same = !is_example(s, k, s->record[i]);
    return d->n - (d == &s->data ? 1 : same);
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
    if (status == OK)
        status = choose_records(e, s, err);
    if (status == OK && (s->questions = calloc(s->data.n + 1, sizeof *s->questions)) == NULL)
        status = error_set(err, ERR_SYSTEM, "choice: out of memory");
    for (size_t i = 0; status == OK && i < s->n; i++)
        status = make_question(&s->questions[s->record[i]], s, &s->data, s->record[i], err);
    for (size_t k = 0; status == OK && k < o->shots.n; k++)
        if (o->shots.data[k] > most_shots(s))
            experiment_note(e, "%s: shots %zu: there are %zu worked examples, each question has those", s->form.name,
                            o->shots.data[k], most_shots(s));
    return status;
}

static enum status plan(const struct experiment *e, struct plan *plan, struct error *err)
{
    const struct state *s = e->state;
    const struct settings *o = e->settings;
    (void)err;
    for (size_t k = 0; k < o->shots.n; k++)
        for (size_t i = 0; i < s->n; i++)
            plan_add(plan, &(struct item){s->form.name, o->shots.data[k], s->record[i]});
    return OK;
}

/* Different records of the training file (never the question itself), each with its right answer. */
static enum status add_shots(struct text *out, const struct experiment *e, size_t record, size_t shots, struct error *err)
{
    const struct state *s = e->state;
    const struct dataset *d = examples_of(s);
    struct rng rng = rng_stream(e->seed, "choice shots", record);
    size_t *order = mem_array(d->n, sizeof *order);
    enum status status = order && text_puts(out, "") ? OK : error_set(err, ERR_SYSTEM, "choice: out of memory");
    if (status == OK && shots > 0)
        rng_permutation(&rng, order, d->n);
    for (size_t i = 0, used = 0; status == OK && used < shots && i < d->n; i++) {
        struct question q;
        if (!is_example(s, order[i], record))
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
    struct text prefix = {0};
    add_shots(&prefix, e, it->record, it->shots, NULL);
    size_t longest = question_tokens(e, &s->questions[it->record], &s->form, prefix.data ? prefix.data : "");
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
        status = question_score(result, e, subject, &s->questions[it->record], &s->form, prefix.data, session, err);
    text_free(&prefix);
    return status;
}

static enum status summarize(const struct experiment *e, const cJSON *items, struct report *r, struct error *err)
{
    static const struct metric metrics[] = {{"accuracy", "score", METRIC_PROPORTION, "higher"},
                                            {"acc", "evidence.acc", METRIC_PROPORTION, "higher"},
                                            {"acc_norm", "evidence.acc_norm", METRIC_PROPORTION, "higher"},
                                            {"acc_bytes", "evidence.acc_bytes", METRIC_PROPORTION, "higher"}};
    static const char *const dimensions[] = {"task", "shots", NULL};
    return report_add_places(r, e, items, metrics, sizeof metrics / sizeof *metrics, dimensions, err);
}

static const struct view VIEWS[] = {
    {"table", "accuracy", "accuracy, by the measure that the set is known by", "shots", NULL},
    {"table", "acc,acc_norm,acc_bytes", "accuracy: by the sum, a character, a byte", NULL, NULL},
    {"bars", "accuracy", "Accuracy, by worked examples", "shots", NULL},
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
