/* watch.c - see watch.h. */
#include "serve/watch.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* [[from, to], ..] */
static enum status read_stretches(struct stretch **out, size_t *n, const cJSON *list, const char *key, struct error *err)
{
    const cJSON *pair;
    *out = calloc(MOST_STRETCHES, sizeof **out);
    if (!cJSON_IsArray(list))
        return error_set(err, ERR_INPUT, "probe: key '%s' is missing or wrong, expected [[from, to], ..]", key);
    cJSON_ArrayForEach(pair, list)
    {
        double from = json_real(pair, "0"), to = json_real(pair, "1");
        if (!(from >= 0 && to >= from && to <= 1e9 && floor(from) == from && floor(to) == to) || *n == MOST_STRETCHES)
            return error_set(err, ERR_INPUT, "probe: key '%s' is wrong, expected up to %d pairs [from, to] of positions", key,
                             (int)MOST_STRETCHES);
        (*out)[(*n)++] = (struct stretch){(size_t)from, (size_t)to};
    }
    return OK;
}

static enum status read_attention(struct watch_request *r, const cJSON *attention, struct error *err)
{
    const cJSON *rows = cJSON_GetObjectItemCaseSensitive(attention, "rows");
    size_t n = 0;
    r->attention = true;
    r->last_row = rows == NULL || (cJSON_IsString(rows) && strcmp(rows->valuestring, "last") == 0);
    enum status status = r->last_row ? OK : read_stretches(&r->rows, &r->n_rows, rows, "rows", err);
    if (status == OK)
        status = read_stretches(&r->spans, &r->n_spans, cJSON_GetObjectItemCaseSensitive(attention, "spans"), "spans", err);
    if (status == OK)
        status = json_get_bool(attention, "per_layer", true, &r->per_layer, "probe", err);
    for (size_t i = 0; i < r->n_rows; i++)
        n += r->rows[i].to - r->rows[i].from;
    if (status == OK && n * (r->n_spans + 1) > MOST_SUMS)
        status = error_set(err, ERR_INPUT, "probe: %zu rows times %zu spans are too many, expected at most %d", n, r->n_spans,
                           (int)MOST_SUMS);
    return status;
}

enum status watch_request_read(struct watch_request *r, const cJSON *probe, struct error *err)
{
    const cJSON *attention = cJSON_GetObjectItemCaseSensitive(probe, "attention");
    const cJSON *lookback = cJSON_GetObjectItemCaseSensitive(probe, "lookback"), *key;
    int64_t context = 0;
    *r = (struct watch_request){0};
    if (probe == NULL || cJSON_IsNull(probe))
        return OK;
    if (!cJSON_IsObject(probe))
        return error_set(err, ERR_INPUT, "probe: is no object, expected attention, lookback or outliers");
    cJSON_ArrayForEach(
        key, probe) if (strcmp(key->string, "attention") != 0 && strcmp(key->string, "lookback") != 0 &&
                        strcmp(key->string, "outliers") !=
                            0) return error_set(err, ERR_INPUT,
                                                "probe: key '%.40s' is not known, expected attention, lookback or outliers",
                                                key->string);
    enum status status = json_get_bool(probe, "outliers", true, &r->outliers, "probe", err);
    if (status == OK && attention != NULL)
        status = read_attention(r, attention, err);
    if (status == OK && lookback != NULL) {
        status = json_get_int(lookback, "context", 1, 1000000000, false, &context, "probe: lookback", err);
        r->context = (size_t)context;
        r->lookback = true;
    }
    return status;
}

void watch_request_free(struct watch_request *r)
{
    free(r->rows);
    free(r->spans);
    *r = (struct watch_request){0};
}

bool watch_request_any(const struct watch_request *r)
{
    return r->attention || r->lookback || r->outliers;
}

struct row_sums {
    size_t position, layer, n_heads;
    double *sum, *absolute, *share; /* [n_spans] */
};

static bool wants_row(void *context, size_t layer, size_t position)
{
    const struct watch *w = context;
    size_t i = 0;
    (void)layer;
    if (w->asked->last_row)
        return position + 1 == w->n_prompt;
    while (i < w->asked->n_rows && !(position >= w->asked->rows[i].from && position < w->asked->rows[i].to))
        i++;
    return i < w->asked->n_rows;
}

/* The sums of this row; rows of a block come layer by layer, heads of a row one after another. */
static struct row_sums *sums_of(struct watch *w, size_t layer, size_t position)
{
    size_t n = w->asked->n_spans;
    struct row_sums *last = w->n_rows > 0 ? &w->rows[w->n_rows - 1] : NULL;
    if (last != NULL && last->layer == layer && last->position == position)
        return last;
    mem_grow((void **)&w->rows, &w->n_capacity, w->n_rows + 1, sizeof *w->rows);
    last = &w->rows[w->n_rows++];
    *last = (struct row_sums){.position = position, .layer = layer, .sum = calloc(3 * n + 1, sizeof(double))};
    last->absolute = last->sum + n;
    last->share = last->absolute + n;
    return last;
}

