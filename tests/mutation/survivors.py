"""The mutants that no test notices, each with the reason why none could or need be."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SURVIVORS: Final = Path(__file__).parent / "survivors.toml"
NAMED_BY: Final = ("file", "where", "before", "after", "nth")

Key = tuple[Any, ...]
"""Return the fields of `NAMED_BY` of a mutant."""


def explained(text: str) -> set[Key]:
    """The mutants that have a reason in a file like survivors.toml."""
    found = tomllib.loads(text).get("survivor", [])
    for entry in found:
        if not entry["reason"].strip():
            raise SystemExit(f"expected a reason for {entry['before']} in {entry['where']}, found none")
    return {_key(entry) for entry in found}


def problems(records: Iterable[dict[str, Any]], reasons: set[Key]) -> Iterator[str]:
    """Find entries of the list of survivors that a run contradicts, and survivors that it lacks."""
    survived = {_key(record): record for record in records if record["verdict"] == "survived"}
    for key, record in survived.items():
        if key not in reasons:
            yield f"survived without a reason; kill it with a test, or list it with one:\n{entry(record)}"
    for file, where, before, after, _ in sorted(reasons - set(survived)):
        yield f"listed, but does not survive: {before} => {after} in {where} ({file}); remove it"


def entry(record: dict[str, Any]) -> str:
    """The lines by which survivors.toml would name a mutant."""
    lines = [f"{name} = {_quoted(record[name])}" for name in NAMED_BY if name != "nth" or record["nth"] > 1]
    return "\n".join(["[[survivor]]", *lines, 'reason = ""', ""])


def _key(entry: dict[str, Any]) -> Key:
    return tuple(entry.get(name, 1) if name == "nth" else entry[name] for name in NAMED_BY)


def _quoted(value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    return f"'''\n{value}'''" if "\n" in value else f"'{value}'"
