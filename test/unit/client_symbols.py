"""client_symbols.py LIB.SO LIB.A [PREFIX]: the libraries define every function of the public headers whose name begins
so, and no other name. libottla's are those that are not libottla-test's."""
import pathlib
import re
import subprocess
import sys

HEADERS = pathlib.Path(__file__).resolve().parents[2] / "include" / "ottla"
DECLARED = re.compile(r"OTTLA_API\b[^;(]*?\b(ottla_\w+)\(")
OTHERS = "ottla_test_"


def defined(library, *flags):
    out = subprocess.run(["nm", "-P", "--defined-only", "--extern-only", *flags, library], capture_output=True,
                         text=True, check=True).stdout
    return {line.split()[0].partition("@")[0] for line in out.splitlines() if len(line.split()) > 2}


def main(shared, static, prefix=""):
    declared = {name for path in HEADERS.glob("*.h") for name in DECLARED.findall(path.read_text())}
    declared = {name for name in declared if name.startswith(prefix or OTHERS) == bool(prefix)}
    bad = []
    for library, flags in ((shared, ["-D"]), (static, [])):
        # a sanitizer's own
        names = {name for name in defined(library, *flags) if not re.match(r"_*(asan|ubsan|tsan|sancov)", name)}
        bad += [f"{library} shows {name}" for name in sorted(names - declared)]
        bad += [f"{library} lacks {name}" for name in sorted(declared - names)]
    print("\n".join(bad) or f"{len(declared)} functions")
    return bool(bad) or not declared


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
