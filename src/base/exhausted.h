/* exhausted.h - what the programs do when memory runs out.
 *
 * Large, planned arrays (mem_array, from 8 MiB on) are asked for and may be refused: their callers return ERR_SYSTEM. Everything
 * else that is allocated - strings, small tables, nodes of documents - is small beside them, and a program that cannot have it
 * cannot go on. So no caller has to look: the programs are linked so that malloc and its like in the project's own code
 * (--wrap in the Makefile) and of cJSON (its hooks) give memory or end the program in order: one line, no temporary file left,
 * exit code 4. The journal is on disk after every item, so a later run goes on from there. A program that links the library alone
 * is not touched: there they fail as they always do.
 */
#ifndef DIFFTF_BASE_EXHAUSTED_H
#define DIFFTF_BASE_EXHAUSTED_H

#include <stddef.h>

/* Ends the program: `size` bytes could not be had. The first thread that comes here does it; others wait for the end. */
_Noreturn void exhausted(size_t size);
/* Memory for a library that takes an allocator. */
void *exhausted_or_memory(size_t size);

#endif
