/* Memory, random streams, files, text checks. */
#include "base/file.h"
#include "base/random.h"
#include "base/utf8.h"
#include "base/visible.h"
#include "suite_main.h"

#include <math.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

START_TEST(sizes_that_overflow_are_refused)
{
    size_t out;
    ck_assert(!size_mul(SIZE_MAX, 2, &out));
    ck_assert_ptr_null(mem_array(SIZE_MAX / 4, 8));
}
END_TEST

START_TEST(text_grows_and_keeps_its_end)
{
    struct text t = {0};
    for (int i = 0; i < 1000; i++)
        ck_assert(text_printf(&t, "%03d,", i));
    ck_assert_uint_eq(t.len, 4000);
    ck_assert_str_eq(t.data + 3996, "999,");
    text_free(&t);
}
END_TEST

START_TEST(streams_depend_on_seed_name_and_index)
{
    struct rng a = rng_stream(1, "x", 0), same = rng_stream(1, "x", 0), seed = rng_stream(2, "x", 0);
    struct rng name = rng_stream(1, "y", 0), index = rng_stream(1, "x", 1);
    uint64_t first = rng_u64(&a);
    ck_assert(first == rng_u64(&same));
    ck_assert(first != rng_u64(&seed) && first != rng_u64(&name) && first != rng_u64(&index));
}
END_TEST

START_TEST(splitmix_matches_its_published_vector)
{
    struct rng rng = {1234567}; /* first outputs of SplitMix64 seeded with 1234567, as published with the algorithm */
    ck_assert(rng_u64(&rng) == 6457827717110365317u);
    ck_assert(rng_u64(&rng) == 3203168211198807973u);
}
END_TEST

START_TEST(random_numbers_have_their_moments)
{
    struct rng rng = rng_stream(3, "moments", 0);
    double sum = 0, squares = 0, below = 0;
    for (int i = 0; i < 100000; i++) {
        double x = rng_normal(&rng);
        sum += x;
        squares += x * x;
        below += (double)rng_below(&rng, 7);
    }
    ck_assert(fabs(sum / 1e5) < 0.02 && fabs(squares / 1e5 - 1) < 0.03 && fabs(below / 1e5 - 3) < 0.03);
}
END_TEST

START_TEST(a_permutation_holds_every_index_once)
{
    struct rng rng = rng_stream(3, "order", 0);
    size_t order[50], seen[50] = {0};
    rng_permutation(&rng, order, 50);
    for (size_t i = 0; i < 50; i++)
        seen[order[i]]++;
    for (size_t i = 0; i < 50; i++)
        ck_assert_uint_eq(seen[i], 1);
}
END_TEST

START_TEST(utf8_is_checked)
{
    ck_assert(utf8_valid("na\xc3\xafve \xf0\x9f\x98\x80", 11));
    ck_assert(!utf8_valid("\xc0\x80", 2));         /* overlong */
    ck_assert(!utf8_valid("\xed\xa0\x80", 3));     /* surrogate */
    ck_assert(!utf8_valid("\xf4\x90\x80\x80", 4)); /* beyond U+10FFFF */
    ck_assert(!utf8_valid("abc\xe2\x82", 5));      /* cut off */
}
END_TEST

START_TEST(sha256_matches_the_standard)
{
    char hex[65];
    sha256_hex(hex, "abc", 3); /* FIPS 180-4 example */
    ck_assert_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
END_TEST

START_TEST(a_file_appears_whole_or_not_at_all)
{
    struct file_writer w;
    struct error err = {0};
    char *text;
    size_t length;
    char folder[] = "/tmp/difftf-test-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    char *path = path_join(folder, "file");
    ck_assert_int_eq(file_writer_open(&w, path, &err), OK);
    fputs("half", w.stream);
    file_writer_abort(&w);
    ck_assert(!file_exists(path));
    ck_assert_int_eq(file_write(path, "whole", 5, &err), OK);
    ck_assert_int_eq(file_read(&text, &length, path, &err), OK);
    ck_assert_str_eq(text, "whole");
    free(text);
    unlink(path);
    ck_assert_int_eq(rmdir(folder), 0); /* no temporary file is left */
    free(path);
}
END_TEST

START_TEST(a_missing_file_is_named)
{
    struct error err = {0};
    char *text;
    ck_assert_int_eq(file_read(&text, NULL, "/nonexistent/file", &err), ERR_INPUT);
    ck_assert_ptr_nonnull(strstr(err.message, "/nonexistent/file"));
}
END_TEST

START_TEST(hostile_characters_are_shown)
{
    static const struct {
        const char *text, *several, *one;
    } cases[] = {
        {"a\x1b[31mb\x7f", "a\\x1b[31mb\\x7f", "a\\x1b[31mb\\x7f"},
        {"x\n\ty\r", "x\n\ty\\x0d", "x\\n\\ty\\x0d"},
        {"\xc2\x9b"
         "31m",
         "\\u009b31m", "\\u009b31m"},                       /* CSI as one character */
        {"\xe2\x80\xae.txt", "\\u202e.txt", "\\u202e.txt"}, /* right to left */
        {"\xff\xc3", "\\xff\\xc3", "\\xff\\xc3"},           /* no UTF-8 */
        {"\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80", "\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80", "\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text out = {0};
        char copy[64], small[4];
        visible_text(&out, cases[i].text, false);
        ck_assert_str_eq(out.data, cases[i].several);
        out.len = 0;
        visible_text(&out, cases[i].text, true);
        ck_assert_str_eq(out.data, cases[i].one);
        visible_copy(copy, sizeof copy, cases[i].text);
        ck_assert_str_eq(copy, cases[i].one);
        visible_copy(small, sizeof small, cases[i].text);
        ck_assert_msg(strlen(small) < 4 && utf8_valid(small, strlen(small)), "case %zu is cut within a character", i);
        text_free(&out);
    }
}
END_TEST

SUITE_MAIN("base", hostile_characters_are_shown, sizes_that_overflow_are_refused, text_grows_and_keeps_its_end,
           streams_depend_on_seed_name_and_index, splitmix_matches_its_published_vector, random_numbers_have_their_moments,
           a_permutation_holds_every_index_once, utf8_is_checked, sha256_matches_the_standard, a_file_appears_whole_or_not_at_all,
           a_missing_file_is_named)
