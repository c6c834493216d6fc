/* perplexity.c - long-context language modelling (Ye et al. 2024, section 3.3, figure 4; AR-Hit: section 3.8).
 *
 * The first `length` tokens of each document pass once; nll[t] = -log p(x[t+1] | x[0..t]).
 * Cumulative averages at log-spaced positions, buckets between them, perplexity,
 * bits per byte of the text as it is in the file, and the loss of tokens that
 * complete an n-gram seen before in the context and rare in general (AR-Hit:
 * Arora et al. 2023, "Zoology") against the others.
 */
#include "base/file.h"
#include "formats/text_file.h"
#include "lm/ngrams.h"
#include "lm/score.h"
#include "report/ratio.h"
#include "suite/dataset.h"
#include "suite/experiment.h"
#include "suite/prompt.h"
#include "tasks/perplexity_against.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct settings {
    const char *data, *field, *background, *against;
    size_t length, samples, points, ngram, background_max;
};

#define AT(member) offsetof(struct settings, member)
static const struct option_spec OPTIONS[] = {
    {"data", OPTION_STRING, NULL, 0, 0, "PATH",
     "a text, a folder of texts, or records with `text` (default: a book that comes with the program)", false, AT(data)},
    {"field", OPTION_STRING, NULL, 0, 0, "NEW=OLD", "fields under other names in records, e.g. text=document", false, AT(field)},
    {"length", OPTION_INT, "4096", 16, 4194304, "N", "tokens of each document, at most", false, AT(length)},
    {"samples", OPTION_INT, "8", 1, 100000, "N", "documents, at most", false, AT(samples)},
    {"points", OPTION_INT, "2", 1, 32, "N", "positions of the curve for each doubling of the length", false, AT(points)},
    {"ngram", OPTION_INT, "2", 2, 16, "N", "AR-Hit: tokens of an n-gram", false, AT(ngram)},
    {"background", OPTION_STRING, NULL, 0, 0, "PATH",
     "a text whose frequent n-grams are no AR-Hits, or none (default: a megabyte of English that comes with the program)", false,
     AT(background)},
    {"background-max", OPTION_INT, "5", 0, 1000000000, "N", "how often an n-gram may stand in the background", false,
     AT(background_max)},
    {"against", OPTION_STRING, NULL, 0, 0, "MODEL",
     "a base of the same tokenizer: how far each model's distributions are from its (what quantising cost)", false, AT(against)},
    OPTIONS_END,
};

struct item {
    size_t document;
};

static const struct dimension DIMENSIONS[] = {
    {"document", DIMENSION_SIZE, offsetof(struct item, document), NULL, NULL},
    {NULL, DIMENSION_SIZE, 0, NULL, NULL},
};

struct state {
    struct documents documents;
    struct ngrams *background; /* [n_subjects], NULL without the option */
    size_t n_subjects;
    struct subject base; /* of --against; without a name when there is none */
};

static void release(struct experiment *e)
{
    struct state *s = e->state;
    documents_free(&s->documents);
    for (size_t i = 0; s->background != NULL && i < s->n_subjects; i++)
        ngrams_free(&s->background[i]);
    free(s->background);
    subject_free(&s->base);
    free(s);
}

/* Bytes that `length` tokens take, by the first model's tokenizer on the beginning of the text. */
static enum status estimate_bytes(const struct experiment *e, const char *path, size_t length, size_t *bytes, struct error *err)
{
    struct documents head;
    struct ids ids = {0};
    enum status status = documents_load(&head, path, 1, 65536, ((const struct settings *)e->settings)->field, err);
    if (status != OK)
        return status;
    status = tokenizer_encode(e->subjects[0].tokenizer, head.text[0], head.length[0], false, &ids, err);
    *bytes = (size_t)((double)head.length[0] / (double)(ids.n ? ids.n : 1) * (double)length * 1.05) + 64;
    ids_free(&ids);
    documents_free(&head);
    return status;
}

