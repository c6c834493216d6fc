/* family_dex.c - differential extension of a Transformer (Kong, Jang and Kwak 2025, arXiv 2505.16333).
 *
 * Llama's attention, whose map is kept; from the output O_h of each head a learned linear map of it is taken,
 * O_h - lambda_h O_h f_h^T, with one lambda a head. A head with lambda and f of zeros is a Transformer's and stays
 * one in training: each is the other's gradient. */
#include "model/config.h"

static enum status read(struct config *c, const cJSON *json, size_t n_heads, size_t n_kv_heads, size_t head_dim, const char *path,
                        struct error *err)
{
    c->dex = true;
    return FAMILY_LLAMA.read(c, json, n_heads, n_kv_heads, head_dim, path, err);
}

static void plan(struct attention_plan *p, const struct config *c)
{
    FAMILY_LLAMA.plan(p, c);
}

const struct family FAMILY_DEX = {
    .model_type = "dex",
    .architecture = "DexForCausalLM",
    .summary = "Diff Transformer: a Transformer's heads less a learned map of them (DEX)",
    .read = read,
    .plan = plan,
};
