/* The line of progress. It comes after a while, and not more often than an eye can see. */
#include "cli/progress.h"

#include "base/attr.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FIRST_MS = 500, EVERY_MS = 100, BAR_MIN = 6, BAR_MAX = 30, WIDTH_DEFAULT = 80 };

#define WIPE "\r\x1b[K"
#define GREEN "\x1b[32m"
#define PLAIN "\x1b[0m"

static int64_t clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int terminal_width(int fd)
{
    struct winsize w;
    return ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : WIDTH_DEFAULT;
}

int64_t progress_file_bytes(int in)
{
    struct stat st;
    off_t at = lseek(in, 0, SEEK_CUR);
    bool is_file = at >= 0 && fstat(in, &st) == 0 && S_ISREG(st.st_mode);
    return is_file ? MAX((int64_t)st.st_size - (int64_t)at, 0) : -1;
}

/* What is piped ends on the terminal, too, and knows nothing of the line there. */
static bool is_piped(int fd)
{
    struct stat st;
    return fstat(fd, &st) != 0 || S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode);
}

void progress_init(struct progress *p, const char *unit, int64_t total)
{
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
    *p = (struct progress){.unit = unit,
                           .total = total,
                           .fd = STDERR_FILENO,
                           .now_ms = clock_ms,
                           .width = terminal_width,
                           .is_colored = no_color == NULL || no_color[0] == '\0'};
    p->is_on =
        isatty(p->fd) && !is_piped(STDOUT_FILENO) && (term == NULL || strcmp(term, "dumb") != 0);
    p->since_ms = p->now_ms();
    p->due_ms = p->since_ms + FIRST_MS;
}

/* --- the line --- */

/* 1234567 is "1,234,567"; bytes are in MiB. */
static void put_amount(const struct progress *p, int64_t n, struct buf *out)
{
    char digits[32];
    if (p->unit == NULL) {
        buf_printf(out, "%.1f", (double)n / (1024.0 * 1024.0));
        return;
    }
    int len = snprintf(digits, sizeof digits, "%" PRId64, n);
    for (int i = 0; i < len; i++) {
        buf_put_u8(out, (uint8_t)digits[i]);
        if (i + 1 < len && (len - 1 - i) % 3 == 0) {
            buf_put_u8(out, ',');
        }
    }
}

static void put_time(int64_t s, struct buf *out)
{
    if (s >= 3600) {
        buf_printf(out, "%" PRId64 "h%02" PRId64 "m", s / 3600, s / 60 % 60);
    } else if (s >= 60) {
        buf_printf(out, "%" PRId64 "m%02" PRId64 "s", s / 60, s % 60);
    } else {
        buf_printf(out, "%" PRId64 "s", s);
    }
}

static void put_words(const struct progress *p, int64_t done, int64_t took_ms, struct buf *out)
{
    int64_t rate = took_ms > 0 ? (int64_t)((double)done * 1000.0 / (double)took_ms) : 0;
    put_amount(p, done, out);
    if (p->total >= 0) {
        buf_put_str(out, STR(" of "));
        put_amount(p, p->total, out);
    }
    buf_printf(out, " %s, ", p->unit ? p->unit : "MiB");
    put_amount(p, rate, out);
    buf_put_str(out, STR("/s, "));
    if (p->total >= 0 && rate > 0) {
        put_time((p->total - done) / rate, out);
        buf_put_str(out, STR(" left"));
    } else {
        put_time(took_ms / 1000, out);
    }
}

static void put_bar(const struct progress *p, int64_t done, int width, struct buf *out)
{
    double part = p->total > 0 ? (double)done / (double)p->total : 1;
    int full = (int)(part * width);
    buf_printf(out, "%3d%% ", (int)(part * 100));
    if (width < BAR_MIN) {
        return;
    }
    buf_printf(out, "%s[", p->is_colored ? GREEN : "");
    for (int i = 0; i < width; i++) {
        buf_put_u8(out, i < full ? '=' : i == full ? '>' : ' ');
    }
    buf_printf(out, "]%s ", p->is_colored ? PLAIN : "");
}

/* The words come first, the bar gets what is left; where even words are too long they are cut. */
void progress_put(const struct progress *p, int64_t done, int64_t took_ms, int width,
                  struct buf *out)
{
    struct buf words = BUF_INIT;
    int percent = 0;
    done = p->total >= 0 ? MIN(done, p->total) : done; /* a file may have grown */
    put_words(p, done, took_ms, &words);
    if (p->total >= 0) {
        percent = 5;
        int room = width - 1 - percent - 3 - (int)words.len; /* the last column stays free */
        put_bar(p, done, MIN(room, BAR_MAX), out);
    }
    struct str text = buf_str(&words);
    buf_put_str(out, str_sub(text, 0, MIN(text.len, (size_t)MAX(width - 1 - percent, 0))));
    buf_deinit(&words);
}

/* --- the terminal --- */

void progress_draw(struct progress *p, int64_t done)
{
    struct buf line = BUF_INIT;
    int64_t now_ms = p->now_ms();
    if (now_ms < p->due_ms) {
        return;
    }
    p->due_ms = now_ms + EVERY_MS;
    buf_put_str(&line, STR(WIPE));
    progress_put(p, done, now_ms - p->since_ms, p->width(p->fd), &line);
    atomic_store(&p->is_drawn, true);
    (void)!write(p->fd, line.p, line.len);
    buf_deinit(&line);
}

void progress_wipe(struct progress *p)
{
    if (atomic_exchange(&p->is_drawn, false)) {
        (void)!write(p->fd, WIPE, sizeof WIPE - 1);
    }
}
