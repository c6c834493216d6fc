/* sketch_groups.c - see sketch_groups.h. */
#include "report/sketch_groups.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

static void add_up(struct sketch_groups *g, size_t group, const struct sketch *s)
{
    double seen = 0;
    for (size_t i = 0; i < g->n_buckets; i++) {
        double count = (double)s->count[g->bucket[i]], x = sketch_middle(g->bucket[i]);
        seen += count;
        g->cumulative[group * g->n_buckets + i] = seen;
        g->squares[group] += count * x * x;
        g->fourths[group] += count * x * x * x * x;
    }
    g->count[group] = seen;
}

void sketch_groups_init(struct sketch_groups *g, const struct sketch *groups, size_t n)
{
    *g = (struct sketch_groups){.n = n, .bucket = mem_array(SKETCH_BUCKETS, sizeof *g->bucket)};
    for (size_t b = 0; b < SKETCH_BUCKETS; b++) {
        uint64_t any = 0;
        for (size_t k = 0; k < n; k++)
            any += groups[k].count[b];
        if (any > 0)
            g->bucket[g->n_buckets++] = b;
    }
    g->cumulative = mem_array(n * g->n_buckets + 1, sizeof *g->cumulative);
    g->count = mem_array(n + 1, sizeof *g->count);
    g->squares = mem_array(n + 1, sizeof *g->squares);
    g->fourths = mem_array(n + 1, sizeof *g->fourths);
    for (size_t k = 0; k < n; k++)
        add_up(g, k, &groups[k]);
}

void sketch_groups_free(struct sketch_groups *g)
{
    free(g->bucket);
    free(g->cumulative);
    free(g->count);
    free(g->squares);
    free(g->fourths);
    *g = (struct sketch_groups){0};
}

double sketch_groups_count(const struct sketch_groups *g, size_t group, size_t i)
{
    const double *cumulative = g->cumulative + group * g->n_buckets;
    return cumulative[i] - (i > 0 ? cumulative[i - 1] : 0);
}

/* So many times each group's number. */
static double weighted(const double *number, size_t stride, size_t n, const size_t *times)
{
    double sum = 0;
    for (size_t k = 0; k < n; k++)
        sum += (double)times[k] * number[k * stride];
    return sum;
}

double sketch_groups_quantile(const struct sketch_groups *g, const size_t *times, double q)
{
    double total = weighted(g->count, 1, g->n, times), below = floor(q * (total - 1));
    if (total <= 0)
        return (double)NAN;
    size_t low = 0, high = g->n_buckets - 1;
    while (low < high) { /* the first bucket up to which there are more */
        size_t middle = (low + high) / 2;
        if (weighted(g->cumulative + middle, g->n_buckets, g->n, times) > below)
            high = middle;
        else
            low = middle + 1;
    }
    return g->bucket[low] == 0 ? 0 : sketch_middle(g->bucket[low]);
}

double sketch_groups_kurtosis(const struct sketch_groups *g, const size_t *times)
{
    double total = weighted(g->count, 1, g->n, times), squares = weighted(g->squares, 1, g->n, times);
    return squares > 0 ? weighted(g->fourths, 1, g->n, times) * total / (squares * squares) : (double)NAN;
}
