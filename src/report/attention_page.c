/* attention_page.c - see attention_page.h.
 *
 * The figures travel as base64 of 16-bit numbers, 65535 times the root of each: small ones keep their digits. The script draws
 * them; without it the page has a table of what the last token of every head attends to.
 */
#include "report/attention_page.h"

#include "base/visible.h"
#include "formats/json.h"
#include "report/html.h"
#include "report/page.h"

#include <math.h>
#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>

enum { LISTED = 3 }; /* keys of each map in the table */

/* A token as people may see it, one line. */
static void token_text(struct text *out, const struct attention_subject *s, size_t position)
{
    size_t length = 0;
    const char *piece = s->tokenizer ? tokenizer_piece(s->tokenizer, s->ids[position], &length) : NULL;
    if (piece == NULL) {
        text_printf(out, "%d", s->ids[position]);
        return;
    }
    char *whole = strndup(piece, length);
    visible_text(out, whole, true);
    text_puts(out, "");
    free(whole);
}

static char *encode(const float *values, size_t n)
{
    uint8_t *bytes = mem_array(n, 2);
    char *text = mem_array(BASE64_ENCODE_RAW_LENGTH(2 * n) + 1, 1);
    for (size_t i = 0; i < n; i++) {
        unsigned code = (unsigned)lroundf(65535.0f * sqrtf(fminf(1.0f, fmaxf(0.0f, values[i]))));
        bytes[2 * i] = code & 255;
        bytes[2 * i + 1] = (uint8_t)(code >> 8);
    }
    base64_encode_raw(text, 2 * n, bytes);
    free(bytes);
    return text;
}

static cJSON *grid_json(const struct attention_maps *m, const struct attention_grid *g)
{
    size_t heads = m->n_layers * m->n_heads;
    cJSON *root = cJSON_CreateObject(), *first = cJSON_CreateArray(), *lambda = cJSON_CreateArray();
    char *values = encode(g->map, heads * m->n_maps * g->n_rows * g->n_bins);
    json_add_number(root, "width", (double)g->width);
    json_add_number(root, "bins", (double)g->n_bins);
    for (size_t i = 0; i < g->n_rows; i++)
        cJSON_AddItemToArray(first, json_number((double)g->first[i]));
    for (size_t i = 0; m->n_maps > 1 && i < heads * g->n_rows; i++)
        cJSON_AddItemToArray(lambda, cJSON_CreateNumber(round((double)g->lambda[i] * 1e4) / 1e4));
    cJSON_AddItemToObject(root, "rows", first);
    cJSON_AddItemToObject(root, "lambda", lambda);
    cJSON_AddStringToObject(root, "values", values);
    free(values);
    return root;
}

static cJSON *subject_json(const struct attention_subject *s)
{
    const struct attention_maps *m = &s->maps;
    cJSON *root = cJSON_CreateObject(), *tokens = cJSON_CreateArray(), *layers = cJSON_CreateArray();
    cJSON_AddStringToObject(root, "name", s->name);
    json_add_number(root, "heads", (double)m->n_heads);
    json_add_number(root, "maps", (double)m->n_maps);
    for (size_t l = 0; l < m->n_layers; l++)
        cJSON_AddItemToArray(layers, json_number((double)m->layers[l]));
    for (size_t i = 0; i < m->n_tokens; i++) {
        struct text token = {0};
        token_text(&token, s, i);
        cJSON_AddItemToArray(tokens, cJSON_CreateString(token.data));
        text_free(&token);
    }
    cJSON_AddItemToObject(root, "layers", layers);
    cJSON_AddItemToObject(root, "tokens", tokens);
    cJSON_AddItemToObject(root, "overview", grid_json(m, &m->overview));
    if (m->detail.n_rows > 0)
        cJSON_AddItemToObject(root, "detail", grid_json(m, &m->detail));
    return root;
}

/* Text of a script element: nothing in it may end the element. */
static void script_text(struct text *out, const char *json)
{
    for (const char *at = json; *at != '\0';) {
        size_t n = strcspn(at, "<");
        text_add(out, at, n);
        at += n;
        if (*at == '<') {
            text_puts(out, "\\u003c");
            at++;
        }
    }
}

static void write_data(struct text *out, const struct attention_subject *subjects, size_t n)
{
    cJSON *all = cJSON_CreateArray();
    for (size_t i = 0; i < n; i++)
        cJSON_AddItemToArray(all, subject_json(&subjects[i]));
    char *json = cJSON_PrintUnformatted(all);
    text_puts(out, "<script type=\"application/json\" id=\"attention-data\">");
    script_text(out, json ? json : "[]");
    text_puts(out, "</script>\n");
    free(json);
    cJSON_Delete(all);
}

/* The grid whose last row is the last token alone. */
static const struct attention_grid *whole_rows(const struct attention_maps *m)
{
    return m->detail.n_rows > 0 ? &m->detail : &m->overview;
}

