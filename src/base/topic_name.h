/* What a topic may be called: 1 to 249 of [a-zA-Z0-9._-], but not "." or "..". Names that differ
 * only in '.' and '_' collide, because metric names cannot tell them apart. Pure. */
#ifndef BASE_TOPIC_NAME_H
#define BASE_TOPIC_NAME_H

#include "base/buf.h"

enum { TOPIC_NAME_MAX = 249 };

bool topic_name_is_legal(struct str name);

/* The same; on failure Kafka's sentence is appended to why. */
bool topic_name_check(struct str name, struct buf *why);

bool topic_names_collide(struct str a, struct str b);

#endif
