/* text_file.h - text from a file, unpacked where it is gzip or zstd. */
#ifndef DIFFTF_FORMATS_TEXT_FILE_H
#define DIFFTF_FORMATS_TEXT_FILE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

/* The whole text, NUL-terminated, without a byte order mark; the caller frees it. It must be UTF-8. gzip and zstd files are known
 * by their first bytes; sha256 (or NULL) is that of the file as it lies there, in hexadecimal. */
enum status text_file_read(char **text, size_t *length, char sha256[65], const char *path, struct error *err);
/* Does the name end so, `.gz` and `.zst` left aside? */
bool text_file_named(const char *path, const char *ending);

#endif
