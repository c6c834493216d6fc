/* inspect_pair.c - are two folders a matched pair, as the paper compares models: of one size, on the same tokens? */
#include "base/file.h"
#include "base/visible.h"
#include "cli/commands.h"
#include "lm/tokenizer.h"
#include "model/rates.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TOLERANCE 0.01 /* of parameters and FLOPs */

/* What of a folder is compared. */
struct side {
    const char *path;
    struct model model;
    struct tokenizer *tokenizer; /* NULL: none there */
    cJSON *training;             /* training.json; NULL: none there */
};

enum verdict { SAME, WITHIN, DIFFERS, UNKNOWN, TOLD }; /* TOLD: said, and no condition */
static const char *const VERDICTS[] = {"same", "within 1 %", "differs", "not known", "for information"};

static enum status open_side(struct side *s, const char *path, struct error *err)
{
    *s = (struct side){.path = path};
    char *log = path_join(path, "training.json");
    enum status status = model_load(&s->model, path, err);
    if (status == OK && tokenizer_exists(path))
        status = tokenizer_load(&s->tokenizer, path, err);
    if (status == OK && log != NULL && file_exists(log))
        status = json_read(&s->training, log, err);
    free(log);
    return status;
}

static void close_side(struct side *s)
{
    tokenizer_free(s->tokenizer);
    cJSON_Delete(s->training);
    if (s->model.folder != NULL)
        model_free(&s->model);
}

/* A row of the comparison; takes both values. */
static void add_row(cJSON *rows, const char *name, cJSON *a, cJSON *b, enum verdict verdict)
{
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "name", name);
    cJSON_AddItemToObject(row, "a", a ? a : cJSON_CreateNull());
    cJSON_AddItemToObject(row, "b", b ? b : cJSON_CreateNull());
    cJSON_AddStringToObject(row, "verdict", VERDICTS[verdict]);
    cJSON_AddItemToArray(rows, row);
}

/* The head's width is equal for a Transformer, a Diff Transformer of half as many heads with values twice as wide, and the second
 * version. */
static void compare_shapes(cJSON *rows, const struct side *a, const struct side *b, size_t length)
{
    const struct model *m = &a->model, *n = &b->model;
    const struct {
        const char *name;
        double a, b, tolerance; /* < 0: told alone */
    } numbers[] = {
        {"parameters", (double)m->weights.n_params, (double)n->weights.n_params, TOLERANCE},
        {"flops_per_token", rates_flops(m, 1, true), rates_flops(n, 1, true), TOLERANCE},
        {"flops_per_token_at_length", rates_flops(m, length, true), rates_flops(n, length, true), -1},
        {"n_layers", (double)m->config.n_layers, (double)n->config.n_layers, 0},
        {"d_model", (double)m->config.d_model, (double)n->config.d_model, 0},
        {"n_heads", (double)m->plan.n_heads, (double)n->plan.n_heads, -1},
        {"n_maps", (double)m->plan.n_maps, (double)n->plan.n_maps, -1},
        {"head_dim", (double)m->config.head_dim, (double)n->config.head_dim, 0},
        {"width_of_all_heads", (double)(m->plan.n_heads * attention_width(&m->plan)),
         (double)(n->plan.n_heads * attention_width(&n->plan)), 0},
        {"vocab_size", (double)m->config.vocab_size, (double)n->config.vocab_size, 0},
        {"max_position_embeddings", (double)m->config.context, (double)n->config.context, 0},
        {"rope_theta", m->config.rope.theta, n->config.rope.theta, 0},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        double x = numbers[i].a, y = numbers[i].b, tolerance = numbers[i].tolerance;
        enum verdict verdict = tolerance < 0 ? TOLD : x == y ? SAME : fabs(y - x) <= tolerance * x ? WITHIN : DIFFERS;
        add_row(rows, numbers[i].name, json_number(x), json_number(y), verdict);
    }
}

static void compare_tokenizers(cJSON *rows, const struct side *a, const struct side *b)
{
    const char *x = a->tokenizer ? tokenizer_sha256(a->tokenizer) : NULL;
    const char *y = b->tokenizer ? tokenizer_sha256(b->tokenizer) : NULL;
    enum verdict verdict = x == NULL || y == NULL ? UNKNOWN : strcmp(x, y) == 0 ? SAME : DIFFERS;
    add_row(rows, "tokenizer", x ? cJSON_CreateString(x) : NULL, y ? cJSON_CreateString(y) : NULL, verdict);
}

/* What training.json says of the data; a training of which there is no log is not known. */
static void compare_trainings(cJSON *rows, const struct side *a, const struct side *b)
{
    static const char *const keys[] = {"tokens", "steps", "seed", "data_seed", "attention", "tokens_by_kind", "fill_tokens"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const cJSON *x = cJSON_GetObjectItemCaseSensitive(a->training, keys[i]);
        const cJSON *y = cJSON_GetObjectItemCaseSensitive(b->training, keys[i]);
        enum verdict verdict = x == NULL || y == NULL ? UNKNOWN : cJSON_Compare(x, y, true) ? SAME : DIFFERS;
        struct text name = {0};
        text_printf(&name, "training.%s", keys[i]);
        add_row(rows, name.data, cJSON_Duplicate(x, true), cJSON_Duplicate(y, true), verdict);
        text_free(&name);
    }
}

static void print_text(const cJSON *o)
{
    const cJSON *row;
    cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(o, "rows"))
    {
        char *a = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(row, "a"));
        char *b = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(row, "b"));
        say(stdout, "%-26s %-16.16s %-16.16s %s\n", json_text(row, "name"), a, b, json_text(row, "verdict"));
        free(a);
        free(b);
    }
    say(stdout, "%-26s %s\n", "matched", cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "matched")) ? "true" : "false");
}

/* The names of the rows that differ, for the error; empty: a pair. */
static void list_differences(struct text *out, const cJSON *rows)
{
    const cJSON *row;
    cJSON_ArrayForEach(row, rows) if (strcmp(json_text(row, "verdict"), VERDICTS[DIFFERS]) == 0)
        text_printf(out, "%s%s", out->len ? ", " : "", json_text(row, "name"));
}

enum status inspect_pair(const char *first, const char *second, size_t length, bool as_json, struct error *err)
{
    struct side a = {0}, b = {0};
    struct text differences = {0};
    cJSON *o = cJSON_CreateObject();
    enum status status = open_side(&a, first, err);
    if (status == OK)
        status = open_side(&b, second, err);
    if (status == OK) {
        cJSON_AddItemToObject(o, "models", cJSON_CreateStringArray((const char *[]){first, second}, 2));
        cJSON *rows = cJSON_AddArrayToObject(o, "rows");
        compare_shapes(rows, &a, &b, length);
        compare_tokenizers(rows, &a, &b);
        compare_trainings(rows, &a, &b);
        list_differences(&differences, rows);
        cJSON_AddBoolToObject(o, "matched", differences.len == 0);
        json_add_number(o, "length", (double)length);
        char *text = as_json ? cJSON_Print(o) : NULL;
        if (as_json)
            say(stdout, "%s\n", text);
        else
            print_text(o);
        free(text);
    }
    if (status == OK && differences.len > 0)
        status =
            error_set(err, ERR_REGRESSION, "%s and %s are no matched pair: they differ in %s", first, second, differences.data);
    text_free(&differences);
    cJSON_Delete(o);
    close_side(&a);
    close_side(&b);
    return status;
}
