/* oracle.c - see oracle.h. */
#include "train/oracle.h"

#include "base/memory.h"
#include "formats/safetensors.h"
#include "model/gradient.h"
#include "model/session.h"
#include "train/adamw.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEEN_LAYER = 1 }; /* whose attention maps the cases hold */

static enum status read_ids(struct oracle *o, struct error *err)
{
    const struct tensor *ids = tensor_file_find(&o->expected, "input_ids");
    if (ids == NULL || ids->dtype != DTYPE_I64 || ids->count < 2)
        return error_set(err, ERR_INPUT, "%s: tensor 'input_ids' is missing, expected I64 numbers", o->expected.path);
    o->n = ids->count;
    o->ids = calloc(o->n, sizeof *o->ids);
    for (size_t i = 0; i < o->n; i++) {
        int64_t id;
        memcpy(&id, ids->data + i * sizeof id, sizeof id);
        o->ids[i] = (int32_t)id;
    }
    return OK;
}

enum status oracle_open(struct oracle *o, const char *model, const char *folder, struct error *err)
{
    char *path = path_join(folder, "expected.safetensors");
    *o = (struct oracle){0};
    enum status status = model_load(&o->model, model, err);
    if (status == OK && (status = safetensors_open(&o->expected, path, err)) != OK)
        model_free(&o->model);
    free(path);
    if (status == OK && (status = read_ids(o, err)) != OK)
        oracle_close(o);
    return status;
}

void oracle_close(struct oracle *o)
{
    model_free(&o->model);
    tensor_file_close(&o->expected);
    free(o->ids);
}

enum status oracle_compare(const struct oracle *o, const char *name, const float *got, double tolerance, struct error *err)
{
    const struct tensor *t = tensor_file_find(&o->expected, name);
    if (t == NULL)
        return error_set(err, ERR_INPUT, "%s: tensor '%s' is missing, expected one", o->expected.path, name);
    enum status status = OK;
    float *want = calloc(t->count, sizeof *want);
    double largest = 1e-12;
    tensor_to_f32(want, t);
    for (size_t i = 0; i < t->count; i++)
        largest = fmax(largest, fabs((double)want[i]));
    for (size_t i = 0; i < t->count && status == OK; i++)
        if (!(fabs((double)got[i] - (double)want[i]) <= tolerance * largest)) /* nor a NaN */
            status = error_set(err, ERR_REGRESSION, "%s[%zu] is %.8g, expected %.8g within %g of %g", name, i, (double)got[i],
                               (double)want[i], tolerance, largest);
    free(want);
    return status;
}

/* What a probe sees of a run. */
struct seen {
    const struct oracle *o;
    const struct session *session;
    float *logits;    /* [n, vocab_size] */
    float *attention; /* [n_heads, n, n] */
    float *hidden;    /* [n_layers, n, D] */
};

static bool wants_row(void *context, size_t layer, size_t position)
{
    (void)context, (void)position;
    return layer == SEEN_LAYER;
}

static void on_row(void *context, size_t layer, size_t head, size_t position, const float *row)
{
    struct seen *s = context;
    (void)layer;
    memcpy(s->attention + (head * s->o->n + position) * s->o->n, row, (position + 1) * sizeof *row);
}

static void on_hidden(void *context, size_t layer, size_t start, size_t rows, const float *hidden, size_t width)
{
    struct seen *s = context;
    memcpy(s->hidden + (layer * s->o->n + start) * width, hidden, rows * width * sizeof *hidden);
}

static void on_final(void *context, size_t start, size_t rows, const float *normed, size_t width)
{
    struct seen *s = context;
    (void)width;
    session_logits(s->session, s->logits + start * s->o->model.config.vocab_size, normed, rows);
}

static enum status compare_seen(const struct seen *seen, struct error *err)
{
    const struct oracle *o = seen->o;
    const struct config *c = &o->model.config;
    enum status status = oracle_compare(o, "logits", seen->logits, 1e-4, err);
    if (status == OK)
        status = oracle_compare(o, "attention.1", seen->attention, 1e-5, err);
    for (size_t l = 0; l < c->n_layers && status == OK; l++) {
        char name[32];
        snprintf(name, sizeof name, "hidden.%zu", l);
        status = oracle_compare(o, name, seen->hidden + l * o->n * c->d_model, 1e-4, err);
    }
    return status;
}

enum status oracle_forward(struct oracle *o, size_t piece, int threads, float **logits, struct error *err)
{
    const struct config *c = &o->model.config;
    struct session s;
    enum status status = session_init(&s, &o->model, o->n, threads, err);
    if (status != OK)
        return status;
    struct seen seen = {o, &s, mem_array(o->n * c->vocab_size, sizeof(float)),
                        mem_array(o->model.plan.n_heads * o->n * o->n, sizeof(float)),
                        mem_array(c->n_layers * o->n * c->d_model, sizeof(float))};
    struct probe probe = {
        .context = &seen, .wants_row = wants_row, .on_row = on_row, .on_hidden = on_hidden, .on_final = on_final};
    if (seen.logits == NULL || seen.attention == NULL || seen.hidden == NULL)
        status = error_set(err, ERR_SYSTEM, "%s: out of memory for %zu tokens", o->model.folder, o->n);
    for (size_t i = 0; i < o->n && status == OK; i += piece)
        status = session_run(&s, o->ids + i, o->n - i < piece ? o->n - i : piece, &probe, NULL, err);
    if (status == OK && logits == NULL)
        status = compare_seen(&seen, err);
    session_free(&s);
    if (status == OK && logits != NULL)
        *logits = seen.logits;
    else
        free(seen.logits);
    free(seen.attention);
    free(seen.hidden);
    return status;
}

/* Every tensor of `w` under the name PREFIX.{its name}. */
static enum status compare_weights(const struct oracle *o, const char *prefix, const struct weights *w, struct error *err)
{
    enum status status = OK;
    for (size_t i = 0; i < w->n_rows && status == OK; i++) {
        char name[160];
        snprintf(name, sizeof name, "%s.%s", prefix, w->rows[i].name);
        status = oracle_compare(o, name, weights_floats(&w->rows[i]), 1e-3, err);
    }
    return status;
}

enum status oracle_gradients(struct oracle *o, int threads, struct error *err)
{
    /* those that the expected step was made with */
    const struct adamw_settings settings = {.lr = 0.01, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.1, .clip = 1};
    struct gradient g = {0};
    struct adamw adamw = {0};
    enum status status = model_unpack(&o->model, err);
    if (status == OK)
        status = gradient_init(&g, &o->model, o->n, false, threads, err);
    if (status == OK && (status = adamw_init(&adamw, &o->model.weights, NULL, err)) != OK)
        gradient_free(&g);
    if (status != OK)
        return status;
    double predicted = (double)(o->n - 1);
    float loss = (float)(gradient_add(&g, o->ids, o->n, (float)(1 / predicted)) / predicted), norm = (float)gradient_norm(&g);
    status = oracle_compare(o, "loss", &loss, 1e-5, err);
    if (status == OK)
        status = oracle_compare(o, "grad_norm", &norm, 1e-4, err);
    if (status == OK)
        status = compare_weights(o, "grad", &g.sum, err);
    if (status == OK) {
        adamw_step(&adamw, &o->model.weights, &g.sum, (double)norm, &settings);
        status = compare_weights(o, "adamw", &o->model.weights, err);
    }
    adamw_free(&adamw);
    gradient_free(&g);
    return status;
}
