/* GGUF files that are damaged anywhere: an error that names the file, or the same tensors; never a crash. */
#include "formats/gguf.h"
#include "suite_main.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char FILE_NAME[] = FIXTURES "gguf/llama.gguf";

static void try_damaged(const char *path, const char *bytes, size_t n)
{
    struct tensor_file f;
    cJSON *metadata;
    struct error err = {0};
    ck_assert_int_eq(file_write(path, bytes, n, &err), OK);
    if (gguf_open(&f, &metadata, path, &err) == OK) {
        cJSON_Delete(metadata);
        tensor_file_close(&f);
    } else {
        ck_assert_msg(strstr(err.message, path) != NULL, "'%s' does not name the file", err.message);
    }
}

START_TEST(tensors_and_metadata_are_there)
{
    struct tensor_file f;
    cJSON *metadata;
    struct error err = {0};
    ck_assert_msg(gguf_open(&f, &metadata, FILE_NAME, &err) == OK, "%s", err.message);
    const struct tensor *t = tensor_file_find(&f, "blk.1.ffn_gate.weight");
    ck_assert_ptr_nonnull(t);
    ck_assert_uint_eq(t->n_dims, 2);
    ck_assert_uint_eq(t->shape[0], 176);
    ck_assert_uint_eq(t->shape[1], 64);
    ck_assert_int_eq(t->dtype, DTYPE_BF16);
    ck_assert_str_eq(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(metadata, "general.architecture")), "llama");
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(metadata, "tokenizer.ggml.tokens")), 420);
    cJSON_Delete(metadata);
    tensor_file_close(&f);
}
END_TEST

START_TEST(damage_is_an_error_or_nothing)
{
    char path[] = "/tmp/difftf-test-XXXXXX", *bytes;
    size_t n;
    struct error err = {0};
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert_int_eq(file_read(&bytes, &n, FILE_NAME, &err), OK);
    for (size_t cut = 0; cut < n; cut += cut < 64 ? 1 : n / 61)
        try_damaged(path, bytes, cut);
    for (size_t at = 0; at < n; at += at < 256 ? 1 : 997) { /* a byte of 0xff anywhere: lying counts, sizes, types */
        char kept = bytes[at];
        bytes[at] = (char)0xff;
        try_damaged(path, bytes, n);
        bytes[at] = kept;
    }
    free(bytes);
    unlink(path);
}
END_TEST

START_TEST(tensors_lie_one_after_another)
{
    static const char name[] = "output_norm.weight";
    char path[] = "/tmp/difftf-test-XXXXXX", *bytes;
    size_t n;
    uint64_t offset;
    struct error err = {0};
    struct tensor_file f;
    cJSON *metadata;
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert_int_eq(file_read(&bytes, &n, FILE_NAME, &err), OK);
    char *at = memmem(bytes, n, name, strlen(name));
    ck_assert_ptr_nonnull(at);
    at += strlen(name) + 4 + 8 + 4; /* a vector's size, and the type */
    memcpy(&offset, at, 8);
    offset -= 64;
    memcpy(at, &offset, 8);
    ck_assert_int_eq(file_write(path, bytes, n, &err), OK);
    ck_assert_int_eq(gguf_open(&f, &metadata, path, &err), ERR_INPUT);
    ck_assert_msg(strstr(err.message, name) != NULL && strstr(err.message, "after the tensor before it") != NULL, "%s",
                  err.message);
    free(bytes);
    unlink(path);
}
END_TEST

START_TEST(parts_have_numbers_in_their_names)
{
    ck_assert_uint_eq(gguf_parts_named("a/m-00002-of-00013.gguf"), 13);
    ck_assert_uint_eq(gguf_parts_named("m.gguf"), 1);
    ck_assert_uint_eq(gguf_parts_named("-00002-of-00013"), 1);
    char *path = gguf_part_path("a/m-00002-of-00013.gguf", 13, 13);
    ck_assert_str_eq(path, "a/m-00013-of-00013.gguf");
    free(path);
    ck_assert_ptr_null(gguf_part_path("a/m-00002-of-00013.gguf", 1, 12));
    ck_assert_ptr_null(gguf_part_path("m.gguf", 1, 2));
}
END_TEST

SUITE_MAIN("gguf", tensors_and_metadata_are_there, tensors_lie_one_after_another, parts_have_numbers_in_their_names,
           damage_is_an_error_or_nothing)
