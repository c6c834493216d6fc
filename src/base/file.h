/* file.h - reading files whole or mapped, and writing them so that they appear whole.
 *
 * A file that is written appears under its name only when it is complete and
 * on disk: it is written beside its place under a temporary name that nobody can
 * foresee, flushed with fsync, and renamed, and the folder is flushed too.  What a
 * killed program has left of such a file is cleared when it is written again.
 */
#ifndef DIFFTF_BASE_FILE_H
#define DIFFTF_BASE_FILE_H

#include "base/memory.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdio.h>

/* A read-only memory-mapped file; `data` is NULL for an empty one. Only regular files are opened, so that none makes the program
 * wait; the path - (or /dev/stdin) is standard input, read to its end. */
struct file_map {
    const unsigned char *data;
    size_t size;
    struct file_origin *origin;
};
enum status file_map_open(struct file_map *map, const char *path, struct error *err);
void file_map_close(struct file_map *map);
/* Has the file been written to, replaced or removed since it was mapped? */
bool file_map_changed(const struct file_map *map);
/* The path of the mapped file that an address lies in, or NULL. For a signal's handler, too. */
const char *file_map_path(const void *address);
/* Brings in the pages of a part of a mapped file at once, which is cheaper than one by one as they are touched. */
void file_map_bring_in(const unsigned char *from, size_t size);

/* Is there a regular file that can be read, and of how many bytes? For libraries that open it themselves. */
enum status file_check(const char *path, size_t *size, struct error *err);

/* The whole file as a NUL-terminated string (`length` without the NUL); the caller frees it. */
enum status file_read(char **text, size_t *length, const char *path, struct error *err);

/* Writes a file atomically. */
struct file_writer {
    FILE *stream;
    char path[4096], temporary[4096 + 32];
    struct file_writer *next; /* of those open in this process */
};
enum status file_writer_open(struct file_writer *w, const char *path, struct error *err);
enum status file_writer_commit(struct file_writer *w, struct error *err);
/* Drops what was written; nothing appears. Harmless after commit. */
void file_writer_abort(struct file_writer *w);
/* Removes the temporary files of all writers that are open and what is in folders that are not filled: the process ends without
 * closing them. Safe in a signal handler. */
void file_writers_abandon(void);
/* Can a file of this name be written? For what is written after long work; nothing is left. */
enum status file_writer_check(const char *path, struct error *err);
/* All of the above for a text in memory. */
enum status file_write(const char *path, const char *text, size_t length, struct error *err);

/* Writes the file of that name in one folder into another; nothing where the two are one. */
enum status file_copy(const char *from_folder, const char *to_folder, const char *name, struct error *err);

/* Files that appear in a folder together or not at all: when writing them fails or the program ends amidst it, those that are
 * there go, and the folder with its parents as far as they were made for it. */
struct file_folder {
    char **files, **made; /* their paths; the folders that were not there, innermost first */
    size_t n_files, n_made;
    struct file_folder *next; /* of those being filled in this process */
};
/* Makes the folder; `names`, which end with NULL, are all that may be written, and none of them may be there. */
enum status file_folder_begin(struct file_folder *f, const char *path, const char *const *names, struct error *err);
/* Keeps what was written when `status`, which is returned, is OK. */
enum status file_folder_end(struct file_folder *f, enum status status);
/* Part of file_writers_abandon. */
void file_folders_abandon(void);

/* A lock on a folder that one program at a time holds; the caller closes *fd. */
enum status file_lock_folder(int *fd, const char *path, struct error *err);
/* Brings the names in the folder of `path` to disk; false when that failed. */
bool file_sync_folder_of(const char *path);

bool file_exists(const char *path);
bool file_is_directory(const char *path);
/* Makes a folder and its parents. */
enum status file_make_directory(const char *path, struct error *err);
/* "folder/name" in a fresh string; NULL when out of memory. */
char *path_join(const char *folder, const char *name);
/* SHA-256 of `size` bytes as 64 hexadecimal digits and a NUL. */
void sha256_hex(char hex[65], const void *data, size_t size);

#endif
