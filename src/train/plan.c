/* plan.c - see plan.h. */
#include "train/plan.h"

#include "base/file.h"
#include "lm/tokenizer.h"
#include "model/gradient.h"
#include "model/rates.h"
#include "train/recipe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    LONGEST_TRIAL = 512,       /* tokens: longer sequences are reckoned from this one by their FLOPs */
    LARGEST_TRIAL = 100000000, /* parameters that are allocated to be timed */
};
#define MATCHED 0.01 /* models of one recipe differ by no more, as a share of their parameters */

/* A training pass that was timed, so that recipes with the same model share it. */
struct trial {
    struct config config;
    size_t length;
    double tokens_per_second;
    struct trial *next;
};

struct planner {
    FILE *out;
    int threads;
    bool matched; /* models of other sizes are refused */
    struct trial *trials;
    double product; /* FLOP/s of a large product; 0: not measured yet */
    double hours;
};

/* One model of one recipe. */
struct cost {
    double tokens, flops, seconds;
    size_t longest; /* sequence */
    bool recompute; /* activations, which is a forward pass more */
    bool reckoned;  /* not timed */
};

static bool same_work(const struct config *a, const struct config *b)
{
    return a->family == b->family && a->n_layers == b->n_layers && a->d_model == b->d_model && a->d_ff == b->d_ff &&
           a->vocab_size == b->vocab_size && a->n_heads == b->n_heads && a->n_v_heads == b->n_v_heads &&
           a->head_dim == b->head_dim && a->tied == b->tied;
}

/* Tokens a second of a training pass over `length` tokens: the better of two. */
static enum status time_pass(struct planner *p, double *rate, const struct config *config, size_t length, struct error *err)
{
    for (const struct trial *t = p->trials; t != NULL; t = t->next)
        if (t->length == length && same_work(&t->config, config)) {
            *rate = t->tokens_per_second;
            return OK;
        }
    struct model model = {0};
    struct rates_job *job = NULL;
    enum status status = model_create(&model, config, 0, err);
    if (status == OK)
        status = rates_job_open(&job, &model, RATES_TRAIN, length, p->threads, err);
    if (status == OK) {
        rates_job_run(job); /* the first touches its memory */
        *rate = fmax(rates_job_run(job), rates_job_run(job));
        struct trial *t = malloc(sizeof *t);
        if (t != NULL) {
            *t = (struct trial){*config, length, *rate, p->trials};
            p->trials = t;
        }
    }
    rates_job_close(job);
    model_free(&model);
    return status;
}

static enum status measure_product(struct planner *p, struct error *err)
{
    struct rates_machine *machine = p->product > 0 ? NULL : rates_machine_open(p->threads);
    if (machine != NULL)
        p->product = 1e9 * rates_sgemm(machine);
    rates_machine_close(machine);
    return p->product > 0 ? OK : error_set(err, ERR_SYSTEM, "plan: out of memory");
}

static enum status add_stage(struct planner *p, struct cost *cost, const struct model *model, const cJSON *stage,
                             const char *path, struct error *err)
{
    int64_t steps = 0, length = 0, sequences = 0;
    enum status status = json_get_int(stage, "steps", 1, 100000000, false, &steps, path, err);
    if (status == OK)
        status = json_get_int(stage, "seq_len", 2, 1 << 20, false, &length, path, err);
    if (status == OK)
        status = json_get_int(stage, "sequences", 1, 1 << 20, false, &sequences, path, err);
    if (status != OK)
        return status;
    size_t trial = length < LONGEST_TRIAL ? (size_t)length : LONGEST_TRIAL;
    double tokens = (double)steps * (double)length * (double)sequences, rate = 0;
    cost->longest = (size_t)length > cost->longest ? (size_t)length : cost->longest;
    double pass = 3 * rates_flops(model, (size_t)length, true), tried = 3 * rates_flops(model, trial, true);
    cost->reckoned = model->weights.n_params > LARGEST_TRIAL;
    if (cost->reckoned) {
        status = measure_product(p, err);
        rate = p->product / tried;
    } else {
        status = time_pass(p, &rate, &model->config, trial, err);
    }
    cost->tokens += tokens;
    cost->flops += tokens * pass;
    cost->seconds += status == OK ? tokens / (rate * tried / pass) * (cost->recompute ? 4.0 / 3 : 1) : 0;
    return status;
}

/* A model's config, list of weights and attention plan, without numbers. */
static enum status describe(struct model *model, const cJSON *entry, size_t vocabulary, const char *path, struct error *err)
{
    cJSON *json = cJSON_Duplicate(entry, true);
    if (vocabulary > 0 && !json_has(entry, "start")) {
        cJSON_DeleteItemFromObject(json, "vocab_size");
        json_add_number(json, "vocab_size", (double)vocabulary);
    }
    *model = (struct model){0};
    enum status status = config_from_json(&model->config, json, path, err);
    if (status == OK)
        status = config_plan(&model->plan, &model->config, err);
    if (status == OK)
        status = weights_list(&model->weights, &model->config, err);
    cJSON_Delete(json);
    return status;
}

