/* log.c - what a training says of itself: train.jsonl, training.json, progress; see run.h. */
#include "train/run.h"
#include "train/trainer.h"

#include "base/clock.h"
#include "base/file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum status run_trim_log(const struct run *r, struct error *err)
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

enum status run_validate(struct run *r, double *loss, struct error *err)
{
    const struct recipe *recipe = r->recipe;
    double sum = 0;
    for (size_t i = 0; i < recipe->validation_sequences; i++) {
        enum status status = pack_sequence(&r->sequence, recipe, &recipe->validation, PACK_VALIDATION, i, err);
        if (status != OK)
            return status;
        sum += run_sequence(r, 0);
    }
    *loss = sum / (double)(recipe->validation_sequences * recipe->validation.seq_len);
    return OK;
}

/* The line of the log on a step; validation is NaN where there was none. */
static cJSON *log_entry(const struct run *r, double grad_norm, double validation, double speed)
{
    cJSON *entry = cJSON_CreateObject();
    json_add_number(entry, "step", (double)r->adamw.step);
    json_add_number(entry, "tokens", recipe_tokens(r->recipe, 0, r->adamw.step));
    json_add_number(entry, "loss", r->loss_sum / (double)r->loss_steps);
    if (!isnan(validation))
        json_add_number(entry, "validation_loss", validation);
    json_add_number(entry, "grad_norm", grad_norm);
    json_add_number(entry, "lr", recipe_rate(r->recipe, r->adamw.step - 1));
    if (r->model.lambda != NULL) {
        cJSON *lambda = cJSON_AddArrayToObject(entry, "lambda");
        for (size_t l = 0; l < r->model.config.n_layers; l++)
            cJSON_AddItemToArray(lambda, json_number((double)r->model.lambda[l]));
    }
    json_add_number(entry, "tokens_per_second", round(speed));
    return entry;
}

/* The line on standard output, which of several trainings it is of in front. */
static bool print_json(const struct run *r, const cJSON *entry)
{
    cJSON *line = cJSON_CreateObject();
    const cJSON *item;
    cJSON_AddStringToObject(line, "model", r->entry->string);
    json_add_number(line, "seed", (double)r->recipe->seed);
    cJSON_ArrayForEach(item, entry)
    {
        cJSON_AddItemToObject(line, item->string, cJSON_Duplicate(item, true));
    }
    char *text = cJSON_PrintUnformatted(line);
    bool ok = text != NULL && puts(text) >= 0 && fflush(stdout) == 0;
    free(text);
    cJSON_Delete(line);
    return ok;
}

static void show(const struct run *r, double validation, double speed)
{
    double to_do = recipe_tokens(r->recipe, r->adamw.step, r->recipe->n_steps);
    fprintf(stderr, "%s step %zu/%zu  loss %.4f  %.0f tokens/s  ETA %.0f min", r->folder, (size_t)r->adamw.step,
            r->recipe->n_steps, r->loss_sum / (double)r->loss_steps, speed, to_do / speed / 60);
    if (!isnan(validation))
        fprintf(stderr, "  validation %.4f", validation);
    fputc('\n', stderr);
}

enum status run_log(struct run *r, double grad_norm, struct error *err)
{
    bool validate = r->adamw.step % r->recipe->validation_steps == 0 || r->adamw.step == r->recipe->n_steps;
    double speed = r->tokens / (clock_seconds() - r->started), validation = NAN;
    enum status status = validate ? run_validate(r, &validation, err) : OK;
    if (status != OK)
        return status;
    cJSON *entry = log_entry(r, grad_norm, validation, speed);
    char *line = cJSON_PrintUnformatted(entry);
    FILE *log = fopen(r->log, "ae");
    bool written = log != NULL && line != NULL && fprintf(log, "%s\n", line) > 0;
    if (log != NULL && fclose(log) != 0)
        written = false;
    if (!written)
        status = error_set(err, ERR_SYSTEM, "%s: cannot be written", r->log);
    free(line);
    if (status == OK && r->options->json && !print_json(r, entry))
        status = error_set(err, ERR_SYSTEM, "standard output: cannot be written");
    cJSON_Delete(entry);
    if (!r->options->quiet)
        show(r, validation, speed);
    r->loss_sum = 0;
    r->loss_steps = 0;
    return status;
}

enum status run_is_finished(const struct run *r, bool *finished, struct error *err)
{
    char *path = path_join(r->folder, "training.json");
    cJSON *result = NULL;
    enum status status = OK;
    *finished = false;
    if (file_exists(path) && !file_exists(r->checkpoint))
        status = json_read(&result, path, err);
    if (status == OK && result != NULL) {
        *finished = json_real(result, "steps") == (double)r->recipe->n_steps &&
                    json_real(result, "seed") == (double)r->recipe->seed &&
                    json_real(result, "data_seed") == (double)r->recipe->data_seed;
        if (!*finished)
            status = error_set(
                err, ERR_INPUT,
                "%s: is of %.0f steps with seed %.0f and data_seed %.0f, and has no checkpoint to go on from, expected "
                "the recipe's %zu steps and seeds, or --fresh",
                path, json_real(result, "steps"), json_real(result, "seed"), json_real(result, "data_seed"), r->recipe->n_steps);
    }
    cJSON_Delete(result);
    free(path);
    return status;
}

enum status run_write_result(struct run *r, struct error *err)
{
    static const char *const attentions[] = {[ATTENTION_ACROSS] = "across_documents", [ATTENTION_WITHIN] = "within_documents"};
    double loss = 0;
    enum status status = run_validate(r, &loss, err);
    cJSON *result = cJSON_CreateObject();
    struct text line = {0};
    char *path = path_join(r->folder, "training.json");
    cJSON_AddStringToObject(result, "model", r->entry->string);
    json_add_number(result, "n_params", (double)r->model.weights.n_params);
    json_add_number(result, "tokens", recipe_tokens(r->recipe, 0, r->recipe->n_steps));
    json_add_number(result, "loss", loss);
    json_add_number(result, "seed", (double)r->recipe->seed);
    json_add_number(result, "data_seed", (double)r->recipe->data_seed);
    json_add_number(result, "steps", (double)r->recipe->n_steps);
    if (r->extended_from > 0)
        json_add_number(result, "extended_from_steps", (double)r->extended_from);
    cJSON_AddStringToObject(result, "attention", attentions[r->recipe->attention]);
    cJSON *kinds = cJSON_AddObjectToObject(result, "tokens_by_kind");
    for (size_t i = 0; i < N_DOCUMENT_KINDS; i++)
        if (r->counts.kinds[i] > 0)
            json_add_number(kinds, DOCUMENT_KINDS[i].name, (double)r->counts.kinds[i]);
    json_add_number(result, "fill_tokens", (double)r->counts.fill);
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
