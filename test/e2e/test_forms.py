"""`ottla produce` and `ottla consume`: forms, ranges, profiles, and what they share with kcat."""

import json
import os
import shutil
import subprocess
import unittest

import harness
from test_console import Console, OTTLA, WAIT_S


class Forms(Console):
    """produce and consume: format strings, ranges, JSON."""

    def consume(self, *words, **kw):
        return self.tool("consume", *words, **kw)

    def test_ranges_of_offsets(self):
        topic = self.make("ranges")
        self.tool("produce", topic, text="".join("%d\n" % i for i in range(10)))
        for offset, want in (("start:end", range(10)), (":end", range(10)), ("-3:end", range(7, 10)), ("4:6", [4, 5]),
                             ("+8:end", [8, 9]), (":+2", [0, 1]), ("end:end", []), ("7:", [7, 8, 9]),
                             ("@-1h:end", range(10)), ("@2020-01-01:@2020-01-02", []), ("99:end", [])):
            self.assertEqual(self.consume(topic, "-o", offset, "--timeout-ms", 1000).split(), [str(i) for i in want],
                             offset)
        self.assertEqual(self.consume(topic, "-e", "-n", 3), "0\n1\n2\n")
        self.assertEqual(self.consume(topic, "-e", "-n", 0), "")
        self.consume(topic, "-o", "nonsense", status=1)
        self.consume("no-such-topic", "-e", status=1)

    def test_a_range_waits_for_what_is_not_there_yet(self):
        topic = self.make("coming")
        p = subprocess.Popen(self.words("consume", topic, "-o", "1:3"), stdout=subprocess.PIPE)
        for value in "abc":
            self.tool("produce", topic, text=value + "\n")
        self.assertEqual(p.communicate(timeout=WAIT_S)[0], b"b\nc\n")
        self.assertEqual(p.returncode, 0)

    def test_forms_of_records(self):
        topic = self.make("forms", 3)
        self.tool("produce", topic, "-f", "%k=%v %h;", "-H", "all=1", "-p", 2, text="a=1 x=y,z=;b=2 ;")
        out = self.consume(topic, "-e", "-f", r"%t/%p/%o/%e/%i %k(%K) %v(%V) [%h]%H %%\x0a")
        self.assertEqual(out, "forms/2/0/0/1 a(1) 1(1) [all=1,x=y,z=]3 %\nforms/2/1/0/2 b(1) 2(1) [all=1]1 %\n")
        times = self.consume(topic, "-e", "-f", r"%T %d %d{%s} %d{strftime[%F]}\n").splitlines()[0].split()
        self.assertEqual(times[0][:-3], times[2])
        self.assertTrue(times[1].startswith(times[3] + "T") and times[1].endswith("Z"))
        self.assertEqual(self.consume(topic, "-e", "-p", "0,1"), "")
        self.consume(topic, "-f", "%z", status=1)
        self.tool("produce", topic, "-f", "%k:%v\n", text="no separator\n", status=1)
        self.assertIn("record 1: ':' is missing behind %k", self.said)

    def test_json_carries_records_from_topic_to_topic(self):
        one, two = self.make("json-1"), self.make("json-2")
        self.tool("produce", one, "-k", "key", "-H", "h=1", text=b"text\n\xff\x00\n\n")
        self.tool("produce", one, "-Z", text="\n")
        lines = self.consume(one, "-e", "-f", "json")
        self.assertEqual([json.loads(x).get("value_base64") for x in lines.splitlines()], [None, "/wA=", None, None])
        self.assertEqual([json.loads(x).get("value") for x in lines.splitlines()], ["text", None, "", None])
        self.tool("produce", two, "--format", "json", text=lines)
        self.assertEqual(self.consume(two, "-e", "--format", "json").replace("json-2", one), lines)
        self.tool("produce", "--format", "json", text=lines)  # the topic is in it
        self.assertEqual(len(self.consume(one, "-e").splitlines()), 8)
        self.tool("produce", two, "-f", "json", text="[]\n", status=1)

    def test_everything_can_be_yaml(self):
        topic = self.make("yaml")
        self.tool("produce", topic, "-k", "1", "-H", "h", text="a: b\n")
        self.assertRegex(self.consume(topic, "-e", "--format", "yaml"),
                         "^---\ntopic: yaml\npartition: 0\noffset: 0\ntimestamp: \\d+\ntimestamp_type: CreateTime\n"
                         "leader_epoch: 0\nheaders:\n  - name: h\n    value: null\nkey: \"1\"\nvalue: \"a: b\"\n$")
        self.assertIn("\nvalue: \"a: b\"\n", self.partition(topic, "--format", "yaml"))
        self.assertEqual(self.tool("get-offsets", "--topic", topic, "--format", "yaml"),
                         "---\n- topic: yaml\n  partition: 0\n  offset: 1\n")
        self.assertIn("\nrecords: 1\n", self.tool("consumer-perf-test", "--topic", topic, "--num-records", 1, "--format",
                                                  "yaml"))
        self.assertIn("\nrecords: 1\n", self.tool("producer-perf-test", "--topic", topic, "--num-records", 1,
                                                  "--record-size", 1, "--throughput", -1, "--format", "yaml"))
        self.tool("produce", topic, "-f", "yaml", text="a: 1\n", status=1)
        self.tool("topics", "--list", "--format", "xml", status=1)

    def test_what_kcat_says_is_understood(self):
        """Bytes as kcat's own, which is asked where it is installed."""
        topic = self.make("cat")
        self.tool("produce", "-t", topic, "-K:", r"-D|", "-Z", "-Ha", "-Hb=", text="k1:v:1|k2:|:v3|none|")
        when = int(self.consume(topic, "-e", "-c1", "-f", "%T"))
        self.tool("produce", "-t", topic, "-c", 1, text="only\nnot\n")
        rows = ((("-f", r"%t|%p|%o|%k|%K|%s|%S|%h|%%\n"), "cat|0|0|k1|2|v:1|3|a=NULL,b=|%\ncat|0|1|k2|2||-1|a=NULL,b=|%\n"
                 "cat|0|2||-1|v3|2|a=NULL,b=|%\ncat|0|3||-1|none|4|a=NULL,b=|%\ncat|0|4||-1|only|4||%\n"),
                (("-f", "%R"), "\0\0\0\3\udcff\udcff\udcff\udcff\0\0\0\2\0\0\0\4\0\0\0\4"),
                (("-f", r"\x41\n\r\t"), "A\n\r\t" * 5), (("-Z", "-c2", "-f", r"%k=%s\n"), "k1=v:1\nk2=NULL\n"),
                (("-D|", "-K:"), "k1:v:1|k2:|:v3|:none|:only|"), (("-Z", "-K/"), "k1/v:1\nk2/NULL\nNULL/v3\nNULL/none\nNULL/only\n"),
                (("-o", "beginning", "-c", "1"), "v:1\n"), (("-o", "-2"), "none\nonly\n"), (("-o-1",), "only\n"),
                (("-o", "3", "-c1"), "none\n"), (("-o", "end"), ""), (("-o", "s@%d" % (when + 10 ** 6)), ""),
                (("-o", "s@0", "-o", "e@%d" % (when + 10 ** 6), "-c1"), "v:1\n"), (("-o", "e@%d" % when), ""),
                (("-Xfetch.min.bytes=1", "-p0", "-c1"), "v:1\n"), (("-u", "-c1"), "v:1\n"),
                (("-s", "s", "-K:"), None), (("-s", "key=c", "-K:", "-c1"), "k:v:1\n"),
                (("-s", "value=h s", "-c1"), "30266 1\n"), (("-s", ">Hc$", "-c1"), "302661\n"),
                (("-s", "b", "-s", "value=h", "-K/", "-c1"), "107/30266\n"),
                (("-J", "-c1"), '{"topic":"cat","partition":0,"offset":0,"tstype":"create","ts":%d,"broker":1,"headers":["a",null,"b",""],'
                 '"key":"k1","payload":"v:1"}\n' % when),
                (("-J", "-D;", "-K:", "-Z", "-o1", "-c2", "-s", "i"), None), (("-J", "-o4"), None))
        for words, want in rows:
            got = self.consume("-t", topic, "-e", *words)
            if want is not None:
                self.assertEqual(got, want, words)
            if shutil.which("kcat"):
                out = subprocess.run(["kcat", "-b", self.broker.bootstrap, "-C", "-q", "-e", "-t", topic, *words],
                                     stdin=subprocess.DEVNULL, capture_output=True, timeout=WAIT_S, check=True).stdout
                self.assertEqual(out.decode(errors="surrogateescape"), got, words)
        self.assertEqual(self.consume(topic, "-g", "cats", "-o", "stored", "-c1"), "v:1\n")
        self.assertEqual(self.consume(topic, "-g", "cats", "-o", "stored", "-c1"), "\n")
        self.consume(topic, "-o", "stored", status=1)
        self.consume(topic, "-c1", "-n1", status=1)
        self.assertEqual(self.consume(topic, "-e", "-s", "value=<h s", "-c1"), "14966 1\n")  # kcat 1.7.1 knows no <
        for bad in (("-s", "z"), ("-s", "both=i"), ("-s", "i", "--value", "long"), ("-J", "-f", "%s"), ("-s", "i$"), ("-s", "h$")):
            self.consume(topic, "-e", *bad, status=1)

    def test_files_are_sent_as_kcat_sends_them(self):
        """A file a record, or a record a line; what was sent is seen. kcat does the same where it is installed."""
        folder = harness.Dirs.new("files")
        for name, text in (("lines", "a:1\nb\nlast"), ("whole", "x\ny")):
            with open(os.path.join(folder, name), "w") as f:
                f.write(text)
        rows = (("-l lines", "", "a:1|b|last|"), ("-l -T lines", "a:1blast", "a:1|b|last|"), ("lines whole", "", "a:1\nb\nlast|x\ny|"),
                ("-T -K: -l lines", "a:1blast", "a=1|b|last|"), ("-k key -H h=v whole", "", "key=x\ny|"),
                ("-T", "inp", "in|p|"), ("-p -1 -l lines", "", "a:1|b|last|"))
        kcat = ["kcat", "-P", "-b", self.broker.bootstrap] if shutil.which("kcat") else None
        for who, command in (("ours", self.words("produce")), ("kcats", kcat)):
            for i, (words, said, want) in enumerate(rows):
                topic = "files-%s-%d" % (who, i)
                if command is not None:
                    done = subprocess.run(command + ["-t", topic, *words.split()], input=b"in\np", capture_output=True, cwd=folder,
                                          timeout=WAIT_S, check=True)
                    self.assertEqual(done.stdout.decode(), said, (who, words))
                    got = [(r["key"] + "=" if r.get("key") else "") + r["value"] + "|"
                           for r in map(json.loads, self.consume(topic, "-e", "-f", "json").splitlines())]
                    self.assertEqual("".join(got), want, (who, words))
        self.tool("produce", "-t", "files-ours-0", os.path.join(folder, "none"), status=1)
        self.assertIn("No such file", self.said)
        self.tool("produce", "-l", "-t", "files-ours-0", status=1)
        self.tool("produce", "-l", "-t", "files-ours-0", "a", "b", status=1)

    def test_groups_patterns_and_kinds(self):
        topic = self.make("kinds")
        self.tool("produce", topic, text=b"\x00\x00\x00\x07\n\x00\x00\x00\x08\n")
        self.assertEqual(self.consume(topic, "-g", "forms", "-n", 1, "--value", "integer"), "7\n")
        self.assertEqual(self.consume(topic, "-g", "forms", "-n", 1, "--value", "integer"), "8\n")
        self.assertEqual(self.consume("-r", "k.nds", "-e", "--value", "integer"), "7\n8\n")
        self.consume(topic, "-e", "--value", "long", status=1)
        self.assertIn("Size of data received by LongDeserializer is not 8", self.said)
        self.consume(topic, "-g", "forms", "-o", "start", status=1)

    def test_a_profile_says_where_the_cluster_is_and_how_to_speak_to_it(self):
        home = harness.Dirs.new("home")
        os.makedirs(os.path.join(home, "ottla"))
        with open(os.path.join(home, "ottla", "here.properties"), "w") as f:
            f.write("bootstrap.servers=%s\nclient.id=from-the-profile\n" % self.broker.bootstrap)
        env = {"PATH": os.environ["PATH"], "XDG_CONFIG_HOME": home}
        self.make("profiled")
        for words, text in ((("produce", "profiled"), b"x\n"), (("console-producer", "--topic", "profiled"), b"y\n"),
                            (("producer-perf-test", "--topic", "profiled", "--num-records", "1", "--record-size", "3",
                              "--throughput", "-1", "--print-metrics"), b"")):
            done = subprocess.run([OTTLA, "--profile", "here", *words], env=env, input=text, capture_output=True,
                                  timeout=WAIT_S, check=True)
        self.assertIn(b"client-id=from-the-profile}", done.stdout)
        out = subprocess.run([OTTLA, "--profile", "here", "consume", "profiled", "-e"], env=env, capture_output=True,
                             timeout=WAIT_S, check=True).stdout
        self.assertEqual(out.split()[:2], [b"x", b"y"])

    def test_failures_have_a_status(self):
        topic = self.make("fails")
        self.tool("produce", topic, "-v", text="a\n")
        self.assertIn("fails-0: offset 0", self.said)
        self.tool("produce", topic, text="x" * 1_100_000 + "\n", status=1)
        self.tool("produce", text="x\n", status=1)
        self.tool("produce", topic, "-z", "none-such", status=1)


if __name__ == "__main__":
    unittest.main()
