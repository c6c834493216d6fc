/* recipe_read.c - from YAML to struct recipe; see recipe.h. */
#include "train/recipe.h"

#include "base/file.h"
#include "train/bpe.h"
#include "train/recipe_check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static enum status get_count(const cJSON *json, const char *key, size_t low, size_t high, bool optional, size_t *value,
                             const char *path, struct error *err)
{
    int64_t x = (int64_t)*value;
    enum status status = json_get_int(json, key, (int64_t)low, (int64_t)high, optional, &x, path, err);
    *value = (size_t)x;
    return status;
}

/* One of `names`, which end with NULL; *value stays where the key is missing. */
static enum status get_choice(const cJSON *json, const char *key, const char *const *names, int *value, const char *path,
                              struct error *err)
{
    const char *name = NULL;
    struct text known = {0};
    enum status status = json_get_string(json, key, true, &name, path, err);
    bool found = status != OK || name == NULL;
    for (int i = 0; names[i] != NULL && !found; i++) {
        found = strcmp(name, names[i]) == 0;
        *value = found ? i : *value;
        text_printf(&known, "%s%s", i == 0 ? "" : names[i + 1] == NULL ? " or " : ", ", names[i]);
    }
    if (!found)
        status = error_set(err, ERR_INPUT, "%s: key '%s': '%.40s' is not known, expected %s", path, key, name,
                           known.data ? known.data : "");
    text_free(&known);
    return status;
}

static enum status read_ingredient(struct ingredient *in, const cJSON *json, const char *path, struct error *err)
{
    const char *kind = NULL;
    const cJSON *bytes = cJSON_GetObjectItemCaseSensitive(json, "bytes");
    in->weight = 1;
    enum status status = json_get_string(json, "kind", false, &kind, path, err);
    if (status == OK)
        status = json_get_double(json, "weight", 0, 1e6, true, &in->weight, path, err);
    if (status != OK)
        return status;
    for (size_t i = 0; DOCUMENT_KINDS[i].name != NULL; i++)
        if (strcmp(DOCUMENT_KINDS[i].name, kind) == 0)
            in->kind = &DOCUMENT_KINDS[i];
    if (in->kind == NULL)
        return error_set(err, ERR_INPUT,
                         "%s: key 'kind': '%.40s' is not known, expected text, needles, dense_needles, pairs, copy, "
                         "random_copy, people or labels",
                         path, kind);
    if (cJSON_GetArraySize(bytes) != 2 || !cJSON_IsNumber(bytes->child) || !cJSON_IsNumber(bytes->child->next) ||
        !(bytes->child->valuedouble >= 16 && bytes->child->next->valuedouble >= bytes->child->valuedouble &&
          bytes->child->next->valuedouble <= 1e7))
        return error_set(err, ERR_INPUT, "%s: key 'bytes' of '%s' is wrong, expected [shortest, longest] from 16 to 10000000",
                         path, kind);
    in->shortest = (size_t)bytes->child->valuedouble;
    in->longest = (size_t)bytes->child->next->valuedouble;
    return OK;
}

static enum status read_mix(struct stage *s, const cJSON *json, const char *path, struct error *err)
{
    const cJSON *mix = cJSON_GetObjectItemCaseSensitive(json, "mix"), *item;
    enum status status = get_count(json, "seq_len", 2, 1 << 20, false, &s->seq_len, path, err);
    if (status != OK)
        return status;
    if (!cJSON_IsArray(mix) || mix->child == NULL)
        return error_set(err, ERR_INPUT, "%s: key 'mix' of a stage is missing, expected a list of kinds with weight and bytes",
                         path);
    s->mix = calloc((size_t)cJSON_GetArraySize(mix), sizeof *s->mix);
    if (s->mix == NULL)
        return error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    cJSON_ArrayForEach(item, mix)
    {
        status = read_ingredient(&s->mix[s->n_mix++], item, path, err);
        if (status != OK)
            return status;
    }
    return OK;
}

static enum status read_stage(struct stage *s, const cJSON *json, const char *path, struct error *err)
{
    enum status status = get_count(json, "steps", 1, 100000000, false, &s->steps, path, err);
    if (status == OK)
        status = get_count(json, "sequences", 1, 1 << 20, false, &s->sequences, path, err);
    return status == OK ? read_mix(s, json, path, err) : status;
}

/* The documents that the validation loss is of: the same in the whole run, whatever the seeds. */
static enum status read_validation(struct recipe *r, struct error *err)
{
    const cJSON *json = cJSON_GetObjectItemCaseSensitive(r->root, "validation");
    const cJSON *stages = cJSON_GetObjectItemCaseSensitive(r->root, "stages");
    return read_mix(&r->validation, json ? json : stages->child->prev, r->path, err);
}

