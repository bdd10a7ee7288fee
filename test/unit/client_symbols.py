"""client_symbols.py LIBOTTLA.SO LIBOTTLA.A: both define every function of the public headers, and no other name."""
import pathlib
import re
import subprocess
import sys

HEADERS = pathlib.Path(__file__).resolve().parents[2] / "include" / "ottla"
DECLARED = re.compile(r"OTTLA_API\b[^;(]*?\b(ottla_\w+)\(")


def defined(library, *flags):
    out = subprocess.run(["nm", "-P", "--defined-only", "--extern-only", *flags, library], capture_output=True,
                         text=True, check=True).stdout
    return {line.split()[0].partition("@")[0] for line in out.splitlines() if len(line.split()) > 2}


def main(shared, static):
    declared = {name for path in HEADERS.glob("*.h") for name in DECLARED.findall(path.read_text())}
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
