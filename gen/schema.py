"""Reads the message schemas of def/wire (syntax: def/wire/README.md) and checks them.

Used by the C generator (wirec.py) and by the Python codec of the end-to-end tests.
"""

import re
from dataclasses import dataclass, field as dc_field
from pathlib import Path
from typing import Dict, List, Optional, Tuple

LAST = 32767  # the upper end of "3+"

INTS = {  # name: (bytes, lowest, highest)
    "int8": (1, -(2**7), 2**7 - 1),
    "int16": (2, -(2**15), 2**15 - 1),
    "int32": (4, -(2**31), 2**31 - 1),
    "int64": (8, -(2**63), 2**63 - 1),
    "uint16": (2, 0, 2**16 - 1),
    "uint32": (4, 0, 2**32 - 1),
}
FIXED = {"bool": 1, "float64": 8, "uuid": 16, **{n: i[0] for n, i in INTS.items()}}
COUNTED = {"string", "bytes", "records"}
SCALARS = set(FIXED) | COUNTED
# kind: whether it has a number, whether that number is unique within the kind
KINDS = {
    "request": True, "response": True, "metadata": True, "remote-log": True,
    "group-key": True, "group-value": True, "txn-key": True, "txn-value": True,
    "share-key": True, "share-value": True,
    "header": False, "data": False,
}


class SchemaError(Exception):
    """A mistake in a schema file; the text names file and line."""


@dataclass(frozen=True)
class Versions:
    lo: int
    hi: int

    def __contains__(self, v: int) -> bool:
        return self.lo <= v <= self.hi

    def covers(self, other: "Versions") -> bool:
        return self.lo <= other.lo and other.hi <= self.hi

    def meet(self, other: "Versions") -> "Versions":
        return Versions(max(self.lo, other.lo), min(self.hi, other.hi))

    @property
    def empty(self) -> bool:
        return self.lo > self.hi


NO_VERSIONS = Versions(0, -1)
VERSIONS_RE = re.compile(r"(\d+)(?:(\+)|-(\d+))?\Z")


def parse_versions(text: str, within: Versions) -> Versions:
    m = VERSIONS_RE.match(text)
    if not m:
        raise ValueError(f"bad versions '{text}'")
    lo = int(m[1])
    hi = within.hi if m[2] else int(m[3]) if m[3] else lo
    if lo > hi:
        raise ValueError(f"bad versions '{text}'")
    return Versions(lo, hi)


@dataclass
class Field:
    name: str
    type: str  # without "[]"; a scalar or the name of a struct
    is_array: bool
    versions: Versions
    nullable: Versions = NO_VERSIONS
    tag: Optional[int] = None
    default: Optional[str] = None  # as written; "null" is null
    ignorable: bool = False
    key: bool = False
    rigid: bool = False  # old encoding in flexible versions too
    struct: Optional["Struct"] = None
    where: str = ""

    @property
    def is_struct(self) -> bool:
        return self.type not in SCALARS

    @property
    def is_pointer(self) -> bool:
        return self.is_struct and not self.is_array and not self.nullable.empty

    @property
    def default_null(self) -> bool:
        return self.default == "null" or (self.type == "records" and not self.is_array)

    @property
    def number(self) -> int:
        """The default of a numeric scalar."""
        if self.type == "bool":
            return int(self.default == "true")
        return int(self.default, 0) if self.default else 0


@dataclass
class Struct:
    name: str
    fields: List[Field] = dc_field(default_factory=list)


@dataclass
class Message:
    kind: str
    id: Optional[int]
    name: str
    versions: Versions
    flexible: Versions
    root: Struct
    structs: Dict[str, Struct]  # nested ones by name, inner before outer
    where: str = ""

    @property
    def base_name(self) -> str:
        return re.sub(r"(Request|Response)\Z", "", self.name)

    @property
    def is_spoken(self) -> bool:
        return not self.versions.empty


def snake(name: str) -> str:
    name = name.replace("KRaft", "Kraft")
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return name.lower().replace("-", "_")


