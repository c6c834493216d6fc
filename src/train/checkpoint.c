/* checkpoint.c - what a training goes on from; see run.h. */
#include "train/run.h"

#include "numeric/matrix.h"

#include <string.h>
#include <zlib.h>

/* The numbers of a run, written as integers. */
struct numbers {
    int64_t step, n_steps, extended_from;
    uint64_t digest;
    struct token_counts counts;
    double loss_sum;
    int64_t loss_steps;
};
enum { N_NUMBERS = sizeof(struct numbers) / sizeof(int64_t) };

/* Of all that is kept, so that damage is not taken for a training. */
static int64_t checksum(const struct run *r, const struct numbers *numbers)
{
    uLong crc = crc32_z(0, (const Bytef *)numbers, sizeof *numbers);
    crc = crc32_z(crc, (const Bytef *)r->model.weights.storage, r->model.weights.n_storage * sizeof(float));
    crc = crc32_z(crc, (const Bytef *)r->adamw.m, r->adamw.n * sizeof(float));
    return (int64_t)crc32_z(crc, (const Bytef *)r->adamw.v, r->adamw.n * sizeof(float));
}

enum status checkpoint_save(const struct run *r, struct error *err)
{
    const struct weights *w = &r->model.weights;
    struct numbers numbers = {.step = (int64_t)r->adamw.step,
                              .n_steps = (int64_t)r->recipe->n_steps,
                              .extended_from = (int64_t)r->extended_from,
                              .digest = recipe_digest(r->recipe, r->entry, r->start, r->adamw.step),
                              .counts = r->counts,
                              .loss_sum = r->loss_sum,
                              .loss_steps = r->loss_steps};
    int64_t sum = checksum(r, &numbers);
    const struct tensor_out tensors[] = {
        {.name = "adamw.m", .dtype = DTYPE_F32, .n_dims = 1, .shape = {r->adamw.n}, .data = r->adamw.m},
        {.name = "adamw.v", .dtype = DTYPE_F32, .n_dims = 1, .shape = {r->adamw.n}, .data = r->adamw.v},
        {.name = "checksum", .dtype = DTYPE_I64, .n_dims = 1, .shape = {1}, .data = &sum},
        {.name = "run", .dtype = DTYPE_I64, .n_dims = 1, .shape = {N_NUMBERS}, .data = &numbers},
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
    size_t at = find_not_finite(out, n);
    if (at < n)
        return error_set(
            err, ERR_INPUT,
            "%s: tensor '%s': a NaN or infinity at element %zu, expected finite numbers (or start again with --fresh)", st->path,
            name, at);
    return OK;
}

/* Older checkpoints have no sum. */
static bool is_whole(const struct run *r, const struct tensor_file *st, const struct numbers *numbers)
{
    const struct tensor *t = tensor_file_find(st, "checksum");
    int64_t sum = checksum(r, numbers), its = sum;
    if (t != NULL && (t->dtype != DTYPE_I64 || t->count != 1))
        return false;
    if (t != NULL)
        memcpy(&its, t->data, sizeof its);
    return its == sum;
}

/* Has the run of these numbers made the steps that the recipe asks for, at the rates that it asks for? Those of a finished one
 * were of its own length. */
static bool same_past(const struct run *r, const struct numbers *was)
{
    if (was->step < 0 || was->step > was->n_steps || was->step > (int64_t)r->recipe->n_steps ||
        was->digest != recipe_digest(r->recipe, r->entry, r->start, (size_t)was->step))
        return false;
    struct recipe before = *r->recipe;
    before.n_steps = (size_t)was->n_steps;
    bool same = true;
    for (size_t i = 0; i < (size_t)was->step && was->step < was->n_steps; i++)
        same = same && recipe_rate(&before, i) == recipe_rate(r->recipe, i);
    return same;
}

enum status checkpoint_load(struct run *r, struct error *err)
{
    struct tensor_file st;
    struct numbers numbers = {.step = -1};
    enum status status = safetensors_open(&st, r->checkpoint, err);
    if (status != OK)
        return status;
    const struct tensor *tensor = tensor_file_find(&st, "run");
    if (tensor != NULL && tensor->dtype == DTYPE_I64 && tensor->count == N_NUMBERS)
        memcpy(&numbers, tensor->data, sizeof numbers);
    if (!same_past(r, &numbers))
        status = error_set(err, ERR_INPUT,
                           "%s: belongs to another recipe or other data, expected those it was made with (or start again with "
                           "--fresh)",
                           r->checkpoint);
    if (status == OK)
        status = load_array(r->model.weights.storage, &st, "weights", r->model.weights.n_storage, err);
    if (status == OK)
        status = load_array(r->adamw.m, &st, "adamw.m", r->adamw.n, err);
    if (status == OK)
        status = load_array(r->adamw.v, &st, "adamw.v", r->adamw.n, err);
    if (status == OK && !is_whole(r, &st, &numbers))
        status = error_set(err, ERR_INPUT, "%s: is damaged, expected the sum of its contents (start again with --fresh)",
                           r->checkpoint);
    if (status == OK) {
        bool longer = numbers.step == numbers.n_steps && numbers.n_steps < (int64_t)r->recipe->n_steps;
        r->adamw.step = (uint64_t)numbers.step;
        r->counts = numbers.counts;
        r->loss_sum = numbers.loss_sum;
        r->loss_steps = numbers.loss_steps;
        r->extended_from = (size_t)(longer ? numbers.n_steps : numbers.extended_from);
        model_update_lambda(&r->model);
    }
    tensor_file_close(&st);
    return status;
}
