/* icl.c - many-shot in-context learning and its robustness (Ye et al. 2024, section 3.5).
 *
 * After Bertsch et al. 2024: labelled demonstrations, then a text whose label
 * is decoded from the trie of all labels.  The demonstrations pass once and
 * serve every test text.  Accuracy against the number of demonstrations, and its
 * spread over orders of the same ones.
 */
#include "tasks/icl_score.h"
#include "tasks/icl_summary.h"

#include <stdlib.h>
#include <string.h>

struct settings {
    const char *form, *data, *test, *field;
    size_t length, orders, samples;
    struct sizes shots;
    unsigned arrangements; /* a bit for each of enum arrangement */
    unsigned decode;
};
enum decode { DECODE_GREEDY, DECODE_TOTAL };

#define AT(member) offsetof(struct settings, member)
static const struct option_spec OPTIONS[] = {
    {"form", OPTION_STRING, "plain", 0, 0, "FORM",
     "how texts and labels are put: a YAML file, or one of configs/icl: plain, trec, trec-fine, banking77, clinc150", false,
     AT(form)},
    {"data", OPTION_STRING, NULL, 0, 0, "FILE",
     "demonstrations: records with `text` and `label` (default: a generated set that comes with the program)", false, AT(data)},
    {"test", OPTION_STRING, NULL, 0, 0, "FILE", "test texts (default: --data with `train` in its name replaced by `test`)", false,
     AT(test)},
    {"field", OPTION_STRING, NULL, 0, 0, "NEW=OLD", "fields under other names, e.g. label=label_fine", false, AT(field)},
    {"length", OPTION_INT, "1024", 64, 4194304, "N", "tokens of the prompt at most", false, AT(length)},
    {"shots", OPTION_INTS, "1,4,16,1000", 0, 1000000, "LIST",
     "demonstrations; a number that does not fit becomes the largest that does", false, AT(shots)},
    {"orders", OPTION_INT, "4", 1, 1000, "N", "orders of the largest number of demonstrations", false, AT(orders)},
    {"arrangement", OPTION_CHOICES, "random,alternate", 0, 0, "random|alternate",
     "how the demonstrations stand: in random order, or the classes in turn", false, AT(arrangements)},
    {"decode", OPTION_CHOICE, "greedy", 0, 0, "greedy|total",
     "the label token by token, or the one of the largest total log-probability", false, AT(decode)},
    {"samples", OPTION_INT, "100", 1, 10000000, "N", "test texts, at most: a fixed random subset", false, AT(samples)},
    OPTIONS_END,
};
#define ARRANGEMENTS ICL_ARRANGEMENTS

struct item {
    size_t shots, arrangement, order;
};

static const struct dimension DIMENSIONS[] = {
    {"shots", DIMENSION_SIZE, offsetof(struct item, shots), NULL, NULL},
    {"arrangement", DIMENSION_NAME, offsetof(struct item, arrangement), ARRANGEMENTS, NULL},
    {"order", DIMENSION_SIZE, offsetof(struct item, order), NULL, NULL},
    {NULL, DIMENSION_SIZE, 0, NULL, NULL},
};

struct state {
    struct icl_form form;
    struct dataset train_data, test_data;
    struct labelled train, test;
    size_t *chosen, n_chosen;       /* test texts */
    size_t n_labels, most_frequent; /* different labels of the chosen texts; how many have the most frequent one */
    size_t *shots, n_shots;         /* ascending, those that fit */
    size_t n_subjects;
    struct label_trie *tries; /* [n_subjects] */
};

static void release(struct experiment *e)
{
    struct state *s = e->state;
    for (size_t i = 0; s->tries != NULL && i < s->n_subjects; i++)
        label_trie_free(&s->tries[i]);
    free(s->tries);
    free(s->chosen);
    free(s->shots);
    labelled_free(&s->train);
    labelled_free(&s->test);
    dataset_free(&s->train_data);
    dataset_free(&s->test_data);
    icl_form_free(&s->form);
    free(s);
}

