"""Checks that code and documentation use the field's words, and that docstrings say what a thing is or does.

python scripts/check_words.py [--all]
"""

import argparse
import ast
import io
import re
import sys
import tokenize
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parent.parent
WORDS: Final = Path(__file__).with_name("words.toml")
CHECKED: Final = ("scorer/**/*.py", "scripts/*.py", "contracts/**/*.sol", "docs/*.md", "README.md")
_CAMEL_CASE: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SOLIDITY_STRING: Final = re.compile(r'"[^"\n]*"')
_SENTENCE_END: Final = re.compile(r"[.;](?:\s|$)|\n\s*\n")

Line = tuple[int, str]
"""The number of a line, and text that begins there."""


@dataclass(frozen=True)
class Vocabulary:
    """The rules of words.toml.

    Attributes
    ----------
    pending
        Paths, from the repository's root, of rooms that are not checked yet.
    not_first
        Words with which no docstring begins.
    instead
        The words to use, by the regular expression of those that they replace.
    instead_in_code
        More of them, for Python alone.
    """

    pending: tuple[str, ...]
    not_first: frozenset[str]
    instead: Mapping[re.Pattern[str], str]
    instead_in_code: Mapping[re.Pattern[str], str]

    @classmethod
    def parse(cls, text: str) -> "Vocabulary":
        """Read the content of words.toml."""
        document = tomllib.loads(text)
        instead, in_code = (
            {_forms(words): better for words, better in document[section].items()}
            for section in ("instead", "instead_in_code")
        )
        return cls(tuple(document["pending"]), frozenset(document["not_first"]), instead, in_code)

    def is_pending(self, file: str) -> bool:
        """Return whether a file is in a room that is not checked yet."""
        return any(file == room or file.startswith(f"{room}/") for room in self.pending)

    def word_faults(self, lines: Iterable[Line], *, in_code: bool) -> Iterator[Line]:
        """Find words that have a better one; identifiers count by their parts."""
        instead = {**self.instead, **(self.instead_in_code if in_code else {})}
        # Hardly a line has any, and one expression is looked for sooner than each of them.
        any_of_them = re.compile("|".join(pattern.pattern for pattern in instead), re.IGNORECASE)
        for number, text in lines:
            words = _CAMEL_CASE.sub(" ", text).replace("_", " ")
            if not any_of_them.search(words):
                continue
            for pattern, better in instead.items():
                for match in pattern.finditer(words):
                    line = number + words.count("\n", 0, match.start())
                    yield line, f'expected "{better}", found "{" ".join(match[0].split())}"'

    def docstring_faults(self, docstrings: Iterable[Line]) -> Iterator[Line]:
        """Find docstrings whose first sentence does not say what the thing is or does."""
        for number, text in docstrings:
            words = _SENTENCE_END.split(text.strip(), maxsplit=1)[0].split()
            if len(words) < 2:
                yield number, f'expected a docstring of more than one word, found "{" ".join(words)}"'
            elif words[0].rstrip(",") in self.not_first:
                yield number, f'expected a docstring that says what this is or does, found "{words[0]} ..."'


def _forms(words: str) -> re.Pattern[str]:
    """Compile the forms of a word, separated by ``|``; a phrase may be broken over two lines."""
    spaced = words.replace(" ", r"\s+")
    return re.compile(rf"\b(?:{spaced})\b", re.IGNORECASE)


def docstrings(tree: ast.Module) -> Iterator[Line]:
    """Collect the strings that stand alone: those of modules, classes, functions, and of constants."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield node.lineno, text


def python_lines(source: str, texts: Iterable[Line]) -> Iterator[Line]:
    """Collect all names, comments and docstrings. Other strings are data or messages, and are not checked."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.NAME, tokenize.COMMENT):
            yield token.start[0], token.string
    yield from texts


def file_faults(file: str, source: str, vocabulary: Vocabulary) -> Iterator[Line]:
    """Find what is against the rules in one file."""
    if not file.endswith(".py"):
        text = _SOLIDITY_STRING.sub('""', source) if file.endswith(".sol") else source
        yield from vocabulary.word_faults([(1, text)], in_code=False)
        return
    texts = [*docstrings(ast.parse(source))]
    yield from vocabulary.word_faults(python_lines(source, texts), in_code=True)
    yield from vocabulary.docstring_faults(texts)


def repeated_classes(sources: Mapping[str, str]) -> Iterator[str]:
    """Find public classes of one name in several modules."""
    places: dict[str, list[str]] = defaultdict(list)
    for file, source in sources.items():
        for node in ast.parse(source).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(file)
    for name, files in sorted(places.items()):
        if len(files) > 1:
            yield f"expected one class {name}, found {len(files)}: {', '.join(files)}"


def faults(vocabulary: Vocabulary, repository: Path = REPOSITORY) -> Iterator[str]:
    """Find all that is against the rules in a repository, pending rooms left out."""
    paths = sorted(path for pattern in CHECKED for path in repository.glob(pattern))
    sources = {path.relative_to(repository).as_posix(): path.read_text() for path in paths}
    for file, source in sources.items():
        if not vocabulary.is_pending(file):
            found = sorted(set(file_faults(file, source, vocabulary)))
            yield from (f"{file}:{number}: {fault}" for number, fault in found)
    modules = {file: source for file, source in sources.items() if file.startswith("scorer/")}
    yield from repeated_classes(modules)


def main() -> int:
    """Print every fault; 1 when there is one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="check the rooms that are pending too")
    vocabulary = Vocabulary.parse(WORDS.read_text())
    if parser.parse_args().all:
        vocabulary = replace(vocabulary, pending=())
    found = list(faults(vocabulary))
    for fault in found:
        print(fault)
    print(f"words: {len(found)} faults, {len(vocabulary.pending)} rooms not checked yet")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
