/* trainer.c - see trainer.h. */
#include "train/trainer.h"

#include "base/clock.h"
#include "base/file.h"
#include "model/gradient.h"
#include "train/packing.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct run {
    const struct recipe *recipe;
    const struct trainer_options *options;
    char *folder, *checkpoint, *log;
    int lock; /* of the folder, which two trainings would both write */
    struct model model;
    struct gradient gradient;
    struct adamw adamw;
    struct ids sequence;
    double started, tokens;           /* of this process */
    double by_kind[N_DOCUMENT_KINDS]; /* tokens of the whole training, by kind of document */
    double loss_sum;                  /* over the steps since the last line of the log */
    size_t loss_steps;
};

/* The checkpoint is a safetensors file: weights, moments, and the numbers of the run. */
static enum status save_checkpoint(const struct run *r, struct error *err)
{
    const struct weights *w = &r->model.weights;
    int64_t numbers[2] = {(int64_t)r->adamw.step, (int64_t)r->recipe->digest}, kinds[N_DOCUMENT_KINDS];
    for (size_t i = 0; i < N_DOCUMENT_KINDS; i++)
        kinds[i] = (int64_t)r->by_kind[i];
    const struct tensor_out tensors[] = {
        {.name = "adamw.m", .dtype = DTYPE_F32, .n_dims = 1, .shape = {r->adamw.n}, .data = r->adamw.m},
        {.name = "adamw.v", .dtype = DTYPE_F32, .n_dims = 1, .shape = {r->adamw.n}, .data = r->adamw.v},
        {.name = "step_and_recipe", .dtype = DTYPE_I64, .n_dims = 1, .shape = {2}, .data = numbers},
        {.name = "tokens_by_kind", .dtype = DTYPE_I64, .n_dims = 1, .shape = {N_DOCUMENT_KINDS}, .data = kinds},
        {.name = "weights", .dtype = DTYPE_F32, .n_dims = 1, .shape = {w->n_storage}, .data = w->storage},
    };
    return safetensors_write(r->checkpoint, tensors, sizeof tensors / sizeof *tensors, err);
}

static enum status load_array(float *out, const struct tensor_file *st, const char *name, size_t n, struct error *err)
{
    const struct tensor *t = tensor_file_find(st, name);
    if (t == NULL || t->dtype != DTYPE_F32 || t->count != n)
        return error_set(err, ERR_INPUT,
                         "%s: tensor '%s' is missing or of another size, expected %zu F32 (or start again with --fresh)",
                         st->path, name, n);
    tensor_to_f32(out, t);
    return OK;
}

static enum status load_checkpoint(struct run *r, struct error *err)
{
    struct tensor_file st;
    enum status status = safetensors_open(&st, r->checkpoint, err);
    if (status != OK)
        return status;
    const struct tensor *numbers = tensor_file_find(&st, "step_and_recipe");
    int64_t values[2] = {0, 0};
    if (numbers != NULL && numbers->dtype == DTYPE_I64 && numbers->count == 2)
        memcpy(values, numbers->data, sizeof values);
    if (values[1] != (int64_t)r->recipe->digest)
        status = error_set(err, ERR_INPUT,
                           "%s: belongs to another recipe, expected the one it was made with (or start again with --fresh)",
                           r->checkpoint);
    if (status == OK)
        status = load_array(r->model.weights.storage, &st, "weights", r->model.weights.n_storage, err);
    if (status == OK)
        status = load_array(r->adamw.m, &st, "adamw.m", r->adamw.n, err);
    if (status == OK)
        status = load_array(r->adamw.v, &st, "adamw.v", r->adamw.n, err);
    r->adamw.step = (uint64_t)values[0];
    const struct tensor *kinds = tensor_file_find(&st, "tokens_by_kind");
    for (size_t i = 0; kinds != NULL && kinds->dtype == DTYPE_I64 && kinds->count == N_DOCUMENT_KINDS && i < kinds->count; i++) {
        int64_t n;
        memcpy(&n, kinds->data + i * sizeof n, sizeof n);
        r->by_kind[i] = (double)n;
    }
    model_update_lambda(&r->model);
    tensor_file_close(&st);
    return status;
}

