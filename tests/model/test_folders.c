/* Model folders: what a broken one says, and that a saved one comes back. */
#include "folder.h"
#include "model/model.h"

#include <string.h>
#include <unistd.h>

/* The config of a fixture with one key replaced (value NULL: removed), its weights beside it. */
static void put_config(const char *fixture, const char *key, const char *value)
{
    struct error err;
    cJSON *json;
    char path[160], *weights;
    size_t n;
    snprintf(path, sizeof path, FIXTURES "%s/config.json", fixture);
    ck_assert_int_eq(json_read(&json, path, &err), OK);
    if (key != NULL)
        cJSON_DeleteItemFromObject(json, key);
    if (value != NULL)
        cJSON_AddItemToObject(json, key, cJSON_Parse(value));
    char *text = cJSON_Print(json);
    put("config.json", text, strlen(text));
    free(text);
    cJSON_Delete(json);
    snprintf(path, sizeof path, FIXTURES "%s/model.safetensors", fixture);
    ck_assert_int_eq(file_read(&weights, &n, path, &err), OK);
    put("model.safetensors", weights, n);
    free(weights);
}

static void expect_refused(const char *what)
{
    struct model m;
    struct error err = {0};
    ck_assert_msg(model_load(&m, folder, &err) == ERR_INPUT, "loaded, or another error: %s", err.message);
    ck_assert_msg(strstr(err.message, what) != NULL && strstr(err.message, folder) != NULL, "'%s' does not name '%s'",
                  err.message, what);
}

static void remove_folder(void)
{
    static const char *const names[] = {"config.json", "model.safetensors", "model.safetensors.index.json"};
    for (size_t i = 0; i < 3; i++) {
        take_away(names[i]);
    }
    ck_assert_int_eq(rmdir(folder), 0);
}

/* A config.json in which one key is another, or is not there, and what the message must say. */
struct change {
    const char *key, *value, *says;
};
static void expect_configs_refused(const char *fixture, const struct change *cases, size_t n)
{
    setup_folder();
    for (size_t i = 0; i < n; i++) {
        put_config(fixture, cases[i].key, cases[i].value);
        expect_refused(cases[i].says);
    }
    remove_folder();
}

START_TEST(wrong_configs_are_named)
{
    static const struct change cases[] = {
        {"model_type", NULL, "model_type"},
        {"model_type", "\"mamba\"", "llama"},
        {"hidden_size", NULL, "hidden_size"},
        {"hidden_size", "-1", "hidden_size"},
        {"hidden_size", "1e300", "hidden_size"},
        {"hidden_size", "\"48\"", "hidden_size"},
        {"hidden_size", "47", "num_attention_heads"},
        {"num_hidden_layers", "0", "num_hidden_layers"},
        {"num_hidden_layers", "16000000", "num_hidden_layers"},
        {"num_key_value_heads", "4", "num_key_value_heads"},
        {"vocab_size", "1.5", "vocab_size"},
        {"vocab_size", "130", "model.embed_tokens.weight"},
        {"intermediate_size", "16777216", "gate_proj"},
        {"hidden_act", "\"gelu\"", "hidden_act"},
        {"rms_norm_eps", "-1", "rms_norm_eps"},
        {"rms_norm_eps", "0", "rms_norm_eps"},
        {"head_dim", "7", "head_dim"},
        {"tie_word_embeddings", "3", "tie_word_embeddings"},
        {"rope_scaling", "{\"rope_type\":\"longrope\",\"factor\":2}", "rope_scaling"},
        {"rope_scaling", "{\"rope_type\":\"linear\"}", "factor"},
        {"eos_token_id", "\"x\"", "eos_token_id"},
        {"attention_bias", "true", "q_proj.bias"},
        {"num_hidden_layers", "3", "layers.2"},
        {"num_hidden_layers", "1", "layers.1"},
    };
    expect_configs_refused("llama-mha", cases, sizeof cases / sizeof *cases);
}
END_TEST

/* A part for each type of layer. */
#define PARTS(full, sliding) "{\"full_attention\":{" full "},\"sliding_attention\":{" sliding "}}"

