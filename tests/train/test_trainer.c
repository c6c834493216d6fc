/* Training: a tiny run learns, and stopped anywhere it ends with the same bits. */
#include "trained.h"

START_TEST(killed_training_ends_with_the_same_bits)
{
    start();
    char *whole = make_recipe("whole", 8), *killed = make_recipe("killed", 8);
    ck_assert_int_eq(train(whole, false, NULL), OK);
    for (int round = 0; round < 6; round++) { /* kill -9 at whatever step it has reached */
        pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            train(killed, false, NULL);
            _exit(0);
        }
        usleep(20000u * (unsigned)(round + 1));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    sig_atomic_t stop = 1; /* and politely, after each step */
    for (int round = 0; round < 3; round++)
        train(killed, false, &stop);
    ck_assert_int_eq(train(killed, false, NULL), OK);
    expect_same_file("out-whole/tiny/model.safetensors", "out-killed/tiny/model.safetensors");
    expect_same_file("out-whole/tiny/training.json", "out-killed/tiny/training.json");
    char *one = log_of("out-whole/tiny/train.jsonl"), *other = log_of("out-killed/tiny/train.jsonl");
    ck_assert_str_eq(one, other);
    free(one);
    free(other);
    free(whole);
    free(killed);
    finish();
}
END_TEST

START_TEST(a_training_starts_from_another_one)
{
    struct error err = {0};
    struct recipe recipe;
    struct trainer_options options = {.threads = 1, .quiet = true};
    char more[128];
    start();
    char *first = make_recipe("first", 5);
    ck_assert_int_eq(train(first, false, NULL), OK);
    snprintf(more, sizeof more, "start: %s/out-first\n", folder);
    char *second = make_recipe_with("second", 3, "1.0e-12", more); /* next to no rate: what it starts from comes out */
    ck_assert_int_eq(train(second, false, NULL), OK);
    expect_same_file("out-first/tiny/model.safetensors", "out-second/tiny/model.safetensors");
    char *lost = make_recipe_with("lost", 3, "1.0e-3", "start: /nowhere\n");
    ck_assert_int_eq(recipe_load(&recipe, lost, &err), OK);
    ck_assert_int_eq(trainer_run(&recipe, &options, &err), ERR_INPUT);
    ck_assert_msg(strstr(err.message, "/nowhere/tiny") != NULL, "%s", err.message);
    recipe_free(&recipe);
    free(first);
    free(second);
    free(lost);
    finish();
}
END_TEST

START_TEST(the_loss_falls_and_the_log_says_so)
{
    struct error err;
    start();
    char *path = make_recipe("learns", 56), *log = in_folder("out-learns/tiny/train.jsonl"), *text;
    ck_assert_int_eq(train(path, false, NULL), OK);
    ck_assert_int_eq(file_read(&text, NULL, log, &err), OK);
    double first = 0, last = 0;
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        cJSON *entry = cJSON_ParseWithLength(line, (size_t)(end - line));
        last = cJSON_GetNumberValue(cJSON_GetObjectItem(entry, "loss"));
        first = first > 0 ? first : last;
        cJSON_Delete(entry);
    }
    ck_assert_msg(first > 4.0 && last < first - 0.5, "the loss went from %g to %g", first, last);
    free(path);
    free(log);
    free(text);
    finish();
}
END_TEST

START_TEST(threads_change_no_bit)
{
    struct error err = {0};
    start();
    char *one = make_recipe("one", 4), *two = make_recipe("two", 4);
    struct trainer_options options = {.threads = 3, .quiet = true};
    ck_assert_int_eq(train(one, false, NULL), OK);
    ck_assert_int_eq(try_to_train(two, &options, &err), OK);
    expect_same_file("out-one/tiny/model.safetensors", "out-two/tiny/model.safetensors");
    free(one);
    free(two);
    finish();
}
END_TEST

START_TEST(each_seed_trains_in_a_folder_of_its_own)
{
    start();
    char *several = make_recipe("several", 4), *single = make_recipe("single", 4);
    edit(several, "seed: 3", "seeds: [3, 4]");
    ck_assert_int_eq(train(several, false, NULL), OK);
    ck_assert_int_eq(train(single, false, NULL), OK);
    expect_same_file("out-several/seed-3/tiny/model.safetensors", "out-single/tiny/model.safetensors");
    ck_assert(result_of("out-several/seed-4/tiny/training.json", "seed") == 4 &&
              result_of("out-several/seed-4/tiny/training.json", "data_seed") == 4);
    double a = result_of("out-several/seed-3/tiny/training.json", "loss"),
           b = result_of("out-several/seed-4/tiny/training.json", "loss");
    ck_assert_msg(a != b && fabs(a - b) < 1, "seeds 3 and 4 end at %g and %g", a, b);
    free(several);
    free(single);
    finish();
}
END_TEST

