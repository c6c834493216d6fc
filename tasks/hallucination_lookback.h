/* hallucination_lookback.h - the lookback ratio of an output (Chuang et al. 2024): the attention of the generated tokens on the
 * context, per token, against that on what was generated before. */
#ifndef DIFFTF_TASKS_HALLUCINATION_LOOKBACK_H
#define DIFFTF_TASKS_HALLUCINATION_LOOKBACK_H

#include "formats/json.h"
#include "model/probe.h"

/* Sums over the generated tokens; the probe that fills them is lookback_probe. */
struct lookback {
    size_t n_context, n_layers, n_heads;
    double *ratio; /* [n_layers, n_heads] */
    size_t rows;   /* of each head */
};
/* False when out of memory; `ratio` is the caller's to free. */
bool lookback_init(struct lookback *l, size_t n_layers, size_t n_heads);
/* An observer of rows from position n_context on, which is set before they come. */
struct probe lookback_probe(struct lookback *l);
/* Adds `lookback` {mean, layers, heads} to the evidence; nothing where no row came. */
void lookback_add(cJSON *evidence, const struct lookback *l);

#endif
