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

START_TEST(exact_ways_compute_the_same)
{
    static const struct {
        const char *folder;
        bool same_bits; /* F16 becomes F32, whose rows are added up in another order */
    } sources[] = {{"models/transformer", true},
                   {FIXTURES "llama-gqa-tied", true},
                   {FIXTURES "llama-mha", true},
                   {FIXTURES "qwen2-yarn", false}};
    static const char *const ways[] = {"v2", "dex"};
    for (size_t i = 0; i < 2 * sizeof sources / sizeof *sources; i++) {
        struct differential_choice choice = {.way = differential_find(ways[i % 2])};
        struct model from, to;
        struct error err = {0};
        setup_folder();
        ck_assert_msg(model_load(&from, sources[i / 2].folder, &err) == OK, "%s", err.message);
        ck_assert_msg(differential_write(&from, &choice, folder, &err) == OK, "%s", err.message);
        ck_assert_msg(model_load(&to, folder, &err) == OK, "%s", err.message);
        ck_assert_uint_eq(to.plan.n_maps, i % 2 == 0 ? 2 : 1);
        for (size_t n = 3; n <= 40; n += 37) {
            float *a = logits_after(&from, n), *b = logits_after(&to, n), largest = 0;
            for (size_t v = 0; v < from.config.vocab_size; v++)
                largest = fmaxf(largest, fabsf(a[v]));
            for (size_t v = 0; v < from.config.vocab_size; v++)
                ck_assert_msg((n == 3 || i % 2 == 1) && sources[i / 2].same_bits ? a[v] == b[v]
                                                                                 : fabsf(a[v] - b[v]) <= 1e-5f * largest,
                              "%s, %s: %zu tokens: logit %zu is %.9g, expected %.9g", sources[i / 2].folder, ways[i % 2], n, v,
                              (double)b[v], (double)a[v]);
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
        const char *source, *way, *says;
    } cases[] = {{FIXTURES "diff-mha", "v2", "two maps"},
                 {FIXTURES "qwen3-qknorm", "v1", "norms of queries"},
                 {FIXTURES "mistral-window", "v2", "window"},
                 {FIXTURES "smollm3-dynamic", "dex", "without rotation"},
                 {FIXTURES "qwen2-yarn", "diffllama", "biases of queries, keys and values alone"},
                 {FIXTURES "dex-gqa", "v2", "extension already"},
                 {FIXTURES "gguf/llama.gguf", "diffllama", "factors"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct model from;
        struct error err = {0};
        setup_folder();
        ck_assert_msg(model_load(&from, cases[i].source, &err) == OK, "%s", err.message);
        struct differential_choice choice = {.way = differential_find(cases[i].way)};
        ck_assert_int_eq(differential_write(&from, &choice, folder, &err), ERR_INPUT);
        ck_assert_msg(strstr(err.message, cases[i].says) != NULL, "%s: '%s' does not say '%s'", cases[i].source, err.message,
                      cases[i].says);
        model_free(&from);
        ck_assert_int_eq(rmdir(folder), 0); /* nothing was left in it */
    }
}
END_TEST

/* In both, the maps of a head are the Transformer's and its value half zero, so that the norm alone differs. Where every token's
 * head has the size that was measured, nothing does: with one token. */
START_TEST(mirrored_ways_lose_the_sizes_of_heads_alone)
{
    static const char *const sources[] = {"models/transformer", FIXTURES "llama-gqa-tied", FIXTURES "llama-mha"};
    static const char *const ways[] = {"v1", "diffllama"};
    for (size_t i = 0; i < 2 * sizeof sources / sizeof *sources; i++) {
        const char *source = sources[i / 2];
        struct model from, to;
        struct error err = {0};
        const int32_t first = 0;
        setup_folder();
        ck_assert_msg(model_load(&from, source, &err) == OK, "%s", err.message);
        float *sizes = mem_array(from.config.n_layers * from.plan.n_heads, sizeof *sizes), largest = 0, worst = 0;
        struct differential_choice choice = {.way = differential_find(ways[i % 2]), .sizes = sizes};
        ck_assert_msg(head_sizes(sizes, &from, &first, 1, &err) == OK, "%s", err.message);
        ck_assert_msg(differential_write(&from, &choice, folder, &err) == OK, "%s", err.message);
        ck_assert_msg(model_load(&to, folder, &err) == OK, "%s", err.message);
        ck_assert_uint_eq(to.plan.n_heads, from.plan.n_heads);
        float *a = logits_after(&from, 1), *b = logits_after(&to, 1);
        for (size_t v = 0; v < from.config.vocab_size; v++) {
            largest = fmaxf(largest, fabsf(a[v]));
            worst = fmaxf(worst, fabsf(a[v] - b[v]));
        }
        ck_assert_msg(worst <= 0.02f * largest, "%s, %s: logits differ by %g, of %g", source, ways[i % 2], (double)worst,
                      (double)largest);
        free(a);
        free(b);
        free(sizes);
        model_free(&from);
        model_free(&to);
        remove_model();
    }
}
END_TEST

/* Heads that are not chosen have zeros in their maps. */
START_TEST(chosen_heads_are_extended)
{
    const size_t heads[] = {1};
    struct differential_choice choice = {.way = differential_find("dex"), .heads = heads, .n_heads_chosen = 1};
    struct model from, to;
    struct error err = {0};
    setup_folder();
    ck_assert_int_eq(model_load(&from, FIXTURES "llama-mha", &err), OK);
    ck_assert_msg(differential_write(&from, &choice, folder, &err) == OK, "%s", err.message);
    ck_assert_msg(model_load(&to, folder, &err) == OK && model_unpack(&to, &err) == OK, "%s", err.message);
    size_t each = to.config.head_dim * to.config.head_dim;
    for (size_t l = 0; l < to.config.n_layers; l++)
        for (size_t h = 0; h < to.plan.n_heads; h++) {
            double sum = 0;
            for (size_t i = 0; i < each; i++)
                sum += fabs((double)to.weights.layers[l].dex.f32[h * each + i]);
            ck_assert_msg((sum > 0) == (h == 1), "layer %zu, head %zu: its map sums to %g", l, h, sum);
            ck_assert_float_eq(to.weights.layers[l].dex_lambda[h], 0);
        }
    model_free(&from);
    model_free(&to);
    remove_model();
}
END_TEST

SUITE_MAIN("differential", mirrored_ways_lose_the_sizes_of_heads_alone, chosen_heads_are_extended, exact_ways_compute_the_same,
           what_has_no_place_in_it_is_refused)
