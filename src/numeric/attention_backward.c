/* attention_backward.c - gradients of attention by recomputation (Dao et al. 2022, algorithm 4); see attention.h. */
#include "numeric/attention.h"
#include "numeric/kernels.h"

#include <math.h>
#include <omp.h>
#include <string.h>

enum { TILE = ATTENTION_TILE };

/* What the loops over the tiles of one head share. */
struct head_job {
    const struct kernels *k;
    const struct attention_plan *plan;
    const struct kv_store *kv;
    const float *q, *coef, *dout, *dcoef, *lse;
    float *dq, *dk, *dv;
    size_t head, rows;
    float *p;      /* [n_maps, TILE, TILE] softmax maps           */
    float *mixed;  /* [TILE, TILE] their signed sum               */
    float *dp;     /* [TILE, TILE] dOut V^T                       */
    float *k_rows; /* [n_maps, TILE, d]                           */
    float *v_t;    /* [width, TILE]                               */
};

static float coefficient(const struct head_job *job, size_t row, size_t index)
{
    return job->coef ? job->coef[row * job->plan->n_heads * job->plan->n_maps + index] : 1.0f;
}

static void load_key_tile(struct head_job *job, size_t key, size_t n)
{
    const struct attention_plan *p = job->plan;
    size_t d = p->head_dim;
    for (size_t map = 0; map < p->n_maps; map++) {
        const float *tile = job->kv->k + (p->k_head[job->head * p->n_maps + map] * job->kv->capacity + key) * d;
        for (size_t j = 0; j < n; j++)
            for (size_t c = 0; c < d; c++)
                job->k_rows[(map * TILE + j) * d + c] = tile[c * TILE + j];
    }
    for (size_t part = 0; part < p->n_parts; part++) {
        const float *v = job->kv->v + (p->v_head[job->head * p->n_parts + part] * job->kv->capacity + key) * p->v_dim;
        for (size_t c = 0; c < p->v_dim; c++)
            for (size_t j = 0; j < TILE; j++)
                job->v_t[(part * p->v_dim + c) * TILE + j] = j < n ? v[j * p->v_dim + c] : 0.0f;
    }
}

/* The maps of query rows [i0, i0+m) on the key tile, and their signed sum. */
static void recompute_maps(struct head_job *job, size_t i0, size_t m, size_t key)
{
    const struct attention_plan *p = job->plan;
    size_t d = p->head_dim;
    float scale = 1.0f / sqrtf((float)d);
    for (size_t map = 0; map < p->n_maps; map++) {
        size_t index = job->head * p->n_maps + map;
        float *s = job->p + map * TILE * TILE;
        const float *tile = job->kv->k + (p->k_head[index] * job->kv->capacity + key) * d;
        memset(s, 0, m * TILE * sizeof *s);
        job->k->tile_gemm(s, TILE, job->q + (i0 * p->n_q_heads + p->q_head[index]) * d, p->n_q_heads * d, 1, tile, TILE, m, TILE,
                          d);
        for (size_t i = 0; i < m; i++) {
            float *row = s + i * TILE, c = coefficient(job, i0 + i, index);
            job->k->exp_shift(row, TILE, scale, job->lse[index * job->rows + i0 + i]);
            for (size_t j = i0 + i + 1 > key ? i0 + i + 1 - key : 0; j < TILE; j++)
                row[j] = 0;
            for (size_t j = 0; j < TILE; j++)
                job->mixed[i * TILE + j] = (map ? job->mixed[i * TILE + j] : 0.0f) + c * row[j];
        }
    }
}

/* Turns map `map` in place into dS = c P (dP - D) scale, D = dOut . O_map = dcoef. */
static void map_gradient(struct head_job *job, size_t map, size_t i0, size_t m)
{
    const struct attention_plan *p = job->plan;
    size_t index = job->head * p->n_maps + map;
    float scale = 1.0f / sqrtf((float)p->head_dim), *s = job->p + map * TILE * TILE;
    for (size_t i = 0; i < m; i++) {
        float c = coefficient(job, i0 + i, index) * scale;
        float delta = job->dcoef[(i0 + i) * p->n_heads * p->n_maps + index];
        for (size_t j = 0; j < TILE; j++)
            s[i * TILE + j] *= c * (job->dp[i * TILE + j] - delta);
    }
}