START_TEST(rotations_that_are_not_computed_are_named)
{
    static const struct change cases[] = {
        {"rope_scaling", "3", "rope_scaling"},
        {"rope_scaling", "{\"factor\":2}", "without rope_type"},
        {"rope_scaling", "{\"type\":null,\"factor\":2}", "without rope_type"},
        {"rope_scaling", "{\"type\":\"linear\",\"rope_type\":\"dynamic\",\"factor\":2}", "differ"},
        {"rope_scaling", "{\"type\":\"dynamic\",\"factor\":1,\"alpha\":1000}", "alpha"},
        {"rope_scaling", "{\"type\":\"default\",\"mrope_section\":[1,1,2]}", "mrope_section"},
        {"rope_scaling", "{\"type\":\"longrope\",\"short_factor\":[1],\"long_factor\":[2]}", "short_factor"},
        {"rope_scaling", "{\"type\":\"yarn\",\"factor\":2,\"attn_factor\":1.5}", "attn_factor"},
        {"rope_scaling", "{\"type\":\"yarn\",\"factor\":2,\"attention_factor\":0}", "attention_factor"},
        {"rope_parameters", "{\"rope_type\":\"default\",\"partial_rotary_factor\":0.5}", "partial_rotary_factor"},
        {"rope_parameters", PARTS("\"rope_theta\":1e6", "\"rope_theta\":1e4"), "'full_attention' and 'sliding_attention'"},
        {"rope_parameters", "{\"full_attention\":{},\"rope_theta\":1e6}", "rope_theta"},
        {"partial_rotary_factor", "0.5", "partial_rotary_factor"},
        {"rotary_emb_base", "500000", "rotary_emb_base"},
    };
    expect_configs_refused("llama-mha", cases, sizeof cases / sizeof *cases);
}
END_TEST

/* A key at a value that changes numbers, which is refused by name, and at the one that does not, which is not. */
START_TEST(keys_that_change_numbers_pass_where_they_do_not)
{
    static const struct {
        const char *key, *changes, *neutral;
    } keys[] = {
        {"attention_multiplier", "1", "0.35355339"},
        {"residual_multiplier", "0.22", "1"},
        {"embedding_multiplier", "12", "1.0"},
        {"logits_scaling", "8", "1"},
        {"scale_depth", "1.4", "1.41421356"},
        {"dim_model_base", "256", "48"},
        {"query_pre_attn_scalar", "256", "8"},
        {"mup_width_multiplier", "8", "1"},
        {"attn_logit_softcapping", "50", "null"},
        {"final_logit_softcapping", "30", "0"},
        {"clip_qkv", "8", "null"},
        {"num_experts", "8", "0"},
        {"num_local_experts", "8", "1"},
        {"parallel_residual", "true", "false"},
        {"use_qk_norm", "true", "false"},
        {"quantization_config", "{\"quant_method\":\"awq\"}", "{}"},
        {"use_sliding_window", "true", "false"},
        {"sliding_window", "16", "2048"},
        {"layer_types", "[\"full_attention\",\"sliding_attention\"]", "[\"full_attention\",\"full_attention\"]"},
        {"no_rope_layers", "[1,0]", "[1,1]"},
        {"is_causal", "false", "true"},
        {"position_embedding_type", "\"alibi\"", "\"rope\""},
        {"rope_interleave", "true", "false"},
        {"hidden_activation", "\"gelu\"", "\"silu\""},
        {"hidden_act", "\"gelu\"", "\"swish\""},
    };
    struct model m;
    setup_folder();
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct error err = {0};
        put_config("llama-mha", keys[i].key, keys[i].changes);
        expect_refused(keys[i].key);
        put_config("llama-mha", keys[i].key, keys[i].neutral);
        ck_assert_msg(model_load(&m, folder, &err) == OK, "%s: %s", keys[i].key, err.message);
        model_free(&m);
    }
    remove_folder();
}
END_TEST

