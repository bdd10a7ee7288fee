"""Every tool beside Apache Kafka's own, on the same broker with the same arguments: what both print on standard
output, and their status, must be the same.

A step is a line as it is typed; what is behind <<< goes to its standard input. {t} is a topic and {g} a group that
belong to the side that runs the step; what differs by nature (those names, ids, times) is made the same before the
comparison."""

import json
import os
import re
import subprocess

import brokers
from check import check
import harness

OTTLA = harness.ottla()


class Side:
    """One of the two that run a step."""

    def __init__(self, driver, letter, command):
        self.driver = driver
        self.command = command
        self.names = {"t": "beside-%s" % letter, "g": "group-%s" % letter, "dir": harness.Dirs.new("beside")}

        self.file("loads", "one,two,,four")
        self.file("records.json", '{"partitions": [{"topic": "%(t)s", "partition": 0, "offset": 0}], "version": 1}')
        for name, broker in (("move.json", 1), ("move9.json", 9)):
            self.file(name, '{"version": 1, "partitions": [{"topic": "%%(t)s", "partition": 0, "replicas": [%d]}]}'
                      % broker)
        part = '{"topic": "%(t)s", "partition": 0, "offset": 0}'
        self.file("topics.json", '{"version": 1, "topics": [{"topic": "%(t)s"}]}')
        self.file("no-topics.json", '{"version": 1, "topics": [{"topic": "no-such"}]}')
        self.file("twice-topics.json", '{"topics": [{"topic": "%(t)s"}, {"topic": "%(t)s"}]}')
        self.file("version.json", '{"version": 2, "topics": [], "partitions": []}')
        self.file("broken.json", '{"version"')
        for name, row in (("gone", '"no-such", "partition": 0, "replicas": [1]'),
                          ("far", '"%(t)s", "partition": 77, "replicas": [1]'),
                          ("double", '"%(t)s", "partition": 0, "replicas": [1, 1]'),
                          ("dirs", '"%(t)s", "partition": 0, "replicas": [1], "log_dirs": ["any", "any"]'),
                          ("nowhere", '"%(t)s", "partition": 0, "replicas": [1], "log_dirs": ["/no/such"]'),
                          ("less", '"%(t)s", "replicas": [1]'),
                          ("text", '"%(t)s", "partition": 0, "replicas": ["x"]')):
            self.file(name + ".json", '{"version": 1, "partitions": [{"topic": ' + row + "}]}")
        self.file("twice.json", '{"partitions": [' + part + "," + part + '], "version": 1}')

    def file(self, name, text):
        with open(os.path.join(self.names["dir"], name), "w") as f:
            f.write(text % self.names)

    def run(self, step):
        step, _, text = step.partition(" <<< ")
        words = [w.format(**self.names) if "{" in w and "}" in w and '"' not in w else w for w in step.split(" ")]
        words = [w.replace("\\s", " ").replace("\\t", "\t") for w in words]
        at = 2 if words[0] == "kafka-cluster" else 1  # there it belongs to the sub-command
        server = ["--bootstrap-server", self.driver.bootstrap]
        done = subprocess.run(self.command(words[0]) + words[1:at] + server + words[at:],
                              input=text.encode().decode("unicode_escape"), capture_output=True, text=True, timeout=120,
                              check=False)
        return self.plain(done.stdout), done.returncode, done.stderr

    def plain(self, out):
        out = out.replace(self.names["dir"], "{dir}")
        out = re.sub(r"\b(beside|group)-(kafka|ottla)\b", r"{\1}", out)
        out = re.sub(r"(HighWatermark: +|Leader.*|Epoch: +)\d+", r"\1N", out)
        out = re.sub(r"^(\d+ *\t[\w-]{22}\t)\d+ *", r"\1N", out, flags=re.M)
        out = re.sub(r"TopicId: [\w-]{22}", "TopicId: ID", out)
        out = re.sub(r"\b1[78]\d{11}\b", "TIME", out)
        out = re.sub(r"records sent, .*", lambda m: re.sub(r"[\d.]+", "N", m[0]), out)  # how fast it was
        out = re.sub(r"^(\d{4}-\d\d-\d\d [^,]*, ){2}.*", lambda m: re.sub(r"[\d.]+", "N", m[0]), out, flags=re.M)
        out = re.sub(r'"avg_throughput":.*}', '"avg_throughput":N}', out)
        # a stack trace, and the line of an exception that has none, behind the error that it says again
        out = re.sub(r"^\S+Exception: .*\n((?:\tat |\t\.\.\. |Caused by: ).*\n)+\n?", "", out, flags=re.M)
        out = re.sub(r"^(Error: .*\n)\S+Exception: .*\n\n?", r"\1", out, flags=re.M)
        return "".join(map(json_in_order, out.splitlines(keepends=True)))


def json_in_order(line):
    """log-dirs lists partitions in no order."""
    if not line.startswith('{"brokers'):
        return line
    doc = json.loads(line)
    for each in (d for b in doc["brokers"] for d in b["logDirs"]):
        each["partitions"].sort(key=lambda p: p["partition"])
    return json.dumps(doc) + "\n"


def kafka_tool(name):
    return [brokers.SCRIPT, name]


def ottla_tool(name):
    return [OTTLA, name.removeprefix("kafka-")]


def in_any_order(out):
    """Kafka prints what it keeps in hash maps in no order."""
    return sorted(out.splitlines())


