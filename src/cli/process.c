/* process.c - what commands share of the process: signals and processors. */
#include "cli/commands.h"

#include <unistd.h>

volatile sig_atomic_t stop_signal;

static void on_signal(int number)
{
    if (stop_signal != 0) /* asked twice: at once */
        _exit(128 + number);
    stop_signal = number;
}

void cli_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is a failed write */
}

int cli_threads(const cJSON *options)
{
    int threads = (int)option_number(options, "threads");
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    return threads > 0 ? threads : processors > 0 ? (int)processors : 1;
}
