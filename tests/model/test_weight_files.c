/* Weight files as strangers write them: bytes that are nobody's, buffers that are no weights, a head beside a tied embedding. */
#include "folder.h"
#include "model/model.h"

#include <stdio.h>

/* A safetensors file of a header and n bytes of zeros. */
static void put_safetensors(const char *header, size_t n)
{
    struct text file = {0};
    uint64_t length = strlen(header);
    text_add(&file, (const char *)&length, 8);
    text_puts(&file, header);
    for (size_t i = 0; i < n; i++)
        text_add(&file, "", 1);
    put("model.safetensors", file.data, file.len);
    text_free(&file);
}

#define ENTRY(name, shape, from, to) "\"" name "\":{\"dtype\":\"F32\",\"shape\":[" shape "],\"data_offsets\":[" #from "," #to "]}"

START_TEST(bytes_belong_to_one_tensor_each)
{
    static const struct {
        const char *header;
        size_t n;
        const char *says; /* NULL: nothing is wrong */
    } cases[] = {
        {"{" ENTRY("b", "2", 0, 8) "," ENTRY("a", "1,3", 8, 20) "}", 20, NULL},
        {"{" ENTRY("a", "2", 0, 8) "," ENTRY("none", "0", 8, 8) "," ENTRY("b", "1", 8, 12) "}", 12, NULL},
        {"{" ENTRY("b", "1", 0, 4) "," ENTRY("a", "0", 0, 0) "}", 4, NULL},
        {"{\"__metadata__\":{}}", 0, NULL},
        {"{" ENTRY("a", "2", 0, 8) "," ENTRY("b", "2", 0, 8) "}", 8, "another tensor's"},
        {"{" ENTRY("a", "2", 0, 8) "," ENTRY("b", "2", 4, 12) "}", 12, "another tensor's"},
        {"{" ENTRY("a", "2", 0, 8) "," ENTRY("b", "1", 12, 16) "}", 16, "tensor 'b'"},
        {"{" ENTRY("a", "2", 4, 12) "}", 12, "bytes before it"},
        {"{" ENTRY("a", "2", 0, 8) "}", 9, "1 bytes follow"},
        {"{}", 3, "3 bytes follow"},
        {"{" ENTRY("a", "3", 0, 12) "}", 8, "truncated"},
    };
    setup_folder();
    char *path = path_join(folder, "model.safetensors");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tensor_file f;
        struct error err = {0};
        put_safetensors(cases[i].header, cases[i].n);
        enum status status = safetensors_open(&f, path, &err);
        ck_assert_msg(status == (cases[i].says ? ERR_INPUT : OK), "%s: %s", cases[i].header, err.message);
        if (status == OK)
            tensor_file_close(&f);
        else
            ck_assert_msg(strstr(err.message, cases[i].says) != NULL, "'%s' does not say '%s'", err.message, cases[i].says);
    }
    free(path);
    take_away("model.safetensors");
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

/* A fixture's model in the folder, in one file, with one tensor more. */
static void put_with(const char *fixture, const struct tensor_out *more)
{
    struct shards s;
    struct error err = {0};
    char *config, *weights = path_join(folder, "model.safetensors"), path[160];
    size_t length, n = 0;
    snprintf(path, sizeof path, FIXTURES "%s", fixture);
    ck_assert_msg(shards_open(&s, path, &err) == OK, "%s", err.message);
    struct tensor_out *out = calloc(200, sizeof *out);
    for (size_t f = 0; f < s.n; f++)
        for (size_t i = 0; i < s.files[f].n_tensors; i++) {
            const struct tensor *t = &s.files[f].tensors[i];
            ck_assert_uint_lt(n, 199);
            out[n] = (struct tensor_out){.name = t->name, .dtype = t->dtype, .n_dims = t->n_dims, .stored = t->data};
            memcpy(out[n++].shape, t->shape, sizeof t->shape);
        }
    out[n++] = *more;
    ck_assert_int_eq(safetensors_write(weights, out, n, &err), OK);
    snprintf(path, sizeof path, FIXTURES "%s/config.json", fixture);
    ck_assert_int_eq(file_read(&config, &length, path, &err), OK);
    put("config.json", config, length);
    shards_close(&s);
    free(config);
    free(weights);
    free(out);
}

