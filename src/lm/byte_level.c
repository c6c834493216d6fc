/* byte_level.c - see byte_level.h. */
#include "lm/byte_level.h"

const char GPT2_PATTERN[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

uint32_t byte_level_char(unsigned char b)
{
    if ((b >= 33 && b <= 126) || (b >= 161 && b != 173))
        return b;
    return 256u + (b <= 32 ? b : b < 173 ? b - 127u + 33u : 67u);
}
