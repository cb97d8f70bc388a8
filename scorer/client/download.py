"""Downloads a round's public files from a member or a server, for a check that trusts neither."""

import shutil
import signal
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import requests
from urllib3.exceptions import HTTPError

from scorer.errors import CupelError, cause_text
from scorer.redaction import shown
from scorer.storage.published import SPARE

TIMEOUT: Final = (10, 60)
"""Seconds to connect, and between two parts of an answer."""
LONGEST: Final = 900.0
"""Seconds that a watcher waits for the files of one round: the next one waits meanwhile."""
PART: Final = 2**20
MOST_BYTES: Final = 64 * 2**30
"""Bytes of a round's files in all."""
ABSENT: Final = (403, 404)
"""Answers that mean that there is no such file: object stores that list nothing answer 403."""


class DownloadError(CupelError):
    """A round's files cannot be downloaded; the message says which, and why."""


def is_url(text: str) -> bool:
    """Return whether a text names something on the web, and not a folder."""
    return text.startswith(("https://", "http://"))


@contextmanager
def downloaded_round(url: str, files: Iterable[str], longest: float | None = None) -> Iterator[Path]:
    """Yield a folder with those of some files of a round that are at its URL; it is gone at the end.

    Parameters
    ----------
    url
        The round's folder, such as ``https://host/t/7/rounds/5``.
    longest
        Seconds that they may take in all; None: whoever waits ends it.

    Raises
    ------
    DownloadError
        When it cannot be reached, has none of the files, they are larger than the disk has room for, or take
        too long.
    """
    base = url.rstrip("/")
    with tempfile.TemporaryDirectory(prefix="cupel-round-") as name, requests.Session() as session:
        folder, left = Path(name), MOST_BYTES
        with _within(longest):
            for file in files:
                left -= _fetch(session, f"{base}/{file}", folder / file, left)
        if not any(folder.iterdir()):
            raise DownloadError(
                f"{shown(base)}: expected the files of a round, found none; name the folder of one round, "
                "such as https://host/t/7/rounds/5"
            )
        yield folder


@contextmanager
def _within(seconds: float | None) -> Iterator[None]:
    """Raise `DownloadError` in the main thread where the block takes longer; None, or elsewhere: it may.

    The time-outs of a socket count from byte to byte: an answer of one byte now and then has no end.
    """
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def cut(*_: object) -> None:
        raise DownloadError(f"expected a round's files within {seconds:g} s, found that they take longer")

    before = signal.signal(signal.SIGALRM, cut)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _fetch(session: requests.Session, url: str, path: Path, most: int) -> int:
    """Download a file, unless there is none; how many bytes it has."""
    try:
        with session.get(url, timeout=TIMEOUT, allow_redirects=False, stream=True) as answer:
            if answer.status_code in ABSENT:
                return 0
            if answer.status_code != 200:
                raise DownloadError(
                    f"{shown(url)}: expected a file, found the status {answer.status_code}; redirects are "
                    "not followed"
                )
            return _written(answer, path, most)
    except (requests.RequestException, HTTPError) as error:
        raise DownloadError(f"{shown(url)}: expected an answer, found {cause_text(error)}") from None


def _written(answer: requests.Response, path: Path, most: int) -> int:
    size = 0
    room = min(most, shutil.disk_usage(path.parent).free - SPARE)
    with path.open("xb") as file:
        for part in answer.iter_content(PART):
            size += len(part)
            if size > room:
                raise DownloadError(f"{path.name}: expected at most {room} bytes, found more")
            file.write(part)
    return size
