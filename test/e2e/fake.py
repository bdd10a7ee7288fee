"""A broker made by hand, with one partition of one topic: what it gives to a consumer, and how it takes what a producer
sends, is the test's."""

import socket
import struct
import threading
import time

import wire

SERVED = {"ApiVersions": 3, "Metadata": 9, "ListOffsets": 5, "Fetch": 11, "Produce": 8}


class Broker:
    """batches: {offset: bytes}, each of one offset. throttles: what the answers to Produce say, in ms; then 0. seen: when
    each request came, and its name."""

    def __init__(self, topic, batches, throttles=()):
        self.topic, self.batches = topic, batches
        self.throttles, self.seen = list(throttles), []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.bootstrap = "127.0.0.1:%d" % self.port
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn):
        with conn, conn.makefile("rb") as f:
            while head := f.read(4):
                frame = f.read(struct.unpack(">i", head)[0])
                number, version, correlation = struct.unpack(">hhi", frame[:8])
                if number == wire.API_VERSIONS and version > SERVED["ApiVersions"]:
                    out = wire.response_frame("ApiVersions", 0, correlation, self.api_versions({"errorCode": 35}))
                else:
                    name, version, body = wire.parse_request(frame)
                    self.seen.append((time.monotonic(), name))
                    answer = {"ApiVersions": self.api_versions, "Metadata": self.metadata, "ListOffsets": self.list_offsets,
                              "Fetch": self.fetch, "Produce": self.produce}[name](body)
                    out = wire.response_frame(name, version, correlation, answer)
                conn.sendall(struct.pack(">i", len(out)) + out)

    def api_versions(self, body):
        ids = {m.name: m.id for m in wire.messages().values()}
        return {"errorCode": body.get("errorCode", 0),
                "apiKeys": [{"apiKey": ids[n + "Request"], "minVersion": 0 if n == "ApiVersions" else v, "maxVersion": v}
                            for n, v in SERVED.items()]}

    def metadata(self, _):
        return {"brokers": [{"nodeId": 1, "host": "127.0.0.1", "port": self.port}], "controllerId": 1, "clusterId": "fake",
                "topics": [{"name": self.topic, "partitions": [
                    {"partitionIndex": 0, "leaderId": 1, "leaderEpoch": 0, "replicaNodes": [1], "isrNodes": [1]}]}]}

    def produce(self, _):
        return {"responses": [{"name": self.topic, "partitionResponses": [{"index": 0, "baseOffset": 0}]}],
                "throttleTimeMs": self.throttles.pop(0) if self.throttles else 0}

    def list_offsets(self, _):
        return {"topics": [{"name": self.topic, "partitions": [
            {"partitionIndex": 0, "offset": len(self.batches), "timestamp": -1, "leaderEpoch": 0}]}]}

    def fetch(self, body):
        at = body["topics"][0]["partitions"][0]["fetchOffset"] if body["topics"] else len(self.batches)
        end = len(self.batches)
        return {"responses": [{"topic": self.topic, "partitions": [
            {"partitionIndex": 0, "highWatermark": end, "lastStableOffset": end, "logStartOffset": 0,
             "preferredReadReplica": -1, "records": b"".join(self.batches[i] for i in range(at, end))}]}]}