static enum status count_background(struct state *s, const struct experiment *e, const char *path, struct error *err)
{
    struct documents text;
    size_t n = ((const struct settings *)e->settings)->ngram;
    enum status status = documents_load(&text, path, SIZE_MAX, SIZE_MAX / 2, NULL, err);
    if (status != OK)
        return status;
    s->background = calloc(e->n_subjects, sizeof *s->background);
    if (s->background == NULL)
        status = error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    for (size_t m = 0; m < e->n_subjects && status == OK; m++)
        for (size_t d = 0; d < text.n && status == OK; d++) {
            struct ids ids = {0};
            status = tokenizer_encode(e->subjects[m].tokenizer, text.text[d], text.length[d], false, &ids, err);
            for (size_t i = 0; i + n <= ids.n && status == OK; i++)
                if (!ngrams_add(&s->background[m], ids.data + i, n))
                    status = error_set(err, ERR_SYSTEM, "%s: out of memory", path);
            ids_free(&ids);
        }
    documents_free(&text);
    return status;
}

/* What --background names; a text of our own unless it says none. */
static enum status load_background(struct state *s, struct experiment *e, struct error *err)
{
    static const char own[] = "data/background/english.txt.gz";
    const char *given = ((const struct settings *)e->settings)->background;
    char sha256[65];
    size_t length;
    char *text = NULL;
    if (given != NULL && strcmp(given, "none") == 0)
        return OK;
    char *path = experiment_data_path(given, own);
    enum status status =
        path ? text_file_read(&text, &length, NULL, path, err) : error_set(err, ERR_SYSTEM, "perplexity: out of memory");
    if (status == OK) {
        sha256_hex(sha256, text, length);
        experiment_add_data(e, "background", given ? path : own, sha256, 1, given ? NULL : "public domain");
        status = count_background(s, e, path, err);
    }
    free(text);
    free(path);
    return status;
}

static enum status prepare(struct experiment *e, struct error *err)
{
    struct state *s = calloc(1, sizeof *s);
    const struct settings *o = e->settings;
    char *path = experiment_data_path(o->data, "data/haystack/persuasion.txt");
    size_t bytes = 0;
    if (s == NULL || path == NULL) {
        free(s);
        free(path);
        return error_set(err, ERR_SYSTEM, "perplexity: out of memory");
    }
    s->n_subjects = e->n_subjects;
    e->state = s;
    enum status status = estimate_bytes(e, path, o->length, &bytes, err);
    if (status == OK)
        status = documents_load(&s->documents, path, o->samples, bytes, o->field, err);
    if (status == OK) {
        bool given = o->data != NULL;
        experiment_add_data(e, "documents", given ? path : "data/haystack/persuasion.txt", s->documents.sha256, s->documents.n,
                            given ? NULL : "public domain");
        status = load_background(s, e, err);
    }
    if (status == OK && o->against != NULL)
        status = against_load(&s->base, e, o->against, err);
    free(path);
    return status;
}

static enum status plan(const struct experiment *e, struct plan *plan, struct error *err)
{
    const struct state *s = e->state;
    (void)err;
    for (size_t i = 0; i < s->documents.n; i++)
        plan_add(plan, &(struct item){i});
    return OK;
}

static size_t tokens(const struct experiment *e, const void *item)
{
    (void)item;
    return ((const struct settings *)e->settings)->length;
}

/* The k-th position of the curve: 64 at first, `points` for each doubling, `length` last; 0 when there is no such point. */
static size_t position_of(const struct experiment *e, size_t k)
{
    const struct settings *o = e->settings;
    size_t length = o->length, per = o->points;
    size_t before = k == 0 ? 0 : (size_t)llround(64 * pow(2, (double)(k - 1) / (double)per));
    size_t here = (size_t)llround(64 * pow(2, (double)k / (double)per));
    if (k > 0 && before >= length - 1)
        return 0;
    return here < length - 1 ? here : length - 1;
}