def camel(name: str) -> str:
    return name[0].lower() + name[1:]


# --- reading ---


@dataclass
class Line:
    indent: int
    words: List[str]
    where: str
    children: List["Line"] = dc_field(default_factory=list)

    def fail(self, text: str):
        raise SchemaError(f"{self.where}: {text}")


def read_lines(text: str, file: str) -> List[Line]:
    """The lines as a forest: two spaces of indentation a level."""
    top: List[Line] = []
    path: List[Line] = []
    for number, raw in enumerate(text.split("\n"), 1):
        body = raw.split("#", 1)[0].rstrip()
        if not body:
            continue
        spaces = len(body) - len(body.lstrip(" "))
        line = Line(spaces // 2, body.split(), f"{file}:{number}")
        if spaces % 2 or line.indent > len(path) or "\t" in body:
            line.fail("bad indentation")
        del path[line.indent:]
        (path[-1].children if path else top).append(line)
        path.append(line)
    return top


TYPE_RE = re.compile(r"(\[\])?([A-Za-z]\w*)(?:(\?)(\S*))?\Z")
NAME_RE = re.compile(r"[A-Za-z]\w*\Z")


def holds_records(f: Field) -> bool:
    return f.type == "records" or f.is_struct and any(map(holds_records, f.struct.fields))


class Reader:
    """One message: its fields, and the structs that they name."""

    def __init__(self, head: Line):
        self.head = head
        self.structs: Dict[str, Struct] = {}
        self.building: List[str] = []

    def message(self) -> Message:
        w = self.head.words
        kind = w[0]
        if kind not in KINDS:
            self.head.fail(f"unknown kind '{kind}'")
        want = 2 + KINDS[kind]
        number = int(w[1]) if KINDS[kind] and len(w) > 1 and w[1].isdigit() else None
        if len(w) < want + 1 or (KINDS[kind] and number is None):
            self.head.fail("a message is KIND [NUMBER] NAME VERSIONS [flex VERSIONS]")
        name, rest = w[want - 1], w[want + 1:]
        versions, flexible = NO_VERSIONS, NO_VERSIONS
        try:
            if w[want] != "none":
                versions = parse_versions(w[want], Versions(0, -1))
            if rest:
                if len(rest) != 2 or rest[0] != "flex":
                    raise ValueError("expected 'flex VERSIONS'")
                flexible = parse_versions(rest[1], versions)
        except ValueError as e:
            self.head.fail(str(e))
        self.versions, self.flexible = versions, flexible
        lines = self.common_structs(self.head.children)
        root = Struct(name, [self.field(x, versions) for x in lines])
        self.check_names(root)
        return Message(kind, number, name, versions, flexible, root, self.structs, self.head.where)

    def common_structs(self, lines: List[Line]) -> List[Line]:
        """Reads "struct Name" blocks, which may use each other in any order; returns the rest."""
        self.common = {}
        rest = []
        for line in lines:
            if line.words[0] == "struct":
                if len(line.words) != 2:
                    line.fail("expected 'struct Name'")
                self.common[line.words[1]] = line
            else:
                rest.append(line)
        for name in self.common:
            self.use_common(name, self.common[name])
        return rest

    def use_common(self, name: str, line: Line) -> Struct:
        if name in self.structs:
            return self.structs[name]
        if name not in self.common:
            line.fail(f"no struct '{name}'")
        if name in self.building:
            line.fail(f"struct '{name}' contains itself")
        self.building.append(name)
        s = self.define(name, self.common[name], self.versions)
        self.building.pop()
        return s

    def define(self, name: str, line: Line, versions: Versions) -> Struct:
        if not line.children:
            line.fail(f"struct '{name}' has no fields")
        s = Struct(name, [self.field(x, versions) for x in line.children])
        self.check_names(s)
        if name in self.structs or (name in self.common and name not in self.building):
            line.fail(f"struct '{name}' is defined twice")
        self.structs[name] = s
        return s

    def check_names(self, s: Struct):
        seen = set()
        tags = set()
        for f in s.fields:
            if f.name.lower() in seen:
                raise SchemaError(f"{f.where}: second field '{f.name}'")
            seen.add(f.name.lower())
            if f.tag is not None:
                if f.tag in tags:
                    raise SchemaError(f"{f.where}: second field with tag {f.tag}")
                tags.add(f.tag)

    def field(self, line: Line, outer: Versions) -> Field:
        w = line.words
        m = TYPE_RE.match(w[1]) if len(w) > 1 else None
        if not m or not NAME_RE.match(w[0]):
            line.fail("a field is NAME TYPE [VERSIONS] [tag=N] [=DEFAULT] [ignorable] [key] [rigid]")
        f = Field(w[0], m[2], bool(m[1]), outer, where=line.where)
        try:
            self.options(f, w[2:], outer)
            if m[3]:
                f.nullable = parse_versions(m[4], outer) if m[4] else f.versions
            self.check(f, outer)
        except ValueError as e:
            line.fail(str(e))
        if f.is_struct:
            f.struct = (self.define(f.type, line, f.versions) if line.children
                        else self.use_common(f.type, line))
        elif line.children:
            line.fail(f"a {f.type} has no fields")
        if f.tag is not None and holds_records(f):
            line.fail("records cannot be tagged")
        return f

    def options(self, f: Field, words: List[str], outer: Versions):
        for word in words:
            if word[0].isdigit():
                f.versions = parse_versions(word, outer)
            elif word.startswith("tag="):
                f.tag = int(word[4:])
            elif word.startswith("="):
                f.default = word[1:]
            elif word in ("ignorable", "key", "rigid"):
                setattr(f, word, True)
            else:
                raise ValueError(f"unknown word '{word}'")

    def check(self, f: Field, outer: Versions):
        if not outer.covers(f.versions):
            raise ValueError("versions outside those of what the field is in")
        if not f.nullable.empty:
            if f.type in FIXED and not f.is_array:
                raise ValueError(f"a {f.type} cannot be null")
            if not f.versions.covers(f.nullable):
                raise ValueError("nullable in versions that do not have the field")
        if f.tag is not None and not self.flexible.covers(f.versions):
            raise ValueError("tagged in a version that is not flexible")
        if f.rigid and (f.type != "string" or f.is_array):
            raise ValueError("only a string can be rigid")
        if f.is_array and f.type in ("bytes", "records", "bool", "float64"):
            raise ValueError(f"no arrays of {f.type}")
        self.check_default(f)

    def check_default(self, f: Field):
        d = f.default
        if d is None:
            return
        if d == "null":
            if f.nullable.empty:
                raise ValueError("null default of a field that is never null")
        elif f.is_array or f.is_struct or f.type not in INTS and f.type != "bool":
            raise ValueError("only null, or a default for a number or bool")
        elif f.type == "bool":
            if d not in ("true", "false"):
                raise ValueError("a bool is true or false")
        elif not INTS[f.type][1] <= int(d, 0) <= INTS[f.type][2]:
            raise ValueError("default out of range")


def parse(text: str, file: str = "?") -> List[Message]:
    return [Reader(line).message() for line in read_lines(text, file)]


def natural(path: Path) -> Tuple:
    m = re.match(r"(\d+)-", path.name)
    return (0, int(m[1]), path.name) if m else (1, 0, path.name)


def load(files) -> List[Message]:
    """All messages of the files, checked against each other."""
    messages: List[Message] = []
    for path in sorted(map(Path, files), key=natural):
        messages += parse(path.read_text(encoding="utf-8"), path.name)
    seen: Dict[Tuple, Message] = {}
    for m in messages:
        for mark in [("name", m.name)] + ([(m.kind, m.id)] if m.id is not None else []):
            if mark in seen:
                raise SchemaError(f"{m.where}: {mark[1]} is also at {seen[mark].where}")
            seen[mark] = m
    return messages


def load_dir(folder) -> List[Message]:
    return load(Path(folder).glob("*.msg"))