static void remove_folder(void)
{
    take_away("config.json");
    take_away("model.safetensors");
    ck_assert_int_eq(rmdir(folder), 0);
}

static void load(struct model *m, const char *what)
{
    struct error err = {0};
    ck_assert_msg(model_load(m, folder, &err) == OK, "%s: %s", what, err.message);
}

START_TEST(buffers_are_left_out_with_a_word)
{
    static const char *const buffers[] = {"rope.freqs",
                                          "model.rotary_emb.inv_freq",
                                          "model.layers.0.self_attn.rotary_emb.inv_freq",
                                          "model.layers.1.self_attn.rotary_emb.cos_cached",
                                          "freqs_cis",
                                          "model.layers.0.self_attn.masked_bias",
                                          "model.layers.0.self_attn.causal_mask",
                                          "model.layers.0.mlp._extra_state",
                                          "position_ids"};
    static const float numbers[4] = {1, 2, 3, 4};
    setup_folder();
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) {
        struct model m;
        struct tensor_out more = {.name = buffers[i], .dtype = DTYPE_F32, .n_dims = 1, .shape = {4}, .data = numbers};
        put_with("llama-mha", &more);
        load(&m, buffers[i]);
        ck_assert_msg(m.notes.data != NULL && strstr(m.notes.data, buffers[i]) != NULL, "nothing is said about %s", buffers[i]);
        model_free(&m);
    }
    struct model m;
    struct tensor_out mask = {
        .name = "model.layers.0.self_attn.bias", .dtype = DTYPE_F32, .n_dims = 4, .shape = {1, 1, 2, 2}, .data = numbers};
    put_with("llama-mha", &mask);
    load(&m, mask.name);
    ck_assert_ptr_nonnull(m.notes.data);
    model_free(&m);
    remove_folder();
}
END_TEST

START_TEST(other_tensors_are_refused)
{
    static const char *const names[] = {"model.layers.0.self_attn.bias",
                                        "model.layers.0.self_attn.q_proj.weight_scale",
                                        "model.layers.0.self_attn.q_proj.lora_A.weight",
                                        "model.layers.2.input_layernorm.weight",
                                        "unmask",
                                        "score.weight"};
    static const float numbers[4] = {1, 2, 3, 4};
    setup_folder();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct model m;
        struct error err = {0};
        struct tensor_out more = {.name = names[i], .dtype = DTYPE_F32, .n_dims = 1, .shape = {4}, .data = numbers};
        put_with("llama-mha", &more);
        ck_assert_int_eq(model_load(&m, folder, &err), ERR_INPUT);
        ck_assert_msg(strstr(err.message, names[i]) != NULL, "'%s' does not name %s", err.message, names[i]);
    }
    remove_folder();
}
END_TEST

START_TEST(a_head_of_the_file_is_kept_where_it_differs)
{
    enum { COUNT = 101 * 64 };
    struct model tied, m;
    struct error err = {0};
    static float widened[COUNT];
    struct tensor_out more = {.name = "lm_head.weight", .n_dims = 2, .shape = {101, 64}};
    ck_assert_msg(model_load(&tied, FIXTURES "llama-gqa-tied", &err) == OK, "%s", err.message);
    ck_assert_int_eq(tied.weights.embedding.dtype, DTYPE_BF16);
    matrix_widen(widened, &tied.weights.embedding, 0, COUNT);
    setup_folder();
    for (int round = 0; round < 3; round++) { /* the same bytes, the same numbers, one other number */
        more.dtype = round == 0 ? DTYPE_BF16 : DTYPE_F32;
        more.stored = round == 0 ? tied.weights.embedding.data : (const void *)widened;
        widened[COUNT - 1] += round == 2 ? 0.5f : 0;
        put_with("llama-gqa-tied", &more);
        load(&m, more.name);
        ck_assert_int_eq(m.config.tied, round < 2);
        ck_assert_uint_eq(m.weights.n_params, tied.weights.n_params + (round < 2 ? 0 : COUNT));
        ck_assert_int_eq(m.notes.len > 0, round == 2);
        if (round == 2) {
            float last;
            matrix_widen(&last, &m.weights.lm_head, COUNT - 1, 1);
            ck_assert(last == widened[COUNT - 1]);
            ck_assert_ptr_nonnull(strstr(m.notes.data, "lm_head.weight"));
        }
        model_free(&m);
    }
    model_free(&tied);
    remove_folder();
}
END_TEST

