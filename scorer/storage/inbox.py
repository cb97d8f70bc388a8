"""An operator's inbox: a folder a round, for submissions and the signatures beside them."""

import json
import os
from pathlib import Path
from typing import Final

from scorer.files import whole_file
from scorer.protocol.documents import to_hex
from scorer.protocol.signature import SubmissionDigest
from scorer.storage.bundle import round_folder

SIGNATURE_SUFFIX: Final = ".signature.json"
ENVELOPE_SUFFIX: Final = ".envelope"
"""The ending of a file that holds one encrypted submission, see `scorer.encryption.envelope`."""
SECOND: Final = 10**9
"""Nanoseconds of a second."""


def deliver(
    inbox: Path,
    digest: SubmissionDigest,
    signature: bytes,
    file: str,
    content: bytes,
    *,
    received_at: int | None = None,
) -> Path:
    """Write a submission that was signed into an operator's inbox; return its path. See `submit`."""
    folder = round_folder(inbox, digest.tournament, digest.round_id)
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "content_hash": to_hex(digest.content_hash),
        "ciphertext_hash": to_hex(digest.ciphertext_hash),
        "signature": to_hex(signature),
    }
    # The signature first: whoever finds the file finds it signed.
    _write(signature_path(folder / file), json.dumps(document).encode(), received_at, keeps_name=False)
    _write(folder / file, content, received_at)
    return folder / file


def submit(
    inbox: Path,
    digest: SubmissionDigest,
    private_key: bytes,
    file: str,
    content: bytes,
    *,
    received_at: int | None = None,
) -> None:
    """Sign a submission and write it into an operator's inbox: signature first, then the file.

    Parameters
    ----------
    file
        Its name: ``<model>.csv``, ``<model>.parquet`` or, encrypted, ``<model>.envelope``; or
        ``<model>.<any>.csv`` and so on to keep an earlier one.
    content
        The file's, whose SHA-256 is the digest's ciphertext hash where it is an envelope.
    received_at
        When it is to have arrived, Unix seconds: the chain's time, where that is not this machine's.
    """
    deliver(inbox, digest, digest.sign(private_key), file, content, received_at=received_at)


def _write(path: Path, content: bytes, received_at: int | None, *, keeps_name: bool = True) -> None:
    """Write a file that appears whole and with its time, whoever looks meanwhile."""
    with whole_file(path, keeps_name=keeps_name) as file:
        file.write(content)
        if received_at is not None:
            file.flush()  # a later write would set the time again
            os.utime(file.fileno(), ns=(received_at * SECOND, received_at * SECOND))


def signature_path(file: Path) -> Path:
    """Return the path of the signature of a submission's file."""
    return file.with_name(file.stem + SIGNATURE_SUFFIX)
