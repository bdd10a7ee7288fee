"""Bugs that would lose records, mix them up, or take back what was acknowledged."""

from plant import Plant, crash, sim, unit

# name: what it does to users, [(file, these words, become those), ...], who finds it (the simulator, from seed 1 on)
PLANTS = {
    "sync-skipped": Plant("records are acknowledged that a power cut takes", [
        ("src/log/sync.c", "e = e ? e : file_sync(f);\n    }\n    if (!e && r->needs_settling)",
         "}\n    if (!e && r->needs_settling)")]),
    "ack-before-sync": Plant("the high watermark moves before the bytes are on the disk", [
        ("src/broker/partition.c", "if (!wants_sync) {", "if (p != NULL) {")]),
    "only-the-active-segment-synced": Plant("what was written before a roll is not on the disk", [
        ("src/log/sync.c", "log_seg_at(log, log->synced_off)", "log->seg_count - 1")]),
    "directory-not-settled": Plant("a new partition goes with the power", [
        ("src/log/sync.c", "if (!e && r->needs_settling) {\n        e = log_settle(log);",
         "if (!e && r->needs_settling) {")]),
    "failed-sync-forgiven": Plant("after a failed fsync the next one is believed", [
        ("src/log/sync.c", "if (!log_is_harmless(e) && (r->has_synced || e == ERR_CORRUPT_MESSAGE)) {", "if (e == OK) {"),
        ("src/broker/partition.c", "} else if (e && atomic_load(&p->offline) == OK) {", "} else if (e && p == NULL) {")]),
    "retry-written-twice": Plant("a producer's retry is written again", [
        ("src/log/producer_state.c", "if (old->last_seq == last_seq && old->off_delta == b->last_off_delta) {",
         "if (old->last_seq == last_seq && old->off_delta == -1) {"),
        ("src/log/producer_state.c", "return is_fine ? OK : ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;",
         "return is_fine ? OK : OK;")]),
    "duplicate-at-a-wrong-offset": Plant("a retry is told its last offset for its first", [
        ("src/log/append.c", "ret->base_off = old->last_off - old->off_delta;", "ret->base_off = old->last_off;")]),
    "producers-forgotten": Plant("after a crash nobody remembers what producers wrote", [
        ("src/log/recover_state.c", "e = replay(r, from_off, true);", "(void)replay;")]),
    "checksums-unchecked": Plant("recovery keeps what was torn", [
        ("src/log/recover_scan.c", "e = scan_check_crc(s, &b, pos);", "(void)scan_check_crc;")], sim(10)),
    "clean-mark-stays": Plant("a crash looks like a clean stop", [
        ("src/log/logdir.c", "enum err e = fs_unlink(d->fs, name);\n    *ret_was_clean = e == OK;",
         "enum err e = read_clean_mark(d->fs, name) == -1 ? ERR_NOT_FOUND : OK;\n    *ret_was_clean = e == OK;")]),
    "uncommitted-read": Plant("consumers see what a power cut may take", [
        ("src/broker/api/fetch.c", ".upto = upper_bound(f, &it->view),",
         ".upto = (upper_bound(f, &it->view), log_end_pos(it->part->log)),")], sim(18)),
    "any-error-ends-the-log": Plant("a read that fails cuts off what lies behind it", [
        ("src/log/recover_scan.c", "return e == ERR_NOT_FOUND || e == ERR_CORRUPT_MESSAGE ? OK : e;",
         "return OK;")], sim(78)),
    "offsets-forgotten": Plant("the last commits are not loaded", [
        ("src/broker/host/coordinator_load.c", "while (!e && l.next_off < upto.off) {",
         "while (!e && l.next_off < upto.off - 3) {")], sim(23)),
    "commit-answered-early": Plant("a committed offset goes back", [
        ("src/broker/host/coordinator.c", "if (v.high_watermark.off < f->need_off && !is_late) {",
         "if (v.high_watermark.off < 0 && !is_late) {"),
        ("src/broker/host/coordinator.c", "enum err e = v.high_watermark.off < f->need_off ?",
         "enum err e = v.high_watermark.off < 0 ?")], sim(4)),
    "metadata-not-synced": Plant("a topic that was created is gone", [
        ("src/broker/metalog/metalog.c", "enum err e = log_sync(ml->log, &synced);",
         "enum err e = OK;\n    (void)synced;\n    (void)log_sync;")]),
    "memo-says-synced": Plant("a start after a kill takes for synced what was only written", [
        ("src/log/memo.c", "buf_put_be64(out, (uint64_t)log->synced_off);",
         "buf_put_be64(out, (uint64_t)log->end_off);")], sim(135)),
    "unproven-not-written-again": Plant("what a sync lost before a kill counts as synced after it", [
        ("src/log/sync.c", "r->needs_proof = log->is_unproven;", "r->needs_proof = false;")], sim(36)),
    "torn-tail-kept": Plant("what was behind a cut follows what is written next", [
        ("src/log/recover_io.c", "e = e ? e : file_truncate(f, rs->good_bytes);", "")], sim(109)),
    "failed-write-acknowledged": Plant("a batch that was written in part, or not at all, is acknowledged", [
        ("src/log/append.c", "e = write_batches(log, a);", "log_ignore(write_batches(log, a));")]),
    "gap-in-the-log": Plant("a batch is skipped", [
        ("src/log/append.c", "plan->next_off = log->end_off;", "plan->next_off = log->end_off + (log->end_off == 40);")]),
    "retention-at-once": Plant("what retention.ms allows to stay is deleted", [
        ("src/log/retain.c", "rules->now_ms - segs[n].max_ts_ms > rules->config->retention_ms",
         "rules->now_ms - segs[n].max_ts_ms >= 0")]),
    "producer-ids-again": Plant("after a restart two producers have one id", [
        ("src/meta/ctl_misc.c", "next + PRODUCER_ID_BLOCK};", "next};")]),
    "setting-not-applied": Plant("a setting that was acknowledged does nothing", [
        ("src/broker/host/reaction.c", "partition_set_config(p, &config);", "(void)config;")]),
    "settings-not-in-snapshots": Plant("settings are gone after a restart", [
        ("src/meta/image_write.c", "write_sorted(&w, &img->configs, compare_configs, write_config);",
         "(void)compare_configs;\n    (void)write_config;")]),
    "deletion-not-carried-out": Plant("a new topic has the records of an older one", [
        ("src/broker/host/reaction.c", "if (t->is_deleted) {", "if (t->is_deleted && r == NULL) {")]),
    "old-place-stays": Plant("after a move the next start finds the partition twice", [
        ("src/broker/storage/mover_place.c", "e = e ? e : put_away(m, p, p->dir, ret_old_path);",
         "")]),
    "failed-write-kept": Plant("what could not be written is in the log's memory, and is read out of a hole", [
        ("src/log/append.c", "e = file_pwrite(f, a->p, a->len, seg->size_bytes);\n    if (e && ",
         "log_ignore(file_pwrite(f, a->p, a->len, seg->size_bytes));\n    if (e && ")], sim(2)),
    "metadata-not-written": Plant("a change that could not be written is acknowledged", [
        ("src/broker/metalog/metalog.c", "    return e;\n}\n\nstatic int32_t batch_end(",
         "    return OK;\n}\n\nstatic int32_t batch_end(")], sim(24)),
    "moved-without-the-rest": Plant("what was written while a partition was copied is gone after the move", [
        ("src/broker/storage/mover_copy.c", "for (int i = 0; !e && bytes > 0; i++) {",
         "for (int i = 0; !e && bytes > MOVE_CHUNK_BYTES; i++) {"),
        ("src/broker/storage/mover_copy.c", "if (!e && log_end_off(v->copy.log) != log_end_off(v->part->log)) {",
         "if (!e && log_end_off(v->copy.log) > log_end_off(v->part->log)) {")]),
    "moved-unsynced": Plant("after a move the power takes what was acknowledged before", [
        ("src/broker/storage/mover_copy.c", "return move_copy_err(e ? e : log_sync(v->copy.log, &end));",
         "(void)end;\n    return move_copy_err(e);"),
        ("src/broker/storage/mover_copy.c", "e = log_close(v->copy.log);", "log_abandon(v->copy.log);")]),
    "epochs-not-cut": Plant("after a truncation an epoch ends where the log no longer goes", [
        ("src/log/remove.c", "if (epochs_cut_end(&log->epochs, end_off)) {", "if (log->end_off < 0) {")], crash(10)),
    "epochs-not-recovered": Plant("a start believes epochs of records that recovery cut off", [
        ("src/log/recover_state.c", "if (epochs_cut_end(&log->epochs, log->end_off)) {",
         "if (log->end_off < 0) {")], crash(101)),
    "memo-after-a-power-cut": Plant("a start after a power cut takes the page cache for what it was", [
        ("src/broker/storage/memos.c", "memcmp(in.p + CHECKED_AT, s->boot_id.b, sizeof s->boot_id.b) == 0 &&",
         "")], unit("memos", "not_after_a_reboot")),
    "memo-older-than-recovery-points": Plant("a start after a kill overlooks recovery points of another program", [
        ("src/broker/storage/memos.c", "(int64_t)be64_get(in.p + CHECKED_AT + 16) == at.points_ms &&", "")],
        unit("memos", "not_after_recovery_points_of_another")),
    "memo-older-than-high-watermarks": Plant("a start after a kill overlooks that another program was here", [
        ("src/broker/storage/memos.c", "&&\n           (int64_t)be64_get(in.p + CHECKED_AT + 24) == at.marks_ms;", ";")],
        unit("memos", "not_after_high_watermarks_of_another")),
    "header-in-the-frame": Plant("a request that waits reads its client's id in another one's frame", [
        ("src/broker/worker.c", "if (!str_is_null(c->header.client_id)) {", "if (frame == NULL) {")],
        unit("worker", "a_request_that_waits_knows_its_client")),
}
