/* page_items.c - single items, to be filtered; see page_parts.h.
 *
 * Every item is a folded block that can be read without the script; the script hides those that the chosen filters leave out, by
 * the words in data-is: "d0v2" is the third value of the first dimension, "m1y" and "m1n" say whether the second model was
 * right, "same" and "differ" whether all scores are equal.
 */
#include "report/page_parts.h"

#include "base/visible.h"
#include "formats/json.h"
#include "report/html.h"
#include "report/page.h"
#include "report/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ITEMS = 400, MOST_VALUES = 24, MOST_LISTED = 8 };

struct browser {
    struct text *out;
    const cJSON *report;
    cJSON *dimensions; /* {name: [values]} of what differs between items, but for what only counts them */
    bool graded;       /* all scores are shares of what was right */
};

static void text(struct text *out, const char *plain)
{
    struct text shown = {0};
    visible_text(&shown, plain ? plain : "", false);
    html_text(out, shown.data ? shown.data : "");
    text_free(&shown);
}

/* What there is to see: an output or a score. */
static bool has_results(const cJSON *item)
{
    const cJSON *result;
    cJSON_ArrayForEach(result, json_path(item, "results"))
    {
        const char *output = json_text(result, "output");
        if (isfinite(json_real(result, "score")) || (output != NULL && output[0] != '\0'))
            return true;
    }
    return false;
}

bool page_item_differs(const cJSON *item)
{
    const cJSON *results = json_path(item, "results"), *result;
    cJSON_ArrayForEach(result, results)
    {
        if (!cJSON_Compare(json_path(result, "score"), json_path(results->child, "score"), true))
            return true;
    }
    return false;
}

static bool all_graded(const cJSON *items)
{
    const cJSON *item, *result;
    cJSON_ArrayForEach(item, items)
    {
        cJSON_ArrayForEach(result, json_path(item, "results"))
        {
            double score = json_real(result, "score");
            if (isfinite(score) && (score < 0 || score > 1))
                return false;
        }
    }
    return true;
}

/* The dimensions by which a person would choose: not those with a value of its own for almost every item. */
static cJSON *find_dimensions(const cJSON *items)
{
    cJSON *found = cJSON_CreateObject(), *values, *next;
    const cJSON *item, *d;
    cJSON_ArrayForEach(item, items)
    {
        cJSON_ArrayForEach(d, json_path(item, "where"))
        {
            values = cJSON_GetObjectItemCaseSensitive(found, d->string);
            if (values == NULL)
                values = cJSON_AddArrayToObject(found, d->string);
            if (cJSON_GetArraySize(values) <= MOST_VALUES && !json_array_has(values, d))
                cJSON_AddItemToArray(values, cJSON_Duplicate(d, true));
        }
    }
    for (values = found->child; values != NULL; values = next) {
        int n = cJSON_GetArraySize(values);
        next = values->next;
        if (n < 2 || n > MOST_VALUES || strcmp(values->string, "sample") == 0 || strcmp(values->string, "record") == 0)
            cJSON_Delete(cJSON_DetachItemViaPointer(found, values));
    }
    return found;
}

static void write_option(struct text *out, const char *value, const char *says)
{
    text_printf(out, "<option value=\"%s\">", value);
    text(out, says);
    text_puts(out, "</option>");
}

static void write_filters(const struct browser *b)
{
    const cJSON *d, *value, *m;
    int i = 0;
    text_puts(b->out, "<form class=\"filters\" hidden>");
    cJSON_ArrayForEach(d, b->dimensions)
    {
        int k = 0;
        text_puts(b->out, "<label>");
        text(b->out, words_axis(d->string));
        text_puts(b->out, " <select><option value=\"\">any</option>");
        cJSON_ArrayForEach(value, d)
        {
            struct text says = {0}, is = {0};
            words_value(&says, value);
            text_printf(&is, "d%dv%d", i, k++);
            write_option(b->out, is.data, says.data);
            text_free(&says);
            text_free(&is);
        }
        text_puts(b->out, "</select></label> ");
        i++;
    }
    i = 0;
    cJSON_ArrayForEach(m, json_path(b->report, "models"))
    {
        if (b->graded) {
            text_puts(b->out, "<label>");
            text(b->out, json_text(m, "name"));
            text_printf(b->out,
                        " <select><option value=\"\">any</option><option value=\"m%dy\">right</option><option "
                        "value=\"m%dn\">wrong</option></select></label> ",
                        i, i);
            i++;
        }
    }
    text_puts(b->out, "<label>models <select><option value=\"\">any</option><option value=\"differ\">differ</option><option "
                      "value=\"same\">agree</option></select></label> <span class=\"count\" role=\"status\"></span></form>\n");
}

static void write_is(const struct browser *b, const cJSON *item)
{
    const cJSON *d, *value, *m;
    int i = 0;
    text_puts(b->out, page_item_differs(item) ? "differ" : "same");
    cJSON_ArrayForEach(d, b->dimensions)
    {
        const cJSON *its = cJSON_GetObjectItemCaseSensitive(json_path(item, "where"), d->string);
        int k = 0;
        cJSON_ArrayForEach(value, d)
        {
            if (cJSON_Compare(value, its, true))
                text_printf(b->out, " d%dv%d", i, k);
            k++;
        }
        i++;
    }
    i = 0;
    cJSON_ArrayForEach(m, json_path(b->report, "models"))
    {
        const cJSON *result = cJSON_GetObjectItemCaseSensitive(json_path(item, "results"), json_text(m, "name"));
        double score = json_real(result, "score");
        if (b->graded && isfinite(score))
            text_printf(b->out, " m%d%c", i, score >= 1 ? 'y' : 'n');
        i++;
    }
}

