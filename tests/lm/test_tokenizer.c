/* Byte-level BPE: merges by rank, added tokens, digits, decoding; broken files. */
#include "folder.h"
#include "lm/byte_level.h"
#include "lm/tokenizer.h"
#include "train/bpe.h"

#include <string.h>
#include <unistd.h>

static void remove_folder(void)
{
    static const char *const names[] = {"tokenizer.json", "tokenizer_config.json", "text"};
    for (size_t i = 0; i < 3; i++) {
        take_away(names[i]);
    }
    ck_assert_int_eq(rmdir(folder), 0);
}

/* A vocabulary made by hand: a b c d space-a (as U+0120), ab, abc, cd, and one added token. */
#define VOCAB "\"a\":0,\"b\":1,\"c\":2,\"d\":3,\"\u0120\":4,\"ab\":5,\"abc\":6,\"cd\":7,\"\u0120a\":8"
#define DOCUMENT(merges, more)                                                                                                   \
    "{\"added_tokens\":[{\"id\":9,\"content\":\"<end>\",\"special\":true},{\"id\":10,\"content\":\"<end>x\",\"special\":false,"  \
    "\"normalized\":false}]"                                                                                                     \
    ","                                                                                                                          \
    "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":true}," more                             \
    "\"model\":{\"type\":\"BPE\",\"vocab\":{" VOCAB "},\"merges\":[" merges "]}}"
#define MERGES "\"c d\",\"a b\",[\"ab\",\"c\"],\"\u0120 a\""

static void expect_ids(const struct tokenizer *t, const char *text, bool special, const int32_t *want, size_t n)
{
    struct ids ids = {0};
    struct error err = {0};
    ck_assert_msg(tokenizer_encode(t, text, strlen(text), special, &ids, &err) == OK, "%s", err.message);
    ck_assert_msg(ids.n == n, "'%s' gives %zu ids, expected %zu", text, ids.n, n);
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(ids.data[i] == want[i], "'%s': id %zu is %d, expected %d", text, i, ids.data[i], want[i]);
    ids_free(&ids);
}
#define IDS(t, text, ...)                                                                                                        \
    do {                                                                                                                         \
        const int32_t expected[] = {__VA_ARGS__};                                                                                \
        expect_ids(t, text, false, expected, sizeof expected / sizeof *expected);                                                \
    } while (0)

START_TEST(merges_go_by_rank)
{
    struct tokenizer *t;
    struct error err = {0};
    setup_folder();
    put_text("tokenizer.json", DOCUMENT(MERGES, ""));
    ck_assert_msg(tokenizer_load(&t, folder, &err) == OK, "%s", err.message);
    IDS(t, "ab", 5);
    IDS(t, "abc", 6);
    IDS(t, "abcd", 5, 7); /* c d comes before ab c */
    IDS(t, "ababcab", 5, 6, 5);
    IDS(t, "a a", 0, 8);
    IDS(t, "b  a", 1, 4, 8);
    IDS(t, "ab<end>abc", 5, 9, 6);
    IDS(t, "<end>x<end>", 10, 9); /* the longest added token */
    expect_ids(t, "", false, NULL, 0);
    tokenizer_free(t);
    remove_folder();
}
END_TEST

START_TEST(a_template_adds_special_tokens)
{
    struct tokenizer *t;
    struct error err = {0};
    const int32_t want[] = {9, 5};
    setup_folder();
    put_text("tokenizer.json",
             DOCUMENT(MERGES,
                      "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<end>\"}},"
                      "{\"Sequence\":{\"id\":\"A\"}}]},"));
    ck_assert_msg(tokenizer_load(&t, folder, &err) == OK, "%s", err.message);
    expect_ids(t, "ab", true, want, 2);
    IDS(t, "ab", 5);
    tokenizer_free(t);
    remove_folder();
}
END_TEST

/* Encodes and decodes again. */
static void expect_round(struct tokenizer *t, const char *text, const int32_t *want, size_t n)
{
    struct ids ids = {0};
    struct text back = {0};
    struct error err = {0};
    expect_ids(t, text, false, want, n);
    ck_assert_int_eq(tokenizer_encode(t, text, strlen(text), false, &ids, &err), OK);
    ck_assert_int_eq(tokenizer_decode(t, ids.data, ids.n, true, &back, &err), OK);
    ck_assert_str_eq(back.data, text);
    ids_free(&ids);
    text_free(&back);
}

