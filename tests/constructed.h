/* constructed.h - models whose behaviour follows from how their weights were set, over a tokenizer whose tokens are bytes.
 *
 *   uniform   all weights zero: every token is equally probable, every attention row is flat
 *   copier    after the last 9 bytes it gives the byte that followed the same 9 bytes earlier: an induction head by hand.
 *             Layer 0: heads that look 1 .. 9 bytes back and write what they see into slots; layer 1: a head whose
 *             query is the last 9 bytes and whose keys are the 9 bytes before each position.
 */
#ifndef DIFFTF_TESTS_CONSTRUCTED_H
#define DIFFTF_TESTS_CONSTRUCTED_H

#include "base/file.h"
#include "formats/json.h"
#include "model/model.h"
#include "suite_main.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BYTE_VOCAB = 257, BACK = 9, CODE = 24, COPIER_WIDTH = 272, COPIER_HEAD = 432 };

/* The tokenizer of the embedded pair without its merges. */
static inline void write_byte_tokenizer(const char *folder)
{
    struct error err = {0};
    cJSON *root, *vocab, *token, *next;
    ck_assert_msg(json_read(&root, "models/transformer/tokenizer.json", &err) == OK, "%s", err.message);
    cJSON *model = cJSON_GetObjectItem(root, "model");
    cJSON_ReplaceItemInObject(model, "merges", cJSON_CreateArray());
    vocab = cJSON_GetObjectItem(model, "vocab");
    for (token = vocab->child; token != NULL; token = next) {
        next = token->next;
        if (token->valuedouble >= 256)
            cJSON_Delete(cJSON_DetachItemViaPointer(vocab, token));
    }
    cJSON *end = cJSON_GetArrayItem(cJSON_GetObjectItem(root, "added_tokens"), 0);
    cJSON_ReplaceItemInObject(end, "id", cJSON_CreateNumber(256));
    char *path = path_join(folder, "tokenizer.json");
    ck_assert_msg(json_write(path, root, &err) == OK, "%s", err.message);
    free(path);
    cJSON_Delete(root);
}

static inline void save_constructed(struct model *m, const char *folder)
{
    struct error err = {0};
    ck_assert_msg(model_save(m, folder, DTYPE_F32, &err) == OK, "%s", err.message);
    write_byte_tokenizer(folder);
    model_free(m);
}

static inline void create(struct model *m, const char *json)
{
    struct error err = {0};
    struct config config;
    cJSON *root = cJSON_Parse(json);
    ck_assert_msg(config_from_json(&config, root, "config", &err) == OK, "%s", err.message);
    ck_assert_msg(model_create(m, &config, 1, &err) == OK, "%s", err.message);
    cJSON_Delete(root);
    memset(m->weights.storage, 0, m->weights.n_storage * sizeof(float));
}

static inline void make_uniform(const char *folder, bool diff)
{
    struct model m;
    char json[400];
    snprintf(
        json, sizeof json,
        "{\"model_type\":\"%s\",\"hidden_size\":32,\"head_dim\":8,\"num_hidden_layers\":2,\"num_attention_heads\":%d,"
        "\"intermediate_size\":32,\"vocab_size\":%d,\"max_position_embeddings\":4096,\"bos_token_id\":256,\"eos_token_id\":256}",
        diff ? "diff_transformer" : "llama", diff ? 2 : 4, BYTE_VOCAB);
    create(&m, json);
    save_constructed(&m, folder);
}

/* Where slot i of the residual stream begins: slot 0 is the byte itself, 1 .. BACK the bytes before it, BACK + 1 the answer. */
static inline size_t slot(size_t i)
{
    return 1 + i * CODE;
}

