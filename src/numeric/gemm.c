/* gemm.c - blocked products over OpenBLAS; see gemm.h. */
#include "numeric/gemm.h"

#include "base/exhausted.h"
#include "base/memory.h"
#include "numeric/kernels.h"
#include "numeric/reduced.h"

#include <cblas.h>
#include <omp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    ROW_BLOCK = 128,
    OUT_BLOCK = 512,
    PANEL_ROWS = 512, /* of stored weights: every row that there is shares the widening */
    PANEL_OUT = 128,
    PANEL_IN = 512,
    MANY_ROWS = 4,
    FEW_OUT = 32,
    FEW_SPLIT = 4096,
    FEW_WORK = 1 << 18, /* multiplications that are worth a thread */
};

/* OpenBLAS brings threads of its own; ours divide the work, so each call of it runs alone. */
__attribute__((constructor)) static void one_blas_thread(void)
{
    openblas_set_num_threads(1);
}

/* OpenBLAS takes a buffer for each call that runs at the same time and, when it cannot have one, asks for it again for ever. So
 * they are taken before, and only where there is memory for them. */
extern void *blas_memory_alloc(int position) __attribute__((weak));
extern void blas_memory_free(void *buffer) __attribute__((weak));
enum { BLAS_BUFFER = 129 << 20, BLAS_MOST = 512 };
static pthread_mutex_t buffers_lock = PTHREAD_MUTEX_INITIALIZER;
static int buffers;

static void take_buffers(int wanted)
{
    void *taken[BLAS_MOST];
    size_t bytes = (size_t)(wanted - buffers) * BLAS_BUFFER;
    void *probe = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (probe == MAP_FAILED)
        exhausted(bytes);
    munmap(probe, bytes);
    for (int i = 0; i < wanted && blas_memory_alloc != NULL; i++)
        taken[i] = blas_memory_alloc(0);
    for (int i = 0; i < wanted && blas_memory_alloc != NULL; i++)
        blas_memory_free(taken[i]);
}

