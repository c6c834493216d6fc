/* file.c - whole-file reading and mapping, folders; writing is in file_writer.c; see file.h. */
#include "base/file.h"

#include "base/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a mapped file was when it was opened; all of them in a list, by which a signal's handler finds a path. */
struct file_origin {
    struct file_origin *next;
    const unsigned char *data;
    size_t size;
    dev_t device;
    ino_t inode;
    struct timespec written;
    char path[];
};
static struct file_origin *mapped;
static pthread_mutex_t mapped_lock = PTHREAD_MUTEX_INITIALIZER;

/* Is it the system that fails rather than the file? */
static bool is_system_error(int number)
{
    return number == ENOMEM || number == EMFILE || number == ENFILE || number == EIO;
}

static enum status open_regular(int *fd, struct stat *st, const char *path, struct error *err)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe without a writer would wait */
    if (*fd < 0)
        return error_set(err, is_system_error(errno) ? ERR_SYSTEM : ERR_INPUT,
                         "%s: cannot be opened: %s, expected a readable file", path, strerror(errno));
    enum status status = OK;
    if (fstat(*fd, st) != 0)
        status = error_set(err, ERR_SYSTEM, "%s: cannot be read: %s", path, strerror(errno));
    else if (!S_ISREG(st->st_mode))
        status = error_set(err, ERR_INPUT, "%s: is no regular file, expected a readable file (or - for what is piped in)", path);
    if (status != OK)
        close(*fd);
    return status;
}

enum status file_check(const char *path, size_t *size, struct error *err)
{
    int fd;
    struct stat st = {0};
    enum status status = open_regular(&fd, &st, path, err);
    if (status == OK)
        close(fd);
    *size = (size_t)st.st_size;
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
static enum status open_piped(int *fd, struct stat *st, const char *path, struct error *err)
{
    enum { CHUNK = 1 << 16 };
    if (fstat(STDIN_FILENO, st) != 0 || S_ISDIR(st->st_mode))
        return error_set(err, ERR_INPUT, "%s: standard input is closed or a folder, expected text", path);
    if (!S_ISREG(st->st_mode)) {
        char *chunk = malloc(CHUNK);
        int spool = chunk ? memfd_create("standard input", MFD_CLOEXEC) : -1;
        ssize_t n = spool >= 0 ? 1 : -1;
        while (n > 0 || (n < 0 && spool >= 0 && (errno == EINTR || errno == EAGAIN))) {
            n = read(STDIN_FILENO, chunk, CHUNK);
            if (n > 0 && !write_all(spool, chunk, n))
                break;
        }
        bool ok = n == 0 && dup2(spool, STDIN_FILENO) >= 0 && fstat(STDIN_FILENO, st) == 0;
        free(chunk);
        if (spool >= 0)
            close(spool);
        if (!ok)
            return error_set(err, ERR_SYSTEM, "%s: standard input cannot be read: %s", path, strerror(errno));
    }
    *fd = dup(STDIN_FILENO);
    return *fd >= 0 ? OK : error_set(err, ERR_SYSTEM, "%s: standard input cannot be read: %s", path, strerror(errno));
}

static void remember(struct file_origin *o)
{
    pthread_mutex_lock(&mapped_lock);
    o->next = mapped;
    __atomic_store_n(&mapped, o, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&mapped_lock);
}

static void forget(struct file_origin *o)
{
    pthread_mutex_lock(&mapped_lock);
    struct file_origin **link = &mapped;
    while (*link != o)
        link = &(*link)->next;
    __atomic_store_n(link, o->next, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&mapped_lock);
    free(o);
}

static struct file_origin *origin_of(const struct stat *st, const unsigned char *data, const char *path)
{
    size_t length = strlen(path) + 1;
    struct file_origin *o = malloc(sizeof *o + length);
    if (o == NULL)
        return NULL;
    *o = (struct file_origin){
        .data = data, .size = (size_t)st->st_size, .device = st->st_dev, .inode = st->st_ino, .written = st->st_mtim};
    memcpy(o->path, path, length);
    return o;
}

enum status file_map_open(struct file_map *map, const char *path, struct error *err)
{
    int fd = -1;
    struct stat st = {0};
    void *data = NULL;
    *map = (struct file_map){0};
    bool piped = strcmp(path, "-") == 0 || strcmp(path, "/dev/stdin") == 0;
    enum status status = (piped ? open_piped : open_regular)(&fd, &st, path, err);
    if (status != OK)
        return status;
    if (st.st_size > 0)
        data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) {
        status = error_set(err, ERR_SYSTEM, "%s: cannot be mapped: %s", path, strerror(errno));
        data = NULL;
    }
    close(fd);
    if (status != OK)
        return status;
    *map = (struct file_map){data, (size_t)st.st_size, origin_of(&st, data, path)};
    if (map->origin == NULL) {
        file_map_close(map);
        return error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    }
    remember(map->origin);
    return OK;
}

bool file_map_changed(const struct file_map *map)
{
    struct stat st;
    const struct file_origin *o = map->origin;
    return o != NULL &&
           (stat(o->path, &st) != 0 || st.st_dev != o->device || st.st_ino != o->inode || (size_t)st.st_size != o->size ||
            st.st_mtim.tv_sec != o->written.tv_sec || st.st_mtim.tv_nsec != o->written.tv_nsec);
}

const char *file_map_path(const void *address)
{
    for (const struct file_origin *o = __atomic_load_n(&mapped, __ATOMIC_ACQUIRE); o != NULL; o = o->next)
        if ((uintptr_t)address - (uintptr_t)o->data < o->size + (size_t)sysconf(_SC_PAGESIZE))
            return o->path;
    return NULL;
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
    if (map->origin != NULL)
        forget(map->origin);
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

enum status file_lock_folder(int *fd, const char *path, struct error *err)
{
    *fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0)
        return error_set(err, ERR_SYSTEM, "%s: cannot be opened: %s", path, strerror(errno));
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
        return OK;
    enum status status =
        errno == EWOULDBLOCK
            ? error_set(err, ERR_SYSTEM, "%s: is in use, expected one program at a time that writes into it", path)
            : error_set(err, ERR_SYSTEM, "%s: cannot be locked: %s", path, strerror(errno));
    close(*fd);
    *fd = -1;
    return status;
}

char *path_join(const char *folder, const char *name)
{
    struct text t = {0};
    if (!text_printf(&t, "%s%s%s", folder, folder[0] && folder[strlen(folder) - 1] != '/' ? "/" : "", name))
        text_free(&t);
    return t.data;
}

void sha256_hex(char hex[65], const void *data, size_t size)
{
    enum { CHUNK = 1 << 23 };
    struct sha256_ctx ctx;
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_init(&ctx);
    struct progress progress = progress_begin("digest", size, true);
    for (size_t at = 0, n; at < size; at += n) {
        n = size - at < CHUNK ? size - at : CHUNK;
        sha256_update(&ctx, n, (const uint8_t *)data + at);
        progress_add(&progress, n);
    }
    progress_end(&progress);
    sha256_digest(&ctx, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

enum status file_copy(const char *from_folder, const char *to_folder, const char *name, struct error *err)
{
    char *from = path_join(from_folder, name), *to = path_join(to_folder, name), *text = NULL;
    size_t length = 0;
    enum status status = from && to ? OK : error_set(err, ERR_SYSTEM, "%s: out of memory", name);
    if (status == OK && strcmp(from, to) != 0) {
        status = file_read(&text, &length, from, err);
        if (status == OK)
            status = file_write(to, text, length, err);
    }
    free(from);
    free(to);
    free(text);
    return status;
}