/* map m->n_maps stands for A1 - lambda A2. */
static float figure(const struct attention_maps *m, size_t layer, size_t head, size_t map, size_t bin)
{
    const struct attention_grid *g = whole_rows(m);
    return map < m->n_maps ? attention_map_at(m, g, layer, head, map, g->n_rows - 1, bin)
                           : attention_effective_at(m, g, layer, head, g->n_rows - 1, bin);
}

/* The largest keys of a map's last row, with their shares. */
static void write_largest(struct text *out, const struct attention_subject *s, size_t layer, size_t head, size_t map)
{
    const struct attention_grid *g = whole_rows(&s->maps);
    size_t taken[LISTED];
    text_puts(out, "<td class=\"text\">");
    for (size_t k = 0; k < LISTED && k < g->n_bins; k++) {
        size_t best = g->n_bins;
        for (size_t b = 0; b < g->n_bins; b++) {
            bool free_ = true;
            for (size_t i = 0; i < k; i++)
                free_ = free_ && taken[i] != b;
            if (free_ && (best == g->n_bins || figure(&s->maps, layer, head, map, b) > figure(&s->maps, layer, head, map, best)))
                best = b;
        }
        struct text token = {0};
        token_text(&token, s, best * g->width);
        text_puts(out, k > 0 ? ", " : "");
        html_text(out, token.data);
        text_printf(out, " <small>%zu: %.3f</small>", best * g->width, (double)figure(&s->maps, layer, head, map, best));
        text_free(&token);
        taken[k] = best;
    }
    text_puts(out, "</td>");
}

static void write_table(struct text *out, const struct attention_subject *s)
{
    const struct attention_maps *m = &s->maps;
    const struct attention_grid *g = whole_rows(m);
    bool two = m->n_maps > 1;
    text_puts(out, "<details><summary>table: ");
    html_text(out, s->name);
    text_printf(out,
                ", what the last token of every head attends to</summary><div class=\"scroll\" tabindex=\"0\"><table><thead>"
                "<tr><th scope=\"col\">layer, head</th>%s</tr></thead><tbody>\n",
                two ? "<th scope=\"col\">lambda</th><th class=\"text\" scope=\"col\">A1</th><th class=\"text\" "
                      "scope=\"col\">A2</th><th class=\"text\" scope=\"col\">A1 - lambda A2</th>"
                    : "<th class=\"text\" scope=\"col\">A</th>");
    for (size_t l = 0; l < m->n_layers; l++)
        for (size_t h = 0; h < m->n_heads; h++) {
            text_printf(out, "<tr><th scope=\"row\">%zu, %zu</th>", m->layers[l], h);
            if (two)
                text_printf(out, "<td>%.3f</td>", (double)g->lambda[(l * m->n_heads + h) * g->n_rows + g->n_rows - 1]);
            for (size_t map = 0; map < (two ? m->n_maps + 1 : 1); map++)
                write_largest(out, s, l, h, map);
            text_puts(out, "</tr>\n");
        }
    text_puts(out, "</tbody></table></div></details>\n");
}

static void write_intro(struct text *out, const struct attention_subject *subjects, size_t n)
{
    text_puts(out,
              "<p>A head of a Transformer has one map: each token spreads a weight of 1 over the tokens before it. A head of a "
              "Diff Transformer has two, A1 and A2, and uses A1 - \xce\xbb A2: what both attend to cancels, what only A1 "
              "attends to stays. <span class=\"key-up\">Blue</span> is weight above zero, <span class=\"key-down\">orange</span> "
              "weight below.</p>\n<ul class=\"notes\">\n");
    for (size_t i = 0; i < n; i++) {
        const struct attention_maps *m = &subjects[i].maps;
        text_puts(out, "<li><strong>");
        html_text(out, subjects[i].name);
        text_puts(out, "</strong>: ");
        html_text(out, subjects[i].family);
        text_printf(out, ", %zu tokens, %zu layers, %zu heads of %zu map%s", m->n_tokens, m->n_layers, m->n_heads, m->n_maps,
                    m->n_maps > 1 ? "s" : "");
        if (m->detail.n_rows > 0) {
            text_printf(out,
                        "; a long text: a cell of the overview is the mean of up to four queries over %zu keys, whole rows are ",
                        m->overview.width);
            if (m->detail.n_rows > 1)
                text_printf(out, "those of the last %zu tokens", m->detail.n_rows);
            else
                text_puts(out, "that of the last token");
            if (m->detail.width > 1)
                text_printf(out, ", %zu keys together", m->detail.width);
        }
        text_puts(out, "</li>\n");
    }
    text_puts(out, "</ul>\n");
}

enum status attention_page_write(const char *path, const char *title, const struct attention_subject *subjects, size_t n,
                                 struct error *err)
{
    struct text out = {0};
    page_open(&out, title, ATTENTION_SCRIPT);
    write_intro(&out, subjects, n);
    text_puts(&out, "</header>\n<main>\n<section id=\"viewer\" hidden></section>\n");
    for (size_t i = 0; i < n; i++)
        write_table(&out, &subjects[i]);
    write_data(&out, subjects, n);
    page_close(&out, ATTENTION_SCRIPT);
    return page_save(path, &out, OK, err);
}
