/* table.c - see table.h. */
#include "report/table.h"

#include "base/list.h"
#include "base/visible.h"
#include "formats/json.h"
#include "report/report.h"
#include "report/words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void where_text(struct text *out, const cJSON *where)
{
    const cJSON *d;
    cJSON_ArrayForEach(d, where)
    {
        text_printf(out, "%s%s ", d == where->child ? "" : ", ", d->string);
        if (cJSON_IsNumber(d))
            text_printf(out, "%.9g", d->valuedouble);
        else
            text_puts(out, cJSON_IsString(d) ? d->valuestring : cJSON_IsTrue(d) ? "yes" : "no");
    }
}

void figure_text(struct text *out, double value, double largest, bool sign)
{
    int decimals = largest <= 20 ? 3 : largest < 1000 ? 2 : largest < 100000 ? 1 : 0;
    if (!isfinite(value)) {
        text_puts(out, "-");
        return;
    }
    if (fabs(value) < 0.5 * pow(10, -decimals))
        value = 0; /* no "-0.000" */
    text_printf(out, sign ? "%+.*f" : "%.*f", decimals, value);
}

void figure_cell(struct grid *g, double value, double largest, bool sign)
{
    struct text t = {0};
    figure_text(&t, value, largest, sign);
    grid_add_figure(g, t.data ? t.data : "", &value, 1);
    text_free(&t);
}

void interval_cell(struct grid *g, const cJSON *row, double largest)
{
    struct text t = {0};
    double ends[2] = {json_real(row, "ci.0"), json_real(row, "ci.1")};
    if (isfinite(ends[0])) {
        text_puts(&t, "[");
        figure_text(&t, ends[0], largest, false);
        text_puts(&t, ", ");
        figure_text(&t, ends[1], largest, false);
        text_puts(&t, "]");
    }
    grid_add_figure(g, t.data ? t.data : "-", ends, 2);
    text_free(&t);
}

void p_cell(struct grid *g, double p)
{
    char text[32];
    snprintf(text, sizeof text, p < 5e-5 ? "<0.0001" : isfinite(p) ? "%.4f" : "-", p);
    grid_add_figure(g, text, &p, 1);
}

static bool named(const cJSON *row, const char *name)
{
    const char *its = json_text(row, "name");
    return its != NULL && strcmp(its, name) == 0;
}

static double largest_value(const cJSON *rows, const char *name)
{
    const cJSON *row;
    double largest = 0;
    cJSON_ArrayForEach(row, rows)
    {
        if (named(row, name) && fabs(json_real(row, "value")) > largest)
            largest = fabs(json_real(row, "value"));
    }
    return largest;
}

static struct table *push(struct tables *t, const cJSON *where)
{
    struct text place = {0}, title = {0};
    if (!mem_grow((void **)&t->all, &t->capacity, t->n + 1, sizeof *t->all))
        return NULL;
    (t->words ? words_where : where_text)(&place, where);
    visible_text(&title, place.data ? place.data : "", true);
    text_free(&place);
    t->all[t->n] = (struct table){.title = title.data ? title.data : strdup("")};
    return &t->all[t->n++];
}

/* `where` without the dimension x; *value (may be NULL) becomes a copy of x's value, NULL when there is none. */
static cJSON *without(const cJSON *where, const char *x, cJSON **value)
{
    cJSON *rest = cJSON_Duplicate(where, true), *its = cJSON_DetachItemFromObjectCaseSensitive(rest, x);
    if (value != NULL)
        *value = its;
    else
        cJSON_Delete(its);
    return rest;
}

/* The groups of rows that differ in x alone, {rest, columns: values of x, all: is there a row over all}, in the order of the
 * report. */
static cJSON *find_groups(const cJSON *metrics, const char *name, const char *x)
{
    cJSON *groups = cJSON_CreateArray(), *g;
    const cJSON *row;
    cJSON_ArrayForEach(row, metrics)
    {
        cJSON *value, *rest, *found = NULL;
        if (!named(row, name))
            continue;
        rest = without(json_path(row, "where"), x, &value);
        cJSON_ArrayForEach(g, groups)
        {
            if (cJSON_Compare(cJSON_GetObjectItem(g, "rest"), rest, true))
                found = g;
        }
        if (found == NULL && value != NULL) {
            found = cJSON_CreateObject();
            cJSON_AddItemToObject(found, "rest", cJSON_Duplicate(rest, true));
            cJSON_AddArrayToObject(found, "columns");
            cJSON_AddItemToArray(groups, found);
        }
        if (value == NULL && found != NULL && !cJSON_HasObjectItem(found, "all"))
            cJSON_AddTrueToObject(found, "all");
        if (value != NULL && !json_array_has(cJSON_GetObjectItem(found, "columns"), value))
            cJSON_AddItemToArray(cJSON_GetObjectItem(found, "columns"), cJSON_Duplicate(value, true));
        cJSON_Delete(value);
        cJSON_Delete(rest);
    }
    return groups;
}

