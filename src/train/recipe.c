/* recipe.c - what follows from a recipe: models, stages, rates, digest; see recipe.h. */
#include "train/recipe.h"

#include "base/file.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PI 3.14159265358979323846

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
    struct text name = {0};
    if (!json_has(json, "start")) { /* a model that has been trained knows its own */
        cJSON_DeleteItemFromObject(json, "vocab_size");
        cJSON_AddNumberToObject(json, "vocab_size", (double)tokenizer_size(r->tokenizer));
        cJSON_AddNumberToObject(json, "bos_token_id", r->end);
        cJSON_AddNumberToObject(json, "eos_token_id", r->end);
    }
    enum status status = text_printf(&name, "%s: models.%s", r->path, entry->string)
                             ? config_from_json(config, json, name.data, err)
                             : error_set(err, ERR_SYSTEM, "%s: out of memory", r->path);
    text_free(&name);
    cJSON_Delete(json);
    return status;
}

enum status recipe_with_seed(struct recipe *one, char **folder, const struct recipe *r, uint64_t seed, struct error *err)
{
    char name[32];
    snprintf(name, sizeof name, "seed-%" PRIu64, seed);
    *one = *r;
    one->seed = seed;
    one->data_seed = json_has(r->root, "data_seed") ? r->data_seed : seed;
    one->output = *folder = path_join(r->output, name);
    return *folder ? OK : error_set(err, ERR_SYSTEM, "%s: out of memory", r->path);
}

enum status recipe_take_starts(cJSON *root, const char *path, struct error *err)
{
    cJSON *entry;
    enum status status = OK;
    cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(root, "models"))
    {
        const char *folder = NULL;
        cJSON *config = NULL, *key;
        if (status == OK && cJSON_IsObject(entry))
            status = json_get_string(entry, "start", true, &folder, path, err);
        if (status != OK || folder == NULL)
            continue;
        char *file = path_join(folder, "config.json");
        status = json_read(&config, file, err);
        free(file);
        cJSON_ArrayForEach(key, config) if (cJSON_GetObjectItemCaseSensitive(entry, key->string) == NULL)
            cJSON_AddItemToObject(entry, key->string, cJSON_Duplicate(key, true));
        cJSON_Delete(config);
    }
    return status;
}

float recipe_lambda_held(const struct recipe *r, size_t step)
{
    return step < r->lambda_warmup_steps ? 1 - (float)step / (float)r->lambda_warmup_steps : 0;
}

bool recipe_freezes(const cJSON *entry, const char *tensor)
{
    const cJSON *item;
    bool frozen = false;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(entry, "freeze"))
    {
        const char *pattern = cJSON_IsString(item) ? item->valuestring : "";
        bool thaws = pattern[0] == '!';
        if (fnmatch(pattern + thaws, tensor, 0) == 0)
            frozen = !thaws;
    }
    return frozen;
}

bool recipe_is_started(const struct recipe *r, const cJSON *entry)
{
    return r->start != NULL || json_has(entry, "start");
}

char *recipe_start_folder(const struct recipe *r, const cJSON *entry)
{
    const char *name = entry->string, *own = json_text(entry, "start");
    if (own != NULL && own[0] != '\0')
        return strdup(own);
    char seed[32];
    snprintf(seed, sizeof seed, "seed-%" PRIu64, r->seed);
    char *seeded = path_join(r->start, seed), *folder = NULL;
    if (seeded != NULL)
        folder = path_join(file_is_directory(seeded) ? seeded : r->start, name);
    free(seeded);
    return folder;
}

size_t recipe_longest(const struct recipe *r)
{
    size_t longest = r->validation.seq_len;
    for (size_t i = 0; i < r->n_stages; i++)
        longest = r->stages[i].seq_len > longest ? r->stages[i].seq_len : longest;
    return longest;
}

const struct stage *recipe_stage(const struct recipe *r, size_t step)
{
    size_t i = 0;
    while (i + 1 < r->n_stages && step >= r->stages[i].steps)
        step -= r->stages[i++].steps;
    return &r->stages[i];
}

size_t recipe_first_sequence(const struct recipe *r, size_t step)
{
    size_t first = 0;
    for (size_t i = 0; i < r->n_stages && step > 0; i++) {
        size_t n = step < r->stages[i].steps ? step : r->stages[i].steps;
        first += n * r->stages[i].sequences;
        step -= n;
    }
    return first;
}

double recipe_tokens(const struct recipe *r, size_t from, size_t to)
{
    double tokens = 0;
    for (size_t i = 0, at = 0; i < r->n_stages; at += r->stages[i++].steps) {
        size_t low = from > at ? from : at, end = at + r->stages[i].steps, high = to < end ? to : end;
        tokens += high > low ? (double)(high - low) * (double)r->stages[i].seq_len * (double)r->stages[i].sequences : 0;
    }
    return tokens;
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

static uint64_t hash_text(uint64_t h, const char *text)
{
    return hash_bytes(h, text, strlen(text) + 1);
}

static uint64_t hash_json(uint64_t h, const cJSON *json)
{
    char *text = json ? cJSON_PrintUnformatted(json) : NULL;
    h = hash_text(h, text ? text : "");
    free(text);
    return h;
}

uint64_t recipe_digest(const struct recipe *r, const cJSON *entry, const char *start, size_t step)
{
    uint64_t numbers[] = {r->seed, r->data_seed, r->fill, r->attention, r->corpus.digest};
    uint64_t h = hash_bytes(HASH_START, (const char *)numbers, sizeof numbers);
    h = hash_text(hash_text(h, tokenizer_sha256(r->tokenizer)), start);
    h = hash_json(hash_json(h, entry), cJSON_GetObjectItemCaseSensitive(r->root, "optimizer"));
    const cJSON *json = cJSON_GetObjectItemCaseSensitive(r->root, "stages")->child;
    for (const struct stage *s = r->stages; s < r->stages + r->n_stages && step > 0; s++, json = json->next) {
        uint64_t shape[] = {step < s->steps ? step : s->steps, s->seq_len, s->sequences};
        h = hash_bytes(h, (const char *)shape, sizeof shape);
        h = hash_json(h, cJSON_GetObjectItemCaseSensitive(json, "mix"));
        step -= shape[0];
    }
    return h;
}