/* A vocabulary of characters with bytes to fall back on, as Llama 2 and Mistral have. */
START_TEST(characters_fall_back_on_bytes)
{
    struct tokenizer *t;
    struct error err = {0};
    setup_folder();
    put_text(
        "tokenizer.json",
        "{\"added_tokens\":[{\"id\":1,\"content\":\"<s>\",\"special\":true},"
        "{\"id\":9,\"content\":\"\xe2\x96\x81\xe2\x96\x81\",\"special\":false,\"normalized\":false}],"
        "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\",\"prepend\":\"\xe2\x96\x81\"},"
        "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"\xe2\x96\x81\"}]},\"pre_tokenizer\":null,"
        "\"decoder\":{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\",\"pattern\":{\"String\":\"\xe2\x96\x81\"},"
        "\"content\":\" \"},{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"},{\"type\":\"Strip\",\"content\":\" \",\"start\":1,"
        "\"stop\":0}]},"
        "\"model\":{\"type\":\"BPE\",\"unk_token\":\"<unk>\",\"fuse_unk\":true,\"byte_fallback\":true,"
        "\"vocab\":{\"<unk>\":0,\"<s>\":1,\"<0xC3>\":2,\"<0xA9>\":3,\"\xe2\x96\x81\":4,\"a\":5,\"b\":6,\"\xe2\x96\x81"
        "a\":7,\"ab\":8},"
        "\"merges\":[\"\xe2\x96\x81 a\",\"a b\"]}}");
    ck_assert_msg(tokenizer_load(&t, folder, &err) == OK, "%s", err.message);
    const int32_t one[] = {7, 6, 7}, bytes[] = {4, 6, 2, 3}, blanks[] = {4, 4, 7}, unknown[] = {7, 0, 6}, special[] = {7, 1, 7};
    expect_round(t, "ab a", one, 3);
    expect_round(t, "b\xc3\xa9", bytes, 4);
    expect_round(t, "  a", blanks, 3);
    expect_ids(t, "axyb", false, unknown, 3); /* x and y have no token and no bytes: one unknown */
    expect_ids(t, "a<s>a", false, special, 3);
    const int32_t added[] = {7, 9, 5};
    struct text text = {0};
    ck_assert_int_eq(tokenizer_decode(t, added, 3, true, &text, &err), OK);
    ck_assert_str_eq(text.data, "a  a"); /* added tokens (Gemma's runs of blanks) decode as the others do */
    text_free(&text);
    tokenizer_free(t);
    remove_folder();
}
END_TEST

START_TEST(metaspace_cuts_at_blanks)
{
    struct tokenizer *t;
    struct error err = {0};
    setup_folder();
    put_text("tokenizer.json",
             "{\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\xe2\x96\x81\",\"prepend_scheme\":\"first\","
             "\"split\":true},\"decoder\":{\"type\":\"Metaspace\",\"replacement\":\"\xe2\x96\x81\",\"prepend_scheme\":"
             "\"first\"},\"added_tokens\":[{\"id\":4,\"content\":\"<s>\",\"special\":true}],"
             "\"model\":{\"type\":\"BPE\",\"vocab\":{\"\xe2\x96\x81\":0,\"a\":1,\"\xe2\x96\x81"
             "a\":2,\"a\xe2\x96\x81\":3},\"merges\":[\"a \xe2\x96\x81\",\"\xe2\x96\x81 a\"]}}");
    ck_assert_msg(tokenizer_load(&t, folder, &err) == OK, "%s", err.message);
    const int32_t two[] = {2, 2}, later[] = {2, 4, 1};
    expect_round(t, "a a", two, 2); /* "a_" would be merged first, but a piece ends before each blank */
    expect_ids(t, "a<s>a", false, later, 3);
    tokenizer_free(t);
    remove_folder();
}
END_TEST

START_TEST(a_split_and_a_unicode_form)
{
    struct tokenizer *t;
    struct error err = {0};
    setup_folder();
    put_text("tokenizer.json",
             "{\"normalizer\":{\"type\":\"NFC\"},\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\","
             "\"pattern\":{\"Regex\":\"\\\\p{N}{1,2}\"},\"behavior\":\"Isolated\",\"invert\":false},"
             "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}]},"
             "\"model\":{\"type\":\"BPE\",\"vocab\":{\"1\":0,\"2\":1,\"12\":2,\"21\":3,\"\xc3\x83\":4,\"\xc2\xa9\":5},"
             "\"merges\":[\"2 1\",\"1 2\"]}}");
    ck_assert_msg(tokenizer_load(&t, folder, &err) == OK, "%s", err.message);
    const int32_t pairs[] = {2, 2, 0}, composed[] = {4, 5};
    expect_ids(t, "12121", false, pairs, 3);        /* 12|12|1, though "21" has the lower rank */
    expect_ids(t, "e\xcc\x81", false, composed, 2); /* e and an accent are one character, of two bytes */
    tokenizer_free(t);
    remove_folder();
}
END_TEST

