/* watch.h - what a request asks to see of the forward pass, besides its result: the `probe` of docs/protocol.md. */
#ifndef DIFFTF_SERVE_WATCH_H
#define DIFFTF_SERVE_WATCH_H

#include "formats/json.h"
#include "serve/probes.h"
#include "tasks/hallucination_lookback.h"
#include "tasks/outliers_watch.h"

/* Positions from .. to - 1. */
struct stretch {
    size_t from, to;
};

enum { MOST_STRETCHES = 256, MOST_SUMS = 1 << 16 };

struct watch_request {
    bool attention, last_row, per_layer, lookback, outliers;
    struct stretch *rows, *spans;
    size_t n_rows, n_spans;
    size_t context; /* tokens that a lookback is on */
};
/* Reads the value of `probe`; absent: nothing is asked for. watch_request_free also after an error. */
enum status watch_request_read(struct watch_request *r, const cJSON *probe, struct error *err);
void watch_request_free(struct watch_request *r);
bool watch_request_any(const struct watch_request *r);

/* Sums of one row of attention in one layer, over its heads. */
struct row_sums;

struct watch {
    const struct watch_request *asked;
    size_t n_prompt, n_layers, n_heads;
    struct row_sums *rows;
    size_t n_rows, n_capacity;
    struct lookback lookback;
    struct outliers_watch outliers;
    struct probes probes;
};
enum status watch_init(struct watch *w, const struct watch_request *asked, size_t n_prompt, size_t n_layers, size_t n_heads,
                       struct error *err);
void watch_free(struct watch *w);
/* What was seen. */
cJSON *watch_to_json(const struct watch *w);

#endif
