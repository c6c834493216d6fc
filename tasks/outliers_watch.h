/* outliers_watch.h - sketches of every attention logit and hidden state that passes, by layer. */
#ifndef DIFFTF_TASKS_OUTLIERS_WATCH_H
#define DIFFTF_TASKS_OUTLIERS_WATCH_H

#include "model/probe.h"
#include "report/sketch.h"

extern const char *const OUTLIER_ACTIVATIONS[2]; /* the members of `evidence`: an array of sketches, one a layer */

struct outliers_watch {
    struct sketch *sketches; /* [2, n_layers]: logits, then hidden states */
    size_t n_layers;
};
/* False when out of memory; outliers_watch_free also then. */
bool outliers_watch_init(struct outliers_watch *w, size_t n_layers);
void outliers_watch_free(struct outliers_watch *w);
struct probe outliers_watch_probe(struct outliers_watch *w);
/* Adds a member for each kind of activation (OUTLIER_ACTIVATIONS), an array of sketches, one a layer. */
void outliers_watch_add(cJSON *to, const struct outliers_watch *w);

#endif
