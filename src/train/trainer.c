/* trainer.c - the training loop; see trainer.h. */
#include "train/trainer.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "train/run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOG_STEPS = 10 };

double run_sequence(struct run *r, float scale)
{
    const struct packed *p = &r->sequence;
    if (r->recipe->attention == ATTENTION_ACROSS)
        return gradient_add(&r->gradient, p->ids.data, p->ids.n, scale);
    double sum = 0;
    for (size_t i = 0; i < p->n_documents; i++) { /* each with the token that ends it, which begins the next one */
        size_t from = p->documents[i].first, to = i + 1 < p->n_documents ? p->documents[i + 1].first + 1 : p->ids.n;
        if (to - from > 1)
            sum += gradient_add(&r->gradient, p->ids.data + from, to - from, scale);
    }
    return sum;
}

/* What is no number, and where; empty: nothing. */
struct wrong {
    char where[160];
};

/* The first tensor that holds one. */
static void name_not_finite(struct wrong *wrong, const char *what, const struct weights *w)
{
    size_t i = 0;
    while (i + 1 < w->n_rows && find_not_finite(weights_floats(&w->rows[i]), w->rows[i].count) == w->rows[i].count)
        i++;
    snprintf(wrong->where, sizeof wrong->where, "%s %s", what, w->rows[i].name);
}

/* Which tensors stay as they are. */
static enum status freeze(struct run *r, struct error *err)
{
    const struct weights *w = &r->model.weights;
    size_t trained = w->n_rows;
    if (!json_has(r->entry, "freeze"))
        return OK;
    r->frozen = mem_array(w->n_rows, sizeof *r->frozen);
    if (r->frozen == NULL)
        return error_set(err, ERR_SYSTEM, "%s: out of memory", r->folder);
    for (size_t i = 0; i < w->n_rows; i++) {
        r->frozen[i] = recipe_freezes(r->entry, w->rows[i].name);
        trained -= r->frozen[i];
    }
    if (trained == 0)
        return error_set(err, ERR_INPUT, "%s: key 'models.%s.freeze' freezes every tensor, expected some to train",
                         r->recipe->path, r->entry->string);
    if (!r->options->quiet)
        fprintf(stderr, "%s: %zu of %zu tensors are trained\n", r->folder, trained, w->n_rows);
    return OK;
}

/* The gradients of frozen tensors count for nothing, nor in the norm. */
static void clear_frozen(struct run *r)
{
    for (size_t i = 0; r->frozen != NULL && i < r->gradient.sum.n_rows; i++)
        if (r->frozen[i])
            memset(weights_floats(&r->gradient.sum.rows[i]), 0, r->gradient.sum.rows[i].count * sizeof(float));
}

/* One optimizer step over the sequences of its batch. Where loss or gradient are no numbers, `wrong` says which, and nothing is
 * changed. */
static enum status train_step(struct run *r, double *norm, struct wrong *wrong, struct error *err)
{
    const struct recipe *recipe = r->recipe;
    size_t step = r->adamw.step, first = recipe_first_sequence(recipe, step);
    const struct stage *stage = recipe_stage(recipe, step);
    double tokens = (double)(stage->seq_len * stage->sequences), loss = 0;
    struct token_counts counts = r->counts;
    gradient_clear(&r->gradient);
    r->model.lambda_held = recipe_lambda_held(recipe, step);
    model_update_lambda(&r->model);
    for (size_t i = 0; i < stage->sequences; i++) {
        enum status status = pack_sequence(&r->sequence, recipe, stage, PACK_TRAINING, first + i, err);
        if (status != OK)
            return status;
        packed_count(&counts, &r->sequence);
        loss += run_sequence(r, (float)(1 / tokens)) / tokens;
        if (!isfinite(loss)) {
            gradient_explain(&r->gradient, wrong->where, sizeof wrong->where);
            return OK;
        }
    }
    clear_frozen(r);
    *norm = gradient_norm(&r->gradient);
    if (!isfinite(*norm)) {
        name_not_finite(wrong, "gradient of", &r->gradient.sum);
        return OK;
    }
    struct adamw_settings settings = recipe->optimizer;
    settings.lr = recipe_rate(recipe, step);
    adamw_step(&r->adamw, &r->model.weights, &r->gradient.sum, *norm, &settings);
    r->model.lambda_held = recipe_lambda_held(recipe, r->adamw.step);
    model_update_lambda(&r->model);
    r->counts = counts;
    r->tokens += tokens;
    r->loss_sum += loss;
    r->loss_steps++;
    return OK;
}

