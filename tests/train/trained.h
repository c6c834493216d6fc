/* trained.h - recipes trained in a temporary folder, and what they left there; for the suites of the trainer. */
#ifndef TESTS_TRAIN_TRAINED_H
#define TESTS_TRAIN_TRAINED_H

#include "base/file.h"
#include "model/model.h"
#include "tiny_recipe.h"
#include "train/run.h"
#include "train/trainer.h"
#include <math.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static inline enum status try_to_train(const char *path, const struct trainer_options *options, struct error *err)
{
    struct recipe recipe;
    enum status status = recipe_load(&recipe, path, err);
    ck_assert_msg(status == OK, "%s", err->message);
    status = trainer_run(&recipe, options, err);
    recipe_free(&recipe);
    return status;
}

static inline enum status train(const char *path, bool fresh, const volatile sig_atomic_t *stop)
{
    struct error err = {0};
    struct trainer_options options = {.threads = 1, .quiet = true, .fresh = fresh, .stop = stop};
    enum status status = try_to_train(path, &options, &err);
    ck_assert_msg(status == OK || status == ERR_STOPPED, "%s", err.message);
    return status;
}

/* Training is refused or fails with a message that says so. */
static inline void expect_failure(const char *path, const char *says)
{
    struct error err = {0};
    struct trainer_options options = {.threads = 1, .quiet = true};
    ck_assert_int_eq(try_to_train(path, &options, &err), ERR_INPUT);
    ck_assert_msg(strstr(err.message, says) != NULL, "'%s' does not say '%s'", err.message, says);
}

/* A file of the folder; the caller frees it. */
static inline char *text_of(const char *name)
{
    struct error err = {0};
    char *path = in_folder(name), *text = NULL;
    ck_assert_msg(file_read(&text, NULL, path, &err) == OK, "%s", err.message);
    free(path);
    return text;
}

/* A log without the speeds, which differ from run to run and are the last of each line. */
static inline char *log_of(const char *name)
{
    char *text = text_of(name), *to = text;
    for (const char *from = text; *from != '\0';) {
        bool speed = strncmp(from, "\"tokens_per_second\"", 19) == 0;
        from += speed ? strcspn(from, "}") : 0;
        *to++ = *from++;
    }
    *to = '\0';
    return text;
}

/* A number of training.json. */
static inline double result_of(const char *name, const char *key)
{
    char *text = text_of(name);
    cJSON *json = cJSON_Parse(text);
    double value = json_real(json, key);
    cJSON_Delete(json);
    free(text);
    return value;
}

static inline void expect_same_file(const char *a, const char *b)
{
    struct error err;
    char *pa = in_folder(a), *pb = in_folder(b), *ta, *tb;
    size_t na, nb;
    ck_assert_int_eq(file_read(&ta, &na, pa, &err), OK);
    ck_assert_int_eq(file_read(&tb, &nb, pb, &err), OK);
    ck_assert_msg(na == nb && memcmp(ta, tb, na) == 0, "%s and %s differ", a, b);
    free(pa);
    free(pb);
    free(ta);
    free(tb);
}

#endif
