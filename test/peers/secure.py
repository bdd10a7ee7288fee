#!/usr/bin/env python3
"""libottla over TLS and SASL against Apache Kafka: what must be let in is, what must not is told why.

  secure.py [--scenes NAME,...]

One line a scene; the last line is "N passed, N failed"."""

import argparse
import base64
import http.server
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

import brokers
import harness
from check import Check, check

ROOT = harness.ROOT
CERTS = os.path.join(ROOT, "test", "unit", "certs")
PROGRAM = os.environ.get("CLIENT_RECORDS") or os.path.join(ROOT, "build", "test", "e2e", "client_records")
SECURITY = os.environ.get("CLIENT_SECURITY") or os.path.join(ROOT, "build", "test", "e2e", "client_security")
TOOL = harness.ottla()
HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = os.environ.get("OTTLA_PEERS") or os.path.expanduser("~/.cache/ottla-peers")
JAVA = ["java", "-cp", os.path.join(PEERS, "java-clients-4.3.1", "libs", "*"), os.path.join(HERE, "java", "Security.java")]
MODULE = "org.apache.kafka.common.security."
USER = ("alice", "alice-secret")
REAUTH_MS = 3000


def cert(name):
    return os.path.join(CERTS, name)


def plain_module(name, password):
    return '%splain.PlainLoginModule required username="%s" password="%s";' % (MODULE, name, password)


def connections(port):
    """The local ports of what is connected to a port of this machine."""
    with open("/proc/net/tcp") as f:
        rows = [line.split() for line in f.readlines()[1:]]
    return {int(row[1].split(":")[1], 16) for row in rows if int(row[2].split(":")[1], 16) == port and row[3] == "01"}


