/* sample.c - see sample.h. */
#include "lm/sample.h"

#include "base/memory.h"
#include "lm/logits.h"

#include <math.h>
#include <stdlib.h>

struct candidate {
    float logit;
    int32_t id;
};

static int by_logit(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return x->logit != y->logit ? (x->logit < y->logit) - (x->logit > y->logit) : (x->id > y->id) - (x->id < y->id);
}

/* From the nucleus: candidates by falling probability until they have top_p of it. */
static int32_t sample_nucleus(const float *logits, size_t n, double top, double total, double temperature, double top_p,
                              struct rng *rng)
{
    struct candidate *c = malloc(n * sizeof *c);
    size_t kept = 0;
    double held = 0, at;
    for (size_t i = 0; i < n; i++)
        c[i] = (struct candidate){logits[i], (int32_t)i};
    qsort(c, n, sizeof *c, by_logit);
    while (kept < n && (kept == 0 || held < top_p * total))
        held += exp(((double)c[kept++].logit - top) / temperature);
    at = rng_unit(rng) * held;
    size_t i = 0;
    while (i + 1 < kept && (at -= exp(((double)c[i].logit - top) / temperature)) >= 0)
        i++;
    int32_t id = c[i].id;
    free(c);
    return id;
}

int32_t sample_token(const float *logits, size_t n, double temperature, double top_p, struct rng *rng)
{
    size_t best = logits_top(logits, n);
    double top = (double)logits[best], total = 0;
    if (temperature <= 0)
        return (int32_t)best;
    for (size_t i = 0; i < n; i++)
        total += exp(((double)logits[i] - top) / temperature);
    if (top_p < 1)
        return sample_nucleus(logits, n, top, total, temperature, top_p, rng);
    double at = rng_unit(rng) * total;
    for (size_t i = 0; i < n; i++) {
        at -= exp(((double)logits[i] - top) / temperature);
        if (at < 0)
            return (int32_t)i;
    }
    return (int32_t)n - 1;
}