static inline void make_copier(const char *folder)
{
    struct model m;
    char json[400];
    const size_t D = COPIER_WIDTH, d = COPIER_HEAD, half = COPIER_HEAD / 2;
    snprintf(json, sizeof json,
             "{\"model_type\":\"llama\",\"hidden_size\":%d,\"head_dim\":%d,\"num_hidden_layers\":2,\"num_attention_heads\":%d,"
             "\"intermediate_size\":16,\"vocab_size\":%d,\"max_position_embeddings\":4096,\"rope_theta\":1e12,"
             "\"bos_token_id\":256,\"eos_token_id\":256}",
             COPIER_WIDTH, COPIER_HEAD, BACK, BYTE_VOCAB);
    create(&m, json);
    struct weights *w = &m.weights;
    struct layer_weights *first = &w->layers[0], *second = &w->layers[1];
    struct rng rng = rng_stream(1, "codes", 0);
    for (size_t t = 0; t < BYTE_VOCAB; t++) {
        w->embedding.f32[t * D] = 1;
        for (size_t i = 0; i < CODE; i++) {
            float c = rng_below(&rng, 2) ? 1.0f : -1.0f;
            w->embedding.f32[t * D + slot(0) + i] = c;
            w->lm_head.f32[t * D + slot(BACK + 1) + i] = 4 * c;
        }
    }
    for (size_t i = 0; i < D; i++)
        first->attention_norm[i] = second->attention_norm[i] = first->mlp_norm[i] = second->mlp_norm[i] = w->final_norm[i] = 1;
    /* what a norm divides by */
    float rms0 = sqrtf((1.0f + CODE) / (float)D), rms1 = sqrtf((1.0f + CODE * (BACK + 1)) / (float)D);
    for (size_t h = 0; h < BACK; h++) {
        for (size_t j = 0; j < 40; j++) { /* the fast pairs: the sum of cosines is largest at a distance of h + 1 */
            double angle = -(double)(h + 1) * rope_frequency(&m.config.rope, d, j, 0);
            first->q.f32[(h * d + j) * D] = (float)(600 * cos(angle)) * rms0;
            first->q.f32[(h * d + j + half) * D] = (float)(600 * sin(angle)) * rms0;
            first->k.f32[(h * d + j) * D] = rms0;
        }
        for (size_t i = 0; i < CODE; i++) {
            first->v.f32[(h * d + i) * D + slot(0) + i] = rms0;
            first->o.f32[(slot(h + 1) + i) * (BACK * d) + h * d + i] = 1;
        }
    }
    for (size_t i = 0; i < BACK * CODE; i++) { /* the slow pairs hardly turn */
        size_t channel = 85 + i / 2 + i % 2 * half;
        second->q.f32[channel * D + slot(0) + i] = 40 * rms1;
        second->k.f32[channel * D + slot(1) + i] = rms1;
    }
    for (size_t i = 0; i < CODE; i++) {
        second->v.f32[i * D + slot(0) + i] = rms1;
        second->o.f32[(slot(BACK + 1) + i) * (BACK * d) + i] = 1;
    }
    save_constructed(&m, folder);
}

/* Runs `difftf-eval ARGUMENTS` and returns its exit code. */
static inline int run_eval(const char *arguments)
{
    char command[2048];
    snprintf(command, sizeof command, "%s/difftf-eval %s", getenv("BUILD") ? getenv("BUILD") : "build", arguments);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A report, after the schema has been asked. */
static inline cJSON *valid_report(const char *path)
{
    char command[512];
    struct error err = {0};
    cJSON *report;
    snprintf(command, sizeof command, "tests/validate-report %s", path);
    ck_assert_msg(system(command) == 0, "%s does not follow docs/report.schema.json", path);
    ck_assert_msg(json_read(&report, path, &err) == OK, "%s", err.message);
    return report;
}

/* The value of the first metric of that name and model whose `where` holds "key=value" (NULL: any). */
static inline double metric_of(const cJSON *report, const char *name, const char *model, const char *place)
{
    const cJSON *row;
    cJSON_ArrayForEach(row, json_path(report, "metrics"))
    {
        char key[64], has[64] = "";
        if (strcmp(json_text(row, "name"), name) != 0 || strcmp(json_text(row, "model"), model) != 0)
            continue;
        if (place == NULL)
            return json_real(row, "value");
        snprintf(key, sizeof key, "%.*s", (int)strcspn(place, "="), place);
        const cJSON *its = json_path(json_path(row, "where"), key);
        if (cJSON_IsNumber(its))
            snprintf(has, sizeof has, "%.9g", its->valuedouble);
        else if (cJSON_IsString(its))
            snprintf(has, sizeof has, "%s", its->valuestring);
        if (its != NULL && strcmp(has, strchr(place, '=') + 1) == 0)
            return json_real(row, "value");
    }
    ck_abort_msg("the report has no %s of %s at %s", name, model, place ? place : "any place");
    return NAN;
}

#define NEAR(got, want, tolerance)                                                                                               \
    do {                                                                                                                         \
        double got_ = (got), want_ = (want);                                                                                     \
        ck_assert_msg(fabs(got_ - want_) <= (tolerance), #got " is %.9g, expected %.9g", got_, want_);                           \
    } while (0)

#endif