static enum status balance_mixes(struct recipe *r, struct error *err)
{
    enum status status = mix_balance(&r->validation, r->fill, r->tokenizer, &r->corpus, r->path, err);
    for (size_t i = 0; i < r->n_stages && status == OK; i++)
        status = mix_balance(&r->stages[i], r->fill, r->tokenizer, &r->corpus, r->path, err);
    return status;
}

static enum status read_seeds(struct recipe *r, struct error *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(r->root, "seeds"), *item;
    int64_t seed = 0, data_seed;
    enum status status = json_get_int(r->root, "seed", 0, INT32_MAX, true, &seed, r->path, err);
    data_seed = seed;
    if (status == OK)
        status = json_get_int(r->root, "data_seed", 0, INT32_MAX, true, &data_seed, r->path, err);
    r->seed = (uint64_t)seed;
    r->data_seed = (uint64_t)data_seed;
    if (status != OK || list == NULL)
        return status;
    if (json_has(r->root, "seed") || !cJSON_IsArray(list) || list->child == NULL)
        return error_set(err, ERR_INPUT, "%s: key 'seeds' is wrong, expected a list of numbers in place of 'seed'", r->path);
    if ((r->seeds = mem_array((size_t)cJSON_GetArraySize(list), sizeof *r->seeds)) == NULL)
        return error_set(err, ERR_SYSTEM, "%s: out of memory", r->path);
    cJSON_ArrayForEach(item, list)
    {
        double value = cJSON_GetNumberValue(item);
        bool right = value >= 0 && value <= INT32_MAX && value == floor(value);
        for (size_t i = 0; i < r->n_seeds && right; i++)
            right = (double)r->seeds[i] != value;
        if (!right)
            return error_set(err, ERR_INPUT, "%s: key 'seeds' is wrong, expected different whole numbers from 0 to %d", r->path,
                             INT32_MAX);
        r->seeds[r->n_seeds++] = (uint64_t)value;
    }
    return OK;
}

static enum status read_stages(struct recipe *r, struct error *err)
{
    const cJSON *stages = cJSON_GetObjectItemCaseSensitive(r->root, "stages"), *item;
    if (!cJSON_IsArray(stages) || stages->child == NULL)
        return error_set(err, ERR_INPUT, "%s: key 'stages' is missing, expected a list of stages", r->path);
    r->stages = calloc((size_t)cJSON_GetArraySize(stages), sizeof *r->stages);
    if (r->stages == NULL)
        return error_set(err, ERR_SYSTEM, "%s: out of memory", r->path);
    cJSON_ArrayForEach(item, stages)
    {
        enum status status = read_stage(&r->stages[r->n_stages++], item, r->path, err);
        if (status != OK)
            return status;
        r->n_steps += r->stages[r->n_stages - 1].steps;
    }
    return OK;
}

static enum status read_corpus(struct recipe *r, struct error *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(r->root, "corpus"), *item;
    size_t n = 0;
    const char **paths = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *paths);
    enum status status = paths ? OK : error_set(err, ERR_SYSTEM, "%s: out of memory", r->path);
    if (status == OK && (!cJSON_IsArray(list) || list->child == NULL))
        status = error_set(err, ERR_INPUT, "%s: key 'corpus' is missing, expected a list of text files", r->path);
    cJSON_ArrayForEach(item, list)
    {
        if (status == OK && !cJSON_IsString(item))
            status = error_set(err, ERR_INPUT, "%s: key 'corpus' is wrong, expected a list of text files", r->path);
        if (status == OK)
            paths[n++] = item->valuestring;
    }
    if (status == OK)
        status = corpus_load(&r->corpus, paths, n, err);
    free(paths);
    return status;
}

static enum status read_optimizer(struct recipe *r, struct error *err)
{
    const cJSON *json = cJSON_GetObjectItemCaseSensitive(r->root, "optimizer");
    r->optimizer = (struct adamw_settings){.beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.1, .clip = 1};
    const struct {
        const char *key;
        double *value, high;
    } keys[] = {{"lr", &r->optimizer.lr, 1},
                {"beta1", &r->optimizer.beta1, 1},
                {"beta2", &r->optimizer.beta2, 1},
                {"eps", &r->optimizer.eps, 1},
                {"weight_decay", &r->optimizer.weight_decay, 10},
                {"clip", &r->optimizer.clip, 1e9},
                {"min_lr", &r->min_lr, 1},
                {"decay_share", &r->decay_share, 1}};
    r->decay_share = 1;
    static const char *const schedules[] = {"linear", "cosine", NULL};
    int schedule = 0;
    enum status status = get_choice(json, "schedule", schedules, &schedule, r->path, err);
    r->cosine = schedule == 1;
    for (size_t i = 0; i < sizeof keys / sizeof *keys && status == OK; i++)
        status = json_get_double(json, keys[i].key, 0, keys[i].high, i > 0, keys[i].value, r->path, err);
    if (status == OK)
        status = get_count(json, "lambda_warmup_steps", 0, 100000000, true, &r->lambda_warmup_steps, r->path, err);
    return status == OK ? get_count(json, "warmup_steps", 0, 100000000, true, &r->warmup_steps, r->path, err) : status;
}

