/* config.h - what a checkpoint's config.json says, in our terms.
 *
 * A family is one row of a table that turns a `model_type` into this config;
 * everything above it asks the config and never the name.
 */
#ifndef DIFFTF_MODEL_CONFIG_H
#define DIFFTF_MODEL_CONFIG_H

#include "base/memory.h"
#include "base/status.h"
#include "formats/json.h"
#include "model/rope.h"
#include "numeric/attention.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where the coefficient of the second map comes from. */
enum lambda_kind {
    LAMBDA_NONE,       /* one map: a Transformer                                        */
    LAMBDA_VECTORS,    /* exp(q1 . k1) - exp(q2 . k2) + lambda_init, one a layer (V1)   */
    LAMBDA_PROJECTION, /* sigmoid of a projection, one a token and head (V2)         */
};

enum { MAX_EOS = 8, MAX_LAYERS = 4096, LAYER_WORDS = MAX_LAYERS / 64 };

struct config {
    const struct family *family;
    size_t n_layers, d_model, d_ff, vocab_size;
    size_t n_heads; /* output heads: num_attention_heads as the family counts them */
    size_t n_q_heads, n_k_heads, n_v_heads;
    size_t n_noise_heads; /* query heads of second maps where output heads share them; 0: each has its own */
    size_t head_dim;      /* d: width of a query or key head */
    size_t v_dim;         /* width of a value head */
    size_t n_maps, n_parts;
    size_t context;                                        /* max_position_embeddings */
    size_t window;                                         /* keys that a query of a windowed layer sees, its own included */
    uint64_t windowed[LAYER_WORDS], unturned[LAYER_WORDS]; /* a bit for each layer: has a window; has no rotation */
    float norm_eps;
    bool tied, qkv_bias, o_bias, mlp_bias;
    bool qk_norm; /* RMSNorm over each query and key head, before the rotation */
    struct rope rope;
    /* differential attention */
    enum lambda_kind lambda;
    bool head_norm;        /* RMSNorm over each output head, then the factor 1 - lambda_init */
    bool head_norm_scaled; /* with a scale of its own (subln) */
    float head_norm_eps;
    bool dex;                  /* from each output head a learned map of it is taken, times the head's own lambda (DEX) */
    double lambda_init;        /* the same for all layers when >= 0; else by depth */
    int lambda_first_layer;    /* the number of layer 0 in that rule: 0, or -1 */
    int32_t bos, eos[MAX_EOS]; /* -1 and n_eos 0 when there are none */
    size_t n_eos;
};

struct family {
    const char *model_type, *architecture, *summary;
    const char *activation; /* of the MLP as `hidden_act` names it; NULL: silu */
    /* What a config.json without a key means, as the transformers library has it; 0: context 2048, eps 1e-6, theta 10000, as
     * many key heads as query heads, an untied head. */
    struct {
        size_t n_kv_heads, context;
        double norm_eps, theta;
        bool tied;
    } defaults;
    /* Keys of config_keys.c that the family reads itself, or that say nothing about it; ends with NULL; may be NULL. */
    const char *const *own_keys;
    /* Fills what depends on the family from the counts H, KV and head_dim (0: not given) already checked. */
    enum status (*read)(struct config *config, const cJSON *json, size_t n_heads, size_t n_kv_heads, size_t head_dim,
                        const char *path, struct error *err);
    /* Which heads each map of each output head uses. */
    void (*plan)(struct attention_plan *plan, const struct config *config);
    /* The keys of config.json that are the family's own; may be NULL. */
    void (*write)(cJSON *json, const struct config *config);
};
/* NULL-terminated. */
extern const struct family *const FAMILIES[];
extern const struct family FAMILY_LLAMA, FAMILY_MISTRAL, FAMILY_QWEN2, FAMILY_QWEN3, FAMILY_SMOLLM3;
extern const struct family FAMILY_DIFF_TRANSFORMER, FAMILY_DIFFLLAMA, FAMILY_DIFF_V2, FAMILY_MOTIF, FAMILY_DEX;

/* From a parsed config.json; `path` names it in messages. */
enum status config_from_json(struct config *config, const cJSON *json, const char *path, struct error *err);
/* The config.json of a model, which the transformers library reads too where it knows the family. */
cJSON *config_to_json(const struct config *config);

/* For families: the epsilon of a norm, which must be more than 0; `*value` stays where the key is not there. */
enum status config_get_eps(const cJSON *json, const char *key, float *value, const char *path, struct error *err);
/* For families: the width of a query head as given (0: not), or that of n_heads side by side. */
enum status config_set_head_dim(struct config *config, size_t n_heads, size_t head_dim, const char *path, struct error *err);
/* Output heads of the attention: one for each query head of a first map. */
size_t config_output_heads(const struct config *config);
/* Does the MLP have PolyNorm in the place of SiLU? */
bool config_has_polynorm(const struct config *config);
/* lambda_init = 0.8 - 0.6 exp(-0.3 l), l from 0 (Ye et al. 2024, section 2.1), unless the config fixes it. */
double config_lambda_init(const struct config *config, size_t layer);
/* Sets of layers. */
void config_mark(uint64_t layers[LAYER_WORDS], size_t layer);
void config_clear(uint64_t layers[LAYER_WORDS]);
bool config_marked(const uint64_t layers[LAYER_WORDS], size_t layer);
/* Does the token end a text? */
bool config_is_end(const struct config *config, int32_t id);
/* Keys that a query of a layer sees, its own included; 0: all. */
size_t config_window(const struct config *config, size_t layer);
enum status config_plan(struct attention_plan *plan, const struct config *config, struct error *err);

#endif
