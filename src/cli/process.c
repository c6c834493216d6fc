/* process.c - what commands share of the process: its processors and its warnings. */
#include "base/visible.h"
#include "cli/commands.h"

#include <string.h>
#include <unistd.h>

void cli_print_notes(const char *lines)
{
    for (size_t n; lines != NULL && *lines != '\0'; lines += n + 1) {
        n = strcspn(lines, "\n");
        say(stderr, "warning: %.*s\n", (int)n, lines);
    }
}

int cli_threads(const cJSON *options)
{
    int threads = (int)option_number(options, "threads");
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    return threads > 0 ? threads : processors > 0 ? (int)processors : 1;
}