/* --test, or the name of --data with "train" replaced by "test". */
static char *test_path(const char *given, const char *train)
{
    const char *slash = strrchr(train, '/'), *hit = strstr(slash ? slash : train, "train");
    struct text path = {0};
    if (given != NULL)
        return strdup(given);
    if (hit == NULL)
        return strdup(train);
    text_printf(&path, "%.*stest%s", (int)(hit - train), train, hit + 5);
    return path.data;
}

static enum status load(struct experiment *e, struct state *s, struct error *err)
{
    const struct settings *o = e->settings;
    const char *fields = o->field ? o->field : s->form.fields, *given = o->data;
    char *train = experiment_data_path(given, "data/icl/topics-train.jsonl");
    char *test = train ? test_path(o->test, train) : NULL;
    enum status status =
        test ? dataset_load(&s->train_data, train, fields, err) : error_set(err, ERR_SYSTEM, "icl: out of memory");
    if (status == OK && strcmp(train, test) == 0)
        status = error_set(err, ERR_USAGE, "--test: is missing, expected the test texts that go with %s", train);
    if (status == OK)
        status = dataset_load(&s->test_data, test, fields, err);
    if (status == OK)
        status = labelled_read(&s->train, &s->train_data, &s->form, NULL, err);
    if (status == OK)
        status = labelled_read(&s->test, &s->test_data, &s->form, &s->train, err);
    if (status == OK && s->train.n_labels < 2)
        status = error_set(err, ERR_INPUT, "%s: has one label only, expected two or more", train);
    if (status == OK) {
        experiment_add_data(e, "form", o->form, s->form.file.sha256, 1, NULL);
        const char *licence = given ? NULL : "public domain (generated)";
        experiment_add_data(e, "demonstrations", given ? train : "data/icl/topics-train.jsonl", s->train_data.sha256,
                            s->train_data.n, licence);
        experiment_add_data(e, "test", given ? test : "data/icl/topics-test.jsonl", s->test_data.sha256, s->test_data.n, licence);
    }
    free(train);
    free(test);
    return status;
}

static enum status count_tokens(size_t *n, const struct tokenizer *t, const char *text, size_t length, struct error *err)
{
    struct ids ids = {0};
    enum status status = tokenizer_encode(t, text, length, false, &ids, err);
    *n = ids.n;
    ids_free(&ids);
    return status;
}

/* How many demonstrations fit beside the longest test text and label, for every model. */
static enum status largest_fit(const struct experiment *e, const struct state *s, size_t *fit, struct error *err)
{
    size_t length = ((const struct settings *)e->settings)->length, *order = mem_array(s->train.n, sizeof *order);
    enum status status = order && icl_order(order, &s->train, s->train.n, ARRANGE_RANDOM, 0, e->seed)
                             ? OK
                             : error_set(err, ERR_SYSTEM, "icl: out of memory");
    *fit = s->train.n;
    for (size_t m = 0; m < e->n_subjects && status == OK; m++) {
        const struct tokenizer *t = e->subjects[m].tokenizer;
        size_t tail = 0, used = 16, n, k = 0; /* the margin: a token more or less where demonstrations meet in another order */
        for (size_t i = 0; i < s->n_chosen && status == OK; i++) {
            struct text test = {0};
            icl_form_write(&test, &s->form, s->test.text[s->chosen[i]], NULL);
            status = count_tokens(&n, t, test.data ? test.data : "", test.len, err);
            text_free(&test);
            tail = n + 4 > tail ? n + 4 : tail;
        }
        for (size_t i = 0; i < s->tries[m].n; i++)
            used = s->tries[m].sequences[i].n + 16 > used ? s->tries[m].sequences[i].n + 16 : used;
        for (; k < *fit && status == OK; k++) {
            struct text demo = {0};
            icl_demonstrations(&demo, &s->train, &s->form, order + k, 1);
            status = count_tokens(&n, t, demo.data, demo.len, err);
            text_free(&demo);
            if (used + tail + n > length)
                break;
            used += n;
        }
        *fit = k;
    }
    free(order);
    return status;
}