/* Drops log lines of steps that the checkpoint has not reached: they will be written again. */
static enum status trim_log(const struct run *r, struct error *err)
{
    char *text = NULL;
    struct text kept = {0};
    if (!file_exists(r->log))
        return OK;
    enum status status = file_read(&text, NULL, r->log, err);
    for (char *line = text, *end; status == OK && (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        cJSON *entry = cJSON_Parse(line), *step = cJSON_GetObjectItemCaseSensitive(entry, "step");
        if (cJSON_IsNumber(step) && step->valuedouble <= (double)r->adamw.step)
            text_printf(&kept, "%s\n", line);
        cJSON_Delete(entry);
    }
    if (status == OK)
        status = file_write(r->log, kept.data ? kept.data : "", kept.len, err);
    text_free(&kept);
    free(text);
    return status;
}

static enum status validation_loss(struct run *r, double *loss, struct error *err)
{
    const struct recipe *recipe = r->recipe;
    const struct stage *stage = &recipe->validation;
    double sum = 0;
    for (size_t i = 0; i < recipe->validation_sequences; i++) {
        enum status status = pack_sequence(&r->sequence, recipe, stage, PACK_VALIDATION, i, NULL, err);
        if (status != OK)
            return status;
        sum += gradient_add(&r->gradient, r->sequence.data, r->sequence.n, 0);
    }
    *loss = sum / (double)(recipe->validation_sequences * stage->seq_len);
    return OK;
}

/* Appends to the log what happened since the last entry and shows it. */
static enum status report(struct run *r, double norm, struct error *err)
{
    size_t step = r->adamw.step, left = r->recipe->n_steps - step;
    bool validate = step % r->recipe->validation_steps == 0 || left == 0;
    double speed = r->tokens / (clock_seconds() - r->started), validation = 0, to_do = 0, seen = 0;
    double loss = r->loss_sum / (double)r->loss_steps;
    enum status status = validate ? validation_loss(r, &validation, err) : OK;
    if (status != OK)
        return status;
    for (size_t s = 0, at = 0; s < r->recipe->n_stages; at += r->recipe->stages[s++].steps) {
        const struct stage *stage = &r->recipe->stages[s];
        size_t done = step > at ? step - at : 0;
        to_do += done < stage->steps ? (double)((stage->steps - done) * stage->seq_len * stage->sequences) : 0;
    }
    for (size_t i = 0; i < N_DOCUMENT_KINDS; i++)
        seen += r->by_kind[i];
    cJSON *entry = cJSON_CreateObject();
    json_add_number(entry, "step", (double)step);
    json_add_number(entry, "tokens", seen);
    json_add_number(entry, "loss", loss);
    if (validate)
        json_add_number(entry, "validation_loss", validation);
    json_add_number(entry, "grad_norm", norm);
    json_add_number(entry, "lr", recipe_rate(r->recipe, step - 1));
    if (r->model.lambda != NULL) {
        cJSON *lambda = cJSON_AddArrayToObject(entry, "lambda");
        for (size_t l = 0; l < r->model.config.n_layers; l++)
            cJSON_AddItemToArray(lambda, json_number((double)r->model.lambda[l]));
    }
    r->loss_sum = 0;
    r->loss_steps = 0;
    json_add_number(entry, "tokens_per_second", round(speed));
    char *line = cJSON_PrintUnformatted(entry);
    cJSON_Delete(entry);
    FILE *log = fopen(r->log, "ae");
    if (log == NULL || line == NULL || fprintf(log, "%s\n", line) < 0 || fclose(log) != 0)
        status = error_set(err, ERR_SYSTEM, "%s: cannot be written", r->log);
    free(line);
    if (!r->options->quiet) {
        fprintf(stderr, "%s step %zu/%zu  loss %.4f  %.0f tokens/s  ETA %.0f min", r->folder, step, r->recipe->n_steps, loss,
                speed, to_do / speed / 60);
        if (validate)
            fprintf(stderr, "  validation %.4f", validation);
        fputc('\n', stderr);
    }
    return status;
}

/* One optimizer step over the sequences of its batch. */
static enum status train_step(struct run *r, double *loss, double *norm, struct error *err)
{
    size_t step = r->adamw.step, first = 0, s = 0, before = 0;
    const struct recipe *recipe = r->recipe;
    const struct stage *stage = recipe_stage(recipe, step);
    for (; &recipe->stages[s] != stage; before += recipe->stages[s++].steps) /* sequences of the stages before */
        first += recipe->stages[s].steps * recipe->stages[s].sequences;
    first += (step - before) * stage->sequences;
    double tokens = (double)(stage->seq_len * stage->sequences);
    gradient_clear(&r->gradient);
    *loss = 0;
    for (size_t i = 0; i < stage->sequences; i++) {
        enum status status = pack_sequence(&r->sequence, recipe, stage, PACK_TRAINING, first + i, r->by_kind, err);
        if (status != OK)
            return status;
        *loss += gradient_add(&r->gradient, r->sequence.data, r->sequence.n, (float)(1 / tokens)) / tokens;
    }
    *norm = gradient_norm(&r->gradient);
    if (!isfinite(*loss) || !isfinite(*norm))
        return error_set(err, ERR_INPUT, "%s: the loss is no longer finite at step %zu, expected a lower learning rate",
                         recipe->path, step);
    struct adamw_settings settings = recipe->optimizer;
    settings.lr = recipe_rate(recipe, step);
    adamw_step(&r->adamw, &r->model.weights, &r->gradient.sum, *norm, &settings);
    model_update_lambda(&r->model);
    r->tokens += tokens;
    r->loss_sum += *loss;
    r->loss_steps++;
    return OK;
}

/* What the scaling task fits: one line on the finished training. */
static enum status write_result(struct run *r, const char *name, struct error *err)
{
    double loss = 0, tokens = 0;
    enum status status = validation_loss(r, &loss, err);
    for (size_t s = 0; s < r->recipe->n_stages; s++)
        tokens += (double)(r->recipe->stages[s].steps * r->recipe->stages[s].seq_len * r->recipe->stages[s].sequences);
    cJSON *result = cJSON_CreateObject();
    struct text line = {0};
    char *path = path_join(r->folder, "training.json");
    cJSON_AddStringToObject(result, "model", name);
    json_add_number(result, "n_params", (double)r->model.weights.n_params);
    json_add_number(result, "tokens", tokens);
    json_add_number(result, "loss", loss);
    json_add_number(result, "seed", (double)r->recipe->seed);
    json_add_number(result, "data_seed", (double)r->recipe->data_seed);
    cJSON *kinds = cJSON_AddObjectToObject(result, "tokens_by_kind");
    for (size_t i = 0; i < N_DOCUMENT_KINDS; i++)
        if (r->by_kind[i] > 0)
            json_add_number(kinds, DOCUMENT_KINDS[i].name, r->by_kind[i]);
    char *text = cJSON_PrintUnformatted(result);
    if (status == OK)
        status = path && text && text_printf(&line, "%s\n", text) ? file_write(path, line.data, line.len, err)
                                                                  : error_set(err, ERR_SYSTEM, "%s: out of memory", r->folder);
    free(path);
    free(text);
    text_free(&line);
    cJSON_Delete(result);
    return status;
}

enum { LOG_STEPS = 10 };

static enum status loop(struct run *r, struct error *err)
{
    double loss = 0, norm = 0;
    enum status status = OK;
    r->started = clock_seconds();
    while (status == OK && r->adamw.step < r->recipe->n_steps) {
        status = train_step(r, &loss, &norm, err);
        size_t step = r->adamw.step;
        bool last = step == r->recipe->n_steps, stop = r->options->stop != NULL && *r->options->stop;
        if (status == OK && (step % LOG_STEPS == 0 || last))
            status = report(r, norm, err);
        if (status == OK && (step % r->recipe->checkpoint_steps == 0 || last || stop)) {
            /* The checkpoint comes last: killed between the two, the next start repeats the steps and writes the same model. */
            status = model_save(&r->model, r->folder, DTYPE_BF16, err);
            if (status == OK)
                status = save_checkpoint(r, err);
        }
        if (status == OK && stop && !last)
            status =
                error_set(err, ERR_STOPPED, "%s: stopped after step %zu, the same command goes on from there", r->folder, step);
    }
    return status;
}

static enum status copy_file(const char *from_folder, const char *to_folder, const char *name, struct error *err)
{
    char *from = path_join(from_folder, name), *to = path_join(to_folder, name), *text = NULL;
    size_t length = 0;
    enum status status = from && to ? OK : error_set(err, ERR_SYSTEM, "%s: out of memory", name);
    if (status == OK && strcmp(from, to) != 0) {
        status = file_read(&text, &length, from, err);
        if (status == OK)
            status = file_write(to, text, length, err);
    }
    free(from);
    free(to);
    free(text);
    return status;
}

/* A fresh model, or the one of this name in the folder that the recipe starts from. */
static enum status begin_model(struct model *m, const struct recipe *recipe, const char *name, const struct config *config,
                               struct error *err)
{
    struct model before;
    enum status status = model_create(m, config, recipe->seed, err);
    if (status != OK || recipe->start == NULL)
        return status;
    char *folder = path_join(recipe->start, name);
    status = folder ? model_load(&before, folder, err) : error_set(err, ERR_SYSTEM, "%s: out of memory", recipe->path);
    if (status == OK) {
        status = model_unpack(&before, err);
        if (status == OK && (before.config.family != config->family || before.weights.n_storage != m->weights.n_storage))
            status = error_set(err, ERR_INPUT, "%s: is another model than '%s' of %s, expected the same shapes", folder, name,
                               recipe->path);
        if (status == OK)
            memcpy(m->weights.storage, before.weights.storage, before.weights.n_storage * sizeof(float));
        model_update_lambda(m);
        model_free(&before);
    }
    free(folder);
    return status;
}

static enum status train_model(const struct recipe *recipe, const cJSON *entry, const struct trainer_options *options,
                               struct error *err)
{
    struct run r = {.recipe = recipe, .options = options, .lock = -1};
    struct config config;
    size_t longest = recipe->validation.seq_len;
    for (size_t i = 0; i < recipe->n_stages; i++)
        longest = recipe->stages[i].seq_len > longest ? recipe->stages[i].seq_len : longest;
    r.folder = path_join(recipe->output, entry->string);
    r.checkpoint = r.folder ? path_join(r.folder, "checkpoint.safetensors") : NULL;
    r.log = r.folder ? path_join(r.folder, "train.jsonl") : NULL;
    enum status status = r.log && r.checkpoint ? recipe_model(recipe, entry, &config, err)
                                               : error_set(err, ERR_SYSTEM, "%s: out of memory", recipe->path);
    if (status == OK)
        status = file_make_directory(r.folder, err);
    if (status == OK)
        status = file_lock_folder(&r.lock, r.folder, err);
    if (status == OK)
        status = begin_model(&r.model, recipe, entry->string, &config, err);
    if (status == OK)
        status = gradient_init(&r.gradient, &r.model, longest, options->threads, err);
    if (status == OK)
        status = adamw_init(&r.adamw, &r.model.weights, err);
    if (status == OK && options->fresh)
        unlink(r.checkpoint);
    if (status == OK && file_exists(r.checkpoint))
        status = load_checkpoint(&r, err);
    if (status == OK)
        status = trim_log(&r, err);
    if (status == OK)
        status = copy_file(recipe->tokenizer_folder, r.folder, "tokenizer.json", err);
    if (status == OK)
        status = copy_file(recipe->tokenizer_folder, r.folder, "tokenizer_config.json", err);
    if (status == OK && !options->quiet)
        fprintf(stderr, "%s: %zu parameters, step %zu of %zu\n", r.folder, r.model.weights.n_params, (size_t)r.adamw.step,
                recipe->n_steps);
    if (status == OK)
        status = loop(&r, err);
    if (status == OK)
        status = write_result(&r, entry->string, err);
    ids_free(&r.sequence);
    adamw_free(&r.adamw);
    gradient_free(&r.gradient);
    model_free(&r.model);
    if (r.lock >= 0)
        close(r.lock);
    free(r.folder);
    free(r.checkpoint);
    free(r.log);
    return status;
}

/* Every model of the recipe, or the one that was asked for, with the recipe's seed. */
static enum status train_models(const struct recipe *recipe, const struct trainer_options *options, struct error *err)
{
    enum status status = OK;
    bool found = false;
    for (const cJSON *entry = recipe->models->child; entry != NULL && status == OK; entry = entry->next) {
        if (options->only != NULL && strcmp(options->only, entry->string) != 0)
            continue;
        found = true;
        status = train_model(recipe, entry, options, err);
    }
    if (status == OK && !found)
        status = error_set(err, ERR_USAGE, "--only: there is no model '%s' in %s, expected one of its models", options->only,
                           recipe->path);
    return status;
}

/* One of the recipe's seeds: a training of its own in OUTPUT/seed-N, as if the recipe had that `seed`. */
static enum status train_seed(const struct recipe *recipe, uint64_t seed, const struct trainer_options *options,
                              struct error *err)
{
    struct recipe one = *recipe;
    struct text output = {0};
    one.seed = seed;
    if (!json_has(recipe->root, "data_seed"))
        one.data_seed = seed;
    one.digest = hash_u64(recipe->digest ^ seed) >> 12;
    enum status status = text_printf(&output, "%s/seed-%" PRIu64, recipe->output, seed)
                             ? file_make_directory(recipe->output, err)
                             : error_set(err, ERR_SYSTEM, "%s: out of memory", recipe->path);
    one.output = output.data;
    if (status == OK)
        status = train_models(&one, options, err);
    text_free(&output);
    return status;
}

enum status trainer_run(const struct recipe *recipe, const struct trainer_options *options, struct error *err)
{
    enum status status = recipe->n_seeds == 0 ? train_models(recipe, options, err) : OK;
    for (size_t i = 0; i < recipe->n_seeds && status == OK; i++)
        if (options->seed == NULL || *options->seed == recipe->seeds[i])
            status = train_seed(recipe, recipe->seeds[i], options, err);
    return status;
}
