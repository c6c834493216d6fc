/* icl.c - many-shot in-context learning and its robustness (Ye et al. 2024, section 3.5).
 *
 * After Bertsch et al. 2024: labelled demonstrations, then a text whose label
 * is decoded from the trie of all labels.  The demonstrations pass once and
 * serve every test text.  Accuracy against the number of demonstrations, and its
 * spread over orders of the same ones.
 */
#include "lm/constrained.h"
#include "report/report.h"
#include "tasks/icl_prompt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct settings {
    const char *data, *test, *field;
    size_t length, orders, samples;
    struct sizes shots;
    unsigned arrangements; /* a bit for each of enum arrangement */
    unsigned decode;
};
enum decode { DECODE_GREEDY, DECODE_TOTAL };

#define AT(member) offsetof(struct settings, member)
static const struct option_spec OPTIONS[] = {
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
static const char *const ARRANGEMENTS[] = {"random", "alternate", NULL};

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
    struct dataset train_data, test_data;
    struct labelled train, test;
    size_t *chosen, n_chosen; /* test texts */
    size_t *shots, n_shots;   /* ascending, those that fit */
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
    const char *fields = o->field, *given = o->data;
    char *train = experiment_data_path(given, "data/icl/topics-train.jsonl");
    char *test = train ? test_path(o->test, train) : NULL;
    enum status status =
        test ? dataset_load(&s->train_data, train, fields, err) : error_set(err, ERR_SYSTEM, "icl: out of memory");
    if (status == OK && strcmp(train, test) == 0)
        status = error_set(err, ERR_USAGE, "--test: is missing, expected the test texts that go with %s", train);
    if (status == OK)
        status = dataset_load(&s->test_data, test, fields, err);
    if (status == OK)
        status = labelled_read(&s->train, &s->train_data, NULL, err);
    if (status == OK)
        status = labelled_read(&s->test, &s->test_data, &s->train, err);
    if (status == OK && s->train.n_labels < 2)
        status = error_set(err, ERR_INPUT, "%s: has one label only, expected two or more", train);
    if (status == OK) {
        const char *licence = given ? NULL : "public domain (generated)";
        experiment_add_data(e, "demonstrations", given ? train : "data/icl/topics-train.jsonl", s->train_data.sha256,
                            s->train_data.n, licence);
        experiment_add_data(e, "test", given ? test : "data/icl/topics-test.jsonl", s->test_data.sha256, s->test_data.n, licence);
    }
    free(train);
    free(test);
    return status;
}

