/* bpe.c - see bpe.h.
 *
 * Distinct pre-tokens are counted once; each merge then counts the pairs of
 * all of them afresh.  That is simple and takes seconds at small vocabularies. */
#include "train/bpe.h"

#include "base/file.h"
#include "base/random.h"
#include "base/utf8.h"
#include "formats/json.h"
#include "lm/byte_level.h"
#include "lm/pretokenizer.h"
#include "lm/tokenizer.h"

#include <stdlib.h>
#include <string.h>

struct word {
    char *bytes;
    size_t length, n_symbols;
    int64_t count;
    int32_t *symbols;
};

struct symbol {
    char *bytes;
    size_t length;
};

struct learner {
    struct word *words; /* open addressing while counting */
    size_t n_words, mask;
    struct symbol *symbols;
    size_t n_symbols, capacity;
    int64_t *pair_counts; /* [vocab, vocab] */
    size_t vocab;
    cJSON *merges;
};

static size_t slot_of(const struct learner *l, const char *bytes, size_t n)
{
    uint64_t h = hash_bytes(HASH_START, bytes, n);
    size_t i = (h ^ h >> 31) & l->mask;
    while (l->words[i].bytes != NULL && (l->words[i].length != n || memcmp(l->words[i].bytes, bytes, n) != 0))
        i = (i + 1) & l->mask;
    return i;
}

static bool grow_table(struct learner *l)
{
    struct learner larger = {.mask = l->mask ? 2 * l->mask + 1 : 65535};
    larger.words = mem_array(larger.mask + 1, sizeof *larger.words);
    if (larger.words == NULL)
        return false;
    for (size_t i = 0; l->words != NULL && i <= l->mask; i++)
        if (l->words[i].bytes != NULL)
            larger.words[slot_of(&larger, l->words[i].bytes, l->words[i].length)] = l->words[i];
    free(l->words);
    l->words = larger.words;
    l->mask = larger.mask;
    return true;
}

static bool count_piece(void *context, const char *text, size_t length)
{
    struct learner *l = context;
    if (2 * l->n_words >= l->mask && !grow_table(l))
        return false;
    struct word *w = &l->words[slot_of(l, text, length)];
    if (w->bytes == NULL) {
        w->bytes = malloc(length);
        w->symbols = malloc(length * sizeof *w->symbols);
        if (w->bytes == NULL || w->symbols == NULL)
            return false;
        memcpy(w->bytes, text, length);
        for (size_t i = 0; i < length; i++)
            w->symbols[i] = (unsigned char)text[i];
        w->length = w->n_symbols = length;
        l->n_words++;
    }
    w->count++;
    return true;
}

/* The stand-in characters of a symbol, as the files write it. */
static void spell(struct text *out, const struct symbol *s)
{
    for (size_t i = 0; i < s->length; i++) {
        uint32_t c = byte_level_char((unsigned char)s->bytes[i]);
        char utf8[2] = {(char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f))}, ascii = (char)c;
        text_add(out, c < 0x80 ? &ascii : utf8, c < 0x80 ? 1 : 2);
    }
}

static bool add_symbol(struct learner *l, const char *a, size_t na, const char *b, size_t nb)
{
    struct symbol *s = &l->symbols[l->n_symbols++];
    s->bytes = malloc(na + nb + 1);
    if (s->bytes == NULL)
        return false;
    memcpy(s->bytes, a, na);
    if (nb > 0)
        memcpy(s->bytes + na, b, nb);
    s->length = na + nb;
    return true;
}

