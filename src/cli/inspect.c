/* inspect.c - what a model folder holds, and what this machine computes with. */
#include "base/visible.h"
#include "cli/commands.h"
#include "lm/tokenizer.h"
#include "model/session.h"
#include "report/words.h"
#include "suite/machine.h"

#include <stdlib.h>
#include <string.h>

static const struct option_spec OPTIONS[] = {
    {"length", OPTION_INT, "4096", 1, 1048576, "N", "context length that the memory is estimated for", false, 0},
    {"machine", OPTION_FLAG, NULL, 0, 0, NULL, "this machine instead of a model: processor, kernels, matrix library, memory",
     true, 0},
    {"json", OPTION_FLAG, NULL, 0, 0, NULL, "print JSON", true, 0},
    OPTIONS_END,
};

static void add_notes(cJSON *o, const char *lines)
{
    cJSON *notes = *lines != '\0' ? cJSON_AddArrayToObject(o, "notes") : NULL;
    for (size_t n; *lines != '\0'; lines += n + 1) {
        char line[1024];
        n = strcspn(lines, "\n");
        snprintf(line, sizeof line, "%.*s", (int)n, lines);
        cJSON_AddItemToArray(notes, cJSON_CreateString(line));
    }
}

static void describe(cJSON *o, const struct model *m, const struct tokenizer *t, size_t length)
{
    const struct config *c = &m->config;
    add_notes(o, m->notes.data ? m->notes.data : "");
    cJSON_AddStringToObject(o, "family", c->family->model_type);
    const struct {
        const char *key;
        size_t value;
    } numbers[] = {{"n_params", m->weights.n_params},
                   {"n_layers", c->n_layers},
                   {"d_model", c->d_model},
                   {"n_heads", m->plan.n_heads},
                   {"n_maps", c->n_maps},
                   {"n_query_heads", c->n_q_heads},
                   {"n_key_heads", c->n_k_heads},
                   {"n_value_heads", c->n_v_heads},
                   {"head_dim", c->head_dim},
                   {"v_dim", c->v_dim},
                   {"d_ff", c->d_ff},
                   {"vocab_size", c->vocab_size},
                   {"max_position_embeddings", c->context}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        json_add_number(o, numbers[i].key, (double)numbers[i].value);
    json_add_number(o, "rope_theta", c->rope.theta);
    cJSON_AddBoolToObject(o, "rope_interleaved", c->rope.interleaved);
    cJSON_AddBoolToObject(o, "tie_word_embeddings", c->tied);
    if (m->lambda != NULL) {
        cJSON *lambda = cJSON_AddArrayToObject(o, "lambda");
        for (size_t l = 0; l < c->n_layers; l++)
            cJSON_AddItemToArray(lambda, json_number((double)m->lambda[l]));
    }
    char sha256[65];
    model_hash(m, sha256);
    cJSON_AddStringToObject(o, "sha256", sha256);
    if (t != NULL) {
        json_add_number(o, "tokenizer_tokens", (double)tokenizer_size(t));
        json_add_number(o, "tokenizer_merges", (double)tokenizer_n_merges(t));
    }
    json_add_number(o, "weights_bytes", (double)m->weights.n_mapped + (double)m->weights.n_storage * sizeof(float));
    json_add_number(o, "session_bytes", (double)session_memory(m, length, 1));
    json_add_number(o, "session_tokens", (double)length);
}

/* Is the checkpoint supported, and if not, what is missing? Whatever loads is computed as its authors mean it. */
static enum status describe_folder(cJSON *o, const char *folder, size_t length, struct error *err)
{
    struct model m = {0};
    struct tokenizer *t = NULL;
    struct error misfit = {0};
    enum status status = model_load(&m, folder, err);
    if (status == OK && tokenizer_exists(folder))
        status = tokenizer_load(&t, folder, err);
    if (status == OK && t != NULL && tokenizer_fits(t, m.config.vocab_size, folder, &misfit) != OK)
        text_printf(&m.notes, "%s\n", misfit.message); /* logits of given tokens can be had all the same */
    cJSON_AddStringToObject(o, "path", folder);
    cJSON_AddBoolToObject(o, "supported", status == OK);
    if (status == OK)
        describe(o, &m, t, length);
    else
        cJSON_AddStringToObject(o, "missing", err->message);
    tokenizer_free(t);
    if (m.folder != NULL)
        model_free(&m);
    return status;
}

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

static void add_bytes(struct text *out, double bytes)
{
    static const struct {
        double unit;
        const char *name;
    } units[] = {{1e12, "TB"}, {1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}};
    size_t u = 0;
    while (u + 1 < sizeof units / sizeof *units && bytes < units[u].unit)
        u++;
    text_printf(out, "%.3g %s", bytes / units[u].unit, units[u].name);
}

/* For people: bytes in their units, large counts in words; --json has the numbers. */
static void print_row(const char *name, const cJSON *value)
{
    struct text text = {0};
    char *json = cJSON_IsString(value) ? strdup(value->valuestring) : cJSON_PrintUnformatted(value);
    if (cJSON_IsNumber(value) && ends_with(name, "_bytes"))
        add_bytes(&text, value->valuedouble);
    else if (cJSON_IsNumber(value) && value->valuedouble >= 1000)
        words_count(&text, value->valuedouble);
    else
        text_puts(&text, json);
    say(stdout, "%-26s %s\n", name, text.data ? text.data : "");
    text_free(&text);
    free(json);
}

static void print(const cJSON *o, bool as_json)
{
    const cJSON *item, *note;
    if (as_json) {
        char *text = cJSON_Print(o);
        say(stdout, "%s\n", text);
        free(text);
        return;
    }
    cJSON_ArrayForEach(item, o)
    {
        bool notes = strcmp(item->string, "notes") == 0; /* a row each */
        for (note = notes ? item->child : NULL; note != NULL; note = note->next)
            print_row("note", note);
        if (!notes)
            print_row(item->string, item);
    }
    if (json_has(o, "session_bytes")) {
        struct text memory = {0};
        add_bytes(&memory, json_real(o, "weights_bytes") + json_real(o, "session_bytes"));
        text_puts(&memory, " on one thread at a context of ");
        words_count(&memory, json_real(o, "session_tokens"));
        text_puts(&memory, " tokens (--length N for another)");
        say(stdout, "%-26s %s\n", "memory", memory.data);
        text_free(&memory);
    }
}

static enum status inspect(const cJSON *options, const cJSON *arguments, struct error *err)
{
    cJSON *o = cJSON_CreateObject();
    enum status status = OK;
    bool machine = option_flag(options, "machine");
    int given = cJSON_GetArraySize(arguments);
    bool pair = !machine && given == 2;
    if (machine ? given != 0 : given != 1 && given != 2) {
        status = error_set(err, ERR_USAGE, "inspect: %d folders given, expected one, two, or --machine alone", given);
    } else if (machine) {
        machine_describe(o);
        json_add_number(o, "threads", cli_threads(options));
    } else if (pair) {
        status = inspect_pair(arguments->child->valuestring, arguments->child->next->valuestring, option_size(options, "length"),
                              option_flag(options, "json"), err);
    } else {
        status = describe_folder(o, arguments->child->valuestring, option_size(options, "length"), err);
    }
    if (!pair && (status == OK || status == ERR_INPUT))
        print(o, option_flag(options, "json"));
    cJSON_Delete(o);
    return status;
}

const struct command COMMAND_INSPECT = {
    "inspect", "DIR [DIR]", "a model folder: family, shapes, parameters, memory; whether two are a matched pair; or this machine",
    OPTIONS, inspect};
