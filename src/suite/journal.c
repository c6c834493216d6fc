/* journal.c - see journal.h. */
#include "suite/journal.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include <zlib.h>

static enum status append(struct journal *j, const cJSON *entry, struct error *err)
{
    char *json = cJSON_PrintUnformatted(entry);
    struct text line = {0};
    enum status status = OK;
    if (json == NULL || !text_printf(&line, "%08lx %s\n", crc32(0, (const Bytef *)json, (uInt)strlen(json)), json))
        status = error_set(err, ERR_SYSTEM, "%s: out of memory", j->path);
    for (size_t done = 0; status == OK && done < line.len;) {
        ssize_t n = write(j->fd, line.data + done, line.len - done);
        if (n < 0 && errno != EINTR)
            status = error_set(err, ERR_SYSTEM, "%s: cannot be written: %s", j->path, strerror(errno));
        done += n > 0 ? (size_t)n : 0;
    }
    if (status == OK && fdatasync(j->fd) != 0 && errno != EINVAL)
        status = error_set(err, ERR_SYSTEM, "%s: cannot be written: %s", j->path, strerror(errno));
    free(json);
    text_free(&line);
    return status;
}

/* The entry of a line, or NULL when it is damaged. */
static cJSON *read_line(const char *line, size_t length)
{
    char *end;
    if (length < 10 || line[8] != ' ')
        return NULL;
    unsigned long sum = strtoul(line, &end, 16);
    if (end != line + 8 || sum != crc32(0, (const Bytef *)line + 9, (uInt)(length - 9)))
        return NULL;
    return cJSON_ParseWithLength(line + 9, length - 9);
}

static void remember(struct journal *j, const char *item, const char *model, cJSON *result)
{
    cJSON *models = cJSON_GetObjectItemCaseSensitive(j->results, item);
    if (models == NULL)
        models = cJSON_AddObjectToObject(j->results, item);
    cJSON_AddItemToObject(models, model, result);
}

/* Reads the good lines; *good is the length of the file up to the first damaged one. */
static enum status replay(struct journal *j, const char *digest, size_t *good, struct error *err)
{
    char *text;
    size_t length;
    *good = 0;
    enum status status = file_read(&text, &length, j->path, err);
    if (status != OK)
        return status;
    for (char *line = text, *end; (end = memchr(line, '\n', length - (size_t)(line - text))) != NULL; line = end + 1) {
        cJSON *entry = read_line(line, (size_t)(end - line));
        const char *run = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "digest"));
        const char *item = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "item"));
        const char *model = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "model"));
        if (line == text && run != NULL && strcmp(run, digest) != 0)
            status = error_set(err, ERR_INPUT,
                               "%s: is the journal of another run, expected the same options, models and data "
                               "(--fresh starts again)",
                               j->path);
        bool ok = line == text ? run != NULL : item != NULL && model != NULL;
        if (ok && line != text)
            remember(j, item, model, cJSON_DetachItemFromObjectCaseSensitive(entry, "result"));
        cJSON_Delete(entry);
        if (!ok || status != OK)
            break;
        *good = (size_t)(end + 1 - text);
    }
    free(text);
    return status;
}

enum status journal_open(struct journal *j, const char *path, const char *digest, bool fresh, struct error *err)
{
    size_t good = 0;
    *j = (struct journal){.path = strdup(path), .results = cJSON_CreateObject()};
    j->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    enum status status = j->fd >= 0 ? OK : error_set(err, ERR_SYSTEM, "%s: cannot be written: %s", path, strerror(errno));
    if (status == OK && flock(j->fd, LOCK_EX | LOCK_NB) != 0)
        status = error_set(err, ERR_SYSTEM, "%s: is in use, expected one run at a time (choose another --out)", path);
    if (status == OK && !fresh)
        status = replay(j, digest, &good, err);
    if (status == OK && ftruncate(j->fd, (off_t)good) != 0)
        status = error_set(err, ERR_SYSTEM, "%s: cannot be written: %s", path, strerror(errno));
    if (status == OK && good == 0) {
        cJSON *header = cJSON_CreateObject();
        cJSON_AddStringToObject(header, "digest", digest);
        status = append(j, header, err);
        cJSON_Delete(header);
    }
    if (status != OK)
        journal_close(j, false);
    return status;
}

enum status journal_add(struct journal *j, const char *item, const char *model, const cJSON *result, struct error *err)
{
    cJSON *entry = cJSON_CreateObject();
    cJSON_AddStringToObject(entry, "item", item);
    cJSON_AddStringToObject(entry, "model", model);
    cJSON_AddItemToObject(entry, "result", cJSON_Duplicate(result, true));
    enum status status = append(j, entry, err);
    cJSON_Delete(entry);
    return status;
}

const cJSON *journal_find(const struct journal *j, const char *item, const char *model)
{
    return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(j->results, item), model);
}

void journal_close(struct journal *j, bool remove)
{
    if (remove)
        unlink(j->path);
    if (j->fd >= 0)
        close(j->fd);
    free(j->path);
    cJSON_Delete(j->results);
    *j = (struct journal){.fd = -1};
}
