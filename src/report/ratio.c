/* ratio.c - see ratio.h. */
#include "report/ratio.h"

#include "base/memory.h"
#include "report/values.h"

#include <math.h>
#include <stdlib.h>

/* Sums and counts [2, n] of a model and of the one it is compared with, by item. */
struct pairs {
    double *sum[2], *count[2];
    size_t n;
    bool exponent;
    const bool *swapped; /* [n], for the permutation test */
};

static double ratio_of(const struct pairs *p, size_t side, const size_t *index, size_t n)
{
    double sum = 0, count = 0;
    for (size_t i = 0; i < n; i++) {
        size_t s = p->swapped != NULL && p->swapped[index[i]] ? 1 - side : side;
        sum += p->sum[s][index[i]];
        count += p->count[s][index[i]];
    }
    return count > 0 ? p->exponent ? exp(sum / count) : sum / count : (double)NAN;
}

static double own(void *context, const size_t *index, size_t n)
{
    return ratio_of(context, 0, index, n);
}

static double difference(void *context, const size_t *index, size_t n)
{
    return ratio_of(context, 0, index, n) - ratio_of(context, 1, index, n);
}

static double field_of(const cJSON *item, const char *model, const char *field)
{
    return json_real(cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(item, "results"), model), field);
}

static void fill(struct pairs *p, const cJSON *items, const struct ratio_metric *m, const cJSON *where, const char *model,
                 const char *other)
{
    const char *models[] = {model, other ? other : model};
    const cJSON *item;
    p->n = 0;
    cJSON_ArrayForEach(item, items)
    {
        bool ok = values_match(item, where);
        for (size_t s = 0; s < 2 && ok; s++) {
            p->sum[s][p->n] = field_of(item, models[s], m->sum);
            p->count[s][p->n] = field_of(item, models[s], m->count);
            ok = isfinite(p->sum[s][p->n]) && isfinite(p->count[s][p->n]);
        }
        p->n += ok;
    }
}

enum status report_add_ratio(struct report *r, const struct experiment *e, const cJSON *items, const struct ratio_metric *m,
                             const cJSON *where, struct error *err)
{
    size_t most = (size_t)cJSON_GetArraySize(items) + 1;
    double *work = mem_array(4 * most, sizeof *work);
    struct pairs p = {{work, work + most}, {work + 2 * most, work + 3 * most}, 0, m->exponent, NULL};
    const char *baseline = e->subjects[e->baseline].name;
    if (work == NULL)
        return error_set(err, ERR_SYSTEM, "report: out of memory");
    for (size_t s = 0; s < e->n_subjects; s++) {
        fill(&p, items, m, where, e->subjects[s].name, NULL);
        if (p.n > 0)
            report_add_value(r, m->name, e->subjects[s].name, where, bootstrap_items(p.n, e->seed, own, &p), p.n, m->better);
    }
    for (size_t s = 0; s < e->n_subjects; s++) {
        if (s == e->baseline || (m->per_token && !report_same_tokens(e, s)))
            continue;
        fill(&p, items, m, where, e->subjects[s].name, baseline);
        if (p.n == 0)
            continue;
        struct paired d = {bootstrap_items(p.n, e->seed, difference, &p), 1};
        d.p_value = swap_test(p.n, e->seed, difference, &p, &p.swapped);
        report_add_difference(r, m->name, e->subjects[s].name, baseline, where, d, p.n);
    }
    free(work);
    return OK;
}
