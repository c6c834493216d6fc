/* What a training leaves: losses of documents, weights, lambda, the log. */
#include "trained.h"

START_TEST(documents_that_do_not_see_each_other_are_trained_as_if_alone)
{
    struct recipe recipe;
    struct error err = {0};
    struct trainer_options options = {.threads = 1, .quiet = true};
    struct run r = {.recipe = &recipe, .options = &options};
    struct config config;
    start();
    char *path = make_recipe_with("within", 3, "5.0e-3", "attention: within_documents\n");
    edit(path, "bytes: [100, 200]", "bytes: [20, 30]");
    ck_assert_int_eq(recipe_load(&recipe, path, &err), OK);
    ck_assert_int_eq(recipe_model(&recipe, recipe.models->child, &config, &err), OK);
    ck_assert_int_eq(model_create(&r.model, &config, 1, &err), OK);
    ck_assert_int_eq(gradient_init(&r.gradient, &r.model, 64, false, 1, &err), OK);
    uint64_t index = 0;
    do
        ck_assert_int_eq(pack_sequence(&r.sequence, &recipe, recipe.stages, PACK_TRAINING, index++, &err), OK);
    while (r.sequence.n_documents < 2);
    size_t second = r.sequence.documents[1].first;
    double both = run_sequence(&r, 0), first = gradient_add(&r.gradient, r.sequence.ids.data, second + 1, 0);
    r.sequence.ids.data[second / 2] ^= 1; /* another first document */
    double changed = gradient_add(&r.gradient, r.sequence.ids.data, second + 1, 0);
    ck_assert_msg(changed != first, "the first document's loss does not depend on it");
    ck_assert_double_eq_tol(run_sequence(&r, 0) - changed, both - first, 1e-9);
    recipe.attention = ATTENTION_ACROSS;
    ck_assert_msg(fabs(run_sequence(&r, 0) - changed - (both - first)) > 1e-6, "documents do not see those before them");
    packed_free(&r.sequence);
    gradient_free(&r.gradient);
    model_free(&r.model);
    recipe_free(&recipe);
    ck_assert_int_eq(train(path, false, NULL), OK);
    char *result = text_of("out-within/tiny/training.json");
    ck_assert_msg(strstr(result, "\"within_documents\"") != NULL, "%s", result);
    free(result);
    free(path);
    finish();
}
END_TEST

START_TEST(weights_are_kept_as_f32_where_the_recipe_says_so)
{
    struct error err = {0};
    struct tensor_file st;
    start();
    char *path = make_recipe_with("f32", 3, "5.0e-3", "keep_f32: true\n"), *model = in_folder("out-f32/tiny/model.safetensors");
    ck_assert_int_eq(train(path, false, NULL), OK);
    ck_assert_int_eq(safetensors_open(&st, model, &err), OK);
    ck_assert_int_eq(tensor_file_find(&st, "model.norm.weight")->dtype, DTYPE_F32);
    tensor_file_close(&st);
    free(path);
    free(model);
    finish();
}
END_TEST

START_TEST(a_fixed_lambda_of_diffllama_is_saved)
{
    struct error err = {0};
    struct model model;
    start();
    char *path = make_recipe("fixed", 3), *trained = in_folder("out-fixed/tiny");
    edit(path, "diff_transformer,", "diffllama, lambda_init: 0.5,");
    ck_assert_int_eq(train(path, false, NULL), OK);
    ck_assert_msg(model_load(&model, trained, &err) == OK, "%s", err.message);
    ck_assert_double_eq(config_lambda_init(&model.config, 1), 0.5);
    model_free(&model);
    free(trained);
    free(path);
    finish();
}
END_TEST

START_TEST(the_log_has_what_a_reader_needs)
{
    start();
    char *path = make_recipe("log", 16), *log; /* 16 steps of 96 tokens, 4 of 64 */
    ck_assert_int_eq(train(path, false, NULL), OK);
    log = text_of("out-log/tiny/train.jsonl");
    char *second = strchr(log, '\n') + 1;
    cJSON *line = cJSON_Parse(second);
    ck_assert_double_eq(json_real(line, "step"), 20);
    ck_assert_double_eq(json_real(line, "tokens"), 16 * 96 + 4 * 64);
    ck_assert(json_real(line, "grad_norm") > 0 && json_real(line, "lr") > 0 && json_real(line, "validation_loss") > 0);
    ck_assert_int_eq(cJSON_GetArraySize(json_path(line, "lambda")), 2);
    ck_assert_double_eq_tol(json_real(line, "lambda.0"), 0.2, 0.1); /* of depth 0: 0.8 - 0.6 */
    double all = 0;
    for (size_t k = 0; k < N_DOCUMENT_KINDS; k++) {
        char key[64];
        snprintf(key, sizeof key, "tokens_by_kind.%s", DOCUMENT_KINDS[k].name);
        double n = result_of("out-log/tiny/training.json", key);
        all += isnan(n) ? 0 : n;
    }
    ck_assert_double_eq(all, 16 * 96 + 4 * 64);
    cJSON_Delete(line);
    free(log);
    free(path);
    finish();
}
END_TEST

SUITE_MAIN("training results", documents_that_do_not_see_each_other_are_trained_as_if_alone,
           weights_are_kept_as_f32_where_the_recipe_says_so, a_fixed_lambda_of_diffllama_is_saved,
           the_log_has_what_a_reader_needs)
