/* ids.h - token ids from a JSON file, checked against a vocabulary. */
#ifndef DIFFTF_LM_IDS_H
#define DIFFTF_LM_IDS_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* Reads a JSON array of at least `least` integers in 0 .. vocab-1; the caller frees *ids. */
enum status ids_read(int32_t **ids, size_t *n, const char *path, size_t vocab, size_t least, struct error *err);

#endif
