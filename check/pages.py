#!/usr/bin/env python3
"""The pages of doc/ that are made of tables: compat.md from def/api.def, def/wire and the tests, config.md from
def/config.def, client-config.md from def/client.def. Without an argument it checks that they are fresh, with --write it makes them."""
import pathlib
import re
import sys

ROW = re.compile(r"^([A-Z]\w*)\((.*?)\)$", re.M | re.S)
TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|,|[^,"\s]+(?:\s*\|\s*[^,"\s]+)*')
PROVES = re.compile(r"\bProves: ([A-Z][A-Z_, \n#*]*[A-Z])")
MESSAGE = re.compile(r"^request (\d+) (\w+)Request (\d+)(?:-(\d+))?", re.M)
MADE = "<!-- made by ./dev gen; do not edit -->\n"
TYPED_BY = ("meta/config.c", "meta/settings.c")  # they touch every field, and use none
HIDDEN = "internal."  # settings that are for tests


def strip_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def split_args(text):
    """The arguments of a macro row; strings without quotes, neighbouring strings joined."""
    args, current = [], []
    for token in TOKEN.finditer(text):
        if token.group(0) == ",":
            args.append("".join(current))
            current = []
        else:
            current.append(token.group(1) if token.group(1) is not None else token.group(0))
    return args + ["".join(current)]


def rows(text, *macros):
    """[(macro, [arguments])] of the rows of an X-macro table"""
    return [(macro, split_args(args)) for macro, args in ROW.findall(strip_comments(text)) if macro in macros]


def table(head, body):
    lines = [head, ["---"] * len(head)] + body
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


def span(low, high):
    return str(low) if low == high else f"{low}–{high}"


# --- compat.md ---

def kafka_apis(texts):
    """{key: (name, first version, last version)} of the schemas"""
    found = {}
    for text in texts:
        for key, name, low, high in MESSAGE.findall(text):
            found[int(key)] = (name, int(low), int(high or low))
    return found


def upper_name(name):
    """ListOffsets -> LIST_OFFSETS"""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()


def served_apis(text):
    """{NAME: (first version, last version)}"""
    return {args[0]: (int(args[2]), int(args[3])) for _, args in rows(text, "X")}


def proofs(files):
    """{NAME: [file]} from the lines "Proves: PRODUCE, FETCH" of tests"""
    found = {}
    for name, text in files:
        for names in PROVES.findall(text):
            for api in re.findall(r"[A-Z_]{3,}", names):
                found.setdefault(api, []).append(name)
    return found


def compat_page(kafka, served, proved):
    here, missing = [], []
    for name, low, high in sorted(kafka.values()):
        key = next(k for k, row in kafka.items() if row[0] == name)
        ours = served.get(upper_name(name))
        if ours:
            tests = ", ".join(f"[{pathlib.Path(t).stem}](../{t})" for t in sorted(set(proved.get(upper_name(name), []))))
            here.append([name, str(key), span(low, high), span(*ours), tests])
        else:
            missing.append([name, str(key), span(low, high)])
    return (f"{MADE}# Compatibility\n\n"
            f"ottla serves {len(here)} of the {len(kafka)} APIs of Apache Kafka 4.3. ApiVersions lists what is served and nothing\n"
            "else, so that a client knows. Every message of every API, served or not, is encoded and decoded in all its\n"
            "versions and compared with Apache Kafka's own bytes (`test/golden`).\n\n"
            "## Served\n\n" + table(["API", "key", "Apache Kafka 4.3", "ottla", "proved by"], here) +
            "\n## Not served\n\n" + table(["API", "key", "Apache Kafka 4.3"], missing))


def compat_faults(kafka, served, proved):
    known = {upper_name(name) for name, _, _ in kafka.values()}
    for name in served:
        if name not in known:
            yield f"def/api.def: {name} is no API of def/wire"
    for name, files in proved.items():
        if name not in served:
            yield f"{files[0]}: proves {name}, which is not served"


# --- config.md ---

def settings(text):
    """[(macro, name, field, kind, default, low, high, allowed, synonyms or mode, doc)]"""
    return [(macro, *args) for macro, args in rows(text, "TOPIC", "BROKER")]


def is_used(name, field, sources):
    """By its typed field, or by name where it may change at any time or its text counts."""
    return any(re.search(rf"(\.|->){field}\b", text) or f'STR("{name}")' in text for text in sources)


def broker_names(synonyms):
    return [part.split("*")[0] for part in synonyms.split()]


def default_text(default):
    return "" if default == "NULL" else "(empty)" if default == "" else f"`{default}`"


