/* attention.c - plan, key/value store and the forward pass; see attention.h. */
#include "numeric/attention.h"

#include "base/memory.h"
#include "numeric/kernels.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum {
    TILE = ATTENTION_TILE,
    ALONE = 16, /* tiles that a row alone takes at once: longer streams of keys, then of values, are read faster */
};

bool attention_plan_alloc(struct attention_plan *p)
{
    p->q_head = mem_array(p->n_heads * p->n_maps, sizeof *p->q_head);
    p->k_head = mem_array(p->n_heads * p->n_maps, sizeof *p->k_head);
    p->v_head = mem_array(p->n_heads * p->n_parts, sizeof *p->v_head);
    p->group = mem_array(p->n_heads, sizeof *p->group);
    return p->q_head && p->k_head && p->v_head && p->group;
}

static bool any_common(const size_t *a, const size_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            if (a[i] == b[j])
                return true;
    return false;
}

void attention_plan_group(struct attention_plan *p)
{
    p->n_groups = 0;
    for (size_t h = 0; h < p->n_heads; h++) {
        p->group[h] = p->n_groups;
        for (size_t g = 0; g < h; g++) {
            if (!any_common(p->k_head + h * p->n_maps, p->k_head + g * p->n_maps, p->n_maps) &&
                !any_common(p->v_head + h * p->n_parts, p->v_head + g * p->n_parts, p->n_parts))
                continue;
            size_t from = p->group[h], to = p->group[g];
            for (size_t i = 0; i <= h && from != to; i++) /* h may join groups that were apart */
                if (p->group[i] == (from > to ? from : to))
                    p->group[i] = from > to ? to : from;
        }
        if (p->group[h] == p->n_groups)
            p->n_groups++;
    }
}

void attention_plan_free(struct attention_plan *p)
{
    free(p->q_head);
    free(p->k_head);
    free(p->v_head);
    free(p->group);
    *p = (struct attention_plan){0};
}

size_t attention_width(const struct attention_plan *p)
{
    return p->n_parts * p->v_dim;
}

enum status kv_store_init(struct kv_store *kv, const struct attention_plan *p, size_t tokens, size_t window, struct error *err)
{
    *kv = (struct kv_store){.capacity = (tokens + TILE - 1) / TILE * TILE, .window = window};
    kv->k = mem_array(kv->capacity, p->n_k_heads * p->head_dim * sizeof(float));
    kv->v = mem_array(kv->capacity, p->n_v_heads * p->v_dim * sizeof(float));
    if (kv->k != NULL && kv->v != NULL)
        return OK;
    kv_store_free(kv);
    return error_set(err, ERR_SYSTEM, "keys and values: out of memory for %zu tokens", tokens);
}

void kv_store_free(struct kv_store *kv)
{
    free(kv->k);
    free(kv->v);
    *kv = (struct kv_store){0};
}

void kv_store_append(struct kv_store *kv, const struct attention_plan *p, const float *k, const float *v, size_t start,
                     size_t rows, int threads)
{
#pragma omp parallel for num_threads(threads) if (threads > 1 && rows > 1)
    for (size_t h = 0; h < p->n_k_heads; h++)
        for (size_t i = 0; i < rows; i++) {
            size_t at = start + i;
            float *tile = kv->k + (h * kv->capacity + at / TILE * TILE) * p->head_dim + at % TILE;
            const float *from = k + (i * p->n_k_heads + h) * p->head_dim;
            for (size_t j = 0; j < p->head_dim; j++)
                tile[j * TILE] = from[j];
        }
#pragma omp parallel for num_threads(threads) if (threads > 1 && rows > 1)
    for (size_t h = 0; h < p->n_v_heads; h++)
        for (size_t i = 0; i < rows; i++)
            memcpy(kv->v + (h * kv->capacity + start + i) * p->v_dim, v + (i * p->n_v_heads + h) * p->v_dim,
                   p->v_dim * sizeof *v);
}

void kv_store_copy(struct kv_store *kv, const struct kv_store *from, const struct attention_plan *p, size_t tokens)
{
    size_t tiled = (tokens + TILE - 1) / TILE * TILE;
    for (size_t h = 0; h < p->n_k_heads; h++)
        memcpy(kv->k + h * kv->capacity * p->head_dim, from->k + h * from->capacity * p->head_dim,
               tiled * p->head_dim * sizeof *kv->k);
    for (size_t h = 0; h < p->n_v_heads; h++)
        memcpy(kv->v + h * kv->capacity * p->v_dim, from->v + h * from->capacity * p->v_dim, tokens * p->v_dim * sizeof *kv->v);
}

size_t attention_scratch(const struct attention_plan *p)
{
    size_t width = attention_width(p);
    /* backward: each map's scores, dP, K rows, V^T; forward, with less: scores, one map's output, scaled scores to show */
    size_t backward = (size_t)TILE * TILE * (p->n_maps + 2) + TILE * (p->n_maps * p->head_dim + 2 * width);
    return (backward + 63) / 64 * 64;
}

