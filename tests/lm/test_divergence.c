/* Divergences of two models against sums written out, one token at a time. */
#include "base/memory.h"
#include "base/random.h"
#include "lm/divergence.h"
#include "suite_main.h"

#include <math.h>
#include <string.h>

enum { N = 300 }; /* more than one block of a session */

/* logits [N, vocab] of every token, read one by one. */
static float *logits_of(const struct model *m, const int32_t *ids)
{
    struct session s;
    struct error err = {0};
    float *out = mem_array(N * m->config.vocab_size, sizeof *out);
    ck_assert_msg(session_init(&s, m, N, 1, &err) == OK, "%s", err.message);
    for (size_t i = 0; i < N; i++)
        ck_assert_int_eq(session_run(&s, ids + i, 1, NULL, out + i * m->config.vocab_size, &err), OK);
    session_free(&s);
    return out;
}

/* p [n] from logits. */
static void probabilities(double *p, const float *logits, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += exp((double)logits[i]);
    for (size_t i = 0; i < n; i++)
        p[i] = exp((double)logits[i]) / sum;
}

static size_t top(const double *p, size_t n)
{
    size_t best = 0;
    for (size_t i = 0; i < n; i++)
        best = p[i] > p[best] ? i : best;
    return best;
}

START_TEST(divergences_are_the_sums_written_out)
{
    static const char *const folders[2] = {"models/transformer", "models/diff-transformer"};
    struct model m[2];
    struct session s[2];
    struct error err = {0};
    struct divergence *d = mem_array(N, sizeof *d), *threaded = mem_array(N, sizeof *d);
    int32_t ids[N];
    float *logits[2];
    for (size_t k = 0; k < 2; k++)
        ck_assert_msg(model_load(&m[k], folders[k], &err) == OK, "%s", err.message);
    size_t vocab = m[0].config.vocab_size;
    struct rng rng = rng_stream(5, "ids", 0);
    for (size_t i = 0; i < N; i++)
        ids[i] = (int32_t)rng_below(&rng, vocab);
    for (size_t k = 0; k < 2; k++) {
        logits[k] = logits_of(&m[k], ids);
        ck_assert_int_eq(session_init(&s[k], &m[k], N, 1, &err), OK);
    }
    ck_assert_int_eq(divergence_tokens(&s[0], &s[1], ids, N, d, &err), OK);
    double *p = mem_array(vocab, sizeof *p), *q = mem_array(vocab, sizeof *q);
    for (size_t i = 0; i + 1 < N; i++) {
        double kl = 0;
        probabilities(q, logits[0] + i * vocab, vocab);
        probabilities(p, logits[1] + i * vocab, vocab);
        for (size_t v = 0; v < vocab; v++)
            kl += p[v] * log(p[v] / q[v]);
        ck_assert_msg(fabs(d[i].kl - kl) < 1e-4 * (1 + kl), "position %zu: divergence %g, expected %g", i, d[i].kl, kl);
        ck_assert_double_eq_tol(d[i].model_nll, -log(q[ids[i + 1]]), 1e-4);
        ck_assert_double_eq_tol(d[i].base_nll, -log(p[ids[i + 1]]), 1e-4);
        ck_assert_int_eq(d[i].same_top, top(p, vocab) == top(q, vocab));
    }
    for (size_t k = 0; k < 2; k++) { /* the same bits on two threads */
        session_free(&s[k]);
        ck_assert_int_eq(session_init(&s[k], &m[k], N, 2, &err), OK);
    }
    ck_assert_int_eq(divergence_tokens(&s[0], &s[1], ids, N, threaded, &err), OK);
    for (size_t i = 0; i + 1 < N; i++)
        ck_assert(threaded[i].kl == d[i].kl && threaded[i].model_nll == d[i].model_nll);
    for (size_t k = 0; k < 2; k++) {
        session_free(&s[k]);
        ck_assert_int_eq(session_init(&s[k], &m[0], N, 1, &err), OK);
    }
    ck_assert_int_eq(divergence_tokens(&s[0], &s[1], ids, N, d, &err), OK); /* a model is where it is */
    for (size_t i = 0; i + 1 < N; i++)
        ck_assert(d[i].kl == 0 && d[i].same_top && d[i].model_nll == d[i].base_nll);
    for (size_t k = 0; k < 2; k++)
        session_free(&s[k]);
    for (size_t k = 0; k < 2; k++) {
        model_free(&m[k]);
        free(logits[k]);
    }
    free(d);
    free(threaded);
    free(p);
    free(q);
}
END_TEST

SUITE_MAIN("divergence", divergences_are_the_sums_written_out)
