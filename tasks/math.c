/* math.c - mathematical reasoning (a later version of Ye et al. 2024, appendix): worked solutions, graded by their final answer.
 *
 * Greedy, up to a bound of new tokens; the answer is extracted, brought to a normal form
 * and compared exactly (math_answer.h).  A set is a YAML file in configs/math (math_form.h).
 */
#include "base/file.h"
#include "base/utf8.h"
#include "lm/generate.h"
#include "report/places.h"
#include "suite/prompt.h"
#include "suite/questions.h"
#include "suite/template.h"
#include "tasks/math_form.h"

#include <stdlib.h>
#include <string.h>

struct settings {
    const char *form, *data, *train, *field;
    struct sizes shots;             /* none: the form's */
    size_t samples, max_new_tokens; /* OPTION_ABSENT: the form's */
};

#define AT(member) offsetof(struct settings, member)
static const struct option_spec OPTIONS[] = {
    {"form", OPTION_STRING, "arithmetic", 0, 0, "FORM",
     "a YAML file, or one of configs/math: arithmetic (generated, comes with the program), gsm8k, math, svamp, asdiv, mawps, "
     "carp, tabmwp, college-math",
     false, AT(form)},
    {"data", OPTION_STRING, NULL, 0, 0, "FILE", "the questions, records (default: what the form names)", false, AT(data)},
    {"train", OPTION_STRING, NULL, 0, 0, "FILE",
     "where worked examples are drawn from (default: what the form names, else the questions)", false, AT(train)},
    {"field", OPTION_STRING, NULL, 0, 0, "NEW=OLD", "fields under other names, e.g. question=problem", false, AT(field)},
    {"shots", OPTION_INTS, NULL, 0, 64, "LIST", "worked examples before each question (default: what the form says)", false,
     AT(shots)},
    {"max-new-tokens", OPTION_INT, NULL, 1, 65536, "N", "bound on the output (default: what the form says)", false,
     AT(max_new_tokens)},
    {"samples", OPTION_INT, "200", 1, 10000000, "N", "questions, at most: a random sample by the seed", false, AT(samples)},
    OPTIONS_END,
};

struct item {
    const char *task, *level; /* the form's name; NULL where it has no levels */
    size_t shots, record;
};

static const struct dimension DIMENSIONS[] = {
    {"task", DIMENSION_TEXT, offsetof(struct item, task), NULL, NULL},
    {"shots", DIMENSION_SIZE, offsetof(struct item, shots), NULL, NULL},
    {"level", DIMENSION_TEXT, offsetof(struct item, level), NULL, NULL},
    {"record", DIMENSION_SIZE, offsetof(struct item, record), NULL, NULL},
    {NULL, DIMENSION_SIZE, 0, NULL, NULL},
};

/* A question with its level, NULL where the form has none. */
struct levelled {
    char *level;
    size_t record;
};

struct state {
    struct math_form form;
    struct questions asked;
    struct grader *grader;
    struct levelled *order; /* [asked.n], by level */
};

static void release(struct experiment *e)
{
    struct state *s = e->state;
    for (size_t i = 0; s->order != NULL && i < s->asked.n; i++)
        free(s->order[i].level);
    free(s->order);
    grader_free(s->grader);
    questions_free(&s->asked);
    math_form_free(&s->form);
    free(s);
}

/* Appends a template filled by a record of the data or of the worked examples. */
static enum status expand(struct text *out, const char *template, const struct dataset *d, size_t i, struct error *err)
{
    struct text name = {0};
    text_printf(&name, "%s: record %zu", d->path, i + 1);
    enum status status = template_expand(out, template, d->record[i], name.data, err);
    text_free(&name);
    return status;
}

static int by_level(const void *a, const void *b)
{
    const struct levelled *x = a, *y = b;
    int level = x->level != NULL && y->level != NULL ? strverscmp(x->level, y->level) : 0;
    return level != 0 ? level : (x->record > y->record) - (x->record < y->record);
}

/* Puts the questions in the order of their levels; that the other templates fit the records, too, is found out here and not when
 * half is done. */
static enum status order_questions(struct state *s, struct error *err)
{
    const struct math_form *f = &s->form;
    const struct dataset *d = &s->asked.data;
    enum status status = OK;
    s->order = calloc(s->asked.n + 1, sizeof *s->order);
    for (size_t i = 0; i < s->asked.n && status == OK; i++) {
        size_t record = s->asked.record[i];
        struct text level = {0}, unused = {0};
        status = f->level ? expand(&level, f->level, d, record, err) : OK;
        if (status == OK)
            status = expand(&unused, f->prompt, d, record, err);
        if (status == OK)
            status = expand(&unused, f->target, d, record, err);
        s->order[i] = (struct levelled){level.data, record};
        text_free(&unused);
    }
    if (status == OK)
        qsort(s->order, s->asked.n, sizeof *s->order, by_level);
    return status;
}

