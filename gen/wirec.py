#!/usr/bin/env python3
"""Compiles def/wire to C: wirec.py [--depfile OUT.d] OUT.h OUT.c FOLDER

OUT.h gets a struct for each message and nested type, OUT.c the tables that the interpreter of
src/wire walks. Naming rules: src/wire/wire.h.
"""

import argparse
import sys
from pathlib import Path
from typing import List

import schema
from schema import FIXED, Field, Message, Struct, Versions, camel, snake

C_TYPES = {
    "bool": "bool", "int8": "int8_t", "int16": "int16_t", "int32": "int32_t", "int64": "int64_t",
    "uint16": "uint16_t", "uint32": "uint32_t", "float64": "double", "uuid": "struct uuid",
    "string": "struct str", "bytes": "struct bytes", "records": "struct wire_records",
}
KEYWORDS = set("""auto bool break case char const continue default do double else enum extern float
for goto if inline int long register restrict return short signed sizeof static struct switch
typedef union unsigned void volatile while""".split())
# tables by number: kind -> (C name of the table, prefix of its enum or None)
TABLES = {
    "request": ("wire_requests", None),
    "response": ("wire_responses", None),
    "metadata": ("wire_metadata_records", "METADATA"),
    "group-key": ("wire_group_keys", "GROUP_LOG"),
    "group-value": ("wire_group_values", None),
    "txn-key": ("wire_txn_keys", "TXN_LOG"),
    "txn-value": ("wire_txn_values", None),
    "share-key": ("wire_share_keys", "SHARE_LOG"),
    "share-value": ("wire_share_values", None),
    "remote-log": ("wire_remote_log_records", "REMOTE_LOG"),
}


def c_name(m: Message) -> str:
    """produce_req, topic_record, request_header"""
    base = snake(m.base_name)
    return base + {"request": "_req", "response": "_resp"}.get(m.kind, "")


def member(f: Field) -> str:
    name = snake(f.name)
    return name + "_" if name in KEYWORDS else name


class Names:
    """C names of the structs of one message."""

    def __init__(self, m: Message):
        self.message = c_name(m)

    def struct(self, s: Struct, m: Message) -> str:
        return self.message if s is m.root else f"{self.message}_{snake(s.name)}"


def all_structs(m: Message) -> List[Struct]:
    """Inner before outer."""
    return list(m.structs.values()) + [m.root]


def versions_text(v: Versions, m: Message) -> str:
    if v.covers(m.versions):
        return ""
    return f"{v.lo}+" if v.hi >= m.versions.hi else str(v.lo) if v.lo == v.hi else f"{v.lo}-{v.hi}"


def c_type(f: Field, m: Message) -> str:
    return f"struct {Names(m).struct(f.struct, m)}" if f.struct else C_TYPES[f.type]


def comment(f: Field, m: Message) -> str:
    words = [versions_text(f.versions, m)]
    if f.tag is not None:
        words.append(f"tag {f.tag}")
    if not f.nullable.empty:
        words.append("or null")
    if f.default is not None and f.default != "null":
        words.append(f"default {f.default}")
    text = ", ".join(w for w in words if w)
    return f" /* {text} */" if text else ""


def emit_struct(s: Struct, m: Message) -> List[str]:
    out = [f"struct {Names(m).struct(s, m)} {{"]
    for f in s.fields:
        star = "*" if f.is_array or f.is_pointer else ""
        out.append(f"    {c_type(f, m)} {star}{member(f)};{comment(f, m)}")
        if f.is_array:
            out.append(f"    int32_t {member(f)}_count;")
    if not s.fields:
        out.append("    char empty; /* C wants a member */")
    return out + ["};"]


def check_members(s: Struct, m: Message):
    seen = set()
    for f in s.fields:
        for n in [member(f)] + ([member(f) + "_count"] if f.is_array else []):
            if n in seen:
                raise schema.SchemaError(f"{f.where}: two C members '{n}'")
            seen.add(n)


def enum(name: str, prefix: str, messages: List[Message], cut: str) -> List[str]:
    rows = []
    for m in messages:
        base = m.base_name[: -len(cut)] if cut and m.base_name.endswith(cut) else m.base_name
        rows.append(f"    {prefix}_{snake(base).upper()} = {m.id},")
    return [f"enum {name} {{", *rows, "};", ""]


def of_kind(messages: List[Message], kind: str) -> List[Message]:
    return [m for m in messages if m.kind == kind]


