"""Small faults that can be put into a Python file: the classic operators of mutation testing.

Found in the syntax tree and placed to the character, so that the rest of the file keeps its form. Words in
messages are left alone: what an error says is for humans, and the tests that matter quote it.
"""

from __future__ import annotations

import ast
import copy
from collections import Counter
from typing import TYPE_CHECKING, Final

from tests.mutation.operators import Mutant

if TYPE_CHECKING:
    from collections.abc import Iterator

Edit = tuple[str, ast.AST, str]
"""The operator's name, the node, and what stands there instead."""

COMPARISONS: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
}
EXTREMES: Final = {"min": "max", "max": "min", "any": "all", "all": "any"}
DELETABLE: Final = (ast.Assign, ast.AugAssign, ast.Raise, ast.Continue, ast.Break)


def mutants_of(file: str, source: str) -> list[Mutant]:
    """Every fault that the operators know for a file, in the order of the file; those that compile."""
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    found: list[Mutant] = []
    seen: Counter[tuple[str, str, str]] = Counter()
    for where, (kind, node, new) in _walk(ast.parse(source), ""):
        start, end = _span(node, lines, starts)
        text = source[:start] + new + source[end:]
        if text == source or not _compiles(text):
            continue
        first, last = source.rfind("\n", 0, start) + 1, source.find("\n", end)
        before, after = source[first:last].strip(), (source[first:start] + new + source[end:last]).strip()
        seen[where, before, after] += 1
        number = source.count("\n", 0, start) + 1
        found.append(Mutant(file, where, kind, number, before, after, seen[where, before, after], text))
    return found


def _span(node: ast.AST, lines: list[str], starts: list[int]) -> tuple[int, int]:
    """From which character to which; the parser counts bytes."""

    def at(line: int, column: int) -> int:
        return starts[line - 1] + len(lines[line - 1].encode()[:column].decode())

    return (
        at(node.lineno, node.col_offset),  # type: ignore[attr-defined]
        at(node.end_lineno, node.end_col_offset),  # type: ignore[attr-defined]
    )


def _compiles(text: str) -> bool:
    try:
        compile(text, "mutant", "exec")
    except (SyntaxError, ValueError):
        return False
    return True


def _walk(node: ast.AST, where: str) -> Iterator[tuple[str, Edit]]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        where = f"{where}.{node.name}".lstrip(".")
    for edit in _edits(node):
        yield where, edit
    for child in _children(node):
        yield from _walk(child, where)


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """Walk the code below a node that runs: neither annotations nor the words of an error."""
    for name, value in ast.iter_fields(node):
        skipped = name in ("annotation", "returns", "type_comment") or (
            isinstance(node, ast.Raise) and name == "exc"
        )
        for child in () if skipped else value if isinstance(value, list) else (value,):
            if isinstance(child, ast.AST):
                yield child


def _edits(node: ast.AST) -> Iterator[Edit]:
    if isinstance(node, ast.Compare):
        yield from _comparison(node)
    elif isinstance(node, ast.BoolOp):
        swapped = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield "logic", node, _with(node, op=swapped)
    elif isinstance(node, ast.UnaryOp):
        yield "unary", node, f"({ast.unparse(node.operand)})"
    elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        yield "arithmetic", node, _with(node, op=ARITHMETIC[type(node.op)]())
    elif isinstance(node, ast.Constant):
        yield from _constant(node)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in EXTREMES:
        yield "extreme", node.func, EXTREMES[node.func.id]
    else:
        yield from _condition(node)
        yield from _deletion(node)


def _comparison(node: ast.Compare) -> Iterator[Edit]:
    for index, operator in enumerate(node.ops):
        for other in COMPARISONS[type(operator)]:
            ops = [*node.ops[:index], other(), *node.ops[index + 1 :]]
            yield "relation", node, _with(node, ops=ops)


def _constant(node: ast.Constant) -> Iterator[Edit]:
    value = node.value
    if isinstance(value, bool):
        yield "constant", node, str(not value)
    elif isinstance(value, int):
        yield "constant", node, str(value + 1)
        if value:
            yield "constant", node, str(value - 1)
    elif isinstance(value, bytes) and value:
        yield "constant", node, repr(value[:-1])


def _condition(node: ast.AST) -> Iterator[Edit]:
    if isinstance(node, ast.If):
        for value in ("True", "False"):
            yield "condition", node.test, value
    elif isinstance(node, ast.IfExp):
        for branch in (node.body, node.orelse):
            yield "condition", node, f"({ast.unparse(branch)})"
    elif isinstance(node, ast.comprehension):
        for test in node.ifs:
            yield "condition", test, "True"


def _deletion(node: ast.AST) -> Iterator[Edit]:
    if isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield "deletion", node, "return None"
    elif isinstance(node, DELETABLE) or (isinstance(node, ast.Expr) and not _is_words(node.value)):
        yield "deletion", node, "pass"


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_words(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _with(node: ast.expr, **changes: object) -> str:
    changed = copy.copy(node)
    for name, value in changes.items():
        setattr(changed, name, value)
    return f"({ast.unparse(changed)})"