/* Model and checkpoint, unless a number of them is none. */
static enum status save(const struct run *r, struct wrong *wrong, struct error *err)
{
    if (find_not_finite(r->model.weights.storage, r->model.weights.n_storage) < r->model.weights.n_storage)
        name_not_finite(wrong, "weights", &r->model.weights);
    else if (find_not_finite(r->adamw.m, r->adamw.n) < r->adamw.n || find_not_finite(r->adamw.v, r->adamw.n) < r->adamw.n)
        snprintf(wrong->where, sizeof wrong->where, "moments of AdamW");
    if (wrong->where[0] != '\0')
        return OK;
    /* The checkpoint comes last: killed between the two, the next start repeats the steps and writes the same model. */
    enum status status = model_save(&r->model, r->folder, r->recipe->keep_f32 ? DTYPE_F32 : DTYPE_BF16, err);
    return status == OK ? checkpoint_save(r, err) : status;
}

/* Back to the last checkpoint, once: what comes again is no accident of the machine. */
static enum status go_back(struct run *r, const struct wrong *wrong, bool *went_back, struct error *err)
{
    size_t step = r->adamw.step;
    if (*went_back || !file_exists(r->checkpoint))
        return error_set(
            err, ERR_INPUT,
            "%s: %s: a NaN or infinity after step %zu%s, expected finite numbers (a lower lr or more warmup_steps, begun again "
            "with --fresh)",
            r->folder, wrong->where, step, *went_back ? ", again after going back to the last checkpoint" : "");
    *went_back = true;
    enum status status = checkpoint_load(r, err);
    if (status == OK)
        status = run_trim_log(r, err);
    if (status == OK)
        fprintf(stderr, "%s: %s: a NaN or infinity after step %zu; once more from the checkpoint of step %zu\n", r->folder,
                wrong->where, step, (size_t)r->adamw.step);
    return status;
}

static enum status loop(struct run *r, struct error *err)
{
    double norm = 0;
    bool went_back = false;
    enum status status = OK;
    r->started = clock_seconds();
    while (status == OK && r->adamw.step < r->recipe->n_steps) {
        struct wrong wrong = {0};
        status = train_step(r, &norm, &wrong, err);
        size_t step = r->adamw.step;
        bool last = step == r->recipe->n_steps, stop = r->options->stop != NULL && *r->options->stop;
        if (status == OK && !wrong.where[0] && (step % LOG_STEPS == 0 || last))
            status = run_log(r, norm, err);
        if (status == OK && !wrong.where[0] && (step % r->recipe->checkpoint_steps == 0 || last || stop))
            status = save(r, &wrong, err);
        if (status == OK && wrong.where[0])
            status = go_back(r, &wrong, &went_back, err);
        else if (status == OK && stop && !last)
            status =
                error_set(err, ERR_STOPPED, "%s: stopped after step %zu, the same command goes on from there", r->folder, step);
    }
    return status;
}

/* What of two configs makes weights mean something else; NULL: nothing. Rotation and length may change, to go on with longer
 * sequences. */