def header(messages: List[Message]) -> str:
    out = ["/* Made by gen/wirec.py from def/wire: do not edit. */",
           "#ifndef WIRE_MESSAGES_H", "#define WIRE_MESSAGES_H", "",
           '#include "wire/wire.h"', ""]
    requests = of_kind(messages, "request")
    out += enum("api_key", "API", requests, "")
    out += [f"#define API_KEY_COUNT {max((m.id for m in requests), default=-1) + 1}", ""]
    for kind, cut in [("metadata", "Record"), ("group-key", "Key"), ("txn-key", "Key"),
                      ("share-key", "Key"), ("remote-log", "Record")]:
        prefix = TABLES[kind][1]
        if of_kind(messages, kind):
            out += enum(prefix.lower() + "_type", prefix, of_kind(messages, kind), cut)
    seen = {}
    for m in messages:
        if not m.is_spoken:
            continue
        out.append(f"/* --- {m.name} {versions_text_all(m)} --- */")
        for s in all_structs(m):
            name = Names(m).struct(s, m)
            if name in seen:
                raise schema.SchemaError(f"{m.where}: struct {name} is also in {seen[name]}")
            seen[name] = m.where
            check_members(s, m)
            out += emit_struct(s, m) + [f"extern const struct {name} {name}_default;"]
        out += [f"extern const struct wire_msg wire_{c_name(m)};", ""]
    return "\n".join(out + ["#endif", ""])


def versions_text_all(m: Message) -> str:
    return str(m.versions.lo) if m.versions.lo == m.versions.hi else \
        f"{m.versions.lo}-{m.versions.hi}"


# --- tables ---


def int_literal(f: Field) -> str:
    n = f.number
    return "INT64_MIN" if n == -(2**63) else f"INT64_C({n})"


def initializer(f: Field, m: Message) -> str:
    """The C value of the default; empty when it is all zeros."""
    if f.is_array:
        return f".{member(f)}_count = -1" if f.default_null else ""
    if f.is_pointer:
        name = Names(m).struct(f.struct, m)
        return "" if f.default_null else f".{member(f)} = (struct {name} *)&{name}_default"
    if f.struct:
        return f".{member(f)} = {{{struct_initializer(f.struct, m)}}}"
    if f.type == "string" and not f.default_null:
        return f'.{member(f)} = {{"", 0}}'
    if f.type == "bytes" and not f.default_null:
        return f'.{member(f)} = {{(const uint8_t *)"", 0}}'
    if f.type in FIXED and f.number:
        return f".{member(f)} = ({C_TYPES[f.type]}){int_literal(f)}"
    return ""


def struct_initializer(s: Struct, m: Message) -> str:
    return ", ".join(x for x in (initializer(f, m) for f in s.fields) if x) or "0"


def field_min_bytes(f: Field, m: Message, v: int) -> int:
    if v not in f.versions or f.tag is not None:
        return 0
    flex = v in m.flexible and not f.rigid
    if f.is_array:
        return 1 if flex else 4
    if f.is_pointer:
        return 1 if v in f.nullable else struct_min_bytes(f.struct, m, v)
    if f.struct:
        return struct_min_bytes(f.struct, m, v)
    if f.type in FIXED:
        return FIXED[f.type]
    return 1 if flex else 2 if f.type == "string" else 4


def struct_min_bytes(s: Struct, m: Message, v: int) -> int:
    return sum(field_min_bytes(f, m, v) for f in s.fields) + (v in m.flexible)


def min_bytes(s: Struct, m: Message) -> int:
    """The fewest bytes that the struct takes in any version that has it; at least 1."""
    used = [v for v in range(m.versions.lo, m.versions.hi + 1)
            if any(v in f.versions for f in s.fields)]
    return max([1, min([struct_min_bytes(s, m, v) for v in used], default=1)])


def field_flags(f: Field) -> str:
    flags = []
    if f.is_array:
        flags.append("WF_ARRAY")
    if f.is_pointer:
        flags.append("WF_POINTER")
    if f.default_null:
        flags.append("WF_DEFAULT_NULL")
    if f.ignorable:
        flags.append("WF_IGNORABLE")
    if f.rigid:
        flags.append("WF_RIGID")
    return " | ".join(flags) or "0"


