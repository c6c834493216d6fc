/* A folder of its own for a test that needs files on disk. */
#ifndef DIFFTF_TESTS_FOLDER_H
#define DIFFTF_TESTS_FOLDER_H

#include "base/file.h"
#include "suite_main.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];

static inline void setup_folder(void)
{
    strcpy(folder, "/tmp/difftf-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static inline void put(const char *name, const char *text, size_t n)
{
    struct error err;
    char *path = path_join(folder, name);
    ck_assert_int_eq(file_write(path, text, n, &err), OK);
    free(path);
}

static inline void put_text(const char *name, const char *text)
{
    put(name, text, strlen(text));
}

static inline void take_away(const char *name)
{
    char *path = path_join(folder, name);
    unlink(path);
    free(path);
}

#endif
