/* journal.c - see journal.h. */
#include "suite/journal.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { SUM = 8, SHORTEST = SUM + 3 }; /* a sum, a space, {} */

static enum status cannot_write(const struct journal *j, struct error *err)
{
    return error_set(err, ERR_SYSTEM, "%s: cannot be written: %s", j->path, strerror(errno));
}

static enum status append(struct journal *j, const char *text, size_t length, struct error *err)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = write(j->fd, text + done, length - done);
        if (n < 0 && errno != EINTR)
            return cannot_write(j, err);
        done += n > 0 ? (size_t)n : 0;
    }
    return fdatasync(j->fd) == 0 || errno == EINVAL ? OK : cannot_write(j, err);
}

static enum status append_line(struct journal *j, const cJSON *entry, struct error *err)
{
    char *json = cJSON_PrintUnformatted(entry);
    struct text line = {0};
    enum status status = OK;
    if (json == NULL || !text_printf(&line, "%08lx %s\n", crc32(0, (const Bytef *)json, (uInt)strlen(json)), json))
        status = error_set(err, ERR_SYSTEM, "%s: out of memory", j->path);
    if (status == OK)
        status = append(j, line.data, line.len, err);
    free(json);
    text_free(&line);
    return status;
}

/* The entry of a line, or NULL when it is damaged. */
static cJSON *read_line(const char *line, const char *end)
{
    char sum[SUM + 1];
    if (end - line < SHORTEST || line[SUM] != ' ')
        return NULL;
    const char *json = line + SUM + 1;
    size_t length = (size_t)(end - json);
    snprintf(sum, sizeof sum, "%08lx", crc32(0, (const Bytef *)json, (uInt)length));
    return memcmp(line, sum, SUM) == 0 ? cJSON_ParseWithLength(json, length) : NULL;
}

static const char *string_of(const cJSON *entry, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, name));
}

/* What the lines of a file are. */
struct contents {
    size_t good, damaged, others; /* others: good lines of another run */
    size_t kept;                  /* the length without a torn last line */
    bool unended, torn_start;     /* the last line is whole but for its end; the first one is all there is, and torn */
};

static void take(struct journal *j, cJSON *line, const char *digest, struct contents *c)
{
    const char *whole = string_of(line, "digest"), *run = whole ? whole : string_of(line, "run");
    struct journal_entry e = {string_of(line, "item"), string_of(line, "model"), line,
                              cJSON_GetObjectItemCaseSensitive(line, "result")};
    bool ours = run != NULL && strcmp(run, whole ? digest : j->run) == 0;
    bool item = e.item != NULL && e.model != NULL && cJSON_IsObject(e.result);
    c->good++;
    c->others += !ours;
    if (whole == NULL && ours && item && mem_grow((void **)&j->entries, &j->capacity, j->n + 1, sizeof e))
        j->entries[j->n++] = e;
    else
        cJSON_Delete(line);
}

/* Where the next line might begin inside of a damaged one, whose end is lost: a sum and the start of an object. Within good JSON
 * there is no such thing, for a quotation mark in a string has a backslash before it. */
static const char *next_start(const char *from, const char *end)
{
    for (const char *p = from; end - p >= SHORTEST; p++)
        if (memcmp(p + SUM, " {\"", 3) == 0 && strspn(p, "0123456789abcdef") == SUM)
            return p;
    return end;
}

/* A piece of text between two ends of lines: one line, or several whose ends are damaged. False when its last one is no good. */
static bool read_piece(struct journal *j, const char *line, const char *end, const char *digest, struct contents *c)
{
    for (;;) {
        cJSON *entry = read_line(line, end);
        if (entry != NULL) {
            take(j, entry, digest, c);
            return true;
        }
        const char *next = next_start(line + 1, end);
        if (next == end)
            return false;
        if ((entry = read_line(line, next - 1)) != NULL)
            take(j, entry, digest, c);
        else
            c->damaged++;
        line = next;
    }
}

/* Is it the beginning of a first line? */
static bool begins_header(const char *text, size_t length)
{
    static const char next[] = " {\"digest\":\"";
    size_t digits = strspn(text, "0123456789abcdef");
    if (digits < SUM)
        return digits == length;
    length = length - SUM < sizeof next - 1 ? length - SUM : sizeof next - 1;
    return strncmp(text + SUM, next, length) == 0;
}

static int by_item(const void *a, const void *b)
{
    const struct journal_entry *x = a, *y = b;
    int order = strcmp(x->item, y->item);
    return order != 0 ? order : strcmp(x->model, y->model);
}