/* Called before a parallel region of `threads`, which may itself be one of several that run at once. */
static void need_buffers(int threads)
{
    int wanted = threads * omp_get_num_threads();
    wanted = wanted < BLAS_MOST ? wanted : BLAS_MOST;
    if (wanted <= __atomic_load_n(&buffers, __ATOMIC_ACQUIRE))
        return;
    pthread_mutex_lock(&buffers_lock);
    if (wanted > buffers) {
        take_buffers(wanted);
        __atomic_store_n(&buffers, wanted, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&buffers_lock);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* No more threads than blocks: starting one that finds nothing to do costs more than a small product. */
static int useful(int threads, size_t blocks)
{
    return (size_t)threads < blocks ? threads : (int)blocks;
}

/* Outputs first .. first + m - 1 of a layer for rows of x: what one thread works on. */
struct part {
    const struct linear *layer;
    const float *x;
    size_t rows, in, first, m;
};

/* Few rows go through the weights in columns of FEW_SPLIT, so that what is read of x stays in the first cache. */
struct columns {
    size_t first, n;
    enum compute compute;
    float *pairs;             /* [rows, FEW_SPLIT] x as matvec wants it for BF16; NULL when no layer asks for it */
    struct int8_numbers int8; /* [rows, FEW_SPLIT] x in codes; NULL when no layer asks for it */
};

/* In each block the even ones first, then the odd ones, zero to the end of the last block. */
static void pair_columns(float *pairs, const float *x, size_t n)
{
    size_t whole = n / MATVEC_BLOCK * MATVEC_BLOCK;
    if (whole < n)
        memset(pairs + whole, 0, MATVEC_BLOCK * sizeof *pairs);
    for (size_t i = 0; i < n; i++) {
        size_t at = i % MATVEC_BLOCK;
        pairs[i - at + at / 2 + at % 2 * (MATVEC_BLOCK / 2)] = x[i];
    }
}

/* y [m] += rounded rows of weights times x: each is rounded where it is needed, and stays in the cache. */
static void few_rounded(float *y, const struct matrix *w, size_t first, size_t in, const float *pairs, size_t m, size_t n)
{
    uint16_t rounded[FEW_SPLIT];
    for (size_t j = 0; j < m; j++) {
        matrix_to_bf16(rounded, w, first + j * in, n);
        kernels_get()->matvec[DTYPE_BF16](y + j, (const unsigned char *)rounded, 0, pairs, 1, n);
    }
}

/* Row i of a part, or several from there on where there is a kernel for them; returns how many. */
static size_t few_products(const struct part *f, const struct columns *c, size_t i, const unsigned char *w, size_t ldw)
{
    const struct linear *l = f->layer;
    const struct kernels *k = kernels_get();
    enum dtype dtype = l->w->dtype;
    enum compute kind = reduced_kind(l->w, c->compute);
    float *y[TOGETHER_MOST] = {l->y + i * l->out + f->first};
    const float *x[TOGETHER_MOST] = {dtype == DTYPE_BF16 ? c->pairs + i * FEW_SPLIT : f->x + i * f->in + c->first};
    for (size_t r = 1; r < k->together && i + r < f->rows; r++) {
        y[r] = y[0] + r * l->out;
        x[r] = x[0] + r * (dtype == DTYPE_BF16 ? FEW_SPLIT : f->in);
    }
    if (kind == COMPUTE_INT8) {
        struct int8_numbers codes = int8_from(&c->int8, i * FEW_SPLIT);
        k->matvec_int8[dtype](y[0], w, ldw, &codes, f->m, c->n);
    } else if (kind == COMPUTE_BF16 && dtype != DTYPE_BF16)
        few_rounded(y[0], l->w, f->first * f->in + c->first, f->in, c->pairs + i * FEW_SPLIT, f->m, c->n);
    else if (i + k->together <= f->rows && k->matvec_more[dtype] != NULL) {
        k->matvec_more[dtype](y, w, ldw, x, f->m, c->n);
        return k->together;
    } else
        k->matvec[dtype](y[0], w, ldw, x[0], f->m, c->n);
    return 1;
}

static void few_part(const struct part *f, const struct columns *c)
{
    const struct linear *l = f->layer;
    enum dtype dtype = l->w->dtype;
    const unsigned char *w = l->w->data + dtype_bytes(dtype, f->first * f->in + c->first);
    for (size_t i = 0; i < f->rows && c->first == 0; i++)
        for (size_t j = 0; j < f->m; j++)
            l->y[i * l->out + f->first + j] = l->bias ? l->bias[f->first + j] : 0.0f;
    for (size_t i = 0; i < f->rows;)
        i += few_products(f, c, i, w, dtype_bytes(dtype, f->in));
}

static size_t few_units(const struct linear *l)
{
    return (l->out + FEW_OUT - 1) / FEW_OUT;
}

/* One row of x in the forms that the layers ask for. */
static void few_form(const struct columns *c, size_t row, const float *x)
{
    float rounded[FEW_SPLIT];
    size_t at = row * FEW_SPLIT;
    if (c->int8.codes != NULL) {
        struct int8_numbers to = int8_from(&c->int8, at);
        kernels_get()->to_int8(&to, x, c->n);
    }
    if (c->compute == COMPUTE_BF16) {
        round_bf16(rounded, x, c->n);
        x = rounded;
    }
    if (c->pairs != NULL)
        pair_columns(c->pairs + at, x, c->n);
}

/* What counts is the reading of the weights. Guided: each thread takes a long run of them, and the last ones, ever shorter, go to
 * who comes first. */
void linear_each(const struct linear *layers, size_t n_layers, const float *x, size_t rows, size_t in, enum compute compute,
                 int threads)
{
    size_t units = 0;
    bool pairs = compute == COMPUTE_BF16, codes = false;
    for (size_t l = 0; l < n_layers; l++) {
        units += few_units(&layers[l]);
        pairs = pairs || layers[l].w->dtype == DTYPE_BF16;
        codes = codes || reduced_kind(layers[l].w, compute) == COMPUTE_INT8;
    }
    threads = useful(useful(threads, units * FEW_OUT * in / FEW_WORK + 1), units);
    /* what is rounded stays on the stack where rows are few, as in decoding one sequence */
    enum { FEW_ROWS = MANY_ROWS - 1, FORM_BYTES = FEW_SPLIT * 5 + FEW_SPLIT / 32 * 16 };
    _Alignas(64) unsigned char near[FEW_ROWS * FORM_BYTES];
    void *far = rows > FEW_ROWS && (pairs || codes) ? mem_array(rows, FORM_BYTES) : NULL, *storage = far ? far : near;
    if (rows > FEW_ROWS && (pairs || codes) && far == NULL)
        exhausted(rows * FORM_BYTES);
    struct columns c = {.compute = compute, .pairs = pairs ? storage : NULL};
    if (codes)
        c.int8 = int8_place((float *)storage + rows * FEW_SPLIT, rows * FEW_SPLIT);
    for (size_t first = 0; first < in; first += FEW_SPLIT) {
        c.first = first;
        c.n = least(FEW_SPLIT, in - first);
        for (size_t i = 0; i < rows && (pairs || codes); i++)
            few_form(&c, i, x + i * in + first);
#pragma omp parallel for num_threads(threads) schedule(guided) if (threads > 1)
        for (size_t unit = 0; unit < units; unit++) {
            const struct linear *l = layers;
            size_t at = unit;
            for (; at >= few_units(l); l++)
                at -= few_units(l);
            at *= FEW_OUT;
            few_part(&(struct part){l, x, rows, in, at, least(FEW_OUT, l->out - at)}, &c);
        }
    }
    free(far);
}

/* Many rows of x, as they are or rounded. */
struct many {
    const float *x;
    const struct rounded *rounded; /* NULL: as they are */
    size_t rows, in;
    bool round_weights; /* to BF16, too */
};

/* A block of a layer whose weights are no floats, or are to be rounded: widened piece by piece. */
static void widened_block(const struct part *b, size_t row, bool rounded)
{
    const struct linear *l = b->layer;
    float panel[(size_t)PANEL_OUT * PANEL_IN];
    for (size_t c = 0; c < b->in; c += PANEL_IN) {
        size_t depth = least(PANEL_IN, b->in - c);
        for (size_t j = 0; j < b->m; j++) {
            matrix_widen(panel + j * depth, l->w, (b->first + j) * b->in + c, depth);
            if (rounded && l->w->dtype != DTYPE_BF16)
                round_bf16(panel + j * depth, panel + j * depth, depth);
        }
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)b->rows, (int)b->m, (int)depth, 1.0f, b->x + c, (int)b->in,
                    panel, (int)depth, c ? 1.0f : 0.0f, l->y + row * l->out + b->first, (int)l->out);
    }
}

