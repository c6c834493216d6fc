/* haystack.c - see haystack.h. */
#include "suite/haystack.h"

#include "base/file.h"
#include "formats/text_file.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

/* A file begins on a line of its own; nothing is added to the text of a single one. */
static enum status append_file(struct text *all, const char *path, struct error *err)
{
    char *text;
    size_t length;
    enum status status = text_file_read(&text, &length, NULL, path, err);
    if (status == OK && length > 0 && all->len > 0 && all->data[all->len - 1] != '\n')
        text_puts(all, "\n");
    if (status == OK)
        text_add(all, text, length);
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

bool haystack_sentence_ends(const char *text, size_t length, size_t at)
{
    static const char *const wide[] = {"\xe3\x80\x82", "\xef\xbc\x81", "\xef\xbc\x9f"}; /* full stop, exclamation, question */
    for (size_t i = 0; i < 3 && at >= 3; i++)
        if (memcmp(text + at - 3, wide[i], 3) == 0)
            return true;
    char before = at > 0 ? text[at - 1] : '\n', after = at < length ? text[at] : ' ';
    return before == '\n' || (memchr(".!?", before, 3) != NULL && memchr(" \n\r\t", after, 4) != NULL);
}

static bool begins_sentence(const char *text, size_t length, size_t i)
{
    return haystack_sentence_ends(text, length, i) ||
           (i > 0 && text[i - 1] == ' ' && haystack_sentence_ends(text, length, i - 1));
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
        if (begins_sentence(h->text, h->length, i) && h->text[i] != ' ' && h->text[i] != '\n') {
            if (!mem_grow((void **)&h->sentences, &capacity, h->n_sentences + 1, sizeof *h->sentences))
                status = error_set(err, ERR_SYSTEM, "%s: out of memory", path);
            else
                h->sentences[h->n_sentences++] = i;
        }
    if (status == OK && h->n_sentences == 0)
        status = error_set(err, ERR_INPUT, "%s: holds no text, expected sentences", path);
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

enum status haystack_text(const struct haystack *h, size_t start, size_t bytes, struct text *out, struct error *err)
{
    size_t to = out->len + bytes;
    for (size_t at = start; out->len < to; at = 0) {
        size_t part = h->length - at < to - out->len ? h->length - at : to - out->len;
        bool whole = at + part == h->length;
        while (part > 0 && !whole && ((unsigned char)h->text[at + part] & 0xc0) == 0x80)
            part--;
        if (!text_add(out, h->text + at, part))
            return error_set(err, ERR_SYSTEM, "haystack: out of memory for %zu bytes", bytes);
        if (!whole)
            break;
        if (out->len < to && h->text[h->length - 1] != '\n') /* it begins again on a line of its own */
            text_puts(out, "\n");
    }
    return OK;
}
