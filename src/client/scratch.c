/* Memory that callbacks of the program may use, and what they make in it. The thread of the
 * callback, which alone has the scratch. */
#include "client/scratch.h"

#include "base/assert.h"
#include "base/attr.h"
#include "client/error.h"

#include <string.h>

void *ottla_scratch_alloc(struct ottla_scratch *s, size_t bytes)
{
    if (s == NULL) {
        return NULL;
    }
    void *p = arena_alloc(&s->arena, MAX(bytes, 1));
    ASSERT(p != NULL); /* as mem_alloc: the program sized it */
    return p;
}

static void *keep(struct ottla_scratch *s, const void *p, size_t length)
{
    return p == NULL ? NULL : memcpy(ottla_scratch_alloc(s, length), p, length);
}

int ottla_message_add_header(struct ottla_message *m, struct ottla_scratch *s,
                             const struct ottla_header *header)
{
    if (m == NULL || s == NULL || header == NULL || header->key == NULL ||
        (header->value == NULL && header->value_length > 0)) {
        return ERR_INVALID_REQUEST;
    }
    size_t count = m->header_count;
    struct ottla_header *all = ottla_scratch_alloc(s, (count + 1) * sizeof *all);
    if (count > 0) {
        memcpy(all, m->headers, count * sizeof *all);
    }
    all[count] =
        (struct ottla_header){keep(s, header->key, header->key_length), header->key_length,
                              keep(s, header->value, header->value_length), header->value_length};
    m->headers = all;
    m->header_count = count + 1;
    return 0;
}
