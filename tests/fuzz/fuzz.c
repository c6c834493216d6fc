/* fuzz.c - libFuzzer's entry for one of the readers: FUZZ_READER names it. `make fuzz` builds and runs them all. */
#include "fuzz/readers.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const struct reader *reader;
    if (reader == NULL) {
        reader = reader_find(FUZZ_READER);
        reader_begin();
        atexit(reader_end);
    }
    reader_run(reader, (const char *)bytes, n);
    return 0;
}