static enum status choose_shots(const struct experiment *e, struct state *s, struct error *err)
{
    const struct sizes *wanted = &((const struct settings *)e->settings)->shots;
    size_t fit = 0;
    enum status status = largest_fit(e, s, &fit, err);
    s->shots = mem_array(wanted->n, sizeof *s->shots);
    if (status == OK && s->shots == NULL)
        status = error_set(err, ERR_SYSTEM, "icl: out of memory");
    for (size_t i = 0; i < wanted->n; i++) {
        size_t k = wanted->data[i] < fit ? wanted->data[i] : fit;
        if (status == OK && s->n_shots > 0 && wanted->data[i] < s->shots[s->n_shots - 1])
            status = error_set(err, ERR_USAGE, "--shots: is not ascending, expected numbers such as 1,4,16");
        if (status == OK && (s->n_shots == 0 || k > s->shots[s->n_shots - 1]))
            s->shots[s->n_shots++] = k;
    }
    return status;
}

static bool count_labels(struct state *s)
{
    size_t *count = mem_array(s->train.n_labels, sizeof *count);
    for (size_t i = 0; count != NULL && i < s->n_chosen; i++) {
        size_t n = ++count[s->test.label[s->chosen[i]]];
        s->n_labels += n == 1;
        s->most_frequent = n > s->most_frequent ? n : s->most_frequent;
    }
    free(count);
    return count != NULL;
}

static enum status prepare(struct experiment *e, struct error *err)
{
    struct state *s = calloc(1, sizeof *s);
    if (s == NULL)
        return error_set(err, ERR_SYSTEM, "icl: out of memory");
    e->state = s;
    s->n_subjects = e->n_subjects;
    enum status status = icl_form_load(&s->form, ((const struct settings *)e->settings)->form, err);
    if (status == OK)
        status = load(e, s, err);
    if (status != OK)
        return status;
    size_t wanted = ((const struct settings *)e->settings)->samples;
    struct rng rng = rng_stream(e->seed, "icl test texts", 0);
    s->chosen = mem_array(s->test.n, sizeof *s->chosen);
    s->tries = calloc(e->n_subjects, sizeof *s->tries);
    if (s->chosen == NULL || s->tries == NULL)
        return error_set(err, ERR_SYSTEM, "icl: out of memory");
    rng_permutation(&rng, s->chosen, s->test.n);
    s->n_chosen = s->test.n < wanted ? s->test.n : wanted;
    if (!count_labels(s))
        return error_set(err, ERR_SYSTEM, "icl: out of memory");
    for (size_t m = 0; m < e->n_subjects && status == OK; m++)
        status = icl_trie(&s->tries[m], &s->train, &s->form, e->subjects[m].tokenizer, err);
    return status == OK ? choose_shots(e, s, err) : status;
}

static enum status plan(const struct experiment *e, struct plan *plan, struct error *err)
{
    const struct state *s = e->state;
    const struct settings *o = e->settings;
    (void)err;
    for (size_t a = 0; ARRANGEMENTS[a] != NULL; a++)
        for (size_t i = 0; (o->arrangements >> a & 1) && i < s->n_shots; i++)
            for (size_t k = 0; k < (i + 1 == s->n_shots ? o->orders : 1); k++)
                plan_add(plan, &(struct item){s->shots[i], a, k});
    return OK;
}

static size_t tokens(const struct experiment *e, const void *item)
{
    (void)item;
    return ((const struct settings *)e->settings)->length + 64;
}

static enum status write_demonstrations(struct shown *d, const struct experiment *e, const struct item *it,
                                        const struct subject *subject, struct error *err)
{
    const struct state *s = e->state;
    *d = (struct shown){.e = e, .subject = subject, .form = &s->form};
    return shown_write(d, &s->train, it->shots, (enum arrangement)it->arrangement, it->order, err);
}

