/* file.c - whole-file reading, mapping and atomic writing; see file.h. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status open_regular(int *fd, size_t *size, const char *path, struct error *err)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe without a writer would wait */
    if (*fd < 0)
        return error_set(err, errno == ENOMEM ? ERR_SYSTEM : ERR_INPUT, "%s: cannot be opened: %s, expected a readable file",
                         path, strerror(errno));
    struct stat st;
    if (fstat(*fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(*fd);
        return error_set(err, ERR_INPUT, "%s: is no regular file, expected a readable file (or - for what is piped in)", path);
    }
    *size = (size_t)st.st_size;
    return OK;
}

enum status file_check(const char *path, size_t *size, struct error *err)
{
    int fd;
    enum status status = open_regular(&fd, size, path, err);
    if (status == OK)
        close(fd);
    return status;
}

static bool write_all(int fd, const char *bytes, ssize_t n)
{
    for (ssize_t done = 0, m; done < n; done += m)
        if ((m = write(fd, bytes + done, (size_t)(n - done))) <= 0)
            return false;
    return true;
}

/* Standard input as a regular file: what is piped in goes to a file in memory first, which takes its place, so that it can be
 * mapped, and read again. */
static enum status open_piped(int *fd, size_t *size, const char *path, struct error *err)
{
    enum { CHUNK = 1 << 16 };
    struct stat st;
    if (fstat(STDIN_FILENO, &st) != 0 || S_ISDIR(st.st_mode))
        return error_set(err, ERR_INPUT, "%s: standard input is closed or a folder, expected text", path);
    if (!S_ISREG(st.st_mode)) {
        char *chunk = malloc(CHUNK);
        int spool = chunk ? memfd_create("standard input", MFD_CLOEXEC) : -1;
        ssize_t n = spool >= 0 ? 1 : -1;
        while (n > 0 || (n < 0 && spool >= 0 && (errno == EINTR || errno == EAGAIN))) {
            n = read(STDIN_FILENO, chunk, CHUNK);
            if (n > 0 && !write_all(spool, chunk, n))
                break;
        }
        bool ok = n == 0 && dup2(spool, STDIN_FILENO) >= 0 && fstat(STDIN_FILENO, &st) == 0;
        free(chunk);
        if (spool >= 0)
            close(spool);
        if (!ok)
            return error_set(err, ERR_SYSTEM, "%s: standard input cannot be read: %s", path, strerror(errno));
    }
    *size = (size_t)st.st_size;
    *fd = dup(STDIN_FILENO);
    return *fd >= 0 ? OK : error_set(err, ERR_SYSTEM, "%s: standard input cannot be read: %s", path, strerror(errno));
}

