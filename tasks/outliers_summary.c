/* outliers_summary.c - see outliers.h. */
#include "tasks/outliers.h"

#include "base/memory.h"
#include "report/sketch_groups.h"
#include "tasks/outliers_watch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A large value and the group that it was found in. */
struct found {
    struct extreme at;
    size_t group;
};

/* One activation of one model: its groups' counters over the buckets that occur, and their largest values together. */
struct part {
    struct sketch_groups counters;
    size_t n_groups;
    struct found *found; /* largest first */
    size_t n_found;
};

static void part_free(struct part *p)
{
    sketch_groups_free(&p->counters);
    free(p->found);
    *p = (struct part){0};
}

static int by_value(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    if (x->at.value != y->at.value)
        return x->at.value > y->at.value ? -1 : 1;
    return (x->group > y->group) - (x->group < y->group);
}

/* The sketches of one group: one layer, or all with layer < 0. */
static bool add_group(struct sketch *s, const cJSON *item, const char *model, const char *activation, int layer)
{
    const cJSON *result = cJSON_GetObjectItemCaseSensitive(json_path(item, "results"), model);
    const cJSON *layers = cJSON_GetObjectItemCaseSensitive(json_path(result, "evidence"), activation), *one;
    bool ok = true;
    int l = 0;
    cJSON_ArrayForEach(one, layers)
    {
        if (layer < 0 || layer == l)
            ok = ok && sketch_add_json(s, one);
        l++;
    }
    return ok && l > layer;
}

/* Each group's counters, and the largest values of all. */
static void compact(struct part *p, const struct sketch *groups)
{
    sketch_groups_init(&p->counters, groups, p->n_groups);
    p->found = mem_array(p->n_groups, SKETCH_TOP * sizeof *p->found);
    for (size_t g = 0; g < p->n_groups; g++)
        for (size_t i = 0; i < groups[g].n_top; i++)
            p->found[p->n_found++] = (struct found){groups[g].top[i], g};
    qsort(p->found, p->n_found, sizeof *p->found, by_value);
}

static enum status part_load(struct part *p, const cJSON *items, const char *model, const char *activation, int layer,
                             struct error *err)
{
    const cJSON *item;
    *p = (struct part){0};
    size_t n = (size_t)cJSON_GetArraySize(items);
    struct sketch *groups = calloc(n ? n : 1, sizeof *groups);
    bool ok = groups != NULL;
    cJSON_ArrayForEach(item, items)
    {
        if (!ok || strcmp(json_text(item, "where.part"), "activations") != 0)
            continue;
        ok = sketch_init(&groups[p->n_groups], SKETCH_TOP);
        if (ok && !add_group(&groups[p->n_groups], item, model, activation, layer)) {
            p->n_groups = 0; /* a model without this layer */
            break;
        }
        p->n_groups++;
    }
    if (ok && p->n_groups > 0)
        compact(p, groups);
    for (size_t g = 0; groups != NULL && g < n; g++)
        sketch_free(&groups[g]);
    free(groups);
    return ok ? OK : error_set(err, ERR_SYSTEM, "outliers: out of memory");
}

enum { KURTOSIS = -2, MEDIAN = -1 };

/* A statistic of two parts at once: which one the observed values come from can be exchanged group by group. */
struct question_of {
    const struct part *model, *baseline; /* baseline NULL: the model alone */
    int rank;                            /* of the largest value, or MEDIAN, KURTOSIS */
    const bool *swapped;
    size_t *times[2]; /* [n_groups] how often each group of either part was drawn */
};

static double largest(const struct part *p, const size_t *times, size_t rank)
{
    size_t seen = 0;
    for (size_t i = 0; i < p->n_found; i++) {
        seen += times[p->found[i].group];
        if (seen >= rank)
            return (double)p->found[i].at.value;
    }
    return NAN;
}

static double of_part(const struct part *p, const size_t *times, int rank)
{
    return rank > 0         ? largest(p, times, (size_t)rank)
           : rank == MEDIAN ? sketch_groups_quantile(&p->counters, times, 0.5)
                            : sketch_groups_kurtosis(&p->counters, times);
}

/* The groups of `which` (0 the model, 1 the baseline) that the drawn indices give to it; a swapped group counts for the other. */
static double side(const struct question_of *q, int which, const size_t *index, size_t n)
{
    const struct part *own = which == 0 ? q->model : q->baseline, *other = which == 0 ? q->baseline : q->model;
    memset(q->times[0], 0, own->n_groups * sizeof **q->times);
    memset(q->times[1], 0, own->n_groups * sizeof **q->times);
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        bool swap = q->swapped != NULL && q->swapped[index[i]];
        q->times[swap][index[i]]++;
        any = any || swap;
    }
    double a = of_part(own, q->times[0], q->rank);
    if (!any)
        return a;
    double b = of_part(other, q->times[1], q->rank); /* for a swap test: the larger of both halves, or their mean */
    return isnan(a) ? b : isnan(b) ? a : q->rank > 0 ? fmax(a, b) : (a + b) / 2;
}

static double value_of(void *context, const size_t *index, size_t n)
{
    return side(context, 0, index, n);
}

static double difference_of(void *context, const size_t *index, size_t n)
{
    return side(context, 0, index, n) - side(context, 1, index, n);
}

