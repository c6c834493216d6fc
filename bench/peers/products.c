/* products.c - sgemm of OpenBLAS, BLIS and oneDNN on the blocks that a forward product is made of, in turns; see products.
 *
 * usage: products THREADS   (each thread computes blocks of its own, as src/numeric/gemm.c shares them out) */
#include <dlfcn.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef void cblas_fn(int order, int trans_a, int trans_b, int m, int n, int k, float alpha, const float *a, int lda, const float *b,
                      int ldb, float beta, float *c, int ldc);
typedef int dnnl_fn(char trans_a, char trans_b, long m, long n, long k, float alpha, const float *a, long lda, const float *b,
                    long ldb, float beta, float *c, long ldc);

enum { ROW_MAJOR = 101, PLAIN = 111, TURNED = 112, LIBRARIES = 3, BLOCK_ROWS = 128, BLOCK_OUT = 512, RUNS = 7 };

static const struct library {
    const char *name, *file, *function, *one_thread;
} LIBRARY[LIBRARIES] = {{"OpenBLAS", "libopenblas.so.0", "cblas_sgemm", "openblas_set_num_threads"},
                        {"BLIS", "libblis.so.4", "cblas_sgemm", "bli_thread_set_num_threads"},
                        {"oneDNN", "libdnnl.so.2", "dnnl_sgemm", NULL}};

static const struct shape {
    const char *name;
    int rows, out, in;
} SHAPES[] = {{"2048 x 2048 x 2048", 2048, 2048, 2048},
              {"qkv, 512 tokens", 512, 3072, 1024},
              {"down, 512 tokens", 512, 1024, 2816},
              {"gate and up, 64 tokens", 64, 5632, 1024}};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

static double once(int library, void *sgemm, const struct shape *s, const float *x, const float *w, float *y, int threads)
{
    int n_out = (s->out + BLOCK_OUT - 1) / BLOCK_OUT, n = (s->rows + BLOCK_ROWS - 1) / BLOCK_ROWS * n_out;
    double started = now();
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (int b = 0; b < n; b++) {
        int i = b / n_out * BLOCK_ROWS, j = b % n_out * BLOCK_OUT, m = least(BLOCK_ROWS, s->rows - i), o = least(BLOCK_OUT, s->out - j);
        const float *xi = x + (size_t)i * s->in, *wj = w + (size_t)j * s->in;
        float *yij = y + (size_t)i * s->out + j;
        if (library < 2)
            ((cblas_fn *)sgemm)(ROW_MAJOR, PLAIN, TURNED, m, o, s->in, 1, xi, s->in, wj, s->in, 0, yij, s->out);
        else
            ((dnnl_fn *)sgemm)('N', 'T', m, o, s->in, 1, xi, s->in, wj, s->in, 0, yij, s->out);
    }
    return 2e-9 * s->rows * s->out * s->in / (now() - started);
}

static int compare(const void *a, const void *b)
{
    return *(const double *)a < *(const double *)b ? -1 : 1;
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? atoi(argv[1]) : 1;
    void *sgemm[LIBRARIES];
    for (int l = 0; l < LIBRARIES; l++) {
        void *handle = dlopen(LIBRARY[l].file, RTLD_NOW | RTLD_LOCAL);
        sgemm[l] = handle ? dlsym(handle, LIBRARY[l].function) : NULL;
        if (sgemm[l] == NULL)
            return fprintf(stderr, "products: %s: no %s\n", LIBRARY[l].file, LIBRARY[l].function), 3;
        void (*set)(long) = LIBRARY[l].one_thread ? (void (*)(long))dlsym(handle, LIBRARY[l].one_thread) : NULL;
        if (set != NULL)
            set(1);
    }
    printf("| GFLOP/s, %d threads |", threads);
    for (int l = 0; l < LIBRARIES; l++)
        printf(" %s |", LIBRARY[l].name);
    printf("\n|---|---:|---:|---:|\n");
    for (size_t k = 0; k < sizeof SHAPES / sizeof *SHAPES; k++) {
        const struct shape *s = &SHAPES[k];
        float *x = calloc((size_t)s->rows * s->in, 4), *w = calloc((size_t)s->out * s->in, 4), *y = calloc((size_t)s->rows * s->out, 4);
        double rate[LIBRARIES][RUNS];
        if (x == NULL || w == NULL || y == NULL)
            return 3;
        for (size_t i = 0; i < (size_t)s->rows * s->in; i++)
            x[i] = (float)(i % 17) - 8;
        for (size_t i = 0; i < (size_t)s->out * s->in; i++)
            w[i] = (float)(i % 13) - 6;
        for (int run = -1; run < RUNS; run++)
            for (int l = 0; l < LIBRARIES; l++) {
                double r = once(l, sgemm[l], s, x, w, y, threads);
                if (run >= 0)
                    rate[l][run] = r;
            }
        printf("| %s |", s->name);
        for (int l = 0; l < LIBRARIES; l++) {
            qsort(rate[l], RUNS, sizeof(double), compare);
            printf(" %.0f |", rate[l][RUNS / 2]);
        }
        printf("\n");
        free(x);
        free(w);
        free(y);
    }
    return 0;
}
