"""One side of a raw comparison: a broker, what was said to it, and its answers with all that must differ
between two brokers (ids, ports, times, paths) replaced by names in the order of their appearance."""

import json
import re
import socket
import struct
import time

import wire

CLOSED = "connection closed"
SILENT = "no answer"
TIMEOUT_S = 30
SILENT_S = 1.0
READY_S = 60
ZERO_UUID = wire.ZERO_UUID
MAX_INT = 2**31 - 1
BATCH_HEAD_BYTES = 12
API_VERSIONS_KEY = struct.pack(">h", wire.API_VERSIONS)


JAVA_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")  # in member ids


def fit(name, version, values):
    """The fields of values that the version has, nested ones too."""
    root = wire.message(name + "Request", version).root
    return _fit(root, version, values)


def _fit(struct_, version, values):
    out = {}
    for f in struct_.fields:
        key = wire.camel(f.name)
        if version not in f.versions or key not in values:
            continue
        v = values[key]
        if f.struct and v is not None:
            v = [_fit(f.struct, version, x) for x in v] if f.is_array else _fit(f.struct, version, v)
        out[key] = v
    return out


class Names:
    """Values that differ between brokers → names."""

    def __init__(self):
        self.known = {}
        self.counts = {}

    def of(self, kind, value):
        if value not in self.known:
            self.counts[kind] = self.counts.get(kind, 0) + 1
            self.known[value] = "<%s %d>" % (kind, self.counts[kind])
        return self.known[value]


def is_time(value):
    return isinstance(value, int) and value > 1_700_000_000_000


def whole_batches(raw):
    """Without the batch at the end that was cut: brokers are free to send one."""
    at = 0
    while at + BATCH_HEAD_BYTES <= len(raw):
        end = at + BATCH_HEAD_BYTES + struct.unpack_from(">i", raw, at + 8)[0]
        if end > len(raw) or end <= at:
            break
        at = end
    return raw[:at]


def joined(topics):
    """Each topic once: a broker may tell of its partitions in several runs."""
    out = {}
    for t in topics:
        key = t.get("topic") or t.get("topicId")
        out.setdefault(key, dict(t, partitions=[]))["partitions"].extend(t["partitions"])
    return list(out.values())


class Cleaner:
    """Makes answers comparable. Lists whose order means nothing are sorted."""

    DROPPED = {"throttleTimeMs", "zkMigrationReady"}
    HIDDEN = {"port": "PORT", "clusterId": "CLUSTER", "logDir": "DIR", "totalBytes": "SIZE", "usableBytes": "SIZE",
              "partitionSize": "SIZE", "logEndOffset": "OFFSET",
              "replicaDirectoryId": "DIR", "finalizedFeaturesEpoch": "EPOCH"}
    UUIDS = {"topicId"}
    GIVEN_IDS = {"producerId": 1_000_000, "sessionId": MAX_INT}  # those from here on are the scenes' own
    ORDERED = {"DescribeTopicPartitions"}
    ORDERED_LISTS = {"synonyms"}  # by precedence
    SORT_KEYS = ("groupId", "name", "topicName", "resourceName", "topic", "topicId", "apiKey", "partitionIndex", "partition",
                 "partitionId", "index", "producerId", "key", "errorCode")

    def __init__(self):
        self.names = Names()

    def clean(self, api, value):
        self.is_ordered = api in self.ORDERED
        if api == "Fetch":
            value = dict(value, responses=joined(value["responses"]))
        return self._value(None, value)

    def _value(self, key, v):
        if isinstance(v, dict):
            return {k: self._value(k, x) for k, x in v.items() if k not in self.DROPPED}
        if isinstance(v, list):
            items = [self._value(key, x) for x in v]
            if not self.is_ordered and key not in self.ORDERED_LISTS and items and isinstance(items[0], dict):
                items.sort(key=self._order)
            return items
        if isinstance(v, bytes):
            return whole_batches(v).hex()
        return self._leaf(key, v)

    def _leaf(self, key, v):
        if key in self.HIDDEN and v not in (None, 0, -1, ""):
            return self.HIDDEN[key]
        if key in self.UUIDS and v != ZERO_UUID:
            return self.names.of("uuid", v)
        if key in self.GIVEN_IDS and 0 <= v < self.GIVEN_IDS[key]:
            return "ID" if v or key == "producerId" else 0
        if is_time(v):
            return "NOW"
        if isinstance(v, str):
            return JAVA_UUID.sub(lambda m: self.names.of("member", m.group()), v)
        return v

    def _order(self, item):
        return [str(item.get(k, "")) for k in self.SORT_KEYS]