static void on_row(void *context, size_t layer, size_t head, size_t position, const float *row)
{
    struct watch *w = context;
    struct row_sums *to = sums_of(w, layer, position);
    double absolute[MOST_STRETCHES], total = 0;
    (void)head;
    for (size_t k = 0; k < w->asked->n_spans; k++) {
        size_t end = w->asked->spans[k].to < position + 1 ? w->asked->spans[k].to : position + 1;
        absolute[k] = 0;
        for (size_t i = w->asked->spans[k].from; i < end; i++) {
            to->sum[k] += (double)row[i];
            absolute[k] += fabs((double)row[i]);
        }
        to->absolute[k] += absolute[k];
        total += absolute[k];
    }
    for (size_t k = 0; k < w->asked->n_spans && total > 0; k++)
        to->share[k] += absolute[k] / total;
    to->n_heads++;
}

enum status watch_init(struct watch *w, const struct watch_request *asked, size_t n_prompt, size_t n_layers, size_t n_heads,
                       struct error *err)
{
    *w = (struct watch){.asked = asked, .n_prompt = n_prompt, .n_layers = n_layers, .n_heads = n_heads};
    bool good = true;
    if (asked->attention)
        w->probes.probe[w->probes.n++] = (struct probe){.context = w, .wants_row = wants_row, .on_row = on_row};
    if (asked->lookback) {
        good = lookback_init(&w->lookback, n_layers, n_heads);
        w->lookback.n_context = asked->context;
        w->probes.probe[w->probes.n++] = lookback_probe(&w->lookback);
    }
    if (asked->outliers) {
        good = good && outliers_watch_init(&w->outliers, n_layers);
        w->probes.probe[w->probes.n++] = outliers_watch_probe(&w->outliers);
    }
    return good ? OK : error_set(err, ERR_SYSTEM, "probe: out of memory");
}

void watch_free(struct watch *w)
{
    for (size_t i = 0; i < w->n_rows; i++)
        free(w->rows[i].sum);
    free(w->rows);
    free(w->lookback.ratio);
    outliers_watch_free(&w->outliers);
    *w = (struct watch){0};
}

static void add_list(cJSON *to, const char *key, const double *values, size_t n)
{
    cJSON *list = cJSON_AddArrayToObject(to, key);
    for (size_t k = 0; k < n; k++)
        cJSON_AddItemToArray(list, json_number(values[k]));
}

static void add_sums(cJSON *to, const struct row_sums *r, size_t n)
{
    cJSON_AddNumberToObject(to, "n_heads", (double)r->n_heads);
    add_list(to, "sum", r->sum, n);
    add_list(to, "absolute", r->absolute, n);
    add_list(to, "share", r->share, n);
}

static int by_place(const void *a, const void *b)
{
    const struct row_sums *x = a, *y = b;
    return x->position != y->position ? (x->position > y->position) - (x->position < y->position)
                                      : (x->layer > y->layer) - (x->layer < y->layer);
}

/* Rows by position, each over all layers, and layer by layer where that is asked. */
static void add_attention(cJSON *to, const struct watch *w)
{
    size_t n = w->asked->n_spans;
    cJSON *rows = cJSON_AddArrayToObject(cJSON_AddObjectToObject(to, "attention"), "rows");
    if (w->n_rows > 0)
        qsort(w->rows, w->n_rows, sizeof *w->rows, by_place);
    for (size_t i = 0, next; i < w->n_rows; i = next) {
        struct row_sums all = {.sum = calloc(3 * n + 1, sizeof(double))};
        cJSON *row = cJSON_CreateObject(), *layers = cJSON_CreateArray();
        all.absolute = all.sum + n;
        all.share = all.absolute + n;
        cJSON_AddNumberToObject(row, "position", (double)w->rows[i].position);
        for (next = i; next < w->n_rows && w->rows[next].position == w->rows[i].position; next++) {
            cJSON *layer = cJSON_CreateObject();
            for (size_t k = 0; k < 3 * n; k++)
                all.sum[k] += w->rows[next].sum[k];
            all.n_heads += w->rows[next].n_heads;
            add_sums(layer, &w->rows[next], n);
            cJSON_AddItemToArray(layers, layer);
        }
        add_sums(row, &all, n);
        if (w->asked->per_layer)
            cJSON_AddItemToObject(row, "layers", layers);
        else
            cJSON_Delete(layers);
        cJSON_AddItemToArray(rows, row);
        free(all.sum);
    }
}

cJSON *watch_to_json(const struct watch *w)
{
    cJSON *seen = cJSON_CreateObject();
    if (w->asked->attention)
        add_attention(seen, w);
    if (w->asked->lookback)
        lookback_add(seen, &w->lookback);
    if (w->asked->outliers)
        outliers_watch_add(cJSON_AddObjectToObject(seen, "outliers"), &w->outliers);
    return seen;
}
