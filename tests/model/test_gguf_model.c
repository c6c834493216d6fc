/* GGUF files as llama.cpp reads them: the metadata that changes numbers, and models in several parts. */
#include "folder.h"
#include "model/model.h"

#include <math.h>
#include <stdio.h>

static const char FIXTURE[] = FIXTURES "gguf/llama.gguf"; /* heads of 8 channels, a context of 2048; aligned to 64 bytes */
enum { HEADER = 24, ALIGNMENT = 64 };

/* Types of metadata values as the format numbers them. */
enum { U16 = 2, U32 = 4, FLOAT = 6, BOOL = 7, STRING = 8, ARRAY = 9 };
struct key {
    const char *name;
    int type;
    double number;
    const char *text;
};

static void add_number(struct text *out, uint64_t x, size_t bytes)
{
    text_add(out, (const char *)&x, bytes);
}

static void add_string(struct text *out, const char *s, size_t n)
{
    add_number(out, n, 8);
    text_add(out, s, n);
}

static void add_key(struct text *out, const struct key *key)
{
    float number = (float)key->number;
    add_string(out, key->name, strlen(key->name));
    add_number(out, (uint64_t)key->type, 4);
    if (key->type == STRING)
        add_string(out, key->text, strlen(key->text));
    else if (key->type == FLOAT)
        text_add(out, (const char *)&number, 4);
    else if (key->type != ARRAY)
        add_number(out, (uint64_t)key->number, key->type == U32 ? 4 : key->type == U16 ? 2 : 1);
    for (int i = 0; key->type == ARRAY && i < 4; i++) /* of one number twice */
        add_number(out, (uint64_t[]){U32, 2, (uint64_t)key->number, (uint64_t)key->number}[i], i == 1 ? 8 : 4);
}

/* The fixture with keys before its own, which they hide, and a string that keeps the rest aligned. */
static void put_gguf(const char *name, const struct key *keys, size_t n)
{
    static const char filling[ALIGNMENT] = {0}, filler[] = "filler";
    struct error err;
    struct text out = {0}, added = {0};
    char *bytes;
    size_t length;
    uint64_t n_keys;
    ck_assert_int_eq(file_read(&bytes, &length, FIXTURE, &err), OK);
    for (size_t i = 0; i < n; i++)
        add_key(&added, &keys[i]);
    add_string(&added, filler, strlen(filler));
    add_number(&added, STRING, 4);
    add_string(&added, filling, ALIGNMENT - 1 - (added.len + 8 + ALIGNMENT - 1) % ALIGNMENT);
    ck_assert_uint_eq(added.len % ALIGNMENT, 0);
    memcpy(&n_keys, bytes + 16, 8);
    text_add(&out, bytes, 16);
    add_number(&out, n_keys + n + 1, 8);
    text_add(&out, added.data, added.len);
    text_add(&out, bytes + HEADER, length - HEADER);
    put(name, out.data, out.len);
    text_free(&out);
    text_free(&added);
    free(bytes);
}

static enum status load(struct model *m, const char *name, struct error *err)
{
    char *path = path_join(folder, name);
    enum status status = model_load(m, path, err);
    free(path);
    return status;
}

