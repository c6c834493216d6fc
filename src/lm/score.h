/* score.h - how probable given tokens are. */
#ifndef DIFFTF_LM_SCORE_H
#define DIFFTF_LM_SCORE_H

#include "model/session.h"

/* Runs n - 1 more tokens (the last is not read, only predicted) and gives nll[i] = -log p(ids[i+1] | everything up to ids[i]) for
 * i = 0 .. n-2. Memory grows with n alone: logits exist for a block of tokens and a block of the vocabulary at a time. */
enum status score_tokens(struct session *s, const int32_t *ids, size_t n, double *nll, struct error *err);

#endif
