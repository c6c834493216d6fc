/* models.c - rows of whole models: prefill and decoding of a middle-sized shape, training of the embedded pair's. */
#include "bench/bench.h"

#include "base/memory.h"
#include "suite/experiment.h"
#include "suite/rates.h"

#include <stdio.h>
#include <stdlib.h>

enum { RUNS = 5, CONTEXT = 512 };

static const struct {
    const char *name, *config;
} SHAPES[] = {{"transformer",
               "{\"model_type\":\"llama\",\"hidden_size\":1024,\"num_hidden_layers\":12,\"num_attention_heads\":16,"
               "\"intermediate_size\":2816,\"vocab_size\":32000,\"max_position_embeddings\":65536}"},
              {"diff-transformer",
               "{\"model_type\":\"diff_transformer\",\"hidden_size\":1024,\"num_hidden_layers\":12,\"num_attention_heads\":8,"
               "\"intermediate_size\":2816,\"vocab_size\":32000,\"max_position_embeddings\":65536}"}};
enum { N_SHAPES = sizeof SHAPES / sizeof *SHAPES };

/* A model of such a shape with small numbers that cost no time to draw. */
static enum status make_model(struct model *m, const char *text, struct error *err)
{
    struct config config;
    cJSON *json = cJSON_Parse(text);
    enum status status = config_from_json(&config, json, "bench", err);
    cJSON_Delete(json);
    *m = (struct model){.config = config};
    if (status == OK)
        status = weights_init(&m->weights, &config, err);
    if (status != OK)
        return status;
    struct rng rng = rng_stream(1, "bench", 0);
    for (size_t i = 0; i < m->weights.n_storage; i++)
        m->weights.storage[i] = (float)((double)(rng_u64(&rng) >> 40) * 0x1p-24 - 0.5) * 0.05f;
    return model_derive(m, err);
}

/* The same weights as BF16, in memory that the caller frees after the model. */
static enum status narrow(struct model *m, uint16_t **bytes, struct error *err)
{
    struct weights *w = &m->weights;
    size_t total = 0;
    for (size_t i = 0; i < w->n_rows; i++)
        total += w->rows[i].matrix ? w->rows[i].count : 0;
    uint16_t *at = *bytes = mem_array(total, sizeof *at);
    if (at == NULL)
        return error_set(err, ERR_SYSTEM, "bench: out of memory");
    for (size_t i = 0; i < w->n_rows; i++) {
        struct matrix *x = w->rows[i].matrix;
        for (size_t j = 0; x != NULL && j < w->rows[i].count; j++)
            at[j] = bf16_from_f32(x->f32[j]);
        if (x != NULL) {
            *x = (struct matrix){.data = (const unsigned char *)at, .dtype = DTYPE_BF16};
            at += w->rows[i].count;
        }
    }
    w->n_mapped = total * sizeof *at;
    w->n_storage -= total; /* what decoding reads no more */
    if (m->config.tied)
        w->lm_head = w->embedding;
    return OK;
}

static double seconds_of(void *context)
{
    return 1 / rates_job_run(context);
}

static enum status row(struct bench *b, const char *work_name, const char *name, const struct model *m, enum rates_work work,
                       size_t n, struct error *err)
{
    struct rates_job *job;
    char text[96];
    enum status status = rates_job_open(&job, m, work, n, b->threads, err);
    if (status != OK)
        return status;
    snprintf(text, sizeof text, "%s.%s", work_name, name);
    bool memory = work == RATES_DECODE; /* seconds_of is the time of one token */
    double cost = memory ? rates_decode_bytes(m, n) / 1e9 : rates_job_gflops(job, 1);
    bench_row(b, text, seconds_of, job, RUNS, 1, "tokens/s", cost, memory);
    rates_job_close(job);
    return OK;
}

enum status bench_prefill(struct bench *b, struct error *err)
{
    static const size_t lengths[] = {512, 2048};
    enum status status = OK;
    for (size_t i = 0; i < N_SHAPES && status == OK; i++) {
        struct model m;
        status = make_model(&m, SHAPES[i].config, err);
        for (size_t k = 0; k < 2 && status == OK; k++) {
            char name[32];
            snprintf(name, sizeof name, "prefill.%zu", lengths[k]);
            status = row(b, name, SHAPES[i].name, &m, RATES_PREFILL, lengths[k], err);
        }
        model_free(&m);
    }
    return status;
}

enum status bench_decode(struct bench *b, struct error *err)
{
    enum status status = OK;
    for (size_t i = 0; i < N_SHAPES && status == OK; i++) {
        struct model m;
        uint16_t *bytes = NULL;
        status = make_model(&m, SHAPES[i].config, err);
        if (status == OK)
            status = row(b, "decode.f32", SHAPES[i].name, &m, RATES_DECODE, CONTEXT, err);
        if (status == OK)
            status = narrow(&m, &bytes, err);
        if (status == OK)
            status = row(b, "decode.bf16", SHAPES[i].name, &m, RATES_DECODE, CONTEXT, err);
        if (status == OK)
            status = row(b, "prefill.512.bf16", SHAPES[i].name, &m, RATES_PREFILL, CONTEXT, err);
        model_free(&m);
        free(bytes);
    }
    return status;
}

enum status bench_train(struct bench *b, struct error *err)
{
    enum status status = OK;
    for (size_t i = 0; i < N_SHAPES && status == OK; i++) {
        struct model m;
        char path[64];
        snprintf(path, sizeof path, "models/%s", SHAPES[i].name);
        char *folder = embedded_path(path);
        status = folder ? model_load(&m, folder, err) : error_set(err, ERR_SYSTEM, "bench: out of memory");
        free(folder);
        if (status != OK)
            return status;
        status = row(b, "train.512", SHAPES[i].name, &m, RATES_TRAIN, CONTEXT, err);
        model_free(&m);
    }
    return status;
}
