/* chart.c - see chart.h. */
#include "report/chart.h"

#include "formats/json.h"
#include "report/chart_groups.h"
#include "report/chart_parts.h"
#include "report/html.h"
#include "report/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

size_t chart_model(const cJSON *report, const char *name)
{
    const cJSON *m;
    size_t i = 0;
    cJSON_ArrayForEach(m, json_path(report, "models"))
    {
        if (strcmp(json_text(m, "name"), name) == 0)
            return i;
        i++;
    }
    return 0;
}

size_t chart_n_models(const cJSON *report)
{
    return (size_t)cJSON_GetArraySize(json_path(report, "models"));
}

void chart_open(struct text *out, const char *title, const cJSON *where, const char *class)
{
    struct text place = {0};
    words_where(&place, where);
    text_puts(out, "<figure");
    if (class != NULL)
        text_printf(out, " class=\"%s\"", class);
    text_puts(out, "><figcaption>");
    html_text(out, title);
    if (place.len > 0) {
        text_puts(out, "<small>");
        html_text(out, place.data);
        text_puts(out, "</small>");
    }
    text_puts(out, "</figcaption>\n");
    text_free(&place);
}

static const char *const MARKS[] = {"\xe2\x97\x8f", "\xe2\x96\xa0", "\xe2\x97\x86", "\xe2\x96\xb2"};
enum { N_MARKS = sizeof MARKS / sizeof *MARKS };

void chart_legend(struct text *out, const cJSON *report)
{
    const cJSON *m;
    size_t i = 0;
    text_puts(out, "<p class=\"legend\">");
    cJSON_ArrayForEach(m, json_path(report, "models"))
    {
        text_printf(out, "<span class=\"m%zu\">%s ", i % 6, MARKS[i % N_MARKS]);
        html_text(out, json_text(m, "name"));
        text_puts(out, "</span> ");
        i++;
    }
    text_puts(out, "</p>\n");
}

static void write_tables(const struct chart *c, const cJSON *view, const char *name)
{
    struct tables t = {.words = true};
    struct error ignored;
    struct text title = {0};
    cJSON *one = cJSON_Duplicate(view, true);
    words_metric(&title, name);
    cJSON_ReplaceItemInObjectCaseSensitive(one, "name", cJSON_CreateString(name));
    if (strchr(name, ',') == NULL)
        cJSON_ReplaceItemInObjectCaseSensitive(one, "title", cJSON_CreateString(title.data));
    if (tables_from_view(&t, c->report, one, &ignored) == OK)
        for (size_t i = 0; i < t.n; i++)
            table_html(c->out, &t.all[i]);
    tables_free(&t);
    cJSON_Delete(one);
    text_free(&title);
}

void chart_close(const struct chart *c, const cJSON *view)
{
    bool each = json_text(view, "x") != NULL; /* then a table is of one metric */
    const char *names = json_text(view, "name");
    chart_legend(c->out, c->report);
    text_puts(c->out, "<details><summary>table</summary>");
    for (const char *at = names; *at != '\0'; at += strcspn(at, ","), at += *at == ',') {
        char *name = each ? strndup(at, strcspn(at, ",")) : strdup(names);
        write_tables(c, view, name);
        free(name);
        if (!each)
            break;
    }
    text_puts(c->out, "</details>\n</figure>\n");
}

void chart_scale(struct axis *a, const char *name)
{
    static const char *const unit[] = {"acc", "all_found", "orders", "part"};
    bool share = false;
    for (size_t i = 0; i < sizeof unit / sizeof *unit; i++)
        share = share || strncmp(name, unit[i], strlen(unit[i])) == 0;
    if (share && a->low >= 0 && a->high <= 1) {
        a->low = 0;
        a->high = 1;
    } else {
        axis_round(a);
    }
}

/* Does every member of `reference` stand in `where` with the same value? */
static bool holds_at(const cJSON *reference, const cJSON *where)
{
    const cJSON *d;
    cJSON_ArrayForEach(d, reference)
    {
        if (!cJSON_Compare(d, cJSON_GetObjectItemCaseSensitive(where, d->string), true))
            return false;
    }
    return true;
}

