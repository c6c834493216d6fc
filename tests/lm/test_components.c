/* Each component of a tokenizer.json against what the tokenizers library makes of it (fixtures/make_tokenizers.py). */
#include "base/file.h"
#include "formats/json.h"
#include "lm/tokenizer.h"
#include "suite_main.h"

#include <string.h>

static const char *const NAMES[] = {"split-previous",
                                    "split-next-inverted",
                                    "split-contiguous",
                                    "split-removed",
                                    "punctuation",
                                    "whitespace",
                                    "bert",
                                    "delimiter",
                                    "word-end",
                                    "word-inside",
                                    "metaspace",
                                    "added-lowercase",
                                    "added-prefix",
                                    "processor"};

static void expect_line(const struct tokenizer *t, const char *name, const cJSON *line)
{
    struct ids ids = {0};
    struct error err = {0};
    const char *text = json_text(line, "text");
    const cJSON *id;
    size_t i = 0;
    ck_assert_msg(tokenizer_encode(t, text, strlen(text), true, &ids, &err) == OK, "%s: %s", name, err.message);
    cJSON_ArrayForEach(id, json_path(line, "ids"))
    {
        ck_assert_msg(i < ids.n && ids.data[i] == id->valueint, "%s: '%s': id %zu is %d, expected %d", name, text, i,
                      i < ids.n ? ids.data[i] : -1, id->valueint);
        i++;
    }
    ck_assert_msg(i == ids.n, "%s: '%s' gives %zu ids, expected %zu", name, text, ids.n, i);
    ids_free(&ids);
}

START_TEST(components_give_the_ids_of_the_library)
{
    for (size_t k = 0; k < sizeof NAMES / sizeof *NAMES; k++) {
        char folder[128], path[160], *text, *line;
        struct tokenizer *t;
        struct error err = {0};
        snprintf(folder, sizeof folder, FIXTURES "tokenizers/%s", NAMES[k]);
        snprintf(path, sizeof path, "%s/expected.jsonl", folder);
        ck_assert_msg(tokenizer_load(&t, folder, &err) == OK, "%s", err.message);
        ck_assert_msg(file_read(&text, NULL, path, &err) == OK, "%s", err.message);
        for (char *rest = text; (line = strsep(&rest, "\n")) != NULL && line[0] != '\0';) {
            cJSON *object = cJSON_Parse(line);
            expect_line(t, NAMES[k], object);
            cJSON_Delete(object);
        }
        free(text);
        tokenizer_free(t);
    }
}
END_TEST

/* Twice the text takes twice the time, not four times: a count of steps would need a hook, so the bound is generous. */
START_TEST(many_added_tokens_are_found_in_one_walk)
{
    struct tokenizer *t;
    struct error err = {0};
    struct text text = {0};
    struct ids ids = {0};
    ck_assert_msg(tokenizer_load(&t, FIXTURES "tokenizers/added-lowercase", &err) == OK, "%s", err.message);
    for (int i = 0; i < 50000; i++)
        text_puts(&text, "<|x|>hello ab ");
    ck_assert_int_eq(tokenizer_encode(t, text.data, text.len, false, &ids, &err), OK);
    ck_assert_uint_ge(ids.n, 100000);
    ids_free(&ids);
    text_free(&text);
    tokenizer_free(t);
}
END_TEST

SUITE_MAIN("components", components_give_the_ids_of_the_library, many_added_tokens_are_found_in_one_walk)
