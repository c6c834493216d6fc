/* scaling.c - the fit of loss against size and tokens (Ye et al. 2024, section 3.2, figure 3).
 *
 * Reads finished trainings, {model, n_params, tokens, loss}, and runs no model.
 * L = a x^-b + c for each architecture, over parameters and over tokens; then at
 * which x the one reaches the loss that the baseline has at its own x, as a ratio.
 * Intervals by a residual bootstrap.
 */
#include "report/fit.h"
#include "report/report.h"
#include "suite/dataset.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct settings {
    const char *data, *field;
};

#define AT(member) offsetof(struct settings, member)
static const struct option_spec OPTIONS[] = {
    {"data", OPTION_STRING, NULL, 0, 0, "FILE",
     "records (JSON lines, CSV, ..) with model, n_params, tokens and loss (default: small trainings of this project)", false,
     AT(data)},
    {"field", OPTION_STRING, NULL, 0, 0, "NEW=OLD", "fields under other names", false, AT(field)},
    OPTIONS_END,
};

static void release(struct experiment *e)
{
    dataset_free(e->state);
    free(e->state);
}

static enum status add_subject(struct experiment *e, const char *name, struct error *err)
{
    for (size_t i = 0; i < e->n_subjects; i++)
        if (strcmp(e->subjects[i].name, name) == 0)
            return OK;
    struct subject *more = realloc(e->subjects, (e->n_subjects + 1) * sizeof *more);
    if (more == NULL)
        return error_set(err, ERR_SYSTEM, "scaling: out of memory");
    e->subjects = more;
    e->subjects[e->n_subjects++] = (struct subject){.name = strdup(name)};
    return OK;
}

static enum status prepare(struct experiment *e, struct error *err)
{
    static const char *const numbers[] = {"n_params", "tokens", "loss"};
    const struct settings *o = e->settings;
    struct dataset *d = calloc(1, sizeof *d);
    char *path = experiment_data_path(o->data, "data/scaling/runs.jsonl"), buffer[32];
    bool given = o->data != NULL;
    if (d == NULL || path == NULL) {
        free(d);
        free(path);
        return error_set(err, ERR_SYSTEM, "scaling: out of memory");
    }
    enum status status = dataset_load(d, path, o->field, err);
    e->state = d;
    for (size_t i = 0; i < d->n && status == OK; i++) {
        const char *name;
        status = dataset_text(d, i, "model", buffer, &name, err);
        for (size_t k = 0; k < 3 && status == OK; k++)
            status = json_get_double(d->record[i], numbers[k], 1e-9, 1e30, false, &(double){0}, path, err);
        if (status == OK)
            status = add_subject(e, name, err);
    }
    if (status == OK)
        experiment_add_data(e, "trainings", given ? path : "data/scaling/runs.jsonl", d->sha256, d->n, NULL);
    free(path);
    return status;
}

/* The trainings are over: nothing runs. */
static enum status plan(const struct experiment *e, struct plan *plan, struct error *err)
{
    (void)e;
    (void)plan;
    (void)err;
    return OK;
}

enum { PARAMETERS = 3 }; /* of the fit a x^-b + c */

/* The trainings of one architecture on one axis. */
struct points {
    double *x, *y;
    size_t n;
};

static void points_free(struct points *p)
{
    free(p->x);
    free(p->y);
}

static double field(const struct dataset *d, size_t i, const char *name)
{
    return json_real(d->record[i], name);
}

/* The model's name as text; a number is one, too. */
static const char *name_of(const struct dataset *d, size_t i, char buffer[32])
{
    const char *name = "";
    dataset_text(d, i, "model", buffer, &name, NULL);
    return name;
}

/* Over parameters: each size at its largest number of tokens. Over tokens: the largest size. The last loss of equal ones. */
static bool select_points(struct points *p, const struct dataset *d, const char *model, const char *axis)
{
    bool by_size = strcmp(axis, "n_params") == 0;
    char buffer[32];
    const char *other = by_size ? "tokens" : "n_params";
    *p = (struct points){mem_array(d->n + 1, sizeof(double)), mem_array(d->n + 1, sizeof(double)), 0};
    double largest = 0;
    for (size_t i = 0; i < d->n; i++)
        if (strcmp(name_of(d, i, buffer), model) == 0)
            largest = fmax(largest, field(d, i, other));
    for (size_t i = 0; p->x != NULL && p->y != NULL && i < d->n; i++) {
        if (strcmp(name_of(d, i, buffer), model) != 0)
            continue;
        bool best = by_size || field(d, i, other) == largest;
        for (size_t j = 0; by_size && j < d->n && best; j++) /* a longer training of the same size */
            best = strcmp(name_of(d, j, buffer), model) != 0 || field(d, j, axis) != field(d, i, axis) ||
                   field(d, j, other) <= field(d, i, other);
        if (best) {
            p->x[p->n] = field(d, i, axis);
            p->y[p->n++] = field(d, i, "loss");
        }
    }
    return p->x != NULL && p->y != NULL;
}

