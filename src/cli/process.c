/* process.c - what commands share of the process: signals and processors. */
#include "cli/commands.h"

#include <time.h>
#include <unistd.h>

volatile sig_atomic_t stop_signal;
static volatile sig_atomic_t stop_second;

/* Asked again a second or more later: at once. Sooner it is the same wish: a terminal, make and timeout each pass a signal on. */
static void on_signal(int number)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (stop_signal != 0 && now.tv_sec - stop_second > 1)
        _exit(128 + number);
    if (stop_signal == 0)
        stop_second = (sig_atomic_t)now.tv_sec;
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