/* Keys before the first that the query at a position sees. */
static size_t unseen(size_t window, size_t position)
{
    return window > 0 && position + 1 > window ? position + 1 - window : 0;
}

/* Scores of m query rows against one key tile; masks keys after each row's own position and before its window. */
static void score_tile(const struct kernels *k, float *s, const float *q, size_t q_row, const float *k_tile, size_t m, size_t d,
                       size_t first_position, size_t first_key, size_t window)
{
    memset(s, 0, m * TILE * sizeof *s);
    k->tile_gemm(s, TILE, q, q_row, 1, k_tile, TILE, m, TILE, d);
    for (size_t i = 0; i < m; i++) {
        size_t seen = first_position + i + 1; /* keys 0 .. seen-1 */
        for (size_t j = seen > first_key ? seen - first_key : 0; j < TILE; j++)
            s[i * TILE + j] = -INFINITY;
        size_t before = unseen(window, first_position + i);
        for (size_t j = 0; first_key + j < before && j < TILE; j++)
            s[i * TILE + j] = -INFINITY;
    }
}

/* The largest absolute logit of each row, before the scale, over all its keys. */
static void row_absmax(float *absmax, const float *q, size_t q_row, const float *keys, size_t n_keys, size_t m, size_t d,
                       size_t position, size_t window, float *s)
{
    memset(absmax, 0, m * sizeof *absmax);
    for (size_t key = unseen(window, position) / TILE * TILE; key < n_keys; key += TILE) {
        score_tile(kernels_get(), s, q, q_row, keys + key * d, m, d, position, key, window);
        for (size_t i = 0; i < m; i++)
            for (size_t j = 0; j < TILE; j++)
                if (s[i * TILE + j] != -INFINITY && fabsf(s[i * TILE + j]) > absmax[i])
                    absmax[i] = fabsf(s[i * TILE + j]);
    }
}

/* The largest absolute logit, before the scale, of all rows, heads and maps. */
static float tensor_absmax(const struct attention_plan *p, const struct kv_store *kv, const float *q, size_t start, size_t rows,
                           float *scratch, int threads)
{
    size_t n_tiles = (rows + TILE - 1) / TILE, d = p->head_dim, stride = p->n_q_heads * d;
    float largest = 0;
#pragma omp parallel for num_threads(threads) if (threads > 1) reduction(max : largest) schedule(dynamic)
    for (size_t unit = 0; unit < p->n_heads * p->n_maps * n_tiles; unit++) {
        size_t map = unit / n_tiles, i0 = unit % n_tiles * TILE, m = rows - i0 < TILE ? rows - i0 : TILE;
        float absmax[TILE], *s = scratch + (size_t)omp_get_thread_num() * attention_scratch(p);
        row_absmax(absmax, q + i0 * stride + p->q_head[map] * d, stride, kv->k + p->k_head[map] * kv->capacity * d,
                   start + i0 + m, m, d, start + i0, kv->window, s);
        for (size_t i = 0; i < m; i++)
            largest = absmax[i] > largest ? absmax[i] : largest;
    }
    return largest;
}

/* Shows the scaled tile, then rounds it; s holds the logits before the scale. */
static void observe(const struct logit_observer *o, float *s, const float *absmax, size_t head, size_t map, size_t position,
                    size_t key, size_t m, float scale, float *scaled)
{
    if (o->on_tile != NULL) {
        for (size_t i = 0; i < m * TILE; i++)
            scaled[i] = s[i] * scale;
        o->on_tile(o->context, o->layer, head, map, position, key, m, scaled);
    }
    for (size_t i = 0; o->bits > 0 && i < m; i++) {
        float step = absmax[i] / (float)((1u << (o->bits - 1)) - 1);
        for (size_t j = 0; step > 0 && j < TILE; j++)
            if (s[i * TILE + j] != -INFINITY)
                s[i * TILE + j] = rintf(s[i * TILE + j] / step) * step;
    }
}

/* One map of one head for the query rows [i0, i0 + m): its output o [m, width], dense, and log denominators. `largest`: of the
 * tensor that is rounded as one. */
