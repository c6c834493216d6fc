/* perplexity_against.c - see perplexity_against.h; the figures are those that llama.cpp's users know of its perplexity program.
 */
#include "tasks/perplexity_against.h"

#include "base/memory.h"
#include "lm/divergence.h"
#include "report/ratio.h"
#include "report/sketch_groups.h"
#include "suite/dataset.h"
#include "suite/experiment.h"
#include "suite/prompt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum status against_load(struct subject *base, struct experiment *e, const char *folder, struct error *err)
{
    base->name = strdup("against");
    enum status status = subject_load(base, e, folder, err);
    for (size_t i = 0; i < e->n_subjects && status == OK; i++)
        if (e->subjects[i].model.config.vocab_size != base->model.config.vocab_size)
            status = error_set(err, ERR_INPUT, "--against: %s has a vocabulary of %zu, %s one of %zu, expected the same", folder,
                               base->model.config.vocab_size, e->subjects[i].name, e->subjects[i].model.config.vocab_size);
    if (status == OK)
        experiment_add_data(e, "against", folder, base->sha256, 1, NULL);
    return status;
}

/* Sums over the tokens of a document, as they stand in its evidence. */
static const char *const SUMS[] = {"kl",         "same_top",      "probability_squares", "model_nll", "base_nll",
                                   "above_base", "model_squares", "base_squares",        "products"};
enum sum { KL, SAME_TOP, PROBABILITY, MODEL, BASE, ABOVE, MODEL_SQUARES, BASE_SQUARES, PRODUCTS, N_SUMS };

static bool add_evidence(cJSON *evidence, const struct divergence *d, size_t n)
{
    double sum[N_SUMS] = {0};
    struct sketch sketch;
    if (!sketch_init(&sketch, 0))
        return false;
    for (size_t i = 0; i < n; i++) {
        double model = d[i].model_nll, base = d[i].base_nll, difference = exp(-model) - exp(-base);
        float kl = (float)d[i].kl;
        sum[KL] += d[i].kl;
        sum[SAME_TOP] += d[i].same_top;
        sum[PROBABILITY] += difference * difference;
        sum[MODEL] += model;
        sum[BASE] += base;
        sum[ABOVE] += model - base;
        sum[MODEL_SQUARES] += model * model;
        sum[BASE_SQUARES] += base * base;
        sum[PRODUCTS] += model * base;
        sketch_add(&sketch, &kl, 1, 0, (uint32_t)i, 0);
    }
    cJSON *against = cJSON_AddObjectToObject(evidence, "against");
    for (size_t s = 0; s < N_SUMS; s++)
        json_add_number(against, SUMS[s], sum[s]);
    cJSON_AddItemToObject(against, "distribution", sketch_to_json(&sketch));
    sketch_free(&sketch);
    return true;
}

enum status against_run(const struct experiment *e, const struct subject *base, const char *text, size_t length,
                        const struct ids *ids, size_t n, struct session *session, cJSON *evidence, struct error *err)
{
    struct ids same = {0};
    struct session other = {0};
    struct divergence *d = mem_array(n, sizeof *d);
    enum status status = prompt_encode(e, base, text, length, &same, err);
    if (status == OK && (same.n != ids->n || memcmp(same.data, ids->data, n * sizeof *same.data) != 0))
        status = error_set(err, ERR_INPUT, "--against: the tokens of %s are others, expected the tokenizer of the model",
                           base->model.folder);
    if (status == OK)
        status = session_init(&other, &base->model, n, session->context.threads, err);
    if (status == OK) {
        session_rewind(session, 0);
        other.stop = session->stop;
        status = divergence_tokens(session, &other, ids->data, n, d, err);
        session_free(&other);
    }
    if (status == OK && !add_evidence(evidence, d, n - 1))
        status = error_set(err, ERR_SYSTEM, "perplexity: out of memory");
    ids_free(&same);
    free(d);
    return status;
}

/* What a model's documents hold, for statistics that are no ratio of two sums. */
struct documents_of {
    size_t n;
    struct sketch_groups divergence; /* of the tokens of each */
    double *sum;                     /* [n, N_SUMS + 1] the sums, and how many tokens */
    size_t *times;                   /* [n] */
    double quantile;
};

static void documents_of_free(struct documents_of *d)
{
    sketch_groups_free(&d->divergence);
    free(d->sum);
    free(d->times);
}