/* The demonstrations, which all test texts follow, and the first of those, marked. */
static enum status prompt(const struct experiment *e, const void *item, const struct subject *subject, cJSON *to,
                          struct error *err)
{
    const struct state *s = e->state;
    struct shown d;
    enum status status = write_demonstrations(&d, e, item, subject, err);
    size_t from = d.text.len;
    if (status == OK && !icl_form_write(&d.text, &s->form, s->test.text[s->chosen[0]], NULL))
        status = error_set(err, ERR_SYSTEM, "icl: out of memory");
    prompt_tell(to, d.text.data, from, d.text.len);
    shown_free(&d);
    return status;
}

static enum status run(const struct experiment *e, const void *item, const struct subject *subject, struct session *session,
                       cJSON *result, struct error *err)
{
    const struct state *s = e->state;
    const struct label_trie *trie = &s->tries[subject - e->subjects];
    float *logits = mem_array(subject->model.config.vocab_size, sizeof *logits);
    bool *used = mem_array(s->train.n_labels, sizeof *used);
    struct shown d;
    const bool total = ((const struct settings *)e->settings)->decode == DECODE_TOTAL;
    size_t right = 0, n_used = 0;
    enum status status = write_demonstrations(&d, e, item, subject, err);
    if (logits == NULL || used == NULL)
        status = error_set(err, ERR_SYSTEM, "icl: out of memory");
    if (status == OK)
        status = shown_run(&d, session, err);
    cJSON *evidence = cJSON_CreateObject();
    cJSON *predicted = cJSON_AddArrayToObject(evidence, "predicted"), *correct = cJSON_AddArrayToObject(evidence, "correct");
    for (size_t i = 0; i < s->n_chosen && status == OK; i++) {
        size_t label = 0;
        status = icl_classify(&label, &d, s->test.text[s->chosen[i]], trie, total, session, logits, err);
        bool hit = label == s->test.label[s->chosen[i]];
        cJSON_AddItemToArray(predicted, cJSON_CreateString(s->train.labels[label]));
        cJSON_AddItemToArray(correct, cJSON_CreateNumber(hit));
        right += hit;
        n_used += !used[label];
        used[label] = true;
    }
    json_add_number(evidence, "prompt_tokens", (double)d.ids.n);
    json_add_number(evidence, "labels_used", (double)n_used / (double)s->n_labels);
    json_add_number(result, "score", (double)right / (double)s->n_chosen);
    cJSON_AddStringToObject(result, "output", "");
    cJSON_AddItemToObject(result, "evidence", evidence);
    free(logits);
    free(used);
    shown_free(&d);
    return status;
}

static enum status summarize(const struct experiment *e, const cJSON *items, struct report *r, struct error *err)
{
    const struct state *s = e->state;
    if (s != NULL) {
        report_note(r, "chance is %.3g (%zu labels); always the most frequent label gives %.3g", 1 / (double)s->train.n_labels,
                    s->train.n_labels, (double)s->most_frequent / (double)s->n_chosen);
        static const char *const drawn[] = {"accuracy", "orders"};
        for (size_t i = 0; i < 2; i++) {
            report_add_reference(r, drawn[i], "chance", NULL, 1 / (double)s->train.n_labels);
            report_add_reference(r, drawn[i], "most frequent label", NULL, (double)s->most_frequent / (double)s->n_chosen);
        }
    }
    return icl_summarize(items, ((const struct settings *)e->settings)->orders, r, err);
}

static const struct view VIEWS[] = {
    {"table", "accuracy", "accuracy", "shots", NULL},
    {"table", "accuracy_stable", "accuracy over the stable part of the curve", NULL, NULL},
    {"table", "labels_used", "share of the labels that the answers use", "shots", NULL},
    {"table", "accuracy_best,accuracy_worst,margin,accuracy_deviation", "spread over orders", NULL, NULL},
    {"lines", "accuracy", "Accuracy, by demonstrations", NULL, NULL},
    {"ranges", "orders", "Accuracy of each order of the same demonstrations", NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

extern const struct task TASK_ICL;
const struct task TASK_ICL = {
    .name = "icl",
    .summary = "many-shot in-context learning, and how much the order matters (section 3.5)",
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
    .summary_reads_data = true,
};