static void one_map(float *o, float *lse, const struct attention_plan *p, const struct kv_store *kv, const float *q, size_t head,
                    size_t map, size_t position, size_t m, const struct logit_observer *observer, float largest, float *s)
{
    const struct kernels *k = kernels_get();
    size_t d = p->head_dim, width = attention_width(p), n_keys = position + m;
    const float *keys = kv->k + p->k_head[head * p->n_maps + map] * kv->capacity * d;
    const float *qh = q + p->q_head[head * p->n_maps + map] * d;
    float scale = 1.0f / sqrtf((float)d), max[TILE], sum[TILE], absmax[TILE];
    float *scaled = o + (size_t)TILE * width;
    for (size_t i = 0; i < m; i++)
        absmax[i] = largest;
    if (observer != NULL && observer->bits > 0 && !observer->tensor)
        row_absmax(absmax, qh, p->n_q_heads * d, keys, n_keys, m, d, position, kv->window, s);
    memset(o, 0, m * width * sizeof *o);
    for (size_t i = 0; i < m; i++) {
        max[i] = -INFINITY;
        sum[i] = 0;
    }
    size_t span = m == 1 ? ALONE * TILE : TILE;
    for (size_t key = unseen(kv->window, position) / TILE * TILE; key < n_keys; key += span) {
        size_t n = n_keys - key < span ? n_keys - key : span, scored = 0;
        for (; scored < n; scored += TILE) {
            score_tile(k, s + scored, qh, p->n_q_heads * d, keys + (key + scored) * d, m, d, position, key + scored, kv->window);
            if (observer != NULL)
                observe(observer, s + scored, absmax, head, map, position, key + scored, m, scale, scaled);
        }
        for (size_t i = 0; i < m; i++) {
            float shrink = k->softmax_step(s + i * TILE, scored, scale, &max[i], &sum[i]);
            if (shrink != 1.0f)
                for (size_t j = 0; j < width; j++)
                    o[i * width + j] *= shrink;
        }
        for (size_t part = 0; part < p->n_parts; part++) {
            const float *values = kv->v + (p->v_head[head * p->n_parts + part] * kv->capacity + key) * p->v_dim;
            k->tile_gemm(o + part * p->v_dim, width, s, TILE, 1, values, p->v_dim, m, p->v_dim, n);
        }
    }
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < width; j++)
            o[i * width + j] /= sum[i];
        lse[i] = max[i] + logf(sum[i]);
    }
}

void attention_forward(float *out, float *map_out, float *lse, const struct attention_plan *p, const struct kv_store *kv,
                       const float *q, const float *coef, size_t start, size_t rows, const struct logit_observer *observer,
                       float *scratch, int threads)
{
    size_t width = attention_width(p), n_tiles = (rows + TILE - 1) / TILE, maps = p->n_heads * p->n_maps;
    size_t per_thread = attention_scratch(p);
    bool tensor = observer != NULL && observer->bits > 0 && observer->tensor;
    float largest = tensor ? tensor_absmax(p, kv, q, start, rows, scratch, threads) : 0;
    threads = observer != NULL && observer->on_tile != NULL ? 1 : threads;
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
        float *s = scratch + (size_t)omp_get_thread_num() * per_thread;
        float *o = s + (size_t)TILE * TILE, log_sum[TILE];
#pragma omp for schedule(dynamic)
        for (size_t unit = 0; unit < p->n_heads * n_tiles; unit++) {
            size_t h = unit % p->n_heads, i0 = (n_tiles - 1 - unit / p->n_heads) * TILE; /* longest rows first */
            size_t m = rows - i0 < TILE ? rows - i0 : TILE;
            for (size_t map = 0; map < p->n_maps; map++) {
                size_t index = h * p->n_maps + map;
                one_map(o, log_sum, p, kv, q + i0 * p->n_q_heads * p->head_dim, h, map, start + i0, m, observer, largest, s);
                for (size_t i = 0; i < m; i++) {
                    float c = coef ? coef[(i0 + i) * maps + index] : 1.0f;
                    float *to = out + ((i0 + i) * p->n_heads + h) * width;
                    for (size_t j = 0; j < width; j++)
                        to[j] = (map ? to[j] : 0.0f) + c * o[i * width + j];
                    if (map_out != NULL)
                        memcpy(map_out + ((i0 + i) * maps + index) * width, o + i * width, width * sizeof *o);
                    if (lse != NULL)
                        lse[index * rows + i0 + i] = log_sum[i];
                }
            }
        }
    }
}

/* exp(logit - largest) of one map's row; the return value is their sum. */
static float map_exponentials(float *work, const struct attention_plan *p, const struct kv_store *kv, const float *q,
                              size_t index, size_t position)
{
    const struct kernels *k = kernels_get();
    size_t d = p->head_dim, n = (position + TILE) / TILE * TILE;
    float max = -INFINITY, sum = 0;
    for (size_t key = 0; key < n; key += TILE)
        score_tile(k, work + key, q + p->q_head[index] * d, d, kv->k + (p->k_head[index] * kv->capacity + key) * d, 1, d,
                   position, key, kv->window);
    k->softmax_step(work, n, 1.0f / sqrtf((float)d), &max, &sum);
    return sum;
}

void attention_map_row(float *row, const struct attention_plan *p, const struct kv_store *kv, const float *q, size_t index,
                       size_t position, float *work)
{
    float sum = map_exponentials(work, p, kv, q, index, position);
    for (size_t i = 0; i <= position; i++)
        row[i] = work[i] / sum;
}

void attention_row(float *row, const struct attention_plan *p, const struct kv_store *kv, const float *q, const float *coef,
                   size_t head, size_t position, float *work)
{
    for (size_t map = 0; map < p->n_maps; map++) {
        size_t index = head * p->n_maps + map;
        float c = coef ? coef[index] : 1.0f, sum = map_exponentials(work, p, kv, q, index, position);
        for (size_t i = 0; i <= position; i++)
            row[i] = (map ? row[i] : 0.0f) + c * work[i] / sum;
    }
}
