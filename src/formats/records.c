/* records.c - see records.h. */
#include "formats/records.h"

#include "base/file.h"
#include "formats/parquet.h"
#include "formats/text_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum status add_line(cJSON *records, const char *path, size_t number, const char *line, size_t n, struct error *err)
{
    cJSON *record = NULL;
    if (json_parse(&record, path, line, n, NULL) != OK || !cJSON_IsObject(record)) {
        cJSON_Delete(record);
        return error_set(err, ERR_INPUT, "%s: line %zu is no JSON object, expected JSON lines", path, number);
    }
    cJSON_AddItemToArray(records, record);
    return OK;
}

static enum status parse_lines(cJSON *records, const char *path, const char *text, size_t length, struct error *err)
{
    enum status status = OK;
    size_t number = 0;
    for (const char *line = text, *end; line < text + length && status == OK; line = end + 1) {
        end = memchr(line, '\n', (size_t)(text + length - line));
        end = end ? end : text + length;
        number++;
        if ((size_t)(end - line) > strspn(line, " \t\r"))
            status = add_line(records, path, number, line, (size_t)(end - line), err);
    }
    return status;
}

static bool holds_objects(const cJSON *list)
{
    return cJSON_IsArray(list) && cJSON_IsObject(list->child);
}

/* The records of a whole document: an array of objects, an object with one such array, as exports have it ({"data": [..]}), or
 * one object that is a record itself. */
static enum status take_document(cJSON *records, cJSON *root, const char *path, struct error *err)
{
    cJSON *list = cJSON_IsObject(root) ? root->child : root;
    while (cJSON_IsObject(root) && list != NULL && !holds_objects(list))
        list = list->next;
    if (list == NULL) {
        cJSON_AddItemToArray(records, cJSON_Duplicate(root, true));
        return OK;
    }
    if (!cJSON_IsArray(list))
        return error_set(err, ERR_INPUT, "%s: holds no array, expected an array of objects or JSON lines", path);
    for (cJSON *record = list->child, *next; record != NULL; record = next) {
        next = record->next;
        if (!cJSON_IsObject(record))
            return error_set(err, ERR_INPUT, "%s: an element of the array is no object, expected records", path);
        cJSON_AddItemToArray(records, cJSON_DetachItemViaPointer(list, record));
    }
    return OK;
}

/* What Python writes for numbers that JSON does not have becomes null, outside of strings. */
static enum status without_nan(struct text *out, const char *path, const char *text, size_t length, struct error *err)
{
    static const char *const words[] = {"NaN", "-Infinity", "Infinity"};
    bool inside = false, ok = text_add(out, "", 0);
    for (size_t i = 0; i < length && ok;) {
        size_t n = inside && text[i] == '\\' && i + 1 < length ? 2 : 1, word = 0;
        inside = inside != (text[i] == '"');
        for (size_t w = 0; w < sizeof words / sizeof *words && !inside && word == 0; w++)
            word = length - i >= strlen(words[w]) && memcmp(text + i, words[w], strlen(words[w])) == 0 ? strlen(words[w]) : 0;
        ok = word ? text_puts(out, "null") : text_add(out, text + i, n);
        i += word ? word : n;
    }
    return ok ? OK : error_set(err, ERR_SYSTEM, "%s: out of memory", path);
}

/* cJSON's strings end at a NUL. */
static enum status check_escapes(const char *path, const char *text, size_t length, struct error *err)
{
    size_t line = 1;
    for (size_t i = 0; i + 6 <= length; i++) {
        line += text[i] == '\n';
        if (text[i] != '\\')
            continue;
        if (memcmp(text + i, "\\u0000", 6) == 0)
            return error_set(err, ERR_INPUT, "%s: line %zu holds the character NUL (\\u0000), expected text without it", path,
                             line);
        i++; /* an escaped backslash is no start of an escape */
    }
    return OK;
}

/* JSON lines or one document, whatever the ending says: programs write the one under the other's name. */
static enum status parse_json(cJSON *records, const char *path, const char *text, size_t length, char delimiter,
                              struct error *err)
{
    struct text clean = {0};
    cJSON *root = NULL;
    (void)delimiter;
    enum status status = check_escapes(path, text, length, err);
    if (status == OK)
        status = without_nan(&clean, path, text, length, err);
    const char *start = clean.data ? clean.data + strspn(clean.data, " \t\r\n") : "", *end = strchr(start, '\n');
    if (status == OK && start[0] != '\0') {
        /* a first line that is an object, and more behind it: lines */
        bool lines = start[0] == '{' && end != NULL && end[strspn(end, " \t\r\n")] != '\0' &&
                     json_parse(&root, path, start, (size_t)(end - start), NULL) == OK;
        cJSON_Delete(root);
        if (!lines && start[0] != '[' && !text_file_named(path, ".json"))
            lines = true;
        if (lines) {
            status = parse_lines(records, path, clean.data, clean.len, err);
        } else if ((status = json_parse(&root, path, clean.data, clean.len, err)) == OK) {
            status = take_document(records, root, path, err);
            cJSON_Delete(root);
        }
    }
    text_free(&clean);
    return status;
}

