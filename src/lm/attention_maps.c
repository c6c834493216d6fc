/* attention_maps.c - see attention_maps.h. */
#include "lm/attention_maps.h"

#include <stdint.h>
#include <stdlib.h>

enum {
    MOST_SIDE = 128, /* of the overview of a long text */
    SAMPLES = 4,     /* queries that a row of it is the mean of */
    MOST_ROWS = 32   /* of the detail */
};

/* The head of a map's rows. */
static size_t place(const struct attention_maps *m, const struct attention_grid *g, size_t layer, size_t head, size_t map)
{
    return ((layer * m->n_heads + head) * m->n_maps + map) * g->n_rows * g->n_bins;
}

float attention_map_at(const struct attention_maps *m, const struct attention_grid *g, size_t layer, size_t head, size_t map,
                       size_t row, size_t bin)
{
    return g->map[place(m, g, layer, head, map) + row * g->n_bins + bin];
}

float attention_effective_at(const struct attention_maps *m, const struct attention_grid *g, size_t layer, size_t head,
                             size_t row, size_t bin)
{
    float value = attention_map_at(m, g, layer, head, 0, row, bin);
    if (m->n_maps > 1)
        value -= g->lambda[(layer * m->n_heads + head) * g->n_rows + row] * attention_map_at(m, g, layer, head, 1, row, bin);
    return value;
}

/* Tables of a grid whose sizes are set; no query adds to it yet. */
static enum status grid_alloc(struct attention_grid *g, const struct attention_maps *m, struct error *err)
{
    size_t heads = m->n_layers * m->n_heads, cells = 0;
    g->row_of = mem_array(m->n_tokens, sizeof *g->row_of);
    g->first = mem_array(g->n_rows, sizeof *g->first);
    g->n_queries = mem_array(g->n_rows, sizeof *g->n_queries);
    g->lambda = mem_array(g->n_rows, heads * sizeof *g->lambda);
    if (size_mul(heads * m->n_maps * g->n_rows, g->n_bins, &cells))
        g->map = mem_array(cells, sizeof *g->map);
    for (size_t i = 0; g->row_of != NULL && i < m->n_tokens; i++)
        g->row_of[i] = g->n_rows;
    return g->row_of && g->first && g->n_queries && g->lambda && g->map
               ? OK
               : error_set(err, ERR_SYSTEM, "attention: out of memory for %zu tokens", m->n_tokens);
}

static void grid_want(struct attention_grid *g, size_t row, size_t query)
{
    if (g->n_queries[row]++ == 0)
        g->first[row] = query;
    g->row_of[query] = row;
}

static void grid_free(struct attention_grid *g)
{
    free(g->row_of);
    free(g->first);
    free(g->n_queries);
    free(g->map);
    free(g->lambda);
    *g = (struct attention_grid){0};
}

/* A square of tokens, or of bins of them, each with a few queries. */
static enum status plan_overview(struct attention_maps *m, size_t side, struct error *err)
{
    struct attention_grid *g = &m->overview;
    g->width = (m->n_tokens + side - 1) / side;
    g->n_bins = g->n_rows = (m->n_tokens + g->width - 1) / g->width;
    enum status status = grid_alloc(g, m, err);
    for (size_t row = 0; row < g->n_rows && status == OK; row++) {
        size_t from = row * g->width, to = from + g->width < m->n_tokens ? from + g->width : m->n_tokens;
        size_t n = to - from < SAMPLES ? to - from : SAMPLES;
        for (size_t i = 0; i < n; i++)
            grid_want(g, row, from + (i + 1) * (to - from) / n - 1);
    }
    return status;
}

