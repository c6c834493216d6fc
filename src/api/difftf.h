/* difftf.h - what is stable of libdifftf, for C and for anything that can call C.
 *
 * A model is opened from a folder or a .gguf file, with its tokenizer; tokens pass through it; logits, attention and text come
 * out. A task runs as on the command line and leaves its report. Everything else that is installed below difftf/ is the core as
 * it is and may change with any version.
 *
 * Functions that can fail return 0, or an exit code of the programs (2 wrong usage, 3 a file is invalid, missing or does not fit,
 * 4 the system failed) and then write one line to `message`, which has DIFFTF_MESSAGE bytes or is NULL. What they allocate is the
 * caller's, freed by difftf_free. A model may be used by several threads at once. Numbers are float32; token ids are checked.
 * Without memory for something small they fail as any program does: malloc's result is not looked at.
 */
#ifndef DIFFTF_H
#define DIFFTF_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DIFFTF_API __attribute__((visibility("default")))
enum { DIFFTF_MESSAGE = 1024 };

struct difftf; /* a model */

DIFFTF_API const char *difftf_version(void);
DIFFTF_API void difftf_free(void *memory);

/* From a model folder or a .gguf file. A folder without a tokenizer gives a model without one. threads 0: all processors. */
DIFFTF_API int difftf_open(struct difftf **model, const char *path, int threads, char *message);
DIFFTF_API void difftf_close(struct difftf *model);

/* Shapes: heads are output heads; maps are 1 for a Transformer, 2 for a Diff Transformer. */
DIFFTF_API size_t difftf_vocab_size(const struct difftf *model);
DIFFTF_API size_t difftf_layers(const struct difftf *model);
DIFFTF_API size_t difftf_heads(const struct difftf *model);
DIFFTF_API size_t difftf_maps(const struct difftf *model);
DIFFTF_API size_t difftf_parameters(const struct difftf *model);
DIFFTF_API const char *difftf_family(const struct difftf *model);

/* ids [*n] of UTF-8 text; `special` adds the tokens that stand around a text. */
DIFFTF_API int difftf_tokenize(const struct difftf *model, const char *text, size_t length, int special, int32_t **ids, size_t *n,
                               char *message);
/* The text of ids [n], NUL-terminated; special tokens are left out unless `special`. */
DIFFTF_API int difftf_decode(const struct difftf *model, const int32_t *ids, size_t n, int special, char **text, char *message);

/* logits [n, vocab_size] of ids [n]: row i predicts token i + 1. */
DIFFTF_API int difftf_logits(const struct difftf *model, const int32_t *ids, size_t n, float *logits, char *message);
/* rows [heads, position + 1]: what the token at `position` pays to those up to it, by the effective map of each head of a layer
 * (A, or A1 - lambda A2). */
DIFFTF_API int difftf_attention(const struct difftf *model, const int32_t *ids, size_t n, size_t layer, size_t position,
                                float *rows, char *message);
/* Up to `most` new ids after ids [n]; temperature 0: always the most probable. */
DIFFTF_API int difftf_generate(const struct difftf *model, const int32_t *ids, size_t n, size_t most, double temperature,
                               uint64_t seed, int32_t **out, size_t *n_out, char *message);

/* `difftf-eval TASK arguments..`; the report goes to the file that "--out" names. */
DIFFTF_API int difftf_run(const char *task, const char *const *arguments, size_t n, char *message);

#ifdef __cplusplus
}
#endif

#endif
