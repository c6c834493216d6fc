/* icl_summary.c - see icl_summary.h. */
#include "tasks/icl_summary.h"

#include "base/memory.h"
#include "report/places.h"
#include "report/values.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const ICL_ARRANGEMENTS[] = {"random", "alternate", NULL};

/* Accuracies [models, orders] at the largest number of demonstrations, in one arrangement. Orders are the units. */
struct spread {
    double *accuracy;
    size_t n_orders, model, baseline;
    const bool *swapped; /* [orders], for the permutation test */
};

static double accuracy_of(const struct spread *p, size_t model, size_t order)
{
    size_t m = p->swapped != NULL && p->swapped[order] ? p->model + p->baseline - model : model;
    return p->accuracy[m * p->n_orders + order];
}

static double best_of(const struct spread *p, size_t model, const size_t *index, size_t n)
{
    double best = 0;
    for (size_t i = 0; i < n; i++)
        best = fmax(best, accuracy_of(p, model, index[i]));
    return best;
}

static double worst_of(const struct spread *p, size_t model, const size_t *index, size_t n)
{
    double worst = 1;
    for (size_t i = 0; i < n; i++)
        worst = fmin(worst, accuracy_of(p, model, index[i]));
    return worst;
}

static double margin_of(const struct spread *p, size_t model, const size_t *index, size_t n)
{
    return best_of(p, model, index, n) - worst_of(p, model, index, n);
}

static double deviation_of(const struct spread *p, size_t model, const size_t *index, size_t n)
{
    double mean = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        mean += accuracy_of(p, model, index[i]) / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += pow(accuracy_of(p, model, index[i]) - mean, 2);
    return n > 1 ? sqrt(squares / (double)(n - 1)) : (double)NAN;
}

static double own_deviation(void *context, const size_t *index, size_t n)
{
    const struct spread *p = context;
    return deviation_of(p, p->model, index, n);
}

static double deviation_difference(void *context, const size_t *index, size_t n)
{
    const struct spread *p = context;
    return deviation_of(p, p->model, index, n) - deviation_of(p, p->baseline, index, n);
}

static double margin_difference(void *context, const size_t *index, size_t n)
{
    const struct spread *p = context;
    return margin_of(p, p->model, index, n) - margin_of(p, p->baseline, index, n);
}

static void fill_spread(struct spread *p, const struct report *r, const cJSON *items, const cJSON *where)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, items)
    {
        size_t order = (size_t)json_real(item, "where.order");
        if (json_real(item, "where.shots") != json_real(where, "shots") ||
            strcmp(json_text(item, "where.arrangement"), json_text(where, "arrangement")) != 0 || order >= p->n_orders)
            continue;
        for (size_t m = 0; m < report_n_models(r); m++)
            p->accuracy[m * p->n_orders + order] =
                json_real(cJSON_GetObjectItemCaseSensitive(json_path(item, "results"), report_model(r, m)), "score");
    }
}

/* The largest and smallest of some orders say little of others, so they have no interval; the deviation over orders has. */
static enum status add_spread(struct report *r, const cJSON *items, const cJSON *where, size_t n_orders, struct error *err)
{
    static const struct {
        const char *name;
        double (*of)(const struct spread *, size_t, const size_t *, size_t);
        const char *better;
    } extremes[] = {{"accuracy_best", best_of, "higher"}, {"accuracy_worst", worst_of, "higher"}, {"margin", margin_of, "lower"}};
    struct spread p = {.n_orders = n_orders, .baseline = r->baseline};
    size_t *all = mem_array(n_orders, sizeof *all);
    p.accuracy = mem_array(report_n_models(r) * n_orders, sizeof *p.accuracy);
    if (p.accuracy == NULL || all == NULL) {
        free(p.accuracy);
        free(all);
        return error_set(err, ERR_SYSTEM, "icl: out of memory");
    }
    for (size_t i = 0; i < n_orders; i++)
        all[i] = i;
    fill_spread(&p, r, items, where);
    for (p.model = 0; p.model < report_n_models(r); p.model++) {
        const char *name = report_model(r, p.model), *baseline = report_model(r, r->baseline);
        for (size_t k = 0; k < 3; k++) {
            struct interval x = {extremes[k].of(&p, p.model, all, n_orders), NAN, NAN};
            report_add_value(r, extremes[k].name, name, where, x, n_orders, extremes[k].better);
        }
        report_add_value(r, "accuracy_deviation", name, where, bootstrap_items(n_orders, r->seed, own_deviation, &p), n_orders,
                         "lower");
        if (p.model == r->baseline)
            continue;
        struct paired d = {{margin_difference(&p, all, n_orders), NAN, NAN}, 1, 1, 1};
        d.p_value = swap_test(n_orders, r->seed, margin_difference, &p, &p.swapped);
        report_add_difference(r, "margin", name, baseline, where, d, n_orders);
        d.difference = bootstrap_items(n_orders, r->seed, deviation_difference, &p);
        d.p_value = swap_test(n_orders, r->seed, deviation_difference, &p, &p.swapped);
        report_add_difference(r, "accuracy_deviation", name, baseline, where, d, n_orders);
    }
    free(p.accuracy);
    free(all);
    return OK;
}

