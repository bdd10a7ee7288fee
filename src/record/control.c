/* Control records: keys are i16 version, i16 type; a marker's value is i16 version, i32 epoch of
 * the coordinator. Later versions may append fields, so what follows is ignored. Pure. */
#include "record/control.h"

#include "base/endian.h"

enum { CONTROL_KEY_BYTES = 4, MARKER_VALUE_BYTES = 6 };

bool control_parse_key(struct bytes key, int *ret_type)
{
    if (key.len < CONTROL_KEY_BYTES || (int16_t)be16_get(key.p) < 0) {
        return false;
    }
    *ret_type = (int16_t)be16_get(key.p + 2);
    return true;
}

bool control_parse_marker(struct bytes value, int32_t *ret_coordinator_epoch)
{
    if (value.len < MARKER_VALUE_BYTES || (int16_t)be16_get(value.p) < 0) {
        return false;
    }
    *ret_coordinator_epoch = (int32_t)be32_get(value.p + 2);
    return true;
}

enum err control_build_marker(struct buf *out, const struct batch *head, bool commit,
                              int32_t coordinator_epoch)
{
    uint8_t key[CONTROL_KEY_BYTES] = {0, 0, 0, commit ? CONTROL_COMMIT : CONTROL_ABORT};
    uint8_t value[MARKER_VALUE_BYTES] = {0};
    be32_put(value + 2, (uint32_t)coordinator_epoch);
    struct record r = {
        .off = head->base_off,
        .ts_ms = head->base_ts_ms,
        .key = {key, sizeof key},
        .value = {value, sizeof value},
    };
    struct batch marker = *head;
    marker.attrs = BATCH_TRANSACTIONAL | BATCH_CONTROL;
    marker.base_seq = -1;
    struct batch_builder bb;
    batch_builder_init(&bb, out, &marker, CODEC_NONE, CODEC_LEVEL_DEFAULT);
    batch_builder_add(&bb, &r);
    enum err e = batch_builder_finish(&bb);
    batch_builder_deinit(&bb);
    return e;
}
