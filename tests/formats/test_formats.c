/* Safetensors, JSON and YAML: what is right is read, what is broken is named. */
#include "base/file.h"
#include "formats/json.h"
#include "formats/json_line.h"
#include "formats/safetensors.h"
#include "suite_main.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

static char path[64];

static void write_bytes(const char *bytes, size_t n)
{
    struct error err = {0};
    snprintf(path, sizeof path, "/tmp/difftf-test-%ld", (long)getpid());
    ck_assert_int_eq(file_write(path, bytes, n, &err), OK);
}

/* A safetensors file with this header and `data` zero bytes. */
static void write_tensors(const char *header, size_t data)
{
    struct text t = {0};
    uint64_t n = strlen(header);
    text_add(&t, (const char *)&n, 8);
    text_puts(&t, header);
    for (size_t i = 0; i < data; i++)
        text_add(&t, "", 1);
    write_bytes(t.data, t.len);
    text_free(&t);
}

static void expect_broken(const char *what)
{
    struct tensor_file st;
    struct error err = {0};
    ck_assert_int_eq(safetensors_open(&st, path, &err), ERR_INPUT);
    ck_assert_msg(strstr(err.message, path) && strstr(err.message, what), "'%s' does not say '%s'", err.message, what);
    unlink(path);
}

START_TEST(floats_round_to_nearest_even)
{
    ck_assert_uint_eq(bf16_from_f32(1.0f), 0x3f80);
    ck_assert_uint_eq(bf16_from_f32(1.00390625f), 0x3f80); /* half way: to even */
    ck_assert_uint_eq(bf16_from_f32(1.01171875f), 0x3f82); /* half way: to even */
    ck_assert_uint_eq(bf16_from_f32(-INFINITY), 0xff80);
    ck_assert(isnan(f32_from_bf16(bf16_from_f32(NAN))));
    ck_assert(f32_from_f16(0x3c00) == 1.0f && f32_from_f16(0xc000) == -2.0f && f32_from_f16(0x0001) == 0x1p-24f);
    ck_assert(f32_from_f16(0x7bff) == 65504.0f && isinf(f32_from_f16(0x7c00)));
}
END_TEST

START_TEST(tensors_come_back_as_written)
{
    struct error err = {0};
    struct tensor_file st;
    float x[6] = {1, -2, 3.5f, 0, 1e-3f, 7}, back[6];
    int64_t ids[2] = {5, -6};
    struct tensor_out out[] = {{.name = "b", .dtype = DTYPE_F32, .n_dims = 2, .shape = {2, 3}, .data = x},
                               {.name = "a", .dtype = DTYPE_BF16, .n_dims = 1, .shape = {6}, .data = x},
                               {.name = "i", .dtype = DTYPE_I64, .n_dims = 1, .shape = {2}, .data = ids}};
    write_bytes("", 0);
    ck_assert_int_eq(safetensors_write(path, out, 3, &err), OK);
    ck_assert_int_eq(safetensors_open(&st, path, &err), OK);
    const struct tensor *b = tensor_file_find(&st, "b"), *a = tensor_file_find(&st, "a");
    ck_assert(b != NULL && b->n_dims == 2 && b->shape[1] == 3 && tensor_to_f32(back, b));
    ck_assert_int_eq(memcmp(back, x, sizeof x), 0);
    ck_assert(a != NULL && tensor_to_f32(back, a) && back[1] == -2 && back[2] == 3.5f);
    ck_assert_ptr_null(tensor_file_find(&st, "c"));
    tensor_file_close(&st);
    unlink(path);
}
END_TEST

