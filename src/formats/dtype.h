/* dtype.h - how the numbers of a stored tensor are written. */
#ifndef DIFFTF_FORMATS_DTYPE_H
#define DIFFTF_FORMATS_DTYPE_H

enum dtype {
    DTYPE_F32,
    DTYPE_F16,
    DTYPE_BF16,
    DTYPE_Q8_0, /* GGUF: blocks of 32, a scale in F16, then 32 signed bytes */
    DTYPE_I64,
    DTYPE_OTHER
};
enum { Q8_0_BLOCK = 32, Q8_0_BYTES = 34 };

#endif