START_TEST(a_finished_training_is_made_longer_and_gets_another_model)
{
    start();
    char *path = make_recipe("grows", 6);
    ck_assert_int_eq(train(path, false, NULL), OK); /* 6 + 4 steps */
    edit(path, "{steps: 4", "{steps: 9");
    ck_assert_int_eq(train(path, false, NULL), OK);
    ck_assert_double_eq(result_of("out-grows/tiny/training.json", "steps"), 15);
    ck_assert_double_eq(result_of("out-grows/tiny/training.json", "extended_from_steps"), 10);
    char *before = text_of("out-grows/tiny/training.json");
    edit(path, "models:\n",
         "models:\n  other: {model_type: llama, hidden_size: 32, num_hidden_layers: 1, num_attention_heads: 2, "
         "intermediate_size: 48}\n");
    ck_assert_int_eq(train(path, false, NULL), OK);
    char *after = text_of("out-grows/tiny/training.json");
    ck_assert_str_eq(before, after);
    ck_assert_double_eq(result_of("out-grows/other/training.json", "steps"), 15);
    edit(path, "{steps: 6", "{steps: 5"); /* but what it has done, it has done */
    expect_failure(path, "another recipe");
    free(before);
    free(after);
    free(path);
    finish();
}
END_TEST

START_TEST(other_data_are_another_training)
{
    static const char *const edits[][2] = {
        {"lr: 5.0e-3", "lr: 4.0e-3"}, {"seed: 3", "seed: 4"}, {"bytes: [60, 100]", "bytes: [60, 99]"}};
    sig_atomic_t stop = 1;
    start();
    char *corpus = in_folder("corpus.txt"), *book = NULL;
    struct error err = {0};
    size_t n;
    ck_assert_int_eq(file_read(&book, &n, "data/haystack/persuasion.txt", &err), OK);
    ck_assert_int_eq(file_write(corpus, book, n, &err), OK);
    for (size_t i = 0; i < 3; i++) {
        char *path = make_recipe("changed", 6);
        edit(path, "data/haystack/persuasion.txt", corpus);
        train(path, true, &stop);
        edit(path, edits[i][0], edits[i][1]);
        expect_failure(path, "other data");
        free(path);
    }
    char *path = make_recipe("changed", 6);
    edit(path, "data/haystack/persuasion.txt", corpus);
    train(path, true, &stop);
    book[n / 2] = book[n / 2] == 'x' ? 'y' : 'x'; /* the same name, other contents */
    ck_assert_int_eq(file_write(corpus, book, n, &err), OK);
    expect_failure(path, "other data");
    free(path);
    free(book);
    free(corpus);
    finish();
}
END_TEST

/* Two models' tensors whose names hold `part` differ, all others have the same bits. */
static void expect_changed(const char *a, const char *b, const char *part)
{
    struct model one, two;
    struct error err = {0};
    char *pa = in_folder(a), *pb = in_folder(b);
    ck_assert_msg(model_load(&one, pa, &err) == OK && model_unpack(&one, &err) == OK, "%s", err.message);
    ck_assert_msg(model_load(&two, pb, &err) == OK && model_unpack(&two, &err) == OK, "%s", err.message);
    for (size_t i = 0; i < one.weights.n_rows; i++) {
        const struct weight_row *row = &one.weights.rows[i];
        bool alike = strstr(row->name, part) == NULL;
        ck_assert_msg((memcmp(weights_floats(row), weights_floats(&two.weights.rows[i]), row->count * sizeof(float)) == 0) ==
                          alike,
                      "%s: %s in %s and %s", row->name, alike ? "differs" : "is the same", a, b);
    }
    model_free(&one);
    model_free(&two);
    free(pa);
    free(pb);
}

/* A model that begins with a folder of its own, whose config.json says what it is; what is frozen keeps its bits, and recomputing
 * changes none. */