# name: (steps, whether the order of lines counts)
TOOLS = {
    "topics": (True, """
kafka-topics --create --topic {t} --partitions 3 --replication-factor 1 --config retention.ms=86400000 --config segment.bytes=1048576
kafka-topics --create --topic {t}
kafka-topics --create --topic {t} --if-not-exists
kafka-topics --create --topic {t}.x_y --partitions 1
kafka-topics --create --topic {t}-u --config no.such=1
kafka-topics --create --topic {t}-u --config retention.ms=x
kafka-topics --create --topic {t}-u --config retention.ms
kafka-topics --create --topic {t}-u --partitions 0
kafka-topics --create --topic {t}-u --replication-factor 0
kafka-topics --create --topic {t}-u --replication-factor 7
kafka-topics --create --topic {t}-u --replica-assignment 1:1
kafka-topics --create --topic {t}-u --replica-assignment 9
kafka-topics --create --topic {t}-u --replica-assignment 1,1 --partitions 2
kafka-topics --create --topic bad/name
kafka-topics --create
kafka-topics --list --topic {t}.*
kafka-topics --list --topic {t} --exclude-internal
kafka-topics --list --topic no-such
kafka-topics --list --create --topic {t}
kafka-topics --list --if-exists
kafka-topics --list --no-such-option
kafka-topics
kafka-topics --describe --topic {t}
kafka-topics --describe --topic no-such
kafka-topics --describe --topic no-such --if-exists
kafka-topics --describe --topic {t} --topics-with-overrides
kafka-topics --describe --topic {t} --at-min-isr-partitions
kafka-topics --describe --topic {t} --under-replicated-partitions
kafka-topics --describe --topic {t} --under-min-isr-partitions
kafka-topics --describe --topic {t} --unavailable-partitions
kafka-topics --describe --topic {t} --unavailable-partitions --topics-with-overrides
kafka-topics --describe --topic-id AAAAAAAAAAAAAAAAAAAAAQ
kafka-topics --describe --topic-id AAAAAAAAAAAAAAAAAAAAAQ --if-exists
kafka-topics --alter --topic {t} --partitions 5
kafka-topics --alter --topic {t} --partitions 2
kafka-topics --alter --topic {t} --partitions 5
kafka-topics --alter --topic {t} --partitions 7 --replica-assignment 1,1,1,1,1,1,1
kafka-topics --alter --topic no-such --partitions 5
kafka-topics --alter --topic no-such --partitions 5 --if-exists
kafka-topics --alter --topic {t} --config a=b --partitions 9
kafka-topics --describe --topic {t}
kafka-topics --delete --topic {t}
kafka-topics --delete --topic no-such
kafka-topics --delete --topic no-such --if-exists
kafka-topics --delete
"""),
    "configs": (True, """
kafka-topics --create --topic {t} --partitions 1
kafka-configs --alter --entity-type topics --entity-name {t} --add-config retention.ms=1000,cleanup.policy=[compact,delete]
kafka-configs --describe --entity-type topics --entity-name {t}
kafka-configs --describe --topic {t} --all
kafka-configs --alter --topic {t} --delete-config retention.ms,segment.ms --add-config max.message.bytes=100000
kafka-configs --describe --topic {t}
kafka-configs --alter --topic {t} --add-config no.such=1
kafka-configs --alter --topic {t} --add-config retention.ms=x
kafka-configs --alter --topic {t} --add-config retention.ms
kafka-configs --alter --topic {t} --add-config re/x=1
kafka-configs --alter --topic {t}
kafka-configs --alter --topic no-such --add-config retention.ms=1
kafka-configs --alter --entity-type topics --add-config retention.ms=1
kafka-configs --describe --topic no-such
kafka-configs --describe --entity-type topics --topic x
kafka-configs --describe --entity-type topix
kafka-configs --describe --entity-type topics --entity-default
kafka-configs --describe
kafka-configs --alter --entity-type brokers --entity-default --add-config log.retention.ms=3600000
kafka-configs --describe --entity-type brokers --entity-default
kafka-configs --alter --broker 1 --add-config log.cleaner.threads=2
kafka-configs --describe --broker 1
kafka-configs --describe --entity-type brokers
kafka-configs --alter --broker 1 --delete-config log.cleaner.threads
kafka-configs --alter --broker-defaults --delete-config log.retention.ms
kafka-configs --alter --broker 1 --add-config log.retention.ms=x
kafka-configs --alter --broker 1 --add-config node.id=2
kafka-configs --describe --broker 7
kafka-configs --describe --broker x
kafka-configs --describe --entity-type broker-loggers
kafka-configs --alter --entity-type broker-loggers --entity-name 1 --add-config no.such.logger=INFO
kafka-configs --alter --entity-type client-metrics --entity-name {t} --add-config interval.ms=2000,metrics=
kafka-configs --describe --client-metrics {t}
kafka-configs --describe --client-metrics no-such
kafka-configs --alter --client-metrics {t} --delete-config interval.ms,metrics
kafka-client-metrics --list
kafka-client-metrics --alter --name {t} --interval 5000 --metrics a.b,c.d --match client_id=x,client_software_name=y
kafka-client-metrics --describe
kafka-client-metrics --describe --name {t}
kafka-client-metrics --alter --name {t} --interval= --metrics *
kafka-client-metrics --describe --name {t}
kafka-client-metrics --list
kafka-client-metrics --alter --name {t} --interval x
kafka-client-metrics --alter --name {t} --interval 1
kafka-client-metrics --alter --name {t} --match x=y
kafka-client-metrics --alter --interval 1000
kafka-client-metrics --delete
kafka-client-metrics --delete --name {t}
kafka-client-metrics --delete --name {t}
kafka-client-metrics --describe --name {t}
kafka-client-metrics
kafka-configs --alter --group {g} --add-config consumer.session.timeout.ms=50000
kafka-configs --describe --group {g}
kafka-configs --describe --group no-such
kafka-configs --alter --group {g} --delete-config consumer.session.timeout.ms
kafka-topics --delete --topic {t}
"""),
    "consumer-groups": (False, """
kafka-topics --create --topic {t} --partitions 3
kafka-consumer-groups --list
kafka-consumer-groups --reset-offsets --group {g} --topic {t} --to-latest --dry-run
kafka-consumer-groups --reset-offsets --group {g} --topic {t}:0,1 --to-offset 3 --execute
kafka-consumer-groups --reset-offsets --group {g} --topic {t}:0 --to-earliest --export --dry-run
kafka-consumer-groups --reset-offsets --group {g} --all-topics --to-current --execute
kafka-consumer-groups --reset-offsets --group {g} --all-topics --shift-by -1 --dry-run
kafka-consumer-groups --reset-offsets --group {g} --topic {t} --shift-by -1 --dry-run
kafka-consumer-groups --reset-offsets --group {g} --topic {t}:2 --to-datetime 2026-01-01T00:00:00.000 --dry-run
kafka-consumer-groups --reset-offsets --group {g} --topic {t}:2 --by-duration P1D --dry-run
kafka-consumer-groups --reset-offsets --group {g} --topic {t}:9 --to-latest --dry-run
kafka-consumer-groups --reset-offsets --group {g} --topic no-such --to-latest --dry-run
kafka-consumer-groups --reset-offsets --group {g} --topic {t}:x --to-latest --dry-run
kafka-consumer-groups --reset-offsets --group {g} --to-latest --dry-run
kafka-consumer-groups --reset-offsets --group {g} --topic {t} --to-latest --to-earliest
kafka-consumer-groups --reset-offsets --group {g} --topic {t} --to-latest --execute --dry-run
kafka-consumer-groups --reset-offsets --topic {t} --to-latest
kafka-consumer-groups --describe --group {g}
kafka-consumer-groups --describe --group {g} --verbose
kafka-consumer-groups --describe --group {g} --members
kafka-consumer-groups --describe --group {g} --members --verbose
kafka-consumer-groups --describe --group {g} --state
kafka-consumer-groups --describe --group {g} --state --verbose
kafka-consumer-groups --describe --group {g} --state --members
kafka-consumer-groups --describe --group no-such
kafka-consumer-groups --describe --group no-such --state
kafka-consumer-groups --describe
kafka-consumer-groups --list --state nonsense
kafka-consumer-groups --list --type classic --state empty
kafka-consumer-groups --list --members
kafka-consumer-groups --delete-offsets --group {g} --topic {t}:0
kafka-consumer-groups --delete-offsets --group {g} --topic no-such
kafka-consumer-groups --delete-offsets --group no-such --topic {t}
kafka-consumer-groups --delete-offsets --group {g}
kafka-consumer-groups --describe --group {g}
kafka-consumer-groups --validate-regex a.*
kafka-groups --list
kafka-groups --list --consumer
kafka-groups --list --group-type classic --protocol consumer
kafka-groups --list --share
kafka-groups --list --consumer --share
kafka-groups --list --group-type nonsense
kafka-groups
kafka-consumer-groups --delete --group {g}
kafka-consumer-groups --delete --group no-such
kafka-consumer-groups --delete
kafka-consumer-groups --list --delete
kafka-topics --delete --topic {t}
"""),
    "get-offsets": (True, """
kafka-topics --create --topic {t} --partitions 11
kafka-get-offsets --topic {t}
kafka-get-offsets --topic {t} --partitions 0,2 --time earliest
kafka-get-offsets --topic-partitions {t}:1,{t}:3-5,{t}:9- --time -1
kafka-get-offsets --topic-partitions {t}:-2,no.* --time max-timestamp
kafka-get-offsets --topic {t}:0
kafka-get-offsets --topic no-such
kafka-get-offsets --topic {t} --time 1000
kafka-get-offsets --topic {t} --time nonsense
kafka-get-offsets --topic {t} --partitions x
kafka-get-offsets --topic {t} --topic-partitions {t}
kafka-delete-records --offset-json-file {dir}/records.json
kafka-delete-records --offset-json-file {dir}/twice.json
kafka-delete-records --offset-json-file {dir}/none.json
kafka-delete-records
kafka-leader-election --election-type preferred --topic {t} --partition 0
kafka-leader-election --election-type unclean --topic {t} --partition 0
kafka-leader-election --election-type preferred --topic {t} --partition 77
kafka-leader-election --election-type preferred --all-topic-partitions
kafka-leader-election --election-type preferred --path-to-json-file {dir}/records.json
kafka-leader-election --election-type preferred --topic {t}
kafka-leader-election --topic {t} --partition 0
kafka-leader-election --election-type some --topic {t} --partition 0
kafka-log-dirs --describe --topic-list {t}
kafka-log-dirs --describe --broker-list 1 --topic-list no-such
kafka-log-dirs --describe --broker-list 7
kafka-log-dirs
kafka-reassign-partitions --list
kafka-reassign-partitions --execute --reassignment-json-file {dir}/move.json
kafka-reassign-partitions --verify --reassignment-json-file {dir}/move.json
kafka-reassign-partitions --execute --reassignment-json-file {dir}/move9.json
kafka-reassign-partitions --verify --preserve-throttles --reassignment-json-file {dir}/move9.json
kafka-reassign-partitions --cancel --preserve-throttles --reassignment-json-file {dir}/move.json
kafka-reassign-partitions --execute
kafka-topics --delete --topic {t}
"""),
    "reassign-partitions": (True, """
kafka-topics --create --topic {t} --partitions 3
kafka-reassign-partitions --generate --topics-to-move-json-file {dir}/topics.json --broker-list 1
kafka-reassign-partitions --generate --topics-to-move-json-file {dir}/topics.json --broker-list 1 --disable-rack-aware
kafka-reassign-partitions --generate --topics-to-move-json-file {dir}/topics.json --broker-list 9
kafka-reassign-partitions --generate --topics-to-move-json-file {dir}/topics.json --broker-list 1,1
kafka-reassign-partitions --generate --topics-to-move-json-file {dir}/no-topics.json --broker-list 1
kafka-reassign-partitions --generate --topics-to-move-json-file {dir}/twice-topics.json --broker-list 1
kafka-reassign-partitions --generate --topics-to-move-json-file {dir}/version.json --broker-list 1
kafka-reassign-partitions --generate --topics-to-move-json-file {dir}/broken.json --broker-list 1
kafka-reassign-partitions --generate --topics-to-move-json-file {dir}/topics.json
kafka-reassign-partitions --execute --reassignment-json-file {dir}/move.json --throttle 1000000 --replica-alter-log-dirs-throttle 2000000
kafka-configs --describe --broker 1
kafka-configs --describe --topic {t}
kafka-reassign-partitions --verify --preserve-throttles --reassignment-json-file {dir}/move.json
kafka-configs --describe --topic {t}
kafka-reassign-partitions --cancel --preserve-throttles --reassignment-json-file {dir}/move.json
kafka-reassign-partitions --cancel --reassignment-json-file {dir}/move.json
kafka-configs --describe --broker 1
kafka-configs --describe --topic {t}
kafka-reassign-partitions --execute --reassignment-json-file {dir}/gone.json
kafka-reassign-partitions --verify --preserve-throttles --reassignment-json-file {dir}/gone.json
kafka-reassign-partitions --execute --reassignment-json-file {dir}/far.json
kafka-reassign-partitions --verify --preserve-throttles --reassignment-json-file {dir}/far.json
kafka-reassign-partitions --execute --reassignment-json-file {dir}/double.json
kafka-reassign-partitions --execute --reassignment-json-file {dir}/dirs.json
kafka-reassign-partitions --execute --reassignment-json-file {dir}/nowhere.json
kafka-reassign-partitions --verify --preserve-throttles --reassignment-json-file {dir}/nowhere.json
kafka-reassign-partitions --cancel --preserve-throttles --reassignment-json-file {dir}/nowhere.json
kafka-reassign-partitions --execute --reassignment-json-file {dir}/less.json
kafka-reassign-partitions --execute --reassignment-json-file {dir}/text.json
kafka-reassign-partitions --execute --reassignment-json-file {dir}/version.json
kafka-reassign-partitions --execute --reassignment-json-file /no/such.json
kafka-reassign-partitions --list --timeout 3
kafka-topics --delete --topic {t}
"""),
    "console-producer": (True, """
kafka-topics --create --topic {t} --partitions 1
kafka-console-producer --topic {t} <<< one\\r\\ntwo\\n\\nlast
kafka-console-producer --topic {t} --property parse.key=true --property key.separator=: <<< k1:v1\\nk2:\\n:v3\\n
kafka-console-producer --topic {t} --reader-property parse.key=true <<< a\\t1\\nbad\\nb\\t2\\n
kafka-console-producer --topic {t} --reader-property parse.key=true --reader-property ignore.error=true <<< bad\\n
kafka-console-producer --topic {t} --reader-property parse.key=true --reader-property parse.headers=true <<< h1:v1,h2:v2,,\\tk\\tv\\n
kafka-console-producer --topic {t} --reader-property parse.headers=true <<< h1\\tv\\n
kafka-console-producer --topic {t} --reader-property parse.headers=true --reader-property ignore.error=true <<< h1,x:y\\tv\\n\\ty\\n,\\tz\\n
kafka-console-producer --topic {t} --reader-property parse.headers=true --reader-property headers.delimiter=| --reader-property headers.separator=; --reader-property headers.key.separator== <<< a=b;c=d|v\\n
kafka-console-producer --topic {t} --reader-property parse.headers=true --reader-property parse.key=true --reader-property null.marker=N <<< a:N\\tN\\tN\\nN\\tk\\tv\\n
kafka-console-producer --topic {t} --reader-property parse.headers=true --reader-property null.marker=N <<< N:a\\tv\\n
kafka-console-producer --topic {t}.r --reader-property parse.headers=true --reader-property headers.separator=;+ <<< a:1;;b:2;\\tv\\n
kafka-console-producer --topic {t}.r --reader-property parse.headers=true --reader-property headers.separator=(?i)x|\\d <<< a:_Xb:_7c:_\\tv\\n
kafka-console-producer --topic {t}.r --reader-property parse.headers=true --reader-property headers.separator=\\| <<< a:1|b:2\\tv\\n
kafka-console-producer --topic {t}.r --reader-property parse.headers=true --reader-property headers.separator=. <<< a:1\\tv\\n
kafka-console-producer --topic {t}.r --reader-property parse.headers=true --reader-property headers.separator=[ <<< a:1\\tv\\n
kafka-console-producer --topic {t}.r --reader-property parse.headers=true --reader-property headers.key.separator=. --reader-property headers.delimiter=+ <<< a.1,b.2+v\\n
kafka-console-producer --topic {t}.r --reader-property parse.key=true --reader-property key.separator=. <<< a.v\\n
kafka-console-consumer --topic {t}.r --partition 0 --offset earliest --max-messages 6 --timeout-ms 8000 --formatter-property print.key=true --formatter-property print.headers=true
kafka-topics --delete --topic {t}.r
kafka-console-producer --topic {t} --reader-property headers.delimiter=,
kafka-console-producer --topic {t} --reader-property null.marker=:
kafka-console-producer --topic {t} --sync --compression-codec zstd --request-required-acks all --batch-size 100 --timeout 1 <<< zstd\\n
kafka-console-producer --topic {t} --compression-codec --max-block-ms 5000 --max-memory-bytes 40000000 --metadata-expiry-ms 1000 <<< gzip\\n
kafka-console-producer --topic {t} --message-send-max-retries 1 --retry-backoff-ms 10 --request-timeout-ms 3000 --socket-buffer-size 10000 <<< x\\n
kafka-console-producer --topic {t} --command-property acks=0 --max-partition-memory-bytes 10 --line-reader org.apache.kafka.tools.LineMessageReader <<< y\\n
kafka-console-producer --topic {t} --producer-property linger.ms=1 --producer.config /dev/null <<< z\\n
kafka-console-producer --topic {t} --producer-property linger.ms=1 --command-property acks=1
kafka-console-producer --topic {t} --property a=b --reader-property c=d
kafka-console-producer --topic {t} --compression-codec no
kafka-console-producer --topic {t} --request-required-acks 7
kafka-console-producer --topic {t} --batch-size x
kafka-console-producer --topic {t} --command-config /no/such/file
kafka-console-producer --topic {t} --line-reader no.such.Reader
kafka-console-producer --topic bad/name <<< x\\n
kafka-console-producer
kafka-console-producer --no-such-option
kafka-console-consumer --topic {t} --partition 0 --offset earliest --max-messages 21 --timeout-ms 8000 --formatter-property print.key=true --formatter-property print.headers=true --formatter-property print.offset=true
kafka-topics --delete --topic {t}
"""),
    "console-consumer": (True, """
kafka-topics --create --topic {t} --partitions 1
kafka-topics --create --topic {t}.x --partitions 1
kafka-console-producer --topic {t} --reader-property parse.key=true --reader-property parse.headers=true <<< h1:v1,h2:\\tk1\\tv1\\nh:x\\tk2\\tv2\\nh:y\\tk3\\t12345678\\n
kafka-console-producer --topic {t} --reader-property null.marker=N <<< plain\\nN\\n
kafka-console-consumer --topic {t} --from-beginning --max-messages 5
kafka-console-consumer --topic {t} --from-beginning --timeout-ms 8000 --property print.key=true --property print.partition=true
kafka-console-consumer --topic {t} --partition 0 --from-beginning --max-messages 5 --formatter-property print.timestamp=true --formatter-property print.key=true --formatter-property print.offset=true --formatter-property print.partition=true --formatter-property print.headers=true --formatter-property print.epoch=true --formatter-property print.delivery=true
kafka-console-consumer --topic {t} --partition 0 --offset 1 --max-messages 2 --formatter-property print.key=true --formatter-property key.separator=\\s-\\s --formatter-property line.separator=;
kafka-console-consumer --topic {t} --partition 0 --offset 3 --max-messages 2 --formatter-property null.literal=nothing --formatter-property print.key=TRUE --formatter-property headers.separator=+ --formatter-property print.headers=true
kafka-console-consumer --topic {t} --partition 0 --offset 0 --max-messages 2 --formatter-property print.value=false --formatter-property print.headers=true --formatter-property headers.separator=+
kafka-console-consumer --topic {t} --partition 0 --offset 0 --max-messages 2 --formatter-property print.value=false
kafka-console-consumer --topic {t} --partition 0 --offset 2 --max-messages 1 --formatter-property value.deserializer=org.apache.kafka.common.serialization.LongDeserializer
kafka-console-consumer --topic {t} --partition 0 --offset 2 --max-messages 1 --value-deserializer org.apache.kafka.common.serialization.DoubleDeserializer
kafka-console-consumer --topic {t} --partition 0 --offset 2 --max-messages 1 --value-deserializer org.apache.kafka.common.serialization.BytesDeserializer --key-deserializer org.apache.kafka.common.serialization.ShortDeserializer --formatter-property print.key=true
kafka-console-consumer --topic {t} --partition 0 --offset 0 --max-messages 3 --value-deserializer org.apache.kafka.common.serialization.LongDeserializer
kafka-console-consumer --topic {t} --partition 0 --offset 0 --max-messages 3 --value-deserializer org.apache.kafka.common.serialization.LongDeserializer --skip-message-on-error
kafka-console-consumer --topic {t} --partition 0 --offset 0 --max-messages 1 --value-deserializer no.such.Deserializer
kafka-console-consumer --topic {t} --partition 0 --offset 2 --max-messages 1 --value-deserializer org.apache.kafka.common.serialization.StringDeserializer --formatter-property value.deserializer.deserializer.encoding=UTF-16
kafka-console-consumer --topic {t} --partition 0 --offset 2 --max-messages 1 --key-deserializer org.apache.kafka.common.serialization.StringDeserializer --formatter-property key.deserializer.key.deserializer.encoding=UTF-16LE --formatter-property print.key=true
kafka-console-consumer --topic {t} --partition 0 --offset 2 --max-messages 1 --value-deserializer org.apache.kafka.common.serialization.StringDeserializer --formatter-property value.deserializer.encoding=UTF-16
kafka-console-consumer --topic {t} --partition 0 --offset 2 --max-messages 1 --value-deserializer org.apache.kafka.common.serialization.StringDeserializer --formatter-property value.deserializer.deserializer.encoding=nonsense
kafka-console-consumer --topic {t} --partition 0 --offset 1 --max-messages 1 --formatter-property headers.deserializer=org.apache.kafka.common.serialization.StringDeserializer --formatter-property headers.deserializer.deserializer.encoding=UTF-16 --formatter-property print.headers=true
kafka-console-consumer --topic {t} --partition 0 --offset 0 --max-messages 1 --value-deserializer org.apache.kafka.common.serialization.VoidDeserializer
kafka-console-consumer --topic {t} --partition 0 --offset 0 --max-messages 1 --value-deserializer org.apache.kafka.common.serialization.ListDeserializer
kafka-console-consumer --topic {t} --partition 0 --offset 0 --max-messages 1 --value-deserializer org.apache.kafka.common.serialization.ListDeserializer --formatter-property value.deserializer.default.list.value.serde.type=java.util.ArrayList --formatter-property value.deserializer.default.list.value.serde.inner=org.apache.kafka.common.serialization.Serdes$StringSerde
kafka-console-consumer --topic {t} --partition 0 --offset 0 --max-messages 1 --value-deserializer org.apache.kafka.common.serialization.IntegerDeserializer
kafka-console-consumer --topic {t} --partition 0 --offset 0 --max-messages 1 --value-deserializer org.apache.kafka.common.serialization.FloatDeserializer
kafka-console-consumer --topic {t} --partition 0 --offset 0 --max-messages 1 --value-deserializer org.apache.kafka.common.serialization.ByteBufferDeserializer
kafka-console-consumer --topic {t} --partition 0 --offset 0 --max-messages 1 --value-deserializer org.apache.kafka.common.serialization.BooleanDeserializer
kafka-console-consumer --topic {t} --partition 0 --offset 0 --max-messages 1 --value-deserializer org.apache.kafka.common.serialization.UUIDDeserializer
kafka-console-consumer --topic {t} --partition 0 --offset 4 --max-messages 1 --value-deserializer org.apache.kafka.common.serialization.StringDeserializer
kafka-console-consumer --topic {t} --partition 0 --timeout-ms 500
kafka-console-consumer --topic {t} --partition 0 --offset 999 --timeout-ms 500
kafka-console-consumer --topic {t} --partition 9 --offset 0 --timeout-ms 500
kafka-console-consumer --topic {t} --max-messages 0
kafka-console-consumer --topic {t} --group {g} --from-beginning --max-messages 2
kafka-console-consumer --topic {t} --group {g} --from-beginning --max-messages 2
kafka-consumer-groups --describe --group {g}
kafka-console-consumer --topic {t} --consumer-property group.id={g} --timeout-ms 8000
kafka-consumer-groups --describe --group {g}
kafka-console-consumer --include {t}..+ --from-beginning --timeout-ms 8000
kafka-console-consumer --include (?i)BESIDE-[a-z&&[^z]]+\\.X --from-beginning --timeout-ms 8000
kafka-console-consumer --include ( --timeout-ms 8000
kafka-console-consumer --include {t}|none --from-beginning --max-messages 1 --isolation-level read_committed
kafka-console-consumer --topic {t} --from-beginning --max-messages 1 --enable-systest-events
kafka-console-consumer --topic {t} --from-beginning --max-messages 2 --formatter org.apache.kafka.tools.consumer.NoOpMessageFormatter
kafka-console-consumer --topic {t} --from-beginning --max-messages 2 --formatter org.apache.kafka.tools.consumer.LoggingMessageFormatter
kafka-console-consumer --topic {t} --partition 0 --offset 0 --max-messages 2 --formatter org.apache.kafka.tools.consumer.OffsetsMessageFormatter --skip-message-on-error
kafka-console-consumer --topic {t} --formatter no.such.Formatter
kafka-console-consumer --topic {t} --consumer-property max.poll.records=1 --consumer.config /dev/null --from-beginning --max-messages 3
kafka-console-consumer --topic {t} --consumer-property a=b --command-property c=d
kafka-console-consumer --topic {t} --property a=b --formatter-property c=d
kafka-console-consumer --topic {t} --group {g} --command-property group.id=other
kafka-console-consumer --topic {t} --group {g} --partition 0
kafka-console-consumer --topic {t} --partition 0 --offset x
kafka-console-consumer --topic {t} --partition 0 --offset 1 --from-beginning
kafka-console-consumer --topic {t} --offset 1
kafka-console-consumer --topic {t} --include x
kafka-console-consumer --include x --partition 0
kafka-console-consumer --topic {t} --from-beginning --command-property auto.offset.reset=latest
kafka-console-consumer --topic {t} --command-property auto.offset.reset=none --timeout-ms 8000
kafka-console-consumer --topic {t} --isolation-level no
kafka-console-consumer --topic bad/name --timeout-ms 3000
kafka-console-consumer
kafka-topics --delete --topic {t}
kafka-topics --delete --topic {t}.x
kafka-consumer-groups --delete --group {g}
"""),
    "records": (True, """
kafka-topics --create --topic {t} --partitions 1
kafka-producer-perf-test --topic {t} --num-records 200 --record-size 50 --throughput -1
kafka-producer-perf-test --topic {t} --num-records 200 --payload-monotonic --throughput 2000 --warmup-records 50
kafka-producer-perf-test --topic {t} --num-records 20 --payload-file {dir}/loads --payload-delimiter , --throughput -1
kafka-producer-perf-test --topic {t} --num-records 20 --payload-file /no/such/file --throughput -1
kafka-producer-perf-test --topic {t} --num-records 20 --record-size 5 --throughput -1 --producer-props acks=1 linger.ms=2
kafka-producer-perf-test --topic {t} --num-records 20 --record-size 5 --throughput -1 --producer.config /dev/null
kafka-producer-perf-test --topic {t} --num-records 20 --record-size 5 --throughput -1 --producer-props acks
kafka-producer-perf-test --topic {t} --num-records 20 --record-size 5 --throughput x
kafka-producer-perf-test --topic {t} --num-records 20 --record-size 0 --throughput -1
kafka-producer-perf-test --topic {t} --num-records 0 --record-size 5 --throughput -1
kafka-producer-perf-test --topic {t} --num-records 20 --throughput -1
kafka-producer-perf-test --topic {t} --num-records 20 --record-size 5 --payload-monotonic --throughput -1
kafka-producer-perf-test --topic {t} --num-records 20 --record-size 5 --throughput -1 --warmup-records 20
kafka-consumer-perf-test --topic {t} --num-records 400
kafka-consumer-perf-test --topic {t} --num-records 400 --hide-header --consumer.config /dev/null
kafka-consumer-perf-test --topic {t} --messages 400 --fetch-size 100000 --timeout 30000
kafka-consumer-perf-test --topic {t} --num-records 100000 --timeout 9000
kafka-consumer-perf-test --topic {t}
kafka-consumer-perf-test --topic {t} --messages 1 --num-records 1
kafka-consumer-perf-test --topic {t} --include x --num-records 1
kafka-consumer-perf-test --topic {t} --num-records x
kafka-consumer-perf-test --topic {t} --messages x
kafka-consumer-perf-test --topic {t} --num-records 1 --date-format Q
kafka-consumer-perf-test --topic {t} --num-records x --hide-header --show-detailed-stats
kafka-consumer-perf-test --topic {t} --num-records 1 --reporting-interval 0
kafka-consumer-perf-test --topic {t} --num-records 1 --reporting-interval x --show-detailed-stats
kafka-consumer-perf-test --topic {t} --num-records 1 --no-such
kafka-topics --create --topic {t}.v --partitions 1
kafka-verifiable-producer --topic {t}.v --max-messages 5 --value-prefix 3 --repeating-keys 2
kafka-verifiable-producer --topic {t}.v --max-messages 2 --acks 0 --throughput 100 --producer.config /dev/null
kafka-verifiable-producer --topic {t}.v --max-messages 3 --repeating-keys 0
kafka-verifiable-producer --topic {t}.v --max-messages 2 --repeating-keys -1
kafka-verifiable-producer --topic {t}.v --max-messages 2 --repeating-keys x
kafka-verifiable-producer --topic {t}.v --max-messages 2 --acks 7
kafka-verifiable-consumer --topic {t}.v --group-id {g} --max-messages 3 --verbose
kafka-verifiable-consumer --topic {t}.v --group-id {g} --max-messages 4 --enable-autocommit --consumer.config /dev/null
kafka-consumer-groups --describe --group {g}
kafka-verifiable-consumer --topic {t}.v
kafka-topics --delete --topic {t}
kafka-topics --delete --topic {t}.v
"""),
    "cluster": (True, """
kafka-cluster cluster-id
kafka-cluster list-endpoints
kafka-cluster list-endpoints --include-fenced-brokers
kafka-cluster unregister
kafka-cluster unregister --id 77
kafka-cluster
kafka-features describe
kafka-features upgrade --feature metadata.version=99
kafka-features upgrade --feature no.such=1
kafka-features upgrade --feature group.version=1 --dry-run
kafka-features downgrade --feature share.version=0 --dry-run
kafka-features disable --feature share.version --dry-run
kafka-features upgrade
kafka-features upgrade --feature metadata.version
kafka-features upgrade --release-version 4.3-IV0 --dry-run
kafka-features upgrade --release-version 9.9
kafka-features upgrade --metadata 4.3 --dry-run
kafka-features version-mapping
kafka-features version-mapping --release-version 3.9
kafka-features version-mapping --release-version nonsense
kafka-features feature-dependencies --feature metadata.version=25 --feature group.version=1
kafka-features feature-dependencies --feature no.such=1
kafka-features feature-dependencies
kafka-metadata-quorum describe --status
kafka-metadata-quorum describe --replication
kafka-metadata-quorum describe
kafka-metadata-quorum describe --status --replication
kafka-metadata-quorum add-controller
kafka-metadata-quorum remove-controller
kafka-metadata-quorum remove-controller --controller-id 1 --controller-directory-id AAAAAAAAAAAAAAAAAAAAAQ --dry-run
kafka-metadata-quorum remove-controller --controller-id 1 --controller-directory-id AAAAAAAAAAAAAAAAAAAAAQ
kafka-metadata-quorum remove-controller --controller-id 1 --controller-directory-id x
kafka-metadata-quorum remove-controller --controller-id -1 --controller-directory-id AAAAAAAAAAAAAAAAAAAAAQ
kafka-broker-api-versions
"""),
}