/* Each test text's share of right answers over the stable part of the curve, for one model. */
static bool stable_values(struct values *v, const cJSON *items, const char *arrangement, double from, const char *model)
{
    const cJSON *item, *c;
    size_t parts = 0;
    cJSON_ArrayForEach(item, items)
    {
        const cJSON *correct = json_path(cJSON_GetObjectItemCaseSensitive(json_path(item, "results"), model), "evidence.correct");
        size_t i = 0;
        if (strcmp(json_text(item, "where.arrangement"), arrangement) != 0 || json_real(item, "where.order") != 0 ||
            json_real(item, "where.shots") < from)
            continue;
        if (parts++ == 0) {
            v->n = (size_t)cJSON_GetArraySize(correct);
            v->x = mem_array(v->n + 1, sizeof *v->x);
        }
        cJSON_ArrayForEach(c, correct)
        {
            if (v->x != NULL && i < v->n)
                v->x[i++] += c->valuedouble;
        }
    }
    for (size_t i = 0; v->x != NULL && i < v->n; i++)
        v->x[i] /= (double)parts;
    return v->x != NULL;
}

static enum status add_stable(struct report *r, const cJSON *items, const char *arrangement, double most, struct error *err)
{
    struct values *v = calloc(report_n_models(r), sizeof *v);
    cJSON *where = cJSON_CreateObject();
    bool ok = v != NULL;
    cJSON_AddStringToObject(where, "arrangement", arrangement);
    for (size_t m = 0; m < report_n_models(r) && ok; m++)
        ok = stable_values(&v[m], items, arrangement, most / 4, report_model(r, m));
    for (size_t m = 0; m < report_n_models(r) && ok; m++) {
        const char *name = report_model(r, m);
        struct interval mean = mean_t(v[m].x, v[m].n);
        report_add_value(r, "accuracy_stable", name, where, isfinite(mean.low) ? wilson(mean.value, v[m].n) : mean, v[m].n,
                         "higher");
        if (m != r->baseline)
            report_add_difference(r, "accuracy_stable", name, report_model(r, r->baseline), where,
                                  paired_difference(v[m].x, v[r->baseline].x, v[m].n, r->seed, DIFFERENCE_OF_PROPORTIONS),
                                  v[m].n);
    }
    for (size_t m = 0; v != NULL && m < report_n_models(r); m++)
        values_free(&v[m]);
    free(v);
    cJSON_Delete(where);
    return ok ? OK : error_set(err, ERR_SYSTEM, "icl: out of memory");
}

/* A model that answers with few of the labels has learned little, whatever its accuracy. */
static void note_degenerate(struct report *r, const cJSON *items, double most)
{
    const double few = 0.34;
    const cJSON *item;
    cJSON_ArrayForEach(item, items)
    {
        for (size_t m = 0; m < report_n_models(r); m++) {
            double used = json_real(cJSON_GetObjectItemCaseSensitive(json_path(item, "results"), report_model(r, m)),
                                    "evidence.labels_used");
            if (json_real(item, "where.shots") == most && json_real(item, "where.order") == 0 && used < few)
                report_note(r, "%s is degenerate with %.0f demonstrations, %s: it answers with %.0f %% of the labels that occur",
                            report_model(r, m), most, json_text(item, "where.arrangement"), 100 * used);
        }
    }
}

enum status icl_summarize(const cJSON *items, size_t n_orders, struct report *r, struct error *err)
{
    static const struct metric metrics[] = {{"accuracy", "evidence.correct", METRIC_PROPORTION, "higher"},
                                            {"labels_used", "evidence.labels_used", METRIC_SHARE, "higher"}};
    static const char *const dimensions[] = {"shots", "arrangement", "order", NULL};
    enum status status = report_add_places(r, items, metrics, 2, dimensions, err);
    const cJSON *item;
    for (size_t a = 0; ICL_ARRANGEMENTS[a] != NULL && status == OK; a++) {
        double most = -1;
        cJSON_ArrayForEach(item, items)
        {
            if (strcmp(json_text(item, "where.arrangement"), ICL_ARRANGEMENTS[a]) == 0)
                most = fmax(most, json_real(item, "where.shots"));
        }
        if (most < 0)
            continue;
        cJSON *where = cJSON_CreateObject();
        cJSON_AddStringToObject(where, "arrangement", ICL_ARRANGEMENTS[a]);
        json_add_number(where, "order", 0);
        report_add_curve(r, "accuracy", "accuracy", where, "shots", "demonstrations", "accuracy", "log");
        cJSON_DeleteItemFromObjectCaseSensitive(where, "order");
        json_add_number(where, "shots", most);
        status = add_stable(r, items, ICL_ARRANGEMENTS[a], most, err);
        note_degenerate(r, items, most);
        if (n_orders > 1 && status == OK) {
            report_add_curve(r, "orders", "accuracy", where, "order", "order", "accuracy", "linear");
            status = add_spread(r, items, where, n_orders, err);
        }
        cJSON_Delete(where);
    }
    return status;
}
