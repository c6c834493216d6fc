/* Tokenizers from other files than tokenizer.json: SentencePiece models against SentencePiece itself, .tiktoken files. */
#include "folder.h"
#include "formats/json.h"
#include "lm/tokenizer.h"

#include <nettle/base64.h>
#include <string.h>
#include <unistd.h>

/* Every line of the fixture: ids as SentencePiece has them, and the text that it decodes them to. */
static void check_sentencepiece(const char *model, const char *name)
{
    struct tokenizer *t;
    struct error err = {0};
    char path[128], *lines;
    size_t length, n = 0;
    ck_assert_msg(tokenizer_load(&t, model, &err) == OK, "%s", err.message);
    snprintf(path, sizeof path, FIXTURES "sentencepiece/%s/expected.jsonl", name);
    ck_assert_msg(file_read(&lines, &length, path, &err) == OK, "%s", err.message);
    for (char *line = strtok(lines, "\n"); line != NULL; line = strtok(NULL, "\n"), n++) {
        cJSON *root;
        struct ids ids = {0};
        struct text back = {0};
        ck_assert_int_eq(json_parse(&root, path, line, strlen(line), &err), OK);
        const char *text = json_text(root, "text"), *want = json_text(root, "back");
        const cJSON *expected = json_path(root, "ids");
        if (strstr(model, ".gguf") != NULL && strstr(text, "<s>") != NULL) { /* there, spelled-out controls are meant */
            cJSON_Delete(root);
            continue;
        }
        ck_assert_int_eq(tokenizer_encode(t, text, strlen(text), false, &ids, &err), OK);
        ck_assert_msg(ids.n == (size_t)cJSON_GetArraySize(expected), "'%s' gives %zu ids, expected %d", text, ids.n,
                      cJSON_GetArraySize(expected));
        for (size_t i = 0; i < ids.n; i++)
            ck_assert_msg(ids.data[i] == cJSON_GetArrayItem(expected, (int)i)->valueint, "'%s': id %zu is %d, expected %d", text,
                          i, ids.data[i], cJSON_GetArrayItem(expected, (int)i)->valueint);
        ck_assert_int_eq(tokenizer_decode(t, ids.data, ids.n, true, &back, &err), OK);
        if (strncmp(text, "\xe2\x96\x81", 3) != 0) /* a spelled-out blank at the start is dropped by SentencePiece alone */
            ck_assert_str_eq(back.data, want);
        cJSON_Delete(root);
        ids_free(&ids);
        text_free(&back);
    }
    ck_assert_uint_gt(n, 10);
    free(lines);
    tokenizer_free(t);
}

START_TEST(sentencepiece_bpe_as_it_is_and_within_gguf)
{
    check_sentencepiece(FIXTURES "sentencepiece/bpe", "bpe");
    check_sentencepiece(FIXTURES "gguf/llama.gguf", "bpe");
}
END_TEST
START_TEST(sentencepiece_unigram_with_its_table_of_characters)
{
    check_sentencepiece(FIXTURES "sentencepiece/unigram", "unigram");
}
END_TEST

START_TEST(sentencepiece_begins_as_the_config_says)
{
    struct tokenizer *t;
    struct error err = {0};
    struct ids ids = {0};
    char *model;
    size_t n;
    setup_folder();
    ck_assert_int_eq(file_read(&model, &n, FIXTURES "sentencepiece/bpe/tokenizer.model", &err), OK);
    put("tokenizer.model", model, n);
    const char config[] = "{\"add_bos_token\":true,\"bos_token\":{\"content\":\"<s>\"}}";
    put("tokenizer_config.json", config, strlen(config));
    ck_assert_msg(tokenizer_load(&t, folder, &err) == OK, "%s", err.message);
    ck_assert_int_eq(tokenizer_encode(t, "a", 1, true, &ids, &err), OK);
    ck_assert_int_eq(ids.data[0], tokenizer_added(t, "<s>"));
    ck_assert_int_eq(ids.data[0], 1);
    ids_free(&ids);
    tokenizer_free(t);
    for (size_t cut = 1; cut < n; cut += n / 37) { /* cut off anywhere: refused, or a smaller vocabulary, but no crash */
        put("tokenizer.model", model, cut);
        if (tokenizer_load(&t, folder, &err) == OK)
            tokenizer_free(t);
        else
            ck_assert_ptr_nonnull(strstr(err.message, "tokenizer.model"));
    }
    free(model);
    take_away("tokenizer.model");
    take_away("tokenizer_config.json");
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

/* A file of the size of r50k_base: the bytes, "th", "he", "the", then words that nobody uses. */
static void put_tiktoken(size_t tokens)
{
    struct text file = {0};
    for (size_t rank = 0; rank < tokens; rank++) {
        char word[24], line[48];
        size_t n = (size_t)snprintf(word, sizeof word, "~~%zu~", rank);
        if (rank < 256)
            n = 1, word[0] = (char)rank;
        else if (rank < 259)
            n = (size_t)snprintf(word, sizeof word, "%s", rank == 256 ? "th" : rank == 257 ? "he" : "the");
        base64_encode_raw(line, n, (const uint8_t *)word);
        line[BASE64_ENCODE_RAW_LENGTH(n)] = '\0';
        text_printf(&file, "%s %zu\n", line, rank);
    }
    put("r50k_base.tiktoken", file.data, file.len);
    text_free(&file);
}

START_TEST(tiktoken_merges_by_rank_of_the_join)
{
    struct tokenizer *t;
    struct error err = {0};
    struct ids ids = {0};
    struct text back = {0};
    setup_folder();
    put_tiktoken(50256);
    ck_assert_msg(tokenizer_load(&t, folder, &err) == OK, "%s", err.message);
    const char text[] = "thethext<|endoftext|>\u00e9";
    ck_assert_int_eq(tokenizer_encode(t, text, strlen(text), false, &ids, &err), OK);
    static const int32_t expected[] = {258, 258, 'x', 't', 50256, 0xc3, 0xa9};
    ck_assert_uint_eq(ids.n, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < ids.n; i++)
        ck_assert_int_eq(ids.data[i], expected[i]);
    ck_assert_int_eq(tokenizer_decode(t, ids.data, ids.n, true, &back, &err), OK);
    ck_assert_str_eq(back.data, text);
    ids_free(&ids);
    text_free(&back);
    tokenizer_free(t);
    put_tiktoken(300);
    ck_assert_int_eq(tokenizer_load(&t, folder, &err), ERR_INPUT);
    ck_assert_msg(strstr(err.message, "300 tokens") && strstr(err.message, "cl100k_base"), "%s", err.message);
    put("r50k_base.tiktoken", "IQ== 0\nIg== x\n", 14);
    ck_assert_int_eq(tokenizer_load(&t, folder, &err), ERR_INPUT);
    ck_assert_msg(strstr(err.message, "line 2"), "%s", err.message);
    take_away("r50k_base.tiktoken");
    ck_assert_int_eq(tokenizer_load(&t, folder, &err), ERR_INPUT);
    ck_assert_msg(strstr(err.message, "has no tokenizer"), "%s", err.message);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

SUITE_MAIN("tokenizer sources", sentencepiece_bpe_as_it_is_and_within_gguf, sentencepiece_unigram_with_its_table_of_characters,
           sentencepiece_begins_as_the_config_says, tiktoken_merges_by_rank_of_the_join)
