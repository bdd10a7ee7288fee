"""client_calls.py TEST.c: the test makes every call of the public headers that takes a client, or what was made of one."""
import pathlib
import re
import sys

HEADERS = pathlib.Path(__file__).resolve().parents[2] / "include" / "ottla"
# Records belong to nobody once they are there.
TAKES = re.compile(r"OTTLA_API\b[^;(]*?\b(ottla_\w+)\(\s*(?:const )?struct ottla_(?:client|producer|consumer|future) \*")


def main(test):
    calls = {name for path in HEADERS.glob("*.h") for name in TAKES.findall(path.read_text())}
    made = set(re.findall(r"\b(ottla_\w+)\(", pathlib.Path(test).read_text()))
    print("\n".join(f"{test} does not call {name}" for name in sorted(calls - made)) or f"{len(calls)} calls")
    return not calls or not calls <= made


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
