#!/usr/bin/env python3
"""Bugs that are planted in the broker, one at a time, to see that the simulator finds them: a checker that never fails
has not been tested. Each plant changes a few words of a source, which is compiled and linked in front of the archives;
the tree and the build stay as they are.

  plants.py BUILD [NAME...]    all of them, or some; fails when a plant is not found, or does not apply any more"""

import concurrent.futures
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SEEDS = 520  # as many as the tests run without a plant
SECONDS = 600
# Seeds that saw it once and are tried first: those before them take up to two minutes.
SEEN_BY = {"any-error-ends-the-log": 77, "checksums-unchecked": 8, "commit-answered-early": 12, "memo-says-synced": 80,
           "offsets-forgotten": 8, "torn-tail-kept": 188, "uncommitted-read": 8, "unproven-not-written-again": 36}

# name: what it does to users, [(file, these words, become those), ...]
PLANTS = {
    "sync-skipped": ("records are acknowledged that a power cut takes", [
        ("src/log/sync.c", "e = e ? e : file_sync(f);\n    }\n    if (!e && r->needs_settling)",
         "}\n    if (!e && r->needs_settling)")]),
    "ack-before-sync": ("the high watermark moves before the bytes are on the disk", [
        ("src/broker/partition.c", "if (!wants_sync) {", "if (p != NULL) {")]),
    "only-the-active-segment-synced": ("what was written before a roll is not on the disk", [
        ("src/log/sync.c", "log_seg_at(log, log->synced_off)", "log->seg_count - 1")]),
    "directory-not-settled": ("a new partition goes with the power", [
        ("src/log/sync.c", "if (!e && r->needs_settling) {\n        e = log_settle(log);", "if (!e && r->needs_settling) {")]),
    "failed-sync-forgiven": ("after a failed fsync the next one is believed", [
        ("src/log/sync.c", "if (!log_is_harmless(e) && (r->has_synced || e == ERR_CORRUPT_MESSAGE)) {", "if (e == OK) {"),
        ("src/broker/partition.c", "} else if (e && atomic_load(&p->offline) == OK) {", "} else if (e && p == NULL) {")]),
    "retry-written-twice": ("a producer's retry is written again", [
        ("src/log/producer_state.c", "if (old->last_seq == last_seq && old->off_delta == b->last_off_delta) {",
         "if (old->last_seq == last_seq && old->off_delta == -1) {"),
        ("src/log/producer_state.c", "return is_fine ? OK : ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;", "return is_fine ? OK : OK;")]),
    "duplicate-at-a-wrong-offset": ("a retry is told its last offset for its first", [
        ("src/log/append.c", "ret->base_off = old->last_off - old->off_delta;", "ret->base_off = old->last_off;")]),
    "producers-forgotten": ("after a crash nobody remembers what producers wrote", [
        ("src/log/recover_state.c", "e = replay(r, from_off, true);", "(void)replay;")]),
    "checksums-unchecked": ("recovery keeps what was torn", [
        ("src/log/recover_scan.c", "e = scan_check_crc(s, &b, pos);", "(void)scan_check_crc;")]),
    "clean-mark-stays": ("a crash looks like a clean stop", [
        ("src/log/logdir.c", "enum err e = fs_unlink(d->fs, name);\n    *ret_was_clean = e == OK;",
         "enum err e = read_clean_mark(d->fs, name) == -1 ? ERR_NOT_FOUND : OK;\n    *ret_was_clean = e == OK;")]),
    "uncommitted-read": ("consumers see what a power cut may take", [
        ("src/broker/api/fetch.c", ".upto = upper_bound(f, &it->view),",
         ".upto = (upper_bound(f, &it->view), log_end_pos(it->part->log)),")]),
    "any-error-ends-the-log": ("a read that fails cuts off what lies behind it", [
        ("src/log/recover_scan.c", "return e == ERR_NOT_FOUND || e == ERR_CORRUPT_MESSAGE ? OK : e;", "return OK;")]),
    "offsets-forgotten": ("the last commits are not loaded", [
        ("src/broker/host/coordinator_load.c", "while (!e && l.next_off < upto.off) {", "while (!e && l.next_off < upto.off - 3) {")]),
    "commit-answered-early": ("a committed offset goes back", [
        ("src/broker/host/coordinator.c", "if (v.high_watermark.off < f->need_off && !is_late) {",
         "if (v.high_watermark.off < 0 && !is_late) {"),
        ("src/broker/host/coordinator.c", "enum err e = v.high_watermark.off < f->need_off ?", "enum err e = v.high_watermark.off < 0 ?")]),
    "metadata-not-synced": ("a topic that was created is gone", [
        ("src/broker/metalog/metalog.c", "enum err e = log_sync(ml->log, &synced);", "enum err e = OK;\n    (void)synced;\n    (void)log_sync;")]),
    "memo-says-synced": ("a start after a kill takes for synced what was only written", [
        ("src/log/memo.c", "buf_put_be64(out, (uint64_t)log->synced_off);", "buf_put_be64(out, (uint64_t)log->end_off);")]),
    "unproven-not-written-again": ("what a sync lost before a kill counts as synced after it", [
        ("src/log/sync.c", "r->needs_proof = log->is_unproven;", "r->needs_proof = false;")]),
    "torn-tail-kept": ("what was behind a cut follows what is written next", [
        ("src/log/recover_io.c", "e = e ? e : file_truncate(f, rs->good_bytes);", "")]),
    "failed-write-acknowledged": ("a batch that was written in part, or not at all, is acknowledged", [
        ("src/log/append.c", "e = write_batches(log, a);", "log_ignore(write_batches(log, a));")]),
    "gap-in-the-log": ("a batch is skipped", [
        ("src/log/append.c", "plan->next_off = log->end_off;", "plan->next_off = log->end_off + (log->end_off == 40);")]),
    "retention-at-once": ("what retention.ms allows to stay is deleted", [
        ("src/log/retain.c", "rules->now_ms - segs[n].max_ts_ms > rules->config->retention_ms",
         "rules->now_ms - segs[n].max_ts_ms >= 0")]),
    "producer-ids-again": ("after a restart two producers have one id", [
        ("src/meta/ctl_misc.c", "next + PRODUCER_ID_BLOCK};", "next};")]),
    "setting-not-applied": ("a setting that was acknowledged does nothing", [
        ("src/broker/host/reaction.c", "partition_set_config(p, &config);", "(void)config;")]),
    "settings-not-in-snapshots": ("settings are gone after a restart", [
        ("src/meta/image_write.c", "write_sorted(&w, &img->configs, compare_configs, write_config);",
         "(void)compare_configs;\n    (void)write_config;")]),
    "deletion-not-carried-out": ("a new topic has the records of an older one", [
        ("src/broker/host/reaction.c", "if (t->is_deleted) {", "if (t->is_deleted && r == NULL) {")]),
    "old-place-stays": ("after a move the next start finds the partition twice", [
        ("src/broker/storage/mover_place.c", "e = e ? e : put_away(m, p, p->dir, ret_old_path);", "")]),
}


