/* Transaction markers as the log sees them. Pure. */
#include "log/log_priv.h"
#include "record/control.h"

enum { MARKER_MAX_BYTES = 4096 };

bool marker_parse(const struct batch *b, struct marker *ret_marker)
{
    struct record_walk walk;
    struct record r;
    int type = -1;
    struct marker m = {0};
    enum err e = record_walk_init(&walk, b, MARKER_MAX_BYTES);
    bool is_marker = !e && record_walk_next(&walk, &r) == OK && control_parse_key(r.key, &type) &&
                     (type == CONTROL_COMMIT || type == CONTROL_ABORT) &&
                     control_parse_marker(r.value, &m.coordinator_epoch);
    record_walk_deinit(&walk);
    m.is_commit = type == CONTROL_COMMIT;
    *ret_marker = m;
    return is_marker;
}