static void add_curve(const struct experiment *e, cJSON *evidence, const double *nll, size_t n)
{
    cJSON *cumulative = cJSON_AddArrayToObject(evidence, "cumulative"), *buckets = cJSON_AddArrayToObject(evidence, "buckets");
    double sum = 0, before = 0, curve = 0;
    size_t from = 0, points = 0;
    for (size_t k = 0, to; (to = position_of(e, k)) != 0 && to <= n; k++) {
        for (size_t i = from; i < to; i++)
            sum += nll[i];
        cJSON_AddItemToArray(cumulative, json_number(sum / (double)to));
        curve += sum / (double)to;
        points++;
        cJSON_AddItemToArray(buckets, json_number((sum - before) / (double)(to - from)));
        before = sum;
        from = to;
    }
    if (points > 0)
        json_add_number(evidence, "curve", curve / (double)points);
}

/* Losses of the tokens that end an n-gram seen before in this context and rare in general, and of the others, summed. */
static enum status add_ar_hits(const struct experiment *e, size_t subject, cJSON *evidence, const int32_t *ids, const double *nll,
                               size_t n, struct error *err)
{
    const struct state *s = e->state;
    const struct settings *o = e->settings;
    size_t width = o->ngram, limit = o->background_max, count[2] = {0};
    double sum[2] = {0};
    struct ngrams seen = {0};
    bool ok = true;
    for (size_t t = 0; t < n && ok; t++) { /* nll[t] is about ids[t + 1] */
        bool hit = false;
        if (t + 2 >= width) {
            const int32_t *gram = ids + t + 2 - width;
            hit = ngrams_count(&seen, gram, width) > 0 &&
                  (s->background == NULL || ngrams_count(&s->background[subject], gram, width) <= limit);
            ok = ngrams_add(&seen, gram, width);
        }
        sum[hit] += nll[t];
        count[hit]++;
    }
    static const char *const sums[] = {"nll_others", "nll_ar_hit"}, *const counts[] = {"n_others", "n_ar_hit"};
    for (size_t i = 0; i < 2; i++) {
        json_add_number(evidence, counts[i], (double)count[i]);
        json_add_number(evidence, sums[i], sum[i]);
    }
    ngrams_free(&seen);
    return ok ? OK : error_set(err, ERR_SYSTEM, "perplexity: out of memory");
}

/* Bytes of the file's text, before any normalizer, that the first n tokens stand for. */
static enum status count_bytes(const struct experiment *e, const struct subject *subject, size_t document, const struct ids *ids,
                               size_t n, size_t *bytes, struct error *err)
{
    const struct state *s = e->state;
    const char *text = s->documents.text[document];
    size_t low = 0, high = s->documents.length[document], tokens = 0;
    enum status status = OK;
    while (n < ids->n && low < high && status == OK) { /* the shortest beginning that has them */
        size_t at = low + (high - low) / 2;
        while (at > low && ((unsigned char)text[at] & 0xc0) == 0x80)
            at--;
        status = prompt_boundary(e, subject, text, at, ids, &tokens, err);
        if (tokens >= n) {
            high = at;
        } else {
            low = at + 1;
            while (low < high && ((unsigned char)text[low] & 0xc0) == 0x80)
                low++;
        }
    }
    *bytes = high;
    return status;
}

static enum status run(const struct experiment *e, const void *item, const struct subject *subject, struct session *session,
                       cJSON *result, struct error *err)
{
    const struct state *s = e->state;
    size_t document = ((const struct item *)item)->document, length = ((const struct settings *)e->settings)->length;
    struct ids ids = {0};
    double sum = 0, *nll = NULL;
    size_t bytes = 0;
    enum status status = prompt_encode(e, subject, s->documents.text[document], s->documents.length[document], &ids, err);
    if (status == OK && ids.n < 2)
        status = error_set(err, ERR_INPUT, "document %zu: holds fewer than two tokens, expected a text", document);
    size_t n = ids.n < length ? ids.n : length;
    if (status == OK && (nll = mem_array(n, sizeof *nll)) == NULL)
        status = error_set(err, ERR_SYSTEM, "perplexity: out of memory for %zu tokens", n);
    if (status == OK)
        status = score_tokens(session, ids.data, n, nll, err);
    if (status == OK) {
        for (size_t i = 0; i + 1 < n; i++)
            sum += nll[i];
        json_add_number(result, "score", sum / (double)(n - 1));
        cJSON_AddStringToObject(result, "output", "");
        cJSON *evidence = cJSON_AddObjectToObject(result, "evidence");
        json_add_number(evidence, "tokens", (double)n);
        json_add_number(evidence, "predicted", (double)n - 1);
        json_add_number(evidence, "nll", sum);
        json_add_number(evidence, "bits", sum / log(2));
        add_curve(e, evidence, nll, n - 1);
        status = count_bytes(e, subject, document, &ids, n, &bytes, err);
        json_add_number(evidence, "bytes", (double)bytes);
        if (bytes > 0)
            json_add_number(evidence, "bits_per_byte", sum / log(2) / (double)bytes);
    }
    if (status == OK) {
        cJSON *evidence = cJSON_GetObjectItemCaseSensitive(result, "evidence");
        status = add_ar_hits(e, (size_t)(subject - e->subjects), evidence, ids.data, nll, n - 1, err);
        if (status == OK && s->base.name != NULL)
            status = against_run(e, &s->base, s->documents.text[document], s->documents.length[document], &ids, n, session,
                                 evidence, err);
    }
    free(nll);
    ids_free(&ids);
    return status;
}