/* The blocks of a layer, [rows, outputs] each. */
struct blocks {
    size_t rows, out, n_out, n;
};

static bool as_floats(const struct many *all)
{
    return all->rounded == NULL || all->rounded->floats != NULL;
}

static struct blocks blocks_of(const struct linear *l, const struct many *all)
{
    bool wide = l->w->f32 != NULL && !all->round_weights;
    struct blocks b = {.rows = wide ? ROW_BLOCK : PANEL_ROWS, .out = wide ? OUT_BLOCK : PANEL_OUT};
    if (!as_floats(all))
        b = (struct blocks){.rows = REDUCED_ROWS, .out = REDUCED_OUT};
    b.n_out = (l->out + b.out - 1) / b.out;
    b.n = (all->rows + b.rows - 1) / b.rows * b.n_out;
    return b;
}

static void many_block(const struct linear *l, const struct blocks *blocks, size_t block, const struct many *all)
{
    size_t row = block / blocks->n_out * blocks->rows, first = block % blocks->n_out * blocks->out, in = all->in;
    struct part b = {l, all->x + row * in, least(blocks->rows, all->rows - row), in, first, least(blocks->out, l->out - first)};
    if (!as_floats(all)) {
        reduced_block(l, all->rounded, in, row, b.rows, first, b.m);
        return;
    }
    if (l->w->f32 != NULL && !all->round_weights)
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)b.rows, (int)b.m, (int)in, 1.0f, b.x, (int)in,
                    l->w->f32 + first * in, (int)in, 0.0f, l->y + row * l->out + first, (int)l->out);
    else
        widened_block(&b, row, all->round_weights);
    for (size_t i = row; l->bias != NULL && i < row + b.rows; i++)
        for (size_t j = first; j < first + b.m; j++)
            l->y[i * l->out + j] += l->bias[j];
}