static bool documents_of_load(struct documents_of *d, const cJSON *items, const char *model)
{
    const cJSON *item;
    struct sketch *one = calloc((size_t)cJSON_GetArraySize(items) + 1, sizeof *one);
    *d = (struct documents_of){.sum = mem_array((size_t)cJSON_GetArraySize(items) + 1, (N_SUMS + 1) * sizeof(double))};
    bool ok = true;
    cJSON_ArrayForEach(item, items)
    {
        const cJSON *evidence = json_path(cJSON_GetObjectItemCaseSensitive(json_path(item, "results"), model), "evidence");
        const cJSON *against = cJSON_GetObjectItemCaseSensitive(evidence, "against");
        if (against == NULL)
            continue;
        const cJSON *distribution = cJSON_GetObjectItemCaseSensitive(against, "distribution");
        for (size_t s = 0; s < N_SUMS; s++)
            d->sum[d->n * (N_SUMS + 1) + s] = json_real(against, SUMS[s]);
        d->sum[d->n * (N_SUMS + 1) + N_SUMS] = json_real(evidence, "predicted");
        ok = ok && sketch_init(&one[d->n], 0) && sketch_add_json(&one[d->n], distribution);
        d->n++;
    }
    sketch_groups_init(&d->divergence, one, ok ? d->n : 0);
    d->times = mem_array(d->n + 1, sizeof *d->times);
    for (size_t i = 0; i < d->n; i++)
        sketch_free(&one[i]);
    free(one);
    return ok;
}

static double quantile(void *context, const size_t *index, size_t n)
{
    struct documents_of *d = context;
    memset(d->times, 0, d->n * sizeof *d->times);
    for (size_t i = 0; i < n; i++)
        d->times[index[i]]++;
    return sketch_groups_quantile(&d->divergence, d->times, d->quantile);
}

/* Pearson's, of the losses of the same tokens. */
static double correlation(void *context, const size_t *index, size_t n)
{
    const struct documents_of *d = context;
    double sum[N_SUMS + 1] = {0};
    for (size_t i = 0; i < n; i++)
        for (size_t s = 0; s <= N_SUMS; s++)
            sum[s] += d->sum[index[i] * (N_SUMS + 1) + s];
    double count = sum[N_SUMS], both = sum[PRODUCTS] - sum[MODEL] * sum[BASE] / count;
    double model = sum[MODEL_SQUARES] - sum[MODEL] * sum[MODEL] / count, base = sum[BASE_SQUARES] - sum[BASE] * sum[BASE] / count;
    return model > 0 && base > 0 ? both / sqrt(model * base) : (double)NAN;
}

enum status against_summarize(const cJSON *items, struct report *r, struct error *err)
{
    static const struct ratio_metric ratios[] = {
        {"kl", "evidence.against.kl", "evidence.predicted", RATIO_ITSELF, true, "lower"},
        {"same_top", "evidence.against.same_top", "evidence.predicted", RATIO_ITSELF, true, "higher"},
        {"rms_probability", "evidence.against.probability_squares", "evidence.predicted", RATIO_ROOT, true, "lower"},
        {"nll_above_base", "evidence.against.above_base", "evidence.predicted", RATIO_ITSELF, true, "lower"}};
    static const struct {
        const char *name;
        double at;
    } quantiles[] = {{"kl_median", 0.5}, {"kl_p99", 0.99}, {"kl_p99_9", 0.999}};
    cJSON *where = cJSON_CreateObject();
    enum status status = OK;
    for (size_t i = 0; i < sizeof ratios / sizeof *ratios && status == OK; i++)
        status = report_add_ratio(r, items, &ratios[i], where, err);
    for (size_t m = 0; m < report_n_models(r) && status == OK; m++) {
        struct documents_of d;
        const char *name = report_model(r, m);
        if (!documents_of_load(&d, items, name))
            status = error_set(err, ERR_SYSTEM, "report: out of memory");
        for (size_t q = 0; q < sizeof quantiles / sizeof *quantiles && status == OK && d.n > 0; q++) {
            d.quantile = quantiles[q].at;
            report_add_value(r, quantiles[q].name, name, where, bootstrap_items(d.n, r->seed, quantile, &d), d.n, "lower");
        }
        if (status == OK && d.n > 0)
            report_add_value(r, "nll_correlation", name, where, bootstrap_items(d.n, r->seed, correlation, &d), d.n, "higher");
        documents_of_free(&d);
    }
    cJSON_Delete(where);
    return status;
}
