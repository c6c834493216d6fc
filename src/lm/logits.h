/* logits.h - what the logits of one position say. */
#ifndef DIFFTF_LM_LOGITS_H
#define DIFFTF_LM_LOGITS_H

#include <stddef.h>

/* The token with the largest of n logits, the first of equal ones. */
size_t logits_top(const float *logits, size_t n);
/* log of the sum of exp(logits): log p of a token is its logit less this. */
double logits_log_sum(const float *logits, size_t n);

#endif