static void many_rows(const struct linear *layers, size_t n_layers, const struct many *all, int threads)
{
    size_t total = 0;
    for (size_t l = 0; l < n_layers; l++)
        total += blocks_of(&layers[l], all).n;
    threads = useful(threads, total);
    need_buffers(threads);
#pragma omp parallel for num_threads(threads) schedule(dynamic) if (threads > 1)
    for (size_t unit = 0; unit < total; unit++) {
        size_t block = unit;
        const struct linear *l = layers;
        struct blocks blocks = blocks_of(l, all);
        for (; block >= blocks.n; blocks = blocks_of(++l, all))
            block -= blocks.n;
        many_block(l, &blocks, block, all);
    }
}

/* Layers of one kind. */
static void many_rows_of(enum compute kind, const struct linear *layers, size_t n_layers, const float *x, size_t rows, size_t in,
                         int threads)
{
    struct many all = {.x = x, .rows = rows, .in = in, .round_weights = kind == COMPUTE_BF16};
    struct rounded rounded = {0};
    if (kind != COMPUTE_F32) {
        rounded_init(&rounded, x, rows, in, kind, threads);
        all.rounded = &rounded;
        all.x = rounded.floats != NULL ? rounded.floats : x;
    }
    many_rows(layers, n_layers, &all, threads);
    rounded_free(&rounded);
}

void linear_forward(const struct linear *layers, size_t n_layers, const float *x, size_t rows, size_t in, enum compute compute,
                    int threads)
{
    if (rows < MANY_ROWS) {
        linear_each(layers, n_layers, x, rows, in, compute, threads);
        return;
    }
    for (size_t first = 0, n = 0; first < n_layers; first += n, n = 0) {
        enum compute kind = reduced_kind(layers[first].w, compute);
        while (first + n < n_layers && reduced_kind(layers[first + n].w, compute) == kind)
            n++;
        many_rows_of(kind, layers + first, n, x, rows, in, threads);
    }
}

void linear_backward_input(float *dx, const float *dy, const float *w, size_t rows, size_t out, size_t in, float beta,
                           int threads)
{
    size_t n_row = (rows + ROW_BLOCK - 1) / ROW_BLOCK;
    threads = useful(threads, n_row);
    need_buffers(threads);
#pragma omp parallel for num_threads(threads) schedule(dynamic) if (threads > 1)
    for (size_t block = 0; block < n_row; block++) {
        size_t i = block * ROW_BLOCK;
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)least(ROW_BLOCK, rows - i), (int)in, (int)out, 1.0f,
                    dy + i * out, (int)out, w, (int)in, beta, dx + i * in, (int)in);
    }
}

void linear_backward_weight(float *dw, const float *dy, const float *x, size_t rows, size_t out, size_t in, int threads)
{
    size_t n_out = (out + ROW_BLOCK - 1) / ROW_BLOCK;
    threads = useful(threads, n_out);
    need_buffers(threads);
#pragma omp parallel for num_threads(threads) schedule(dynamic) if (threads > 1)
    for (size_t block = 0; block < n_out; block++) {
        size_t j = block * ROW_BLOCK;
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)least(ROW_BLOCK, out - j), (int)in, (int)rows, 1.0f, dy + j,
                    (int)out, x, (int)in, 1.0f, dw + j * in, (int)in);
    }
}