# of a group that has a member, which is Apache Kafka's
LIVE = (False, """
kafka-consumer-groups --describe --group beside-live
kafka-consumer-groups --describe --group beside-live --verbose
kafka-consumer-groups --describe --group beside-live --members
kafka-consumer-groups --describe --group beside-live --members --verbose
kafka-consumer-groups --describe --group beside-live --state
kafka-consumer-groups --describe --group beside-live --state --verbose
kafka-consumer-groups --describe --group beside-live --offsets --verbose
kafka-consumer-groups --list --state --type
kafka-consumer-groups --list --state stable
kafka-consumer-groups --reset-offsets --group beside-live --topic beside-live --to-earliest --execute
kafka-consumer-groups --delete-offsets --group beside-live --topic beside-live
kafka-consumer-groups --delete --group beside-live
kafka-groups --list
""")


def live(driver):
    """A console consumer as the group's member."""
    side = Side(driver, "ottla", ottla_tool)
    side.run("kafka-topics --create --topic beside-live --partitions 3")
    member = subprocess.Popen(kafka_tool("kafka-console-consumer") + [
        "--bootstrap-server", driver.bootstrap, "--topic", "beside-live", "--group", "beside-live"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        def is_there():
            return "Stable" in side.run("kafka-consumer-groups --describe --group beside-live --state")[0]

        harness.wait_for("the member", is_there, every_s=0.5)
        return compare(driver, "live")
    finally:
        member.terminate()
        member.wait()


def compare(driver, name):
    ordered, steps = LIVE if name == "live" else TOOLS[name]
    order = str.splitlines if ordered else in_any_order
    theirs, ours = Side(driver, "kafka", kafka_tool), Side(driver, "ottla", ottla_tool)
    wrong = []
    for step in steps.strip().splitlines():
        want, got = theirs.run(step), ours.run(step)
        if (order(want[0]), want[1]) != (order(got[0]), got[1]):
            wrong.append(step)
            print("%s\n  Apache Kafka (%d): %s\n  ottla (%d): %s%s" % (
                step, want[1], want[0], got[1], got[0], got[2]), flush=True)
    check(not wrong, "\n".join(wrong))
    return "%d lines" % len(steps.strip().splitlines())


def values_of(text):
    """JSON values with nothing between them, in no order."""
    values, decoder, text = [], json.JSONDecoder(), text.replace(":TIME", ':"TIME"')
    while text:
        value, end = decoder.raw_decode(text)
        values.append(json.dumps(value))
        text = text[end:]
    return sorted(values)


def internal_topics(driver):
    """Formatters of __consumer_offsets: both print the same records in the same words."""
    theirs, ours = Side(driver, "kafka", kafka_tool), Side(driver, "ottla", ottla_tool)
    for step in ("kafka-topics --create --topic {t}", "kafka-console-producer --topic {t} <<< a\\nb\\n",
                 "kafka-console-consumer --topic {t} --group {g} --from-beginning --max-messages 1",
                 "kafka-consumer-groups --reset-offsets --group {g} --topic {t} --to-latest --execute",
                 "kafka-consumer-groups --delete-offsets --group {g} --topic {t}", "kafka-topics --delete --topic {t}"):
        for side in (theirs, ours):
            out, status, said = side.run(step)
            check(status == 0, step, out, said)
    counts = []
    for formatter in ("OffsetsMessageFormatter", "GroupMetadataMessageFormatter", "ShareGroupMessageFormatter",
                      "NoOpMessageFormatter"):
        step = ("kafka-console-consumer --topic __consumer_offsets --from-beginning --timeout-ms 15000 --command-property "
                "enable.auto.commit=false --group reads-%s --formatter org.apache.kafka.tools.consumer." + formatter)
        # A reader's own membership is in the topic, too: who reads second would see more.
        want, got = ([v for v in values_of(side.run(step % side.names["g"])[0]) if "reads-" not in v]
                     for side in (theirs, ours))
        check(want == got, formatter, "\n", "\n".join(sorted(set(want) ^ set(got))))
        counts.append(len(want))
    check(counts[0] >= 4 and counts[1] >= 4, "too few records:", counts)
    return "%d records" % sum(counts)


def scenes(driver):
    only = os.environ.get("BESIDE", "").split()
    all_of_them = [(name, lambda name=name: compare(driver, name)) for name in TOOLS]
    all_of_them.append(("live", lambda: live(driver)))
    all_of_them.append(("internal-topics", lambda: internal_topics(driver)))
    return [(name, run) for name, run in all_of_them if not only or name in only]
