/* file_writer.c - files that appear whole or not at all; see file.h. */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK ".tmp."

/* The open writers, whose temporary files go when the program ends at once. */
static struct file_writer *writers;
static pthread_mutex_t writers_lock = PTHREAD_MUTEX_INITIALIZER;

static void remember(struct file_writer *w)
{
    pthread_mutex_lock(&writers_lock);
    w->next = writers;
    __atomic_store_n(&writers, w, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&writers_lock);
}

static void forget(struct file_writer *w)
{
    pthread_mutex_lock(&writers_lock);
    struct file_writer **link = &writers;
    while (*link != NULL && *link != w)
        link = &(*link)->next;
    if (*link != NULL)
        __atomic_store_n(link, w->next, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&writers_lock);
}

void file_writers_abandon(void)
{
    for (struct file_writer *w = __atomic_load_n(&writers, __ATOMIC_ACQUIRE); w != NULL; w = w->next)
        unlink(w->temporary);
    file_folders_abandon();
}

/* The folder of a path, "." where it names none. */
static int open_folder_of(const char *path)
{
    char folder[4096] = ".";
    const char *slash = strrchr(path, '/');
    size_t n = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
    if (n >= sizeof folder) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (n > 0) {
        memcpy(folder, path, n);
        folder[n] = '\0';
    }
    return open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool sync_folder(int fd)
{
    return fsync(fd) == 0 || errno == EINVAL || errno == EROFS; /* a file system that cannot has nothing to bring to disk */
}

bool file_sync_folder_of(const char *path)
{
    int fd = open_folder_of(path);
    if (fd < 0)
        return errno == EACCES; /* may be written to, but not listed */
    bool ok = sync_folder(fd);
    close(fd);
    return ok;
}

/* A writer holds a lock on its temporary file: one that can be locked was left by a program that was killed. */
static void clear_temporary(int folder, const char *name)
{
    struct stat st;
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && flock(fd, LOCK_EX | LOCK_NB) == 0)
        unlinkat(folder, name, 0);
    close(fd);
}

static void clear_left_overs(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t n = strlen(name), mark = strlen(MARK);
    int folder = open_folder_of(path);
    DIR *list = folder >= 0 ? fdopendir(folder) : NULL;
    if (list == NULL && folder >= 0)
        close(folder);
    for (struct dirent *e; list != NULL && (e = readdir(list)) != NULL;) {
        if (strncmp(e->d_name, name, n) != 0 || strncmp(e->d_name + n, MARK, mark) != 0)
            continue;
        const char *tail = e->d_name + n + mark;
        if (*tail != '\0' && tail[strspn(tail, "0123456789abcdef")] == '\0')
            clear_temporary(folder, e->d_name);
    }
    if (list != NULL)
        closedir(list);
}

/* A new file that is ours alone, locked; -1 with errno. */
static int make_temporary(struct file_writer *w)
{
    enum { TRIES = 100 };
    for (int i = 0; i < TRIES; i++) {
        uint64_t random;
        struct stat st;
        if (getrandom(&random, sizeof random, 0) != sizeof random)
            return -1;
        snprintf(w->temporary, sizeof w->temporary, "%s" MARK "%016" PRIx64, w->path, random);
        int fd = open(w->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST)
            return -1;
        if (fd < 0)
            continue;
        flock(fd, LOCK_EX | LOCK_NB); /* where there are no locks, nothing is cleared either */
        if (fstat(fd, &st) == 0 && st.st_nlink > 0)
            return fd;
        close(fd); /* taken for a left-over before it was locked */
    }
    errno = EEXIST;
    return -1;
}

enum status file_writer_open(struct file_writer *w, const char *path, struct error *err)
{
    struct stat st;
    *w = (struct file_writer){0};
    if (strlen(path) >= sizeof w->path)
        return error_set(err, ERR_INPUT, "%s: the path is too long", path);
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return error_set(err, ERR_SYSTEM, "%s: cannot be written: it is no regular file, expected the name of a file", path);
    strcpy(w->path, path);
    clear_left_overs(path);
    int fd = make_temporary(w);
    w->stream = fd >= 0 ? fdopen(fd, "wb") : NULL;
    if (w->stream != NULL) {
        remember(w);
        return OK;
    }
    enum status status = error_set(err, ERR_SYSTEM, "%s: cannot be written: %s", path, strerror(errno));
    if (fd >= 0) {
        close(fd);
        unlink(w->temporary);
    }
    return status;
}

enum status file_writer_check(const char *path, struct error *err)
{
    struct file_writer w = {0};
    enum status status = file_writer_open(&w, path, err);
    file_writer_abort(&w);
    return status;
}

enum status file_writer_commit(struct file_writer *w, struct error *err)
{
    int folder = open_folder_of(w->path);
    bool ok = folder >= 0 || errno == EACCES; /* a folder that may be written to, but not listed */
    ok = ok && !ferror(w->stream) && fflush(w->stream) == 0 && fsync(fileno(w->stream)) == 0;
    int failure = ok ? 0 : errno != 0 ? errno : EIO;
    /* The lock goes with the stream: under its own name the file is no left-over. */
    if (ok && rename(w->temporary, w->path) != 0) {
        failure = errno;
        ok = false;
    }
    if (!ok)
        unlink(w->temporary);
    if (fclose(w->stream) != 0 && ok) {
        failure = errno;
        ok = false;
    }
    w->stream = NULL;
    forget(w);
    if (ok && folder >= 0 && !sync_folder(folder)) {
        failure = errno;
        ok = false;
    }
    if (folder >= 0)
        close(folder);
    return ok ? OK : error_set(err, ERR_SYSTEM, "%s: cannot be written: %s", w->path, strerror(failure));
}

void file_writer_abort(struct file_writer *w)
{
    if (w->stream == NULL)
        return;
    unlink(w->temporary);
    fclose(w->stream);
    w->stream = NULL;
    forget(w);
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
