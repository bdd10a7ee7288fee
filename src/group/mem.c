/* Memory that peers size: counted per shard, and it may run out. Pure. */
#include "base/mem.h"
#include "base/limit.h"
#include "group/group_int.h"

/* Before each piece; keeps the alignment. */
struct prefix {
    _Alignas(16) size_t size;
};

void *group_mem(struct group_shard *s, size_t size)
{
    struct prefix *p = mem_try(sizeof *p + size);
    if (p == NULL) {
        return NULL;
    }
    p->size = size;
    s->bytes += size;
    memset(p + 1, 0, size);
    return p + 1;
}

void group_mem_free(struct group_shard *s, const void *p)
{
    if (p != NULL) {
        struct prefix *head = (struct prefix *)(uintptr_t)p - 1;
        s->bytes -= head->size;
        mem_free(head);
    }
}

bool group_copy_bytes(struct group_shard *s, struct bytes from, struct bytes *ret)
{
    struct bytes v = BYTES_NULL;
    if (from.p != NULL) {
        uint8_t *p = group_mem(s, from.len + 1);
        if (p == NULL) {
            return false;
        }
        memcpy(p, from.p, from.len);
        v = (struct bytes){p, from.len};
    }
    *ret = v;
    return true;
}

bool group_copy_str(struct group_shard *s, struct str from, struct str *ret)
{
    struct bytes v;
    if (!group_copy_bytes(s, (struct bytes){(const uint8_t *)from.p, from.len}, &v)) {
        return false;
    }
    *ret = (struct str){(const char *)v.p, v.len};
    return true;
}

void group_drop_str(struct group_shard *s, struct str *v)
{
    group_mem_free(s, v->p);
    *v = STR_NULL;
}

bool group_is_full(const struct group_shard *s, size_t more)
{
    return s->bytes + more > (size_t)LIMIT_GROUP_SHARD_BYTES;
}
