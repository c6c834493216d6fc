/* file_folder.c - several files that appear in a folder together or not at all; see file.h. */
#include "base/file.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The folders that are being filled, for an end of the program amidst it. */
static struct file_folder *folders;
static pthread_mutex_t folders_lock = PTHREAD_MUTEX_INITIALIZER;

static void forget(struct file_folder *f)
{
    pthread_mutex_lock(&folders_lock);
    struct file_folder **link = &folders;
    while (*link != NULL && *link != f)
        link = &(*link)->next;
    if (*link != NULL)
        __atomic_store_n(link, f->next, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&folders_lock);
}

/* Its files, then the folders that were made for it, from the innermost. */
static void take_away(const struct file_folder *f)
{
    for (size_t i = 0; i < f->n_files; i++)
        unlink(f->files[i]);
    for (size_t i = 0; i < f->n_made; i++)
        rmdir(f->made[i]);
}

void file_folders_abandon(void)
{
    for (struct file_folder *f = __atomic_load_n(&folders, __ATOMIC_ACQUIRE); f != NULL; f = f->next)
        take_away(f);
}

static void release(struct file_folder *f)
{
    for (size_t i = 0; i < f->n_files; i++)
        free(f->files[i]);
    for (size_t i = 0; i < f->n_made; i++)
        free(f->made[i]);
    free(f->files);
    free(f->made);
}

/* The folder and its parents, as far as they are not there. */
static void list_missing(struct file_folder *f, const char *path)
{
    size_t capacity = 0;
    char *part = strdup(path);
    for (size_t n = strlen(part); n > 0 && !file_exists(part) && !file_is_directory(part);) {
        mem_grow((void **)&f->made, &capacity, f->n_made + 1, sizeof *f->made);
        f->made[f->n_made++] = strdup(part);
        while (n > 0 && part[n - 1] == '/')
            part[--n] = '\0';
        while (n > 0 && part[n - 1] != '/')
            part[--n] = '\0';
    }
    free(part);
}

enum status file_folder_begin(struct file_folder *f, const char *path, const char *const *names, struct error *err)
{
    *f = (struct file_folder){0};
    for (size_t n = 0; names[n] != NULL; n++) {
        char *file = path_join(path, names[n]);
        bool there = file_exists(file);
        free(file);
        if (there)
            return error_set(err, ERR_INPUT, "%s: holds %s already, expected a new folder", path, names[n]);
        f->n_files = n + 1;
    }
    f->files = calloc(f->n_files + 1, sizeof *f->files);
    for (size_t i = 0; i < f->n_files; i++)
        f->files[i] = path_join(path, names[i]);
    list_missing(f, path);
    pthread_mutex_lock(&folders_lock);
    f->next = folders;
    __atomic_store_n(&folders, f, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&folders_lock);
    enum status status = file_make_directory(path, err);
    return status == OK ? OK : file_folder_end(f, status);
}

enum status file_folder_end(struct file_folder *f, enum status status)
{
    forget(f);
    if (status != OK)
        take_away(f);
    release(f);
    *f = (struct file_folder){0};
    return status;
}
