/* byte_level.h - the alphabet of byte-level BPE (Radford et al. 2019) and its pattern. */
#ifndef DIFFTF_LM_BYTE_LEVEL_H
#define DIFFTF_LM_BYTE_LEVEL_H

#include <stdint.h>

/* The unicode character that stands for a byte in the files of byte-level BPE. */
uint32_t byte_level_char(unsigned char byte);
/* GPT-2's pattern of pre-tokens. */
extern const char GPT2_PATTERN[];

#endif