def heard_settings(all_rows, sources):
    """{name: whether anything reads it}"""
    heard = {row[1]: is_used(row[1], row[2], sources) for row in all_rows}
    for row in all_rows:  # a topic's setting that is heard makes its broker default heard
        if row[0] == "TOPIC" and heard[row[1]]:
            heard.update({name: True for name in broker_names(row[8])})
    return heard


def unheard_table(all_rows, heard):
    return ("/* Made by ./dev gen from def/config.def and the sources: settings of the broker that are accepted and\n"
            " * that nothing reads yet. X(\"name\") */\n" +
            "".join(f'X("{row[1]}")\n' for row in all_rows if row[0] == "BROKER" and not heard[row[1]]))


def config_page(all_rows, heard):
    parts = [f"{MADE}# Settings\n\n"
             "Names, types, defaults and meanings are Apache Kafka's. All are accepted and reported; those that **nothing reads\n"
             "yet** are listed by name at the end of their table: they may be set, and change nothing.\n"]
    for macro, title in (("BROKER", "Of the broker"), ("TOPIC", "Of a topic")):
        shown = [row for row in all_rows if row[0] == macro and not row[1].startswith(HIDDEN)]
        parts.append(f"## {title}\n\n" + table(["name", "default", "what it does"], [
            [f"`{name}`", default_text(default), doc] for _, name, _, _, default, _, _, _, _, doc in shown if heard[name]]))
        silent = ", ".join(f"`{row[1]}`" for row in shown if not heard[row[1]])
        if silent:
            parts.append(f"Nothing reads yet: {silent}.\n")
    return "\n".join(parts)


# --- client-config.md ---

def family(name):
    return f"`{name}*`" if name.endswith(".") else f"`{name}`"


def foreign_table(text, macro):
    return table(["name", "instead"], [[family(name), doc] for _, (name, doc) in rows(text, macro)])


def client_page(text, foreign):
    defaults = {args[0]: args[3] for _, args in rows(text, "X")}
    return (f"{MADE}# Settings of the client library\n\nNames and meanings are those of Apache Kafka's clients. What has another "
            "default, what they have and this library\nhas not, and what librdkafka calls otherwise is below.\n\n" +
            table(["name", "default", "what it does"], [
                [f"`{name}`", default_text(default), doc + ("" if allowed == "NULL" else f" One of {allowed}.")]
                for _, (name, _, _, default, _, _, allowed, doc) in rows(text, "X")]) +
            "\n## Other defaults than Java's\n\n" +
            "A producer's and a consumer's are meant; its administration client closes idle connections sooner.\n\n" +
            table(["name", "Java", "here", "why"], [
                [f"`{name}`", default_text(java), default_text(defaults[name]), doc]
                for _, (name, java, doc) in rows(foreign, "OTHER")]) +
            "\n## Java's that are not here\n\n" +
            "`ottla_config_load` passes them over, `ottla_config_set` refuses them with these words.\n\n" +
            foreign_table(foreign, "JAVA") +
            "\n## librdkafka's\n\n`ottla_config_set` refuses them with these words.\n\n" + foreign_table(foreign, "RDKAFKA"))


# --- all ---

def read_all(paths):
    return [path.read_text() for path in sorted(paths)]


def make(root):
    """({page: text}, [fault])"""
    kafka = kafka_apis(read_all((root / "def/wire").glob("*.msg")))
    served = served_apis((root / "def/api.def").read_text())
    tests = [path for path in (root / "test").rglob("*") if path.suffix in (".c", ".py")]
    proved = proofs((str(path.relative_to(root)), path.read_text()) for path in tests)
    sources = [path.read_text() for path in (root / "src").rglob("*.c")
               if path.relative_to(root / "src").as_posix() not in TYPED_BY and "client" not in path.relative_to(root / "src").parts]
    all_rows = settings((root / "def/config.def").read_text())
    heard = heard_settings(all_rows, sources)
    pages = {"doc/compat.md": compat_page(kafka, served, proved),
             "doc/config.md": config_page(all_rows, heard),
             "doc/client-config.md": client_page((root / "def/client.def").read_text(), (root / "def/foreign.def").read_text()),
             "def/unheard.def": unheard_table(all_rows, heard)}
    for name in sorted(served.keys() - proved.keys()):
        print(f"note: no test says \"Proves: {name}\"")
    return pages, list(compat_faults(kafka, served, proved))


def main(args):
    root = pathlib.Path(__file__).resolve().parent.parent
    pages, found = make(root)
    for name, text in pages.items():
        path = root / name
        if args == ["--write"]:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            found.append(f"{name} is stale: ./dev gen")
    for fault in found:
        print(fault)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
