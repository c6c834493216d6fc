/* bpe.c - difftf-bpe: learns a byte-level BPE vocabulary.   difftf-bpe VOCAB_SIZE FOLDER FILE... */
#include "train/bpe.h"
#include "base/program.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    program_start("difftf-bpe", false);
    struct error err = {0};
    char *end = NULL;
    unsigned long size = argc > 1 ? strtoul(argv[1], &end, 10) : 0;
    if (argc < 4 || *end != '\0' || size < 258 || size > 16384) {
        fprintf(stderr, "usage: difftf-bpe VOCAB_SIZE FOLDER FILE...\n"
                        "Learns VOCAB_SIZE (258 to 16384) tokens from the text files and writes FOLDER/tokenizer.json.\n");
        return program_end(ERR_USAGE, NULL);
    }
    enum status status = bpe_train((const char *const *)argv + 3, (size_t)argc - 3, size, argv[2], &err);
    return program_end(status, &err);
}
