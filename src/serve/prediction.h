/* prediction.h - what a model said about one token: its log-probability and the most probable alternatives. */
#ifndef DIFFTF_SERVE_PREDICTION_H
#define DIFFTF_SERVE_PREDICTION_H

#include "serve/request.h"

struct prediction {
    double log_sum;      /* of all logits */
    float logit;         /* of the token that came */
    float top[MOST_TOP]; /* the largest logits, falling */
    int32_t top_id[MOST_TOP];
    size_t n_top;
};

/* From n logits; `target` is the token that came. */
void prediction_make(struct prediction *p, const float *logits, size_t n, int32_t target);
/* log p of the token that came, and of an alternative. */
double prediction_log_p(const struct prediction *p);
double prediction_top_log_p(const struct prediction *p, size_t i);

#endif