/* Fits to y as it is and to y drawn again around the fit, RESAMPLES times; fits[0] is the first. */
static bool fit_all(struct power_law *fits, const struct points *p, uint64_t seed, const char *name)
{
    struct rng rng = rng_stream(seed, name, p->n);
    double *residual = mem_array(p->n, sizeof *residual), *y = mem_array(p->n, sizeof *y);
    bool ok = residual != NULL && y != NULL && power_law_fit(&fits[0], p->x, p->y, p->n);
    double spread = p->n > PARAMETERS ? sqrt((double)p->n / (double)(p->n - PARAMETERS)) : 1;
    for (size_t i = 0; ok && i < p->n; i++)
        residual[i] = (p->y[i] - power_law_at(&fits[0], p->x[i])) * spread;
    for (size_t r = 1; ok && r <= RESAMPLES; r++) {
        for (size_t i = 0; i < p->n; i++)
            y[i] = power_law_at(&fits[0], p->x[i]) + residual[rng_below(&rng, p->n)];
        ok = power_law_fit(&fits[r], p->x, y, p->n);
    }
    free(residual);
    free(y);
    return ok;
}

/* The value of the first fit with the middle 95 % of the others, widened to hold it; no interval when there is nothing left of
 * the points that could vary. */
static struct interval middle(double *values, bool known)
{
    struct interval out = {values[0], values[0], values[0]};
    if (!known)
        return (struct interval){values[0], NAN, NAN};
    percentiles(&out, values + 1, RESAMPLES);
    return (struct interval){out.value, fmin(out.value, out.low), fmax(out.value, out.high)};
}

static void add_fit(struct report *r, const char *model, const cJSON *where, const struct power_law *fits, const struct points *p,
                    double *work)
{
    static const char *const names[] = {"fit_a", "fit_b", "fit_c"};
    for (size_t k = 0; k < 3; k++) {
        for (size_t i = 0; i <= RESAMPLES; i++)
            work[i] = k == 0 ? fits[i].a : k == 1 ? fits[i].b : fits[i].c;
        report_add_value(r, names[k], model, where, middle(work, p->n > PARAMETERS), p->n, NULL);
    }
    cJSON *points = report_add_series(r, "loss", model, where, json_text(where, "axis"), "loss", "log");
    cJSON *curve = report_add_series(r, "fit", model, where, json_text(where, "axis"), "loss", "log");
    double low = p->x[0], high = p->x[0];
    for (size_t i = 0; i < p->n; i++) {
        report_add_point(points, p->x[i], (struct interval){p->y[i], NAN, NAN});
        low = fmin(low, p->x[i]);
        high = fmax(high, p->x[i]);
    }
    for (int i = 0; i <= 24; i++) {
        double x = low * pow(high / low, i / 24.0);
        for (size_t k = 0; k <= RESAMPLES; k++)
            work[k] = power_law_at(&fits[k], x);
        report_add_point(curve, x, middle(work, p->n > PARAMETERS));
    }
}

/* At each x of the baseline: where the other model reaches the loss of the baseline's fit there, as a share of x. */
static void add_ratios(struct report *r, const char *model, const cJSON *where, const struct power_law *fits,
                       const struct power_law *baseline, const struct points *p, bool known, double *work)
{
    for (size_t i = 0; i < p->n; i++) {
        for (size_t k = 0; k <= RESAMPLES; k++)
            work[k] = power_law_inverse(&fits[k], power_law_at(&baseline[k], p->x[i])) / p->x[i];
        cJSON *at = cJSON_Duplicate(where, true);
        json_add_number(at, "baseline", p->x[i]);
        report_add_value(r, "equal_loss_ratio", model, at, middle(work, known), p->n, "lower");
        cJSON_Delete(at);
    }
}

