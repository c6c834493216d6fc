/* logits.c - see logits.h. */
#include "lm/logits.h"

#include <math.h>

size_t logits_top(const float *logits, size_t n)
{
    size_t top = 0;
    for (size_t i = 1; i < n; i++)
        top = logits[i] > logits[top] ? i : top;
    return top;
}

double logits_log_sum(const float *logits, size_t n)
{
    size_t top = logits_top(logits, n);
    double others = 0; /* beside the largest, which counts 1 */
    for (size_t i = 0; i < n; i++)
        others += i == top ? 0 : exp((double)logits[i] - (double)logits[top]);
    return (double)logits[top] + log1p(others);
}
