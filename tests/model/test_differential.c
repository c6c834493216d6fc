/* A Transformer and the Diff Transformer that is written of it compute the same. */
#include "folder.h"
#include "model/differential.h"
#include "model/session.h"

#include <math.h>

/* The last logits after n tokens. */
static float *logits_after(const struct model *m, size_t n)
{
    struct session s;
    struct error err = {0};
    int32_t ids[64];
    float *out = mem_array(m->config.vocab_size, sizeof *out);
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)(i * 37 % m->config.vocab_size);
    ck_assert_int_eq(session_init(&s, m, n, 1, &err), OK);
    ck_assert_msg(session_run(&s, ids, n, NULL, out, &err) == OK, "%s", err.message);
    session_free(&s);
    return out;
}

static void remove_model(void)
{
    take_away("config.json");
    take_away("model.safetensors");
    rmdir(folder);
}

START_TEST(the_second_version_computes_the_same)
{
    static const struct {
        const char *folder;
        bool same_bits; /* F16 becomes F32, whose rows are added up in another order */
    } sources[] = {{"models/transformer", true},
                   {FIXTURES "llama-gqa-tied", true},
                   {FIXTURES "llama-mha", true},
                   {FIXTURES "qwen2-yarn", false}};
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        struct model from, to;
        struct error err = {0};
        setup_folder();
        ck_assert_msg(model_load(&from, sources[i].folder, &err) == OK, "%s", err.message);
        ck_assert_msg(differential_v2(&from, folder, &err) == OK, "%s", err.message);
        ck_assert_msg(model_load(&to, folder, &err) == OK, "%s", err.message);
        ck_assert_uint_eq(to.plan.n_maps, 2);
        for (size_t n = 3; n <= 40; n += 37) {
            float *a = logits_after(&from, n), *b = logits_after(&to, n), largest = 0;
            for (size_t v = 0; v < from.config.vocab_size; v++)
                largest = fmaxf(largest, fabsf(a[v]));
            for (size_t v = 0; v < from.config.vocab_size; v++)
                ck_assert_msg(n == 3 && sources[i].same_bits ? a[v] == b[v] : fabsf(a[v] - b[v]) <= 1e-5f * largest,
                              "%s: %zu tokens: logit %zu is %.9g, expected %.9g", sources[i].folder, n, v, (double)b[v],
                              (double)a[v]);
            free(a);
            free(b);
        }
        model_free(&from);
        model_free(&to);
        remove_model();
    }
}
END_TEST

START_TEST(what_has_no_place_in_it_is_refused)
{
    static const struct {
        const char *source, *says;
    } cases[] = {{FIXTURES "diff-mha", "two maps"},
                 {FIXTURES "qwen3-qknorm", "norms of queries"},
                 {FIXTURES "mistral-window", "window"},
                 {FIXTURES "smollm3-dynamic", "without rotation"},
                 {FIXTURES "gguf/llama.gguf", "factors"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct model from;
        struct error err = {0};
        setup_folder();
        ck_assert_msg(model_load(&from, cases[i].source, &err) == OK, "%s", err.message);
        ck_assert_int_eq(differential_v2(&from, folder, &err), ERR_INPUT);
        ck_assert_msg(strstr(err.message, cases[i].says) != NULL, "%s: '%s' does not say '%s'", cases[i].source, err.message,
                      cases[i].says);
        model_free(&from);
        ck_assert_int_eq(rmdir(folder), 0); /* nothing was left in it */
    }
}
END_TEST

SUITE_MAIN("differential", the_second_version_computes_the_same, what_has_no_place_in_it_is_refused)
