/* haystack.c - see haystack.h. */
#include "suite/haystack.h"

#include "base/file.h"
#include "formats/text_file.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static enum status append_file(struct text *all, const char *path, struct error *err)
{
    char *text;
    size_t length;
    enum status status = text_file_read(&text, &length, NULL, path, err);
    if (status == OK && (!text_add(all, text, length) || (length > 0 && text[length - 1] != '\n' && !text_puts(all, "\n"))))
        status = error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    free(text);
    return status;
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static enum status append_folder(struct text *all, const char *path, struct error *err)
{
    struct dirent **entries;
    int n = scandir(path, &entries, visible, alphasort);
    enum status status = n >= 0 ? OK : error_set(err, ERR_INPUT, "%s: cannot be read, expected a text file or folder", path);
    for (int i = 0; i < n; i++) {
        char *name = path_join(path, entries[i]->d_name);
        if (status == OK && name != NULL && !file_is_directory(name))
            status = append_file(all, name, err);
        free(name);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return status;
}

static bool begins_sentence(const char *text, size_t i)
{
    return i == 0 || text[i - 1] == '\n' || (i > 1 && text[i - 1] == ' ' && strchr(".!?", text[i - 2]) != NULL);
}

enum status haystack_load(struct haystack *h, const char *path, struct error *err)
{
    struct text all = {0};
    size_t capacity = 0;
    *h = (struct haystack){0};
    enum status status = file_is_directory(path) ? append_folder(&all, path, err) : append_file(&all, path, err);
    h->text = all.data;
    h->length = all.len;
    for (size_t i = 0; status == OK && i < h->length; i++)
        if (begins_sentence(h->text, i) && h->text[i] != ' ' && h->text[i] != '\n') {
            if (!mem_grow((void **)&h->sentences, &capacity, h->n_sentences + 1, sizeof *h->sentences))
                status = error_set(err, ERR_SYSTEM, "%s: out of memory", path);
            else
                h->sentences[h->n_sentences++] = i;
        }
    if (status == OK && h->n_sentences == 0)
        status = error_set(err, ERR_INPUT, "%s: holds no text, expected sentences to hide needles in", path);
    if (status == OK)
        sha256_hex(h->sha256, h->text, h->length);
    else
        haystack_free(h);
    return status;
}

void haystack_free(struct haystack *h)
{
    free(h->text);
    free(h->sentences);
    *h = (struct haystack){0};
}

enum status haystack_tokens(const struct haystack *h, const struct tokenizer *tokenizer, struct rng *rng, size_t n,
                            struct ids *out, struct error *err)
{
    size_t start = h->sentences[rng_below(rng, h->n_sentences)], bytes = 6 * n + 256;
    struct ids ids = {0};
    struct text text = {0};
    enum status status = OK;
    /* More bytes than n tokens need, so that where the text is cut does not show in the first n. */
    for (;; bytes *= 2) {
        text.len = ids.n = 0;
        for (size_t at = start; text.len < bytes && status == OK; at = 0) {
            size_t part = h->length - at < bytes - text.len ? h->length - at : bytes - text.len;
            while (part > 0 && at + part < h->length && ((unsigned char)h->text[at + part] & 0xc0) == 0x80)
                part--;
            if (!text_add(&text, h->text + at, part))
                status = error_set(err, ERR_SYSTEM, "haystack: out of memory for %zu tokens", n);
            if (at + part < h->length)
                break;
        }
        if (status == OK)
            status = tokenizer_encode(tokenizer, text.data, text.len, false, &ids, err);
        if (status != OK || ids.n >= n + n / 64 + 8)
            break;
    }
    for (size_t i = 0; i < n && status == OK; i++)
        if (!ids_add(out, ids.data[i]))
            status = error_set(err, ERR_SYSTEM, "haystack: out of memory for %zu tokens", n);
    ids_free(&ids);
    text_free(&text);
    return status;
}
