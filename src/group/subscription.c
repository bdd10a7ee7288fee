/* ConsumerProtocolSubscription as far as the coordinator needs it: version, then the topics. Read
 * by hand: no memory, and no version is too new. Pure. */
#include "group/subscription.h"

#include "base/endian.h"

enum { VERSION_BYTES = 2, COUNT_BYTES = 4, LENGTH_BYTES = 2 };

static void skip(struct bytes *b, size_t n)
{
    b->p += n;
    b->len -= n;
}

static bool read_topic(struct bytes *b, struct str *ret)
{
    if (b->len < LENGTH_BYTES) {
        return false;
    }
    int16_t len = (int16_t)be16_get(b->p);
    if (len < 0 || (size_t)len > b->len - LENGTH_BYTES) {
        return false;
    }
    *ret = (struct str){(const char *)b->p + LENGTH_BYTES, (size_t)len};
    skip(b, LENGTH_BYTES + (size_t)len);
    return true;
}

bool subscription_next(struct subscription *sub, struct str *ret_topic)
{
    if (sub->left == 0 || !read_topic(&sub->rest, ret_topic)) {
        return false;
    }
    sub->left--;
    return true;
}

/* Java reads a user-data field after the topics: null, or so many bytes. */
static bool has_user_data(struct bytes b)
{
    if (b.len < COUNT_BYTES) {
        return false;
    }
    int32_t len = (int32_t)be32_get(b.p);
    return len == -1 || (len >= 0 && (size_t)len <= b.len - COUNT_BYTES);
}

enum err subscription_open(struct bytes metadata, struct subscription *ret_sub)
{
    struct bytes b = metadata;
    struct str topic;
    if (b.len < VERSION_BYTES + COUNT_BYTES || (int16_t)be16_get(b.p) < 0) {
        return ERR_MALFORMED;
    }
    skip(&b, VERSION_BYTES);
    struct subscription sub = {{b.p + COUNT_BYTES, b.len - COUNT_BYTES}, (int32_t)be32_get(b.p)};
    if (sub.left < 0 || (size_t)sub.left > sub.rest.len / LENGTH_BYTES) {
        return ERR_MALFORMED;
    }
    struct subscription walk = sub;
    while (subscription_next(&walk, &topic)) {
    }
    if (walk.left > 0 || !has_user_data(walk.rest)) {
        return ERR_MALFORMED;
    }
    *ret_sub = sub;
    return OK;
}