/* The most frequent pair, the smallest ids among equals; false when no pair occurs twice. */
static bool best_pair(struct learner *l, int32_t *left, int32_t *right)
{
    size_t v = l->vocab;
    int64_t best = 1;
    memset(l->pair_counts, 0, v * v * sizeof *l->pair_counts);
    for (size_t i = 0; i <= l->mask; i++)
        for (size_t j = 0; l->words[i].bytes != NULL && j + 1 < l->words[i].n_symbols; j++)
            l->pair_counts[(size_t)l->words[i].symbols[j] * v + (size_t)l->words[i].symbols[j + 1]] += l->words[i].count;
    for (size_t k = 0; k < l->n_symbols * v; k++)
        if (l->pair_counts[k] > best) {
            best = l->pair_counts[k];
            *left = (int32_t)(k / v);
            *right = (int32_t)(k % v);
        }
    return best > 1;
}

static void apply_merge(struct learner *l, int32_t left, int32_t right, int32_t result)
{
    for (size_t i = 0; i <= l->mask; i++) {
        struct word *w = &l->words[i];
        size_t n = 0;
        for (size_t j = 0; w->bytes != NULL && j < w->n_symbols; j++) {
            bool hit = j + 1 < w->n_symbols && w->symbols[j] == left && w->symbols[j + 1] == right;
            w->symbols[n++] = hit ? result : w->symbols[j];
            j += hit;
        }
        w->n_symbols = n;
    }
}

static bool learn(struct learner *l, size_t vocab_size)
{
    l->vocab = vocab_size;
    l->symbols = mem_array(vocab_size, sizeof *l->symbols);
    l->pair_counts = mem_array(vocab_size * vocab_size, sizeof *l->pair_counts);
    l->merges = cJSON_CreateArray();
    if (l->symbols == NULL || l->pair_counts == NULL || l->merges == NULL)
        return false;
    for (int b = 0; b < 256; b++) {
        char byte = (char)b;
        if (!add_symbol(l, &byte, 1, NULL, 0))
            return false;
    }
    int32_t left = 0, right = 0;
    while (l->n_symbols + 1 < vocab_size && best_pair(l, &left, &right)) {
        const struct symbol *a = &l->symbols[left], *b = &l->symbols[right];
        struct text line = {0};
        spell(&line, a);
        text_puts(&line, " ");
        spell(&line, b);
        cJSON_AddItemToArray(l->merges, cJSON_CreateString(line.data));
        text_free(&line);
        if (!add_symbol(l, a->bytes, a->length, b->bytes, b->length))
            return false;
        apply_merge(l, left, right, (int32_t)l->n_symbols - 1);
    }
    return true;
}

static cJSON *stage(const char *type)
{
    cJSON *s = cJSON_CreateObject();
    cJSON_AddStringToObject(s, "type", type);
    if (strcmp(type, "Digits") == 0) {
        cJSON_AddTrueToObject(s, "individual_digits");
    } else {
        cJSON_AddFalseToObject(s, "add_prefix_space");
        cJSON_AddTrueToObject(s, "trim_offsets");
        cJSON_AddTrueToObject(s, "use_regex");
    }
    return s;
}

static cJSON *pretokenizer_json(void)
{
    cJSON *sequence = cJSON_CreateObject();
    cJSON_AddStringToObject(sequence, "type", "Sequence");
    cJSON *stages = cJSON_AddArrayToObject(sequence, "pretokenizers");
    cJSON_AddItemToArray(stages, stage("Digits"));
    cJSON_AddItemToArray(stages, stage("ByteLevel"));
    return sequence;
}

