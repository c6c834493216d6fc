/* A folder of its own with a vocabulary and recipes of a tiny model. */
#ifndef DIFFTF_TESTS_TINY_RECIPE_H
#define DIFFTF_TESTS_TINY_RECIPE_H

#include "base/file.h"
#include "suite_main.h"
#include "train/bpe.h"
#include "train/recipe.h"

#include <string.h>
#include <unistd.h>

static char folder[64];

static inline char *in_folder(const char *name)
{
    return path_join(folder, name);
}

/* A vocabulary from the haystack and a recipe for a tiny model, with further lines. */
static inline char *make_recipe_with(const char *name, size_t steps, const char *rate, const char *more)
{
    struct error err = {0};
    struct text yaml = {0};
    char *tokenizer = in_folder("tokenizer"), *path = in_folder(name);
    const char *book[] = {"data/haystack/persuasion.txt"};
    if (!file_exists(tokenizer))
        ck_assert_msg(bpe_train(book, 1, 320, tokenizer, &err) == OK, "%s", err.message);
    text_printf(&yaml,
                "seed: 3\ntokenizer: %s\noutput: %s/out-%s\ncorpus: [data/haystack/persuasion.txt]\ncheckpoint_steps: "
                "2\nvalidation_steps: 5\n"
                "validation_sequences: 2\noptimizer: {lr: %s, warmup_steps: 2}\n%s"
                "models:\n  tiny: {model_type: diff_transformer, hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 2, "
                "intermediate_size: 48, tie_word_embeddings: true}\n"
                "stages:\n  - {steps: %zu, seq_len: 48, sequences: 2, mix: [{kind: text, bytes: [100, 200]}, {kind: pairs, "
                "bytes: [60, 100]}]}\n"
                "  - {steps: 4, seq_len: 64, sequences: 1, mix: [{kind: needles, bytes: [100, 200]}]}\n",
                tokenizer, folder, name, rate, more, steps);
    ck_assert_int_eq(file_write(path, yaml.data, yaml.len, &err), OK);
    text_free(&yaml);
    free(tokenizer);
    return path;
}

static inline char *make_recipe(const char *name, size_t steps)
{
    return make_recipe_with(name, steps, "5.0e-3", "");
}

/* Replaces the first `from` in a file of the folder. */
static inline void edit(const char *path, const char *from, const char *to)
{
    struct error err = {0};
    struct text edited = {0};
    char *text = NULL, *at = NULL;
    ck_assert_int_eq(file_read(&text, NULL, path, &err), OK);
    ck_assert_msg((at = strstr(text, from)) != NULL, "%s does not hold '%s'", path, from);
    text_add(&edited, text, (size_t)(at - text));
    text_puts(&edited, to);
    text_puts(&edited, at + strlen(from));
    ck_assert_int_eq(file_write(path, edited.data, edited.len, &err), OK);
    text_free(&edited);
    free(text);
}

static inline void start(void)
{
    strcpy(folder, "/tmp/difftf-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static inline void finish(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

#endif