static struct config parsed(const char *family, const char *more)
{
    struct config c;
    struct error err = {0};
    char text[512];
    snprintf(text, sizeof text,
             "{\"model_type\":\"%s\",\"hidden_size\":256,\"num_hidden_layers\":6,\"num_attention_heads\":32,"
             "\"intermediate_size\":8,\"vocab_size\":9%s}",
             family, more);
    cJSON *json = cJSON_Parse(text);
    ck_assert_ptr_nonnull(json);
    ck_assert_msg(config_from_json(&c, json, "config", &err) == OK, "%s: %s", family, err.message);
    cJSON_Delete(json);
    return c;
}

/* The values are those of the configuration classes of transformers 5.24. */
START_TEST(missing_keys_mean_what_the_family_means)
{
    static const struct {
        const char *family;
        size_t n_kv_heads, context, window;
        float eps;
        double theta;
        bool tied;
    } cases[] = {
        {"llama", 32, 2048, 0, 1e-6f, 1e4, false},  {"mistral", 8, 131072, 4096, 1e-6f, 1e4, false},
        {"qwen2", 32, 32768, 0, 1e-6f, 1e4, false}, {"qwen3", 32, 32768, 0, 1e-6f, 1e4, false},
        {"smollm3", 4, 32768, 0, 1e-6f, 2e6, true}, {"diffllama", 32, 2048, 0, 1e-5f, 1e4, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct config c = parsed(cases[i].family, "");
        ck_assert_uint_eq(c.n_v_heads, cases[i].n_kv_heads);
        ck_assert_uint_eq(c.context, cases[i].context);
        ck_assert_uint_eq(config_window(&c, 3), cases[i].window);
        ck_assert(c.norm_eps == cases[i].eps);
        ck_assert(c.rope.theta == cases[i].theta);
        ck_assert_int_eq(c.tied, cases[i].tied);
        c = parsed(cases[i].family, ",\"num_key_value_heads\":null");
        ck_assert_uint_eq(c.n_v_heads, 32);
    }
}
END_TEST

START_TEST(both_spellings_of_a_rotation_mean_the_same)
{
    static const char *const spellings[] = {
        ",\"rope_theta\":1e6,\"rope_scaling\":{\"type\":\"linear\",\"factor\":4}",
        ",\"rope_theta\":5,\"rope_scaling\":{\"rope_type\":\"linear\",\"factor\":4,\"rope_theta\":1e6}",
        ",\"rope_parameters\":{\"rope_type\":\"linear\",\"factor\":4,\"rope_theta\":1e6}",
        ",\"rope_theta\":1e6,\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"linear\",\"factor\":4}}",
        ",\"rope_parameters\":" PARTS("\"type\":\"linear\",\"factor\":4,\"rope_theta\":1e6",
                                      "\"type\":\"linear\",\"factor\":4,\"rope_theta\":1e6"),
    };
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        struct config c = parsed("llama", spellings[i]);
        ck_assert_msg(c.rope.scaling == ROPE_LINEAR && c.rope.factor == 4 && c.rope.theta == 1e6, "%s: type %d, theta %g",
                      spellings[i], (int)c.rope.scaling, c.rope.theta);
    }
}
END_TEST

START_TEST(windows_lie_where_the_family_has_them)
{
    struct config c = parsed("smollm3", ",\"use_sliding_window\":true,\"sliding_window\":9");
    for (size_t l = 0; l < 6; l++)
        ck_assert_uint_eq(config_window(&c, l), l == 3 ? 9 : 0); /* the layer that does not turn */
    c = parsed("mistral", ",\"layer_types\":[\"full_attention\",\"sliding_attention\",\"full_attention\",\"full_attention\","
                          "\"full_attention\",\"full_attention\"]");
    for (size_t l = 0; l < 6; l++)
        ck_assert_uint_eq(config_window(&c, l), l == 1 ? 4096 : 0);
}
END_TEST

