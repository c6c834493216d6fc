/* sample.h - choosing the next token from logits. */
#ifndef DIFFTF_LM_SAMPLE_H
#define DIFFTF_LM_SAMPLE_H

#include "base/random.h"

#include <stddef.h>
#include <stdint.h>

/* A token of n logits with probability softmax(logits / temperature), among the most probable ones that reach `top_p` together
 * (Holtzman et al. 2020; 1: all). Temperature 0: the most probable, the smallest id among equals; no number is drawn. */
int32_t sample_token(const float *logits, size_t n, double temperature, double top_p, struct rng *rng);

#endif
