/* Weights in the formats of files, widened and multiplied, against plain loops in double. */
#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include "formats/safetensors.h"
#include "numeric/gemm.h"
#include "numeric/kernels.h"
#include "suite_main.h"

#include <math.h>
#include <string.h>

START_TEST(every_half_number_widens_exactly)
{
    enum { N = 65536 };
    unsigned char *raw = malloc(2 * N + 1);
    float *got = mem_array(N, sizeof *got);
    for (unsigned i = 0; i < N; i++) { /* at an odd address: files promise no alignment */
        raw[1 + 2 * i] = (unsigned char)i;
        raw[2 + 2 * i] = (unsigned char)(i >> 8);
    }
    for (const struct kernels *const *k = kernels_all(); *k != NULL; k++)
        for (int bf16 = 0; bf16 < 2; bf16++)
            for (size_t n = N - 5; n <= N; n += 5) {
                (*k)->widen[bf16 ? DTYPE_BF16 : DTYPE_F16](got, raw + 1, n);
                for (size_t i = 0; i < n; i++) {
                    float want = bf16 ? f32_from_bf16((uint16_t)i) : f32_from_f16((uint16_t)i);
                    ck_assert_msg(isnan(want) ? isnan(got[i]) : memcmp(&want, &got[i], 4) == 0, "%s: 0x%04zx is %g, expected %g",
                                  (*k)->name, i, (double)got[i], (double)want);
                }
            }
    free(raw);
    free(got);
}
END_TEST

/* What a fixture of blocks holds, in fresh memory. */
static void *fixture(enum dtype dtype, const char *ending, size_t *bytes)
{
    char path[64];
    struct error err = {0};
    char *data;
    snprintf(path, sizeof path, "tests/fixtures/blocks/%s.%s", dtype_form(dtype)->name, ending);
    ck_assert_msg(file_read(&data, bytes, path, &err) == OK, "%s", err.message);
    return data;
}

/* Random blocks, whose scales have every exponent, are the floats that gguf's own code makes of them. */
START_TEST(blocks_widen_as_the_reference_does)
{
    for (enum dtype dtype = DTYPE_BF16 + 1; dtype < DTYPE_WEIGHTS; dtype++) {
        size_t bytes, wide;
        unsigned char *blocks = fixture(dtype, "blocks", &bytes), *raw = malloc(bytes + 1);
        float *want = fixture(dtype, "f32", &wide), *got = mem_array(wide / 4, 4);
        ck_assert_uint_eq(dtype_bytes(dtype, wide / 4), bytes);
        memcpy(raw + 1, blocks, bytes); /* at an odd address */
        for (const struct kernels *const *k = kernels_all(); *k != NULL; k++) {
            (*k)->widen[dtype](got, raw + 1, wide / 4);
            for (size_t i = 0; i < wide / 4; i++)
                ck_assert_msg(memcmp(&want[i], &got[i], 4) == 0, "%s: %s: number %zu is %.9g, expected %.9g", (*k)->name,
                              dtype_form(dtype)->name, i, (double)got[i], (double)want[i]);
        }
        free(blocks);
        free(raw);
        free(want);
        free(got);
    }
}
END_TEST

/* Random stored numbers: two bytes of a moderate exponent, or blocks, whose halves are of moderate size too. */
static unsigned char *random_stored(enum dtype dtype, size_t n)
{
    static const size_t halves[DTYPE_WEIGHTS][2] = {
        [DTYPE_Q4_1] = {0, 2}, [DTYPE_Q5_1] = {0, 2}, [DTYPE_Q2_K] = {80, 82},  [DTYPE_Q3_K] = {108, 108},
        [DTYPE_Q4_K] = {0, 2}, [DTYPE_Q5_K] = {0, 2}, [DTYPE_Q6_K] = {208, 208}};
    const struct dtype_form *form = dtype_form(dtype);
    unsigned char *raw = malloc(dtype_bytes(dtype, n));
    struct rng rng = rng_stream(7, "stored", (uint64_t)dtype);
    for (size_t i = 0; i < n / form->block; i++) {
        unsigned char *at = raw + i * form->bytes;
        float x = (float)rng_normal(&rng);
        uint16_t half = bf16_from_f32(x), fraction = (uint16_t)(rng_below(&rng, 0x4000) | (x < 0 ? 0x8000 : 0));
        if (dtype == DTYPE_F32)
            memcpy(at, &x, 4);
        else if (!dtype_blocked(dtype))
            memcpy(at, dtype == DTYPE_F16 ? &fraction : &half, 2);
        for (size_t b = 0; b < form->bytes && dtype_blocked(dtype); b++)
            at[b] = (unsigned char)rng_below(&rng, 256);
        for (size_t h = 0; h < 2 && dtype_blocked(dtype); h++)
            memcpy(at + halves[dtype][h], (uint16_t[]){(uint16_t)(0x2000 + i % 512)}, 2);
    }
    return raw;
}

