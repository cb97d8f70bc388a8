"""Commands that are shown to be copied: what is not our own text stands in them as one word of a shell."""

import re
import shlex
from pathlib import Path

import pytest

from scorer.files import SecretExposed, read_secret
from scorer.lab.cli.devnet import commands
from scorer.lab.demo.outcome import _where
from scorer.lab.devnet.layout import DevnetLayout, Settings
from scorer.server.pages.formatting import FILTERS

HOSTILE = "a b;touch x$(id)`id`'\"&|~"
PLAIN = (
    "addresses.tournament",
    "row.id",
    "model.id",
    "row.model",
    "held[0].id",
    "claim.model",
    "claim.wallet",
)
"""Values of pages that are an address or a number, whatever anybody does."""
TEMPLATES = Path(__file__).parents[2] / "scorer/server/pages/templates"
_COMMAND = re.compile(r"<code>(?:cupel|curl) .*?</code>|# cupel .*")


def words(line: str) -> list[str]:
    """The words of a line, with the operators of a shell apart."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    return list(lexer)


def test_values_in_commands_of_pages_are_quoted() -> None:
    shown = [
        (template.name, value.strip())
        for template in TEMPLATES.glob("*.html")
        for command in _COMMAND.findall(template.read_text())
        for value in re.findall(r"{{(.*?)}}", command)
    ]
    assert len(shown) > 5
    assert [pair for pair in shown if pair[1] not in PLAIN and not pair[1].endswith("| shell")] == []
    assert words(FILTERS["shell"](HOSTILE)) == [HOSTILE]


def test_commands_of_a_devnet_and_a_demo_in_a_folder_of_any_name_are_what_they_say(tmp_path: Path) -> None:
    layout = DevnetLayout(tmp_path / HOSTILE / "d")
    lines = [words(line) for line in commands(layout, Settings())]
    operators = [word for line in lines for word in line if set(word) <= set(";&|()<>")]
    assert operators == ["&&"]
    assert lines[0] == ["cupel", "use", str(layout.root)]
    assert lines[1][3] == str(layout.key("alice"))
    out = tmp_path / HOSTILE
    command = words(_where(out)[-1].partition(": ")[2])
    assert command == [".venv/bin/cupel", "verify", f"{out}/rounds/1", "--replay", str(out)]


def test_the_command_that_protects_a_secret_names_its_file_alone(tmp_path: Path) -> None:
    file = tmp_path / HOSTILE.replace("/", "")
    file.write_text("secret")
    file.chmod(0o644)
    with pytest.raises(SecretExposed) as refused:
        read_secret(file, bytes)
    assert words(str(refused.value).partition("; type: ")[2]) == ["chmod", "600", str(file)]
