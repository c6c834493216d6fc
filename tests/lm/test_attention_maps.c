/* The maps of attention that the viewer shows, against those of an independent implementation: whole, and pooled. */
#include "base/memory.h"
#include "lm/attention_maps.h"
#include "suite_main.h"
#include "train/oracle.h"

#include <math.h>

static const size_t LAYERS[] = {1}; /* whose maps the cases have */

/* The case's tokens with room for `limit` figures. */
static void collect(struct attention_maps *m, const struct oracle *o, size_t limit)
{
    struct session s;
    struct error err = {0};
    ck_assert_msg(session_init(&s, &o->model, o->n, 1, &err) == OK, "%s", err.message);
    ck_assert_msg(attention_maps_collect(m, &s, o->ids, o->n, LAYERS, 1, limit, &err) == OK, "%s", err.message);
    session_free(&s);
}

/* The caller frees them. */
static float *expected_maps(const struct oracle *o)
{
    const struct tensor *t = tensor_file_find(&o->expected, "attention.1");
    ck_assert_ptr_nonnull(t);
    float *maps = mem_array(t->count, sizeof *maps);
    ck_assert(tensor_to_f32(maps, t));
    return maps;
}

/* Each row of the grid against the mean over its queries of the expected map's sums over the bins. */
static void check_grid(const char *name, const struct attention_maps *m, const struct attention_grid *g, const float *expected)
{
    size_t n = m->n_tokens;
    for (size_t h = 0; h < m->n_heads; h++)
        for (size_t row = 0; row < g->n_rows; row++)
            for (size_t bin = 0; bin < g->n_bins; bin++) {
                double want = 0;
                for (size_t q = 0; q < n; q++)
                    for (size_t k = bin * g->width; k < (bin + 1) * g->width && k <= q && g->row_of[q] == row; k++)
                        want += (double)expected[(h * n + q) * n + k] / (double)g->n_queries[row];
                double got = (double)attention_effective_at(m, g, 0, h, row, bin);
                ck_assert_msg(fabs(got - want) < 2e-5, "%s: head %zu, row %zu, bin %zu is %.7f, expected %.7f", name, h, row, bin,
                              got, want);
            }
}

/* What a map gives to all keys is 1. */
static void check_sums(const char *name, const struct attention_maps *m, const struct attention_grid *g)
{
    for (size_t h = 0; h < m->n_heads; h++)
        for (size_t map = 0; map < m->n_maps; map++)
            for (size_t row = 0; row < g->n_rows; row++) {
                double sum = 0;
                for (size_t bin = 0; bin < g->n_bins; bin++)
                    sum += (double)attention_map_at(m, g, 0, h, map, row, bin);
                ck_assert_msg(fabs(sum - 1) < 1e-5, "%s: head %zu, map %zu, row %zu sums to %.7f, expected 1", name, h, map, row,
                              sum);
            }
}

static void check_case(const char *name, bool pooled)
{
    struct error err = {0};
    struct oracle o;
    struct attention_maps m;
    char folder[128];
    snprintf(folder, sizeof folder, FIXTURES "%s", name);
    ck_assert_msg(oracle_open(&o, folder, folder, &err) == OK, "%s", err.message);
    size_t maps = o.model.plan.n_heads * o.model.plan.n_maps;
    collect(&m, &o, pooled ? maps * 8 * 8 * 2 : maps * o.n * o.n);
    ck_assert_msg((m.detail.n_rows > 0) == pooled, "%s: is kept whole where it should not be, or not where it should", name);
    ck_assert_msg(m.overview.n_rows <= (pooled ? 8 : o.n) && m.overview.n_bins == m.overview.n_rows,
                  "%s: the overview is too large", name);
    float *expected = expected_maps(&o);
    check_grid(name, &m, &m.overview, expected);
    check_grid(name, &m, &m.detail, expected);
    free(expected);
    check_sums(name, &m, &m.overview);
    check_sums(name, &m, &m.detail);
    attention_maps_free(&m);
    oracle_close(&o);
}

static const char *const CASES[] = {"llama-mha",     "llama-gqa-tied", "diff-mha", "diff-gqa",
                                    "diffllama-gqa", "diffv2-gqa",     "motif-mha"};

START_TEST(whole_maps_are_those_of_the_oracle)
{
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        check_case(CASES[i], false);
}
END_TEST

START_TEST(pooled_maps_are_means_of_sums_of_the_oracles)
{
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        check_case(CASES[i], true);
}
END_TEST

SUITE_MAIN("attention_maps", whole_maps_are_those_of_the_oracle, pooled_maps_are_means_of_sums_of_the_oracles)
