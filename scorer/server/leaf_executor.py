"""Execution of GraphQL in which lists of plain rows are completed at once.

graphql-core takes seven times as long for a list of rows whose fields are all plain. What is not plain, or is
at fault, goes the usual way, and so has the usual errors.
"""

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, Final

from graphql import (
    GraphQLBoolean,
    GraphQLFloat,
    GraphQLObjectType,
    GraphQLString,
    Undefined,
    get_nullable_type,
    is_leaf_type,
    is_non_null_type,
)
from graphql.execution.executor import Executor

from scorer.server.names import camel_case

Leaf = tuple[str, str, Callable[[Any], Any], bool, type | None]
"""A field of a row: its names in the answer and in our mappings, how it is written, if it is needed, and the
type whose values are written as they are, where there is one."""
_AS_THEY_ARE: Final[Mapping[Any, type]] = {GraphQLString: str, GraphQLFloat: float, GraphQLBoolean: bool}
Leaves = tuple[Leaf, ...]


class LeafExecutor(Executor[Any]):
    """Executes a document, whose context counts values; see `scorer.server.limits.Execution`."""

    def complete_iterable_value(
        self, item_type: Any, field_details_list: Any, info: Any, path: Any, items: Any, position_context: Any
    ) -> Any:
        """Complete the items of a list."""
        kind = get_nullable_type(item_type)
        if isinstance(kind, GraphQLObjectType) and isinstance(items, list):
            leaves = _plain(kind, self.collect_subfields(kind, field_details_list)[0])
            rows = None if leaves is None else _completed(leaves, items)
            if rows is not None and leaves is not None:
                self.context_value.spend(len(rows) * len(leaves))
                return rows
        return super().complete_iterable_value(
            item_type, field_details_list, info, path, items, position_context
        )


def _plain(kind: GraphQLObjectType, fields: Mapping[str, Any]) -> Leaves | None:
    """Return the fields of a row whose values are all plain; None where one is not."""
    leaves: list[Leaf] = []
    for name, details in fields.items():
        node = details[0].node
        field = kind.fields.get(node.name.value)
        leaf: Any = None if field is None or field.args else get_nullable_type(field.type)
        if field is None or not is_leaf_type(leaf):
            return None
        required = is_non_null_type(field.type)
        as_it_is = _AS_THEY_ARE.get(leaf)
        leaves.append((name, camel_case(node.name.value), leaf.coerce_output_value, required, as_it_is))
    return tuple(leaves)


def _completed(leaves: Leaves, items: list[Any]) -> list[dict[str, Any]] | None:
    """Return rows of plain values; None where a value is not what the schema says, or has to be asked for."""
    rows = []
    for item in items:
        row = None if item is None else _row(leaves, item)
        if row is None:
            return None
        rows.append(row)
    return rows


def _row(leaves: Leaves, item: Mapping[str, Any]) -> dict[str, Any] | None:
    row: dict[str, Any] = {}
    for name, key, write, is_required, as_it_is in leaves:
        value: Any = item.get(key)
        kind = type(value)
        if kind is as_it_is and (kind is not float or isfinite(value)):
            pass  # for most values: to call `write` takes longer than all the rest
        elif value is not None and not callable(value):
            try:
                value = write(value)
            except Exception:  # noqa: BLE001 - the usual way names it
                return None
            if value is None or value is Undefined:
                return None
        elif is_required or value is not None:
            return None
        row[name] = value
    return row
