"""Lists and reads the files in a round's inbox, which strangers wrote."""

import errno
import json
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scorer.isolation import IsolationUnavailable
from scorer.protocol.documents import from_hex, to_hex
from scorer.protocol.signature import IN_THE_CLEAR, is_canonical
from scorer.storage.inbox import ENVELOPE_SUFFIX, SECOND, signature_path
from scorer.submission.table import SubmissionRefused

FORMATS: Final = (".csv", ".parquet", ENVELOPE_SUFFIX)
NAME: Final = re.compile(r"([1-9][0-9]{0,14})(\.[A-Za-z0-9_.-]{1,100})?\.(csv|parquet|envelope)")
"""A model's number, which JSON can hold, a label if any, and the format."""
LARGEST_SIGNATURE: Final = 4096
"""Most bytes of a signature's file."""
MACHINE_AT_FAULT: Final = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""Errors of the machine, which can open no file at all."""
SHOWN: Final = 60
"""Characters of a file's name that are published where it cannot be taken."""


def model_of(file: Path) -> int:
    """Return the model that a file's name says, 0 where it says none."""
    name = NAME.fullmatch(file.name)
    return int(name[1]) if name else 0


def plain_name(file: Path) -> str:
    """Return a file's name as a document can hold it, whatever somebody called it."""
    return ascii(file.name)[1:-1][:SHOWN]


def submission_files(folder: Path) -> Iterator[Path]:
    """Yield the files of models, ascending, and each model's in the order in which they arrived."""
    files = [
        file
        for file in folder.glob("*")
        if file.suffix in FORMATS and file.name.partition(".")[0].isdecimal()
    ]
    yield from sorted(files, key=lambda file: (model_of(file), _modified(file), os.fsencode(file)))


def _modified(path: Path) -> int:
    """Return when a file itself, not what it links to, was modified last, ns; 0 for one that is gone."""
    try:
        return path.lstat().st_mtime_ns
    except OSError:
        return 0


def received_at(file: Path) -> int:
    """Return when a file and its signature were both there, Unix seconds: the later modification time."""
    return max(_modified(file), _modified(signature_path(file))) // SECOND


def read_regular(path: Path, most: int) -> bytes:
    """Return a regular file's bytes: no link is followed, no pipe waited for, no more read than `most`.

    Raises
    ------
    SubmissionRefused
        When it cannot be read, is no regular file, or has more bytes.
    scorer.isolation.IsolationUnavailable
        When the machine can open no file at all.
    """

    def opened(name: str, flags: int) -> int:
        return os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK)

    try:
        with open(path, "rb", opener=opened) as file:
            is_regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            # One byte more than allowed shows that there are too many; the file may grow while it is read.
            content = file.read(most + 1) if is_regular else b""
    except OSError as error:
        if error.errno in MACHINE_AT_FAULT:
            raise IsolationUnavailable(f"expected to open files, found: {error.strerror}") from None
        raise SubmissionRefused(path.name, "a file that can be read", type(error).__name__) from None
    if not is_regular or len(content) > most:
        found = "more" if is_regular else "something else"
        raise SubmissionRefused(path.name, f"a file of at most {most} bytes", found)
    return content


@dataclass(frozen=True)
class SignedContent:
    """The content hash and the signature in the file beside a submission, read before anything is parsed.

    Attributes
    ----------
    content_hash
        Of the predictions, 32 bytes.
    signature
        65 bytes in the form of one, by whomever.
    ciphertext_hash
        Of the envelope, 32 bytes; zeros where the file is in the clear.
    """

    content_hash: bytes
    signature: bytes
    ciphertext_hash: bytes = IN_THE_CLEAR


def read_signature(file: Path) -> SignedContent:
    """Read the signature beside a submission.

    Raises
    ------
    SubmissionRefused
        When there is none that can be read.
    """
    path = signature_path(file)
    try:
        document = json.loads(read_regular(path, LARGEST_SIGNATURE))
        signature = bytes.fromhex(document["signature"].removeprefix("0x"))
        content = from_hex(document["content_hash"], 32)
        ciphertext = from_hex(document.get("ciphertext_hash", to_hex(IN_THE_CLEAR)), 32)
    except (SubmissionRefused, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise SubmissionRefused(file.name, f"a signature in {path.name}", "none that can be read") from None
    if not is_canonical(signature):
        expected = f"a signature in {path.name} of 65 bytes with a low s and a v of 27 or 28"
        raise SubmissionRefused(file.name, expected, f"another of {len(signature)} bytes")
    return SignedContent(content, signature, ciphertext)