/* x as matvec wants it: as it is; for BF16 the even numbers of a block first, zero to the end of the last block. */
static float *vector_for(enum dtype dtype, const float *x, size_t n)
{
    size_t whole = (n + MATVEC_BLOCK - 1) / MATVEC_BLOCK * MATVEC_BLOCK;
    float *copy = mem_array(dtype == DTYPE_BF16 ? whole : n, sizeof *copy);
    for (size_t i = 0; i < n; i++) {
        size_t at = i % MATVEC_BLOCK, place = dtype == DTYPE_BF16 ? at / 2 + at % 2 * (MATVEC_BLOCK / 2) : at;
        copy[i - at + place] = x[i];
    }
    return copy;
}

START_TEST(stored_rows_times_a_vector)
{
    static const size_t sizes[][2] = {{1, 1}, {3, 31}, {4, 32}, {5, 33}, {9, 100}, {2, 96}, {64, 515}, {3, 1024}};
    for (enum dtype dtype = DTYPE_F32; dtype < DTYPE_WEIGHTS; dtype++)
        for (size_t t = 0; t < sizeof sizes / sizeof *sizes; t++) {
            size_t m = sizes[t][0], n = sizes[t][1], ld = n + 3;
            size_t block = dtype_form(dtype)->block;
            if (block > 1) { /* whole blocks only */
                n = (n + block - 1) / block * block;
                ld = n + block;
            }
            struct rng rng = rng_stream(1, "matvec", t);
            size_t bytes = dtype_bytes(dtype, m * ld - (ld - n)); /* nothing beyond the last number */
            unsigned char *stored = random_stored(dtype, m * ld), *raw = malloc(bytes + 1);
            memcpy(raw + 1, stored, bytes); /* at an odd address */
            float *x = mem_array(n, 4), *y = mem_array(m, 4);
            for (size_t i = 0; i < n; i++)
                x[i] = (float)rng_normal(&rng);
            float *ordered = vector_for(dtype, x, n), *wide = mem_array(m * ld, 4);
            matrix_widen(wide, &(struct matrix){.data = stored, .dtype = dtype}, 0, m * ld);
            for (const struct kernels *const *k = kernels_all(); *k != NULL; k++) {
                memset(y, 0, m * sizeof *y);
                y[0] = 2;
                (*k)->matvec[dtype](y, raw + 1, dtype_bytes(dtype, ld), ordered, m, n);
                for (size_t i = 0; i < m; i++) {
                    double want = i == 0 ? 2 : 0, size = 1;
                    for (size_t j = 0; j < n; j++) {
                        double term = (double)wide[i * ld + j] * (double)x[j];
                        want += term;
                        size += fabs(term);
                    }
                    ck_assert_msg(fabs((double)y[i] - want) < 2e-7 * size, "%s: dtype %d, %zu x %zu: y[%zu] is %g, expected %g",
                                  (*k)->name, (int)dtype, m, n, i, (double)y[i], want);
                }
            }
            free(stored);
            free(raw);
            free(x);
            free(y);
            free(ordered);
            free(wide);
        }
}
END_TEST

