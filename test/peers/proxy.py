"""A TCP proxy on loopback that hurts connections as a seed says: cut in the middle of a request,
cut in the middle of a response, or let the request through and lose the whole response. Or it makes
them slow, or silent: open, but with nobody at the other end. Or it only listens."""

import random
import socket
import threading
import time

CHUNK = 65536


class Proxy:
    """Listens on `port`, forwards to `target_port`, and cuts nothing until `hurt`."""

    def __init__(self, port, target_port):
        self.target_port = target_port
        self.mutex = threading.Lock()
        self.quiet_bytes = self.left = None
        self.rate = None  # bytes a second, of a connection and direction
        self.is_silent = False  # new connections are
        self.on_request = None  # called with each request, without the length before it
        self.conns = set()
        self.listener = socket.create_server(("127.0.0.1", port), backlog=64)
        self.is_open = True
        threading.Thread(target=self._accept, daemon=True).start()

    def hurt(self, seed, quiet_bytes):
        """From now on, with `quiet_bytes` on average between two cuts of all connections."""
        with self.mutex:
            self.rnd = random.Random(seed)
            self.quiet_bytes = quiet_bytes
            self.cuts = {"request": 0, "response": 0, "lost": 0}
            self.left = self._draw()

    def calm(self):
        """Ends the cuts; returns how many of each kind there were."""
        with self.mutex:
            self.left = None
            return self.cuts

    def silence(self, new=False):
        """What is connected hears nothing any more and does not learn why; new: nor does who connects from now on."""
        with self.mutex:
            self.is_silent = new
            for pair in self.conns:
                pair.is_silent = True

    def listen(self):
        """Who connects is heard again."""
        with self.mutex:
            self.is_silent = False

    def _draw(self):
        return self.rnd.randrange(1, 2 * self.quiet_bytes)

    def _accept(self):
        while self.is_open:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target_port))
            except OSError:
                if not self.is_open:
                    return
                client.close()
                continue
            for s in (client, server):
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pair = _Pair(client, server)
            with self.mutex:
                pair.is_silent = self.is_silent
                self.conns.add(pair)
            for direction in ("request", "response"):
                threading.Thread(target=self._pump, args=(pair, direction), daemon=True).start()

    def _allow(self, pair, direction, size):
        """How many of `size` bytes pass before the next cut falls; size where it does not."""
        with self.mutex:
            if pair.fate and direction == "response":
                self.cuts[pair.fate] += 1
                return size // 2 if pair.fate == "response" else 0
            if self.left is None:
                return size
            if self.left > size:
                self.left -= size
                return size
            passed, self.left = self.left - 1, self._draw()
            kind = self.rnd.choice(list(self.cuts))
            if direction == "request" and kind != "request":
                pair.fate = kind  # the broker gets it all; the answer is for the other pump to cut
                return size
            self.cuts[direction] += 1
            return passed

    def _pump(self, pair, direction):
        src, dst = (pair.client, pair.server) if direction == "request" else (pair.server, pair.client)
        try:
            while True:
                data = src.recv(CHUNK if not self.rate else 4096)
                if not data:
                    break
                if self.on_request and direction == "request":
                    for frame in pair.frames(data):
                        self.on_request(frame)
                if pair.is_silent:
                    continue
                if self.rate:
                    time.sleep(len(data) / self.rate)
                n = self._allow(pair, direction, len(data))
                dst.sendall(data[:n])
                if n < len(data):
                    break
        except OSError:
            pass
        pair.close()
        with self.mutex:
            self.conns.discard(pair)

    def close(self):
        self.is_open = False
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes the accept
        self.listener.close()
        with self.mutex:
            for pair in list(self.conns):
                pair.close()


class _Pair:
    def __init__(self, client, server):
        self.client, self.server, self.fate, self.is_silent = client, server, None, False
        self.rest = b""

    def frames(self, data):
        """The requests that end in data."""
        self.rest += data
        while len(self.rest) >= 4:
            size = int.from_bytes(self.rest[:4], "big")
            if len(self.rest) < 4 + size:
                return
            yield self.rest[4:4 + size]
            self.rest = self.rest[4 + size:]

    def close(self):
        for s in (self.client, self.server):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()
