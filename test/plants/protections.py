"""What keeps peers from doing harm: the descriptors, the memory and the time that they may take. Each is taken out once."""

from plant import Plant, unit

CONN, REPLIES, ENDS, MEMORY = "net_conn", "net_replies", "net_ends", "net_memory"

# name: what happens without it, [(file, these words, become those), ...], the test that fails then
PLANTS = {
    # --- one connection
    "frame-size": Plant("a length that nobody may claim is waited for", [
        ("src/net/conn_in.c", "if (size > c->frame_max_bytes) {", "if (size > c->frame_max_bytes && size == 1) {")],
        unit(CONN, "a_length_that_is_negative_or_too_large_closes")),
    "frame-within-the-budget": Plant("a frame is begun that can never be held", [
        ("src/net/conn.c", "max = MIN(max, net_budget_frame_max(c->config->budget) - FRAME_PREFIX_BYTES);", "")],
        unit(MEMORY, "a_frame_beyond_the_budget_closes")),
    "idle-timer": Plant("half-open and silent peers stay for ever", [
        ("src/net/conn.c", "if (now_ms - c->active_ms >= max_ms) {",
         "if (now_ms - c->active_ms >= max_ms && max_ms == 0) {")],
        unit(ENDS, "an_idle_connection_is_closed")),
    "idle-although-it-sends": Plant("who sends and reads no answers stays for ever", [
        ("src/net/conn_in.c", "if (!c->is_blocked) {\n        c->active_ms", "if (c != NULL) {\n        c->active_ms")],
        unit(ENDS, "a_peer_that_stops_reading_is_closed")),
    "silence-in-a-handshake": Plant("who begins a TLS handshake and says no more stays for ever", [
        ("src/net/conn.c", "if (conn_is_busy(c)) {\n        c->active_ms",
         "if (conn_is_busy(c) || c->is_shaking) {\n        c->active_ms")],
        unit("net_tls", "test_silence")),
    "unsent-output": Plant("who reads no answers makes the broker keep all of them", [
        ("src/net/conn_in.c", "c->output_bytes > c->config->output_max_bytes ||", "")],
        unit(CONN, "a_peer_that_does_not_read_is_not_heard")),
    "open-replies": Plant("a peer has any number of requests under way", [
        ("src/net/conn_in.c", " || c->reply_count >= REPLIES_MAX);", ");")],
        unit(REPLIES, "too_many_open_replies_stop_the_requests")),
    "lines-about-peers": Plant("peers fill the disk with messages about them", [
        ("src/net/conn.c", "return s->said_count++ < LINES_PER_SECOND;", "return s->said_count++ >= 0;")],
        unit(CONN, "lines_about_bad_peers_are_few")),
    # --- memory of all connections
    "claims-cost-nothing": Plant("a length that is claimed is allocated", [
        ("src/net/conn_in.c", "return MAX(MIN(cap, total), MAX(len, (size_t)RX_MIN_BYTES));",
         "return MAX(total, MAX(MIN(cap, total), MAX(len, (size_t)RX_MIN_BYTES)));")],
        unit(MEMORY, "a_claim_costs_what_has_arrived")),
    "growth-by-arrival": Plant("the second buffer has all that is claimed", [
        ("src/net/conn_in.c", "return total == 0 ? MAX(cap, FRESH_BYTES) : MIN(want, total);",
         "return total == 0 ? MAX(cap, FRESH_BYTES) : MAX(total, MIN(want, total));")],
        unit(MEMORY, "a_claim_costs_what_has_arrived")),
    "budget-admission": Plant("all peers together hold what they like", [
        ("src/net/budget.c", "if (used > room || bytes > room - used) {", "if (used > room && bytes == 0) {")],
        unit(MEMORY, "peers_that_claim_much_do_not_harm_others")),
    "budget-kinds": Plant("large frames leave no room for small ones", [
        ("src/net/budget.c", "b->room_bytes[BUDGET_LARGE] = shared / 4 * 3;", "b->room_bytes[BUDGET_LARGE] = shared;")],
        unit(MEMORY, "larger_frames_find_less_room")),
    "budget-queue": Plant("newcomers overtake those who wait for room", [
        ("src/net/budget.c", "(atomic_load(&b->waiting[kind]) == 0 && take_room(b, bytes, b->room_bytes[kind]));",
         "take_room(b, bytes, b->room_bytes[kind]);")],
        unit(MEMORY, "who_waits_longest_gets_the_lane_and_then_room")),
    "lane": Plant("large frames that are half here wait for each other for ever", [
        ("src/net/budget.c", "struct budget_wait *w = b->lane_taken ? NULL : oldest(b);",
         "struct budget_wait *w = b->lane_taken || b->turns ? NULL : oldest(b);")],
        unit(MEMORY, "who_waits_longest_gets_the_lane_and_then_room")),
    "lane-lease": Plant("one slow peer has the lane for ever", [
        ("src/net/conn.c", "if (loop_now_ms(c->loop) >= c->lease_ms) {",
         "if (loop_now_ms(c->loop) >= c->lease_ms && c->lease_ms < 0) {")],
        unit(MEMORY, "whoever_stalls_in_the_lane_loses_it")),
    "stalled-peers": Plant("who holds memory and sends nothing keeps it while others wait", [
        ("src/net/conn_in.c", "if (is_stalled(c, now_ms)) {", "if (is_stalled(c, now_ms) && now_ms < 0) {")],
        unit(MEMORY, "whoever_stalls_while_memory_is_short_is_closed")),
    "old-frames": Plant("frames that come by drops hold memory for hours", [
        ("src/net/conn_in.c", "now_ms - c->rx.begun_ms >= max_ms && !c->rx.has_lane &&",
         "now_ms - c->rx.begun_ms >= max_ms && c->rx.begun_ms < 0 && !c->rx.has_lane &&")],
        unit(MEMORY, "frames_that_take_too_long_are_given_up")),
    "no-memory-for-a-frame": Plant("an allocation that a peer sizes fails, and the broker writes to nowhere", [
        ("src/net/conn_in.c", "uint8_t *p = mem_try_realloc(c->rx.p, new_cap);\n    if (p == NULL) {",
         "uint8_t *p = mem_try_realloc(c->rx.p, new_cap);\n    if (p == NULL && new_cap == 0) {")],
        unit(MEMORY, "no_allocation_that_fails_does_harm")),
    "no-memory-for-a-connection": Plant("a newcomer without memory ends the broker", [
        ("src/net/conn.c", "enum err e = c ? OK : ERR_NO_MEMORY;", "enum err e = OK;")],
        unit(MEMORY, "no_allocation_that_fails_does_harm")),
    # --- descriptors, and how many may come
    "shedding": Plant("without descriptors those who wait are not told so", [
        ("src/net/listener.c", "why == ERR_NO_FDS ? sock_shed(l->sock) : why;", "why;")],
        unit(MEMORY, "who_finds_no_descriptor_is_told_so")),
    "reserve-descriptor": Plant("without descriptors nobody can be turned away", [
        ("src/plat/net_posix.c", "if (l->reserve_fd >= 0) {\n        close(l->reserve_fd);\n    }\n    int fd",
         "int fd")],
        unit("net_posix", "without_descriptors_peers_are_turned_away")),
    "connections-in-all": Plant("max.connections counts for nothing", [
        ("src/broker/admission.c", "a->total < a->total_max &&", "")],
        unit("admission", "so_many_in_all_and_from_one_address")),
    "connections-of-one": Plant("max.connections.per.ip counts for nothing", [
        ("src/broker/admission.c", "(e ? e->count : 0) < most;", "most >= 0;")],
        unit("admission", "so_many_in_all_and_from_one_address")),
    "connections-of-some": Plant("max.connections.per.ip.overrides counts for nothing", [
        ("src/broker/admission.c", "special ? special->count : a->per_ip_max",
         "special ? a->per_ip_max : a->per_ip_max")],
        unit("admission", "some_addresses_have_limits_of_their_own")),
    "admission": Plant("nobody asks whether there may be one more", [
        ("src/broker/host/acceptor.c",
         "if (atomic_load(&b->is_stopping) || !admission_enter(b->admission, peer)) {",
         "(void)admission_enter(b->admission, peer);\n    if (atomic_load(&b->is_stopping)) {")],
        unit("worker", "who_is_one_too_many_is_turned_away")),
    "places-of-those-who-left": Plant("after max.connections nobody ever comes in again", [
        ("src/broker/worker.c",
         "session_unref(s);\n    admission_leave(place->worker->broker->admission, conn_peer(conn));",
         "session_unref(s);\n    (void)place;")],
        unit("worker", "who_is_one_too_many_is_turned_away")),
    "accepts-of-a-turn": Plant("while a crowd comes nobody is served", [
        ("src/net/listener.c", "i < ACCEPTS_PER_TURN && ", "")],
        unit(MEMORY, "those_who_are_in_do_not_wait_for_all_newcomers")),
    # --- HTTP
    "http-connections": Plant("browsers take all descriptors", [
        ("src/net/http.c", "enum { CONNECTIONS_MAX = 64,", "enum { CONNECTIONS_MAX = 640,")],
        unit("http", "so_many_at_once")),
    "http-connections-end": Plant("after 64 browsers there is no HTTP", [
        ("src/net/http.c", "if (what == MHD_CONNECTION_NOTIFY_CLOSED) {", "if (c == NULL) {")],
        unit("http", "so_many_at_once")),
    "http-idle": Plant("browsers that are silent stay for ever", [
        ("src/net/http.c", "IDLE_S = 3,", "IDLE_S = 300,")],
        unit("http", "who_is_silent_does_not_stay")),
    "http-head": Plant("the head of a request is as long as it likes", [
        ("src/net/http.c", "CONNECTION_BYTES = 16 * 1024 }", "CONNECTION_BYTES = 16 * 1024 * 1024 }")],
        unit("http", "a_head_is_so_long_at_most")),
    # --- requests of one connection, and what they become
    "produce-requests": Plant("a connection has any number of Produce requests that wait for the disk", [
        ("src/broker/worker.c", "s->blocker == NULL && open_calls < LIMIT_PIPELINED;",
         "s->blocker == NULL && open_calls >= 0;")],
        unit("worker", "a_connection_has_so_many_produce_requests_under_way")),
    "memory-of-a-request": Plant("a small request becomes as large as it likes", [
        ("src/broker/worker.c", "arena_init(&c->arena, LIMIT_REQUEST_ARENA_BYTES);",
         "arena_init(&c->arena, SIZE_MAX / 2);")],
        unit("worker", "a_request_that_becomes_too_much_closes")),
    "fetch-sessions": Plant("peers open any number of fetch sessions", [
        ("src/broker/fetch_session.c", "if (s->by_id.count < (size_t)s->max_count) {",
         "if (s->max_count > 0) {")],
        unit("fetch_session", "a_full_cache_lets_go_of_what_is_stale_or_smaller")),
    "fetch-sessions-of-a-broker": Plant("the cache of a broker has no end", [
        ("src/broker/host/server.c", "fetch_sessions_new(LIMIT_FETCH_SESSIONS,",
         "fetch_sessions_new(INT32_MAX,")],
        unit("worker", "a_broker_remembers_so_many_fetch_sessions")),
    # --- bytes to structs and records
    "tagged-fields": Plant("a struct has any number of tagged fields", [
        ("src/wire/decode.c", "if (count > LIMIT_WIRE_TAGGED_COUNT) {", "if (count < 0) {")],
        unit("wire", "tags_are_so_many_at_most")),
    "tagged-fields-of-a-header": Plant("a header has any number of tagged fields", [
        ("src/wire/header.c", "if (n == 0 || count > LIMIT_WIRE_TAGGED_COUNT) {", "if (n == 0) {")],
        unit("wire", "tags_are_so_many_at_most")),
    "counts-of-arrays": Plant("a count makes the broker allocate what cannot be there", [
        ("src/wire/decode.c",
         "if (n > LIMIT_WIRE_ARRAY_COUNT || (n > 0 && (size_t)n > left(d) / element_min_bytes(d, f))) {",
         "(void)element_min_bytes;\n    if (n < -1) {")],
        unit("wire", "counts_are_bounded_before_memory_is_taken")),
    "length-of-strings": Plant("a name may be as long as a request", [
        ("src/wire/decode.c", "if (n > LIMIT_WIRE_STRING_BYTES) {", "if (n < -1) {")],
        unit("wire", "strings_end_at_32767_bytes")),
    # --- what unpacks to more than it says, or than it may
    "bomb-gzip": Plant("gzip unpacks on", [
        ("src/record/codec_gzip.c", "if (room == max_bytes) {", "if (room == 16 * max_bytes) {"),
        ("src/record/codec_gzip.c", "room = codec_next_room(room, max_bytes);",
         "room = codec_next_room(room, 16 * max_bytes);")],
        unit("record_codec", "bombs_stop_at_the_budget")),
    "bomb-lz4": Plant("lz4 unpacks on", [
        ("src/record/codec_lz4.c", "if (out->len - start > max_bytes) {", "if (out->len - start > 16 * max_bytes) {")],
        unit("record_codec", "bombs_stop_at_the_budget")),
    "bomb-snappy": Plant("snappy unpacks on", [
        ("src/record/codec_snappy.c", "if (len > max_bytes - total) {", "if (len > 16 * max_bytes - total) {"),
        ("src/record/codec_snappy.c", "if (len > max_bytes) {", "if (len > 16 * max_bytes) {")],
        unit("record_codec", "bombs_stop_at_the_budget")),
    "bomb-zstd": Plant("zstd unpacks on", [
        ("src/record/codec_zstd.c", "size_t room = claimed < max_bytes ? (size_t)claimed : max_bytes;",
         "max_bytes *= 16;\n    size_t room = claimed < max_bytes ? (size_t)claimed : max_bytes;")],
        unit("record_codec", "bombs_stop_at_the_budget")),
    # --- groups
    "protocols-of-a-member": Plant("a member knows any number of protocols, and each rebalance counts them all", [
        ("src/group/join.c", "j->protocols_count > LIMIT_GROUP_PROTOCOLS || ", "")],
        unit("group_join", "too_many_protocols_are_refused")),
    "memory-of-groups": Plant("groups and offsets of a shard take all memory", [
        ("src/group/mem.c", "return s->bytes + more > (size_t)LIMIT_GROUP_SHARD_BYTES;",
         "return s->bytes + more == SIZE_MAX;")],
        unit("group_memory", "a_full_shard_takes_nothing_new")),
    "weight-of-a-member": Plant("a member that comes may be as large as it likes", [
        ("src/group/join.c", "group_is_full(s, weight(req))", "group_is_full(s, 0 * weight(req))")],
        unit("group_memory", "a_full_shard_takes_nothing_new")),
    "weight-of-assignments": Plant("assignments may be as large as they like", [
        ("src/group/sync.c", "group_is_full(s, assignments_weight(m))", "group_is_full(s, 0 * assignments_weight(m))")],
        unit("group_memory", "a_full_shard_takes_nothing_new")),
    "offsets-of-a-full-shard": Plant("offsets are taken however full it is", [
        ("src/group/offsets.c", "if (!e && group_is_full(s, 0)) {", "if (!e && group_is_full(s, 0) && s == NULL) {")],
        unit("group_memory", "a_full_shard_takes_nothing_new")),
    "members-to-come": Plant("a group hands out any number of member ids", [
        ("src/group/join.c", "g->pending.count >= LIMIT_GROUP_PENDING_MEMBERS", "g->pending.count < 0")],
        unit("group_join", "ids_that_are_handed_out_are_limited")),
}