enum status file_map_open(struct file_map *map, const char *path, struct error *err)
{
    int fd;
    *map = (struct file_map){0};
    bool piped = strcmp(path, "-") == 0 || strcmp(path, "/dev/stdin") == 0;
    enum status status = (piped ? open_piped : open_regular)(&fd, &map->size, path, err);
    if (status != OK)
        return status;
    if (map->size > 0) {
        void *p = mmap(NULL, map->size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            status = error_set(err, ERR_SYSTEM, "%s: cannot be mapped: %s", path, strerror(errno));
        else
            map->data = p;
    }
    close(fd);
    return status;
}

void file_map_bring_in(const unsigned char *from, size_t size)
{
#ifdef MADV_POPULATE_READ /* Linux 5.14; elsewhere they come as they are touched */
    size_t page = (size_t)sysconf(_SC_PAGESIZE), skip = (uintptr_t)from % page;
    madvise((void *)(uintptr_t)(from - skip), size + skip, MADV_POPULATE_READ);
#else
    (void)from;
    (void)size;
#endif
}

void file_map_close(struct file_map *map)
{
    if (map->data != NULL)
        munmap((void *)(uintptr_t)map->data, map->size);
    *map = (struct file_map){0};
}

enum status file_read(char **text, size_t *length, const char *path, struct error *err)
{
    struct file_map map;
    *text = NULL;
    enum status status = file_map_open(&map, path, err);
    if (status != OK)
        return status;
    *text = malloc(map.size + 1);
    if (*text == NULL) {
        file_map_close(&map);
        return error_set(err, ERR_SYSTEM, "%s: out of memory for %zu bytes", path, map.size);
    }
    if (map.data != NULL)
        memcpy(*text, map.data, map.size);
    (*text)[map.size] = '\0';
    if (length != NULL)
        *length = map.size;
    file_map_close(&map);
    return OK;
}

/* The files being written, so that a program that ends in the middle leaves none behind. */
static struct file_writer *_Atomic open_writers;
static pthread_mutex_t open_writers_lock = PTHREAD_MUTEX_INITIALIZER;

static void enlist(struct file_writer *w)
{
    pthread_mutex_lock(&open_writers_lock);
    w->next = open_writers;
    open_writers = w;
    pthread_mutex_unlock(&open_writers_lock);
}

static void strike(struct file_writer *w)
{
    pthread_mutex_lock(&open_writers_lock);
    if (open_writers == w)
        open_writers = w->next;
    for (struct file_writer *p = open_writers; p != NULL; p = p->next)
        if (p->next == w)
            p->next = w->next;
    pthread_mutex_unlock(&open_writers_lock);
}

void file_writers_abandon(void)
{
    for (const struct file_writer *w = open_writers; w != NULL; w = w->next)
        unlink(w->temporary);
}

enum status file_writer_open(struct file_writer *w, const char *path, struct error *err)
{
    *w = (struct file_writer){0};
    if (strlen(path) >= sizeof w->path)
        return error_set(err, ERR_INPUT, "%s: the path is too long", path);
    strcpy(w->path, path);
    snprintf(w->temporary, sizeof w->temporary, "%s.tmp.%ld", path, (long)getpid());
    w->stream = fopen(w->temporary, "wbe");
    if (w->stream == NULL)
        return error_set(err, ERR_SYSTEM, "%s: cannot be written: %s", path, strerror(errno));
    enlist(w);
    return OK;
}

enum status file_writer_commit(struct file_writer *w, struct error *err)
{
    bool ok = !ferror(w->stream) && fflush(w->stream) == 0 && fsync(fileno(w->stream)) == 0;
    ok = fclose(w->stream) == 0 && ok;
    w->stream = NULL;
    ok = ok && rename(w->temporary, w->path) == 0;
    enum status status = ok ? OK : error_set(err, ERR_SYSTEM, "%s: cannot be written: %s", w->path, strerror(errno));
    if (!ok)
        unlink(w->temporary);
    strike(w);
    return status;
}

void file_writer_abort(struct file_writer *w)
{
    if (w->stream == NULL)
        return;
    fclose(w->stream);
    w->stream = NULL;
    unlink(w->temporary);
    strike(w);
}

enum status file_write(const char *path, const char *text, size_t length, struct error *err)
{
    struct file_writer w;
    enum status status = file_writer_open(&w, path, err);
    if (status != OK)
        return status;
    fwrite(text, 1, length, w.stream);
    return file_writer_commit(&w, err);
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool file_is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

enum status file_make_directory(const char *path, struct error *err)
{
    char *copy = strdup(path);
    if (copy == NULL)
        return error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    for (char *p = copy + 1;; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char end = *p;
        *p = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST) {
            free(copy);
            return error_set(err, ERR_SYSTEM, "%s: cannot be made: %s", path, strerror(errno));
        }
        *p = end;
        if (end == '\0')
            break;
    }
    free(copy);
    return OK;
}

char *path_join(const char *folder, const char *name)
{
    struct text t = {0};
    if (!text_printf(&t, "%s%s%s", folder, folder[0] && folder[strlen(folder) - 1] != '/' ? "/" : "", name))
        text_free(&t);
    return t.data;
}

bool utf8_valid(const char *text, size_t length)
{
    const unsigned char *s = (const unsigned char *)text;
    for (size_t i = 0; i < length;) {
        unsigned c = s[i];
        size_t extra = c < 0x80 ? 0 : c >= 0xc2 && c < 0xe0 ? 1 : c >= 0xe0 && c < 0xf0 ? 2 : c >= 0xf0 && c < 0xf5 ? 3 : 9;
        if (extra == 9 || length - i <= extra)
            return false;
        for (size_t k = 1; k <= extra; k++)
            if ((s[i + k] & 0xc0) != 0x80)
                return false;
        if ((c == 0xe0 && s[i + 1] < 0xa0) || (c == 0xed && s[i + 1] > 0x9f) || (c == 0xf0 && s[i + 1] < 0x90) ||
            (c == 0xf4 && s[i + 1] > 0x8f))
            return false;
        i += extra + 1;
    }
    return true;
}

void utf8_mend(char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; i < n && !utf8_valid(text, n); i++)
        if ((unsigned char)text[i] >= 0x80)
            text[i] = '?';
}

void sha256_hex(char hex[65], const void *data, size_t size)
{
    struct sha256_ctx ctx;
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_init(&ctx);
    sha256_update(&ctx, size, data);
    sha256_digest(&ctx, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}