START_TEST(broken_tokenizers_are_named)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "JSON"},
        {"{}", "model"},
        {"{\"model\":{\"type\":\"WordPiece\"}}", "WordPiece"},
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{}}}", "merges"},
        {"{\"normalizer\":{\"type\":\"Bert\"},\"model\":{\"type\":\"BPE\",\"vocab\":{},\"merges\":[]}}", "normalizer"},
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{},\"merges\":[]}}", "vocab"},
        {"{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(\"}},\"model\":{\"vocab\":{},\"merges\":[]}}",
         "pattern"},
        {"{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{}},\"model\":{\"vocab\":{},\"merges\":[]}}", "pattern"},
        {"{\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"(\"},\"content\":\"b\"},\"model\":{\"vocab\":{},"
         "\"merges\":[]}}",
         "pattern"},
        {"{\"pre_tokenizer\":{\"type\":\"UnicodeScripts\"},\"model\":{\"type\":\"BPE\",\"vocab\":{},\"merges\":[]}}",
         "UnicodeScripts"},
        {DOCUMENT("\"a z\"", ""), "merge 0"},
        {DOCUMENT("\"ab\"", ""), "merge 0"},
        {DOCUMENT("7", ""), "merge 0"},
        {"{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"model\":{\"vocab\":{\"a\":-1},\"merges\":[]}}", "'a'"},
        {"{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"model\":{\"vocab\":{\"a\":99999999999},\"merges\":[]}}", "'a'"},
        {"{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"model\":{\"vocab\":{\"a\":1,\"b\":1},\"merges\":[]}}", "'b'"},
        {"\xff", "UTF-8"},
    };
    struct tokenizer *t;
    setup_folder();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = {0};
        put_text("tokenizer.json", cases[i].text);
        ck_assert_msg(tokenizer_load(&t, folder, &err) == ERR_INPUT, "case %zu was read", i);
        ck_assert_msg(strstr(err.message, cases[i].says) && strstr(err.message, "tokenizer.json"), "'%s' does not name '%s'",
                      err.message, cases[i].says);
    }
    remove_folder();
}
END_TEST

START_TEST(a_learned_vocabulary_round_trips)
{
    struct tokenizer *t;
    struct error err = {0};
    struct ids ids = {0};
    struct text back = {0};
    char *text;
    const char *hard = "The 1234567th cat's  hat\n\n\xe2\x80\x94 na\xc3\xafve\t\xf0\x9f\x98\x80 <|endoftext|>don't";
    setup_folder();
    put_text("text", "the cat sat on the mat, the cat sat on the hat. the number is 1234 and the number is 1234.");
    text = path_join(folder, "text");
    const char *paths[] = {text};
    ck_assert_msg(bpe_train(paths, 1, 300, folder, &err) == OK, "%s", err.message);
    ck_assert_msg(tokenizer_load(&t, folder, &err) == OK, "%s", err.message);
    ck_assert_int_eq(tokenizer_encode(t, hard, strlen(hard), false, &ids, &err), OK);
    ck_assert_int_eq(tokenizer_decode(t, ids.data, ids.n, true, &back, &err), OK);
    ck_assert_str_eq(back.data, hard);
    ids.n = back.len = 0;
    ck_assert_int_eq(tokenizer_encode(t, " the cat1234", 12, false, &ids, &err), OK);
    ck_assert_uint_eq(ids.n, 6); /* two words, four digits one by one */
    ck_assert(tokenizer_added(t, END_OF_TEXT) == (int32_t)tokenizer_size(t) - 1);
    ck_assert_int_eq(tokenizer_encode(t, "\xff", 1, false, &ids, &err), ERR_INPUT);
    ids_free(&ids);
    text_free(&back);
    tokenizer_free(t);
    free(text);
    remove_folder();
}
END_TEST

START_TEST(every_byte_has_its_own_character)
{
    bool seen[400] = {false};
    for (int b = 0; b < 256; b++) {
        uint32_t c = byte_level_char((unsigned char)b);
        ck_assert(c < 324 && !seen[c]);
        seen[c] = true;
    }
    ck_assert(byte_level_char(' ') == 0x120 && byte_level_char('\n') == 0x10a && byte_level_char('A') == 'A' &&
              byte_level_char(0xad) == 0x143);
}
END_TEST

START_TEST(a_long_piece_takes_no_quadratic_time)
{
    struct tokenizer *t;
    struct error err = {0};
    struct ids ids = {0};
    size_t n = 400000;
    char *text = malloc(n + 1);
    setup_folder();
    put_text("tokenizer.json", DOCUMENT(MERGES, ""));
    ck_assert_int_eq(tokenizer_load(&t, folder, &err), OK);
    for (size_t i = 0; i < n; i++)
        text[i] = "abc"[i % 3];
    ck_assert_int_eq(tokenizer_encode(t, text, n, false, &ids, &err), OK);
    ck_assert_uint_eq(ids.n, n / 3 + 1);
    ids_free(&ids);
    free(text);
    tokenizer_free(t);
    remove_folder();
}
END_TEST

SUITE_MAIN("tokenizer", characters_fall_back_on_bytes, metaspace_cuts_at_blanks, a_split_and_a_unicode_form, merges_go_by_rank,
           a_template_adds_special_tokens, broken_tokenizers_are_named, a_learned_vocabulary_round_trips,
           every_byte_has_its_own_character, a_long_piece_takes_no_quadratic_time)
