/* attention.c - rows of attention alone: 16 query heads of 64 for both architectures, forward to 16K and backward. */
#include "bench/bench.h"
#include "bench/shapes.h"

#include "base/clock.h"
#include "base/memory.h"
#include "model/config.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *name, *config;
} KINDS[] = {{"transformer", "{\"model_type\":\"llama\",\"hidden_size\":1024,\"num_hidden_layers\":1,\"num_attention_heads\":16,"
                             "\"intermediate_size\":1,\"vocab_size\":1}"},
             {"diff", "{\"model_type\":\"diff_transformer\",\"hidden_size\":1024,\"num_hidden_layers\":1,"
                      "\"num_attention_heads\":8,\"intermediate_size\":1,\"vocab_size\":1}"}};

/* One layer's attention of a whole sequence. */
struct job {
    struct attention_plan plan;
    struct kv_store kv;
    size_t n;
    int threads;
    bool backward;
    float *q, *k, *v, *coef, *out, *map_out, *lse, *dq, *dk, *dv, *dcoef, *scratch;
};

static float *filled(size_t n)
{
    float *x = mem_array(n, sizeof *x);
    for (size_t i = 0; x != NULL && i < n; i++)
        x[i] = (float)((i * 2654435761u >> 8) % 1024) / 512 - 1;
    return x;
}

static double once(void *context)
{
    struct job *j = context;
    double started = clock_seconds();
    if (j->backward)
        attention_backward(j->dq, j->dk, j->dv, j->dcoef, j->out, &j->plan, &j->kv, j->q, j->coef, j->map_out, j->lse, j->n,
                           j->scratch, j->threads);
    else
        attention_forward(j->out, j->map_out, j->lse, &j->plan, &j->kv, j->q, j->coef, 0, j->n, NULL, j->scratch, j->threads);
    return clock_seconds() - started;
}

static void close_job(struct job *j)
{
    float *all[] = {j->q, j->k, j->v, j->coef, j->out, j->map_out, j->lse, j->dq, j->dk, j->dv, j->dcoef, j->scratch};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    kv_store_free(&j->kv);
    attention_plan_free(&j->plan);
}

static enum status open_job(struct job *j, const char *config, size_t n, bool backward, int threads, struct error *err)
{
    struct config c;
    cJSON *json = cJSON_Parse(config);
    enum status status = config_from_json(&c, json, "bench", err);
    cJSON_Delete(json);
    *j = (struct job){.n = n, .threads = threads, .backward = backward};
    if (status == OK)
        status = config_plan(&j->plan, &c, err);
    if (status == OK)
        status = kv_store_init(&j->kv, &j->plan, n, 0, err);
    if (status != OK)
        return status;
    const struct attention_plan *p = &j->plan;
    size_t width = attention_width(p), maps = p->n_heads * p->n_maps;
    j->q = filled(n * p->n_q_heads * p->head_dim);
    j->k = filled(n * p->n_k_heads * p->head_dim);
    j->v = filled(n * p->n_v_heads * p->v_dim);
    j->coef = p->n_maps > 1 ? filled(n * maps) : NULL;
    j->out = filled(n * p->n_heads * width);
    j->map_out = backward ? filled(n * maps * width) : NULL;
    j->lse = backward ? filled(n * maps) : NULL;
    j->dq = backward ? filled(n * p->n_q_heads * p->head_dim) : NULL;
    j->dk = backward ? filled(n * p->n_k_heads * p->head_dim) : NULL;
    j->dv = backward ? filled(n * p->n_v_heads * p->v_dim) : NULL;
    j->dcoef = backward ? filled(n * maps) : NULL;
    j->scratch = filled((size_t)threads * attention_scratch(p));
    bool more = !backward || (j->map_out && j->lse && j->dq && j->dk && j->dv && j->dcoef);
    if (!j->q || !j->k || !j->v || (p->n_maps > 1 && !j->coef) || !j->out || !j->scratch || !more)
        return error_set(err, ERR_SYSTEM, "bench: out of memory for %zu tokens", n);
    kv_store_append(&j->kv, p, j->k, j->v, 0, n, threads);
    if (backward) /* its inputs are those of a forward pass */
        attention_forward(j->out, j->map_out, j->lse, p, &j->kv, j->q, j->coef, 0, n, NULL, j->scratch, threads);
    return OK;
}

/* GFLOP of causal attention: half of all pairs, two a multiplication. Forward, a map costs its scores and its values; backward,
 * scores and the gradients of queries and keys for each map, those of values and probabilities once a head. */
static double gflop(const struct attention_plan *p, size_t n, bool backward)
{
    double pairs = (double)n * (double)n / 2 * (double)p->n_heads, maps = (double)p->n_maps, d = (double)p->head_dim,
           width = (double)attention_width(p);
    return 2 * pairs * (backward ? maps * 3 * d + 2 * width : maps * (d + width)) / 1e9;
}

enum status bench_attention(struct bench *b, struct error *err)
{
    static const struct {
        size_t n;
        bool backward;
        int runs;
    } table[] = {{2048, false, 7}, {4096, false, 5}, {8192, false, 3}, {16384, false, 3}, {2048, true, 5}};
    enum status status = OK;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (size_t k = 0; k < sizeof KINDS / sizeof *KINDS && status == OK; k++) {
            struct job job;
            char name[64], shape[BENCH_SHAPE_TEXT];
            status = open_job(&job, KINDS[k].config, table[i].n, table[i].backward, b->threads, err);
            snprintf(name, sizeof name, "attention%s.%zu.%s", table[i].backward ? ".backward" : "", table[i].n, KINDS[k].name);
            snprintf(shape, sizeof shape, "one layer, %zu query heads of %zu, %zu tokens", job.plan.n_q_heads, job.plan.head_dim,
                     table[i].n);
            if (status == OK)
                bench_measure(b, &(struct bench_row){.name = name,
                                                     .shape = shape,
                                                     .once = once,
                                                     .context = &job,
                                                     .runs = table[i].runs,
                                                     .work = (double)table[i].n,
                                                     .cost = gflop(&job.plan, table[i].n, table[i].backward),
                                                     .goal = table[i].backward ? 0.4 : 0.5});
            close_job(&job);
        }
    return status;
}
