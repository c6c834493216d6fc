/* recipe_check.c - see recipe_check.h. */
#include "train/recipe_check.h"

#include "base/list.h"

#include <string.h>

/* The keys of each mapping of a recipe. */
static const char *const ROOT[] = {"seed",
                                   "seeds",
                                   "data_seed",
                                   "tokenizer",
                                   "start",
                                   "output",
                                   "corpus",
                                   "models",
                                   "optimizer",
                                   "stages",
                                   "fill",
                                   "attention",
                                   "keep_f32",
                                   "recompute",
                                   "validation",
                                   "checkpoint_steps",
                                   "validation_steps",
                                   "validation_sequences",
                                   NULL};
static const char *const OPTIMIZER[] = {
    "lr",  "min_lr",       "warmup_steps", "decay_share",         "schedule", "beta1", "beta2",
    "eps", "weight_decay", "clip",         "lambda_warmup_steps", NULL};
static const char *const STAGE[] = {"steps", "seq_len", "sequences", "mix", NULL};
static const char *const VALIDATION[] = {"seq_len", "mix", NULL};
static const char *const INGREDIENT[] = {"kind", "weight", "bytes", NULL};
static const char *const MODEL[] = {"start",
                                    "freeze",
                                    "model_type",
                                    "hidden_size",
                                    "head_dim",
                                    "num_hidden_layers",
                                    "num_attention_heads",
                                    "num_key_value_heads",
                                    "intermediate_size",
                                    "max_position_embeddings",
                                    "rms_norm_eps",
                                    "subln_eps",
                                    "hidden_act",
                                    "tie_word_embeddings",
                                    "attention_bias",
                                    "mlp_bias",
                                    "lambda_init",
                                    "rope_theta",
                                    "rope_interleaved",
                                    "rope_scaling",
                                    "rope_parameters",
                                    "vocab_size",
                                    NULL};

/* Appends the keys of `json` that are not in `keys`, each with the nearest one that is. */
static void find_unknown(struct text *unknown, const cJSON *json, const char *where, const char *const *keys)
{
    const cJSON *item;
    if (!cJSON_IsObject(json))
        return;
    cJSON_ArrayForEach(item, json)
    {
        const char *nearest = list_nearest(item->string, keys);
        if (strcmp(nearest, item->string) != 0)
            text_printf(unknown, "%s'%s%.60s' (%s?)", unknown->len ? ", " : "", where, item->string, nearest);
    }
}

static void find_unknown_in_mix(struct text *unknown, const cJSON *json, const char *where)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(json, "mix"))
    {
        find_unknown(unknown, item, where, INGREDIENT);
    }
}

enum status recipe_check_keys(struct recipe *r, struct error *err)
{
    const cJSON *item, *validation = cJSON_GetObjectItemCaseSensitive(r->root, "validation");
    struct text unknown = {0}, where = {0};
    find_unknown(&unknown, r->root, "", ROOT);
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(r->root, "models"))
    {
        where.len = 0;
        if (text_printf(&where, "models.%.60s.", item->string ? item->string : ""))
            find_unknown(&unknown, item, where.data, MODEL);
    }
    find_unknown(&unknown, cJSON_GetObjectItemCaseSensitive(r->root, "optimizer"), "optimizer.", OPTIMIZER);
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(r->root, "stages"))
    {
        find_unknown(&unknown, item, "stages.", STAGE);
        find_unknown_in_mix(&unknown, item, "stages.mix.");
    }
    find_unknown(&unknown, validation, "validation.", VALIDATION);
    find_unknown_in_mix(&unknown, validation, "validation.mix.");
    enum status status =
        unknown.len > 0
            ? error_set(err, ERR_INPUT, "%s: keys that are not known: %s, expected those in brackets or others of a recipe",
                        r->path, unknown.data)
            : OK;
    text_free(&unknown);
    text_free(&where);
    return status;
}

/* One folder's name: no way out of the output folder, nothing hidden. */
static bool folder_name(const char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-+";
    return name[0] != '\0' && name[0] != '.' && strspn(name, letters) == strlen(name) && strlen(name) <= 100;
}

/* Keys that not every family reads. */
static const char *ignored_key(const cJSON *entry, const struct config *c)
{
    const struct {
        const char *key;
        bool read;
    } keys[] = {{"lambda_init", c->lambda == LAMBDA_VECTORS},
                {"subln_eps", c->head_norm_scaled},
                {"rope_interleaved", c->family == &FAMILY_DIFF_TRANSFORMER || c->family == &FAMILY_DIFF_V2}};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!keys[i].read && json_has(entry, keys[i].key))
            return keys[i].key;
    return NULL;
}

static enum status check_config(const struct recipe *r, const cJSON *entry, const struct config *c, struct error *err)
{
    const char *name = entry->string, *ignored = ignored_key(entry, c);
    if (ignored != NULL)
        return error_set(err, ERR_INPUT, "%s: key 'models.%s.%s' means nothing to %s, expected keys that it reads", r->path, name,
                         ignored, c->family->model_type);
    size_t longest = recipe_longest(r);
    if (longest > c->context)
        return error_set(
            err, ERR_INPUT,
            "%s: key 'seq_len' is %zu, expected at most models.%s.max_position_embeddings = %zu (which may be raised)", r->path,
            longest, name, c->context);
    if (c->family == &FAMILY_DIFFLLAMA && c->n_k_heads % 2 != 0)
        return error_set(err, ERR_INPUT, "%s: key 'models.%s.num_key_value_heads' is %zu, expected an even number for diffllama",
                         r->path, name, c->n_k_heads);
    return OK;
}

static enum status check_freeze(const struct recipe *r, const cJSON *entry, struct error *err)
{
    const cJSON *patterns = cJSON_GetObjectItemCaseSensitive(entry, "freeze"), *item;
    bool right = patterns == NULL || cJSON_IsArray(patterns);
    cJSON_ArrayForEach(item, patterns) right = right && cJSON_IsString(item);
    return right ? OK
                 : error_set(
                       err, ERR_INPUT,
                       "%s: key 'models.%s.freeze' is wrong, expected a list of patterns of tensors' names (\"*\", \"!*.dex_*\")",
                       r->path, entry->string);
}

enum status recipe_check_models(struct recipe *r, struct error *err)
{
    enum status status = OK;
    for (const cJSON *entry = r->models->child; entry != NULL && status == OK; entry = entry->next) {
        struct config config;
        if (!folder_name(entry->string))
            return error_set(err, ERR_INPUT,
                             "%s: models: '%.100s' is no name, expected letters, digits and ._-+ (it becomes a folder)", r->path,
                             entry->string);
        if (!cJSON_IsObject(entry))
            return error_set(err, ERR_INPUT, "%s: key 'models.%s' is wrong, expected the keys of a config.json", r->path,
                             entry->string);
        int64_t vocabulary = (int64_t)tokenizer_size(r->tokenizer);
        int64_t largest = json_has(entry, "start") ? INT32_MAX : vocabulary; /* a trained one may have rows to spare */
        status = json_get_int(entry, "vocab_size", vocabulary, largest, true, &vocabulary, r->path, err);
        if (status == OK)
            status = check_freeze(r, entry, err);
        if (status == OK)
            status = recipe_model(r, entry, &config, err);
        if (status == OK)
            status = check_config(r, entry, &config, err);
    }
    return status;
}
