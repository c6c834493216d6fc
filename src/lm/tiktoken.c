/* tiktoken.c - .tiktoken files into the tree of a tokenizer.json; see tokenizer_sources.h.
 *
 * Such a file holds the mergeable tokens alone; pattern and special tokens are known for the vocabularies that are published. */
#include "lm/byte_level.h"
#include "lm/tokenizer_sources.h"

#include "base/memory.h"
#include "lm/tokenizer.h"

#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>

const char CL100K_PATTERN[] =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
    "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const char CL100K_DIGIT_PATTERN[] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
                                    "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const char O200K_PATTERN[] =
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    "\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

enum { MAX_SPECIAL = 12 };

/* The published vocabularies by their number of mergeable tokens. */
static const struct vocabulary {
    size_t ranks;
    const char *name, *pattern;
    struct {
        const char *content;
        int id;
    } special[MAX_SPECIAL];
} PUBLISHED[] = {
    {50256, "r50k_base", GPT2_PATTERN, {{"<|endoftext|>", 50256}}},
    {50280, "p50k_base", GPT2_PATTERN, {{"<|endoftext|>", 50256}}},
    {100256,
     "cl100k_base",
     CL100K_PATTERN,
     {{"<|endoftext|>", 100257},
      {"<|fim_prefix|>", 100258},
      {"<|fim_middle|>", 100259},
      {"<|fim_suffix|>", 100260},
      {"<|endofprompt|>", 100276}}},
    {199998, "o200k_base", O200K_PATTERN, {{"<|endoftext|>", 199999}, {"<|endofprompt|>", 200018}}},
    {151643, "Qwen", CL100K_DIGIT_PATTERN, {{"<|endoftext|>", 151643}, {"<|im_start|>", 151644}, {"<|im_end|>", 151645}}},
    {128000,
     "Llama 3",
     CL100K_PATTERN,
     {{"<|begin_of_text|>", 128000},
      {"<|end_of_text|>", 128001},
      {"<|start_header_id|>", 128006},
      {"<|end_header_id|>", 128007},
      {"<|eot_id|>", 128009}}},
};
enum { N_PUBLISHED = sizeof PUBLISHED / sizeof *PUBLISHED };

bool tiktoken_recognized(const char *data, size_t length)
{
    size_t n = 0;
    while (n < length && n < 200 && data[n] != ' ' && data[n] != '\n')
        n += (data[n] >= '0' && data[n] <= '9') || (data[n] >= 'A' && data[n] <= 'Z') || (data[n] >= 'a' && data[n] <= 'z') ||
                     strchr("+/=", data[n]) != NULL
                 ? 1
                 : 1000;
    return n > 0 && n < length && n < 200 && data[n] == ' ' && data[n + 1 < length ? n + 1 : n] >= '0' && data[n + 1] <= '9';
}

/* Bytes as the string that stands for them in a tokenizer.json. */
static bool add_byte_level(struct text *out, const uint8_t *bytes, size_t n)
{
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) {
        uint32_t c = byte_level_char(bytes[i]);
        char two[2] = {(char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f))};
        ok = c < 0x80 ? text_add(out, (char[]){(char)c}, 1) : text_add(out, two, 2);
    }
    return ok;
}

/* One line into the vocabulary: the token's string and its rank, which is its id; `next` is the id that would follow. Ids that
 * are left out get a string that no text has. */
static bool read_line(cJSON *vocab, size_t *next, struct text *string, const char *line, size_t n)
{
    enum { LARGEST_GAP = 1024 };
    struct base64_decode_ctx context;
    const char *space = memchr(line, ' ', n);
    char number[24] = "", *end;
    uint8_t bytes[1024];
    size_t length = sizeof bytes, width = space ? (size_t)(space - line) : 0, digits = space ? n - width - 1 : 0;
    if (space == NULL || width > 1024 || digits == 0 || digits >= sizeof number)
        return false;
    memcpy(number, space + 1, digits);
    unsigned long rank = strtoul(number, &end, 10);
    base64_decode_init(&context);
    if (rank < *next || rank > *next + LARGEST_GAP || (*end != '\0' && *end != '\r') ||
        !base64_decode_update(&context, &length, bytes, width, line) || !base64_decode_final(&context))
        return false;
    for (; *next < rank; ++*next)
        source_add_piece(vocab, NULL, *next, -(double)*next);
    string->len = 0;
    if (!text_add(string, "", 0) || !add_byte_level(string, bytes, length))
        return false;
    source_add_piece(vocab, string->data, rank, -(double)rank);
    *next = rank + 1;
    return true;
}

static cJSON *make_tree(cJSON *vocab, const struct vocabulary *known)
{
    cJSON *root = cJSON_CreateObject(), *model = cJSON_AddObjectToObject(root, "model");
    cJSON *sequence = cJSON_AddObjectToObject(root, "pre_tokenizer"), *stages;
    cJSON_AddStringToObject(model, "type", "BPE");
    cJSON_AddItemToObject(model, "vocab", vocab);
    cJSON_AddStringToObject(sequence, "type", "Sequence");
    stages = cJSON_AddArrayToObject(sequence, "pretokenizers");
    source_byte_level(stages, known->pattern);
    cJSON *added = cJSON_AddArrayToObject(root, "added_tokens");
    for (size_t i = 0; i < MAX_SPECIAL && known->special[i].content != NULL; i++)
        source_add_token(added, known->special[i].content, known->special[i].id, true, true);
    return root;
}

enum status tiktoken_read(cJSON **root, const char *path, const char *data, size_t length, struct error *err)
{
    cJSON *vocab = cJSON_CreateArray();
    struct text string = {0};
    enum status status = OK;
    size_t number = 0, ranks = 0, next = 0;
    for (const char *line = data, *end; line < data + length && status == OK; line = end + 1) {
        end = memchr(line, '\n', (size_t)(data + length - line));
        end = end ? end : data + length;
        number++;
        if (end > line && *line != '\r' && !read_line(vocab, &next, &string, line, (size_t)(end - line)))
            status = error_set(err, ERR_INPUT, "%s: line %zu is wrong, expected base64, a blank and a higher rank than before",
                               path, number);
        ranks += end > line && *line != '\r';
    }
    const struct vocabulary *known = NULL;
    struct text names = {0};
    for (size_t i = 0; i < N_PUBLISHED; i++) {
        known = PUBLISHED[i].ranks == ranks ? &PUBLISHED[i] : known;
        text_printf(&names, "%s%zu (%s)", i ? ", " : "", PUBLISHED[i].ranks, PUBLISHED[i].name);
    }
    if (status == OK && known == NULL)
        status =
            error_set(err, ERR_INPUT,
                      "%s: has %zu tokens: a .tiktoken file does not say its pattern, expected a published vocabulary of %s; "
                      "or a tokenizer.json",
                      path, ranks, names.data ? names.data : "");
    text_free(&names);
    text_free(&string);
    if (status == OK)
        *root = make_tree(vocab, known);
    else
        cJSON_Delete(vocab);
    return status;
}
