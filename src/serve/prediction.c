/* prediction.c - see prediction.h. */
#include "serve/prediction.h"

#include "lm/logits.h"

void prediction_make(struct prediction *p, const float *logits, size_t n, int32_t target)
{
    size_t most = n < MOST_TOP ? n : MOST_TOP;
    *p = (struct prediction){.log_sum = logits_log_sum(logits, n), .logit = logits[target]};
    for (size_t i = 0; i < n; i++) {
        if (p->n_top == most && logits[i] <= p->top[most - 1])
            continue;
        size_t at = p->n_top < most ? p->n_top++ : most - 1;
        for (; at > 0 && p->top[at - 1] < logits[i]; at--) {
            p->top[at] = p->top[at - 1];
            p->top_id[at] = p->top_id[at - 1];
        }
        p->top[at] = logits[i];
        p->top_id[at] = (int32_t)i;
    }
}

double prediction_log_p(const struct prediction *p)
{
    return (double)p->logit - p->log_sum;
}

double prediction_top_log_p(const struct prediction *p, size_t i)
{
    return (double)p->top[i] - p->log_sum;
}