static const char *first_difference(const struct config *a, const struct config *b)
{
    const struct {
        const char *key;
        bool differs;
    } keys[] = {
        {"model_type", a->family != b->family},
        {"hidden_size", a->d_model != b->d_model},
        {"num_hidden_layers", a->n_layers != b->n_layers},
        {"num_attention_heads", a->n_heads != b->n_heads || a->n_q_heads != b->n_q_heads},
        {"num_key_value_heads", a->n_k_heads != b->n_k_heads || a->n_v_heads != b->n_v_heads},
        {"head_dim", a->head_dim != b->head_dim},
        {"intermediate_size", a->d_ff != b->d_ff},
        {"vocab_size", a->vocab_size != b->vocab_size},
        {"tie_word_embeddings", a->tied != b->tied},
        {"attention_bias", a->qkv_bias != b->qkv_bias},
        {"mlp_bias", a->mlp_bias != b->mlp_bias},
        {"lambda_init", a->lambda == LAMBDA_VECTORS && a->lambda_init != b->lambda_init},
        {"rope_interleaved", a->rope.interleaved != b->rope.interleaved},
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (keys[i].differs)
            return keys[i].key;
    return NULL;
}

/* The weights of the model of this name in the folder that the recipe starts from. */
static enum status start_from(struct run *r, const char *folder, struct error *err)
{
    struct model before;
    struct tokenizer *tokenizer = NULL;
    struct model *m = &r->model;
    enum status status = model_load(&before, folder, err);
    if (status != OK)
        return status;
    model_hash(&before, r->start);
    const char *key = first_difference(&before.config, &m->config);
    if (key != NULL)
        status = error_set(err, ERR_INPUT, "%s: has another %s than models.%s of %s, expected the same", folder, key,
                           r->entry->string, r->recipe->path);
    if (status == OK && tokenizer_exists(folder))
        status = tokenizer_load(&tokenizer, folder, err);
    if (status == OK && tokenizer != NULL && strcmp(tokenizer_sha256(tokenizer), tokenizer_sha256(r->recipe->tokenizer)) != 0)
        status = error_set(err, ERR_INPUT, "%s: has another tokenizer than %s, expected the same", folder,
                           r->recipe->tokenizer_folder);
    if (status == OK)
        status = model_unpack(&before, err);
    if (status == OK) {
        memcpy(m->weights.storage, before.weights.storage, before.weights.n_storage * sizeof(float));
        model_update_lambda(m);
    }
    tokenizer_free(tokenizer);
    model_free(&before);
    return status;
}

/* A fresh model, or one to start from. */
static enum status begin_model(struct run *r, const struct config *config, struct error *err)
{
    enum status status = model_create(&r->model, config, r->recipe->seed, err);
    if (status != OK || !recipe_is_started(r->recipe, r->entry))
        return status;
    char *folder = recipe_start_folder(r->recipe, r->entry);
    status = folder ? start_from(r, folder, err) : error_set(err, ERR_SYSTEM, "%s: out of memory", r->recipe->path);
    free(folder);
    return status;
}

/* What is said before the first step. */
static void introduce(const struct run *r)
{
    fprintf(stderr, "%s: %zu parameters, step %zu of %zu, attention %s\n", r->folder, r->model.weights.n_params,
            (size_t)r->adamw.step, r->recipe->n_steps,
            r->recipe->attention == ATTENTION_WITHIN ? "within documents" : "across the documents of a sequence");
    if (r->extended_from > 0)
        fprintf(stderr, "%s: goes on from a training that was finished after %zu steps\n", r->folder, r->extended_from);
}

/* The training of a folder that is locked. */
static enum status train_begun(struct run *r, const struct config *config, struct error *err)
{
    const struct recipe *recipe = r->recipe;
    const struct trainer_options *options = r->options;
    enum status status = begin_model(r, config, err);
    if (status == OK)
        status = gradient_init(&r->gradient, &r->model, recipe_longest(recipe), recipe->recompute, options->threads, err);
    if (status == OK)
        status = freeze(r, err);
    if (status == OK)
        status = adamw_init(&r->adamw, &r->model.weights, r->frozen, err);
    if (status == OK && options->fresh)
        unlink(r->checkpoint);
    if (status == OK && file_exists(r->checkpoint))
        status = checkpoint_load(r, err);
    if (status == OK)
        status = run_trim_log(r, err);
    if (status == OK)
        status = file_copy(recipe->tokenizer_folder, r->folder, "tokenizer.json", err);
    if (status == OK)
        status = file_copy(recipe->tokenizer_folder, r->folder, "tokenizer_config.json", err);
    if (status == OK && !options->quiet)
        introduce(r);
    if (status == OK)
        status = loop(r, err);
    if (status == OK)
        status = run_write_result(r, err);
    packed_free(&r->sequence);
    free(r->frozen);
    adamw_free(&r->adamw);
    gradient_free(&r->gradient);
    model_free(&r->model);
    return status;
}

static enum status train_model(const struct recipe *recipe, const cJSON *entry, const struct trainer_options *options,
                               struct error *err)
{
    struct run r = {.recipe = recipe, .options = options, .entry = entry, .lock = -1};
    bool finished = false;
    struct config config;
    r.folder = path_join(recipe->output, entry->string);
    r.checkpoint = r.folder ? path_join(r.folder, "checkpoint.safetensors") : NULL;
    r.log = r.folder ? path_join(r.folder, "train.jsonl") : NULL;
    enum status status = r.log && r.checkpoint ? recipe_model(recipe, entry, &config, err)
                                               : error_set(err, ERR_SYSTEM, "%s: out of memory", recipe->path);
    if (status == OK)
        status = file_make_directory(r.folder, err);
    if (status == OK)
        status = file_lock_folder(&r.lock, r.folder, err);
    if (status == OK && !options->fresh)
        status = run_is_finished(&r, &finished, err);
    if (status == OK && !finished)
        status = train_begun(&r, &config, err);
    if (status == OK && finished && !options->quiet)
        fprintf(stderr, "%s: is finished, without its checkpoint; it stays as it is\n", r.folder);
    if (r.lock >= 0)
        close(r.lock);
    free(r.folder);
    free(r.checkpoint);
    free(r.log);
    return status;
}

/* Models are compared at equal size: one that is not within 1 % of the first is named. */
static enum status compare_sizes(const struct recipe *recipe, struct error *err)
{
    size_t first = 0;
    enum status status = OK;
    for (const cJSON *entry = recipe->models->child; entry != NULL && status == OK; entry = entry->next) {
        struct config config;
        struct weights list;
        status = recipe_model(recipe, entry, &config, err);
        if (status == OK)
            status = weights_list(&list, &config, err);
        if (status != OK)
            break;
        first = first > 0 ? first : list.n_params;
        double more = 100 * ((double)list.n_params / (double)first - 1);
        if (fabs(more) > 1)
            fprintf(stderr, "%s: note: %s has %zu parameters, %.1f %% %s than %s\n", recipe->path, entry->string, list.n_params,
                    fabs(more), more > 0 ? "more" : "fewer", recipe->models->child->string);
        weights_free(&list);
    }
    return status;
}

/* Every model of the recipe, or the one that was asked for, with the recipe's seed. */
static enum status train_models(const struct recipe *recipe, const struct trainer_options *options, struct error *err)
{
    enum status status = OK;
    for (const cJSON *entry = recipe->models->child; entry != NULL && status == OK; entry = entry->next)
        if (options->only == NULL || strcmp(options->only, entry->string) == 0)
            status = train_model(recipe, entry, options, err);
    return status;
}

/* Are there a model and a seed that were asked for? */
static enum status check_options(const struct recipe *recipe, const struct trainer_options *options, struct error *err)
{
    bool seed_known = options->seed == NULL || (recipe->n_seeds == 0 && *options->seed == recipe->seed);
    for (size_t i = 0; i < recipe->n_seeds; i++)
        seed_known = seed_known || *options->seed == recipe->seeds[i];
    if (!seed_known)
        return error_set(err, ERR_USAGE, "--seed: %s has no seed %llu, expected one of its seeds", recipe->path,
                         (unsigned long long)*options->seed);
    if (options->only != NULL && !cJSON_HasObjectItem(recipe->models, options->only))
        return error_set(err, ERR_USAGE, "--only: there is no model '%s' in %s, expected one of its models", options->only,
                         recipe->path);
    return OK;
}

enum status trainer_run(const struct recipe *recipe, const struct trainer_options *options, struct error *err)
{
    enum status status = check_options(recipe, options, err);
    if (status == OK)
        status = compare_sizes(recipe, err);
    if (status == OK && recipe->n_seeds == 0)
        status = train_models(recipe, options, err);
    for (size_t i = 0; i < recipe->n_seeds && status == OK; i++) {
        struct recipe one;
        char *folder;
        if (options->seed != NULL && *options->seed != recipe->seeds[i])
            continue;
        status = recipe_with_seed(&one, &folder, recipe, recipe->seeds[i], err);
        if (status == OK)
            status = train_models(&one, options, err);
        free(folder);
    }
    return status;
}