static void tile_pair(struct head_job *job, size_t i0, size_t key)
{
    const struct attention_plan *p = job->plan;
    const struct kernels *k = job->k;
    size_t d = p->head_dim, width = attention_width(p), out_row = p->n_heads * width;
    size_t m = job->rows - i0 < TILE ? job->rows - i0 : TILE, n = job->rows - key < TILE ? job->rows - key : TILE;
    const float *dout = job->dout + i0 * out_row + job->head * width;
    recompute_maps(job, i0, m, key);
    memset(job->dp, 0, m * TILE * sizeof *job->dp);
    k->tile_gemm(job->dp, TILE, dout, out_row, 1, job->v_t, TILE, m, TILE, width);
    for (size_t part = 0; part < p->n_parts; part++)
        k->tile_gemm(job->dv + (key * p->n_v_heads + p->v_head[job->head * p->n_parts + part]) * p->v_dim,
                     p->n_v_heads * p->v_dim, job->mixed, 1, TILE, dout + part * p->v_dim, out_row, n, p->v_dim, m);
    for (size_t map = 0; map < p->n_maps; map++) {
        size_t index = job->head * p->n_maps + map, q_row = p->n_q_heads * d;
        size_t q_at = i0 * q_row + p->q_head[index] * d;
        const float *ds = job->p + map * TILE * TILE;
        map_gradient(job, map, i0, m);
        k->tile_gemm(job->dq + q_at, q_row, ds, TILE, 1, job->k_rows + map * TILE * d, d, m, d, n);
        k->tile_gemm(job->dk + (key * p->n_k_heads + p->k_head[index]) * d, p->n_k_heads * d, ds, 1, TILE, job->q + q_at, q_row,
                     n, d, m);
    }
}

void attention_backward(float *dq, float *dk, float *dv, float *dcoef, const float *dout, const struct attention_plan *p,
                        const struct kv_store *kv, const float *q, const float *coef, const float *map_out, const float *lse,
                        size_t rows, float *scratch, int threads)
{
    const struct kernels *k = kernels_get();
    size_t width = attention_width(p), maps = p->n_heads * p->n_maps, per_thread = attention_scratch(p);
    for (size_t t = 0; t < rows * maps; t++)
        dcoef[t] = (float)k->dot(dout + t / p->n_maps * width, map_out + t * width, width);
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
        float *work = scratch + (size_t)omp_get_thread_num() * per_thread;
        struct head_job job = {.k = k,
                               .plan = p,
                               .kv = kv,
                               .q = q,
                               .coef = coef,
                               .dout = dout,
                               .dcoef = dcoef,
                               .lse = lse,
                               .dq = dq,
                               .dk = dk,
                               .dv = dv,
                               .rows = rows,
                               .p = work};
        job.mixed = job.p + p->n_maps * TILE * TILE;
        job.dp = job.mixed + (size_t)TILE * TILE;
        job.k_rows = job.dp + (size_t)TILE * TILE;
        job.v_t = job.k_rows + p->n_maps * TILE * p->head_dim;
        /* A group's heads share keys or values, so one thread adds them up in their order. */
#pragma omp for schedule(dynamic)
        for (size_t group = 0; group < p->n_heads; group++)
            for (size_t h = 0; h < p->n_heads; h++) {
                if (p->group[h] != group)
                    continue;
                job.head = h;
                for (size_t key = 0; key < rows; key += TILE) {
                    load_key_tile(&job, key, rows - key < TILE ? rows - key : TILE);
                    for (size_t i0 = key; i0 < rows; i0 += TILE)
                        tile_pair(&job, i0, key);
                }
            }
    }
}
