"""Limits on GraphQL documents, which a stranger writes."""

from collections.abc import Mapping
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
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
    aliases
        Fields that are given another name.
    definitions
        Queries, mutations and fragments of a document.
    cost
        Values that are resolved for one request, and `root_cost` for each root.
    """

    body: int = 65_536
    tokens: int = 1_000
    depth: int = 8
    roots: int = 20
    fields: int = 400
    aliases: int = 40
    definitions: int = 20
    cost: int = 300_000
    root_cost: int = 5_000

    def check(self, document: DocumentNode) -> None:
        """Refuse a document that asks for too much, valid or not: to validate one costs more than this.

        Raises
        ------
        ApiError
            Names the limit.
        """
        _require("definitions", len(document.definitions), self.definitions)
        counter = _FieldCounter(self, fragments_of(document))
        for node in document.definitions:
            if isinstance(node, OperationDefinitionNode):
                counter.visit(node.selection_set.selections, 1)


def root_names(document: DocumentNode) -> set[str]:
    """Return the names of all fields of a valid document's operations themselves, whichever is executed."""
    fragments, names = fragments_of(document), set[str]()

    def add(selections: tuple[SelectionNode, ...]) -> None:
        for node in selections:
            if isinstance(node, FieldNode):
                names.add(node.name.value)
            elif isinstance(node, FragmentSpreadNode):
                add(fragments[node.name.value].selection_set.selections)
            elif isinstance(node, InlineFragmentNode):
                add(node.selection_set.selections)

    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            add(node.selection_set.selections)
    return names


def fragments_of(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    """Return the fragments of a document by name."""
    return {
        node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
    }


class _FieldCounter:
    """Counts the fields of a document as they will be resolved, and stops at a limit."""

    def __init__(self, limits: DocumentLimits, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._limits = limits
        self._fragments = fragments
        self._fields = self._roots = self._aliases = 0

    def visit(self, selections: tuple[SelectionNode, ...], depth: int) -> None:
        """Count a level of fields. Each step counts, so that a circle of fragments meets a limit."""
        for node in selections:
            self._count(depth)
            if isinstance(node, FieldNode):
                self._aliases += node.alias is not None
                _require("aliases", self._aliases, self._limits.aliases)
                if node.selection_set is not None:
                    self.visit(node.selection_set.selections, depth + 1)
            elif isinstance(node, FragmentSpreadNode):
                fragment = self._fragments.get(node.name.value)
                if fragment is not None:  # else validation names it
                    self.visit(fragment.selection_set.selections, depth)
            elif isinstance(node, InlineFragmentNode):
                self.visit(node.selection_set.selections, depth)

    def _count(self, depth: int) -> None:
        limits = self._limits
        self._fields += 1
        self._roots += depth == 1
        _require("levels", depth, limits.depth)
        _require("root fields", self._roots, limits.roots)
        _require("fields", self._fields, limits.fields)


def _require(name: str, found: int, most: int) -> None:
    if found > most:
        raise ApiError(f"query: expected at most {most} {name}, found more; ask for less at once")


class CostExceeded(BaseException):
    """A request costs more than it may: no error of one field, which would let the others go on."""


@dataclass
class Execution:
    """A request that is being answered: what the roots are called with, and what it may still cost."""

    context: object
    left: int

    def spend(self, cost: int) -> None:
        """Count a part of the answer.

        Raises
        ------
        CostExceeded
            When there is nothing left.
        """
        self.left -= cost
        if self.left < 0:
            raise CostExceeded
