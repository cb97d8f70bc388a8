"""Answers of a child process, as bytes that its parent can check, and the errors where there is none."""

import json
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NoReturn, TypeVar

LENGTH: Final = 8
"""Bytes of the header's length."""
MOST_FACTS: Final = 2**20
"""Bytes of a header; a parsed one takes many times as much memory."""
MOST_BLOBS: Final = 10_000
LONGEST_TEXT: Final = 2_000
"""Characters of a refusal that the parent keeps."""
REFUSALS: Final = "__refusals__"
IMPORTS: Final = "__imports__"
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class ReadResult:
    """The content of an untrusted file: small facts and raw bytes.

    The facts are as the child said them: whoever asked checks their types, as with anything from outside.

    Attributes
    ----------
    facts
        What JSON can hold, at most 1 MiB of it.
    blobs
        Such as the bytes of float64 arrays: anything with a buffer in the child, bytes in the parent.
    """

    facts: Mapping[str, Any] = field(default_factory=dict)
    blobs: Sequence[Any] = ()


class IsolationReason(StrEnum):
    """The reason why there is no answer; the value says it in a sentence."""

    REFUSED = "The file is not one that is taken; the text says why."
    CRASHED = "The process that read the file died of a signal."
    OUT_OF_MEMORY = "Reading the file needs more memory than it may take."
    OUT_OF_TIME = "Reading the file needs more time than it may take."
    ANSWER_TOO_LARGE = "More was read from the file than the answer may hold."
    DEFECT = "The reader met something that it was not written for."


class IsolationError(Exception):
    """An untrusted file was not read, and why.

    Attributes
    ----------
    text
        In the case of a refusal the domain's own words; else what happened to the reader, fit to follow
        "found". One line of printable characters.
    """

    def __init__(self, reason: IsolationReason, text: str) -> None:
        self.reason = reason
        self.text = _printable(text)
        super().__init__(self.text)


def _printable(text: str) -> str:
    shown = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text[:LONGEST_TEXT])
    return shown + ("..." if len(text) > LONGEST_TEXT else "")


def refuses(*errors: type[Exception]) -> Callable[[F], F]:
    """Declare the exceptions by which a function refuses a file; any other one is a defect."""

    def declare(function: F) -> F:
        setattr(function, REFUSALS, errors)
        return function

    return declare


def imports(*modules: str) -> Callable[[F], F]:
    """Declare modules that a function imports while it reads.

    A zygote imports them before it forks: a child may open no other file than its own.
    """

    def declare(function: F) -> F:
        setattr(function, IMPORTS, modules)
        return function

    return declare


def crashed(number: int) -> IsolationError:
    """Return the error for a reader that died of a signal."""
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = "unknown"
    text = f"one whose reader died of signal {number} ({name})"
    return IsolationError(IsolationReason.CRASHED, text)


def encoded(result: ReadResult) -> list[memoryview]:
    """Return an answer as its header and its blobs."""
    blobs = [memoryview(blob).cast("B") for blob in result.blobs]
    header = {"kind": "result", "facts": dict(result.facts), "blobs": [len(blob) for blob in blobs]}
    return [*encoded_header(header), *blobs]


def encoded_failure(kind: IsolationReason, text: str) -> list[memoryview]:
    """Return a refusal or a defect as a header."""
    header = {"kind": kind.name, "text": text[: LONGEST_TEXT + 1].encode("utf-8", "replace").decode()}
    return encoded_header(header)


def encoded_header(header: Mapping[str, Any]) -> list[memoryview]:
    """Return the length of a JSON object, and it."""
    content = json.dumps(header, allow_nan=False).encode()
    if len(content) > MOST_FACTS:
        raise ValueError(f"expected at most {MOST_FACTS} bytes of facts, found {len(content)}")
    return [memoryview(len(content).to_bytes(LENGTH, "big")), memoryview(content)]


def decoded(content: bytes) -> ReadResult:
    """Return the answer of a child process that may be in a stranger's hands.

    Raises
    ------
    IsolationError
        When it says that it refused the file or failed, or says nothing that can be understood.
    """
    try:
        return _decoded(memoryview(content))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        text = f"one whose reader gave no answer that can be understood ({type(error).__name__})"
        raise IsolationError(IsolationReason.DEFECT, text) from None


def _decoded(content: memoryview) -> ReadResult:
    start = LENGTH + int.from_bytes(content[:LENGTH], "big")
    if len(content) < LENGTH or not LENGTH < start <= min(len(content), LENGTH + MOST_FACTS):
        raise ValueError("header")
    header = json.loads(bytes(content[LENGTH:start]), parse_constant=_no_constant)
    if header["kind"] != "result":
        _raise_failure(header)
    facts, sizes = header["facts"], header["blobs"]
    if not isinstance(facts, dict) or not isinstance(sizes, list) or len(sizes) > MOST_BLOBS:
        raise TypeError("facts and blobs")
    return ReadResult(facts, _blobs(content[start:], sizes))


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _raise_failure(header: Mapping[str, Any]) -> NoReturn:
    if header["kind"] not in (IsolationReason.REFUSED.name, IsolationReason.DEFECT.name):
        raise ValueError("kind")
    raise IsolationError(IsolationReason[header["kind"]], str(header["text"]))


def _blobs(content: memoryview, sizes: Sequence[Any]) -> tuple[bytes, ...]:
    if not all(type(size) is int and size >= 0 for size in sizes) or sum(sizes) != len(content):
        raise ValueError("sizes of blobs")
    blobs, at = [], 0
    for size in sizes:
        blobs.append(bytes(content[at : at + size]))
        at += size
    return tuple(blobs)