/* Layers of one x give the bits that each gives alone, whatever their sizes, storage and number. */
START_TEST(layers_side_by_side)
{
    enum { LAYERS = 4, IN = 96 };
    static const size_t out[LAYERS] = {7, 700, 33, 130}, rows[] = {1, 2, 5, 300};
    static const enum dtype dtypes[LAYERS] = {DTYPE_BF16, DTYPE_F32, DTYPE_F16, DTYPE_BF16};
    struct matrix w[LAYERS];
    float *bias = mem_array(700, 4);
    for (size_t i = 0; i < 700; i++)
        bias[i] = (float)i;
    for (size_t l = 0; l < LAYERS; l++) {
        unsigned char *raw = random_stored(dtypes[l], out[l] * IN);
        w[l] = (struct matrix){.data = raw, .dtype = dtypes[l], .f32 = dtypes[l] == DTYPE_F32 ? (float *)raw : NULL};
    }
    for (size_t t = 0; t < sizeof rows / sizeof *rows; t++) {
        float *x = mem_array(rows[t] * IN, 4), *alone[LAYERS], *together[LAYERS];
        struct linear layers[LAYERS];
        for (size_t i = 0; i < rows[t] * IN; i++)
            x[i] = sinf((float)i);
        for (size_t l = 0; l < LAYERS; l++) {
            alone[l] = mem_array(rows[t] * out[l], 4);
            together[l] = mem_array(rows[t] * out[l], 4);
            layers[l] = (struct linear){alone[l], &w[l], l % 2 ? bias : NULL, out[l]};
            linear_forward(&layers[l], 1, x, rows[t], IN, COMPUTE_F32, 1);
            layers[l].y = together[l];
        }
        linear_forward(layers, LAYERS, x, rows[t], IN, COMPUTE_F32, 3);
        for (size_t l = 0; l < LAYERS; l++) {
            ck_assert_msg(memcmp(alone[l], together[l], rows[t] * out[l] * 4) == 0, "%zu rows: layer %zu has other bits", rows[t],
                          l);
            free(alone[l]);
            free(together[l]);
        }
        free(x);
    }
    for (size_t l = 0; l < LAYERS; l++)
        free((void *)w[l].data);
    free(bias);
}
END_TEST

START_TEST(products_with_stored_weights)
{
    static const size_t rows[] = {1, 3, 4, 37, 530};
    const size_t out = 150, in = 768; /* more than one panel each way */
    for (enum dtype dtype = DTYPE_F32; dtype < DTYPE_WEIGHTS; dtype++) {
        unsigned char *raw = random_stored(dtype, out * in);
        struct matrix w = {.data = raw, .dtype = dtype, .f32 = dtype == DTYPE_F32 ? (float *)raw : NULL};
        float *wide = mem_array(out * in, 4);
        matrix_widen(wide, &w, 0, out * in);
        for (size_t t = 0; t < sizeof rows / sizeof *rows; t++) {
            struct rng rng = rng_stream(3, "x", t);
            size_t n = rows[t];
            float *x = mem_array(n * in, 4), *y = mem_array(n * out, 4), *again = mem_array(n * out, 4), bias[150];
            for (size_t i = 0; i < n * in; i++)
                x[i] = (float)rng_normal(&rng);
            for (size_t i = 0; i < out; i++)
                bias[i] = 1;
            linear_forward(&(struct linear){y, &w, bias, out}, 1, x, n, in, COMPUTE_F32, 1);
            linear_forward(&(struct linear){again, &w, bias, out}, 1, x, n, in, COMPUTE_F32, 3);
            ck_assert_msg(memcmp(y, again, n * out * 4) == 0, "dtype %d, %zu rows: threads change the bits", (int)dtype, n);
            for (size_t i = 0; i<n; i += n> 40 ? 31 : 1)
                for (size_t j = 0; j < out; j++) {
                    double want = 1, size = 1;
                    for (size_t p = 0; p < in; p++) {
                        double term = (double)x[i * in + p] * (double)wide[j * in + p];
                        want += term;
                        size += fabs(term);
                    }
                    ck_assert_msg(fabs((double)y[i * out + j] - want) < 1e-6 * size,
                                  "dtype %d, %zu rows: y[%zu, %zu] is %g, expected %g", (int)dtype, n, i, j,
                                  (double)y[i * out + j], want);
                }
            free(x);
            free(y);
            free(again);
        }
        free(wide);
        free(raw);
    }
}
END_TEST

