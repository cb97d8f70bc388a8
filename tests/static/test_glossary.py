"""docs/glossary.md: every place that it names exists, and names are the same in Solidity and Python."""

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent.parent
PAGE = (REPOSITORY / "docs" / "glossary.md").read_text()
PAIR = re.compile(r"^\| `(\w+)` \| `([\w/.]+)` \| `(\w+)` \| `([\w/]+)` \|$", re.MULTILINE)
TERM = re.compile(r"^\| \*\*([^*]+)\*\* \| (.+) \| (`[^|]+`) \|$", re.MULTILINE)


def words(name: str) -> list[str]:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().strip("_").split("_")


def code_of(contract: str) -> str:
    """Solidity without its comments."""
    return re.sub(r"//.*|/\*.*?\*/", "", (REPOSITORY / contract).read_text())


def defined_in(room: str) -> set[str]:
    """Names of functions, classes, and variables or fields at any level of a room's modules."""
    names = set()
    for path in (REPOSITORY / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                    names.add(name)
                case ast.Name(id=name, ctx=ast.Store()):
                    names.add(name)
    return names


def test_every_row_is_a_term_or_a_pair() -> None:
    rows, heads = len(re.findall(r"^\| ", PAGE, re.MULTILINE)), PAGE.count("\n|---")
    terms, pairs = len(TERM.findall(PAGE)), len(PAIR.findall(PAGE))
    assert terms > 70
    assert pairs > 40
    assert rows == terms + pairs + heads


def test_no_term_is_explained_twice() -> None:
    terms = [term for names, _, _ in TERM.findall(PAGE) for term in names.split(", ")]
    assert len(set(terms)) == len(terms)


@pytest.mark.parametrize("term", TERM.findall(PAGE), ids=lambda term: term[0])
def test_every_place_of_a_term_exists(term: tuple[str, str, str]) -> None:
    for place in re.findall(r"`([^`]+)`", term[2]):
        assert (REPOSITORY / place).exists(), place


@pytest.mark.parametrize("pair", PAIR.findall(PAGE), ids=lambda pair: pair[0])
def test_names_are_the_same_in_solidity_and_python(pair: tuple[str, str, str, str]) -> None:
    solidity, contract, python, room = pair
    assert words(solidity) == words(python)
    assert re.search(rf"\b{solidity}\b", code_of(contract))
    assert python in defined_in(room)