/* A place in a CSV text. */
struct csv {
    const char *at, *end;
    char delimiter;
    size_t line;
    struct text field;
};

/* One field; `last`: it ended its line. False: a quote is not closed, or something follows one, or no memory. */
static bool read_field(struct csv *c, bool *last)
{
    /* TSV has no quotes (IANA, text/tab-separated-values) */
    bool quoted = c->at < c->end && *c->at == '"' && c->delimiter != '\t', ok = true;
    c->field.len = 0;
    ok = text_add(&c->field, "", 0);
    c->at += quoted;
    while (ok && quoted) {
        if (c->at == c->end)
            return false;
        if (*c->at == '"' && (c->at + 1 == c->end || c->at[1] != '"'))
            break;
        c->at += *c->at == '"';
        c->line += *c->at == '\n';
        ok = text_add(&c->field, c->at++, 1);
    }
    c->at += quoted;
    size_t n = 0;
    while (c->at + n < c->end && c->at[n] != c->delimiter && c->at[n] != '\n')
        n++;
    size_t plain = n > 0 && c->at[n - 1] == '\r' && (c->at + n == c->end || c->at[n] == '\n') ? n - 1 : n;
    ok = ok && (quoted ? plain == 0 : text_add(&c->field, c->at, plain));
    c->at += n;
    *last = c->at == c->end || *c->at == '\n';
    c->line += c->at < c->end && *c->at == '\n';
    c->at += c->at < c->end;
    return ok;
}

static bool blank_line(struct csv *c)
{
    size_t n = 0;
    while (c->at + n < c->end && c->at[n] == '\r')
        n++;
    if (c->at + n < c->end && c->at[n] != '\n')
        return false;
    c->line += c->at + n < c->end;
    c->at += n + (c->at + n < c->end);
    return true;
}

static enum status check_header(const cJSON *header, const char *path, struct error *err)
{
    enum { MOST = 4096 }; /* columns: each is looked for among those before it */
    if (cJSON_GetArraySize(header) > MOST)
        return error_set(err, ERR_INPUT, "%s: the first line has %d fields, expected at most %d names", path,
                         cJSON_GetArraySize(header), MOST);
    for (const cJSON *name = header->child; name != NULL; name = name->next)
        for (const cJSON *other = header->child; other != name; other = other->next)
            if (strcmp(name->valuestring, other->valuestring) == 0)
                return error_set(err, ERR_INPUT, "%s: column '%.60s' is there twice, expected each name once", path,
                                 name->valuestring);
    return OK;
}

/* RFC 4180 with a header line. */
static enum status parse_csv(cJSON *records, const char *path, const char *text, size_t length, char delimiter, struct error *err)
{
    struct csv c = {.at = text, .end = text + length, .delimiter = delimiter, .line = 1};
    cJSON *header = NULL;
    enum status status = OK;
    while (c.at < c.end && status == OK) {
        if (blank_line(&c))
            continue;
        size_t line = c.line, columns = header ? (size_t)cJSON_GetArraySize(header) : 0, n = 0;
        cJSON *row = header ? cJSON_CreateObject() : cJSON_CreateArray();
        const cJSON *name = header ? header->child : NULL;
        for (bool last = false; status == OK && !last; n++, name = name ? name->next : NULL) {
            if (!read_field(&c, &last))
                status = error_set(err, ERR_INPUT, "%s: line %zu: a quoted field is not closed, or text follows its quote", path,
                                   line);
            else if (header == NULL)
                cJSON_AddItemToArray(row, cJSON_CreateString(c.field.data));
            else if (name != NULL)
                cJSON_AddStringToObject(row, name->valuestring, c.field.data);
        }
        if (status == OK && header != NULL && n != columns)
            status = error_set(err, ERR_INPUT, "%s: line %zu has %zu fields, expected %zu as in the first line", path, line, n,
                               columns);
        if (header == NULL && status == OK)
            status = check_header(row, path, err);
        if (header == NULL)
            header = row;
        else
            cJSON_AddItemToArray(records, row);
    }
    cJSON_Delete(header);
    text_free(&c.field);
    return status;
}

static enum status parse_parquet(cJSON *records, const char *path, const char *text, size_t length, char delimiter,
                                 struct error *err)
{
    (void)delimiter;
    return parquet_parse(records, path, text, length, err);
}

