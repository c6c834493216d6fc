/* attention_maps.h - the attention of one text, every head and map by itself, as little of it as can be looked at.
 *
 * Nothing here grows with the square of the length: of a long text the overview has some queries and sums of keys that stand
 * together, and the detail a few whole rows.
 */
#ifndef DIFFTF_LM_ATTENTION_MAPS_H
#define DIFFTF_LM_ATTENTION_MAPS_H

#include "model/session.h"

/* Rows of queries against bins of keys. */
struct attention_grid {
    size_t n_rows, n_bins, width; /* bin b holds the keys b * width .. (b + 1) * width - 1 */
    size_t *row_of;               /* [n_tokens] the row that a query adds to, n_rows: none */
    size_t *first, *n_queries;    /* [n_rows] the first query of a row, and how many add to it */
    float *map; /* [n_layers, n_heads, n_maps, n_rows, n_bins] the mean over the row's queries (of A2: weighted by their lambdas)
                 * of the sum over the bin's keys */
    float *lambda; /* [n_layers, n_heads, n_rows] what the second map is weighted by, the mean over queries; 0 with one map */
};

struct attention_maps {
    size_t n_tokens, n_heads, n_maps;
    size_t n_layers;
    const size_t *layers; /* [n_layers] which of the model's, ascending; not owned */
    struct attention_grid overview, detail;
};

/* Runs n tokens in an empty session and keeps up to `limit` figures of the maps of some layers. Where all fit, the overview is
 * every map as it is and the detail has no rows; else the detail has the rows of the last queries. */
enum status attention_maps_collect(struct attention_maps *maps, struct session *session, const int32_t *ids, size_t n,
                                   const size_t *layers, size_t n_layers, size_t limit, struct error *err);
void attention_maps_free(struct attention_maps *maps);

/* Of one row of a grid: what a bin has of a map, and of the effective map A1 - lambda A2. */
float attention_map_at(const struct attention_maps *m, const struct attention_grid *g, size_t layer, size_t head, size_t map,
                       size_t row, size_t bin);
float attention_effective_at(const struct attention_maps *m, const struct attention_grid *g, size_t layer, size_t head,
                             size_t row, size_t bin);

#endif