/* Cells of one model, or of a comparison: each column, then over all with its interval. */
static void fill_row(struct grid *g, const cJSON *rows, const char *value, const char *name, const char *model,
                     const cJSON *group, const char *x, double largest)
{
    const cJSON *rest = cJSON_GetObjectItem(group, "rest"), *column, *all = report_find(rows, name, model, rest);
    bool sign = strcmp(value, "difference") == 0;
    cJSON_ArrayForEach(column, cJSON_GetObjectItem(group, "columns"))
    {
        /* report_find compares without regard to the order of members */
        cJSON *at = cJSON_Duplicate(rest, true);
        cJSON_AddItemToObject(at, x, cJSON_Duplicate(column, true));
        figure_cell(g, json_real(report_find(rows, name, model, at), value), largest, sign);
        cJSON_Delete(at);
    }
    if (!cJSON_IsTrue(cJSON_GetObjectItem(group, "all")))
        return;
    figure_cell(g, json_real(all, value), largest, sign);
    interval_cell(g, all, largest);
}

static void fill_group(struct table *t, const cJSON *report, const cJSON *view, const cJSON *group, bool words)
{
    const char *name = json_text(view, "name"), *x = json_text(view, "x");
    const cJSON *columns = cJSON_GetObjectItem(group, "columns"), *column, *m, *rest = cJSON_GetObjectItem(group, "rest");
    const cJSON *metrics = json_path(report, "metrics"), *comparisons = json_path(report, "comparisons"), *c;
    double largest = largest_value(metrics, name);
    struct grid *g = &t->grid;
    bool all = cJSON_IsTrue(cJSON_GetObjectItem(group, "all"));
    g->columns = 1 + (size_t)cJSON_GetArraySize(columns) + (all ? 2 : 0);
    grid_add(g, "%s", json_text(view, "title"));
    cJSON_ArrayForEach(column, columns)
    {
        struct text head = {0};
        if (words) {
            words_dimension(&head, x, column);
        } else {
            text_printf(&head, "%s ", x);
            if (cJSON_IsNumber(column))
                text_printf(&head, "%.9g", column->valuedouble);
            else
                text_puts(&head, cJSON_IsString(column) ? column->valuestring : "");
        }
        grid_add(g, "%s", head.data ? head.data : "");
        text_free(&head);
    }
    if (all) {
        grid_add(g, "%s", json_text(view, "all") ? json_text(view, "all") : "all");
        grid_add(g, "95%% interval");
    }
    cJSON_ArrayForEach(m, json_path(report, "models"))
    {
        grid_add(g, "%s", json_text(m, "name"));
        fill_row(g, metrics, "value", name, json_text(m, "name"), group, x, largest);
    }
    cJSON_ArrayForEach(m, json_path(report, "models"))
    {
        const char *model = json_text(m, "name"), *baseline = NULL;
        cJSON_ArrayForEach(c, comparisons)
        {
            cJSON *its = without(json_path(c, "where"), x, NULL);
            if (named(c, name) && strcmp(json_text(c, "model"), model) == 0 && cJSON_Compare(its, rest, true))
                baseline = json_text(c, "baseline");
            cJSON_Delete(its);
        }
        if (baseline == NULL)
            continue;
        grid_add(g, "%s - %s", model, baseline);
        fill_row(g, comparisons, "difference", name, model, group, x, largest);
    }
}

/* Is the name one of the comma-separated ones? NULL: all are. */
static bool in_list(const char *names, const char *name)
{
    return names == NULL || list_has(names, name);
}

/* Is there a row of the same metric whose place is `where` less some dimensions? Then `where` is a detail of it. */
static bool is_detail(const cJSON *metrics, const char *name, const cJSON *where)
{
    const cJSON *row, *d;
    cJSON_ArrayForEach(row, metrics)
    {
        const cJSON *its = json_path(row, "where");
        bool less = named(row, name) && cJSON_GetArraySize(its) < cJSON_GetArraySize(where);
        cJSON_ArrayForEach(d, its)
        {
            less = less && cJSON_Compare(d, cJSON_GetObjectItemCaseSensitive(where, d->string), true);
        }
        if (less)
            return true;
    }
    return false;
}

static void add_text(struct text *out, const char *name)
{
    text_puts(out, name);
}

