"""Where ottla answers otherwise than Apache Kafka on purpose, and why. A row is a part of the label, a part
of the field's path, and the reason; both parts must be there."""

EXPECTED = (
    ("", "[flush.before.ack]", "a topic setting of ours: acks=all means synced"),
    # what Kafka does not foresee ends there as UNKNOWN_SERVER_ERROR; we say what is wrong
    ("create_partitions: too many", "", "the same condition in CreateTopics is a POLICY_VIOLATION"),
    ("create_partitions: most", "", "the same"),
    ("metadata: neither", "", "no name and no id: an unknown id"),
    ("bad name ''", "", "a name like any other bad one"),
    ("produce_batches: codec", "errorCode", "UNSUPPORTED_COMPRESSION_TYPE"),
    ("of garbage", "errorCode", "INVALID_RECORD"),
    ("zstd before v7, Produce v7", "errorCode", "zstd garbage again"),
    ("length too large", "errorCode", "INVALID_RECORD"),
    ("gzip, wrong delta", "", "Kafka means to put it right as we do, and fails at that"),
    ("max bytes -1", "", "as 0"),
    ("isolation 2", "", "as 0"),
    ("isolation -1", "", "as 0"),
    ("produce_batches: null, Produce", "", "Kafka never answers"),
    # duplicates: Kafka keeps one of them in a map; we do what is asked, as often as it is asked
    ("Produce", "partition twice", "each is appended"),
    ("partition twice", "", "each is answered"),
    ("topic twice", "", "each is appended"),
    ("no partition", "", "the topic is named without partitions, as it was asked for"),
    ("alter_resources: twice, Alter", "", "Kafka never answers"),
    # settings
    ("describe_brokers: all of one", "[log.flush.before.ack]", "a broker setting of ours"),
    ("describe_brokers: all of one", "[producer.id.expiration.check.interval.ms]", "Kafka does not tell of it"),
    ("describe_brokers: all of one", "[socket.send.buffer.bytes]", "the kernel chooses, unless it is set"),
    ("describe_topics: documentation", "documentation", "in our own words"),
    ("describe_brokers: type", "errorMessage", "a sentence that says what is wrong"),
    ("long unknown", "error", "what Kafka says of it is too long for its own answer; we cut ours"),
    ("longest value", "error", "the same"),
    (", too long", "error", "the same"),
    ("long level", "error", "the same"),
    ("long name", "error", "the same"),
    ("'yyyy", "error", "the same"),
    ("operation 4", "error", "Kafka fails; we say what is wrong"),
    ("operation -1", "error", "the same"),
    ("operation 127", "error", "the same"),
    ("operation 9", "error", "the same, before other errors"),
    (" fixed, ", "errorMessage", "Kafka's order is that of a hash table"),
    ("log.cleaner.threads=0", "error", "Kafka divides by zero"),
    ("num.io.threads=1", "error", "Kafka doubles or halves its threads at most; ours do not change"),
    ("listeners=x", "error", "listeners are looked at when the broker starts"),
    ("throttled.rate", "error", "no setting of ours, so kept as any unknown one"),
    ("per.ip.overrides=junk", "error", "the same"),
    ("remote.log.storage.system", "error", "the same"),
    ("match=client_id=[", "error", "Java's expressions are not checked"),
    # our own words, where Kafka has none or others
    ("Produce v", "rrorMessage", "a sentence helps"),
    ("restarts: after a kill, again, producers", "", "Kafka forgets who wrote a moment ago if the records' times are old"),
    ("frames: HTTP", "", "we speak HTTP here"),
    # other machinery
    ("transactional without a transaction", "errorCode", "there is no transaction coordinator yet"),
    ("producer_ids: ", "", "Kafka's first block of producer ids is not there at once"),
    ("trailing zeros", "errorCode", "a second batch all the same"),
    ("again-cut, at -3", "", "Kafka finds a record below the start of the log"),
    ("fetches: replica state", "currentLeader", "a replica that there is not is told no leader"),
    ("fetches: replica state", "nodeEndpoints", "the same"),
    ("metrics match=client_id=[", "", "expressions are looked at by who matches with them"),
    ("alter_loggers: operation", "", "as for other resources"),
    ("features: kraft.version=", "", "Kafka was started with static voters, ottla without"),
    ("quorum: metadata", "", "other logs, other voters"),
    ("tag twice", "", "malformed"),
    ("tags descend", "", "malformed"),
    ("name not UTF-8", "", "given back as it came"),
)


def is_expected(label, path, _kafka, _ottla):
    return any(in_label in label and in_path in path for in_label, in_path, _why in EXPECTED)