static bool is_short(const cJSON *value)
{
    const cJSON *member;
    if (cJSON_IsObject(value) || (cJSON_IsArray(value) && cJSON_GetArraySize(value) > MOST_LISTED))
        return false;
    cJSON_ArrayForEach(member, value)
    {
        if (cJSON_IsObject(member) || cJSON_IsArray(member))
            return false;
    }
    return true;
}

/* The evidence that fits a line: what was expected, which of it was found. */
static void write_evidence(struct text *out, const cJSON *evidence)
{
    const cJSON *e;
    bool first = true;
    text_puts(out, "<p><small>");
    cJSON_ArrayForEach(e, evidence)
    {
        char *json = is_short(e) ? cJSON_PrintUnformatted(e) : NULL;
        if (json != NULL) {
            struct text name = {0};
            text_puts(out, first ? "" : "; ");
            words_metric(&name, e->string);
            text(out, name.data);
            text_puts(out, ": ");
            text(out, json);
            text_free(&name);
            first = false;
        }
        free(json);
    }
    text_puts(out, "</small></p>");
}

/* With what was asked for marked; the marks are bytes from .. to, in order. */
static void write_prompt(struct text *out, const cJSON *prompt)
{
    const char *plain = json_text(prompt, "text");
    const cJSON *mark;
    size_t at = 0, length = plain ? strlen(plain) : 0;
    if (plain == NULL)
        return;
    text_puts(out, "<details class=\"prompt\"><summary>prompt</summary><pre>");
    cJSON_ArrayForEach(mark, json_path(prompt, "marks"))
    {
        double first = json_real(mark, "0"), end = json_real(mark, "1");
        if (!(first >= (double)at && end >= first && end <= (double)length)) /* no numbers neither */
            continue;
        size_t from = (size_t)first, to = (size_t)end;
        char *before = strndup(plain + at, from - at), *marked = strndup(plain + from, to - from);
        text(out, before);
        text_puts(out, "<mark>");
        text(out, marked);
        text_puts(out, "</mark>");
        free(before);
        free(marked);
        at = to;
    }
    text(out, plain + at);
    text_puts(out, "</pre></details>");
}

static void write_result(struct text *out, const cJSON *result, size_t model)
{
    const char *output = json_text(result, "output");
    text_printf(out, "<div><strong><span class=\"swatch m%zu\"></span>", model % 6);
    text(out, result->string);
    text_puts(out, "</strong>");
    if (isfinite(json_real(result, "score")))
        text_printf(out, " score %.4g", json_real(result, "score"));
    if (output != NULL && output[0] != '\0') {
        text_puts(out, "<pre>");
        text(out, output);
        text_puts(out, "</pre>");
    }
    write_evidence(out, json_path(result, "evidence"));
    text_puts(out, "</div>");
}

static void write_item(const struct browser *b, const cJSON *item)
{
    const cJSON *result;
    struct text place = {0};
    size_t i = 0;
    words_where(&place, json_path(item, "where"));
    text_puts(b->out, "<details class=\"item\" data-is=\"");
    write_is(b, item);
    text_puts(b->out, "\"><summary>");
    cJSON_ArrayForEach(result, json_path(item, "results"))
    {
        double score = json_real(result, "score");
        if (b->graded && isfinite(score))
            text_printf(b->out, "<span class=\"mark\">%s</span>", score >= 1 ? "\xe2\x9c\x93" : score > 0 ? "~" : "\xe2\x9c\x97");
    }
    text(b->out, place.data ? place.data : "");
    text_puts(b->out, "</summary><p><small>");
    text(b->out, json_text(item, "id"));
    text_puts(b->out, "</small></p>");
    write_prompt(b->out, json_path(item, PAGE_PROMPT));
    text_puts(b->out, "<div class=\"outputs\">");
    cJSON_ArrayForEach(result, json_path(item, "results")) write_result(b->out, result, i++);
    text_puts(b->out, "</div></details>\n");
    text_free(&place);
}

void page_items(struct text *out, const cJSON *report, int index)
{
    const cJSON *items = json_path(report, "items"), *item;
    size_t n = 0, n_differ = 0, shown_differ = 0, shown_same = 0;
    cJSON_ArrayForEach(item, items)
    {
        n += has_results(item);
        n_differ += has_results(item) && page_item_differs(item);
    }
    if (n == 0)
        return;
    size_t most_same = n_differ < MOST_ITEMS ? MOST_ITEMS - n_differ : 0;
    struct browser b = {out, report, find_dimensions(items), all_graded(items)};
    text_printf(out, "<section class=\"browser\" aria-labelledby=\"items-%d\"><h3 id=\"items-%d\">Items</h3>\n", index + 1,
                index + 1);
    write_filters(&b);
    text_puts(out, "<div class=\"items\" tabindex=\"0\">\n");
    cJSON_ArrayForEach(item, items)
    {
        bool differ = page_item_differs(item);
        if (!has_results(item) || (differ ? shown_differ >= MOST_ITEMS : shown_same >= most_same))
            continue;
        write_item(&b, item);
        *(differ ? &shown_differ : &shown_same) += 1;
    }
    text_puts(out, "</div>\n");
    if (shown_differ + shown_same < n)
        text_printf(out, "<p class=\"soft\">%zu of %zu items, those whose scores differ first; `difftf-eval show` has all.</p>\n",
                    shown_differ + shown_same, n);
    text_puts(out, "</section>\n");
    cJSON_Delete(b.dimensions);
}