static const struct {
    const char *name;
    int rank;
} STATISTICS[] = {{"top_1", 1},     {"top_2", 2},       {"top_3", 3},          {"top_10", 10},
                  {"top_100", 100}, {"median", MEDIAN}, {"kurtosis", KURTOSIS}};
enum { N_STATISTICS = sizeof STATISTICS / sizeof *STATISTICS };

static enum status add_statistics(struct report *r, const struct part *parts, const cJSON *where, struct error *err)
{
    const struct part *base = &parts[r->baseline];
    size_t n = 0;
    for (size_t m = 0; m < report_n_models(r); m++)
        n = parts[m].n_groups > n ? parts[m].n_groups : n;
    size_t *times = mem_array(2 * n + 1, sizeof *times);
    if (times == NULL)
        return error_set(err, ERR_SYSTEM, "outliers: out of memory");
    for (size_t k = 0; k < N_STATISTICS; k++)
        for (size_t m = 0; m < report_n_models(r); m++) {
            struct question_of q = {
                .model = &parts[m], .baseline = base, .rank = STATISTICS[k].rank, .times = {times, times + n}};
            if (parts[m].n_groups == 0)
                continue;
            struct interval x = bootstrap_items(parts[m].n_groups, r->seed, value_of, &q);
            if (STATISTICS[k].rank > 0) /* a largest value knows nothing of what is larger still: it has no interval */
                x.low = x.high = (double)NAN;
            report_add_value(r, STATISTICS[k].name, report_model(r, m), where, x, parts[m].n_groups, "lower");
            if (m == r->baseline || base->n_groups != parts[m].n_groups)
                continue;
            struct paired d = {bootstrap_items(base->n_groups, r->seed, difference_of, &q), 1, 1, 1};
            if (STATISTICS[k].rank > 0)
                d.difference.low = d.difference.high = (double)NAN;
            d.p_value = swap_test(base->n_groups, r->seed, difference_of, &q, &q.swapped);
            report_add_difference(r, STATISTICS[k].name, report_model(r, m), report_model(r, r->baseline), where, d,
                                  base->n_groups);
        }
    free(times);
    return OK;
}

/* Counts between powers of two. */
static void add_histogram(struct report *r, const char *model, const struct part *p, const cJSON *where)
{
    cJSON *series = report_add_series(r, "histogram", model, where, "absolute value", "count", "log");
    double count[256] = {0};
    for (size_t b = 0; b < p->counters.n_buckets; b++)
        for (size_t g = 0; g < p->n_groups; g++)
            count[p->counters.bucket[b] >> 7] += sketch_groups_count(&p->counters, g, b);
    for (int x = 127 - 24; x < 255; x++)
        if (count[x] > 0)
            report_add_point(series, ldexp(1, x - 127), (struct interval){count[x], NAN, NAN});
}

/* The layer, position and channel (or key) of the largest values, as metrics whose `where` says the place. */
static void add_massive(struct report *r, const char *model, const struct part *p, const char *activation)
{
    for (size_t i = 0; i < 3 && i < p->n_found; i++) {
        const struct extreme *x = &p->found[i].at;
        cJSON *where = cJSON_CreateObject();
        cJSON_AddStringToObject(where, "activation", activation);
        json_add_number(where, "rank", (double)i + 1);
        json_add_number(where, "layer", x->layer);
        json_add_number(where, "position", x->position);
        json_add_number(where, strcmp(activation, OUTLIER_ACTIVATIONS[0]) == 0 ? "key" : "channel", x->index);
        double value = (double)x->value;
        report_add_value(r, "massive", model, where, (struct interval){value, NAN, NAN}, 1, NULL);
        cJSON_Delete(where);
    }
}

static enum status add_place(struct report *r, const cJSON *items, size_t activation, int layer, struct error *err)
{
    struct part *parts = calloc(report_n_models(r), sizeof *parts);
    cJSON *where = cJSON_CreateObject();
    enum status status = parts ? OK : error_set(err, ERR_SYSTEM, "outliers: out of memory");
    cJSON_AddStringToObject(where, "activation", OUTLIER_ACTIVATIONS[activation]);
    if (layer >= 0)
        json_add_number(where, "layer", layer);
    for (size_t m = 0; m < report_n_models(r) && status == OK; m++)
        status = part_load(&parts[m], items, report_model(r, m), OUTLIER_ACTIVATIONS[activation], layer, err);
    if (status == OK)
        status = add_statistics(r, parts, where, err);
    for (size_t m = 0; parts != NULL && m < report_n_models(r); m++) {
        if (status == OK && layer < 0) {
            add_histogram(r, report_model(r, m), &parts[m], where);
            add_massive(r, report_model(r, m), &parts[m], OUTLIER_ACTIVATIONS[activation]);
        }
        part_free(&parts[m]);
    }
    free(parts);
    cJSON_Delete(where);
    return status;
}

static int count_layers(const cJSON *items)
{
    const cJSON *result;
    int most = 0;
    cJSON_ArrayForEach(result, json_path(items->child, "results"))
    {
        int n = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(json_path(result, "evidence"), OUTLIER_ACTIVATIONS[0]));
        most = n > most ? n : most;
    }
    return most;
}

enum status outliers_summarize(const cJSON *items, struct report *r, struct error *err)
{
    enum status status = OK;
    for (size_t a = 0; a < 2; a++)
        for (int layer = -1; layer < count_layers(items) && status == OK; layer++)
            status = add_place(r, items, a, layer, err);
    return status;
}
