/* bpe.c - difftf-bpe: learns a byte-level BPE vocabulary.   difftf-bpe VOCAB_SIZE FOLDER FILE... */
#include "train/bpe.h"
#include "base/program.h"
#include "cli/face.h"

#include <stdio.h>
#include <stdlib.h>

static const struct face FACE = {
    .name = "difftf-bpe",
    .summary = "learns a vocabulary of byte-level BPE from texts",
    .arguments = "VOCAB_SIZE FOLDER FILE...",
    .description = "Learns VOCAB_SIZE (258 to 16384) tokens from the text files and writes FOLDER/tokenizer.json.",
};

int main(int argc, char **argv)
{
    program_start(FACE.name, false);
    struct error err = {0};
    enum status status;
    char *end = NULL;
    if (face_answers(&FACE, argc, argv, &status, &err))
        return program_end(status, &err);
    unsigned long size = argc > 1 ? strtoul(argv[1], &end, 10) : 0;
    if (argc < 4)
        status = face_misused(&FACE, NULL, &err);
    else if (end == argv[1] || *end != '\0' || size < 258 || size > 16384)
        status = error_set(&err, ERR_USAGE, "VOCAB_SIZE: '%.40s' is wrong, expected an integer from 258 to 16384", argv[1]);
    else
        status = bpe_train((const char *const *)argv + 3, (size_t)argc - 3, size, argv[2], &err);
    return program_end(status, &err);
}
