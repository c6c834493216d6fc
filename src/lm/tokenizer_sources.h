/* tokenizer_sources.h - other files that hold a tokenizer, read into the tree of a tokenizer.json. */
#ifndef DIFFTF_LM_TOKENIZER_SOURCES_H
#define DIFFTF_LM_TOKENIZER_SOURCES_H

#include "formats/json.h"

/* SentencePiece's tokenizer.model (BPE or Unigram; Kudo & Richardson 2018): pieces, scores, byte fallback, its rules for blanks.
 */
enum status sentencepiece_read(cJSON **root, const char *path, const char *data, size_t length, struct error *err);
/* OpenAI's .tiktoken: a line for each token, base64 and rank. Pattern and special tokens are those of the published vocabulary of
 * that size. */
enum status tiktoken_read(cJSON **root, const char *path, const char *data, size_t length, struct error *err);
/* Does the file look like lines of base64 and a rank? */
bool tiktoken_recognized(const char *data, size_t length);

/* The tokenizer of a GGUF file's metadata: SentencePiece-like, or byte-level BPE. */
enum status gguf_tokenizer_read(cJSON **root, const char *path, const cJSON *metadata, struct error *err);

/* Patterns of OpenAI's cl100k_base and o200k_base, and the first with digits one by one. */
extern const char CL100K_PATTERN[], CL100K_DIGIT_PATTERN[], O200K_PATTERN[];

/* What a token is, as SentencePiece and GGUF number it. */
enum piece_type { PIECE_NORMAL = 1, PIECE_UNKNOWN, PIECE_CONTROL, PIECE_USER, PIECE_UNUSED, PIECE_BYTE };
/* Adds [text, score] to a vocabulary whose places are ids; NULL or "": a name that no text has keeps the place. */
void source_add_piece(cJSON *vocab, const char *text, size_t id, double score);
/* Steps that several sources share. */
cJSON *source_step(cJSON *list, const char *type);
/* The two stages of a byte-level vocabulary: a pattern, then bytes. */
void source_byte_level(cJSON *stages, const char *pattern);
/* An entry of added_tokens: a token that text gives (`matched`) or not, and that decoding leaves out. */
cJSON *source_add_token(cJSON *added, const char *content, double id, bool special, bool matched);
/* Puts one token before (the id that tokenizer_config.json or the like asks for) every text. */
void source_begin_with(cJSON *root, const char *content);
/* How SentencePiece treats text. */
struct sentencepiece_rules {
    bool unigram;       /* else BPE */
    int64_t unknown;    /* id of the unknown token, -1: none */
    bool byte_fallback; /* characters without pieces become bytes */
    bool prefix;        /* a blank in front of a text */
    bool squeeze;       /* blanks at the ends go, several become one */
    char *charsmap;     /* the table of character changes, base64, or NULL */
};
/* The tree of a SentencePiece vocabulary [[piece, score], ..] with its added tokens; takes both. */
cJSON *sentencepiece_tree(cJSON *vocab, cJSON *added, const struct sentencepiece_rules *rules);

#endif
