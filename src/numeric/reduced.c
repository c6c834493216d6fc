/* reduced.c - see reduced.h. */
#include "numeric/reduced.h"

#include "base/exhausted.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { DEPTH = 256, PANEL = 16, RUN_LEAST = 16, GROUP = 32 };

enum compute reduced_kind(const struct matrix *w, enum compute compute)
{
    return compute == COMPUTE_INT8 && !dtype_blocked(w->dtype) ? COMPUTE_F32 : compute;
}

size_t int8_bytes(size_t n)
{
    return n + (2 * (n / GROUP) + n / RUN_LEAST) * sizeof(float);
}

struct int8_numbers int8_place(void *storage, size_t n)
{
    float *scale = storage, *sum32 = scale + n / GROUP, *sum16 = sum32 + n / GROUP;
    return (struct int8_numbers){(signed char *)(sum16 + n / RUN_LEAST), scale, sum16, sum32};
}

struct int8_numbers int8_from(const struct int8_numbers *x, size_t at)
{
    return (struct int8_numbers){x->codes + at, x->scale + at / GROUP, x->sum16 + at / RUN_LEAST, x->sum32 + at / GROUP};
}

static void round_row(struct rounded *r, const float *x, size_t row, size_t in)
{
    const struct kernels *k = kernels_get();
    size_t at = row * r->ld;
    if (r->int8.codes != NULL) {
        struct int8_numbers to = int8_from(&r->int8, at);
        k->to_int8(&to, x + row * in, in);
        for (size_t i = 0; r->floats != NULL && i < in; i++)
            r->floats[row * in + i] = to.scale[i / GROUP] * (float)to.codes[i];
    } else if (r->floats != NULL) {
        round_bf16(r->floats + row * in, x + row * in, in);
    } else {
        k->to_bf16(r->bf16 + at, x + row * in, in);
        memset(r->bf16 + at + in, 0, (r->ld - in) * sizeof *r->bf16);
    }
}

void rounded_init(struct rounded *r, const float *x, size_t rows, size_t in, enum compute compute, int threads)
{
    size_t ld = (in + GROUP - 1) / GROUP * GROUP, n = rows * ld;
    bool codes = compute == COMPUTE_INT8, panel = kernels_get()->panel != NULL;
    size_t floats = panel ? 0 : rows * in;
    size_t bytes = floats * sizeof(float) + (codes ? int8_bytes(n) : panel ? n * sizeof(uint16_t) : 0);
    *r = (struct rounded){.ld = ld};
    float *at = r->storage = mem_array(bytes, 1);
    if (at == NULL)
        exhausted(bytes);
    if (!panel)
        r->floats = at;
    if (codes)
        r->int8 = int8_place(at + floats, n);
    else if (panel)
        r->bf16 = (uint16_t *)(void *)at;
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1 && rows > PANEL)
    for (size_t row = 0; row < rows; row++)
        round_row(r, x, row, in);
}

void rounded_free(struct rounded *r)
{
    free(r->storage);
    *r = (struct rounded){0};
}

/* Numbers of a weight's row as BF16, zero to the end of its words. */
static void weights_bf16(uint16_t *to, const struct matrix *w, size_t first, size_t n, size_t padded)
{
    matrix_to_bf16(to, w, first, n);
    memset(to + n, 0, (padded - n) * sizeof *to);
}

struct tile {
    float *sums; /* [rows, REDUCED_OUT] */
    const struct rounded *x;
    size_t row, rows, in, first, m, panels;
};

static void bf16_tile(const struct tile *t, const struct matrix *w)
{
    const struct panel_kernels *k = kernels_get()->panel;
    _Alignas(64) uint16_t flat[REDUCED_OUT * DEPTH];
    _Alignas(64) uint32_t panels[REDUCED_OUT * DEPTH / 2];
    for (size_t c = 0; c < t->in; c += DEPTH) {
        size_t n = t->in - c < DEPTH ? t->in - c : DEPTH, words = (n + 2 * PANEL - 1) / (2 * PANEL) * PANEL;
        for (size_t j = 0; j < t->panels * PANEL; j++) {
            uint16_t *to = flat + j * DEPTH;
            if (j < t->m)
                weights_bf16(to, w, (t->first + j) * t->in + c, n, 2 * words);
            else
                memset(to, 0, 2 * words * sizeof *to);
        }
        for (size_t p = 0; p < t->panels; p++)
            k->interleave(panels + p * words * PANEL, (const uint32_t *)(flat + p * PANEL * DEPTH), DEPTH / 2, words);
        k->gemm_bf16(t->sums, REDUCED_OUT, (const uint32_t *)(t->x->bf16 + t->row * t->x->ld + c), t->x->ld / 2, panels, t->rows,
                     t->panels, words);
    }
}

static void int8_tile(const struct tile *t, const struct matrix *w)
{
    enum { RUNS = DEPTH / RUN_LEAST };
    const struct kernels *k = kernels_get();
    _Alignas(64) unsigned char flat[REDUCED_OUT * DEPTH];
    _Alignas(64) uint32_t words[REDUCED_OUT * DEPTH / 4];
    float scales[2][REDUCED_OUT * RUNS], row[2][RUNS];
    for (size_t c = 0; c < t->in; c += DEPTH) {
        size_t n = t->in - c < DEPTH ? t->in - c : DEPTH, run = GROUP, at = t->row * t->x->ld + c;
        struct int8_panels b = {
            .words = words, .ld = (n / 4 + PANEL - 1) / PANEL * PANEL, .scale = scales[0], .least = scales[1]};
        memset(flat, 0, sizeof flat);
        memset(scales, 0, sizeof scales);
        for (size_t j = 0; j < t->m; j++) {
            run = k->apart[w->dtype](flat + j * DEPTH, row[0], row[1],
                                     w->data + dtype_bytes(w->dtype, (t->first + j) * t->in + c), n);
            for (size_t g = 0; g < n / run; g++)
                for (int s = 0; s < 2; s++)
                    scales[s][(j / PANEL * (n / run) + g) * PANEL + j % PANEL] = row[s][g];
        }
        b.run = run;
        for (size_t p = 0; p < t->panels; p++)
            k->panel->interleave(words + p * b.ld * PANEL, (const uint32_t *)(flat + p * PANEL * DEPTH), DEPTH / 4, b.ld);
        const struct int8_numbers x = int8_from(&t->x->int8, at);
        struct int8_rows a = {(const uint32_t *)x.codes, x.scale, x.sum16, x.sum32, t->x->ld};
        k->panel->gemm_int8(t->sums, REDUCED_OUT, &a, &b, t->rows, t->panels, n);
    }
}

void reduced_block(const struct linear *layer, const struct rounded *x, size_t in, size_t row, size_t rows, size_t first,
                   size_t m)
{
    _Alignas(64) float sums[REDUCED_ROWS * REDUCED_OUT];
    struct tile t = {sums, x, row, rows, in, first, m, (m + PANEL - 1) / PANEL};
    memset(sums, 0, rows * REDUCED_OUT * sizeof *sums);
    (x->bf16 != NULL ? bf16_tile : int8_tile)(&t, layer->w);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < m; j++)
            layer->y[(row + i) * layer->out + first + j] =
                sums[i * REDUCED_OUT + j] + (layer->bias != NULL ? layer->bias[first + j] : 0.0f);
}