/* Bytes of a training: weights, their gradients, two moments of those that are trained, and activations of the longest sequence.
 */
static double training_memory(const struct planner *p, const struct model *m, const cJSON *entry, const struct cost *cost)
{
    double trained = 0;
    for (size_t i = 0; i < m->weights.n_rows; i++)
        trained += recipe_freezes(entry, m->weights.rows[i].name) ? 0 : (double)m->weights.rows[i].count;
    return sizeof(float) * ((double)m->weights.n_params + 2 * trained) +
           gradient_memory(m, cost->longest, cost->recompute, p->threads);
}

static enum status plan_model(struct planner *p, const cJSON *root, const cJSON *entry, size_t vocabulary, size_t seeds,
                              const char *path, size_t *n_params, struct error *err)
{
    struct model model;
    struct cost cost = {0};
    const cJSON *stage, *stages = cJSON_GetObjectItemCaseSensitive(root, "stages");
    enum status status = describe(&model, entry, vocabulary, path, err);
    if (status == OK)
        status = json_get_bool(root, "recompute", true, &cost.recompute, path, err);
    if (status == OK && (!cJSON_IsArray(stages) || stages->child == NULL))
        status = error_set(err, ERR_INPUT, "%s: key 'stages' is missing, expected a list of stages", path);
    cJSON_ArrayForEach(stage, stages) if (status == OK) status = add_stage(p, &cost, &model, stage, path, err);
    if (status == OK) {
        double hours = cost.seconds * (double)seeds / 3600;
        *n_params = model.weights.n_params;
        fprintf(p->out, "%-42s %-18s %12zu %9.1fM %5zu %9.2e %s%9.0f %s%9.2f %8.2f\n", path, entry->string, *n_params,
                cost.tokens / 1e6, seeds, cost.flops * (double)seeds, cost.reckoned ? "<" : " ", cost.tokens / cost.seconds,
                cost.reckoned ? ">" : " ", hours, training_memory(p, &model, entry, &cost) / 1e9);
        fflush(p->out);
        p->hours += hours;
    }
    model_free(&model);
    return status;
}

static enum status plan_recipe(struct planner *p, const char *path, struct error *err)
{
    cJSON *root = NULL;
    const cJSON *models, *seeds, *entry;
    const char *folder = NULL;
    struct tokenizer *tokenizer = NULL;
    size_t low = SIZE_MAX, high = 0, count = 0;
    enum status status = yaml_read(&root, path, err);
    if (status == OK)
        status = json_get_string(root, "tokenizer", false, &folder, path, err);
    if (status == OK)
        status = recipe_take_starts(root, path, err);
    models = cJSON_GetObjectItemCaseSensitive(root, "models");
    seeds = cJSON_GetObjectItemCaseSensitive(root, "seeds");
    if (status == OK && (!cJSON_IsObject(models) || models->child == NULL))
        status = error_set(err, ERR_INPUT, "%s: key 'models' is missing, expected names with the keys of a config.json", path);
    if (status == OK && file_is_directory(folder))
        status = tokenizer_load(&tokenizer, folder, err);
    size_t vocabulary = tokenizer != NULL ? tokenizer_size(tokenizer) : 0;
    size_t n_seeds = cJSON_IsArray(seeds) && seeds->child != NULL ? (size_t)cJSON_GetArraySize(seeds) : 1;
    cJSON_ArrayForEach(entry, models)
    {
        if (status == OK)
            status = plan_model(p, root, entry, vocabulary, n_seeds, path, &count, err);
        low = count < low ? count : low;
        high = count > high ? count : high;
    }
    if (status == OK && p->matched && (double)(high - low) > MATCHED * (double)low)
        status = error_set(err, ERR_INPUT, "%s: its models differ by %.1f %% in parameters, expected at most %.0f %%", path,
                           100 * (double)(high - low) / (double)low, 100 * MATCHED);
    tokenizer_free(tokenizer);
    cJSON_Delete(root);
    return status;
}

enum status plan_print(FILE *out, const char *const *recipes, size_t n, int threads, bool matched, struct error *err)
{
    struct planner p = {.out = out, .threads = threads, .matched = matched};
    enum status status = OK;
    fprintf(out, "%-42s %-18s %12s %10s %5s %9s %10s %10s %8s\n", "recipe", "model", "parameters", "tokens", "seeds", "FLOPs",
            "tokens/s", "hours", "GB");
    for (size_t i = 0; i < n; i++) {
        struct error one;
        enum status result = plan_recipe(&p, recipes[i], &one);
        if (result != OK && status == OK) {
            status = result;
            *err = one;
        }
    }
    fprintf(out, "%-42s %-18s %12s %10s %5s %9s %10s %10.2f\n", "all", "", "", "", "", "", "", p.hours);
    while (p.trials != NULL) {
        struct trial *next = p.trials->next;
        free(p.trials);
        p.trials = next;
    }
    return status;
}
