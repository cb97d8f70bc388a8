"""Every command that a page names is one, with these options; all are on a page; links lead somewhere."""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from scorer.cli.commands import COMMANDS, load
from tests.docs.pages import PAGES, ROOT, blocks, missing

_BLOCK: Final = re.compile(r"^( *)```\w*\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_INLINE: Final = re.compile(r"`([^`]+)`")
_COMMAND: Final = re.compile(r"(?:^|[|&;(] *|\$ )(?:\.venv/bin/)?(cupel(?: .*)?)$")
_LINK: Final = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING: Final = re.compile(r"^#+ (.*)$", re.MULTILINE)
OTHER_PAGES: Final = tuple(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"))


@cache
def command(name: str) -> Any:
    return load(name)


def leaves(found: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the commands of a group, and of the groups in it."""
    inner = getattr(found, "commands", None)
    if not inner:
        yield path
    for name, each in (inner or {}).items():
        yield from leaves(each, (*path, name))


def named(text: str) -> Iterator[str]:
    """Yield the command lines of a page: of blocks, of indented lines and of code in sentences."""
    joined = re.sub(r"\\\n\s*", " ", text)
    blocks = "\n".join(content for _, content in _BLOCK.findall(joined))
    for line in [*blocks.splitlines(), *re.findall(r"^ {4,}\S.*", joined, re.MULTILINE)]:
        if found := _COMMAND.search(line.strip()):
            yield found[1]
    for code in _INLINE.findall(re.sub(r"\s*\n\s*", " ", _BLOCK.sub("", joined))):
        if code.startswith("cupel "):
            yield code


def options_of(found: Any) -> set[str]:
    """Return the names of a command's options."""
    return {"--help", *(name for each in found.params for name in (*each.opts, *each.secondary_opts))}


def fault(line: str) -> str | None:
    """Return what is wrong with a command line of a page; None: nothing."""
    words = shlex.split(line.replace("'", "").replace('"', ""), comments=True)
    found: Any = None
    path = ["cupel"]
    for place, word in enumerate(words[1:]):
        if word in ("|", "&&", ";", ")") or word.startswith((">", "#")):
            return None
        if word.startswith("--"):
            if found is not None and word.partition("=")[0] not in options_of(found):
                return f"{' '.join(path)} has no {word}"
        elif place == len(path) - 1 and (found is None or getattr(found, "commands", None)):
            inner = COMMANDS if found is None else found.commands
            if word not in inner:
                return f"{' '.join(path)} has no {word}"
            found = command(word) if found is None else found.commands[word]
            path.append(word)
    return None


@pytest.mark.parametrize("path", [*PAGES, *OTHER_PAGES], ids=lambda path: path.name)
def test_commands_of_a_page_are_commands_with_these_options(path: Path) -> None:
    faults = [(line, wrong) for line in named(path.read_text()) if (wrong := fault(line))]
    assert faults == []


def test_a_command_that_is_none_and_an_option_that_is_none_are_found() -> None:
    text = "Type `cupel verfy X`.\n\n```sh\ncupel verify X --rpc Y\n.venv/bin/cupel stake deposit 6 25\n```\n"
    assert [fault(line) for line in named(text)] == ["cupel verify has no --rpc", None, "cupel has no verfy"]


def test_every_command_is_on_a_page() -> None:
    text = " ".join(" ".join(path.read_text().split()) for path in PAGES)
    rows = re.findall(r"^\| (`cupel[^|]*)", (ROOT / "README.md").read_text(), re.MULTILINE)
    missing = [
        " ".join(path)
        for name in COMMANDS
        for path in leaves(command(name), ("cupel", name))
        if " ".join(path) not in text
        and not any(f"`{' '.join(path[:-1])} " in row and f"`{path[-1]}`" in row for row in rows)
    ]
    assert missing == []


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and the site make them."""
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower().replace("`", "")) for heading in _HEADING.findall(text))
    return {heading.strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("path", [*PAGES, *OTHER_PAGES], ids=lambda path: path.name)
def test_links_of_a_page_lead_to_what_is_there(path: Path) -> None:
    dead = []
    for link in _LINK.findall(path.read_text()):
        target, _, anchor = link.partition("#")
        file = (path.parent / target) if target else path
        if "://" in link:
            continue
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            dead.append(link)
    assert dead == []


def test_output_that_a_page_shows_is_found_line_by_line_in_order() -> None:
    text = "```sh\na\n```\n\n```\n4 of 4 (x)\n1,000.5 NMR\n```\n"
    output = "before\n4 of 4 (x)\nbetween\n1,000.5 NMR\n"
    (plain,), (varied,) = blocks(text), blocks(text.replace("\n\n```", "\n\n<!-- decimals vary -->\n```"))
    assert missing(plain.shown, output) == []
    assert missing(plain.shown, output.replace("4 of", "3 of")) != []
    assert missing(plain.shown, output.replace(".5", ".6")) != []
    assert missing(plain.shown, "1,000.5 NMR\n4 of 4 (x)\n") != []
    assert missing(varied.shown, output.replace("1,000.5", "97.25")) == []
    assert missing(varied.shown, output.replace("4 of", "3 of")) != []