/* x [n] as a product takes it, by its definition. */
static void round_as(float *x, size_t n, enum compute compute)
{
    for (size_t i = 0; i < n && compute == COMPUTE_BF16; i++)
        x[i] = f32_from_bf16(bf16_from_f32(x[i]));
    for (size_t i = 0; i < n && compute == COMPUTE_INT8; i += 32) {
        float most = 0;
        for (size_t k = i; k < i + 32; k++)
            most = fmaxf(most, fabsf(x[k]));
        for (size_t k = i; k < i + 32; k++)
            x[k] = most / 127 * rintf(x[k] * (127 / most));
    }
}

/* Products of rounded numbers, few rows and many, whatever the number of outputs, of inputs and of threads. */
START_TEST(products_of_rounded_numbers)
{
    static const size_t shapes[][3] = {{1, 150, 768}, {3, 33, 512}, {4, 150, 768}, {37, 16, 256}, {261, 7, 1280}, {5, 20, 4352}};
    for (enum dtype dtype = DTYPE_F32; dtype < DTYPE_WEIGHTS; dtype++)
        for (size_t t = 0; t < 2 * sizeof shapes / sizeof *shapes; t++) {
            enum compute compute = t % 2 ? COMPUTE_INT8 : COMPUTE_BF16, kind = compute;
            size_t n = shapes[t / 2][0], out = shapes[t / 2][1], in = shapes[t / 2][2] - (dtype_blocked(dtype) ? 0 : 3);
            if (compute == COMPUTE_INT8 && !dtype_blocked(dtype))
                kind = COMPUTE_F32;
            unsigned char *raw = random_stored(dtype, out * in);
            struct matrix w = {.data = raw, .dtype = dtype, .f32 = dtype == DTYPE_F32 ? (float *)raw : NULL};
            float *wide = mem_array(out * in, 4), *x = mem_array(n * in, 4), *y = mem_array(n * out, 4),
                  *again = mem_array(n * out, 4), *bias = mem_array(out, 4);
            struct rng rng = rng_stream(5, "rounded", t);
            matrix_widen(wide, &w, 0, out * in);
            for (size_t i = 0; i < n * in; i++)
                x[i] = (float)rng_normal(&rng);
            for (size_t j = 0; j < out; j++)
                bias[j] = (float)j;
            linear_forward(&(struct linear){y, &w, bias, out}, 1, x, n, in, compute, 1);
            linear_forward(&(struct linear){again, &w, bias, out}, 1, x, n, in, compute, 3);
            ck_assert_msg(memcmp(y, again, n * out * 4) == 0, "dtype %d, %zu rows: threads change the bits", (int)dtype, n);
            round_as(x, n * in, kind);
            if (kind == COMPUTE_BF16)
                round_as(wide, out * in, kind);
            for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < out; j++) {
                    double want = (double)bias[j], size = 1;
                    for (size_t p = 0; p < in; p++) {
                        double term = (double)x[i * in + p] * (double)wide[j * in + p];
                        want += term;
                        size += fabs(term);
                    }
                    ck_assert_msg(fabs((double)y[i * out + j] - want) < 3e-6 * size,
                                  "%s: dtype %d, compute %d, %zu rows: y[%zu, %zu] is %.9g, expected %.9g of %g",
                                  kernels_get()->name, (int)dtype, (int)compute, n, i, j, (double)y[i * out + j], want, size);
                }
            free(raw);
            free(wide);
            free(x);
            free(y);
            free(again);
            free(bias);
        }
}
END_TEST

START_TEST(what_is_not_finite_is_found)
{
    uint16_t x[2000] = {0};
    struct matrix m = {.data = (const unsigned char *)x, .dtype = DTYPE_BF16};
    ck_assert_uint_eq(matrix_find_not_finite(&m, 2000), 2000);
    x[1500] = 0x7f80;
    ck_assert_uint_eq(matrix_find_not_finite(&m, 2000), 1500);
    m.dtype = DTYPE_F16; /* the same bits are a NaN there, of another kind */
    ck_assert_uint_eq(matrix_find_not_finite(&m, 2000), 1500);
    x[1500] = 0x7bff; /* the largest finite one */
    ck_assert_uint_eq(matrix_find_not_finite(&m, 2000), 2000);
}
END_TEST

SUITE_MAIN("matrix", every_half_number_widens_exactly, blocks_widen_as_the_reference_does, stored_rows_times_a_vector,
           products_with_stored_weights, products_of_rounded_numbers, layers_side_by_side, what_is_not_finite_is_found)
