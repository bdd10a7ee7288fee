/* Bytes as metadata records, one after another, each with its length (16 bits) before it. Whatever
 * comes, the image stays whole: what it holds can be written down and gives an equal image. */
#include "fuzz.h"

#include "base/assert.h"
#include "base/endian.h"
#include "meta/delta.h"
#include "meta/image.h"

static void check(const struct image *img)
{
    struct image *copy = image_clone(img);
    ASSERT(image_eq(img, copy));
    ASSERT((int32_t)img->topics_by_name.count == img->topic_count);
    ASSERT((int32_t)img->topics_by_id.count == img->topic_count);
    image_free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image *img = image_new(1);
    struct delta delta;
    const char *why;
    enum err e;
    delta_init(&delta);
    while (size >= 2) {
        size_t len = be16_get(data);
        len = len > size - 2 ? size - 2 : len;
        e = image_apply(img, (struct bytes){data + 2, len}, &delta, &why);
        ASSERT(e == OK || why != NULL);
        data += 2 + len;
        size -= 2 + len;
    }
    check(img);
    delta_deinit(&delta);
    image_free(img);
    return 0;
}
