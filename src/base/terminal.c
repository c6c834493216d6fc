/* terminal.c - see terminal.h. */
#include "base/terminal.h"

#include "base/clock.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { WIDTH = 80, BAR = 24 };

static volatile sig_atomic_t enabled, line_is_there;
static const struct progress *volatile shown; /* the one that has the line */

int terminal_columns(int fd)
{
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : WIDTH;
}

void progress_enable(bool on)
{
    enabled = on;
}

struct progress progress_begin(const char *what, size_t total, bool bytes)
{
    double now = clock_seconds();
    return (struct progress){.what = what, .total = total, .bytes = bytes, .started = now, .shown = now};
}

static void count_text(char *out, size_t size, const struct progress *p)
{
    double unit = p->total < 1000000000 ? 1e6 : 1e9;
    if (p->bytes)
        snprintf(out, size, "%.*f/%.*f %s", unit > 1e6, (double)p->done / unit, unit > 1e6, (double)p->total / unit,
                 unit > 1e6 ? "GB" : "MB");
    else
        snprintf(out, size, "%zu/%zu", p->done, p->total);
}

/* As much of the line as there are columns: the bar becomes shorter first, then goes, then what it is of. */
static void draw(const struct progress *p, const char *count, const char *left)
{
    int columns = terminal_columns(STDERR_FILENO) - 3; /* a full line would wrap, and ^C has room after it */
    int others = (int)(strlen(p->what) + strlen(count) + strlen(left)) + 6, bar = columns - others;
    char line[256];
    bar = bar > BAR ? BAR : bar;
    if (bar >= 4) {
        int filled = (int)((double)bar * (double)p->done / (double)(p->total > 0 ? p->total : 1));
        snprintf(line, sizeof line, "%s [%.*s%*s] %s  %s", p->what, filled, "########################", bar - filled, "", count,
                 left);
    } else if (columns >= others - 3) {
        snprintf(line, sizeof line, "%s %s  %s", p->what, count, left);
    } else {
        snprintf(line, sizeof line, "%s  %s", count, left);
    }
    line_is_there = 1;
    fprintf(stderr, "\r%.*s\033[K", columns, line);
    fflush(stderr);
}

void progress_add(struct progress *p, size_t n)
{
    double now = clock_seconds(), fresh = (double)((p->done += n) - p->before);
    if (!enabled || p->done >= p->total || fresh <= 0 || now - p->shown < 0.1 || now - p->started < 0.5)
        return;
    bool terminal = isatty(STDERR_FILENO) && getenv("NO_COLOR") == NULL;
    if (terminal ? shown != NULL && shown != p : !p->lines || now - p->shown < 10)
        return;
    char count[64], left[48];
    double seconds = (now - p->started) / fresh * (double)(p->total - p->done) + 0.5;
    p->shown = now;
    count_text(count, sizeof count, p);
    snprintf(left, sizeof left, "%.0f:%02.0f left", (seconds - (double)((long)seconds % 60)) / 60, (double)((long)seconds % 60));
    if (!terminal) {
        fprintf(stderr, "%s: %s, %s\n", p->what, count, left);
        return;
    }
    shown = p;
    draw(p, count, left);
}

void progress_end(struct progress *p)
{
    if (shown != p)
        return;
    progress_clear();
    shown = NULL;
}

void progress_clear(void)
{
    static const char clear[] = "\r\033[K";
    if (line_is_there && write(STDERR_FILENO, clear, sizeof clear - 1) > 0)
        line_is_there = 0;
}
