/* choice.c - zero- and few-shot multiple choice (Ye et al. 2024, section 3.1, table 1), scored as the LM Evaluation Harness does.
 *
 * A task is a YAML file in configs/choice: what of a record is the context, the
 * choices and the right one.
 */
#include "report/places.h"
#include "suite/questions.h"
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
    {"form", OPTION_STRING, "reading", 0, 0, "FORM",
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
    struct questions asked;
    struct question *questions; /* [asked.data.n]; those that are asked are there */
};

static void release(struct experiment *e)
{
    struct state *s = e->state;
    for (size_t i = 0; s->questions != NULL && i < s->asked.data.n; i++)
        question_free(&s->questions[i]);
    free(s->questions);
    questions_free(&s->asked);
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

static enum status prepare(struct experiment *e, struct error *err)
{
    struct state *s = calloc(1, sizeof *s);
    if (s == NULL)
        return error_set(err, ERR_SYSTEM, "choice: out of memory");
    e->state = s;
    const struct settings *o = e->settings;
    enum status status = choice_form_load(&s->form, o->form, err);
    const struct choice_form *f = &s->form;
    if (status == OK)
        status = questions_load(&s->asked, e,
                                &(struct question_files){f->name, f->licence, o->data, o->train, o->field, f->data, f->train},
                                o->samples, err);
    if (status == OK) {
        experiment_add_data(e, "form", o->form, f->file.sha256, 1, NULL);
        s->questions = calloc(s->asked.data.n + 1, sizeof *s->questions);
    }
    for (size_t i = 0, r; status == OK && i < s->asked.n; i++) {
        r = s->asked.record[i];
        status = make_question(&s->questions[r], s, &s->asked.data, r, err);
    }
    if (status == OK)
        questions_note_shots(&s->asked, e, f->name, &o->shots);
    return status;
}

static enum status plan(const struct experiment *e, struct plan *plan, struct error *err)
{
    const struct state *s = e->state;
    const struct settings *o = e->settings;
    (void)err;
    for (size_t k = 0; k < o->shots.n; k++)
        for (size_t i = 0; i < s->asked.n; i++)
            plan_add(plan, &(struct item){s->form.name, o->shots.data[k], s->asked.record[i]});
    return OK;
}

/* Worked examples, each with its right answer. */
static enum status add_shots(struct text *out, const struct experiment *e, size_t record, size_t shots, struct error *err)
{
    const struct state *s = e->state;
    size_t n, *drawn = questions_draw(&s->asked, e, record, shots, &n);
    enum status status = OK;
    text_puts(out, "");
    for (size_t i = 0; i < n && status == OK; i++) {
        struct question q;
        status = make_question(&q, s, questions_examples(&s->asked), drawn[i], err);
        if (status != OK)
            break;
        text_printf(out, "%s%s%s\n\n", q.context[q.target].data, s->form.delimiter, q.continuation[q.target].data);
        question_free(&q);
    }
    free(drawn);
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

/* Worked examples, then each choice after what stands before it. */
static enum status prompt(const struct experiment *e, const void *item, const struct subject *subject, cJSON *to,
                          struct error *err)
{
    const struct state *s = e->state;
    const struct item *it = item;
    const struct question *q = &s->questions[it->record];
    struct text text = {0};
    size_t from = 0, end = 0;
    (void)subject;
    enum status status = add_shots(&text, e, it->record, it->shots, err);
    for (size_t i = 0; i < q->n && status == OK; i++) {
        if (i == 0 || strcmp(q->context[i].data, q->context[i - 1].data) != 0)
            text_printf(&text, "%s%s", i > 0 ? "\n" : "", q->context[i].data);
        size_t begin = text.len + 3;
        text_printf(&text, "\n%c %s", i == q->target ? '>' : '-', q->continuation[i].data);
        if (i == q->target) {
            from = begin;
            end = text.len;
        }
    }
    prompt_tell(to, text.data, from, end);
    text_free(&text);
    return status;
}

static enum status summarize(const struct experiment *e, const cJSON *items, struct report *r, struct error *err)
{
    (void)e;
    static const struct metric metrics[] = {{"accuracy", "score", METRIC_PROPORTION, "higher"},
                                            {"acc", "evidence.acc", METRIC_PROPORTION, "higher"},
                                            {"acc_norm", "evidence.acc_norm", METRIC_PROPORTION, "higher"},
                                            {"acc_bytes", "evidence.acc_bytes", METRIC_PROPORTION, "higher"}};
    static const char *const dimensions[] = {"task", "shots", NULL}, *const task[] = {"task", NULL};
    report_add_chance(r, items, "accuracy", "evidence.log_p", task);
    return report_add_places(r, items, metrics, sizeof metrics / sizeof *metrics, dimensions, err);
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
    .prompt = prompt,
    .summarize = summarize,
};
