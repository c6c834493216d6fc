/* shapes.c - see shapes.h. */
#include "bench/shapes.h"

#include "base/memory.h"
#include "base/random.h"
#include "suite/experiment.h"

#include <stdio.h>
#include <stdlib.h>

const char *const BENCH_SHAPE_NAMES[BENCH_SHAPES] = {"transformer", "diff"};
static const char *const EMBEDDED[BENCH_SHAPES] = {"models/transformer", "models/diff-transformer"};

static const char *const CONFIGS[BENCH_SHAPES] = {
    "{\"model_type\":\"llama\",\"hidden_size\":1024,\"num_hidden_layers\":12,\"num_attention_heads\":16,"
    "\"intermediate_size\":2816,\"vocab_size\":32000,\"max_position_embeddings\":65536}",
    "{\"model_type\":\"diff_transformer\",\"hidden_size\":1024,\"num_hidden_layers\":12,\"num_attention_heads\":8,"
    "\"intermediate_size\":2816,\"vocab_size\":32000,\"max_position_embeddings\":65536}",
};

enum status bench_model(struct model *m, size_t shape, struct error *err)
{
    struct config config;
    cJSON *json = cJSON_Parse(CONFIGS[shape]);
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

enum status bench_narrow(struct model *m, uint16_t **bytes, struct error *err)
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

void bench_shape_text(char text[BENCH_SHAPE_TEXT], const struct model *m, size_t tokens)
{
    const struct config *c = &m->config;
    const struct attention_plan *p = &m->plan;
    snprintf(text, BENCH_SHAPE_TEXT, "%zu layers of %zu, %zu query heads of %zu, FFN %zu, vocabulary %zu, %zu tokens",
             c->n_layers, c->d_model, p->n_q_heads, p->head_dim, c->d_ff, c->vocab_size, tokens);
}

enum status bench_embedded(struct model *m, size_t shape, struct error *err)
{
    char *folder = embedded_path(EMBEDDED[shape]);
    enum status status = folder ? model_load(m, folder, err) : error_set(err, ERR_SYSTEM, "bench: out of memory");
    free(folder);
    return status;
}
