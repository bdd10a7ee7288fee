"""embed.py OUT NAME=FILE...: a C header with each file as a string literal."""

import sys


def literal(text):
    lines = text.replace("\\", "\\\\").replace('"', '\\"').splitlines()
    return "\n".join('    "%s\\n"' % line for line in lines)


def main(out, *pairs):
    with open(out, "w") as f:
        for name, path in (p.split("=", 1) for p in pairs):
            with open(path) as text:
                f.write("static const char %s[] =\n%s;\n" % (name, literal(text.read())))


if __name__ == "__main__":
    main(*sys.argv[1:])
