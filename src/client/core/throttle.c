/* Which answers hold a client back. Pure, constant tables only.
 *
 * Brokers of old kept an answer back for as long as they wanted to be left alone; since KIP-219
 * they answer at once, and read nothing more of the connection for that time. The version of the
 * request says which it was. */
#include "client/core/throttle.h"

#include "base/attr.h"
#include "wire/messages.h"
#include "wire/wire.h"

/* The first version that is answered at once; 0 for what is not here: younger than that. */
static const int8_t since[] = {
    [API_PRODUCE] = 6,
    [API_FETCH] = 8,
    [API_LIST_OFFSETS] = 3,
    [API_METADATA] = 6,
    [API_OFFSET_COMMIT] = 4,
    [API_OFFSET_FETCH] = 4,
    [API_FIND_COORDINATOR] = 2,
    [API_JOIN_GROUP] = 3,
    [API_HEARTBEAT] = 2,
    [API_LEAVE_GROUP] = 2,
    [API_SYNC_GROUP] = 2,
    [API_DESCRIBE_GROUPS] = 2,
    [API_LIST_GROUPS] = 2,
    [API_API_VERSIONS] = 2,
    [API_CREATE_TOPICS] = 3,
    [API_DELETE_TOPICS] = 2,
    [API_DELETE_RECORDS] = 1,
    [API_INIT_PRODUCER_ID] = 1,
    [API_OFFSET_FOR_LEADER_EPOCH] = 2,
    [API_ADD_PARTITIONS_TO_TXN] = 1,
    [API_ADD_OFFSETS_TO_TXN] = 1,
    [API_END_TXN] = 1,
    [API_TXN_OFFSET_COMMIT] = 1,
    [API_DESCRIBE_ACLS] = 1,
    [API_CREATE_ACLS] = 1,
    [API_DELETE_ACLS] = 1,
    [API_DESCRIBE_CONFIGS] = 2,
    [API_ALTER_CONFIGS] = 1,
    [API_ALTER_REPLICA_LOG_DIRS] = 1,
    [API_DESCRIBE_LOG_DIRS] = 1,
    [API_CREATE_PARTITIONS] = 1,
    [API_DELETE_GROUPS] = 1,
};

bool throttle_is_ours(int api_key, int version)
{
    bool is_listed = api_key >= 0 && (size_t)api_key < ARRAY_LEN(since);
    return !is_listed || version >= since[api_key];
}

int32_t throttle_ms(int api_key, int version, struct bytes body)
{
    int32_t ms = throttle_is_ours(api_key, version) ? wire_throttle_ms(api_key, version, body) : 0;
    return MAX(ms, 0);
}
