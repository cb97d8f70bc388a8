"""Small faults that can be put into a Solidity file: the classic operators of mutation testing.

They are found in the compiler's own syntax tree, so that each is placed to the byte, and few do not compile.
Ready-made generators were looked at first. slither-mutate sees neither inline assembly nor free functions, in
which all arithmetic of the packed lanes is written; it tries whatever it generates against one command, and
can neither take a sample of a given size nor go on after an interruption. universalmutator rewrites lines
by regular expressions and knows no types: much of what it writes does not compile.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

Node = dict[str, Any]
Edit = tuple[str, int, int, str]
"""The operator's name, from which byte to which, and what stands there instead."""

BINARY: Final = {
    "<": ("relation", "<=", ">="), "<=": ("relation", "<", ">"), ">": ("relation", ">=", "<="),
    ">=": ("relation", ">", "<"), "==": ("relation", "!="), "!=": ("relation", "=="),
    "+": ("arithmetic", "-"), "-": ("arithmetic", "+"), "*": ("arithmetic", "/"), "/": ("arithmetic", "*"),
    "%": ("arithmetic", "/"), "&": ("bits", "|"), "|": ("bits", "&"), "^": ("bits", "|"),
    "<<": ("bits", ">>"), ">>": ("bits", "<<"), "&&": ("logic", "||"), "||": ("logic", "&&"),
}  # fmt: skip
ASSIGNMENT: Final = {"+=": ("-=", "="), "-=": ("+=", "="), "|=": ("=",)}
UNARY: Final = {"++": "--", "--": "++", "!": "", "~": ""}
YUL: Final = {
    "mul": "div",
    "div": "mul",
    "add": "sub",
    "and": "or",
    "or": "and",
    "shl": "shr",
    "shr": "shl",
    "gt": "lt",
}
DELETABLE: Final = ("ExpressionStatement", "EmitStatement", "Return", "Continue")
EXTREMES: Final = {"min": "max", "max": "min"}


@dataclass(frozen=True)
class Mutant:
    """A file with one fault in it.

    Attributes
    ----------
    file
        Path of the source from the repository's root.
    where
        `Contract.function`, or the name of a constant.
    operator
        What kind of fault it is.
    line
        Number of the first line that changes; it takes no part in the mutant's name.
    before, after
        The lines that change, as they are and with the fault.
    nth
        Counts mutants of one `where` that read the same, from 1.
    text
        The whole file with the fault.
    """

    file: str
    where: str
    operator: str
    line: int
    before: str
    after: str
    nth: int
    text: str

    @property
    def name(self) -> str:
        """A short name that depends neither on line numbers nor on what is elsewhere in the file."""
        parts = (self.file, self.where, self.before, self.after, str(self.nth))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def mutants_of(file: str, source: str, tree: Node, enums: dict[str, list[str]]) -> list[Mutant]:
    """Every fault that the operators know for a file, in the order of the file.

    Parameters
    ----------
    file, source
        Path and content.
    tree
        The compiler's syntax tree of `source`.
    enums
        The members of every enum, by its name.
    """
    raw = source.encode()
    seen: Counter[tuple[str, str, str]] = Counter()
    edits = {
        (start, end, new): (where, kind) for where, (kind, start, end, new) in _walk(tree, raw, enums, "")
    }
    found = []
    for (start, end, new), (where, kind) in sorted(edits.items()):
        text = (raw[:start] + new.encode() + raw[end:]).decode()
        first = raw.rfind(b"\n", 0, start) + 1
        last = raw.find(b"\n", end)
        before = raw[first:last].decode()
        after = (raw[first:start] + new.encode() + raw[end:last]).decode()
        seen[where, before, after] += 1
        line = raw.count(b"\n", 0, start) + 1
        nth = seen[where, before, after]
        found.append(Mutant(file, where, kind, line, _trimmed(before), _trimmed(after), nth, text))
    return found


def enums_in(trees: list[Node]) -> dict[str, list[str]]:
    """The members of every enum, by its name."""
    return {
        node["name"]: [member["name"] for member in node["members"]]
        for tree in trees
        for node in _nodes(tree)
        if node["nodeType"] == "EnumDefinition"
    }


def place_of(node: Node, where: str) -> str:
    """Add the name of a declaration inside `where` to it: `Contract.function`."""
    kind = node["nodeType"]
    if kind in ("ContractDefinition", "FunctionDefinition", "ModifierDefinition") or node.get(
        "stateVariable"
    ):
        return f"{where}.{node['name'] or node['kind']}".lstrip(".")
    if kind == "VariableDeclaration" and node.get("constant"):
        return str(node["name"])
    return where


def children_of(node: Node) -> Iterator[Node]:
    """The nodes right below a node."""
    for value in node.values():
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, dict) and "nodeType" in child:
                yield child


