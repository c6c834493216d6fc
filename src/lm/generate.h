/* generate.h - continuing a prompt token by token. */
#ifndef DIFFTF_LM_GENERATE_H
#define DIFFTF_LM_GENERATE_H

#include "base/random.h"
#include "lm/tokenizer.h"
#include "model/session.h"

struct sampling {
    double temperature; /* 0: greedy, the most probable token, the smallest id among equals */
    struct rng rng;
};

/* Runs the prompt (n > 0 ids) and appends up to max_new ids to out; stops before an end token of the model.
 * The probe, if any, sees every forward pass. `each` (or NULL) is called with every new id; false ends it there. */
enum status generate(struct session *s, const int32_t *prompt, size_t n, size_t max_new, struct sampling *sampling,
                     const struct probe *probe, struct ids *out, bool (*each)(void *context, int32_t id), void *context,
                     struct error *err);

#endif