/* One line a metric and place: every model's figure, then each comparison with its interval and p. */
static void fill_summary(struct table *t, const cJSON *report, const char *names, const char *title, bool words)
{
    const cJSON *metrics = json_path(report, "metrics"), *comparisons = json_path(report, "comparisons");
    const cJSON *models = json_path(report, "models"), *m, *row, *seen;
    size_t n_models = (size_t)cJSON_GetArraySize(models);
    struct grid *g = &t->grid;
    bool compared = cJSON_GetArraySize(comparisons) > 0;
    g->columns = 1 + 2 * n_models + (compared ? 3 * (n_models - 1) : 0);
    grid_add(g, "%s", title);
    cJSON_ArrayForEach(m, models)
    {
        grid_add(g, "%s", json_text(m, "name"));
        grid_add(g, "95%% interval");
    }
    for (size_t i = 1; compared && i < n_models; i++) {
        grid_add(g, n_models > 2 ? "difference %zu" : "difference", i);
        grid_add(g, "95%% interval");
        grid_add(g, "p");
    }
    cJSON_ArrayForEach(row, metrics)
    {
        const char *name = json_text(row, "name");
        const cJSON *where = json_path(row, "where");
        bool first = true, wanted = in_list(names, name);
        for (seen = metrics->child; seen != row && first && wanted; seen = seen->next)
            first = !(named(seen, name) && cJSON_Compare(json_path(seen, "where"), where, true));
        if (!wanted || !first || (names != NULL && is_detail(metrics, name, where)))
            continue;
        struct text head = {0};
        (words ? words_metric : add_text)(&head, name);
        text_puts(&head, where->child ? ", " : "");
        (words ? words_where : where_text)(&head, where);
        grid_add(g, "%s", head.data ? head.data : "");
        text_free(&head);
        double largest = fabs(json_real(row, "value"));
        cJSON_ArrayForEach(m, models)
        {
            const cJSON *its = report_find(metrics, name, json_text(m, "name"), where);
            figure_cell(g, json_real(its, "value"), largest, false);
            interval_cell(g, its, largest);
        }
        size_t cells = 0;
        cJSON_ArrayForEach(m, models)
        {
            const cJSON *c = compared ? report_find(comparisons, name, json_text(m, "name"), where) : NULL;
            if (c == NULL)
                continue;
            figure_cell(g, json_real(c, "difference"), largest, true);
            interval_cell(g, c, largest);
            p_cell(g, json_real(c, "p_value"));
            cells += 3;
        }
        for (; compared && cells < 3 * (n_models - 1); cells++)
            grid_add(g, "-");
    }
}

static bool has_metric(const cJSON *report, const char *names)
{
    const cJSON *row;
    cJSON_ArrayForEach(row, json_path(report, "metrics"))
    {
        if (in_list(names, json_text(row, "name")))
            return true;
    }
    return false;
}

enum status tables_from_view(struct tables *t, const cJSON *report, const cJSON *view, struct error *err)
{
    const char *name = json_text(view, "name"), *x = json_text(view, "x");
    if (name == NULL || !has_metric(report, name))
        return OK;
    if (x == NULL) {
        struct table *one = push(t, NULL);
        if (one == NULL)
            return error_set(err, ERR_SYSTEM, "table: out of memory");
        fill_summary(one, report, name, json_text(view, "title"), t->words);
        return OK;
    }
    cJSON *groups = find_groups(json_path(report, "metrics"), name, x), *group;
    enum status status = OK;
    int widest = 0;
    cJSON_ArrayForEach(group, groups)
    {
        int n = cJSON_GetArraySize(cJSON_GetObjectItem(group, "columns"));
        widest = n > widest ? n : widest;
    }
    cJSON_ArrayForEach(group, groups)
    {
        if (widest > 1 && cJSON_GetArraySize(cJSON_GetObjectItem(group, "columns")) == 1)
            continue; /* a place where this dimension was not varied */
        struct table *one = status == OK ? push(t, cJSON_GetObjectItem(group, "rest")) : NULL;
        if (one == NULL)
            status = error_set(err, ERR_SYSTEM, "table: out of memory");
        else
            fill_group(one, report, view, group, t->words);
    }
    cJSON_Delete(groups);
    return status;
}

/* Tables of one place follow one another, in the order in which the places come up. */
static void gather(struct tables *t)
{
    for (size_t i = 1; i < t->n; i++) {
        size_t to = i;
        for (size_t j = 0; j < i; j++)
            if (strcmp(t->all[j].title, t->all[i].title) == 0)
                to = j + 1;
        struct table moved = t->all[i];
        memmove(t->all + to + 1, t->all + to, (i - to) * sizeof moved);
        t->all[to] = moved;
    }
}

enum status tables_from_report(struct tables *t, const cJSON *report, bool every, struct error *err)
{
    const cJSON *view;
    enum status status = OK;
    *t = (struct tables){.words = t->words, .width = t->width};
    const cJSON *views = every ? NULL : json_path(report, "views");
    cJSON_ArrayForEach(view, views)
    {
        if (status == OK && strcmp(json_text(view, "kind"), "table") == 0)
            status = tables_from_view(t, report, view, err);
    }
    gather(t);
    if (t->n == 0 && status == OK && has_metric(report, NULL)) {
        struct table *one = push(t, NULL);
        status = one ? OK : error_set(err, ERR_SYSTEM, "table: out of memory");
        if (one != NULL)
            fill_summary(one, report, NULL, "metric", t->words);
    }
    if (status != OK)
        tables_free(t);
    return status;
}

void tables_free(struct tables *t)
{
    for (size_t i = 0; i < t->n; i++) {
        free(t->all[i].title);
        grid_free(&t->all[i].grid);
    }
    free(t->all);
    *t = (struct tables){0};
}