/* A fixture's model without the tensors whose names hold a text. */
static void put_without(const char *fixture, const char *part)
{
    struct tensor_file f;
    struct error err = {0};
    char path[160], *weights = path_join(folder, "model.safetensors"), *config;
    size_t n = 0, length;
    snprintf(path, sizeof path, FIXTURES "%s/model.safetensors", fixture);
    ck_assert_msg(safetensors_open(&f, path, &err) == OK, "%s", err.message);
    struct tensor_out *out = calloc(f.n_tensors, sizeof *out);
    for (size_t i = 0; i < f.n_tensors; i++) {
        const struct tensor *t = &f.tensors[i];
        if (strstr(t->name, part) != NULL)
            continue;
        out[n] = (struct tensor_out){.name = t->name, .dtype = t->dtype, .n_dims = t->n_dims, .stored = t->data};
        memcpy(out[n++].shape, t->shape, sizeof t->shape);
    }
    ck_assert_uint_lt(n, f.n_tensors);
    ck_assert_int_eq(safetensors_write(weights, out, n, &err), OK);
    snprintf(path, sizeof path, FIXTURES "%s/config.json", fixture);
    ck_assert_int_eq(file_read(&config, &length, path, &err), OK);
    put("config.json", config, length);
    tensor_file_close(&f);
    free(config);
    free(weights);
    free(out);
}

START_TEST(norms_of_heads_without_a_scale_have_none)
{
    struct model m;
    struct error err = {0};
    setup_folder();
    put_without("diff-mha", "subln");
    load(&m, "no subln");
    ck_assert(m.config.head_norm);
    ck_assert_ptr_null(m.weights.layers[0].head_norm);
    ck_assert_ptr_nonnull(strstr(m.notes.data, "subln"));
    model_free(&m);
    put_without("diff-mha", "layers.0.self_attn.subln"); /* in one layer it is missing */
    ck_assert_int_eq(model_load(&m, folder, &err), ERR_INPUT);
    ck_assert_msg(strstr(err.message, "model.layers.0.self_attn.subln.weight") != NULL, "%s", err.message);
    remove_folder();
}
END_TEST

START_TEST(a_tensor_in_two_files_is_refused)
{
    struct shards s;
    struct model m;
    struct error err = {0};
    static const float numbers[4] = {0};
    struct tensor_out more = {.name = "rope.freqs", .dtype = DTYPE_F32, .n_dims = 1, .shape = {4}, .data = numbers};
    setup_folder();
    put_with("llama-mha", &more);
    char *one = path_join(folder, "model.safetensors"), *other = path_join(folder, "other.safetensors");
    ck_assert_int_eq(rename(one, other), 0);
    put_with("llama-mha", &more);
    char *named = path_join(folder, "one.safetensors");
    ck_assert_int_eq(rename(one, named), 0);
    put_text("model.safetensors.index.json", "{\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"other.safetensors\"}}");
    ck_assert_int_eq(shards_open(&s, folder, &err), OK);
    shards_close(&s);
    ck_assert_int_eq(model_load(&m, folder, &err), ERR_INPUT);
    ck_assert_msg(strstr(err.message, "is in two files") != NULL, "%s", err.message);
    take_away("one.safetensors");
    take_away("other.safetensors");
    take_away("model.safetensors.index.json");
    free(one);
    free(other);
    free(named);
    remove_folder();
}
END_TEST

SUITE_MAIN("weight files", bytes_belong_to_one_tensor_each, buffers_are_left_out_with_a_word, other_tensors_are_refused,
           a_head_of_the_file_is_kept_where_it_differs, norms_of_heads_without_a_scale_have_none,
           a_tensor_in_two_files_is_refused)
