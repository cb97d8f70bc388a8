"""Every command that reports something prints it as a document with --json, and nothing beside it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import scorer
from scorer.cli.commands import COMMANDS, load
from tests.docs.test_commands import leaves

SCORER: Final = Path(scorer.__file__).parent
DAEMON: Final = "runs until it is stopped; what it does is in its log, which is JSON"
ALWAYS: Final = "prints JSON alone, as another program takes it"
WITHOUT: Final = {
    **dict.fromkeys(
        (
            *("oracle run", "operator run", "bridge run", "compute run", "data run"),
            *("server run", "server work", "server sign"),
        ),
        DAEMON,
    ),
    **dict.fromkeys(("consensus accuse", "bridge prove"), ALWAYS),
    "gateway": "speaks numerapi's protocol until it is stopped",
    "mcp": "speaks the Model Context Protocol on standard output",
    "statement": "writes CSV, for spreadsheets and scripts alike",
    "compute logs": "prints what a model printed, as it did",
    "agent stop": "writes one file, and has nothing else to say",
}
"""Commands without --json, and why."""


def commands() -> Iterator[tuple[str, Any]]:
    """Yield every command with its name."""
    for name in COMMANDS:
        for path in leaves(load(name), (name,)):
            found = load(name)
            for word in path[1:]:
                found = found.commands[word]
            yield " ".join(path), found


def has_option(command: Any) -> bool:
    return any("--json" in option.opts for option in command.params)


def test_every_command_reports_as_json_or_has_a_reason_not_to() -> None:
    every = dict(commands())
    assert len(every) > 80
    found = {name for name, command in every.items() if not has_option(command)}
    assert found == set(WITHOUT)


def test_documents_are_printed_in_one_way() -> None:
    """A document of another way could have lines of text in front of it, or be none."""
    rooms = (SCORER / "cli", SCORER / "lab" / "cli")
    found = [
        path.name
        for room in rooms
        for path in sorted(room.glob("*.py"))
        if "echo(json.dumps" in path.read_text()
    ]
    assert found == ["common.py"]
