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

SUITE_MAIN("folders", wrong_configs_are_named, wrong_groups_of_noise_heads_are_named, broken_weights_are_named,
           broken_indexes_are_named, a_saved_model_comes_back, lambda_init_follows_the_depth)
