"""The rows of the benchmark, one class each. To add one: a class with `lines` and what it measures, and its place here."""

from rows.base import Line  # noqa: F401
from rows.groups import Groups
from rows.life import IdleAll, IdleConns, Partitions, Restart, Start
from rows.load import Calls, Compressed, Consume, Produce, Requests, Synced
from rows.stream import Beside, Delay, FanOut

ROWS = {row.name: row for row in (Produce, Requests, Synced, Consume, FanOut, Beside, Delay, Compressed, Partitions,
                                  IdleConns, Groups, Start, Restart, Calls, IdleAll)}
QUICK = ("P1", "P2", "P5", "P15")
