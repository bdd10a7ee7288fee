"""Apache Kafka's tools on the files of a data directory that nobody has open."""

import glob
import os
import re
import subprocess

import brokers
from check import Check, check


def files(dirs, pattern):
    return sorted(f for d in dirs for f in glob.glob(os.path.join(d, pattern)))


def dump_log(*args):
    return brokers.tool("kafka-dump-log", *args, stdin=subprocess.DEVNULL)


def check_logs(dirs):
    logs = [f for f in files(dirs, "*-*/*.log") if os.path.getsize(f)]
    user = [f for f in logs if "__cluster_metadata" not in f]
    out = dump_log("--files", ",".join(user))
    bad = [x for x in out.splitlines() if re.search(r"isvalid: false|Exception|orrupt", x)]
    check(not bad, bad[:3])
    return "%d segments" % len(user)


def check_indexes(dirs):
    rows = [f for f in files(dirs, "*-*/*.index") + files(dirs, "*-*/*.timeindex")]
    rows = [f for f in rows if os.path.exists(re.sub(r"\.\w+$", ".log", f))]
    out = dump_log("--index-sanity-check", "--files", ",".join(rows))
    sane = out.count("passed sanity check") + out.count(".index is empty.")
    check(sane == len(rows), "%d of %d index files are sane:" % (sane, len(rows)), out[-1500:])
    return "%d files" % sane


def check_metadata(dirs):
    logs = files(dirs, "__cluster_metadata-0/*.log")
    snaps = files(dirs, "__cluster_metadata-0/*.checkpoint")
    out = dump_log("--cluster-metadata-decoder", "--files", ",".join(logs + snaps))
    bad = [x for x in out.splitlines()
           if re.search(r"isvalid: false|Exception|orrupt|could not|unable|error", x, re.I)
           and "payload" not in x]
    check(not bad, bad[:3])
    check(out.count("REGISTER_BROKER_RECORD"), "no broker is registered")
    return "%d segments, %d snapshots" % (len(logs), len(snaps))


def newest_snapshot(dirs):
    snaps = [f for f in files(dirs, "__cluster_metadata-0/*.checkpoint")
             if not os.path.basename(f).startswith("0" * 20 + "-0")]
    return snaps[-1] if snaps else None


def check_shell(dirs):
    snap = newest_snapshot(dirs)
    check(snap, "there is no snapshot")
    for _ in range(5):  # it does not always wait until it has read the file
        out = brokers.tool("kafka-metadata-shell", "--snapshot", snap, "ls", "image/topics/byName")
        if "codecs" in out:
            return os.path.basename(snap)
    raise Check("the shell does not see the topics: " + out)