static enum status plan_detail(struct attention_maps *m, size_t maps, size_t limit, struct error *err)
{
    struct attention_grid *g = &m->detail;
    g->width = 1;
    while (g->width < m->n_tokens && maps * ((m->n_tokens + g->width - 1) / g->width) > limit)
        g->width *= 2;
    g->n_bins = (m->n_tokens + g->width - 1) / g->width;
    g->n_rows = limit / (maps * g->n_bins);
    g->n_rows = g->n_rows < 1 ? 1 : g->n_rows > MOST_ROWS ? MOST_ROWS : g->n_rows;
    enum status status = grid_alloc(g, m, err);
    for (size_t row = 0; row < g->n_rows && status == OK; row++)
        grid_want(g, row, m->n_tokens - g->n_rows + row);
    return status;
}

static size_t index_of(const struct attention_maps *m, size_t layer)
{
    size_t i = 0;
    while (i < m->n_layers && m->layers[i] != layer)
        i++;
    return i;
}

static bool wanted(const struct attention_grid *g, size_t position)
{
    return g->n_rows > 0 && g->row_of[position] < g->n_rows;
}

static bool wants_row(void *context, size_t layer, size_t position)
{
    const struct attention_maps *m = context;
    return index_of(m, layer) < m->n_layers && (wanted(&m->overview, position) || wanted(&m->detail, position));
}

static void add_row(const struct attention_maps *m, struct attention_grid *g, size_t layer, size_t head, size_t map,
                    size_t position, float coefficient, const float *values)
{
    if (!wanted(g, position))
        return;
    size_t row = g->row_of[position];
    float *to = g->map + place(m, g, layer, head, map) + row * g->n_bins, share = 1.0f / (float)g->n_queries[row];
    float weight = map == 1 ? -share * coefficient : share;
    for (size_t key = 0; key <= position; key++)
        to[key / g->width] += weight * values[key];
    if (map == 1)
        g->lambda[(layer * m->n_heads + head) * g->n_rows + row] += weight;
}

/* Sums of lambda A2 become means of A2 weighted by lambda: A1 - lambda A2 is that of the queries then, though each has a lambda
 * of its own. */
static void divide_by_lambda(const struct attention_maps *m, struct attention_grid *g)
{
    for (size_t i = 0; m->n_maps > 1 && i < m->n_layers * m->n_heads; i++)
        for (size_t row = 0; row < g->n_rows; row++) {
            float *map = g->map + place(m, g, i / m->n_heads, i % m->n_heads, 1) + row * g->n_bins;
            float lambda = g->lambda[i * g->n_rows + row];
            for (size_t b = 0; b < g->n_bins && lambda != 0; b++)
                map[b] /= lambda;
        }
}

static void on_map(void *context, size_t layer, size_t head, size_t map, size_t position, float coefficient, const float *row)
{
    struct attention_maps *m = context;
    size_t l = index_of(m, layer);
    add_row(m, &m->overview, l, head, map, position, coefficient, row);
    add_row(m, &m->detail, l, head, map, position, coefficient, row);
}

enum status attention_maps_collect(struct attention_maps *m, struct session *session, const int32_t *ids, size_t n,
                                   const size_t *layers, size_t n_layers, size_t limit, struct error *err)
{
    const struct attention_plan *plan = &session->model->plan;
    size_t maps = n_layers * plan->n_heads * plan->n_maps, side = MOST_SIDE;
    *m = (struct attention_maps){
        .n_tokens = n, .n_heads = plan->n_heads, .n_maps = plan->n_maps, .n_layers = n_layers, .layers = layers};
    bool whole = n <= limit / maps / n;
    while (!whole && side > 1 && side * side > limit / 2 / maps)
        side /= 2;
    enum status status = plan_overview(m, whole ? n : side, err);
    if (status == OK && !whole)
        status = plan_detail(m, maps, limit / 2, err);
    struct probe probe = {.context = m, .wants_row = wants_row, .on_map = on_map};
    if (status == OK)
        status = session_run(session, ids, n, &probe, NULL, err);
    if (status == OK) {
        divide_by_lambda(m, &m->overview);
        divide_by_lambda(m, &m->detail);
    } else {
        attention_maps_free(m);
    }
    return status;
}

void attention_maps_free(struct attention_maps *m)
{
    grid_free(&m->overview);
    grid_free(&m->detail);
}