START_TEST(a_model_goes_on_from_a_folder_with_frozen_tensors)
{
    start();
    char *first = make_recipe_with("first", 3, "1.0e-3", "keep_f32: true\n");
    ck_assert_int_eq(train(first, false, NULL), OK);
    char model[256];
    snprintf(model, sizeof model, "{start: %s/out-first/tiny, freeze: [\"*\", \"!*.mlp.*\"]}", folder);
    static const char *const more[] = {"keep_f32: true\n", "keep_f32: true\nrecompute: true\n"};
    static const char *const names[] = {"second", "third"};
    static const char old[] = "{model_type: diff_transformer, hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 2, "
                              "intermediate_size: 48, tie_word_embeddings: true}";
    for (int i = 0; i < 2; i++) {
        char *path = make_recipe_with(names[i], 3, "1.0e-2", more[i]);
        edit(path, old, model);
        ck_assert_int_eq(train(path, false, NULL), OK);
        free(path);
    }
    expect_changed("out-first/tiny", "out-second/tiny", ".mlp.");
    expect_same_file("out-second/tiny/model.safetensors", "out-third/tiny/model.safetensors");
    char *nothing = make_recipe_with("nothing", 3, "1.0e-2", "");
    edit(nothing, "tie_word_embeddings: true", "tie_word_embeddings: true, freeze: [\"*\"]");
    expect_failure(nothing, "freezes every tensor");
    free(first);
    free(nothing);
    finish();
}
END_TEST

START_TEST(a_start_with_other_heads_is_refused)
{
    start();
    char *first = make_recipe("first", 3), *second = make_recipe("second", 3), more[128];
    ck_assert_int_eq(train(first, false, NULL), OK);
    snprintf(more, sizeof more, "seed: 3\nstart: %s/out-first", folder);
    edit(second, "seed: 3", more);
    edit(second, "num_attention_heads: 2", "num_attention_heads: 4, head_dim: 4");
    expect_failure(second, "num_attention_heads");
    free(first);
    free(second);
    finish();
}
END_TEST

/* Makes all weights of a checkpoint one number, and takes its sum away where it should not be seen. */
static void spoil(const char *name, float value, bool seen)
{
    struct error err = {0};
    char *path = in_folder(name), *bytes = NULL;
    size_t n;
    struct tensor_file st;
    ck_assert_int_eq(safetensors_open(&st, path, &err), OK);
    const struct tensor *t = tensor_file_find(&st, "weights");
    size_t count = t->count;
    ck_assert_int_eq(file_read(&bytes, &n, path, &err), OK);
    for (size_t i = 0; i < count; i++) /* "weights" is the last tensor of the file */
        memcpy(bytes + n - (count - i) * sizeof value, &value, sizeof value);
    char *sum = memmem(bytes, n, "\"checksum\"", 10);
    ck_assert_ptr_nonnull(sum);
    sum[1] = seen ? 'c' : 'C';
    tensor_file_close(&st);
    ck_assert_int_eq(file_write(path, bytes, n, &err), OK);
    free(bytes);
    free(path);
}

START_TEST(a_loss_that_is_no_number_goes_back_once_and_stops)
{
    sig_atomic_t stop = 1;
    start();
    char *path = make_recipe("nan", 6);
    train(path, false, &stop);
    spoil("out-nan/tiny/checkpoint.safetensors", 3e38f, false); /* so large that no loss is a number */
    char *model = in_folder("out-nan/tiny/model.safetensors"), *before = NULL, *after = NULL;
    struct error err = {0};
    size_t n, m;
    ck_assert_int_eq(file_read(&before, &n, model, &err), OK);
    expect_failure(path, "again after going back to the last checkpoint");
    ck_assert_int_eq(file_read(&after, &m, model, &err), OK);
    ck_assert_msg(n == m && memcmp(before, after, n) == 0, "weights that are no numbers were written");
    free(before);
    free(after);
    free(model);
    free(path);
    finish();
}
END_TEST

START_TEST(a_damaged_checkpoint_is_refused)
{
    sig_atomic_t stop = 1;
    start();
    char *path = make_recipe("damaged", 6);
    train(path, false, &stop);
    spoil("out-damaged/tiny/checkpoint.safetensors", 0.5f, true);
    expect_failure(path, "checkpoint.safetensors: is damaged");
    spoil("out-damaged/tiny/checkpoint.safetensors", NAN, true);
    expect_failure(path, "tensor 'weights': a NaN or infinity at element 0");
    free(path);
    finish();
}
END_TEST

SUITE_MAIN("trainer", killed_training_ends_with_the_same_bits, a_training_starts_from_another_one,
           the_loss_falls_and_the_log_says_so, threads_change_no_bit, each_seed_trains_in_a_folder_of_its_own,
           a_finished_training_is_made_longer_and_gets_another_model, other_data_are_another_training,
           a_model_goes_on_from_a_folder_with_frozen_tensors, a_start_with_other_heads_is_refused,
           a_loss_that_is_no_number_goes_back_once_and_stops, a_damaged_checkpoint_is_refused)