/* Is there something that falls with x? Says so when there is not, and when the points are as few as the parameters. */
static bool can_fit(struct report *r, const struct points *p, const char *model, const char *axis)
{
    size_t least = 0, most = 0;
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < p->n; i++) {
        least = p->x[i] < p->x[least] ? i : least;
        most = p->x[i] > p->x[most] ? i : most;
        low = fmin(low, p->y[i]);
        high = fmax(high, p->y[i]);
    }
    if (p->n < PARAMETERS)
        return false;
    if (high - low <= 1e-9 * fabs(high) || p->y[most] >= p->y[least]) {
        report_note(r, "%s over %s: the losses %s, so there is no power law to fit", model, axis,
                    high - low <= 1e-9 * fabs(high) ? "are all the same" : "do not fall");
        return false;
    }
    if (p->n == PARAMETERS)
        report_note(r,
                    "%s over %s: three points for three parameters: the curve goes through them, and nothing says how sure it is",
                    model, axis);
    return true;
}

static enum status add_axis(struct report *r, const struct experiment *e, const char *axis, struct error *err)
{
    struct points *p = calloc(e->n_subjects, sizeof *p);
    struct power_law *fits = mem_array(e->n_subjects * (RESAMPLES + 1), sizeof *fits);
    double *work = mem_array(RESAMPLES + 2, sizeof *work);
    bool *fitted = mem_array(e->n_subjects, sizeof *fitted);
    cJSON *where = cJSON_CreateObject();
    enum status status = p && fits && work && fitted ? OK : error_set(err, ERR_SYSTEM, "scaling: out of memory");
    cJSON_AddStringToObject(where, "axis", axis);
    for (size_t m = 0; m < e->n_subjects && status == OK; m++) {
        if (!select_points(&p[m], e->state, e->subjects[m].name, axis))
            status = error_set(err, ERR_SYSTEM, "scaling: out of memory");
        else if (!can_fit(r, &p[m], e->subjects[m].name, axis))
            continue;
        else if ((fitted[m] = fit_all(fits + m * (RESAMPLES + 1), &p[m], e->seed, e->subjects[m].name)))
            add_fit(r, e->subjects[m].name, where, fits + m * (RESAMPLES + 1), &p[m], work);
    }
    for (size_t m = 0; m < e->n_subjects && status == OK; m++)
        if (m != e->baseline && fitted[m] && fitted[e->baseline])
            add_ratios(r, e->subjects[m].name, where, fits + m * (RESAMPLES + 1), fits + e->baseline * (RESAMPLES + 1),
                       &p[e->baseline], p[e->baseline].n > PARAMETERS && p[m].n > PARAMETERS, work);
    for (size_t m = 0; p != NULL && m < e->n_subjects; m++)
        points_free(&p[m]);
    free(p);
    free(fits);
    free(work);
    free(fitted);
    cJSON_Delete(where);
    return status;
}

static enum status summarize(const struct experiment *e, const cJSON *items, struct report *r, struct error *err)
{
    (void)items;
    enum status status = add_axis(r, e, "n_params", err);
    if (status == OK)
        status = add_axis(r, e, "tokens", err);
    if (status == OK && cJSON_GetArraySize(r->metrics) == 0 && !cJSON_HasObjectItem(r->root, "notes"))
        status = error_set(err, ERR_INPUT,
                           "%s: has fewer than three sizes and fewer than three numbers of tokens of any model, "
                           "expected three or more to fit",
                           ((const struct dataset *)e->state)->path);
    return status;
}

static const struct view VIEWS[] = {
    {"table", "fit_a,fit_b,fit_c", "loss = a x^-b + c", NULL, NULL},
    {"table", "equal_loss_ratio", "reaches the baseline's loss at this share of its x", NULL, NULL},
    {"fits", "fit,loss", "Loss against size and tokens: fits over what was measured", NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

extern const struct task TASK_SCALING;
const struct task TASK_SCALING = {
    .name = "scaling",
    .summary = "fits loss against parameters and tokens of finished trainings (section 3.2)",
    .options = OPTIONS,
    .settings_size = sizeof(struct settings),
    .views = VIEWS,
    .no_models = true,
    .prepare = prepare,
    .release = release,
    .plan = plan,
    .summarize = summarize,
};