/* Tokens of every label and the line break after it, as they follow the line break before it. */
static enum status make_trie(struct label_trie *trie, const struct labelled *train, const struct tokenizer *t, struct error *err)
{
    struct ids before = {0}, *sequences = calloc(train->n_labels, sizeof *sequences);
    enum status status =
        sequences ? tokenizer_encode(t, "text\n", 5, false, &before, err) : error_set(err, ERR_SYSTEM, "icl: out of memory");
    for (size_t i = 0; i < train->n_labels && status == OK; i++) {
        struct text text = {0};
        struct ids whole = {0};
        text_printf(&text, "text\n%s\n", train->labels[i]);
        status = tokenizer_encode(t, text.data, text.len, false, &whole, err);
        if (status == OK && (whole.n < before.n || memcmp(whole.data, before.data, before.n * sizeof(int32_t)) != 0))
            status =
                error_set(err, ERR_INPUT, "label '%.60s': melts into the line before it with this tokenizer, expected a break",
                          train->labels[i]);
        for (size_t k = before.n; k < whole.n && status == OK; k++)
            if (!ids_add(&sequences[i], whole.data[k]))
                status = error_set(err, ERR_SYSTEM, "icl: out of memory");
        ids_free(&whole);
        text_free(&text);
    }
    ids_free(&before);
    if (status != OK) {
        for (size_t i = 0; sequences != NULL && i < train->n_labels; i++)
            ids_free(&sequences[i]);
        free(sequences);
        return status;
    }
    return label_trie_init(trie, sequences, train->n_labels, "labels", err);
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
            status = count_tokens(&n, t, s->test.text[s->chosen[i]], strlen(s->test.text[s->chosen[i]]), err);
            tail = n + 4 > tail ? n + 4 : tail;
        }
        for (size_t i = 0; i < s->tries[m].n; i++)
            used = s->tries[m].sequences[i].n + 16 > used ? s->tries[m].sequences[i].n + 16 : used;
        for (; k < *fit && status == OK; k++) {
            struct text demo = {0};
            icl_demonstrations(&demo, &s->train, order + k, 1);
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

static enum status prepare(struct experiment *e, struct error *err)
{
    struct state *s = calloc(1, sizeof *s);
    if (s == NULL)
        return error_set(err, ERR_SYSTEM, "icl: out of memory");
    e->state = s;
    s->n_subjects = e->n_subjects;
    enum status status = load(e, s, err);
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
    for (size_t m = 0; m < e->n_subjects && status == OK; m++)
        status = make_trie(&s->tries[m], &s->train, e->subjects[m].tokenizer, err);
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

/* The label of one test text after the demonstrations, `prefix` tokens long. */
static enum status classify(size_t *label, const struct experiment *e, size_t test, const struct subject *subject,
                            const struct label_trie *trie, struct session *session, size_t prefix, float *logits,
                            struct error *err)
{
    const struct state *s = e->state;
    struct text tail = {0};
    struct ids ids = {0};
    text_printf(&tail, "%s\n", s->test.text[test]);
    enum status status = tokenizer_encode(subject->tokenizer, tail.data, tail.len, false, &ids, err);
    session_rewind(session, prefix);
    if (status == OK)
        status = session_run(session, ids.data, ids.n, NULL, logits, err);
    if (status == OK)
        status = ((const struct settings *)e->settings)->decode == DECODE_TOTAL
                     ? constrained_total(session, trie, logits, label, NULL, err)
                     : constrained_greedy(session, trie, logits, label, err);
    text_free(&tail);
    ids_free(&ids);
    return status;
}

static enum status run_demonstrations(const struct experiment *e, const struct item *it, const struct subject *subject,
                                      struct session *session, struct error *err)
{
    const struct state *s = e->state;
    size_t *order = mem_array(it->shots + 1, sizeof *order);
    struct text text = {0};
    struct ids ids = {0};
    enum status status = order && icl_order(order, &s->train, it->shots, (enum arrangement)it->arrangement, it->order, e->seed) &&
                                 icl_demonstrations(&text, &s->train, order, it->shots)
                             ? OK
                             : error_set(err, ERR_SYSTEM, "icl: out of memory");
    if (status == OK)
        status = tokenizer_encode(subject->tokenizer, text.data, text.len, false, &ids, err);
    if (status == OK)
        status = session_run(session, ids.data, ids.n, NULL, NULL, err);
    free(order);
    ids_free(&ids);
    text_free(&text);
    return status;
}

static enum status run(const struct experiment *e, const void *item, const struct subject *subject, struct session *session,
                       cJSON *result, struct error *err)
{
    const struct state *s = e->state;
    const struct label_trie *trie = &s->tries[subject - e->subjects];
    float *logits = mem_array(subject->model.config.vocab_size, sizeof *logits);
    size_t right = 0;
    enum status status =
        logits ? run_demonstrations(e, item, subject, session, err) : error_set(err, ERR_SYSTEM, "icl: out of memory");
    size_t prefix = session->n_tokens;
    cJSON *evidence = cJSON_CreateObject();
    cJSON *predicted = cJSON_AddArrayToObject(evidence, "predicted"), *correct = cJSON_AddArrayToObject(evidence, "correct");
    for (size_t i = 0; i < s->n_chosen && status == OK; i++) {
        size_t label = 0;
        status = classify(&label, e, s->chosen[i], subject, trie, session, prefix, logits, err);
        bool hit = label == s->test.label[s->chosen[i]];
        cJSON_AddItemToArray(predicted, cJSON_CreateString(s->train.labels[label]));
        cJSON_AddItemToArray(correct, cJSON_CreateNumber(hit));
        right += hit;
    }
    json_add_number(evidence, "prompt_tokens", (double)prefix);
    json_add_number(result, "score", (double)right / (double)s->n_chosen);
    cJSON_AddStringToObject(result, "output", "");
    cJSON_AddItemToObject(result, "evidence", evidence);
    free(logits);
    return status;
}

/* Accuracies [models, orders] at the largest number of demonstrations, in one arrangement. Orders are the units. */
struct spread {
    double *accuracy;
    size_t n_orders, model, baseline;
    const bool *swapped; /* [orders], for the permutation test */
};

static double accuracy_of(const struct spread *p, size_t model, size_t order)
{
    size_t m = p->swapped != NULL && p->swapped[order] ? p->model + p->baseline - model : model;
    return p->accuracy[m * p->n_orders + order];
}

static double best_of(const struct spread *p, size_t model, const size_t *index, size_t n)
{
    double best = 0;
    for (size_t i = 0; i < n; i++)
        best = fmax(best, accuracy_of(p, model, index[i]));
    return best;
}

static double worst_of(const struct spread *p, size_t model, const size_t *index, size_t n)
{
    double worst = 1;
    for (size_t i = 0; i < n; i++)
        worst = fmin(worst, accuracy_of(p, model, index[i]));
    return worst;
}

static double margin_of(const struct spread *p, size_t model, const size_t *index, size_t n)
{
    return best_of(p, model, index, n) - worst_of(p, model, index, n);
}

static double deviation_of(const struct spread *p, size_t model, const size_t *index, size_t n)
{
    double mean = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        mean += accuracy_of(p, model, index[i]) / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += pow(accuracy_of(p, model, index[i]) - mean, 2);
    return n > 1 ? sqrt(squares / (double)(n - 1)) : (double)NAN;
}

static double own_deviation(void *context, const size_t *index, size_t n)
{
    const struct spread *p = context;
    return deviation_of(p, p->model, index, n);
}

static double deviation_difference(void *context, const size_t *index, size_t n)
{
    const struct spread *p = context;
    return deviation_of(p, p->model, index, n) - deviation_of(p, p->baseline, index, n);
}

static double margin_difference(void *context, const size_t *index, size_t n)
{
    const struct spread *p = context;
    return margin_of(p, p->model, index, n) - margin_of(p, p->baseline, index, n);
}

static void fill_spread(struct spread *p, const struct experiment *e, const cJSON *items, const cJSON *where)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, items)
    {
        size_t order = (size_t)json_real(item, "where.order");
        if (json_real(item, "where.shots") != json_real(where, "shots") ||
            strcmp(json_text(item, "where.arrangement"), json_text(where, "arrangement")) != 0 || order >= p->n_orders)
            continue;
        for (size_t m = 0; m < e->n_subjects; m++)
            p->accuracy[m * p->n_orders + order] =
                json_real(cJSON_GetObjectItemCaseSensitive(json_path(item, "results"), e->subjects[m].name), "score");
    }
}

