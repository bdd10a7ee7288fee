"""A topic that is deleted and made again under its name: nothing that the checkpoints still say of the old one
touches the new one, whatever happens to the broker meanwhile."""

import os
import unittest

from apicase import NONE, ApiCase


class Recreated(ApiCase):
    def delete_records(self, name, offset):
        r = self.c.call("DeleteRecords", 2, {"timeoutMs": 30000, "topics": [
            {"name": name, "partitions": [{"partitionIndex": 0, "offset": offset}]}]})
        self.assertEqual(r["topics"][0]["partitions"][0]["errorCode"], NONE, r)

    def delete(self, name):
        r = self.c.call("DeleteTopics", 6, {"topics": [{"name": name}], "timeoutMs": 30000})
        self.assertEqual(r["responses"][0]["errorCode"], NONE, r)

    def checkpoint(self, name):
        return os.path.join(self.broker.dir, name + "-checkpoint")

    def has_row(self, name):
        with open(self.checkpoint("log-start-offset")) as f:
            return any(line.split()[0] == name for line in f.readlines()[2:])

    def test_a_new_topic_keeps_its_records_through_a_kill(self):
        name = self.topic()
        self.create(name)
        self.write(name, [b"old"] * 10)
        self.delete_records(name, 10)
        self.start_again(self.broker.stop)
        self.assertTrue(self.has_row(name))
        old = {f: open(self.checkpoint(f), "rb").read() for f in ("log-start-offset", "recovery-point-offset")}
        times = {f: os.stat(self.checkpoint(f)) for f in old}
        self.delete(name)
        self.create(name)
        self.write(name, [b"new"] * 3)
        self.broker.kill()
        for f, text in old.items():  # as if no checkpoint had been written since
            with open(self.checkpoint(f), "wb") as out:
                out.write(text)
            os.utime(self.checkpoint(f), ns=(times[f].st_mtime_ns, times[f].st_mtime_ns))
        self.start_again(lambda: None)
        self.assertEqual([r.value for r in self.read(name)], [b"new"] * 3)
        self.assertEqual(self.offset_at(name, -2)["offset"], 0)
        self.assertEqual(self.write(name, [b"newer"]), 3)

    def test_a_start_that_was_stored_stays(self):
        name = self.topic()
        self.create(name)
        self.write(name, [b"value"] * 10)
        self.delete_records(name, 7)
        self.start_again(self.broker.stop)
        self.assertTrue(self.has_row(name))
        self.start_again(self.broker.kill)
        self.assertEqual(self.offset_at(name, -2)["offset"], 7)

    def test_a_start_stays_though_its_checkpoint_seems_older_than_the_topic(self):
        """The clock was set back, or the directory is a copy whose files were given other times."""
        name = self.topic()
        self.create(name)
        self.write(name, [b"value"] * 10)
        self.delete_records(name, 7)
        for end in (self.broker.stop, self.broker.kill):
            end()
            made = os.stat(os.path.join(self.broker.dir, name + "-0", "partition.metadata")).st_mtime
            for f in ("log-start-offset", "recovery-point-offset"):
                os.utime(self.checkpoint(f), (made - 3600, made - 3600))
            self.start_again(lambda: None)
            self.assertEqual(self.offset_at(name, -2)["offset"], 7)
            self.assertEqual(len(self.read(name, 7)), 3)


if __name__ == "__main__":
    unittest.main()
