/* ratio.c - see ratio.h. */
#include "report/ratio.h"

#include "base/memory.h"
#include "report/values.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const RATIO_KINDS[N_RATIO_KINDS] = {"ratio", "exp_ratio", "root_ratio"};

/* Sums and counts [2, n] of a model and of the one it is compared with, by item. */
struct pairs {
    double *sum[2], *count[2];
    size_t n;
    enum ratio_kind kind;
};

static double ratio_of(const struct pairs *p, size_t side, const size_t *index, size_t n)
{
    double sum = 0, count = 0;
    for (size_t i = 0; i < n; i++) {
        sum += p->sum[side][index[i]];
        count += p->count[side][index[i]];
    }
    double ratio = count > 0 ? sum / count : (double)NAN;
    return p->kind == RATIO_EXPONENT ? exp(ratio) : p->kind == RATIO_ROOT ? sqrt(ratio) : ratio;
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

/* Those of items of one report, or of two whose items are paired by their ids; `other` NULL: of one model alone. */
static void fill(struct pairs *p, const cJSON *items, const cJSON *others, const char *sum, const char *count, const cJSON *where,
                 const char *model, const char *other)
{
    const char *models[] = {model, other ? other : model};
    const cJSON *item, *next = others->child;
    p->n = 0;
    cJSON_ArrayForEach(item, items)
    {
        const cJSON *both[] = {item, items == others ? item : values_partner(others, item, &next)};
        bool ok = both[1] != NULL && values_match(item, where);
        for (size_t s = 0; s < 2 && ok; s++) {
            p->sum[s][p->n] = field_of(both[s], models[s], sum);
            p->count[s][p->n] = field_of(both[s], models[s], count);
            ok = isfinite(p->sum[s][p->n]) && isfinite(p->count[s][p->n]);
        }
        p->n += ok;
    }
}

static bool pairs_init(struct pairs *p, size_t items, enum ratio_kind kind)
{
    double *work = mem_array(4 * (items + 1), sizeof *work);
    *p = (struct pairs){{work, work + items + 1}, {work + 2 * (items + 1), work + 3 * (items + 1)}, 0, kind};
    return work != NULL;
}

bool ratio_compare(struct paired *out, size_t *n, const cJSON *items, const char *model, const cJSON *other_items,
                   const char *other, const cJSON *row, uint64_t seed)
{
    struct pairs p;
    const char *name = json_text(row, "kind");
    enum ratio_kind kind = RATIO_ITSELF;
    for (enum ratio_kind k = 0; k < N_RATIO_KINDS; k++)
        kind = strcmp(name ? name : "", RATIO_KINDS[k]) == 0 ? k : kind;
    if (!pairs_init(&p, (size_t)cJSON_GetArraySize(items), kind))
        return false;
    fill(&p, items, other_items, json_text(row, "field"), json_text(row, "per"), json_path(row, "where"), model, other);
    *n = p.n;
    *out = paired_statistic(p.n, seed, difference, &p);
    free(p.sum[0]);
    return true;
}

enum status report_add_ratio(struct report *r, const cJSON *items, const struct ratio_metric *m, const cJSON *where,
                             struct error *err)
{
    struct pairs p;
    const char *baseline = report_model(r, r->baseline);
    size_t n_models = report_n_models(r);
    if (!pairs_init(&p, (size_t)cJSON_GetArraySize(items), m->kind))
        return error_set(err, ERR_SYSTEM, "report: out of memory");
    for (size_t s = 0; s < n_models; s++) {
        fill(&p, items, items, m->sum, m->count, where, report_model(r, s), NULL);
        cJSON *row = p.n == 0 ? NULL
                              : report_add_value(r, m->name, report_model(r, s), where, bootstrap_items(p.n, r->seed, own, &p),
                                                 p.n, m->better);
        if (row == NULL)
            continue;
        cJSON_AddStringToObject(row, "field", m->sum);
        cJSON_AddStringToObject(row, "per", m->count);
        cJSON_AddStringToObject(row, "kind", RATIO_KINDS[m->kind]);
    }
    for (size_t s = 0; s < n_models; s++) {
        if (s == r->baseline || (m->per_token && !report_same_tokens(r, s)))
            continue;
        fill(&p, items, items, m->sum, m->count, where, report_model(r, s), baseline);
        if (p.n > 0)
            report_add_difference(r, m->name, report_model(r, s), baseline, where, paired_statistic(p.n, r->seed, difference, &p),
                                  p.n);
    }
    free(p.sum[0]);
    return OK;
}
