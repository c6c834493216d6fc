/* process.c - what commands share of the process: its processors. */
#include "cli/commands.h"

#include <unistd.h>

int cli_threads(const cJSON *options)
{
    int threads = (int)option_number(options, "threads");
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    return threads > 0 ? threads : processors > 0 ? (int)processors : 1;
}