/* Reads the good lines. */
static enum status replay(struct journal *j, const char *digest, struct contents *c, struct error *err)
{
    char *text;
    size_t length;
    enum status status = file_read(&text, &length, j->path, err);
    if (status != OK)
        return status;
    c->kept = length;
    for (char *line = text, *last = text + length, *end; line < last; line = end + 1) {
        end = memchr(line, '\n', (size_t)(last - line));
        if (end != NULL) {
            c->damaged += !read_piece(j, line, end, digest, c);
            continue;
        }
        end = last;
        c->unended = read_piece(j, line, end, digest, c);
        if (!c->unended)
            c->kept = (size_t)(line - text);
        c->torn_start = !c->unended && line == text && begins_header(text, length);
    }
    free(text);
    if (j->n > 0)
        qsort(j->entries, j->n, sizeof *j->entries, by_item);
    return OK;
}

/* What was written before: kept, or left out for a fresh start; *kept bytes of `size`. */
static enum status resume(struct journal *j, const char *digest, bool fresh, size_t size, size_t *kept, struct error *err)
{
    struct contents c = {0};
    enum status status = replay(j, digest, &c, err);
    if (status != OK)
        return status;
    if (c.good == 0 && !c.torn_start)
        return error_set(err, ERR_INPUT,
                         "%s: is no journal, or none of its lines is whole, expected one that this program wrote (move it away, "
                         "or choose another --out)",
                         j->path);
    if (c.others > 0 && !fresh)
        return error_set(err, ERR_INPUT,
                         "%s: is the journal of another run, expected the same options, models and data "
                         "(--fresh starts again)",
                         j->path);
    j->damaged = fresh ? 0 : c.damaged;
    *kept = fresh ? 0 : c.kept;
    if (*kept < size && ftruncate(j->fd, (off_t)*kept) != 0)
        return cannot_write(j, err);
    return c.unended && !fresh ? append(j, "\n", 1, err) : OK;
}

/* The file, locked; made where there is none. */
static enum status open_locked(struct journal *j, size_t *size, struct error *err)
{
    struct stat st;
    do {
        if (j->fd >= 0)
            close(j->fd);
        j->fd = open(j->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0666);
        if (j->fd < 0 || fstat(j->fd, &st) != 0)
            return cannot_write(j, err);
        if (!S_ISREG(st.st_mode))
            return error_set(err, ERR_SYSTEM, "%s: is no regular file, expected one that can be written", j->path);
        if (flock(j->fd, LOCK_EX | LOCK_NB) != 0)
            return error_set(err, ERR_SYSTEM, "%s: is in use, expected one run at a time (choose another --out)", j->path);
        if (fstat(j->fd, &st) != 0)
            return cannot_write(j, err);
    } while (st.st_nlink == 0); /* removed by the run that has just ended */
    *size = (size_t)st.st_size;
    return *size > 0 || file_sync_folder_of(j->path) ? OK : cannot_write(j, err);
}

static void forget(struct journal *j)
{
    for (size_t i = 0; i < j->n; i++)
        cJSON_Delete(j->entries[i].line);
    j->n = 0;
}

enum status journal_open(struct journal *j, const char *path, const char *digest, bool fresh, struct error *err)
{
    size_t size = 0, kept = 0;
    *j = (struct journal){.path = strdup(path), .fd = -1};
    snprintf(j->run, sizeof j->run, "%s", digest);
    enum status status = open_locked(j, &size, err);
    if (status == OK && size > 0)
        status = resume(j, digest, fresh, size, &kept, err);
    if (status == OK && fresh)
        forget(j);
    if (status == OK && kept == 0) {
        cJSON *header = cJSON_CreateObject();
        cJSON_AddStringToObject(header, "digest", digest);
        status = append_line(j, header, err);
        cJSON_Delete(header);
    }
    if (status != OK)
        journal_close(j, false);
    return status;
}

enum status journal_add(struct journal *j, const char *item, const char *model, const cJSON *result, struct error *err)
{
    cJSON *entry = cJSON_CreateObject();
    cJSON_AddStringToObject(entry, "run", j->run);
    cJSON_AddStringToObject(entry, "item", item);
    cJSON_AddStringToObject(entry, "model", model);
    cJSON_AddItemToObject(entry, "result", cJSON_Duplicate(result, true));
    enum status status = append_line(j, entry, err);
    cJSON_Delete(entry);
    return status;
}

const cJSON *journal_find(const struct journal *j, const char *item, const char *model)
{
    struct journal_entry wanted = {.item = item, .model = model};
    const struct journal_entry *e = j->n > 0 ? bsearch(&wanted, j->entries, j->n, sizeof wanted, by_item) : NULL;
    return e ? e->result : NULL;
}

void journal_close(struct journal *j, bool remove)
{
    if (remove)
        unlink(j->path);
    if (j->fd >= 0)
        close(j->fd);
    forget(j);
    free(j->entries);
    free(j->path);
    *j = (struct journal){.fd = -1};
}
