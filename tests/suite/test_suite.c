/* Options, the journal, the haystack, and what is held out of training. */
#include "base/file.h"
#include "lm/holdout.h"
#include "suite/haystack.h"
#include "suite/journal.h"
#include "suite/options.h"
#include "suite_main.h"
#include "train/documents.h"

#include <string.h>
#include <unistd.h>

static const struct option_spec OPTIONS[] = {
    {"depths", OPTION_NUMBERS, "0,50", 0, 100, "LIST", "depths", false, 0},
    {"samples", OPTION_INT, "50", 1, 1000, "N", "samples", false, 0},
    {"needles", OPTION_RATIOS, "1/1", 1, 50, "LIST", "needles", false, 0},
    {"model", OPTION_STRINGS, NULL, 0, 0, "NAME=DIR", "model", false, 0},
    {"quiet", OPTION_FLAG, NULL, 0, 0, NULL, "quiet", true, 0},
    {"config", OPTION_STRING, NULL, 0, 0, "FILE", "file", true, 0},
    OPTIONS_END,
};

/* Parses a line of words; the JSON of the values, or the error's message. */
static char *parse(const char *line, enum status *status)
{
    char copy[512], *words[32], *save = NULL;
    int n = 0;
    struct error err = {0};
    cJSON *values;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *w = strtok_r(copy, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
        words[n++] = w;
    *status = options_parse(&values, NULL, NULL, OPTIONS, n, words, &err);
    char *out = *status == OK ? cJSON_PrintUnformatted(values) : strdup(err.message);
    cJSON_Delete(values);
    return out;
}

static void expect_parse(const char *line, enum status want, const char *says)
{
    enum status status;
    char *out = parse(line, &status);
    ck_assert_msg(status == want && strstr(out, says) != NULL, "'%s' gives %d '%s', expected %d '%s'", line, (int)status, out,
                  (int)want, says);
    free(out);
}

START_TEST(options_are_read_checked_and_suggested)
{
    expect_parse("", OK, "{\"depths\":[0,50],\"samples\":50,\"needles\":[\"1/1\"],\"quiet\":false}");
    expect_parse("--depths 0,12.5,100 --samples=7 --quiet", OK,
                 "{\"needles\":[\"1/1\"],\"depths\":[0,12.5,100],\"samples\":7,\"quiet\":true}");
    expect_parse("--needles 6/2,8/1 --model a=b --model c=d", OK, "\"needles\":[\"6/2\",\"8/1\"],\"model\":[\"a=b\",\"c=d\"]");
    expect_parse("--depths 0,101", ERR_USAGE, "--depths: '0,101' is wrong, expected comma-separated numbers from 0 to 100");
    expect_parse("--depths 0,,5", ERR_USAGE, "--depths");
    expect_parse("--depths nan", ERR_USAGE, "--depths");
    expect_parse("--samples 1.5", ERR_USAGE, "an integer from 1 to 1000");
    expect_parse("--samples 5x", ERR_USAGE, "--samples");
    expect_parse("--needles 2/3", ERR_USAGE, "N/R");
    expect_parse("--samples", ERR_USAGE, "missing");
    expect_parse("--smaples 5", ERR_USAGE, "did you mean --samples?");
    expect_parse("--quiet=1", ERR_USAGE, "no value");
    expect_parse("word", ERR_USAGE, "word");
}
END_TEST

START_TEST(a_file_gives_defaults_and_the_line_wins)
{
    struct error err = {0};
    char path[64], line[200];
    snprintf(path, sizeof path, "/tmp/difftf-test-%ld.yaml", (long)getpid());
    const char *yaml = "depths: [10, 20]\nsamples: 3\nmodel: [x=y]\n";
    ck_assert_int_eq(file_write(path, yaml, strlen(yaml), &err), OK);
    snprintf(line, sizeof line, "--samples 4 --config %s", path);
    expect_parse(line, OK, "\"depths\":[10,20],\"model\":[\"x=y\"]");
    expect_parse(line, OK, "\"samples\":4");
    ck_assert_int_eq(file_write(path, "smaples: 3\n", 11, &err), OK);
    expect_parse(line, ERR_INPUT, "samples");
    unlink(path);
}
END_TEST

START_TEST(a_journal_survives_a_torn_end)
{
    struct journal j;
    struct error err = {0};
    char path[64];
    cJSON *result = cJSON_Parse("{\"score\":0.5,\"output\":\"line\\n2\"}");
    snprintf(path, sizeof path, "/tmp/difftf-test-%ld.journal", (long)getpid());
    unlink(path);
    ck_assert_int_eq(journal_open(&j, path, "digest", false, &err), OK);
    ck_assert_int_eq(journal_add(&j, "item1", "model", result, &err), OK);
    ck_assert_int_eq(journal_add(&j, "item2", "model", result, &err), OK);
    struct journal second;
    ck_assert_int_eq(journal_open(&second, path, "digest", false, &err), ERR_SYSTEM); /* in use */
    journal_close(&j, false);
    char *text;
    size_t n;
    ck_assert_int_eq(file_read(&text, &n, path, &err), OK);
    for (size_t cut = 0; cut < 20; cut++) { /* whatever the kill left of the last line; all but its end is enough */
        ck_assert_int_eq(file_write(path, text, n - 1 - cut, &err), OK);
        ck_assert_int_eq(journal_open(&j, path, "digest", false, &err), OK);
        ck_assert_uint_eq(j.damaged, 0);
        ck_assert(cJSON_Compare(journal_find(&j, "item1", "model"), result, true));
        ck_assert((journal_find(&j, "item2", "model") != NULL) == (cut == 0));
        ck_assert_int_eq(journal_add(&j, "item2", "model", result, &err), OK);
        journal_close(&j, false);
        ck_assert_int_eq(journal_open(&j, path, "digest", false, &err), OK);
        ck_assert_ptr_nonnull(journal_find(&j, "item2", "model"));
        journal_close(&j, false);
    }
    text[n - 5] ^= 1; /* a flipped bit */
    ck_assert_int_eq(file_write(path, text, n, &err), OK);
    ck_assert_int_eq(journal_open(&j, path, "digest", false, &err), OK);
    ck_assert_ptr_null(journal_find(&j, "item2", "model"));
    journal_close(&j, false);
    ck_assert_int_eq(journal_open(&j, path, "another", false, &err), ERR_INPUT);
    ck_assert_ptr_nonnull(strstr(err.message, "--fresh"));
    ck_assert_int_eq(journal_open(&j, path, "another", true, &err), OK);
    ck_assert_ptr_null(journal_find(&j, "item1", "model"));
    journal_close(&j, true);
    ck_assert(!file_exists(path));
    cJSON_Delete(result);
    free(text);
}
END_TEST

/* Without waiting for the disk, which file_write does. */
static void put(const char *path, const char *text, size_t n)
{
    FILE *f = fopen(path, "wbe");
    ck_assert(f != NULL && fwrite(text, 1, n, f) == n && fclose(f) == 0);
}

/* Writes a journal with items 0 .. n - 1; its text, which the caller frees. */
static char *write_journal(const char *path, int n, size_t *length)
{
    struct journal j;
    struct error err = {0};
    char item[16], *text;
    cJSON *result = cJSON_Parse("{\"output\":\"0badf00d {\\\"a\\\":1}\"}");
    unlink(path);
    ck_assert_int_eq(journal_open(&j, path, "0123456789abcdef", false, &err), OK);
    for (int i = 0; i < n; i++) {
        snprintf(item, sizeof item, "item%d", i);
        ck_assert_int_eq(journal_add(&j, item, "model", result, &err), OK);
    }
    journal_close(&j, false);
    ck_assert_int_eq(file_read(&text, length, path, &err), OK);
    cJSON_Delete(result);
    return text;
}

/* Whatever byte is damaged, every item but that of its line is there, and the file is not cut. */
START_TEST(a_journal_keeps_every_good_line)
{
    enum { ITEMS = 4 };
    struct journal j;
    struct error err = {0};
    char path[64], item[16], *after;
    size_t n, n_after;
    snprintf(path, sizeof path, "/tmp/difftf-test-%ld.journal", (long)getpid());
    char *text = write_journal(path, ITEMS, &n);
    int line = -1; /* the header */
    for (size_t at = 0; at < n; at++) {
        char was = text[at];
        bool end = was == '\n';
        text[at] ^= 1;
        put(path, text, n);
        ck_assert_msg(journal_open(&j, path, "0123456789abcdef", false, &err) == OK, "byte %zu: %s", at, err.message);
        for (int i = 0; i < ITEMS; i++) {
            snprintf(item, sizeof item, "item%d", i);
            bool lost = journal_find(&j, item, "model") == NULL;
            ck_assert_msg(lost == (i == line && (!end || at + 1 == n)), "byte %zu of line %d: item %d", at, line, i);
        }
        ck_assert_uint_eq(j.damaged, at + 1 < n && !end);
        journal_close(&j, false);
        ck_assert_int_eq(file_read(&after, &n_after, path, &err), OK);
        ck_assert_msg(at + 1 == n || n_after == n, "byte %zu: %zu bytes are left of %zu", at, n_after, n);
        free(after);
        text[at] = was;
        line += end;
    }
    free(text);
    unlink(path);
}
END_TEST

START_TEST(a_file_that_is_no_journal_is_left_alone)
{
    static const char *const files[] = {"hello", "hello\n", "12345678 {\"digest\":\"damaged\"}\n", "{\"schema\":1}", "\n"};
    struct journal j;
    struct error err = {0};
    char path[64], *text;
    size_t n;
    snprintf(path, sizeof path, "/tmp/difftf-test-%ld.journal", (long)getpid());
    for (size_t i = 0; i < 2 * sizeof files / sizeof *files; i++) {
        const char *file = files[i / 2];
        put(path, file, strlen(file));
        ck_assert_msg(journal_open(&j, path, "digest", i % 2, &err) == ERR_INPUT, "%s", file);
        ck_assert_ptr_nonnull(strstr(err.message, "is no journal"));
        ck_assert_int_eq(file_read(&text, &n, path, &err), OK);
        ck_assert_str_eq(text, file);
        free(text);
    }
    text = write_journal(path, 0, &n); /* a first line that a kill has torn is no stranger */
    for (size_t cut = 0; cut < n - 1; cut++) {
        put(path, text, cut);
        ck_assert_msg(journal_open(&j, path, "another run", false, &err) == OK, "%zu: %s", cut, err.message);
        journal_close(&j, true);
    }
    free(text);
}
END_TEST

START_TEST(half_of_the_numbers_are_held_out)
{
    struct rng rng = rng_stream(1, "numbers", 0);
    for (int i = 0; i < 2000; i++) {
        long training = holdout_number(&rng, 7, false), evaluation = holdout_number(&rng, 7, true);
        ck_assert(training >= 1000000 && training <= 9999999 && evaluation >= 1000000 && evaluation <= 9999999);
        ck_assert((hash_u64((uint64_t)training) & 1) == 0 && (hash_u64((uint64_t)evaluation) & 1) == 1);
    }
}
END_TEST

START_TEST(training_documents_hold_no_test_city_and_no_test_number)
{
    struct corpus corpus;
    struct error err = {0};
    const char *book[] = {"data/haystack/persuasion.txt"}; /* any text: here only the generated parts matter */
    ck_assert_int_eq(corpus_load(&corpus, book, 1, &err), OK);
    for (const struct document_kind *k = DOCUMENT_KINDS; k->name != NULL; k++)
        for (uint64_t i = 0; i < 200; i++) {
            struct rng rng = rng_stream(9, k->name, i), again = rng;
            struct text a = {0}, b = {0};
            k->write(&a, &corpus, &rng, 400);
            k->write(&b, &corpus, &again, 400);
            ck_assert_msg(strcmp(a.data, b.data) == 0, "%s: the same seed gives another document", k->name);
            for (size_t c = 0; c < N_HOLDOUT_CITIES && strcmp(k->name, "text") != 0; c++) {
                char needle[64];
                snprintf(needle, sizeof needle, "magic %s number", HOLDOUT_CITIES[c]);
                ck_assert_msg(strstr(a.data, needle) == NULL, "%s asks for %s", k->name, HOLDOUT_CITIES[c]);
            }
            for (const char *p = a.data; *p != '\0';) {
                size_t digits = strspn(p, "0123456789");
                if (digits == 7)
                    ck_assert_msg((hash_u64((uint64_t)strtol(p, NULL, 10)) & 1) == 0, "%s holds the test number %.7s", k->name,
                                  p);
                p += digits ? digits : 1;
            }
            text_free(&a);
            text_free(&b);
        }
    corpus_free(&corpus);
}
END_TEST

START_TEST(a_missing_haystack_is_named)
{
    struct haystack h;
    struct error err = {0};
    ck_assert_int_eq(haystack_load(&h, "/nonexistent.txt", &err), ERR_INPUT);
    ck_assert_ptr_nonnull(strstr(err.message, "/nonexistent.txt"));
    ck_assert_int_eq(haystack_load(&h, FIXTURES "llama-mha/model.safetensors", &err), ERR_INPUT);
    ck_assert_ptr_nonnull(strstr(err.message, "UTF-8"));
    ck_assert_int_eq(haystack_load(&h, "tests/suite", &err), OK); /* a folder of text files */
    haystack_free(&h);
}
END_TEST

SUITE_MAIN("suite", options_are_read_checked_and_suggested, a_file_gives_defaults_and_the_line_wins,
           a_journal_survives_a_torn_end, a_journal_keeps_every_good_line, a_file_that_is_no_journal_is_left_alone,
           half_of_the_numbers_are_held_out, training_documents_hold_no_test_city_and_no_test_number, a_missing_haystack_is_named)