/* The largest and smallest of some orders say little of others, so they have no interval; the deviation over orders has. */
static enum status add_spread(struct report *r, const struct experiment *e, const cJSON *items, const cJSON *where,
                              size_t n_orders, struct error *err)
{
    static const struct {
        const char *name;
        double (*of)(const struct spread *, size_t, const size_t *, size_t);
        const char *better;
    } extremes[] = {{"accuracy_best", best_of, "higher"}, {"accuracy_worst", worst_of, "higher"}, {"margin", margin_of, "lower"}};
    struct spread p = {.n_orders = n_orders, .baseline = e->baseline};
    size_t *all = mem_array(n_orders, sizeof *all);
    p.accuracy = mem_array(e->n_subjects * n_orders, sizeof *p.accuracy);
    if (p.accuracy == NULL || all == NULL) {
        free(p.accuracy);
        free(all);
        return error_set(err, ERR_SYSTEM, "icl: out of memory");
    }
    for (size_t i = 0; i < n_orders; i++)
        all[i] = i;
    fill_spread(&p, e, items, where);
    for (p.model = 0; p.model < e->n_subjects; p.model++) {
        const char *name = e->subjects[p.model].name, *baseline = e->subjects[e->baseline].name;
        for (size_t k = 0; k < 3; k++) {
            struct interval x = {extremes[k].of(&p, p.model, all, n_orders), NAN, NAN};
            report_add_value(r, extremes[k].name, name, where, x, n_orders, extremes[k].better);
        }
        report_add_value(r, "accuracy_deviation", name, where, bootstrap_items(n_orders, e->seed, own_deviation, &p), n_orders,
                         "lower");
        if (p.model == e->baseline)
            continue;
        struct paired d = {{margin_difference(&p, all, n_orders), NAN, NAN}, 1, 1, 1};
        d.p_value = swap_test(n_orders, e->seed, margin_difference, &p, &p.swapped);
        report_add_difference(r, "margin", name, baseline, where, d, n_orders);
        d.difference = bootstrap_items(n_orders, e->seed, deviation_difference, &p);
        d.p_value = swap_test(n_orders, e->seed, deviation_difference, &p, &p.swapped);
        report_add_difference(r, "accuracy_deviation", name, baseline, where, d, n_orders);
    }
    free(p.accuracy);
    free(all);
    return OK;
}

