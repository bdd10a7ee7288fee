"""After a kill the broker scans what lies beyond the recovery point, once: the next start, however soon it
ends this one, must not scan it again."""

import os
import unittest

import harness
import records
from apicase import ApiCase


class RecoveryPoint(ApiCase):
    def stored(self, name):
        path = os.path.join(self.broker.dir, "recovery-point-offset-checkpoint")
        if not os.path.exists(path):
            return None
        with open(path) as f:
            rows = [line.split() for line in f.read().splitlines()[2:]]
        return next((int(r[2]) for r in rows if r[0] == name), None)

    def test_what_was_recovered_is_not_recovered_again(self):
        name = self.topic()
        self.create(name)
        for _ in range(5):
            self.write(name, [b"x" * 100] * 10)
        self.start_again(self.broker.kill)
        harness.wait_for("the recovery point", lambda: self.stored(name) == 50, timeout_s=30)
        self.assertEqual(len(self.read(name)), 50)
        self.assertEqual(records.batches(self.fetch(name, 0)["records"])[0].base_offset, 0)


if __name__ == "__main__":
    unittest.main()
