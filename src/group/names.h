/* What Apache Kafka derives from names: Java's hash of a text, and the partition of
 * __consumer_offsets that a group lives in. Pure. */
#ifndef GROUP_NAMES_H
#define GROUP_NAMES_H

#include "base/str.h"

/* String.hashCode of Java: over UTF-16 units. Bytes that are no UTF-8 count as U+FFFD. */
int32_t group_java_hash(struct str utf8);

/* partition_count > 0. */
int32_t group_partition(struct str group, int32_t partition_count);

/* Java's String.length: UTF-16 units. */
size_t group_java_length(struct str utf8);

#endif
