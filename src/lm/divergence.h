/* divergence.h - how far one model's next-token distributions are from another's on the same text. */
#ifndef DIFFTF_LM_DIVERGENCE_H
#define DIFFTF_LM_DIVERGENCE_H

#include "model/session.h"

/* At one position: p of the base, q of the model. */
struct divergence {
    double kl;                  /* sum of p log(p / q) over the vocabulary, nats */
    double base_nll, model_nll; /* -log of the probability that each gives to the token that comes */
    bool same_top;              /* both find the same token the most probable */
};

/* Runs n - 1 tokens through both sessions and compares what they expect at each: out [n - 1], as score_tokens has its losses.
 * Both models have one vocabulary. Memory: logits of a few positions of each. */
enum status divergence_tokens(struct session *model, struct session *base, const int32_t *ids, size_t n, struct divergence *out,
                              struct error *err);

#endif
