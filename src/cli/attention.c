/* attention.c - attention: a page of one text's attention maps. */
#include "cli/attention.h"
#include "base/file.h"
#include "base/visible.h"
#include "cli/commands.h"
#include "lm/ids.h"
#include "report/attention_page.h"
#include "suite/experiment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct option_spec ATTENTION_OPTIONS[] = {
    {"model", OPTION_STRINGS, NULL, 0, 0, "[NAME=]DIR", "a model folder; repeatable (default: the embedded pair)", false, 0},
    {"prompt", OPTION_STRING, NULL, 0, 0, "TEXT", "the text", false, 0},
    {"ids", OPTION_STRING, NULL, 0, 0, "FILE", "the text as a JSON array of token ids", false, 0},
    {"layers", OPTION_INTS, NULL, 0, 4095, "LIST", "which layers (default: all)", false, 0},
    {"out", OPTION_STRING, NULL, 0, 0, "PAGE.html", "the page to write", false, 0},
    {"threads", OPTION_INT, "0", 0, 256, "N", "threads, 0: all processors", true, 0},
    OPTIONS_END,
};

/* One model of the page, and what was loaded for it. */
struct viewed {
    struct model model;
    struct tokenizer *tokenizer;
    char *name, *folder;
    struct ids ids;
    size_t *layers;
};

enum status attention_collect(struct attention_subject *s, const struct model *model, const size_t *layers, size_t n_layers,
                              size_t limit, int threads, size_t n, struct error *err)
{
    struct session session;
    enum status status = session_init(&session, model, n, threads, err);
    if (status != OK)
        return status;
    session.stop = &stop_signal;
    status = attention_maps_collect(&s->maps, &session, s->ids, n, layers, n_layers, limit, err);
    session_free(&session);
    return status;
}

size_t *attention_layers(const cJSON *list, const struct model *model, size_t *n, struct error *err)
{
    size_t all = model->config.n_layers, *layers = mem_array(all, sizeof *layers);
    const cJSON *value;
    bool *wanted = calloc(all, sizeof *wanted);
    cJSON_ArrayForEach(value, list)
    {
        if (value->valuedouble >= (double)all) {
            error_write(err, ERR_USAGE, "--layers: layer %.0f is not in the model, expected 0 to %zu", value->valuedouble,
                        all - 1);
            free(layers);
            free(wanted);
            return NULL;
        }
        wanted[(size_t)value->valuedouble] = true;
    }
    *n = 0;
    for (size_t l = 0; l < all; l++)
        if (wanted[l] || !cJSON_IsArray(list) || list->child == NULL)
            layers[(*n)++] = l;
    free(wanted);
    return layers;
}

/* "NAME=DIR", or a folder, whose last part is its name. */
static enum status open_model(struct viewed *v, const char *given, struct error *err)
{
    const char *equals = strchr(given, '='), *folder = equals ? equals + 1 : given, *slash = strrchr(folder, '/');
    v->name = equals ? strndup(given, (size_t)(equals - given)) : strdup(slash != NULL && slash[1] != '\0' ? slash + 1 : folder);
    v->folder = strdup(folder);
    enum status status = model_load(&v->model, v->folder, err);
    cli_print_notes(v->model.notes.data);
    if (status == OK && tokenizer_exists(v->folder))
        status = tokenizer_load(&v->tokenizer, v->folder, err);
    return status;
}

static enum status read_text(struct viewed *v, const cJSON *options, struct error *err)
{
    const char *prompt = option_string(options, "prompt"), *file = option_string(options, "ids");
    if (file != NULL) {
        enum status status = ids_read(&v->ids.data, &v->ids.n, file, v->model.config.vocab_size, 1, err);
        v->ids.capacity = v->ids.n;
        return status;
    }
    if (v->tokenizer == NULL)
        return error_set(err, ERR_INPUT, "%s: has no tokenizer, expected one, or --ids instead of --prompt", v->folder);
    enum status status = tokenizer_encode(v->tokenizer, prompt, strlen(prompt), true, &v->ids, err);
    return status == OK && v->ids.n == 0 ? error_set(err, ERR_USAGE, "--prompt: has no tokens, expected a text") : status;
}

static enum status view_model(struct viewed *v, struct attention_subject *s, const cJSON *options, const char *given,
                              size_t limit, struct error *err)
{
    size_t n_layers = 0;
    enum status status = open_model(v, given, err);
    if (status == OK)
        status = read_text(v, options, err);
    if (status != OK)
        return status;
    v->layers = attention_layers(cJSON_GetObjectItemCaseSensitive(options, "layers"), &v->model, &n_layers, err);
    if (v->layers == NULL)
        return ERR_USAGE;
    s->name = v->name;
    s->family = v->model.config.family->model_type;
    s->tokenizer = v->tokenizer;
    s->ids = v->ids.data;
    return attention_collect(s, &v->model, v->layers, n_layers, limit, cli_threads(options), v->ids.n, err);
}

static void close_viewed(struct viewed *v)
{
    free(v->layers);
    free(v->name);
    free(v->folder);
    ids_free(&v->ids);
    tokenizer_free(v->tokenizer);
    if (v->model.folder != NULL)
        model_free(&v->model);
}

/* The models of --model, or the embedded pair. */
static cJSON *models_of(const cJSON *options)
{
    const cJSON *given = cJSON_GetObjectItemCaseSensitive(options, "model");
    if (cJSON_IsArray(given) && given->child != NULL)
        return cJSON_Duplicate(given, true);
    static const char *const pair[] = {"models/transformer", "models/diff-transformer"};
    cJSON *models = cJSON_CreateArray();
    for (size_t i = 0; i < 2; i++) {
        char *path = embedded_path(pair[i]);
        cJSON_AddItemToArray(models, cJSON_CreateString(path ? path : ""));
        free(path);
    }
    return models;
}

static enum status attention(const cJSON *options, const cJSON *arguments, struct error *err)
{
    const char *out = option_string(options, "out");
    (void)arguments;
    if ((option_string(options, "prompt") == NULL) == (option_string(options, "ids") == NULL))
        return error_set(err, ERR_USAGE, "attention: expected one text, --prompt TEXT or --ids FILE");
    if (out == NULL)
        return error_set(err, ERR_USAGE, "--out: is missing, expected the page to write, PAGE.html");
    cJSON *models = models_of(options);
    size_t n = (size_t)cJSON_GetArraySize(models), i = 0;
    struct viewed *viewed = calloc(n, sizeof *viewed);
    struct attention_subject *subjects = calloc(n, sizeof *subjects);
    const cJSON *given;
    enum status status = OK;
    cJSON_ArrayForEach(given, models)
    {
        if (status == OK)
            status = view_model(&viewed[i], &subjects[i], options, given->valuestring, ATTENTION_PAGE_FIGURES / n, err);
        i++;
    }
    if (status == OK)
        status = attention_page_write(out, "Attention of one text", subjects, n, err);
    if (status == OK)
        say(stdout, "page: %s\n", out);
    for (i = 0; i < n; i++) {
        attention_maps_free(&subjects[i].maps);
        close_viewed(&viewed[i]);
    }
    free(viewed);
    free(subjects);
    cJSON_Delete(models);
    return status;
}

const struct command COMMAND_ATTENTION = {
    "attention", NULL, "a page of one text's attention: A1, A2, A1 - lambda A2 of every head", ATTENTION_OPTIONS, attention};
