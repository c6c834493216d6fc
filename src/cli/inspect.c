/* inspect.c - what a model folder holds, and what this machine computes with. */
#include "base/visible.h"
#include "cli/commands.h"
#include "lm/tokenizer.h"
#include "model/session.h"
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

static cJSON *describe(const struct model *m, const struct tokenizer *t, size_t length)
{
    const struct config *c = &m->config;
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "path", m->folder);
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
    return o;
}

static enum status describe_folder(cJSON **o, const char *folder, size_t length, struct error *err)
{
    struct model m;
    struct tokenizer *t = NULL;
    enum status status = model_load(&m, folder, err);
    if (status != OK)
        return status;
    if (tokenizer_exists(folder))
        status = tokenizer_load(&t, folder, err);
    if (status == OK)
        *o = describe(&m, t, length);
    tokenizer_free(t);
    model_free(&m);
    return status;
}

static void print(const cJSON *o, bool as_json)
{
    const cJSON *item;
    if (as_json) {
        char *text = cJSON_Print(o);
        say(stdout, "%s\n", text);
        free(text);
        return;
    }
    cJSON_ArrayForEach(item, o)
    {
        char *value = cJSON_IsString(item) ? strdup(item->valuestring) : cJSON_PrintUnformatted(item);
        say(stdout, "%-26s %s\n", item->string, value);
        free(value);
    }
}

static enum status inspect(const cJSON *options, const cJSON *arguments, struct error *err)
{
    cJSON *o = NULL;
    enum status status = OK;
    bool machine = option_flag(options, "machine");
    int given = cJSON_GetArraySize(arguments);
    if (given != (machine ? 0 : 1))
        return error_set(err, ERR_USAGE, "inspect: %d folders given, expected one, or --machine alone", given);
    if (machine) {
        o = cJSON_CreateObject();
        machine_describe(o);
        json_add_number(o, "threads", cli_threads(options));
    } else {
        status = describe_folder(&o, arguments->child->valuestring, option_size(options, "length"), err);
    }
    if (status == OK)
        print(o, option_flag(options, "json"));
    cJSON_Delete(o);
    return status;
}

const struct command COMMAND_INSPECT = {"inspect", "DIR", "a model folder: family, shapes, parameters, memory; or this machine",
                                        OPTIONS, inspect};
