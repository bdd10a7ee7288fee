"""Apache Kafka as a broker that the harness of the end-to-end tests can start, stop and kill."""

import glob
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "test", "e2e"))
import harness  # noqa: E402

SCRIPT = os.path.join(HERE, "apache-kafka")


def tool(name, *args, **kw):
    """One of Apache Kafka's tools; returns what it printed."""
    return harness.run(SCRIPT, name, *args, **kw).decode()


class ApacheKafka(harness.Broker):
    """Broker and controller in one process. A new data directory is formatted for `quorum`."""

    def __init__(self, quorum="static", heap="-Xms512m -Xmx512m", jvm="-XX:+UseG1GC", controller_port=None, **kw):
        super().__init__(**kw)
        self.quorum = quorum
        self.format_flags = ()
        self.env = dict(os.environ, KAFKA_HEAP=heap, KAFKA_JVM=jvm, KAFKA_JVM_PERFORMANCE_OPTS="")
        self.controller_port = controller_port or harness.free_port()
        self.conf_path = os.path.join(os.path.dirname(self.log_path), "server.properties")

    def node_id(self):
        meta = os.path.join(self.first_dir(), "meta.properties")
        if not os.path.exists(meta):
            return "1"
        with open(meta) as f:
            return dict(line.strip().split("=", 1) for line in f if "=" in line)["node.id"]

    def first_dir(self):
        return self.overrides.get("log.dirs", self.dir).split(",")[0]

    def write_config(self):
        ctl = "127.0.0.1:%d" % self.controller_port
        here = "PLAINTEXT://127.0.0.1:%d" % self.port
        conf = {
            "process.roles": "broker,controller",
            "node.id": self.node_id(),
            "listeners": here + ",CONTROLLER://" + ctl,
            "advertised.listeners": "PLAINTEXT://127.0.0.1:%d,CONTROLLER://%s" % (self.advertised_port, ctl),
            "controller.listener.names": "CONTROLLER",
            "log.dirs": self.dir,
            "offsets.topic.replication.factor": 1,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
        }
        if self.quorum == "static":
            conf["controller.quorum.voters"] = conf["node.id"] + "@" + ctl
        else:
            conf["controller.quorum.bootstrap.servers"] = ctl
        conf.update(self.overrides)
        with open(self.conf_path, "w") as f:
            f.writelines("%s=%s\n" % kv for kv in conf.items())

    def start(self):
        self.write_config()
        if not glob.glob(os.path.join(self.first_dir(), "meta.properties")):
            self.format()
        return super().start()

    def format(self, *flags):
        cluster = tool("kafka-storage", "random-uuid").strip()
        flags += self.format_flags
        if self.quorum == "dynamic":
            flags += ("--standalone",)
        tool("kafka-storage", "format", "-t", cluster, "-c", self.conf_path, *flags)

    def command(self):
        return [SCRIPT, "serve", self.conf_path]



def ottla(**kw):
    return harness.Ottla(**kw)


def kafka(**kw):
    return ApacheKafka(**kw)


BY_NAME = {"ottla": ottla, "kafka": kafka}


def install():
    subprocess.run([SCRIPT, "install"], check=True)