def changed(name):
    """file -> its text with the plant in it"""
    texts = {}
    for path, old, new in PLANTS[name][1]:
        if path not in texts:
            with open(os.path.join(ROOT, path)) as f:
                texts[path] = f.read()
        if texts[path].count(old) != 1:
            raise ValueError("%s: %s has these words %d times: %s" % (name, path, texts[path].count(old), old))
        texts[path] = texts[path].replace(old, new)
    return texts


class Builder:
    def __init__(self, build):
        self.build = os.path.abspath(build)
        with open(os.path.join(self.build, "compile_commands.json")) as f:
            self.compile = {os.path.normpath(os.path.join(c["directory"], c["file"])): c for c in json.load(f)}
        lines = subprocess.run(["ninja", "-C", self.build, "-t", "commands", "test/sim/sim"], capture_output=True,
                               text=True, check=True).stdout.splitlines()
        self.link = [word for word in shlex.split(lines[-1])]

    def make(self, name, folder):
        objects = []
        for path, text in changed(name).items():
            source, obj = os.path.join(folder, os.path.basename(path)), os.path.join(folder, os.path.basename(path) + ".o")
            with open(source, "w") as f:
                f.write(text)
            words = shlex.split(self.compile[os.path.join(ROOT, path)]["command"])
            words[words.index("-o") + 1] = obj
            words[words.index("-MF") + 1] = obj + ".d"
            words[-1] = source
            words += ["-Wno-error", "-w", "-I" + os.path.join(ROOT, os.path.dirname(path))]
            subprocess.run(words, cwd=self.build, check=True)
            objects.append(obj)
        exe = os.path.join(folder, "sim")
        words = list(self.link)
        at = words.index("-o") + 1
        words[at] = exe
        words[at + 1:at + 1] = objects
        subprocess.run(words, cwd=self.build, check=True)
        return exe


def look(exe, name):
    """The first run that fails, or the last."""
    for first, count in ([(SEEN_BY[name], 1)] if name in SEEN_BY else []) + [(1, SEEDS)]:
        done = subprocess.run([exe, str(first), str(count)], capture_output=True, text=True, timeout=SECONDS, check=False)
        if done.returncode:
            break
    return done


def hunt(builder, name):
    """None, or why it was not found."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ottla-plant-") as folder:
        exe = builder.make(name, folder)
        try:
            done = look(exe, name)
        except subprocess.TimeoutExpired:
            return "still looking after %d s" % SECONDS
    if done.returncode == 0:
        return "%d seeds see nothing" % SEEDS
    said = (done.stderr.strip().splitlines() or ["status %d" % done.returncode])[-1]
    print("ok %s (%.0f s): %s" % (name, time.monotonic() - began, said), flush=True)
    return None


def main():
    names = sys.argv[2:] or list(PLANTS)
    builder = Builder(sys.argv[1])
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("JOBS", os.cpu_count() or 1))) as pool:
        hunts = {name: pool.submit(hunt, builder, name) for name in names}
        for name, future in hunts.items():
            try:
                why = future.result()
            except (ValueError, KeyError, subprocess.CalledProcessError) as e:
                why = str(e)
            if why:
                failed += 1
                print("not ok %s (%s): %s" % (name, PLANTS[name][0], why), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
