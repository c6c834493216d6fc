/* readers.h - every reader of files from strangers as one function over bytes, for the fuzzer and for the replay in `make check`.
 */
#ifndef DIFFTF_TESTS_FUZZ_READERS_H
#define DIFFTF_TESTS_FUZZ_READERS_H

#include <stddef.h>

struct reader {
    const char *name, *file; /* file: how it is called in a folder of its own; NULL: bytes in memory */
    void (*read)(const char *folder, const char *path, const char *bytes, size_t n);
};
extern const struct reader READERS[]; /* ended by a name that is NULL */

/* Makes the folder that reader_run uses; reader_end removes it. */
void reader_begin(void);
void reader_run(const struct reader *reader, const char *bytes, size_t n);
void reader_end(void);
const struct reader *reader_find(const char *name);

#endif