START_TEST(wrong_groups_of_noise_heads_are_named)
{
    static const struct change cases[] = {
        {"num_noise_heads", "0", "num_noise_heads"},
        {"num_noise_heads", "5", "num_noise_heads"},
        {"num_noise_heads", "12", "num_noise_heads"},
        {"num_noise_heads", "3", "num_noise_heads"},
        {"num_noise_heads", "2", "o_proj"},
        {"num_key_value_heads", "3", "num_key_value_heads"},
        {"num_attention_heads", "8", "self_attn.q_proj"},
        {"k_ratio", "2", "k_ratio"},
        {"use_sliding_window", "true", "use_sliding"},
    };
    expect_configs_refused("motif-grouped", cases, sizeof cases / sizeof *cases);
}
END_TEST

START_TEST(broken_weights_are_named)
{
    struct error err;
    char *text;
    size_t n;
    setup_folder();
    expect_refused("config.json");
    put_config("llama-mha", NULL, NULL);
    ck_assert_int_eq(file_read(&text, &n, FIXTURES "llama-mha/model.safetensors", &err), OK);
    put("model.safetensors", text, n - 1);
    expect_refused("truncated");
    put("model.safetensors", text, 7);
    expect_refused("header");
    char *name = memmem(text, n, "model.norm.weight", 17);
    name[6] = 'N';
    put("model.safetensors", text, n);
    expect_refused("model.norm.weight");
    name[6] = 'n';
    float nan = 0.0f / 0.0f;
    memcpy(text + n - 4, &nan, 4);
    put("model.safetensors", text, n);
    expect_refused("NaN");
    free(text);
    remove_folder();
}
END_TEST

START_TEST(broken_indexes_are_named)
{
    static const struct {
        const char *index, *says;
    } cases[] = {
        {"{}", "weight_map"},
        {"{\"weight_map\":{}}", "weight_map"},
        {"{\"weight_map\":{\"a\":3}}", "'a'"},
        {"{\"weight_map\":{\"a\":\"../../etc/passwd\"}}", "'a'"},
        {"{\"weight_map\":{\"a\":\"absent.safetensors\"}}", "absent.safetensors"},
    };
    setup_folder();
    put_config("llama-mha", NULL, NULL);
    char *weights = path_join(folder, "model.safetensors");
    unlink(weights);
    free(weights);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put("model.safetensors.index.json", cases[i].index, strlen(cases[i].index));
        expect_refused(cases[i].says);
    }
    remove_folder();
}
END_TEST

START_TEST(a_saved_model_comes_back)
{
    struct error err = {0};
    struct model a, b;
    setup_folder();
    ck_assert_int_eq(model_load(&a, FIXTURES "diff-gqa", &err), OK);
    ck_assert_int_eq(model_unpack(&a, &err), OK);
    ck_assert_int_eq(model_save(&a, folder, DTYPE_BF16, &err), OK); /* the fixture is BF16: nothing is lost */
    ck_assert_msg(model_load(&b, folder, &err) == OK, "%s", err.message);
    ck_assert_int_eq(model_unpack(&b, &err), OK);
    ck_assert_uint_eq(a.weights.n_params, b.weights.n_params);
    ck_assert_int_eq(memcmp(a.weights.storage, b.weights.storage, a.weights.n_storage * sizeof(float)), 0);
    model_free(&a);
    model_free(&b);
    remove_folder();
}
END_TEST

START_TEST(lambda_init_follows_the_depth)
{
    struct config c = {.lambda_init = -1};
    ck_assert(config_lambda_init(&c, 0) > 0.2 - 1e-12 && config_lambda_init(&c, 0) < 0.2 + 1e-12);
    ck_assert(config_lambda_init(&c, 40) > 0.7999);
    c.lambda_init = 0.5;
    ck_assert(config_lambda_init(&c, 7) == 0.5);
}
END_TEST

SUITE_MAIN("folders", wrong_configs_are_named, rotations_that_are_not_computed_are_named,
           keys_that_change_numbers_pass_where_they_do_not, missing_keys_mean_what_the_family_means,
           both_spellings_of_a_rotation_mean_the_same, windows_lie_where_the_family_has_them,
           wrong_groups_of_noise_heads_are_named, broken_weights_are_named, broken_indexes_are_named, a_saved_model_comes_back,
           lambda_init_follows_the_depth)