static enum status prepare(struct experiment *e, struct error *err)
{
    struct state *s = calloc(1, sizeof *s);
    const struct settings *o = e->settings;
    const struct math_form *f = &s->form;
    e->state = s;
    enum status status = math_form_load(&s->form, o->form, err);
    if (status == OK)
        status = grader_open(&s->grader, err);
    if (status == OK)
        status = questions_load(&s->asked, e,
                                &(struct question_files){f->name, f->licence, o->data, o->train, o->field, f->data, f->train},
                                o->samples, err);
    if (status == OK) {
        experiment_add_data(e, "form", o->form, f->file.sha256, 1, NULL);
        status = order_questions(s, err);
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
    for (size_t k = 0; k < (o->shots.n ? o->shots.n : 1); k++)
        for (size_t i = 0; i < s->asked.n; i++)
            plan_add(plan, &(struct item){s->form.name, s->order[i].level, o->shots.n ? o->shots.data[k] : s->form.shots,
                                          s->order[i].record});
    return OK;
}

static size_t bound(const struct experiment *e)
{
    const struct settings *o = e->settings;
    return o->max_new_tokens != OPTION_ABSENT ? o->max_new_tokens : ((const struct state *)e->state)->form.new_tokens;
}

/* The worked examples and the question, which begins at `*asked`. */
static enum status write_prompt(struct text *prompt, size_t *asked, const struct experiment *e, const struct item *it,
                                struct error *err)
{
    const struct state *s = e->state;
    const struct math_form *f = &s->form;
    const struct dataset *examples = questions_examples(&s->asked);
    size_t n, *drawn = questions_draw(&s->asked, e, it->record, it->shots, &n);
    enum status status = OK;
    for (size_t i = 0; i < n && status == OK; i++) {
        status = expand(prompt, f->prompt, examples, drawn[i], err);
        text_puts(prompt, f->delimiter);
        if (status == OK)
            status = expand(prompt, f->solution, examples, drawn[i], err);
        text_puts(prompt, f->joiner);
    }
    *asked = prompt->len;
    free(drawn);
    return status == OK ? expand(prompt, f->prompt, &s->asked.data, it->record, err) : status;
}

/* Appends its tokens. */
static enum status build_prompt(struct ids *ids, const struct experiment *e, const struct item *it, const struct subject *subject,
                                struct error *err)
{
    struct text text = {0};
    size_t asked;
    ptrdiff_t moved;
    enum status status = write_prompt(&text, &asked, e, it, err);
    if (status == OK)
        status = prompt_chat(e, subject, &text, &moved, err);
    if (status == OK)
        status = prompt_encode(e, subject, text.data, text.len, ids, err);
    text_free(&text);
    return status;
}

/* With the question marked. */
static enum status prompt(const struct experiment *e, const void *item, const struct subject *subject, cJSON *to,
                          struct error *err)
{
    struct text text = {0};
    size_t asked = 0;
    ptrdiff_t moved = 0;
    enum status status = write_prompt(&text, &asked, e, item, err);
    size_t end = text.len;
    if (status == OK)
        status = prompt_chat(e, subject, &text, &moved, err);
    prompt_tell(to, text.data, asked + (size_t)moved, end + (size_t)moved);
    text_free(&text);
    return status;
}

static size_t tokens(const struct experiment *e, const void *item)
{
    size_t most = 0;
    for (size_t m = 0; m < e->n_subjects; m++) {
        struct ids ids = {0};
        if (build_prompt(&ids, e, item, &e->subjects[m], NULL) == OK) /* else said when it runs */
            most = ids.n > most ? ids.n : most;
        ids_free(&ids);
    }
    return most + bound(e);
}

/* Where the first of the stop texts begins, looking from `from` on; NULL when there is none. */
static char *find_stop(const struct math_form *f, const char *from)
{
    char *first = NULL;
    for (size_t i = 0; i < f->n_stop; i++) {
        char *hit = strstr(from, f->stop[i]);
        first = hit != NULL && (first == NULL || hit < first) ? hit : first;
    }
    return first;
}

/* What is written so far, to end it at a stop text. */
struct writing {
    const struct math_form *form;
    const struct tokenizer *tokenizer;
    struct text text;
    bool stopped;
};

static bool on_token(void *context, int32_t id)
{
    struct writing *w = context;
    size_t length, longest = 0;
    const char *piece = tokenizer_piece(w->tokenizer, id, &length);
    for (size_t i = 0; i < w->form->n_stop; i++)
        longest = strlen(w->form->stop[i]) > longest ? strlen(w->form->stop[i]) : longest;
    size_t from = w->text.len > longest ? w->text.len - longest : 0;
    text_add(&w->text, piece, length);
    w->stopped = find_stop(w->form, w->text.data + from) != NULL;
    return !w->stopped;
}

/* Sets what follows from the output: the score, the answer and where it was found. */
static enum status grade(const struct state *s, const char *output, size_t record, cJSON *result, cJSON *evidence,
                         struct error *err)
{
    static const enum answer_kind reference[] = {ANSWER_BOXED, ANSWER_HASHES, ANSWER_WHOLE};
    struct text target = {0}, answer = {0}, right = {0}, normal = {0};
    enum status status = expand(&target, s->form.target, &s->asked.data, record, err);
    if (status == OK) {
        grader_extract(s->grader, &answer, target.data, reference, 3);
        grader_normalise(s->grader, &right, answer.data);
        enum answer_kind kind = grader_extract(s->grader, &answer, output, s->form.extract, s->form.n_extract);
        grader_normalise(s->grader, &normal, answer.data);
        bool answered = kind != N_ANSWER_KINDS && normal.len > 0;
        cJSON_AddStringToObject(evidence, "found", answered ? ANSWER_KINDS[kind] : "none");
        cJSON_AddStringToObject(evidence, "answer", answer.data);
        cJSON_AddStringToObject(evidence, "normal", normal.data);
        cJSON_AddStringToObject(evidence, "target", right.data);
        json_add_number(evidence, "unanswered", !answered);
        json_add_number(result, "score", answered && answers_equal(normal.data, right.data));
    }
    text_free(&target);
    text_free(&answer);
    text_free(&right);
    text_free(&normal);
    return status;
}

static enum status run(const struct experiment *e, const void *item, const struct subject *subject, struct session *session,
                       cJSON *result, struct error *err)
{
    const struct state *s = e->state;
    const struct item *it = item;
    struct ids given = {0}, out = {0};
    struct sampling greedy = {0};
    struct writing w = {.form = &s->form, .tokenizer = subject->tokenizer};
    struct text output = {0};
    enum status status = build_prompt(&given, e, it, subject, err);
    if (status == OK)
        status = generate(session, given.data, given.n, bound(e), &greedy, NULL, &out, on_token, &w, err);
    if (status == OK)
        status = tokenizer_decode(subject->tokenizer, out.data, out.n, false, &output, err);
    if (status == OK) {
        text_puts(&output, "");
        char *stop = find_stop(&s->form, output.data);
        if (stop != NULL)
            *stop = '\0';
        utf8_mend(output.data);
        cJSON_AddStringToObject(result, "output", output.data);
        cJSON *evidence = cJSON_AddObjectToObject(result, "evidence");
        json_add_number(evidence, "prompt_tokens", (double)given.n);
        json_add_number(evidence, "tokens", (double)out.n);
        json_add_number(evidence, "at_bound", out.n == bound(e) && !w.stopped);
        status = grade(s, output.data, it->record, result, evidence, err);
    }
    text_free(&output);
    text_free(&w.text);
    ids_free(&given);
    ids_free(&out);
    return status;
}

/* Another form's extraction on the stored output. */
static enum status rescore(const struct experiment *e, const void *item, cJSON *result, struct error *err)
{
    static const char *const old[] = {"found", "answer", "normal", "target", "unanswered"};
    const struct state *s = e->state;
    const struct item *it = item;
    cJSON *evidence = cJSON_GetObjectItemCaseSensitive(result, "evidence");
    const char *output = json_text(result, "output");
    if (output == NULL || evidence == NULL || it->record >= s->asked.data.n)
        return error_set(err, ERR_INPUT, "item 'record=%zu': does not fit %s, expected the data of the report", it->record,
                         s->asked.data.path);
    for (size_t i = 0; i < sizeof old / sizeof *old; i++)
        cJSON_DeleteItemFromObjectCaseSensitive(evidence, old[i]);
    cJSON_DeleteItemFromObjectCaseSensitive(result, "score");
    return grade(s, output, it->record, result, evidence, err);
}

static enum status summarize(const struct experiment *e, const cJSON *items, struct report *r, struct error *err)
{
    (void)e;
    static const struct metric metrics[] = {{"accuracy", "score", METRIC_PROPORTION, "higher"},
                                            {"output_tokens", "evidence.tokens", METRIC_AMOUNT, NULL},
                                            {"at_bound", "evidence.at_bound", METRIC_PROPORTION, "lower"},
                                            {"unanswered", "evidence.unanswered", METRIC_PROPORTION, "lower"}};
    static const char *const levels[] = {"task", "shots", "level", NULL}, *const all[] = {"task", "shots", NULL};
    const size_t n = sizeof metrics / sizeof *metrics;
    enum status status = report_add_places(r, items, metrics, n, levels, err);
    return status == OK ? report_add_places(r, items, metrics, n, all, err) : status;
}

static const struct view VIEWS[] = {
    {"table", "accuracy", "right answers", "level", NULL},
    {"table", "accuracy,output_tokens,at_bound,unanswered",
     "right answers, tokens of an output, outputs that the bound cut and those without an answer", NULL, NULL},
    {"bars", "accuracy", "Right answers, by level", "level", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

extern const struct task TASK_MATH;
const struct task TASK_MATH = {
    .name = "math",
    .summary = "mathematical reasoning: worked solutions graded by their final answer (appendix of the later version)",
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
    .rescore_reads_data = true,
};
