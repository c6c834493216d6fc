/* Several sequences a step: each gets the bits that it gets alone, in every family. */
#include "base/memory.h"
#include "model/batch.h"
#include "suite_main.h"
#include "train/oracle.h"

#include <string.h>

enum { MOST = 9, STEPS = 4, CAPACITY = 32 };

static const char *const MODELS[] = {"llama-mha",       "llama-gqa-tied", "diff-mha",  "diff-gqa",      "diffllama-gqa",
                                     "diffv2-gqa",      "mistral-window", "motif-mha", "motif-grouped", "qwen3-qknorm",
                                     "smollm3-dynamic", "qwen2-yarn",     "dex-gqa"};

static int32_t token(const struct model *m, size_t sequence, size_t position)
{
    return (int32_t)((7 * sequence + 3 * position + sequence * position) % m->config.vocab_size);
}

/* Sequences of different lengths, a few tokens each by themselves, then together. */
static void compare(const struct model *m, const char *name, size_t n, int threads)
{
    struct error err = {0};
    size_t vocab = m->config.vocab_size;
    struct session alone[MOST], together[MOST], *list[MOST];
    struct batch b;
    float *want = mem_array(vocab, sizeof *want);
    ck_assert_msg(batch_init(&b, m, n, threads, &err) == OK, "%s", err.message);
    for (size_t i = 0; i < n; i++) {
        ck_assert(session_init(&alone[i], m, CAPACITY, 1, &err) == OK && session_init(&together[i], m, CAPACITY, 1, &err) == OK);
        list[i] = &together[i];
        for (size_t k = 0; k < i + 1; k++) {
            int32_t id = token(m, i, k);
            ck_assert_msg(session_run(&alone[i], &id, 1, NULL, NULL, &err) == OK, "%s", err.message);
            ck_assert(session_run(&together[i], &id, 1, NULL, NULL, &err) == OK);
        }
    }
    for (size_t step = 0; step < STEPS; step++) {
        int32_t ids[MOST];
        for (size_t i = 0; i < n; i++)
            ids[i] = token(m, i, alone[i].n_tokens);
        ck_assert_msg(batch_step(&b, list, ids, n, &err) == OK, "%s: %s", name, err.message);
        for (size_t i = 0; i < n; i++) {
            ck_assert(session_run(&alone[i], &ids[i], 1, NULL, want, &err) == OK);
            ck_assert_msg(memcmp(want, b.logits + i * vocab, vocab * sizeof *want) == 0,
                          "%s: sequence %zu of %zu at step %zu has other bits than alone", name, i, n, step);
        }
    }
    for (size_t i = 0; i < n; i++) {
        session_free(&alone[i]);
        session_free(&together[i]);
    }
    batch_free(&b);
    free(want);
}

START_TEST(a_sequence_has_the_bits_that_it_has_alone)
{
    for (size_t f = 0; f < sizeof MODELS / sizeof *MODELS; f++) {
        struct oracle o;
        struct error err = {0};
        char folder[128];
        snprintf(folder, sizeof folder, FIXTURES "%s", MODELS[f]);
        ck_assert_msg(oracle_open(&o, folder, folder, &err) == OK, "%s", err.message);
        for (enum compute c = COMPUTE_F32; c < N_COMPUTE; c++) {
            o.model.compute = c;
            compare(&o.model, MODELS[f], 1, 1);
            compare(&o.model, MODELS[f], 3, 2);
            compare(&o.model, MODELS[f], MOST, 2);
        }
        oracle_close(&o);
    }
}
END_TEST

START_TEST(what_cannot_be_in_a_batch)
{
    struct oracle o;
    struct error err = {0};
    ck_assert(oracle_open(&o, FIXTURES "diff-mha", FIXTURES "diff-mha", &err) == OK);
    struct session s, *list[] = {&s};
    struct batch b;
    ck_assert(session_init(&s, &o.model, 1, 1, &err) == OK && batch_init(&b, &o.model, 1, 1, &err) == OK);
    const int32_t beyond = (int32_t)o.model.config.vocab_size, first = 0;
    ck_assert_int_eq(batch_step(&b, list, &beyond, 1, &err), ERR_INPUT);
    ck_assert_uint_eq(s.n_tokens, 0);
    ck_assert_int_eq(batch_step(&b, list, &first, 1, &err), OK);
    ck_assert_int_eq(batch_step(&b, list, &first, 1, &err), ERR_INPUT); /* no room */
    ck_assert_msg(strstr(err.message, "batch: sequence 0 cannot take token 0 after 1") != NULL, "%s", err.message);
    session_free(&s);
    batch_free(&b);
    oracle_close(&o);
}
END_TEST

SUITE_MAIN("batch", a_sequence_has_the_bits_that_it_has_alone, what_cannot_be_in_a_batch)