void chart_references(const struct chart *c, struct plot *p, const char *name, const cJSON *where)
{
    const cJSON *r;
    cJSON_ArrayForEach(r, json_path(c->report, "references"))
    {
        if (strcmp(json_text(r, "name"), name) == 0 && holds_at(json_path(r, "where"), where))
            text_printf(p->out, "<path class=\"chance\" d=\"M%d %.1fH%d\"/>", PLOT_LEFT, plot_y(p, json_real(r, "value")),
                        PLOT_WIDTH - PLOT_RIGHT);
    }
}

void chart_reference_words(const struct chart *c, const char *name, const cJSON *where)
{
    const cJSON *r;
    size_t n = 0;
    cJSON_ArrayForEach(r, json_path(c->report, "references"))
    {
        if (strcmp(json_text(r, "name"), name) != 0 || !holds_at(json_path(r, "where"), where))
            continue;
        text_puts(c->out, n++ == 0 ? "<p class=\"legend soft\">dashed: " : ", ");
        html_text(c->out, json_text(r, "label"));
        text_printf(c->out, " %.3g", json_real(r, "value"));
    }
    if (n > 0)
        text_puts(c->out, "</p>\n");
}

void chart_value_text(struct text *out, double value, double low, double high)
{
    text_printf(out, ": %.4g", value);
    if (isfinite(low) && isfinite(high) && (low != value || high != value))
        text_printf(out, " [%.4g, %.4g]", low, high);
}

void chart_mark(struct plot *p, size_t model, double x, double y, const char *tip)
{
    static const char *const shapes[N_MARKS] = {"m-3.8 0a3.8 3.8 0 1 0 7.6 0a3.8 3.8 0 1 0 -7.6 0z", "m-3.4 -3.4h6.8v6.8h-6.8z",
                                                "m0 -4.8l4.8 4.8l-4.8 4.8l-4.8 -4.8z", "m0 -4.6l4.6 8h-9.2z"};
    text_printf(p->out, "<path class=\"point m%zu\" d=\"M%.1f %.1f%s\"", model % 6, x, y, shapes[model % N_MARKS]);
    plot_tip(p, tip);
    text_puts(p->out, "/>");
}

/* What a kind of view is made of, and drawn by: each group by itself, or all in one. */
static const struct {
    const char *kind;
    cJSON *(*group)(const cJSON *report, const cJSON *view);
    void (*draw)(const struct chart *c, const cJSON *group);
    void (*draw_all)(const struct chart *c);
} KINDS[] = {
    {"lines", chart_group_series, chart_curves, NULL},  {"steps", chart_group_series, chart_curves, NULL},
    {"dots", chart_group_series, chart_curves, NULL},   {"fits", chart_group_series, chart_curves, NULL},
    {"ranges", chart_group_series, NULL, chart_ranges}, {"bars", chart_group_metrics, chart_bars, NULL},
    {"parts", chart_group_parts, chart_bars, NULL},     {"heatmap", chart_group_metrics, chart_heatmap, NULL},
};

enum { SHOWN = 4 }; /* pictures of a view that are not folded away */

enum status charts_from_view(struct text *out, const cJSON *report, const cJSON *view, size_t *n, struct error *err)
{
    const char *kind = json_text(view, "kind");
    for (size_t k = 0; k < sizeof KINDS / sizeof *KINDS; k++) {
        if (kind == NULL || json_text(view, "name") == NULL || strcmp(KINDS[k].kind, kind) != 0)
            continue;
        cJSON *groups = KINDS[k].group(report, view);
        const struct chart c = {out, report, view, groups};
        const cJSON *group;
        if (KINDS[k].draw_all != NULL && groups->child != NULL)
            KINDS[k].draw_all(&c);
        int drawn = 0, all = cJSON_GetArraySize(groups);
        cJSON_ArrayForEach(group, groups)
        {
            if (KINDS[k].draw != NULL && drawn == SHOWN && all > SHOWN + 1)
                text_printf(
                    out, "<details class=\"wide\"><summary>%d more places of the same picture</summary><div class=\"figures\">\n",
                    all - drawn);
            if (KINDS[k].draw != NULL)
                KINDS[k].draw(&c, group);
            drawn++;
            (*n)++;
        }
        if (KINDS[k].draw != NULL && all > SHOWN + 1)
            text_puts(out, "</div></details>\n");
        cJSON_Delete(groups);
    }
    return out->data != NULL || *n == 0 ? OK : error_set(err, ERR_SYSTEM, "page: out of memory");
}
