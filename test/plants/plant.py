"""What a plant is: words of sources that become others, and the test that must fail then."""

SEEDS = 520  # as many as the tests run without a plant


class By:
    """Who finds it: a program of the build with the plant in it, run once for each list of arguments until it fails; of a
    program with several tests, which one it is that has to."""

    def __init__(self, target, runs=((),), case="", env=None):
        self.target, self.runs, self.case, self.env = target, [list(r) for r in runs], case, env or {}

    def __str__(self):
        words = [k + "=" + v for k, v in self.env.items()] + [self.target] + self.runs[0]
        return " ".join(words + ([self.case] if self.case else []))


def sim(seed=0):
    """The simulator. A seed that saw it once is tried first: those before it take up to two minutes."""
    return By("test/sim/sim", ([[str(seed), "1"]] if seed else []) + [["1", str(SEEDS)]])


def crash(seed):
    """The log by itself on a disk that forgets."""
    return By("test/crash/test_crash", env={"OTTLA_CRASH_SEED": str(seed)})


def unit(program, case):
    """A test of a cmocka program; this very one must fail."""
    return By("test/unit/test_" + program, case=case)


class Plant:
    def __init__(self, what, changes, by=None):
        self.what, self.changes, self.by = what, changes, by or sim()
