/* Every stored input of every reader, seeds and what a fuzzer once found, and small changes of each: no crash, no leak, no hang.
 */
#include "fuzz/readers.c"

#include "base/random.h"
#include "suite_main.h"

#include <dirent.h>

enum { CHANGES = 40, GROWTH = 64 };

/* A few bytes overwritten, cut out, repeated or put in. */
static size_t change(char *bytes, size_t n, struct rng *rng)
{
    static const char *const words[] = {"null", "-1", "1e999", "\"", "{", "]", "\xff", ": ", "\n", "99999999999999999999"};
    for (uint64_t times = 1 + rng_below(rng, 4); times > 0 && n > 0; times--) {
        size_t at = (size_t)rng_below(rng, n), length = 1 + (size_t)rng_below(rng, 8);
        const char *word = words[rng_below(rng, sizeof words / sizeof *words)];
        length = length < n - at ? length : n - at;
        switch (rng_below(rng, 4)) {
        case 0:
            bytes[at] = (char)rng_below(rng, 256);
            break;
        case 1:
            memmove(bytes + at, bytes + at + length, n - at - length);
            n -= length;
            break;
        case 2:
            memmove(bytes + at + length, bytes + at, n - at);
            n += length;
            break;
        default:
            length = strlen(word) < n - at ? strlen(word) : n - at;
            memcpy(bytes + at, word, length);
        }
    }
    return n;
}

static size_t replay(const struct reader *reader)
{
    char directory[128];
    struct dirent *entry;
    struct error err;
    size_t files = 0;
    snprintf(directory, sizeof directory, "tests/fuzz/corpus/%s", reader->name);
    DIR *stream = opendir(directory);
    while (stream != NULL && (entry = readdir(stream)) != NULL) {
        char *path = path_join(directory, entry->d_name), *bytes;
        size_t n;
        if (entry->d_name[0] != '.') {
            ck_assert_msg(file_read(&bytes, &n, path, &err) == OK, "%s", err.message);
            reader_run(reader, bytes, n);
            char *changed = malloc(n + GROWTH);
            for (uint64_t i = 0; i < CHANGES; i++) {
                struct rng rng = rng_stream(1, path, i);
                memcpy(changed, bytes, n);
                reader_run(reader, changed, change(changed, n, &rng));
            }
            free(changed);
            free(bytes);
            files++;
        }
        free(path);
    }
    if (stream != NULL)
        closedir(stream);
    return files;
}

START_TEST(stored_inputs_are_read_or_refused)
{
    const struct reader *reader = &READERS[_i];
    reader_begin();
    size_t files = replay(reader);
    reader_end();
    ck_assert_msg(files > 0, "%s: there is no stored input", reader->name);
}
END_TEST

int main(void)
{
    startup();
    Suite *suite = suite_create("readers");
    TCase *tcase = tcase_create("all");
    int n = 0;
    while (READERS[n].name != NULL)
        n++;
    tcase_add_loop_test(tcase, stored_inputs_are_read_or_refused, 0, n);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
