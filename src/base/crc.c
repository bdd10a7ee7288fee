/* CRC-32C by ISA-L, which picks the widest instructions that the machine has. Pure. */
#include "base/crc.h"

#include <isa-l/crc.h>
#include <limits.h>

uint32_t crc32c(uint32_t crc, const void *p, size_t len)
{
    const uint8_t *at = p;
    crc = ~crc;
    while (len > 0) {
        size_t n = len < INT_MAX ? len : INT_MAX;
        crc = crc32_iscsi((unsigned char *)(uintptr_t)at, (int)n, crc);
        at += n;
        len -= n;
    }
    return ~crc;
}