/* Settings that are in their ranges and make no training. */
static enum status check_optimizer(struct recipe *r, struct error *err)
{
    const struct adamw_settings *o = &r->optimizer;
    const struct {
        bool wrong;
        const char *key, *expected;
        double value;
    } checks[] = {
        {o->lr <= 0, "lr", "more than 0", o->lr},
        {o->beta1 >= 1, "beta1", "less than 1", o->beta1},
        {o->beta2 >= 1, "beta2", "less than 1", o->beta2},
        {o->eps <= 0, "eps", "more than 0", o->eps},
        {r->min_lr > o->lr, "min_lr", "at most lr", r->min_lr},
        {r->warmup_steps > r->n_steps, "warmup_steps", "at most the steps of all stages", (double)r->warmup_steps},
        {r->lambda_warmup_steps > r->n_steps, "lambda_warmup_steps", "at most the steps of all stages",
         (double)r->lambda_warmup_steps},
    };
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        if (checks[i].wrong)
            return error_set(err, ERR_INPUT, "%s: key 'optimizer.%s' is %g, expected %s", r->path, checks[i].key, checks[i].value,
                             checks[i].expected);
    return OK;
}

static enum status read_keys(struct recipe *r, struct error *err)
{
    static const char *const fills[] = {[FILL_DRAW] = "draw", [FILL_TEXT] = "text", [FILL_CUT] = "cut", NULL};
    static const char *const attentions[] = {
        [ATTENTION_ACROSS] = "across_documents", [ATTENTION_WITHIN] = "within_documents", NULL};
    int fill = FILL_DRAW, attention = ATTENTION_ACROSS;
    const struct {
        const char *key;
        size_t *value, high;
    } counts[] = {{"checkpoint_steps", &r->checkpoint_steps, 100000000},
                  {"validation_steps", &r->validation_steps, 100000000},
                  {"validation_sequences", &r->validation_sequences, 100000}};
    enum status status = json_get_string(r->root, "tokenizer", false, &r->tokenizer_folder, r->path, err);
    if (status == OK)
        status = json_get_string(r->root, "output", false, &r->output, r->path, err);
    if (status == OK)
        status = json_get_string(r->root, "start", true, &r->start, r->path, err);
    if (status == OK)
        status = json_get_bool(r->root, "keep_f32", true, &r->keep_f32, r->path, err);
    if (status == OK)
        status = json_get_bool(r->root, "recompute", true, &r->recompute, r->path, err);
    if (status == OK)
        status = get_choice(r->root, "fill", fills, &fill, r->path, err);
    if (status == OK)
        status = get_choice(r->root, "attention", attentions, &attention, r->path, err);
    for (size_t i = 0; i < sizeof counts / sizeof *counts && status == OK; i++)
        status = get_count(r->root, counts[i].key, 1, counts[i].high, true, counts[i].value, r->path, err);
    r->fill = (enum fill)fill;
    r->attention = (enum packing_attention)attention;
    return status;
}

static enum status read_models(struct recipe *r, struct error *err)
{
    r->models = cJSON_GetObjectItemCaseSensitive(r->root, "models");
    if (cJSON_IsObject(r->models) && r->models->child != NULL)
        return OK;
    return error_set(err, ERR_INPUT, "%s: key 'models' is missing, expected names with the keys of a config.json", r->path);
}

static enum status read_tokenizer(struct recipe *r, struct error *err)
{
    enum status status = tokenizer_load(&r->tokenizer, r->tokenizer_folder, err);
    if (status == OK && (r->end = tokenizer_added(r->tokenizer, END_OF_TEXT)) < 0)
        status = error_set(err, ERR_INPUT, "%s: the tokenizer has no token " END_OF_TEXT ", expected one", r->tokenizer_folder);
    return status;
}

static enum status take_starts(struct recipe *r, struct error *err)
{
    return recipe_take_starts(r->root, r->path, err);
}

enum status recipe_load(struct recipe *r, const char *path, struct error *err)
{
    static enum status (*const parts[])(struct recipe *, struct error *) = {
        recipe_check_keys, take_starts, read_seeds,     read_keys,           read_optimizer, read_stages,  check_optimizer,
        read_validation,   read_models, read_tokenizer, recipe_check_models, read_corpus,    balance_mixes};
    *r = (struct recipe){.path = strdup(path), .checkpoint_steps = 100, .validation_steps = 100, .validation_sequences = 16};
    enum status status = r->path ? yaml_read(&r->root, path, err) : error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    for (size_t i = 0; i < sizeof parts / sizeof *parts && status == OK; i++)
        status = parts[i](r, err);
    if (status != OK)
        recipe_free(r);
    return status;
}