def _walk(node: Node, raw: bytes, enums: dict[str, list[str]], where: str) -> Iterator[tuple[str, Edit]]:
    where = place_of(node, where)
    for edit in _edits(node, raw, enums):
        yield where, edit
    for child in children_of(node):
        yield from _walk(child, raw, enums, where)


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in children_of(node):
        yield from _nodes(child)


def _edits(node: Node, raw: bytes, enums: dict[str, list[str]]) -> Iterator[Edit]:
    kind = node["nodeType"]
    if kind == "BinaryOperation" and node["operator"] in BINARY:
        name, *others = BINARY[node["operator"]]
        yield from _between(node, "leftExpression", raw, name, others)
    elif kind == "Assignment" and node["operator"] in ASSIGNMENT:
        yield from _between(node, "leftHandSide", raw, "assignment", list(ASSIGNMENT[node["operator"]]))
    elif kind == "UnaryOperation" and node["operator"] in UNARY:
        yield _unary(node)
    elif kind == "Literal":
        yield from _literal(node, raw)
    elif kind == "FunctionCall":
        yield from _swapped_arguments(node, raw)
    elif kind == "MemberAccess":
        yield from _member(node, enums)
    else:
        yield from _statement(node, raw)
        yield from _assembly(node, raw)


def _statement(node: Node, raw: bytes) -> Iterator[Edit]:
    kind = node["nodeType"]
    start, end = _span(node)
    if kind in DELETABLE and raw[end : end + 1] == b";":
        yield "deletion", start, end + 1, "{}"
    elif kind == "IfStatement":
        condition = _span(node["condition"])
        guards = _first(node["trueBody"])["nodeType"] == "RevertStatement"
        yield "guard" if guards else "condition", *condition, "false"
        if not guards:
            yield "condition", *condition, "true"
    elif kind == "Conditional":
        for branch in ("trueExpression", "falseExpression"):
            yield "condition", start, end, _text(node[branch], raw)
    elif kind == "ModifierInvocation" and node.get("kind") == "modifierInvocation":
        yield "modifier", start, end, ""


def _assembly(node: Node, raw: bytes) -> Iterator[Edit]:
    kind = node["nodeType"]
    start, end = _span(node)
    if kind == "YulFunctionCall" and node["functionName"]["name"] in YUL:
        yield "assembly", *_span(node["functionName"]), YUL[node["functionName"]["name"]]
    elif kind in ("YulIf", "YulAssignment"):
        yield "assembly deletion", start, end, "{}"
    elif kind == "YulLiteral":
        value = int(_text(node, raw), 0)
        for changed in (value + 1, value - 1):
            if changed >= 0:
                yield "assembly literal", start, end, str(changed)


def _between(node: Node, left: str, raw: bytes, name: str, others: list[str]) -> Iterator[Edit]:
    operator = node["operator"]
    start = raw.index(operator.encode(), _span(node[left])[1])
    for other in others:
        yield name, start, start + len(operator), other


def _unary(node: Node) -> Edit:
    start, end = _span(node)
    size = len(node["operator"])
    at = start if node["prefix"] else end - size
    return "unary", at, at + size, UNARY[node["operator"]]


def _literal(node: Node, raw: bytes) -> Iterator[Edit]:
    start, end = _span(node)
    if node["kind"] == "bool":
        yield "literal", start, end, "false" if node["value"] == "true" else "true"
    elif node["kind"] == "number":
        text = _text(node, raw)
        yield "literal", start, end, "1" if text == "0" else f"({text} + 1)"
        if text != "0":
            yield "literal", start, end, f"({text} - 1)"


def _swapped_arguments(node: Node, raw: bytes) -> Iterator[Edit]:
    callee = node["expression"].get("memberName")
    if node["kind"] != "functionCall" or node["names"] or callee in EXTREMES:
        return
    for left, right in pairwise(node["arguments"]):
        alike = left["typeDescriptions"]["typeString"] == right["typeDescriptions"]["typeString"]
        first, second = _text(left, raw), _text(right, raw)
        if alike and first != second:
            (start, middle), (after, end) = _span(left), _span(right)
            yield "arguments", start, end, second + raw[middle:after].decode() + first


def _member(node: Node, enums: dict[str, list[str]]) -> Iterator[Edit]:
    """Another member of an enum; the larger for the smaller of two."""
    _, end = _span(node)
    name, owner = node["memberName"], node["expression"]
    start = end - len(name)
    of = owner.get("memberName") or owner.get("name")
    if name in enums.get(of, []):
        members = enums[of]
        yield "state", start, end, members[(members.index(name) + 1) % len(members)]
    elif of == "Math" and name in EXTREMES:
        yield "extreme", start, end, EXTREMES[name]


def _first(body: Node) -> Node:
    return body["statements"][0] if body.get("statements") else body


def _span(node: Node) -> tuple[int, int]:
    start, length, _ = map(int, node["src"].split(":"))
    return start, start + length


def _text(node: Node, raw: bytes) -> str:
    start, end = _span(node)
    return raw[start:end].decode()


def _trimmed(lines: str) -> str:
    return "\n".join(line.strip() for line in lines.splitlines())
