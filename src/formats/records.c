/* records.c - see records.h. */
#include "formats/records.h"

#include "base/memory.h"
#include "formats/text_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum status parse_lines(cJSON *records, const char *path, const char *text, size_t length, char delimiter,
                               struct error *err)
{
    size_t number = 0;
    (void)delimiter;
    for (const char *line = text, *end; line < text + length; line = end + 1) {
        end = memchr(line, '\n', (size_t)(text + length - line));
        end = end ? end : text + length;
        size_t n = (size_t)(end - line);
        char name[64];
        cJSON *record = NULL;
        number++;
        if (n == strspn(line, " \t\r") || line[0] == '\n')
            continue;
        snprintf(name, sizeof name, "line %zu", number);
        if (json_parse(&record, name, line, n, NULL) != OK || !cJSON_IsObject(record)) {
            cJSON_Delete(record);
            return error_set(err, ERR_INPUT, "%s: line %zu is no JSON object, expected JSON lines", path, number);
        }
        cJSON_AddItemToArray(records, record);
    }
    return OK;
}

/* An array of objects; or an object with one such array, as exports have it ({"data": [..]}). */
static enum status parse_array(cJSON *records, const char *path, const char *text, size_t length, char delimiter,
                               struct error *err)
{
    cJSON *root;
    (void)delimiter;
    enum status status = json_parse(&root, path, text, length, err);
    if (status != OK)
        return status;
    cJSON *list = root;
    for (cJSON *member = cJSON_IsObject(root) ? root->child : NULL; member != NULL; member = member->next)
        list = cJSON_IsArray(member) && list == root ? member : list;
    if (!cJSON_IsArray(list))
        status = error_set(err, ERR_INPUT, "%s: holds no array, expected an array of objects or JSON lines", path);
    for (cJSON *record = status == OK ? list->child : NULL, *next; record != NULL; record = next) {
        next = record->next;
        if (!cJSON_IsObject(record)) {
            status = error_set(err, ERR_INPUT, "%s: an element of the array is no object, expected records", path);
            break;
        }
        cJSON_AddItemToArray(records, cJSON_DetachItemViaPointer(list, record));
    }
    cJSON_Delete(root);
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
    bool quoted = c->at < c->end && *c->at == '"', ok = true;
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
        if (header == NULL)
            header = row;
        else
            cJSON_AddItemToArray(records, row);
    }
    cJSON_Delete(header);
    text_free(&c.field);
    return status;
}

static const struct {
    const char *ending;
    enum status (*parse)(cJSON *records, const char *path, const char *text, size_t length, char delimiter, struct error *err);
    char delimiter;
} FORMATS[] = {{".jsonl", parse_lines, 0},
               {".ndjson", parse_lines, 0},
               {".json", parse_array, 0},
               {".csv", parse_csv, ','},
               {".tsv", parse_csv, '\t'}};
enum { N_FORMATS = sizeof FORMATS / sizeof *FORMATS };

bool records_named(const char *path)
{
    for (size_t i = 0; i < N_FORMATS; i++)
        if (text_file_named(path, FORMATS[i].ending))
            return true;
    return false;
}

enum status records_parse(cJSON **records, const char *path, const char *text, size_t length, struct error *err)
{
    size_t format = 0;
    for (size_t i = 0; i < N_FORMATS; i++)
        format = text_file_named(path, FORMATS[i].ending) ? i : format;
    *records = cJSON_CreateArray();
    if (*records == NULL)
        return error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    enum status status = FORMATS[format].parse(*records, path, text, length, FORMATS[format].delimiter, err);
    if (status == OK && (*records)->child == NULL)
        status = error_set(err, ERR_INPUT, "%s: holds no records, expected JSON lines, a JSON array, CSV or TSV", path);
    if (status != OK) {
        cJSON_Delete(*records);
        *records = NULL;
    }
    return status;
}