START_TEST(broken_tensor_files_are_refused)
{
    write_bytes("", 0);
    expect_broken("header");
    write_bytes("\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10);
    expect_broken("header");
    write_tensors("{", 0);
    expect_broken("JSON");
    write_tensors("[]", 0);
    expect_broken("header");
    write_tensors("{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4);
    expect_broken("data_offsets");
    write_tensors("{\"w\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8);
    expect_broken("shape");
    write_tensors("{\"w\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]}}", 8);
    expect_broken("'w'");
    write_tensors("{\"w\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,8]}}", 8);
    expect_broken("shape");
    write_tensors("{\"w\":{\"dtype\":\"Q4\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8);
    expect_broken("dtype");
    write_tensors("{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8);
    expect_broken("data_offsets");
    write_tensors("{\"w\":{\"shape\":[2]}}", 8);
    expect_broken("'w'");
    write_tensors("{\"w\":7}", 8);
    expect_broken("'w'");
    write_tensors("{\"w\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},\"w\":{\"dtype\":\"F32\",\"shape\":[0],\"data_"
                  "offsets\":[0,0]}}",
                  0);
    expect_broken("twice");
    write_tensors("{\"\xff\":{}}", 0);
    expect_broken("UTF-8");
}
END_TEST

START_TEST(getters_name_file_and_key)
{
    struct error err = {0};
    cJSON *root;
    int64_t n = 0;
    double x;
    const char *text = "{\"n\": 1.5, \"s\": 3, \"big\": 1e300}", *s;
    ck_assert_int_eq(json_parse(&root, "f.json", text, strlen(text), &err), OK);
    ck_assert_int_eq(json_get_int(root, "n", 0, 9, false, &n, "f.json", &err), ERR_INPUT);
    ck_assert_str_eq(err.message, "f.json: key 'n' is wrong, expected an integer from 0 to 9");
    ck_assert_int_eq(json_get_int(root, "big", 0, 9, false, &n, "f.json", &err), ERR_INPUT);
    ck_assert_int_eq(json_get_string(root, "s", false, &s, "f.json", &err), ERR_INPUT);
    ck_assert_int_eq(json_get_double(root, "none", 0, 1, false, &x, "f.json", &err), ERR_INPUT);
    ck_assert_str_eq(err.message, "f.json: key 'none' is missing, expected a number");
    ck_assert_int_eq(json_get_int(root, "none", 0, 9, true, &n, "f.json", &err), OK);
    cJSON_Delete(root);
    ck_assert_int_eq(json_parse(&root, "f.json", "{} x", 4, &err), ERR_INPUT);
}
END_TEST

START_TEST(numbers_have_nine_digits_and_no_nan)
{
    cJSON *a = json_number(1.0 / 3), *b = json_number(NAN);
    ck_assert(a->valuedouble == 0.333333333);
    ck_assert(cJSON_IsNull(b));
    cJSON_Delete(a);
    cJSON_Delete(b);
}
END_TEST

START_TEST(yaml_becomes_the_same_trees)
{
    struct error err = {0};
    cJSON *root;
    const char *text = "a: 1.5e-3\nb: [1, two, '3', true, null]\nc:\n  - {d: -4}\n";
    write_bytes(text, strlen(text));
    ck_assert_int_eq(yaml_read(&root, path, &err), OK);
    char *json = cJSON_PrintUnformatted(root);
    ck_assert_str_eq(json, "{\"a\":0.0015,\"b\":[1,\"two\",\"3\",true,null],\"c\":[{\"d\":-4}]}");
    free(json);
    cJSON_Delete(root);
    unlink(path);
}
END_TEST

START_TEST(broken_yaml_is_refused)
{
    static const char *const texts[] = {"a: [1", "- 1\n- 2\n", "a: 1\na: 2\n", "", "? [1]\n: 2\n", "a: &x [*x]\n"};
    struct error err = {0};
    cJSON *root;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        write_bytes(texts[i], strlen(texts[i]));
        ck_assert_msg(yaml_read(&root, path, &err) == ERR_INPUT, "'%s' was read", texts[i]);
        ck_assert_ptr_nonnull(strstr(err.message, path));
        unlink(path);
    }
}
END_TEST

START_TEST(json_lines_keep_nul)
{
    struct error err = {0};
    struct text out = {0}, back = {0};
    const char *line = "\"a\\u0000b\\\\u0000\\n\"";
    ck_assert_int_eq(json_line_read(&out, "line", line, strlen(line), &err), OK);
    ck_assert_uint_eq(out.len, 10);
    ck_assert_int_eq(memcmp(out.data, "a\0b\\u0000\n", 10), 0);
    ck_assert(json_line_write(&back, out.data, out.len));
    ck_assert_str_eq(back.data, line);
    ck_assert_int_eq(json_line_read(&out, "line", "[1]", 3, &err), ERR_INPUT);
    text_free(&out);
    text_free(&back);
}
END_TEST

SUITE_MAIN("formats", floats_round_to_nearest_even, tensors_come_back_as_written, broken_tensor_files_are_refused,
           getters_name_file_and_key, numbers_have_nine_digits_and_no_nan, yaml_becomes_the_same_trees, broken_yaml_is_refused,
           json_lines_keep_nul)