class Kafka:
    """Apache Kafka with a listener of each kind; their ports by name."""

    NAMES = {"SSL": "SSL", "MTLS": "SSL", "SASLP": "SASL_PLAINTEXT", "SASLS": "SASL_SSL"}

    def __init__(self):
        self.ports = {name: harness.free_port() for name in self.NAMES}
        self.broker = brokers.kafka()
        self.broker.overrides = self.settings()
        self.broker.format_flags = tuple(
            flag for kind in ("256", "512")
            for flag in ("--add-scram", "SCRAM-SHA-%s=[name=%s,password=%s]" % (kind, *USER)))

    def settings(self):
        own = {"PLAINTEXT": self.broker.port, **self.ports}
        listeners = ",".join("%s://127.0.0.1:%d" % item for item in own.items())
        listeners += ",CONTROLLER://127.0.0.1:%d" % self.broker.controller_port
        conf = {
            "listeners": listeners,
            "advertised.listeners": listeners,
            "listener.security.protocol.map": ",".join(
                "%s:%s" % item for item in {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT", **self.NAMES}.items()),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": cert("server.pem"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": cert("trust.pem"),
            "listener.name.mtls.ssl.client.auth": "required",
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
            "connections.max.reauth.ms": REAUTH_MS,
            "num.partitions": 4,
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "true",
            "super.users": "User:ANONYMOUS",
        }
        for name in ("saslp", "sasls"):
            at = "listener.name.%s." % name
            conf[at + "plain.sasl.jaas.config"] = (
                MODULE + 'plain.PlainLoginModule required user_%s="%s";' % USER)
            for kind in ("256", "512"):
                conf[at + "scram-sha-%s.sasl.jaas.config" % kind] = MODULE + "scram.ScramLoginModule required;"
            conf[at + "oauthbearer.sasl.jaas.config"] = (
                MODULE + 'oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="admin";')
        return conf

    def at(self, name, host="localhost"):
        return "%s:%d" % (host, self.ports[name])


class TokenEndpoint:
    """Gives tokens that nobody signed to who says that he is bob."""

    def __init__(self, is_tls, life_s=3600):
        self.asked, self.forms, self.life_s = 0, set(), life_s
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                form = self.rfile.read(int(self.headers["Content-Length"]))
                is_bob = self.headers["Authorization"] == "Basic " + base64.b64encode(b"bob:bobs").decode()
                outer.asked += is_bob
                outer.forms.add(form)
                answer = {"access_token": outer.token()} if is_bob else {"error": "invalid_client",
                                                                         "error_description": "no such client"}
                body = json.dumps(answer).encode()
                self.send_response(200 if is_bob else 401)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if is_tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(cert("server.pem"))
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = "http%s://localhost:%d/token" % ("s" if is_tls else "", self.server.server_address[1])

    def token(self):
        claims = {"sub": "bob", "iat": int(time.time()), "exp": int(time.time()) + self.life_s, "scope": "kafka"}
        return ".".join(base64.urlsafe_b64encode(json.dumps(x).encode()).decode().rstrip("=")
                        for x in ({"alg": "none"}, claims)) + "."

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Scenes:
    def __init__(self, kafka):
        self.kafka = kafka
        self.topics = 0

    def settings(self, listener, **more):
        conf = {"security.protocol": Kafka.NAMES[listener]}
        if Kafka.NAMES[listener].endswith("SSL"):
            conf["ssl.truststore.location"] = cert("trust.pem")
        if listener.startswith("SASL"):
            conf.update({"sasl.username": USER[0], "sasl.password": USER[1]})
        conf.update({key.replace("_", "."): value for key, value in more.items()})
        return ["%s=%s" % item for item in conf.items() if item[1] is not None]

    def write(self, listener, topic, host="localhost", **more):
        lines = b"".join(b"0 -1 - %s\n" % str(i).encode().hex().encode() for i in range(100))
        return subprocess.run([PROGRAM, "produce", self.kafka.at(listener, host), topic, "async", "30000",
                               *self.settings(listener, **more)],
                              input=lines, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)

    def goes(self, listener, host="localhost", **more):
        """Records there and back."""
        self.topics += 1
        topic = "secure-%d" % self.topics
        done = self.write(listener, topic, host, **more)
        lines = done.stdout.decode().splitlines()
        check(done.returncode == 0 and len(lines) == 100, done.stdout[-500:])
        check(all(line.split()[2] in ("0", "NONE") for line in lines), lines[:3])
        got = harness.run(PROGRAM, "consume", self.kafka.at(listener, host), topic, "1", "earliest",
                          *self.settings(listener, **more))
        check(len(got.splitlines()) == 100, got[-500:])

    def refused(self, listener, *words, host="localhost", **more):
        """Soon, and with a reason: the tools would wait a minute otherwise."""
        conf = os.path.join(harness.Dirs.new("conf"), "client.properties")
        with open(conf, "w") as f:
            f.writelines(line.replace("\\", "\\\\") + "\n" for line in self.settings(listener, **more))
        start = time.monotonic()
        done = subprocess.run([TOOL, "topics", "--bootstrap-server", self.kafka.at(listener, host), "--command-config", conf,
                               "--list"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=90)
        took = time.monotonic() - start
        text = done.stdout.decode()
        check(done.returncode != 0, "it was let in", text)
        check(took < 10, "it took %.0f s" % took, text)
        for word in words:
            check(word in text, "no '%s' in: %s" % (word, text))

    # -- TLS

    def tls(self):
        self.goes("SSL")
        self.goes("SSL", host="127.0.0.1")
        self.goes("SSL", ssl_enabled_protocols="TLSv1.2")
        self.goes("SSL", ssl_truststore_location=cert("trust.p12"), ssl_truststore_password="secret")
        self.goes("SSL", ssl_cipher_suites="TLS_AES_128_GCM_SHA256")
        self.goes("SSL", ssl_truststore_location=cert("trust.pem"), ssl_endpoint_identification_algorithm="")

    def tls_is_refused(self):
        self.refused("SSL", "not trusted", "issuer", "ssl.truststore.location", self.kafka.at("SSL"), ssl_truststore_location=cert("other.pem"))
        self.refused("SSL", "not trusted", ssl_truststore_location=None)
        self.refused("SSL", "no certificate", ssl_truststore_location=os.devnull)

    def wrong_protocols(self):
        """What may pass is tried until the time is over; the end says what it may be."""
        short = {"default_api_timeout_ms": "1500"}
        self.refused("SSL", "maybe it wants TLS (security.protocol)", self.kafka.at("SSL"), security_protocol="PLAINTEXT", **short)
        self.refused("SASLP", "does not speak TLS (security.protocol)", self.kafka.at("SASLP"), security_protocol="SASL_SSL", sasl_mechanism="PLAIN", **short)
        self.refused("MTLS", "log in", security_protocol="SASL_SSL", sasl_mechanism="PLAIN", sasl_username="a", sasl_password="b",
                     ssl_keystore_location=cert("client.pem"))

    def client_certificates(self):
        self.goes("MTLS", ssl_keystore_location=cert("client.pem"))
        self.goes("MTLS", ssl_keystore_location=cert("client.enc.pem"), ssl_key_password="secret")
        self.goes("MTLS", ssl_keystore_location=cert("client.p12"), ssl_keystore_password="secret")
        self.refused("MTLS", "the other side refuses TLS", "certificate", "(ssl.keystore.location)")

    # -- SASL

    def logins(self):
        for listener in ("SASLP", "SASLS"):
            for mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"):
                self.goes(listener, sasl_mechanism=mechanism)

    def jaas(self):
        none = {"sasl_username": None, "sasl_password": None}
        self.goes("SASLP", sasl_mechanism="PLAIN", sasl_jaas_config=plain_module(*USER), **none)
        self.goes("SASLS", sasl_mechanism="SCRAM-SHA-512", sasl_jaas_config=MODULE +
                  'scram.ScramLoginModule required username="%s" password="%s";' % USER, **none)
        self.refused("SASLP", "login module", sasl_mechanism="SCRAM-SHA-256", sasl_jaas_config=plain_module(*USER), **none)

    def tokens(self):
        module = MODULE + 'oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="bob";'
        conf = {"sasl_mechanism": "OAUTHBEARER", "sasl_username": None, "sasl_password": None}
        self.goes("SASLP", sasl_jaas_config=module, **conf)
        self.goes("SASLS", sasl_jaas_config=module, **conf)
        path = os.path.join(harness.Dirs.new("token"), "token")
        with open(path, "w") as f:
            f.write("not.a.token\n")
        self.refused("SASLP", "cannot log in", **{"sasl_oauthbearer_token_endpoint_url": "file://" + path, **conf})
        self.refused("SASLP", "the token cannot be read",
                     **{"sasl_oauthbearer_token_endpoint_url": "file:///nowhere", **conf})
        self.refused("SASLP", "needs a token", **conf)

    def token_endpoint(self):
        """OAuth's client credentials, over HTTP and HTTPS: one token for all connections, a new one in time."""
        module = MODULE + 'oauthbearer.OAuthBearerLoginModule required ssl.truststore.location="%s";' % cert("trust.pem")
        conf = {"sasl_mechanism": "OAUTHBEARER", "sasl_username": None, "sasl_password": None, "sasl_jaas_config": module,
                "sasl_oauthbearer_client_credentials_client_id": "bob",
                "sasl_oauthbearer_client_credentials_client_secret": "bobs", "sasl_oauthbearer_scope": "kafka"}
        for is_tls in (False, True):
            with TokenEndpoint(is_tls) as endpoint:
                conf["sasl_oauthbearer_token_endpoint_url"] = endpoint.url
                self.goes("SASLP", **conf)
                check(2 <= endpoint.asked <= 4, "asked %d times by two programs" % endpoint.asked)
                check(endpoint.forms == {b"grant_type=client_credentials&scope=kafka"}, endpoint.forms)
                self.refused("SASLP", "no token from", "HTTP status 401: invalid_client: no such client",
                             **{**conf, "sasl_oauthbearer_client_credentials_client_secret": "wrong"})
        with TokenEndpoint(False, life_s=6) as endpoint:
            conf["sasl_oauthbearer_token_endpoint_url"] = endpoint.url
            producer = subprocess.Popen([PROGRAM, "produce", self.kafka.at("SASLP"), "token-renewed", "sync", "30000",
                                         *self.settings("SASLP", **conf)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            for i in range(10):
                producer.stdin.write(b"0 -1 - %s\n" % str(i).encode().hex().encode())
                producer.stdin.flush()
                time.sleep(1)
            out = producer.communicate(timeout=60)[0].decode()
            check(producer.returncode == 0 and len(out.splitlines()) == 10, out)
            check(2 <= endpoint.asked <= 6, "asked %d times in 10 s for tokens of 6" % endpoint.asked)
        self.idle_token(conf)

    def idle_token(self, conf):
        """Ahead of its end, though nobody logs in; what comes then logs in anew with it."""
        with TokenEndpoint(False, life_s=6) as endpoint:
            conf["sasl_oauthbearer_token_endpoint_url"] = endpoint.url
            producer = subprocess.Popen([PROGRAM, "produce", self.kafka.at("SASLP"), "token-idle", "sync", "30000",
                                         *self.settings("SASLP", **conf)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            producer.stdin.write(b"0 -1 - 61\n")
            producer.stdin.flush()
            first = producer.stdout.readline().decode()
            at_first = endpoint.asked
            time.sleep(8)
            check(endpoint.asked > at_first, "asked %d times, then %d" % (at_first, endpoint.asked))
            out = first + producer.communicate(b"0 -1 - 62\n", timeout=60)[0].decode()
            check(producer.returncode == 0 and len(out.splitlines()) == 2, out)

    def logins_that_are_refused(self):
        for mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"):
            self.refused("SASLS", "cannot log in", "uthentication", "(sasl.username, sasl.password)", self.kafka.at("SASLS"), sasl_mechanism=mechanism, sasl_password="wrong")
        self.refused("SASLP", "sasl.mechanism is not set")
        self.refused("SASLP", "no password", sasl_mechanism="PLAIN", sasl_password=None)

    def rights(self):
        """Who may not read a topic or be in a group is told which, and what is missing."""
        tool = [os.path.join(HERE, "apache-kafka"), "kafka-acls", "--bootstrap-server", self.kafka.broker.bootstrap]
        conf = os.path.join(harness.Dirs.new("conf"), "client.properties")
        check(self.write("SASLP", "not-hers", sasl_mechanism="PLAIN").returncode == 0)
        check(self.write("SASLP", "hers", sasl_mechanism="PLAIN").returncode == 0)
        denial = ["--deny-principal", "User:" + USER[0], "--operation", "Read", "--topic", "not-hers", "--group", "not-hers"]
        harness.run(*tool, "--add", *denial)
        for protocol in ("classic", "consumer"):
            with open(conf, "w") as f:
                f.writelines(line + "\n" for line in self.settings("SASLP", sasl_mechanism="PLAIN", group_protocol=protocol))
            for topic, group, words in (
                    ("not-hers", "hers", ("topic authorization failed", "READ", "not-hers")),
                    ("hers", "not-hers", ("group not-hers: ", "group authorization failed", "READ"))):
                done = subprocess.run([TOOL, "console-consumer", "--bootstrap-server", self.kafka.at("SASLP"), "--topic", topic,
                                       "--group", group, "--consumer.config", conf, "--timeout-ms", "20000"],
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=90)
                text = done.stdout.decode()
                for word in words:
                    check(word in text, "%s: no '%s' in: %s" % (protocol, word, text))
        harness.run(*tool, "--remove", "--force", *denial)

    def sessions_are_renewed(self):
        """A consumer that stays for several sessions, on connections that stay, too."""
        for mechanism in ("SCRAM-SHA-256", "PLAIN"):
            topic = "renewed-" + mechanism.lower()
            check(self.write("SASLP", topic, sasl_mechanism=mechanism).returncode == 0)
            conf = self.settings("SASLP", sasl_mechanism=mechanism)
            producer = subprocess.Popen([PROGRAM, "produce", self.kafka.at("SASLP"), topic, "sync", "30000", *conf],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            seen = []
            for i in range(12):
                producer.stdin.write(b"0 -1 - %s\n" % str(i).encode().hex().encode())
                producer.stdin.flush()
                time.sleep(REAUTH_MS / 1000 / 4)
                seen.append(connections(self.kafka.ports["SASLP"]))
            out = producer.communicate(timeout=60)[0].decode()
            check(producer.returncode == 0 and len(out.splitlines()) == 12, out)
            check(seen[1] and seen[1] == seen[-1], "not the same connections:", seen)

    def examples(self):
        """Those of the tree, the one with transactions among them."""
        env = dict(os.environ, BROKER=self.kafka.broker.bootstrap, TXN="1")
        harness.run(os.path.join(ROOT, "examples", "try.sh"), os.path.join(ROOT, "build", "examples"), env=env)

    # -- who looks after all this

    def administration(self):
        """ACLs, users, quotas and transactions: what libottla makes and what Java makes, both see alike."""
        subprocess.run([os.path.join(HERE, "install.sh"), "java"], check=True)
        at = self.kafka.broker.bootstrap
        harness.run(SECURITY, at, "make")
        java = subprocess.run([*JAVA, at, "make"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        check(java.returncode == 0, java.stdout)
        holders = {name: self.hold(name) for name in ("sec-fenced", "sec-hanging")}
        ours, theirs = (sorted(harness.run(*words, at, "show").decode().splitlines()) for words in ([SECURITY], JAVA))
        kinds = [line.split()[0] for line in ours]
        check({k: kinds.count(k) for k in kinds} == {"acl": 7, "listed": 2, "quota": 7, "txn": 2, "user": 5}, ours)
        check(ours == theirs, "differ:", sorted(set(ours) ^ set(theirs)))
        self.check_holders(at, holders)
        for name in ("one", "two"):
            self.goes("SASLP", sasl_mechanism="SCRAM-SHA-256" if name == "one" else "SCRAM-SHA-512",
                      sasl_username="sec-u", sasl_password=name)
        harness.run(SECURITY, at, "unmake")
        left = [line.split()[0] for line in harness.run(SECURITY, at, "show").decode().splitlines()]
        check({k: left.count(k) for k in left if k in ("acl", "quota", "user")} == {"acl": 3, "quota": 2, "user": 3}, left)

    def hold(self, name):
        holder = subprocess.Popen([SECURITY, self.kafka.broker.bootstrap, "hold", name, name], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE)
        check(holder.stdout.readline() == b"open\n", name)
        return holder

    def check_holders(self, at, holders):
        harness.run(SECURITY, at, "fence", "sec-fenced")
        harness.run(SECURITY, at, "hanging", "sec-hanging")
        said = {name: holder.communicate(b"\n", timeout=60)[0] for name, holder in holders.items()}
        check(said["sec-fenced"] in (b"PRODUCER_FENCED\n", b"INVALID_PRODUCER_EPOCH\n"), said)
        got = harness.run(PROGRAM, "consume", at, "sec-hanging", "1", "earliest", "isolation.level=read_committed")
        check(got == b"", got)

    # -- what hangs

    def silence(self):
        """A listener that accepts and says nothing: given up after socket.connection.setup.timeout.ms."""
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen(16)
            held = []
            threading.Thread(target=lambda: [held.append(s.accept()) for _ in range(3)], daemon=True).start()
            conf = os.path.join(harness.Dirs.new("conf"), "client.properties")
            with open(conf, "w") as f:
                f.write("security.protocol=SSL\nsocket.connection.setup.timeout.ms=300\ndefault.api.timeout.ms=2000\n"
                        "socket.connection.setup.timeout.max.ms=300\n")
            start = time.monotonic()
            done = subprocess.run([TOOL, "topics", "--bootstrap-server", "127.0.0.1:%d" % s.getsockname()[1],
                                   "--command-config", conf, "--list"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  timeout=60)
            check(done.returncode != 0 and b"timed out" in done.stdout, done.stdout)
            check(time.monotonic() - start < 30 and len(held) > 1, "only %d connections" % len(held))


SCENES = ["tls", "tls_is_refused", "wrong_protocols", "client_certificates", "logins", "jaas", "tokens", "token_endpoint",
          "logins_that_are_refused", "rights", "sessions_are_renewed", "administration", "silence", "examples"]


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    a.add_argument("--scenes", default=",".join(SCENES))
    args = a.parse_args()
    passed = failed = 0
    kafka = Kafka()
    with kafka.broker:
        scenes = Scenes(kafka)
        for name in args.scenes.split(","):
            try:
                getattr(scenes, name)()
                passed += 1
                print("ok     %s" % name, flush=True)
            except (Check, AssertionError, subprocess.TimeoutExpired) as e:
                failed += 1
                print("FAILED %s  # %s" % (name, str(e)[:2000]), flush=True)
    print("%d passed, %d failed" % (passed, failed))
    return bool(failed)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *a: sys.exit(143))  # so that brokers are ended
    sys.exit(main())
