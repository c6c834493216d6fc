/* attention.c - what the last token of a text attends to, by a program of its own on libdifftf.
 *
 *   cc attention.c $(pkg-config --cflags --libs difftf) -o attention
 *   ./attention FOLDER TEXT
 */
#include <difftf.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    char message[DIFFTF_MESSAGE];
    struct difftf *model = NULL;
    int32_t *ids = NULL;
    size_t n = 0;
    if (argc != 3) {
        fprintf(stderr, "usage: attention FOLDER TEXT\n");
        return 2;
    }
    int code = difftf_open(&model, argv[1], 1, message);
    if (code == 0)
        code = difftf_tokenize(model, argv[2], strlen(argv[2]), 0, &ids, &n, message);
    size_t heads = code == 0 ? difftf_heads(model) : 0;
    float *rows = calloc(heads * n + 1, sizeof *rows);
    for (size_t layer = 0; code == 0 && layer < difftf_layers(model); layer++) {
        code = difftf_attention(model, ids, n, layer, n - 1, rows, message);
        for (size_t i = 0; code == 0 && i < n; i++) {
            char *token = NULL;
            float sum = 0;
            for (size_t h = 0; h < heads; h++)
                sum += rows[h * n + i];
            code = difftf_decode(model, ids + i, 1, 1, &token, message);
            printf("layer %zu  %+.4f  %s\n", layer, (double)sum / (double)heads, code == 0 ? token : "");
            difftf_free(token);
        }
    }
    if (code != 0)
        fprintf(stderr, "attention: %s\n", message);
    free(rows);
    difftf_free(ids);
    difftf_close(model);
    return code;
}