def field_row(f: Field, s_name: str, m: Message) -> str:
    parts = [f'.name = "{camel(f.name)}"', f".type = WT_{(f.type if not f.struct else 'struct').upper()}",
             f".off = offsetof(struct {s_name}, {member(f)})"]
    if f.is_array:
        parts.append(f".count_off = offsetof(struct {s_name}, {member(f)}_count)")
    if f.struct:
        parts.append(f".sub = &{Names(m).struct(f.struct, m)}_type")
    parts.append(f".flags = {field_flags(f)}")
    parts.append(f".lo = {f.versions.lo}, .hi = {f.versions.hi}")
    parts.append(f".null_lo = {f.nullable.lo}, .null_hi = {f.nullable.hi}")
    parts.append(f".tag = {-1 if f.tag is None else f.tag}")
    if not f.is_array and f.type in FIXED and f.number:
        parts.append(f".def = {int_literal(f)}")
    return "    {" + ", ".join(parts) + "},"


def emit_tables(s: Struct, m: Message) -> List[str]:
    name = Names(m).struct(s, m)
    out = [f"const struct {name} {name}_default = {{{struct_initializer(s, m)}}};"]
    if s.fields:
        out += [f"static const struct wire_field {name}_fields[] = {{",
                *(field_row(f, name, m) for f in s.fields), "};"]
    fields = f"{name}_fields" if s.fields else "NULL"
    tags = sum(f.tag is not None for f in s.fields)
    out += [f"static const struct wire_type {name}_type = {{",
            f"    .fields = {fields}, .field_count = {len(s.fields)}, .tagged_count = {tags},",
            f"    .size = sizeof(struct {name}), .min_bytes = {min_bytes(s, m)},",
            f"    .defaults = &{name}_default,", "};"]
    return out


def emit_message(m: Message) -> List[str]:
    out = [f"/* --- {m.name} --- */"]
    for s in all_structs(m):
        out += emit_tables(s, m)
    name = c_name(m)
    return out + [f"const struct wire_msg wire_{name} = {{",
                  f'    .name = "{m.name}", .type = &{name}_type,',
                  f"    .lo = {m.versions.lo}, .hi = {m.versions.hi},",
                  f"    .flex_lo = {m.flexible.lo}, .flex_hi = {m.flexible.hi},", "};", ""]


def emit_numbered(kind: str, messages: List[Message]) -> List[str]:
    name = TABLES[kind][0]
    rows = [f"    [{m.id}] = &wire_{c_name(m)}," for m in of_kind(messages, kind) if m.is_spoken]
    return [f"static const struct wire_msg *const {name}_rows[] = {{", *rows, "};",
            f"const struct wire_table {name} = {{{name}_rows, ARRAY_LEN({name}_rows)}};", ""]


def source(messages: List[Message]) -> str:
    out = ["/* Made by gen/wirec.py from def/wire: do not edit. */",
           '#include "wire/messages.h"', '#include "wire/desc.h"', "", "#include <stddef.h>", ""]
    spoken = [m for m in messages if m.is_spoken]
    for m in spoken:
        out += emit_message(m)
    for kind in TABLES:
        if of_kind(spoken, kind):
            out += emit_numbered(kind, messages)
    rows = [f"    &wire_{c_name(m)}," for m in spoken]
    out += ["static const struct wire_msg *const wire_all_rows[] = {", *rows, "};",
            "const struct wire_table wire_all = {wire_all_rows, ARRAY_LEN(wire_all_rows)};", ""]
    return "\n".join(out)


def write(path: str, text: str):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def depfile(outputs: List[str], folder: str) -> str:
    """For ninja: the schemas, and the folder itself for those that come and go."""
    inputs = [Path(folder), *sorted(Path(folder).glob("*.msg")), Path(__file__),
              Path(schema.__file__)]
    return " ".join(outputs) + ": " + " ".join(str(p).replace(" ", "\\ ") for p in inputs) + "\n"


def main(argv: List[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--depfile")
    parser.add_argument("header")
    parser.add_argument("source")
    parser.add_argument("folder")
    args = parser.parse_args(argv)
    try:
        messages = schema.load_dir(args.folder)
        texts = header(messages), source(messages)
    except schema.SchemaError as e:
        print(f"wirec: {e}", file=sys.stderr)
        return 1
    write(args.header, texts[0])
    write(args.source, texts[1])
    if args.depfile:
        write(args.depfile, depfile([args.header, args.source], args.folder))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