START_TEST(keys_that_change_numbers_are_named)
{
    static const struct key keys[] = {
        {"llama.rope.dimension_count", U32, 4, NULL},
        {"llama.rope.dimension_sections", ARRAY, 2, NULL},
        {"llama.rope.freq_base_swa", FLOAT, 10000, NULL},
        {"llama.rope.scaling.type", STRING, 0, "longrope"},
        {"llama.rope.scaling.alpha", FLOAT, 2, NULL},
        {"llama.rope.scaling.factor", FLOAT, -2, NULL},
        {"llama.rope.scaling.attn_factor", FLOAT, 1.5, NULL}, /* without YaRN */
        {"llama.rope.scaling.yarn_ext_factor", FLOAT, 1, NULL},
        {"llama.rope.scaling.yarn_attn_factor", FLOAT, 2, NULL},
        {"llama.rope.scaling.yarn_log_multiplier", FLOAT, 0.1, NULL},
        {"llama.attention.value_length", U32, 16, NULL},
        {"llama.attention.sliding_window", U32, 128, NULL},
        {"llama.attention.causal", BOOL, 0, NULL},
        {"llama.attention.clamp_kqv", FLOAT, 8, NULL},
        {"llama.attention.scale", FLOAT, 0.5, NULL},
        {"llama.attn_logit_softcapping", FLOAT, 50, NULL},
        {"llama.final_logit_softcapping", FLOAT, 30, NULL},
        {"llama.logit_scale", FLOAT, 8, NULL},
        {"llama.residual_scale", FLOAT, 0.22, NULL},
        {"llama.embedding_scale", FLOAT, 12, NULL},
        {"llama.expert_count", U32, 8, NULL},
        {"llama.use_parallel_residual", BOOL, 1, NULL},
    };
    setup_folder();
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct model m;
        struct error err = {0};
        put_gguf("m.gguf", &keys[i], 1);
        ck_assert_msg(load(&m, "m.gguf", &err) == ERR_INPUT, "%s: loaded, or another error", keys[i].name);
        ck_assert_msg(strstr(err.message, keys[i].name) != NULL, "'%s' does not name %s", err.message, keys[i].name);
    }
    take_away("m.gguf");
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

