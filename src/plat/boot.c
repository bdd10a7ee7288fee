/* The kernel's boot_id. */
#include "plat/boot.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "5a8f1b6e-0c3d-4e5f-8a9b-0c1d2e3f4a5b" */
static bool parse(const char *text, size_t len, uint8_t ret_id[16])
{
    size_t digits = 0;
    for (size_t i = 0; i < len && digits < 32; i++) {
        int d = digit(text[i]);
        if (d < 0 && text[i] != '-') {
            return false;
        }
        if (d >= 0) {
            ret_id[digits / 2] = (uint8_t)(digits % 2 ? ret_id[digits / 2] << 4 | d : d);
            digits++;
        }
    }
    return digits == 32;
}

void boot_id(uint8_t ret_id[16])
{
    char text[64];
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : -1;
    if (fd >= 0) {
        close(fd);
    }
    if (n <= 0 || !parse(text, (size_t)n, ret_id)) {
        memset(ret_id, 0, 16);
    }
}
