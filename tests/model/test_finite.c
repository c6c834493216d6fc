/* Numbers that are none: the place where they first appear is told, whoever runs the model. */
#include "base/memory.h"
#include "lm/score.h"
#include "model/gradient.h"
#include "model/session.h"
#include "suite_main.h"
#include "train/oracle.h"

#include <math.h>
#include <string.h>

static struct oracle o;
static struct error err;

/* The fixture's model with weights that may be changed. */
static void setup(void)
{
    ck_assert_int_eq(oracle_open(&o, FIXTURES "diff-mha", FIXTURES "diff-mha", &err), OK);
    ck_assert_int_eq(model_unpack(&o.model, &err), OK);
}

static void fill(const struct matrix *m, size_t from, size_t n, float value)
{
    for (size_t i = 0; i < n; i++)
        m->f32[from + i] = value;
}

/* Every token a new one, so that a token's embedding is one position. */
static int32_t IDS[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
enum { N = sizeof IDS / sizeof *IDS };

static void expect_session(const char *what)
{
    struct session s;
    float *logits = mem_array(o.model.config.vocab_size, sizeof *logits);
    ck_assert_int_eq(session_init(&s, &o.model, N, 2, &err), OK);
    ck_assert_int_eq(session_run(&s, IDS, N, NULL, logits, &err), ERR_INPUT);
    ck_assert_msg(strstr(err.message, what) != NULL && strstr(err.message, "diff-mha") != NULL, "'%s', expected '%s'",
                  err.message, what);
    session_free(&s);
    free(logits);
}

static void expect_score(const char *what)
{
    struct session s;
    double nll[N];
    ck_assert_int_eq(session_init(&s, &o.model, N, 1, &err), OK);
    ck_assert_int_eq(session_run(&s, IDS, 2, NULL, NULL, &err), OK);
    ck_assert_int_eq(score_tokens(&s, IDS + 2, N - 2, nll, &err), ERR_INPUT);
    ck_assert_msg(strstr(err.message, what) != NULL, "'%s', expected '%s'", err.message, what);
    session_free(&s);
}

static void expect_gradient(const char *what)
{
    struct gradient g;
    char where[64];
    ck_assert_int_eq(gradient_init(&g, &o.model, N, false, 1, &err), OK);
    double loss = gradient_add(&g, IDS, N, 1);
    ck_assert_msg(!isfinite(loss) || !isfinite(gradient_norm(&g)), "loss and gradient are finite");
    gradient_explain(&g, where, sizeof where);
    ck_assert_str_eq(where, what);
    gradient_free(&g);
}

START_TEST(a_token_that_is_no_number)
{
    setup();
    size_t D = o.model.config.d_model;
    fill(&o.model.weights.embedding, 6 * D + 3, 1, NAN);
    expect_session("layer 0: a NaN or infinity at position 5");
    expect_score("layer 0: a NaN or infinity at position 5");
    expect_gradient("layer 0 at position 5");
    oracle_close(&o);
}
END_TEST

START_TEST(a_layer_that_overflows)
{
    setup();
    fill(&o.model.weights.layers[1].down, 0, o.model.config.d_ff, 3e38f);
    expect_session("layer 1: a NaN or infinity at position");
    expect_gradient("layer 1 at position 0");
    oracle_close(&o);
}
END_TEST

START_TEST(logits_that_overflow)
{
    setup();
    size_t D = o.model.config.d_model;
    for (size_t v = 0; v < o.model.config.vocab_size; v++)
        fill(&o.model.weights.lm_head, v * D, D, v % 2 ? 3e38f : -3e38f);
    expect_session("logits: a NaN or infinity at position 11");
    expect_score("loss: a NaN or infinity at position 2");
    expect_gradient("loss at position 0");
    oracle_close(&o);
}
END_TEST

START_TEST(any_number_is_found)
{
    float x[100] = {0};
    const float none[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 100; i++)
        x[i] = i % 2 ? 3.4e38f : -1e-45f;
    ck_assert_uint_eq(find_not_finite(x, 100), 100);
    for (size_t i = 0; i < 100; i++) {
        float kept = x[i];
        x[i] = none[i % 3];
        ck_assert_uint_eq(find_not_finite(x, 100), i);
        ck_assert_uint_eq(find_not_finite(x, i), i);
        x[i] = kept;
    }
}
END_TEST

SUITE_MAIN("finite", a_token_that_is_no_number, a_layer_that_overflows, logits_that_overflow, any_number_is_found)