START_TEST(keys_that_change_nothing_pass)
{
    static const struct key keys[] = {
        {"llama.rope.dimension_count", U32, 8, NULL},
        {"llama.attention.key_length", U32, 8, NULL},
        {"llama.attention.value_length", U32, 8, NULL},
        {"llama.attention.sliding_window", U32, 2048, NULL},
        {"llama.attention.causal", BOOL, 1, NULL},
        {"llama.attention.clamp_kqv", FLOAT, 0, NULL},
        {"llama.logit_scale", FLOAT, 1, NULL},
        {"llama.expert_count", U32, 0, NULL},
        {"llama.rope.scaling.finetuned", BOOL, 1, NULL},
        {"llama.rope.scaling.yarn_ext_factor", FLOAT, -1, NULL},
        {"llama.some.other", FLOAT, 3, NULL},
        {"general.quantization_version", U32, 2, NULL},
    };
    struct model m;
    struct error err = {0};
    setup_folder();
    put_gguf("m.gguf", keys, sizeof keys / sizeof *keys);
    ck_assert_msg(load(&m, "m.gguf", &err) == OK, "%s", err.message);
    ck_assert_int_eq(m.config.rope.scaling, ROPE_PLAIN);
    model_free(&m);
    take_away("m.gguf");
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

#define TYPE(name)                                                                                                               \
    {                                                                                                                            \
        "llama.rope.scaling.type", STRING, 0, name                                                                               \
    }
#define NUMBER(name, x)                                                                                                          \
    {                                                                                                                            \
        "llama.rope." name, FLOAT, x, NULL                                                                                       \
    }

/* A factor alone is linear, 0 is none; YaRN's temperature is attn_factor (0.1 ln(factor) + 1): ln 4 = 1.3862943611. */
START_TEST(stretches_are_those_of_llama_cpp)
{
    static const struct {
        struct key keys[5];
        size_t n;
        enum rope_scaling scaling;
        double factor, temperature, low, high, original;
    } cases[] = {
        {{TYPE("linear"), NUMBER("scaling.factor", 4)}, 2, ROPE_LINEAR, 4, 1, 0, 0, 2048},
        {{NUMBER("scaling.factor", 4)}, 1, ROPE_LINEAR, 4, 1, 0, 0, 2048},
        {{NUMBER("scale_linear", 4)}, 1, ROPE_LINEAR, 4, 1, 0, 0, 2048},
        {{NUMBER("scaling.factor", 0)}, 1, ROPE_PLAIN, 0, 1, 0, 0, 2048},
        {{TYPE("none"), NUMBER("scaling.factor", 4)}, 2, ROPE_PLAIN, 0, 1, 0, 0, 2048},
        {{TYPE("yarn"), NUMBER("scaling.factor", 4)}, 2, ROPE_YARN, 4, 1.13862943611, 1, 32, 2048},
        {{TYPE("yarn"), NUMBER("scaling.factor", 4), NUMBER("scaling.attn_factor", 1)},
         3,
         ROPE_YARN,
         4,
         1.13862943611,
         1,
         32,
         2048},
        {{TYPE("yarn"), NUMBER("scaling.factor", 4), NUMBER("scaling.attn_factor", 0.5)},
         3,
         ROPE_YARN,
         4,
         0.569314718,
         1,
         32,
         2048},
        {{TYPE("yarn"), NUMBER("scaling.factor", 4), {"llama.rope.scaling.original_context_length", U32, 512, NULL}},
         3,
         ROPE_YARN,
         4,
         1.13862943611,
         1,
         32,
         512},
        {{TYPE("yarn"), NUMBER("scaling.factor", 4), NUMBER("scaling.yarn_beta_fast", 8), NUMBER("scaling.yarn_beta_slow", 0.5)},
         4,
         ROPE_YARN,
         4,
         1.13862943611,
         0.5,
         8,
         2048},
        {{TYPE("yarn")}, 1, ROPE_YARN, 1, 1, 1, 32, 2048},
    };
    setup_folder();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct model m;
        struct error err = {0};
        put_gguf("m.gguf", cases[i].keys, cases[i].n);
        ck_assert_msg(load(&m, "m.gguf", &err) == OK, "case %zu: %s", i, err.message);
        const struct rope *r = &m.config.rope;
        ck_assert_msg(r->scaling == cases[i].scaling && r->factor == cases[i].factor && r->low == cases[i].low &&
                          r->high == cases[i].high && r->original == cases[i].original &&
                          fabs(r->temperature - cases[i].temperature) < 1e-7,
                      "case %zu: type %d, factor %g, temperature %.9g, %g to %g turns over %g", i, (int)r->scaling, r->factor,
                      r->temperature, r->low, r->high, r->original);
        model_free(&m);
    }
    take_away("m.gguf");
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

static const char ONE[] = "m-00001-of-00002.gguf", TWO[] = "m-00002-of-00002.gguf";

/* A first part without tensors, whose metadata says what the model is, and a second that has all of them. */
static void put_parts(double number_of_second)
{
    const struct key first[] = {
        {"general.architecture", STRING, 0, "llama"},
        {"llama.block_count", U32, 2, NULL},
        {"llama.embedding_length", U32, 64, NULL},
        {"llama.feed_forward_length", U32, 176, NULL},
        {"llama.attention.head_count", U32, 8, NULL},
        {"llama.attention.head_count_kv", U32, 2, NULL},
        {"llama.context_length", U32, 1024, NULL},
        {"llama.attention.layer_norm_rms_epsilon", FLOAT, 1e-5, NULL},
        {"llama.rope.freq_base", FLOAT, 500000, NULL},
        {"split.no", U16, 0, NULL},
        {"split.count", U16, 2, NULL},
    };
    const struct key second[] = {{"split.no", U16, number_of_second, NULL}, {"split.count", U16, 2, NULL}};
    size_t n = sizeof first / sizeof *first;
    struct text out = {0};
    text_puts(&out, "GGUF");
    add_number(&out, 3, 4);
    add_number(&out, 0, 8);
    add_number(&out, n, 8);
    for (size_t i = 0; i < n; i++)
        add_key(&out, &first[i]);
    put(ONE, out.data, out.len);
    text_free(&out);
    put_gguf(TWO, second, 2);
}

START_TEST(a_split_model_is_read_from_any_part)
{
    struct model m, whole;
    struct error err = {0};
    char hash[2][65];
    setup_folder();
    put_parts(1);
    ck_assert_msg(model_load(&whole, FIXTURE, &err) == OK, "%s", err.message);
    for (int i = 0; i < 2; i++) {
        ck_assert_msg(load(&m, i == 0 ? ONE : TWO, &err) == OK, "%s", err.message);
        ck_assert_uint_eq(m.config.context, 1024); /* the first part's */
        ck_assert_uint_eq(m.weights.n_params, whole.weights.n_params);
        ck_assert_int_eq(memcmp(m.weights.final_norm, whole.weights.final_norm, 64 * sizeof(float)), 0);
        model_hash(&m, hash[i]);
        model_free(&m);
    }
    ck_assert_str_eq(hash[0], hash[1]);
    model_free(&whole);
    take_away(ONE);
    take_away(TWO);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

START_TEST(parts_that_are_not_there_are_named)
{
    static const struct key split[] = {{"split.no", U16, 0, NULL}, {"split.count", U16, 2, NULL}};
    struct model m;
    struct error err = {0};
    setup_folder();
    put_parts(1);
    take_away(ONE);
    ck_assert_int_eq(load(&m, TWO, &err), ERR_INPUT);
    ck_assert_msg(strstr(err.message, ONE) != NULL, "'%s' does not name the first part", err.message);
    put_parts(7);
    ck_assert_int_eq(load(&m, ONE, &err), ERR_INPUT);
    ck_assert_msg(strstr(err.message, "part 8 of 2") != NULL, "%s", err.message);
    put_gguf("renamed.gguf", split, 2);
    ck_assert_int_eq(load(&m, "renamed.gguf", &err), ERR_INPUT);
    ck_assert_msg(strstr(err.message, "-00001-of-00002.gguf") != NULL, "%s", err.message);
    take_away("renamed.gguf");
    take_away(ONE);
    take_away(TWO);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

START_TEST(a_missing_epsilon_is_named)
{
    static const struct key other[] = {{"general.architecture", STRING, 0, "qwen2"}};
    struct model m;
    struct error err = {0};
    setup_folder();
    put_gguf("m.gguf", other, 1);
    ck_assert_int_eq(load(&m, "m.gguf", &err), ERR_INPUT); /* no key of qwen2's is there */
    ck_assert_msg(strstr(err.message, "qwen2.attention.layer_norm_rms_epsilon") != NULL, "%s", err.message);
    take_away("m.gguf");
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

START_TEST(the_base_is_10000_where_nothing_says_so)
{
    static const struct key smollm3[] = {
        {"general.architecture", STRING, 0, "smollm3"}, {"smollm3.block_count", U32, 2, NULL},
        {"smollm3.embedding_length", U32, 64, NULL},    {"smollm3.feed_forward_length", U32, 176, NULL},
        {"smollm3.attention.head_count", U32, 8, NULL}, {"smollm3.attention.head_count_kv", U32, 2, NULL},
        {"smollm3.context_length", U32, 1024, NULL},    {"smollm3.attention.layer_norm_rms_epsilon", FLOAT, 1e-5, NULL},
    };
    struct model m;
    struct error err = {0};
    setup_folder();
    put_gguf("m.gguf", smollm3, sizeof smollm3 / sizeof *smollm3);
    ck_assert_msg(load(&m, "m.gguf", &err) == OK, "%s", err.message);
    ck_assert(m.config.rope.theta == 10000);
    model_free(&m);
    take_away("m.gguf");
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

SUITE_MAIN("gguf models", keys_that_change_numbers_are_named, keys_that_change_nothing_pass, stretches_are_those_of_llama_cpp,
           a_split_model_is_read_from_any_part, parts_that_are_not_there_are_named, a_missing_epsilon_is_named,
           the_base_is_10000_where_nothing_says_so)