static cJSON *document(struct learner *l)
{
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "version", "1.0");
    cJSON_AddNullToObject(root, "truncation");
    cJSON_AddNullToObject(root, "padding");
    cJSON *added = cJSON_CreateObject();
    cJSON_AddNumberToObject(added, "id", (double)l->n_symbols);
    cJSON_AddStringToObject(added, "content", END_OF_TEXT);
    const char *flags[] = {"single_word", "lstrip", "rstrip", "normalized"};
    for (size_t i = 0; i < 4; i++)
        cJSON_AddFalseToObject(added, flags[i]);
    cJSON_AddTrueToObject(added, "special");
    cJSON_AddItemToArray(cJSON_AddArrayToObject(root, "added_tokens"), added);
    cJSON_AddNullToObject(root, "normalizer");
    cJSON_AddItemToObject(root, "pre_tokenizer", pretokenizer_json());
    cJSON_AddNullToObject(root, "post_processor");
    cJSON_AddItemToObject(root, "decoder", stage("ByteLevel"));
    cJSON *model = cJSON_AddObjectToObject(root, "model");
    cJSON_AddStringToObject(model, "type", "BPE");
    const char *nulls[] = {"dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix"};
    for (size_t i = 0; i < 4; i++)
        cJSON_AddNullToObject(model, nulls[i]);
    cJSON_AddFalseToObject(model, "fuse_unk");
    cJSON_AddFalseToObject(model, "byte_fallback");
    cJSON *vocab = cJSON_AddObjectToObject(model, "vocab");
    for (size_t i = 0; i < l->n_symbols; i++) {
        struct text name = {0};
        spell(&name, &l->symbols[i]);
        cJSON_AddNumberToObject(vocab, name.data, (double)i);
        text_free(&name);
    }
    cJSON_AddItemToObject(model, "merges", l->merges);
    l->merges = NULL;
    return root;
}

static enum status write_files(struct learner *l, const char *folder, struct error *err)
{
    enum status status = file_make_directory(folder, err);
    char *tokenizer = path_join(folder, "tokenizer.json"), *config = path_join(folder, "tokenizer_config.json");
    cJSON *root = document(l), *settings = cJSON_CreateObject();
    cJSON_AddStringToObject(settings, "tokenizer_class", "PreTrainedTokenizerFast");
    cJSON_AddStringToObject(settings, "eos_token", END_OF_TEXT);
    cJSON_AddStringToObject(settings, "bos_token", END_OF_TEXT);
    cJSON_AddFalseToObject(settings, "clean_up_tokenization_spaces");
    if (status == OK && (tokenizer == NULL || config == NULL))
        status = error_set(err, ERR_SYSTEM, "%s: out of memory", folder);
    if (status == OK)
        status = json_write(tokenizer, root, err);
    if (status == OK)
        status = json_write(config, settings, err);
    cJSON_Delete(root);
    cJSON_Delete(settings);
    free(tokenizer);
    free(config);
    return status;
}

enum status bpe_train(const char *const *paths, size_t n_paths, size_t vocab_size, const char *folder, struct error *err)
{
    struct learner l = {0};
    struct pretokenizer *p = NULL;
    cJSON *json = pretokenizer_json();
    enum status status = pretokenizer_from_json(&p, json, NULL, "pre-tokenizer", err);
    cJSON_Delete(json);
    for (size_t i = 0; i < n_paths && status == OK; i++) {
        char *text;
        size_t length;
        status = file_read(&text, &length, paths[i], err);
        if (status == OK && !utf8_valid(text, length))
            status = error_set(err, ERR_INPUT, "%s: is not UTF-8, expected a text file", paths[i]);
        if (status == OK)
            status = pretokenizer_split(p, text, length, count_piece, &l, err);
        free(text);
    }
    if (status == OK && l.n_words == 0)
        status = error_set(err, ERR_INPUT, "training text: is empty, expected text to learn a vocabulary from");
    if (status == OK && !learn(&l, vocab_size))
        status = error_set(err, ERR_SYSTEM, "vocabulary: out of memory for %zu tokens", vocab_size);
    if (status == OK)
        status = write_files(&l, folder, err);
    for (size_t i = 0; l.words != NULL && i <= l.mask; i++) {
        free(l.words[i].bytes);
        free(l.words[i].symbols);
    }
    for (size_t i = 0; i < l.n_symbols; i++)
        free(l.symbols[i].bytes);
    free(l.words);
    free(l.symbols);
    free(l.pair_counts);
    cJSON_Delete(l.merges);
    pretokenizer_free(p);
    return status;
}