/* What the items say of themselves: places in the order of the plan. */
static enum status summarize(const struct experiment *e, const cJSON *items, struct report *r, struct error *err)
{
    static const struct metric accuracy = {"accuracy", "evidence.correct", METRIC_PROPORTION, "higher"};
    size_t n_orders = ((const struct settings *)e->settings)->orders;
    enum status status = OK;
    const cJSON *item;
    for (size_t a = 0; a < 2 && status == OK; a++) {
        double most = -1;
        cJSON *where = cJSON_CreateObject();
        cJSON_AddStringToObject(where, "arrangement", ARRANGEMENTS[a]);
        cJSON_ArrayForEach(item, items)
        {
            if (status != OK || strcmp(json_text(item, "where.arrangement"), ARRANGEMENTS[a]) != 0)
                continue;
            status = report_add(r, e, items, &accuracy, json_path(item, "where"), err);
            most = fmax(most, json_real(item, "where.shots"));
        }
        cJSON_AddItemToObject(where, "order", cJSON_CreateNumber(0));
        if (most >= 0)
            report_add_curve(r, e, "accuracy", "accuracy", where, "shots", "demonstrations", "accuracy", "log");
        cJSON_DeleteItemFromObjectCaseSensitive(where, "order");
        json_add_number(where, "shots", most);
        if (most >= 0 && n_orders > 1 && status == OK) {
            report_add_curve(r, e, "orders", "accuracy", where, "order", "order", "accuracy", "linear");
            status = add_spread(r, e, items, where, n_orders, err);
        }
        cJSON_Delete(where);
    }
    return status;
}

static const struct view VIEWS[] = {
    {"table", "accuracy", "accuracy", "shots", NULL},
    {"table", "accuracy_best,accuracy_worst,margin,accuracy_deviation", "spread over orders", NULL, NULL},
    {"lines", "accuracy", "Accuracy, by demonstrations", NULL, NULL},
    {"dots", "orders", "Accuracy of each order of the same demonstrations", NULL, NULL},
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
    .summarize = summarize,
};
