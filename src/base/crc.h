/* CRC-32C (Castagnoli), as Kafka's record batches and snapshots carry it. */
#ifndef BASE_CRC_H
#define BASE_CRC_H

#include <stddef.h>
#include <stdint.h>

/* Continues from crc (0 to begin): crc32c(crc32c(0, a), b) == crc32c(0, a then b). */
uint32_t crc32c(uint32_t crc, const void *p, size_t len);

#endif
