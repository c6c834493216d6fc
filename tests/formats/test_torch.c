/* Checkpoints of torch.save: values, strides and types as PyTorch wrote them; nothing is run; damage is an error. */
#include "formats/torch_file.h"
#include "suite_main.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct tensor *find(const struct torch_file *f, const char *name)
{
    for (size_t i = 0; i < f->n_tensors; i++)
        if (strcmp(f->tensors[i].name, name) == 0)
            return &f->tensors[i];
    ck_abort_msg("there is no tensor %s", name);
    return NULL;
}

static void expect(const struct torch_file *f, const char *name, enum dtype dtype, size_t rows, size_t columns, const float *want)
{
    const struct tensor *t = find(f, name);
    float got[16];
    ck_assert_int_eq(t->dtype, dtype);
    ck_assert_uint_eq(t->n_dims, columns ? 2 : 1);
    ck_assert_uint_eq(t->shape[0], rows);
    ck_assert(columns == 0 || t->shape[1] == columns);
    ck_assert(tensor_to_f32(got, t));
    for (size_t i = 0; i < t->count; i++)
        ck_assert_msg(got[i] == want[i], "%s[%zu] is %g, expected %g", name, i, (double)got[i], (double)want[i]);
}

START_TEST(tensors_as_pytorch_wrote_them)
{
    struct torch_file f;
    struct error err = {0};
    float whole[12], turned[12];
    for (size_t i = 0; i < 12; i++) {
        whole[i] = (float)i / 8;
        turned[i] = (float)(i % 3 * 4 + i / 3) / 8;
    }
    ck_assert_msg(torch_file_open(&f, FIXTURES "torch/state.pt", &err) == OK, "%s", err.message);
    ck_assert_uint_eq(f.n_tensors, 4);
    expect(&f, "layers.0.self_attn.q_proj.weight", DTYPE_F32, 3, 4, whole);
    expect(&f, "layers.0.self_attn.k_proj.weight", DTYPE_F32, 4, 3, turned);
    expect(&f, "layers.0.self_attn.v_proj.weight", DTYPE_BF16, 2, 2, (float[]){0.75f, 0.875f, 1.25f, 1.375f});
    expect(&f, "layers.0.self_attn.lambda_q1", DTYPE_F16, 4, 0, whole + 8);
    torch_file_close(&f);
}
END_TEST

START_TEST(what_a_pickle_would_run_is_not_run)
{
    struct torch_file f;
    struct error err = {0};
    unlink("/tmp/difftf-evil");
    ck_assert_msg(torch_file_open(&f, FIXTURES "torch/evil.pt", &err) == OK, "%s", err.message);
    ck_assert_uint_eq(f.n_tensors, 1);
    torch_file_close(&f);
    ck_assert_int_ne(access("/tmp/difftf-evil", F_OK), 0);
}
END_TEST

START_TEST(damage_is_an_error_or_nothing)
{
    char path[] = "/tmp/difftf-test-XXXXXX", *bytes;
    size_t n;
    struct error err = {0};
    struct torch_file f;
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert_int_eq(file_read(&bytes, &n, FIXTURES "torch/state.pt", &err), OK);
    for (size_t at = 0; at < n; at += 3) { /* cut off there, then another byte there */
        for (int way = at % 2 == 0 ? 0 : 1; way < 2; way++) {
            char kept = bytes[at];
            bytes[at] = (char)(kept ^ 0x55);
            ck_assert_int_eq(file_write(path, bytes, way == 0 ? at : n, &err), OK);
            bytes[at] = kept;
            if (torch_file_open(&f, path, &err) == OK)
                torch_file_close(&f);
            else
                ck_assert_msg(strstr(err.message, path) != NULL, "'%s' does not name the file", err.message);
        }
    }
    free(bytes);
    unlink(path);
}
END_TEST

SUITE_MAIN("torch files", tensors_as_pytorch_wrote_them, what_a_pickle_would_run_is_not_run, damage_is_an_error_or_nothing)