static const struct {
    const char *ending;
    enum status (*parse)(cJSON *records, const char *path, const char *text, size_t length, char delimiter, struct error *err);
    char delimiter;
    bool binary; /* no text */
} FORMATS[] = {{".jsonl", parse_json, 0, false}, {".ndjson", parse_json, 0, false}, {".json", parse_json, 0, false},
               {".csv", parse_csv, ',', false},  {".tsv", parse_csv, '\t', false},  {".parquet", parse_parquet, 0, true}};
enum { N_FORMATS = sizeof FORMATS / sizeof *FORMATS };

bool records_named(const char *path)
{
    for (size_t i = 0; i < N_FORMATS; i++)
        if (text_file_named(path, FORMATS[i].ending))
            return true;
    return false;
}

/* By the name, Parquet by its first bytes too. */
static size_t format_of(const char *path, const char *text, size_t length)
{
    bool binary = parquet_begins(text, length);
    size_t format = 0;
    for (size_t i = 0; i < N_FORMATS; i++)
        format = text_file_named(path, FORMATS[i].ending) || (binary && FORMATS[i].binary) ? i : format;
    return format;
}

enum status records_parse(cJSON **records, const char *path, const char *text, size_t length, struct error *err)
{
    size_t format = format_of(path, text, length);
    *records = cJSON_CreateArray();
    if (*records == NULL)
        return error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    enum status status = FORMATS[format].binary || memchr(text, '\0', length) == NULL
                             ? OK
                             : error_set(err, ERR_INPUT, "%s: holds a NUL character, expected text without it", path);
    if (status == OK)
        status = FORMATS[format].parse(*records, path, text, length, FORMATS[format].delimiter, err);
    if (status == OK && (*records)->child == NULL)
        status = error_set(err, ERR_INPUT, "%s: holds no records, expected JSON lines, a JSON array, CSV, TSV or Parquet", path);
    if (status != OK) {
        cJSON_Delete(*records);
        *records = NULL;
    }
    return status;
}

/* One file. */
static enum status read_file(cJSON **records, char sha256[65], const char *path, struct error *err)
{
    struct file_map map;
    char *text = NULL;
    size_t length;
    *records = NULL;
    enum status status = file_map_open(&map, path, err);
    if (status != OK)
        return status;
    const char *bytes = map.data ? (const char *)map.data : "";
    if (FORMATS[format_of(path, bytes, map.size)].binary) {
        sha256_hex(sha256, bytes, map.size);
        status = records_parse(records, path, bytes, map.size, err);
    } else if ((status = text_file_read(&text, &length, sha256, path, err)) == OK) {
        status = records_parse(records, path, text, length, err);
    }
    free(text);
    file_map_close(&map);
    return status;
}

/* Where in a name "-00000-of-00004" begins, and how many parts that says; NULL: the name is not that of a first part. */
static char *first_part(char *path, int *parts)
{
    enum { DIGITS = 5, LENGTH = 15 };
    for (char *at = path; (at = strstr(at, "-00000-of-")) != NULL; at++)
        if (strspn(at + LENGTH - DIGITS, "0123456789") == DIGITS && (*parts = atoi(at + LENGTH - DIGITS)) > 1)
            return at;
    return NULL;
}

/* The records of the other parts behind those of the first; the digest is that of all digests. */
static enum status read_parts(cJSON *records, char sha256[65], char *path, char *place, int parts, struct error *err)
{
    struct text digests = {0};
    enum status status = text_puts(&digests, sha256) ? OK : error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    for (int part = 1; part < parts && status == OK; part++) {
        cJSON *more = NULL;
        char number[16];
        snprintf(number, sizeof number, "-%05d", part);
        memcpy(place, number, strlen(number));
        status = read_file(&more, sha256, path, err);
        if (status == OK) {
            text_puts(&digests, sha256);
            cJSON *last = records->child->prev, *end = more->child->prev;
            last->next = more->child;
            more->child->prev = last;
            records->child->prev = end;
            more->child = NULL;
        }
        cJSON_Delete(more);
    }
    sha256_hex(sha256, digests.data, digests.len);
    text_free(&digests);
    return status;
}

enum status records_read(cJSON **records, char sha256[65], const char *path, struct error *err)
{
    char *name = strdup(path);
    int parts = 0;
    *records = NULL;
    char *place = name ? first_part(name, &parts) : NULL;
    enum status status = name ? read_file(records, sha256, path, err) : error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    if (status == OK && place != NULL)
        status = read_parts(*records, sha256, name, place, parts, err);
    free(name);
    if (status != OK) {
        cJSON_Delete(*records);
        *records = NULL;
    }
    return status;
}
