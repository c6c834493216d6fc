/* grads.c - see grads.h. */
#include "train/grads.h"

#include "lm/ids.h"
#include "model/gradient.h"
#include "train/adamw.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum status read_settings(struct adamw_settings *s, int64_t *step, const char *path, struct error *err)
{
    cJSON *json;
    enum status status = json_read(&json, path, err);
    if (status != OK)
        return status;
    *s = (struct adamw_settings){.beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8};
    const struct {
        const char *key;
        double *value, high;
    } keys[] = {{"lr", &s->lr, 1e3},
                {"beta1", &s->beta1, 1},
                {"beta2", &s->beta2, 1},
                {"eps", &s->eps, 1},
                {"weight_decay", &s->weight_decay, 1e3},
                {"clip", &s->clip, 1e9},
                {"grad_clip_norm", &s->clip, 1e9}};
    for (size_t i = 0; i < sizeof keys / sizeof *keys && status == OK; i++)
        status = json_get_double(json, keys[i].key, 0, keys[i].high, i > 0, keys[i].value, path, err);
    if (status == OK)
        status = json_get_int(json, "step", 1, 1 << 30, true, step, path, err);
    cJSON_Delete(json);
    return status;
}

/* Adds rows named prefix + tensor name, pointing into `w`. */
static size_t add_rows(struct tensor_out *out, char (*names)[128], size_t at, const char *prefix, const struct weights *w)
{
    for (size_t i = 0; i < w->n_rows; i++, at++) {
        snprintf(names[at], sizeof names[at], "%s.%s", prefix, w->rows[i].name);
        out[at] = (struct tensor_out){.name = names[at],
                                      .dtype = DTYPE_F32,
                                      .n_dims = w->rows[i].n_dims,
                                      .shape = {w->rows[i].shape[0], w->rows[i].shape[1]},
                                      .data = weights_floats(&w->rows[i])};
    }
    return at;
}

enum status grads_write(const char *model_folder, const char *ids_path, const char *adamw_path, const char *out_path, int threads,
                        struct error *err)
{
    struct model model = {0};
    struct gradient g = {0};
    struct adamw adamw = {0};
    struct adamw_settings settings;
    int64_t step = 1;
    int32_t *ids = NULL;
    size_t n = 0;
    struct tensor_out *out = NULL;
    char(*names)[128] = NULL;
    enum status status = model_load(&model, model_folder, err);
    if (status == OK)
        status = model_unpack(&model, err);
    if (status == OK)
        status = ids_read(&ids, &n, ids_path, model.config.vocab_size, 2, err);
    if (status == OK && adamw_path != NULL)
        status = read_settings(&settings, &step, adamw_path, err);
    if (status == OK)
        status = gradient_init(&g, &model, n - 1, false, threads, err);
    if (status == OK)
        status = adamw_init(&adamw, &model.weights, NULL, err);
    if (status != OK)
        goto done;
    float loss = (float)(gradient_add(&g, ids, n, 1.0f / (float)(n - 1)) / (double)(n - 1)), norm = (float)gradient_norm(&g);
    size_t rows = model.weights.n_rows, at = 2;
    if (!isfinite(loss) || !isfinite(norm)) {
        char where[64];
        gradient_explain(&g, where, sizeof where);
        status = error_set(err, ERR_INPUT, "%s: %s: a NaN or infinity, expected finite numbers", model_folder, where);
        goto done;
    }
    out = calloc(2 + 2 * rows, sizeof *out);
    names = calloc(2 + 2 * rows, sizeof *names);
    if (out == NULL || names == NULL) {
        status = error_set(err, ERR_SYSTEM, "%s: out of memory", out_path);
        goto done;
    }
    out[0] = (struct tensor_out){.name = "loss", .dtype = DTYPE_F32, .n_dims = 1, .shape = {1}, .data = &loss};
    out[1] = (struct tensor_out){.name = "grad_norm", .dtype = DTYPE_F32, .n_dims = 1, .shape = {1}, .data = &norm};
    at = add_rows(out, names, at, "grad", &g.sum);
    if (adamw_path != NULL) {
        adamw.step = (uint64_t)step - 1;
        adamw_step(&adamw, &model.weights, &g.sum, (double)norm, &settings);
        at = add_rows(out, names, at, "adamw", &model.weights);
    }
    status = safetensors_write(out_path, out, at, err);
done:
    free(out);
    free(names);
    free(ids);
    adamw_free(&adamw);
    gradient_free(&g);
    model_free(&model);
    return status;
}
