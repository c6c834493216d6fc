/* recipe.c - see recipe.h. */
#include "train/recipe.h"

#include "base/file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PI 3.14159265358979323846

static enum status get_count(const cJSON *json, const char *key, size_t low, size_t high, bool optional, size_t *value,
                             const char *path, struct error *err)
{
    int64_t x = (int64_t)*value;
    enum status status = json_get_int(json, key, (int64_t)low, (int64_t)high, optional, &x, path, err);
    *value = (size_t)x;
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

/* Shares are of tokens, so a kind of long documents is drawn less often: how long are they? */
static enum status measure_mix(struct recipe *r, struct stage *s, struct error *err)
{
    enum { DOCUMENTS = 128 };
    enum status status = OK;
    for (size_t i = 0; i < s->n_mix && status == OK; i++) {
        struct ingredient *in = &s->mix[i];
        struct rng rng = rng_stream(0, in->kind->name, in->shortest);
        size_t sum = 0;
        for (size_t k = 0; k < DOCUMENTS && status == OK; k++) {
            struct text document = {0};
            struct ids ids = {0};
            in->kind->write(&document, &r->corpus, &rng, in->shortest + (in->longest - in->shortest) * k / (DOCUMENTS - 1));
            status = tokenizer_encode(r->tokenizer, document.data ? document.data : "", document.len, false, &ids, err);
            sum += (ids.n < s->seq_len ? ids.n : s->seq_len) + 1; /* what is longer than the sequence is cut */
            text_free(&document);
            ids_free(&ids);
        }
        in->tokens = (double)sum / DOCUMENTS;
    }
    return status;
}

static enum status measure_mixes(struct recipe *r, struct error *err)
{
    enum status status = measure_mix(r, &r->validation, err);
    for (size_t i = 0; i < r->n_stages && status == OK; i++)
        status = measure_mix(r, &r->stages[i], err);
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
        if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= INT32_MAX))
            return error_set(err, ERR_INPUT, "%s: key 'seeds' is wrong, expected numbers from 0 to %d", r->path, INT32_MAX);
        r->seeds[r->n_seeds++] = (uint64_t)item->valuedouble;
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
    const char *schedule = "linear";
    enum status status = json_get_string(json, "schedule", true, &schedule, r->path, err);
    if (status == OK && strcmp(schedule, "linear") != 0 && strcmp(schedule, "cosine") != 0)
        status =
            error_set(err, ERR_INPUT, "%s: key 'schedule': '%.40s' is not known, expected linear or cosine", r->path, schedule);
    r->cosine = strcmp(schedule, "cosine") == 0;
    for (size_t i = 0; i < sizeof keys / sizeof *keys && status == OK; i++)
        status = json_get_double(json, keys[i].key, 0, keys[i].high, i > 0, keys[i].value, r->path, err);
    return status == OK ? get_count(json, "warmup_steps", 0, 100000000, true, &r->warmup_steps, r->path, err) : status;
}

static uint64_t digest(const cJSON *root)
{
    static const char *const parts[] = {"seed",  "data_seed", "seeds",     "tokenizer", "corpus",
                                        "start", "stages",    "optimizer", "models"};
    uint64_t h = HASH_START;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const cJSON *part = cJSON_GetObjectItemCaseSensitive(root, parts[i]);
        char *text = part ? cJSON_PrintUnformatted(part) : NULL;
        h = text != NULL ? hash_bytes(h, text, strlen(text)) : h;
        free(text);
    }
    return h >> 12; /* fits a double exactly */
}

enum status recipe_load(struct recipe *r, const char *path, struct error *err)
{
    *r = (struct recipe){.path = strdup(path), .checkpoint_steps = 100, .validation_steps = 100, .validation_sequences = 16};
    enum status status = yaml_read(&r->root, path, err);
    if (status == OK)
        status = read_seeds(r, err);
    if (status == OK)
        status = json_get_string(r->root, "tokenizer", false, &r->tokenizer_folder, path, err);
    if (status == OK)
        status = json_get_string(r->root, "output", false, &r->output, path, err);
    if (status == OK)
        status = json_get_string(r->root, "start", true, &r->start, path, err);
    if (status == OK)
        status = get_count(r->root, "checkpoint_steps", 1, 100000000, true, &r->checkpoint_steps, path, err);
    if (status == OK)
        status = get_count(r->root, "validation_steps", 1, 100000000, true, &r->validation_steps, path, err);
    if (status == OK)
        status = get_count(r->root, "validation_sequences", 1, 100000, true, &r->validation_sequences, path, err);
    if (status == OK)
        status = read_optimizer(r, err);
    if (status == OK)
        status = read_stages(r, err);
    if (status == OK)
        status = read_validation(r, err);
    if (status == OK)
        status = read_corpus(r, err);
    if (status == OK)
        status = tokenizer_load(&r->tokenizer, r->tokenizer_folder, err);
    r->models = status == OK ? cJSON_GetObjectItemCaseSensitive(r->root, "models") : NULL;
    if (status == OK && (!cJSON_IsObject(r->models) || r->models->child == NULL))
        status = error_set(err, ERR_INPUT, "%s: key 'models' is missing, expected names with the keys of a config.json", path);
    if (status == OK)
        status = measure_mixes(r, err);
    r->digest = digest(r->root);
    if (status != OK)
        recipe_free(r);
    return status;
}

void recipe_free(struct recipe *r)
{
    for (size_t i = 0; i < r->n_stages; i++)
        free(r->stages[i].mix);
    free(r->stages);
    free(r->validation.mix);
    free(r->seeds);
    free(r->path);
    corpus_free(&r->corpus);
    tokenizer_free(r->tokenizer);
    cJSON_Delete(r->root);
    *r = (struct recipe){0};
}

enum status recipe_model(const struct recipe *r, const cJSON *entry, struct config *config, struct error *err)
{
    cJSON *json = cJSON_Duplicate(entry, true);
    int32_t end = tokenizer_added(r->tokenizer, "<|endoftext|>");
    cJSON_DeleteItemFromObject(json, "vocab_size");
    cJSON_AddNumberToObject(json, "vocab_size", (double)tokenizer_size(r->tokenizer));
    if (end >= 0) {
        cJSON_AddNumberToObject(json, "bos_token_id", end);
        cJSON_AddNumberToObject(json, "eos_token_id", end);
    }
    enum status status =
        end >= 0 ? config_from_json(config, json, r->path, err)
                 : error_set(err, ERR_INPUT, "%s: the tokenizer has no token <|endoftext|>, expected one", r->tokenizer_folder);
    cJSON_Delete(json);
    return status;
}

const struct stage *recipe_stage(const struct recipe *r, size_t step)
{
    size_t i = 0;
    while (i + 1 < r->n_stages && step >= r->stages[i].steps)
        step -= r->stages[i++].steps;
    return &r->stages[i];
}

double recipe_rate(const struct recipe *r, size_t step)
{
    double lr = r->optimizer.lr, left = (double)(r->n_steps - step), after = (double)(r->n_steps - r->warmup_steps);
    double decay_steps = fmin(r->decay_share * (double)r->n_steps, after); /* it never begins before the warm-up has ended */
    if (step < r->warmup_steps)
        return lr * (double)(step + 1) / (double)r->warmup_steps;
    if (left >= decay_steps)
        return lr;
    double share = left / decay_steps;
    return r->min_lr + (lr - r->min_lr) * (r->cosine ? (1 - cos(PI * share)) / 2 : share);
}