static enum status summarize(const struct experiment *e, const cJSON *items, struct report *r, struct error *err)
{
    static const struct ratio_metric metrics[] = {
        {"nll", "evidence.nll", "evidence.predicted", RATIO_ITSELF, true, "lower"},
        {"perplexity", "evidence.nll", "evidence.predicted", RATIO_EXPONENT, true, "lower"},
        {"bits_per_byte", "evidence.bits", "evidence.bytes", RATIO_ITSELF, false, "lower"},
        {"nll_ar_hit", "evidence.nll_ar_hit", "evidence.n_ar_hit", RATIO_ITSELF, true, "lower"},
        {"nll_others", "evidence.nll_others", "evidence.n_others", RATIO_ITSELF, true, "lower"},
        {"share_ar_hit", "evidence.n_ar_hit", "evidence.predicted", RATIO_ITSELF, true, NULL}};
    static const struct metric curve = {"nll_curve", "evidence.curve", METRIC_TOKEN_MEAN, "lower"};
    static const char *const curves[][2] = {{"nll_cumulative", "cumulative"}, {"nll_bucket", "buckets"}};
    cJSON *where = cJSON_CreateObject();
    enum status status = OK;
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics && status == OK; i++)
        status = report_add_ratio(r, items, &metrics[i], where, err);
    if (status == OK) /* over the positions of the curve, which are even on a log scale */
        status = report_add(r, items, &curve, where, err);
    for (size_t c = 0; c < 2 && status == OK; c++) {
        for (size_t k = 0, position; (position = position_of(e, k)) != 0 && status == OK; k++) {
            char field[64];
            cJSON *at = cJSON_CreateObject();
            json_add_number(at, "position", (double)position);
            snprintf(field, sizeof field, "evidence.%s.%zu", curves[c][1], k);
            struct metric metric = {curves[c][0], field, METRIC_TOKEN_MEAN, "lower"};
            status = report_add(r, items, &metric, at, err);
            cJSON_Delete(at);
        }
        report_add_curve(r, curves[c][0], curves[c][0], where, "position", "position, tokens", "loss, nats a token", "log");
    }
    cJSON_Delete(where);
    return status == OK && ((const struct settings *)e->settings)->against != NULL ? against_summarize(items, r, err) : status;
}

static const struct view VIEWS[] = {
    {"table", "nll,perplexity,bits_per_byte,nll_ar_hit,nll_others,share_ar_hit", "loss", NULL, NULL},
    {"table", "nll_cumulative", "average loss up to a position", NULL, NULL},
    {"table", "kl,kl_median,kl_p99,kl_p99_9,same_top,rms_probability,nll_above_base,nll_correlation", "against the base", NULL,
     NULL},
    {"lines", "nll_cumulative", "Average loss up to a position", NULL, NULL},
    {"lines", "nll_bucket", "Loss between positions", NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

extern const struct task TASK_PERPLEXITY;
const struct task TASK_PERPLEXITY = {
    .name = "perplexity",
    .summary = "loss over long texts, by position; tokens seen before and others (sections 3.3, 3.8)",
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
