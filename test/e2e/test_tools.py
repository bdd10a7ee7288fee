"""The command-line tools on a broker, as people and scripts use them: text as Apache Kafka's, JSON, statuses.

That the text is Apache Kafka's is compared by ./dev interop --scenes tools-beside; here are the scenes of a first day."""

import json
import os
import shutil
import subprocess
import unittest

import harness

OTTLA = harness.ottla()


class Tools(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.broker = harness.broker(overrides={"offsets.topic.num.partitions": 2}).__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.broker.stop()

    def tool(self, name, *words, status=0):
        done = subprocess.run([OTTLA, name, "--bootstrap-server", self.broker.bootstrap, *map(str, words)],
                              capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual(done.returncode, status, (name, words, done.stdout, done.stderr))
        self.said = done.stderr
        return done.stdout

    def json(self, name, *words):
        return json.loads(self.tool(name, "--format", "json", *words))

    def make(self, topic, partitions=1):
        self.assertEqual(self.tool("topics", "--create", "--topic", topic, "--partitions", partitions),
                         "Created topic %s.\n" % topic)
        if harness.IS_KAFKA:  # says so before its leaders lead; who asks them for ends is told when they do
            self.tool("get-offsets", "--topic", topic)

    # -- topics

    def test_a_topic_with_three_partitions_is_created_and_described(self):
        self.make("first", 3)
        lines = self.tool("topics", "--describe", "--topic", "first").splitlines()
        self.assertRegex(lines[0], r"^Topic: first\tTopicId: [\w-]{22}\tPartitionCount: 3\tReplicationFactor: 1\t"
                                   r"Configs: ")
        self.assertEqual(lines[1:], ["\tTopic: first\tPartition: %d\tLeader: 1\tReplicas: 1\tIsr: 1\tElr: \t"
                                     "LastKnownElr: " % i for i in range(3)])
        doc = self.json("topics", "--describe", "--topic", "first")
        self.assertEqual([p["partition"] for p in doc[0]["partitions"]], [0, 1, 2])
        out = self.tool("topics", "--create", "--topic", "first", status=1)
        self.assertEqual(out, "Error while executing topic command : Topic 'first' already exists.\n")
        self.tool("topics", "--create", "--topic", "first", "--if-not-exists")

    def test_partitions_can_be_added_but_not_taken_away(self):
        self.make("grows", 3)
        self.tool("topics", "--alter", "--topic", "grows", "--partitions", 5)
        self.assertEqual(self.json("topics", "--describe", "--topic", "grows")[0]["partition_count"], 5)
        out = self.tool("topics", "--alter", "--topic", "grows", "--partitions", 2, status=1)
        self.assertEqual(out, "Error while executing topic command : The topic grows currently has 5 partition(s); "
                              "2 would not be an increase.\n")
        self.assertEqual(self.json("topics", "--describe", "--topic", "grows")[0]["partition_count"], 5)

    def test_topics_are_found_by_patterns_and_deleted(self):
        for name in ("find-1", "find-2", "find-x"):
            self.make(name)
        self.assertEqual(self.tool("topics", "--list", "--topic", r"find-\d"), "find-1\nfind-2\n")
        self.assertEqual(self.tool("topics", "--list", "--topic", "find-1,find-x"), "find-1\nfind-x\n")
        self.tool("topics", "--delete", "--topic", "find-[12]")
        self.assertEqual(self.tool("topics", "--list", "--topic", "find.*"), "find-x\n")
        self.tool("topics", "--delete", "--topic", "find-1", status=1)
        self.tool("topics", "--delete", "--topic", "find-1", "--if-exists")

    def test_mistakes_are_explained(self):
        self.tool("topics", "--lst", status=1)
        self.assertIn("Did you mean list?", self.said)
        self.tool("topics", "--list", "--create", "--topic", "x", status=1)
        self.assertIn("exactly one action", self.said)
        self.tool("configs", "--describe", "--entity-type", "topic", status=1)
        self.assertIn("Did you mean topics?", self.said)
        self.tool("cluster", "cluster-ip", status=1)
        self.assertIn("Did you mean cluster-id?", self.said)
        done = subprocess.run([OTTLA, "topcs"], capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("Did you mean topics?", done.stderr)
        done = subprocess.run([OTTLA, "topics", "--list", "--bootstrap-server", "nonsense"], capture_output=True,
                              text=True, timeout=30, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("nonsense", done.stderr)

    def test_a_file_of_settings_is_read_by_all_its_names(self):
        for words in (("cluster", "cluster-id", "--config"), ("cluster", "cluster-id", "--command-config"),
                      ("leader-election", "--election-type", "preferred", "--all-topic-partitions", "--admin.config")):
            self.tool(*words, "/there/is/no/such.properties", status=1)
            self.assertIn("no such file", self.said)

    def test_help_and_the_names_of_scripts(self):
        for name in ("topics", "configs", "consumer-groups", "get-offsets", "delete-records", "log-dirs", "cluster",
                     "leader-election", "reassign-partitions", "features", "metadata-quorum", "broker-api-versions",
                     "groups", "client-metrics"):
            self.assertIn("--bootstrap-server", subprocess.check_output([OTTLA, name, "--help"], text=True))
            for script in ("kafka-" + name, "kafka-" + name + ".sh"):
                link = os.path.join(harness.Dirs.new("links"), script)
                os.symlink(OTTLA, link)
                self.assertIn("ottla " + name, subprocess.check_output([link, "--help"], text=True))

    # -- profiles and completion

    def run_with(self, env, *words):
        return subprocess.run([OTTLA, *words], capture_output=True, text=True, timeout=30, check=False,
                              env={"PATH": os.environ["PATH"], **env})

    def test_every_tool_speaks_json(self):
        self.make("spoken", 2)
        files = harness.Dirs.new("json")

        def file(name, doc):
            path = os.path.join(files, name)
            with open(path, "w") as f:
                json.dump(doc, f)
            return path

        produced = subprocess.run([OTTLA, "produce", "-b", self.broker.bootstrap, "spoken"], input="a\nb\n",
                                  capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual(produced.returncode, 0, produced.stderr)
        part = {"topic": "spoken", "partition": 0}
        reset = ("--reset-offsets", "--group", "speakers", "--topic", "spoken", "--to-earliest")
        for words in (
                ("topics --list",), ("topics --describe",), ("topics --alter --topic spoken --partitions 3",),
                ("console-consumer --topic spoken --from-beginning --group speakers --max-messages 2",),
                ("configs --describe --entity-type brokers --entity-name 1",),
                ("configs --alter --entity-type topics --entity-name spoken --add-config retention.ms=100000",),
                ("consumer-groups --list",), ("consumer-groups --describe --all-groups",),
                ("consumer-groups --describe --all-groups --members --verbose",),
                ("consumer-groups --describe --all-groups --state",),
                ("consumer-groups", *reset, "--dry-run"), ("consumer-groups", *reset, "--execute"),
                ("consumer-groups --delete-offsets --group speakers --topic spoken",),
                ("consumer-groups --delete --group speakers",), ("groups --list",), ("client-metrics --list",),
                ("get-offsets --topic spoken",), ("broker-api-versions",), ("log-dirs --describe",),
                ("delete-records --offset-json-file", file("delete", {"version": 1, "partitions": [dict(part, offset=0)]})),
                ("cluster cluster-id",), ("cluster list-endpoints",), ("features describe",),
                ("metadata-quorum describe --status",), ("metadata-quorum describe --replication",),
                ("leader-election --election-type preferred --all-topic-partitions",),
                ("reassign-partitions --list",),
                ("reassign-partitions --execute --reassignment-json-file",
                 file("plan", {"version": 1, "partitions": [dict(part, replicas=[1])]})),
                ("producer-perf-test --topic spoken --num-records 10 --record-size 9 --throughput -1",),
                ("consumer-perf-test --topic spoken --num-records 5",),
                ("topics --delete --topic spoken",)):
            words = words[0].split() + list(words[1:])
            out = self.tool(words[0], "--format", "json", *words[1:])
            self.assertTrue([json.loads(line) for line in out.splitlines()], words)

    def test_a_profile_says_where_the_cluster_is(self):
        home = harness.Dirs.new("home")
        os.makedirs(os.path.join(home, "ottla"))
        for name, servers in (("here", self.broker.bootstrap), ("nowhere", "127.0.0.1:1")):
            with open(os.path.join(home, "ottla", name + ".properties"), "w") as f:
                f.write("bootstrap.servers=%s\n" % servers)
        env = {"XDG_CONFIG_HOME": home}
        self.assertEqual(self.run_with(env, "profiles").stdout, "here\nnowhere\n")
        want = self.tool("cluster", "cluster-id")
        for words in (("--profile", "here", "cluster", "cluster-id"), ("cluster", "cluster-id", "--profile", "here"),
                      ("--profile", "nowhere", "cluster", "cluster-id", "--bootstrap-server", self.broker.bootstrap)):
            done = self.run_with(env, *words)
            self.assertEqual((done.returncode, done.stdout), (0, want), (words, done.stderr))
        done = self.run_with({"OTTLA_PROFILE": "here", **env}, "cluster", "cluster-id")
        self.assertEqual(done.stdout, want)
        done = self.run_with(env, "cluster", "cluster-id", "--profile", "her")
        self.assertEqual(done.returncode, 1)
        self.assertIn("Did you mean here?", done.stderr)
        self.assertEqual(self.run_with(env, "cluster", "cluster-id", "--profile", "../ottla/here").returncode, 1)
        done = self.run_with(env, "cluster", "cluster-id")
        self.assertEqual(done.returncode, 1)
        self.assertIn('Missing required argument "[bootstrap-server]"', done.stderr)
        os.rename(os.path.join(home, "ottla", "here.properties"), os.path.join(home, "ottla", "default.properties"))
        self.assertEqual(self.run_with(env, "cluster", "cluster-id").stdout, want)
        done = self.run_with({"HOME": "/nonexistent"}, "profiles")
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_bash_completes_commands_options_and_names(self):
        self.make("completed-1")
        self.make("completed-2")
        script = 'source <("$OTTLA" completion bash); COMP_LINE=$1 COMP_POINT=${#1}; _ottla; printf "%s\\n" "${COMPREPLY[@]}"'

        def complete(line):
            done = subprocess.run(["bash", "-c", script, "bash", line.replace("ottla", OTTLA, 1)], text=True, timeout=30,
                                  capture_output=True, check=True, env={**os.environ, "OTTLA": OTTLA})
            self.assertEqual(done.stderr, "")
            return done.stdout.split()

        at = "--bootstrap-server " + self.broker.bootstrap
        self.assertEqual(complete("ottla top"), ["topics"])
        self.assertEqual(complete("ottla topics --des"), ["--describe"])
        self.assertEqual(complete("ottla --profile x topics --des"), ["--describe"])
        self.assertEqual(complete("ottla topics --describe %s --topic completed-" % at), ["completed-1", "completed-2"])
        self.assertEqual(complete("ottla cluster clu"), ["cluster-id"])
        self.assertEqual(complete("ottla topics --format "), ["text", "json", "yaml"])
        self.assertEqual(complete("ottla consume -b %s completed-" % self.broker.bootstrap), ["completed-1", "completed-2"])
        self.assertEqual(complete("ottla dump-log --deep"), ["--deep-iteration"])
        self.assertEqual(complete("ottla topics --describe --bootstrap-server 127.0.0.1:1 --topic c"), [])
        self.assertEqual(self.run_with({}, "completion", "bahs").returncode, 1)

    def complete_by(self, *argv, last=""):
        done = subprocess.run(argv, text=True, timeout=30, capture_output=True, check=True, env={
            **os.environ, "HOME": harness.Dirs.new("home"), "OTTLA": OTTLA,
            "PATH": os.path.dirname(os.path.abspath(OTTLA)) + ":" + os.environ["PATH"]})
        self.assertEqual(done.stderr, "")
        return sorted(x for x in (line.split("\t")[0] for line in done.stdout.splitlines()) if x.startswith(last))

    def completes(self, complete):
        """What every shell must offer; complete gets the words of a line."""
        at = ["--bootstrap-server", self.broker.bootstrap]
        self.assertEqual(complete("ottla", "top"), ["topics"])
        self.assertEqual(complete("ottla", "topics", "--des"), ["--describe"])
        self.assertEqual(complete("ottla", "--profile", "x", "topics", "--des"), ["--describe"])
        self.assertEqual(complete("ottla", "topics", "--describe", *at, "--topic", "shell-"), ["shell-1", "shell-2"])
        self.assertEqual(complete("ottla", "consume", "-b", self.broker.bootstrap, "shell-"), ["shell-1", "shell-2"])
        self.assertEqual(complete("ottla", "consumer-groups", "--describe", *at, "--group", "shell-"), ["shell-g"])
        self.assertEqual(complete("ottla", "topics", "--format", ""), ["json", "text", "yaml"])
        self.assertEqual(complete("ottla", "cluster", "clu"), ["cluster-id"])

    def make_for_shells(self):
        if "shell-1" not in self.tool("topics", "--list").split():
            self.make("shell-1")
            self.make("shell-2")
        self.tool("consumer-groups", "--reset-offsets", "--group", "shell-g", "--topic", "shell-1", "--to-earliest", "--execute")

    @unittest.skipUnless(shutil.which("zsh"), "zsh is not here")
    def test_zsh_completes_as_bash_does(self):
        """Its function, with zsh's own part, which wants a terminal, replaced by one that prints."""
        script = '''
            compadd() { if [[ $1 == -a ]]; then print -rl -- ${(P)2}; else [[ $1 == -- ]] && shift; print -rl -- "$@"; fi }
            compdef() { }
            _files() { }
            eval "$($OTTLA completion zsh)"
            words=("$@") CURRENT=$#
            _ottla'''
        self.make_for_shells()
        self.completes(lambda *words: self.complete_by("zsh", "-f", "-c", script, "zsh", *words, last=words[-1]))

    @unittest.skipUnless(shutil.which("fish"), "fish is not here")
    def test_fish_completes_as_bash_does(self):
        script = "ottla completion fish | source; complete -C $argv[1]"
        self.make_for_shells()
        self.completes(lambda *words: self.complete_by("fish", "-c", script, " ".join(words), last=words[-1]))

    # -- configs

    def test_settings_are_changed_shown_and_taken_back(self):
        self.make("set")
        out = self.tool("configs", "--alter", "--topic", "set", "--add-config",
                        "retention.ms=1000,cleanup.policy=[compact,delete]")
        self.assertEqual(out, "Completed updating config for topic set.\n")
        out = self.tool("configs", "--describe", "--entity-type", "topics", "--entity-name", "set")
        self.assertIn("Dynamic configs for topic set are:\n  cleanup.policy=compact,delete sensitive=false synonyms={"
                      "DYNAMIC_TOPIC_CONFIG:cleanup.policy=compact,delete, DEFAULT_CONFIG:log.cleanup.policy=delete}\n",
                      out)
        self.tool("configs", "--alter", "--topic", "set", "--delete-config", "retention.ms,cleanup.policy")
        doc = self.json("configs", "--describe", "--topic", "set")
        self.assertEqual([e["name"] for e in doc[0]["configs"] if e["name"] in ("retention.ms", "cleanup.policy")], [])
        path = os.path.join(harness.Dirs.new("conf"), "set.properties")
        with open(path, "w") as f:
            f.write("# from a file\nretention.ms : 5000\n")
        self.tool("configs", "--alter", "--topic", "set", "--add-config-file", path)
        doc = self.json("configs", "--describe", "--topic", "set", "--all")
        self.assertEqual({e["name"]: e["value"] for e in doc[0]["configs"]}["retention.ms"], "5000")
        self.tool("configs", "--alter", "--topic", "set", "--add-config", "retention.ms=x", status=1)
        self.assertIn("retention.ms", self.said)

    def test_subscriptions_to_metrics_are_made_shown_and_deleted(self):
        self.tool("client-metrics", "--alter", "--name", "cm", "--interval", 5000, "--metrics", "a.,b.", "--match",
                  "client_id=x.*")
        self.assertEqual(self.json("client-metrics", "--describe"), [
            {"name": "cm", "configs": {"interval.ms": "5000", "match": "client_id=x.*", "metrics": "a.,b."}}])
        self.assertIn("cm", self.json("client-metrics", "--list"))
        out = self.tool("client-metrics", "--alter", "--name", "cm", "--interval", 1, status=1)
        self.assertIn("Error while executing client metrics command : Invalid value 1 for interval.ms", out)
        self.tool("client-metrics", "--delete", "--name", "cm")
        self.assertEqual(self.tool("client-metrics", "--describe", "--name", "cm"),
                         "The client metric resource cm doesn't exist and doesn't have dynamic config.\n")
        made = self.json("client-metrics", "--alter", "--generate-name", "--interval", 1000)
        self.tool("client-metrics", "--delete", "--name", made["name"])

    def test_plans_are_proposed_carried_out_and_verified(self):
        self.make("planned", 2)
        d = harness.Dirs.new("plans")
        with open(os.path.join(d, "topics.json"), "w") as f:
            f.write('{"topics": [{"topic": "planned"}]}')
        plan = self.json("reassign-partitions", "--generate", "--topics-to-move-json-file",
                         os.path.join(d, "topics.json"), "--broker-list", 1)
        dirs = [self.broker.dir]
        self.assertEqual([p["log_dirs"] for p in plan["current"]["partitions"]], [dirs, dirs])
        self.assertEqual([p["replicas"] for p in plan["proposed"]["partitions"]], [[1], [1]])
        with open(os.path.join(d, "plan.json"), "w") as f:
            json.dump(plan["proposed"], f)
        where = ("--reassignment-json-file", os.path.join(d, "plan.json"))
        done = self.json("reassign-partitions", "--execute", *where, "--throttle", 5000)
        self.assertEqual([p["partition"] for p in done["started"]], [0, 1])
        shown = self.json("configs", "--describe", "--topic", "planned")[0]["configs"]
        self.assertEqual({e["name"]: e["value"] for e in shown}["leader.replication.throttled.replicas"], "0:1,1:1")
        done = self.json("reassign-partitions", "--verify", *where)
        self.assertEqual([p["state"] for p in done["partitions"]], ["completed", "completed"])
        self.assertEqual(self.json("configs", "--describe", "--topic", "planned")[0]["configs"], [])

    def test_a_controller_is_named_by_its_own_settings(self):
        d = harness.Dirs.new("joins")
        path = os.path.join(d, "server.properties")
        with open(os.path.join(d, "meta.properties"), "w") as f:
            f.write("version=1\nnode.id=7\ndirectory.id=" + "A" * 21 + "Q\n")
        text = ("node.id=7\nprocess.roles=controller\nlog.dirs=%s\ncontroller.listener.names=C\n"
                "listeners=C://127.0.0.1:9099\n" % d)
        with open(path, "w") as f:
            f.write(text)
        add = ("metadata-quorum", "--command-config", path, "add-controller")
        self.assertEqual(self.tool(*add, "--dry-run"), "DRY RUN of adding controller 7 with directory id %sQ and "
                                                       "endpoints: C://127.0.0.1:9099\n" % ("A" * 21))
        self.tool(*add, status=1)
        if not harness.IS_KAFKA:
            self.assertIn("takes no other controllers", self.said)
        for broken in (text.replace("node.id=7", ""), text.replace("=controller", "=broker"),
                       text.replace("9099", "x"), text.replace(d, d + "/none"), text.replace("names=C", "names=D")):
            with open(path, "w") as f:
                f.write(broken)
            self.tool(*add, "--dry-run", status=1)

    # -- groups

    def test_offsets_of_a_group_go_anywhere(self):
        self.make("moved", 2)
        for p in range(2):
            harness.run("kcat", "-b", self.broker.bootstrap, "-P", "-t", "moved", "-p", str(p),
                        input=b"".join(b"%d\n" % i for i in range(10)))
        where = ("--group", "g", "--topic", "moved")

        def reset(*words):
            rows = self.json("consumer-groups", "--reset-offsets", *where, *words)
            return [r["new_offset"] for r in rows]

        self.assertEqual(reset("--to-offset", 4, "--execute"), [4, 4])
        self.assertEqual(reset("--shift-by", 3, "--dry-run"), [7, 7])
        self.assertEqual(reset("--shift-by", -9, "--dry-run"), [0, 0])
        self.assertEqual(reset("--to-earliest", "--dry-run"), [0, 0])
        self.assertEqual(reset("--to-latest", "--dry-run"), [10, 10])
        self.assertEqual(reset("--to-current", "--dry-run"), [4, 4])
        self.assertEqual(reset("--to-offset", 99, "--dry-run"), [10, 10])
        self.assertEqual(reset("--to-datetime", "2020-01-01T00:00:00.000", "--dry-run"), [0, 0])
        self.assertEqual(reset("--by-duration", "PT1H", "--dry-run"), [0, 0])
        out = self.tool("consumer-groups", "--reset-offsets", *where, "--shift-by", 1, "--export", "--dry-run")
        self.assertEqual(out, "moved,0,5\nmoved,1,5\n\n")
        path = os.path.join(harness.Dirs.new("csv"), "plan.csv")
        with open(path, "w") as f:
            f.write(out)
        rows = self.json("consumer-groups", "--reset-offsets", "--group", "g", "--from-file", path, "--execute")
        self.assertEqual([r["new_offset"] for r in rows], [5, 5])
        lag = self.json("consumer-groups", "--describe", "--group", "g")
        self.assertEqual([(r["current_offset"], r["log_end_offset"], r["lag"]) for r in lag], [(5, 10, 5)] * 2)
        out = self.tool("consumer-groups", "--describe", "--group", "g")
        self.assertIn("GROUP           TOPIC           PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG             "
                      "CONSUMER-ID     HOST            CLIENT-ID\n", out)
        self.assertIn("Successful", self.tool("consumer-groups", "--delete-offsets", "--group", "g", "--topic",
                                              "moved:1"))
        self.assertEqual(len(self.json("consumer-groups", "--describe", "--group", "g")), 1)
        self.assertIn("g", self.tool("consumer-groups", "--list").split())
        self.assertEqual(self.tool("consumer-groups", "--delete", "--group", "g"),
                         "Deletion of requested consumer groups ('g') was successful.\n")
        self.assertNotIn("g", self.tool("consumer-groups", "--list").split())

    # -- the rest

    def test_offsets_and_deleted_records(self):
        self.make("low")
        harness.run("kcat", "-b", self.broker.bootstrap, "-P", "-t", "low", input=b"a\nb\nc\n")
        self.assertEqual(self.tool("get-offsets", "--topic", "low"), "low:0:3\n")
        path = os.path.join(harness.Dirs.new("json"), "records.json")
        with open(path, "w") as f:
            json.dump({"partitions": [{"topic": "low", "partition": 0, "offset": 2}], "version": 1}, f)
        self.assertEqual(self.tool("delete-records", "--offset-json-file", path),
                         "Executing records delete operation\nRecords delete operation completed:\n"
                         "partition: low-0\tlow_watermark: 2\n")
        self.assertEqual(self.tool("get-offsets", "--topic", "low", "--time", "earliest"), "low:0:2\n")
        self.assertEqual(self.tool("get-offsets", "--topic-partitions", "low:0-1"), "low:0:3\n")
        self.tool("get-offsets", "--topic", "no-such", status=1)

    def test_the_cluster(self):
        self.make("here")
        self.assertRegex(self.tool("cluster", "cluster-id"), r"^Cluster ID: [\w-]{22}\n$")
        self.assertEqual(self.json("cluster", "list-endpoints")[0]["port"], self.broker.port)
        self.assertIn("Feature: metadata.version ", self.tool("features", "describe"))
        self.assertEqual(self.tool("features", "upgrade", "--feature", "metadata.version=99", status=1)[:47],
                         "Could not upgrade metadata.version to 99. The u"[:47])
        self.assertIn("LeaderId:               1\n", self.tool("metadata-quorum", "describe", "--status"))
        self.assertEqual(self.json("metadata-quorum", "describe", "--replication")[0]["status"], "Leader")
        doc = json.loads(self.tool("log-dirs", "--describe", "--topic-list", "here").splitlines()[2])
        self.assertEqual([p["partition"] for d in doc["brokers"][0]["logDirs"] for p in d["partitions"]], ["here-0"])
        self.assertIn("\tProduce(0): ", self.tool("broker-api-versions"))
        self.assertEqual(self.tool("leader-election", "--election-type", "preferred", "--topic", "here",
                                   "--partition", 0), "Valid replica already elected for partitions here-0\n")

    def test_a_partition_is_reassigned_to_where_it_is(self):
        self.make("stays")
        path = os.path.join(harness.Dirs.new("json"), "move.json")

        def plan(replicas):
            with open(path, "w") as f:
                json.dump({"version": 1, "partitions": [{"topic": "stays", "partition": 0, "replicas": replicas}]}, f)
            return "--reassignment-json-file", path

        out = self.tool("reassign-partitions", "--execute", *plan([1]))
        self.assertIn("Successfully started partition reassignment for stays-0\n", out)
        self.assertIn("Reassignment of partition stays-0 is completed.\n",
                      self.tool("reassign-partitions", "--verify", "--preserve-throttles", *plan([1])))
        self.assertEqual(self.tool("reassign-partitions", "--list"), "No partition reassignments found.\n")
        self.assertEqual(self.tool("reassign-partitions", "--execute", *plan([9]), status=1),
                         "Error: Unknown broker id 9\n")


class Nobody(unittest.TestCase):
    """Who mistyped a name sees it at once, and not when the time is over."""

    def first_line(self, server):
        with subprocess.Popen([OTTLA, "topics", "--bootstrap-server", server, "--list"], stderr=subprocess.PIPE,
                              text=True) as tool:
            line = tool.stderr.readline()
            tool.kill()
        return line

    def test_a_name_that_is_none(self):
        self.assertRegex(self.first_line("nobody.invalid:9092"),
                         "^ottla topics: bootstrap.servers has no host that can be looked up: nobody.invalid: .+\n$")

    def test_a_port_where_nobody_listens(self):
        self.assertEqual(self.first_line("127.0.0.1:1"),
                         "ottla topics: 127.0.0.1:1: cannot connect: nobody listens there\n")


class Controllers(unittest.TestCase):
    """--bootstrap-controller: the listener of the controller in the broker."""

    @classmethod
    def setUpClass(cls):
        cls.broker = harness.broker()
        cls.at = "127.0.0.1:%d" % (cls.broker.controller_port if harness.IS_KAFKA else harness.free_port())
        cls.broker.overrides.update({
            "listeners": "PLAINTEXT://%s,CONTROLLER://%s" % (cls.broker.bootstrap, cls.at),
            "controller.listener.names": "CONTROLLER", "process.roles": "broker,controller"})
        cls.broker.start()

    @classmethod
    def tearDownClass(cls):
        cls.broker.stop()

    def tool(self, *words, status=0):
        done = subprocess.run([OTTLA, *map(str, words)], capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual(done.returncode, status, (words, done.stdout, done.stderr))
        return done.stdout if status == 0 else done.stderr

    def test_what_the_controller_answers(self):
        at = ("--bootstrap-controller", self.at)
        self.assertEqual(self.tool("cluster", "cluster-id", *at),
                         self.tool("cluster", "cluster-id", "--bootstrap-server", self.broker.bootstrap))
        rows = json.loads(self.tool("cluster", "list-endpoints", *at, "--format", "json"))
        self.assertEqual([("127.0.0.1:%d" % r["port"], r["endpoint_type"]) for r in rows], [(self.at, "controller")])
        self.assertIn("metadata.version", self.tool("features", *at, "describe"))
        self.assertIn("LeaderId:               1\n", self.tool("metadata-quorum", *at, "describe", "--status"))
        self.tool("configs", *at, "--alter", "--broker", 1, "--add-config", "log.cleaner.threads=2")
        self.assertIn("log.cleaner.threads=2", self.tool("configs", *at, "--describe", "--broker", 1))
        self.assertEqual(self.tool("reassign-partitions", *at, "--list"), "No partition reassignments found.\n")

    def test_one_is_not_taken_for_the_other(self):
        error = self.tool("cluster", "cluster-id", "--bootstrap-controller", self.broker.bootstrap, status=1)
        self.assertIn("an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER", error)
        error = self.tool("cluster", "cluster-id", "--bootstrap-server", self.at, status=1)
        self.assertIn("an endpoint of type CONTROLLER, but we wanted an endpoint of type BROKER", error)
        error = self.tool("cluster", "cluster-id", "--bootstrap-server", self.broker.bootstrap,
                          "--bootstrap-controller", self.at, status=1)
        self.assertIn("Only one of --bootstrap-server or --bootstrap-controller", error)
        error = self.tool("reassign-partitions", "--bootstrap-controller", self.at, "--execute",
                          "--reassignment-json-file", "none", status=1)
        self.assertIn("can't be used with action", error)


if __name__ == "__main__":
    unittest.main()
