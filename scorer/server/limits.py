"""Limits on GraphQL documents, which a stranger writes."""

from collections.abc import Mapping
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    SelectionNode,
)

from scorer.server.errors import ApiError


@dataclass(frozen=True)
class DocumentLimits:
    """The largest document that is answered.

    Attributes
    ----------
    body
        Bytes of a request.
    tokens
        Of a document.
    depth
        Levels of fields; numerapi's deepest document has 4.
    roots
        Fields of a query or mutation itself.
    fields
        All fields, those of a fragment once for each place that spreads it.
    """

    body: int = 65_536
    tokens: int = 1_000
    depth: int = 8
    roots: int = 20
    fields: int = 400

    def check(self, document: DocumentNode) -> None:
        """Refuse a valid document that asks for too much.

        Raises
        ------
        ApiError
            Names the limit.
        """
        fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        counter = _FieldCounter(self, fragments)
        for node in document.definitions:
            if isinstance(node, OperationDefinitionNode):
                counter.visit(node.selection_set.selections, 1)


class _FieldCounter:
    """Counts the fields of a document as they will be resolved, and stops at a limit."""

    def __init__(self, limits: DocumentLimits, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._limits = limits
        self._fragments = fragments
        self._fields = self._roots = 0

    def visit(self, selections: tuple[SelectionNode, ...], depth: int) -> None:
        for node in selections:
            if isinstance(node, FieldNode):
                self._count(depth)
                if node.selection_set is not None:
                    self.visit(node.selection_set.selections, depth + 1)
            elif isinstance(node, FragmentSpreadNode):
                self._count(depth)  # else empty fragments of fragments would cost time and no field
                self.visit(self._fragments[node.name.value].selection_set.selections, depth)
            else:
                self.visit(node.selection_set.selections, depth)  # type: ignore[attr-defined]

    def _count(self, depth: int) -> None:
        limits = self._limits
        self._fields += 1
        self._roots += depth == 1
        for name, found, most in (
            ("levels", depth, limits.depth),
            ("root fields", self._roots, limits.roots),
            ("fields", self._fields, limits.fields),
        ):
            if found > most:
                raise ApiError(f"query: expected at most {most} {name}, found more; ask for less at once")
