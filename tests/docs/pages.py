"""Pages of the documentation as somebody types them: commands in order, and the output that a page shows.

A block marked ``sh`` is typed. A block without a mark that follows one shows lines of its output, in order; a
block of any other mark is neither. Where a comment ``<!-- decimals vary -->`` stands above a block of output,
every number with a decimal point in it stands for any number: a reader sees no comment.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
CONSOLE: Final = "\n>>> "
"""Begins what is typed into a console of Python; what has no such mark there is its output."""
PAGES: Final = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
_BLOCK: Final = re.compile(r"(<!-- decimals vary -->\n)?^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_HEREDOC: Final = re.compile(r"<<'(\w+)'")
_DECIMAL: Final = re.compile(r"\d[\d,]*\\\.\d+")


@dataclass(frozen=True)
class Block:
    """A block of commands.

    Attributes
    ----------
    commands
        Each with its heredoc, if it has one, and without the comment behind it.
    shown
        Lines of output that the page shows, as patterns.
    """

    commands: tuple[str, ...]
    shown: tuple[str, ...] = ()


def page(name: str) -> str:
    """Return the text of a page."""
    return (ROOT / name).read_text()


def blocks(text: str) -> tuple[Block, ...]:
    """Return what is typed on a page."""
    found: list[Block] = []
    for vary, mark, content in _BLOCK.findall(text):
        if mark == "sh":
            found.append(Block(tuple(commands(content))))
        elif not mark and found and not found[-1].shown:
            found[-1] = Block(found[-1].commands, tuple(patterns(content, vary=bool(vary))))
    return tuple(found)


def commands(block: str) -> Iterator[str]:
    """Yield the commands of a block, a heredoc's lines with the one that reads them; a console's as one."""
    if CONSOLE in block:
        yield block
        return
    lines = iter(block.splitlines())
    for line in lines:
        typed = [line]
        if heredoc := _HEREDOC.search(line):
            typed += _until(lines, heredoc[1])
        while typed[-1].endswith("\\"):
            typed.append(next(lines))
        if line.startswith("while "):
            typed += _until(lines, "done")
        if line.strip():
            yield "\n".join(typed)


def written(text: str, mark: str = "python") -> tuple[str, ...]:
    """Return the blocks of a page that a reader puts into files, by their mark."""
    return tuple(content for _, found, content in _BLOCK.findall(text) if found == mark)


def bare(command: str) -> str:
    """Return a command without the comment behind it."""
    return re.sub(r"\s+#.*", "", command)


def _until(lines: Iterator[str], end: str) -> Iterator[str]:
    for line in lines:
        yield line
        if line.split(" ")[0] == end:
            return


def patterns(content: str, *, vary: bool) -> Iterator[str]:
    """Yield a pattern for each line of output; with `vary`, any number in place of each with a point."""
    for line in filter(None, content.splitlines()):
        escaped = re.escape(line.strip())
        yield _DECIMAL.sub(r"[\\d.,]+", escaped) if vary else escaped


def missing(shown: tuple[str, ...], output: str) -> list[str]:
    """Return the lines that a page shows and an output has not, or not in this order."""
    lines = iter(output.splitlines())
    return [pattern for pattern in shown if not any(re.fullmatch(pattern, line.strip()) for line in lines)]
