/* torch_file.h - the tensors of a PyTorch checkpoint (.bin, .pt, .pth), read without running anything.
 *
 * Such a file is a zip archive: data.pkl, a pickle of the state dictionary, and an entry of raw numbers for each storage. The
 * pickle is a program; only the instructions that build plain values and tensors are followed, nothing is imported or called.
 */
#ifndef DIFFTF_FORMATS_TORCH_FILE_H
#define DIFFTF_FORMATS_TORCH_FILE_H

#include "formats/tensor_file.h"

struct torch_file {
    struct tensor *tensors; /* in the order of the file; data is dense and row-major */
    size_t n_tensors;
    unsigned char **owned; /* [n_tensors] the data */
    size_t size, unpacked; /* bytes of the file, and of all tensors so far */
};

/* Every tensor of the dictionary, or of the one within it that training scripts wrap ("model_state_dict", "state_dict", "model",
 * "module", .., in each other too). F32, F16 and BF16; tensors of other numbers are DTYPE_OTHER and have no data. */
enum status torch_file_open(struct torch_file *file, const char *path, struct error *err);
void torch_file_close(struct torch_file *file);

#endif