class Talk:
    """Says things to one broker and keeps the answers, cleaned, under labels that both brokers share."""

    def __init__(self, port, broker=None):
        self.port = port
        self.broker = broker  # that may be started again; None: it is not ours
        self.conn = None
        self.answers = []  # (label, said, answer)
        self.cleaner = Cleaner()
        self.ids = {}
        self.section = ""

    def connection(self):
        if self.conn is None:
            self.conn = wire.Connection("127.0.0.1", self.port, "raw", TIMEOUT_S)
        return self.conn

    def drop(self):
        if self.conn is not None:
            self.conn.close()
            self.conn = None

    def ask(self, api, version, body):
        """The answer as a dict, CLOSED or SILENT; not recorded."""
        try:
            return self.connection().call(api, version, body)
        except (ConnectionError, BrokenPipeError):
            self.drop()
            return CLOSED
        except socket.timeout:
            self.drop()
            return SILENT

    def note(self, label, said, api, got):
        """Keeps an answer that came in some other way."""
        if isinstance(got, dict):
            got = self.cleaner.clean(api, got)
        self.answers.append(("%s: %s" % (self.section, label), said, got))

    def say(self, label, api, version, body, keep=None):
        """Asks and records; body has fields of any version. keep(answer) picks what is compared."""
        if isinstance(body, dict):
            body = fit(api, version, body)
        got = self.ask(api, version, body)
        kept = keep(got) if keep and isinstance(got, dict) else got
        self.note("%s, %s v%d" % (label, api, version), body, api, kept)
        return got

    def each(self, label, api, versions, body, keep=None):
        """say() in each version; body may be a function of the version."""
        for v in versions:
            self.say(label, api, v, body(v) if callable(body) else body, keep)

    def silent(self, label, api, version, body):
        """A request that is not answered: what follows on the connection is."""
        self.drop()
        c = self.connection()
        c.send(api, version, fit(api, version, body))
        c.socket.settimeout(SILENT_S)
        try:
            probe = c.send("ApiVersions", 0, {})
            got = c.receive("ApiVersions", 0)[0] == probe
        except (ConnectionError, wire.WireError):
            got = CLOSED
        self.note("%s, %s v%d" % (label, api, version), body, api, {"followed by the next": got})
        self.drop()

    def raw(self, label, frame, length=None):
        """Bytes as they are on a new connection; notes the answer's correlation id, and for ApiVersions the error."""
        self.drop()
        c = self.connection()
        c.socket.settimeout(SILENT_S)
        c.socket.sendall(struct.pack(">i", len(frame) if length is None else length) + frame)
        try:
            n = struct.unpack(">i", c.receive_exactly(4))[0]
            got = c.receive_exactly(n)[:6 if frame[:2] == API_VERSIONS_KEY else 4].hex()
        except ConnectionError:
            got = CLOSED
        except socket.timeout:
            got = SILENT
        self.note(label, frame.hex(), "", got)
        self.drop()

    # what a scene needs without comparing it

    def must(self, api, version, body):
        got = self.ask(api, version, fit(api, version, body))
        if not isinstance(got, dict):
            raise RuntimeError("%s: %s" % (api, got))
        return got

    def start_again(self, topics, is_clean=True):
        """Until these topics, of one partition each, are ready."""
        self.drop()
        self.broker.stop() if is_clean else self.broker.kill()
        self.broker.start()
        for name in topics:
            self.await_topic(name, 1)

    def settle(self):
        """Kafka's broker applies what its controller did a moment later; a topic that is ready came behind it."""
        self.make_topic("settled-%d" % len(self.answers))

    def make_topic(self, name, partitions=1, **configs):
        """Created, led and ready."""
        self.must("CreateTopics", 7, {"topics": [{
            "name": name, "numPartitions": partitions, "replicationFactor": 1,
            "configs": [{"name": k.replace("_", "."), "value": str(v)} for k, v in configs.items()]}],
            "timeoutMs": 20000})
        return self.await_topic(name, partitions)

    def await_topic(self, name, partitions):
        end = time.monotonic() + READY_S
        while not self._is_ready(name, partitions):
            if time.monotonic() > end:
                raise TimeoutError(name)
            time.sleep(0.05)
        return self.ids[name]

    def _is_ready(self, name, partitions):
        t = self.must("Metadata", 12, {"topics": [{"topicId": ZERO_UUID, "name": name}],
                                       "allowAutoTopicCreation": False})["topics"][0]
        if t["errorCode"] or len(t["partitions"]) < partitions or any(p["errorCode"] for p in t["partitions"]):
            return False
        self.ids[name] = t["topicId"]
        self.cleaner.names.known[t["topicId"]] = "<id of %s>" % name
        got = self.must("ListOffsets", 7, {"replicaId": -1, "topics": [{"name": name, "partitions": [
            {"partitionIndex": i, "timestamp": -1} for i in range(partitions)]}]})
        return not any(p["errorCode"] for p in got["topics"][0]["partitions"])

    def produce(self, name, raw, partition=0):
        got = self.must("Produce", 9, {"acks": -1, "timeoutMs": 20000, "topicData": [
            {"name": name, "partitionData": [{"index": partition, "records": raw}]}]})
        p = got["responses"][0]["partitionResponses"][0]
        if p["errorCode"]:
            raise RuntimeError("produce: %s" % p)
        return p["baseOffset"]


def labels(items):
    """What the items of a list are called in a path: by name where names tell them apart."""
    names = [x.get("name") for x in items if isinstance(x, dict)]
    if len(names) == len(items) and None not in names and len(set(names)) == len(names):
        return names
    return range(len(items))


def flatten(value, path=""):
    """{path: leaf}"""
    if isinstance(value, dict) and value:
        return {p: x for k, v in value.items() for p, x in flatten(v, "%s.%s" % (path, k)).items()}
    if isinstance(value, list) and value:
        return {p: x for i, v in zip(labels(value), value) for p, x in flatten(v, "%s[%s]" % (path, i)).items()}
    return {path: value}


def differences(a, b):
    """[(path, in a, in b)] of two cleaned answers."""
    x, y = flatten(a), flatten(b)
    gone = "(absent)"
    return [(p, x.get(p, gone), y.get(p, gone)) for p in sorted(set(x) | set(y)) if x.get(p, gone) != y.get(p, gone)]


def shown(value):
    return json.dumps(value, default=lambda b: b.hex())[:600]
