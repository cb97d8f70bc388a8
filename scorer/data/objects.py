"""A folder of objects by URL: S3 and what speaks its protocol, or ``file://``.

Credentials, region and endpoint come from the environment (``AWS_*``) or from the machine's role, as AWS's
own tools take them. An object appears whole or not at all.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from scorer.data.faults import DataError
from scorer.redaction import clean, remember_url

RETRIES: Final = 3
LARGEST_OBJECT: Final = 1 << 30
"""Bytes that are read into memory at once."""
CONNECT: Final = timedelta(seconds=5)
"""The most that connecting may take, where a request has a limit."""
FIRST_LINE: Final = 200


def is_url(text: str) -> bool:
    """Return whether a place is named by a URL rather than a path."""
    return "://" in text


@dataclass(frozen=True)
class ObjectFolder:
    """Objects under a URL, by names with ``/`` between their parts; it can be sent to another process.

    Attributes
    ----------
    seconds
        The most that a request may take, with those that are tried again; None: as long as obstore waits.
    """

    url: str
    seconds: float | None = None

    def __reduce__(self) -> tuple[type["ObjectFolder"], tuple[str, float | None]]:
        """Leave the connection here."""
        return ObjectFolder, (self.url, self.seconds)

    @cached_property
    def _store(self) -> Any:
        remember_url(self.url)
        with self._errors("the URL of a bucket, s3 or file"):
            return self._library.store.from_url(self.url, **self._options)

    @property
    def _options(self) -> dict[str, Any]:
        if self.url.startswith("file:"):
            return {"mkdir": True}
        retries: dict[str, Any] = {"max_retries": RETRIES}
        if self.seconds is None:
            return {"retry_config": retries}
        longest = timedelta(seconds=self.seconds)
        limits: dict[str, Any] = {"timeout": longest, "connect_timeout": min(longest, CONNECT)}
        if os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true"):
            limits["allow_http"] = True  # which obstore reads itself only where it is given no options
        return {"retry_config": {**retries, "retry_timeout": longest}, "client_options": limits}

    @cached_property
    def _library(self) -> Any:
        try:
            return import_module("obstore")
        except ModuleNotFoundError:
            raise DataError(
                f"{self.url}: expected the package obstore, found none; pip install 'cupel[s3]'"
            ) from None

    def under(self, name: str) -> "ObjectFolder":
        """Return the folder of that name in this one."""
        return ObjectFolder(f"{self.url.rstrip('/')}/{name}", self.seconds)

    def names(self, prefix: str = "") -> dict[str, int]:
        """Return the size of each object below a folder of that name, or of all, by name."""
        with self._errors("a list of objects"):
            found = self._store.list(prefix or None).collect()
        return {str(each["path"]): int(each["size"]) for each in found}

    def read(self, name: str, most: int = LARGEST_OBJECT) -> bytes | None:
        """Return an object's content of at most so many bytes; None where there is none of that name."""
        with self._errors(f"the object {name} of at most {most} bytes"):
            try:
                found = self._store.get(name)
            except FileNotFoundError:
                return None
            if found.meta["size"] > most:
                raise ValueError(f"{found.meta['size']} bytes")
            return bytes(found.bytes())

    def size(self, name: str) -> int | None:
        """Return an object's size in bytes; None where there is none of that name."""
        with self._errors(f"the object {name}"):
            try:
                return int(self._store.head(name)["size"])
            except FileNotFoundError:
                return None

    def parts(self, name: str) -> Iterator[bytes]:
        """Yield an object's content, a part in memory at a time.

        Raises
        ------
        FileNotFoundError
            When there is none of that name.
        """
        with self._errors(f"the object {name}", passes=FileNotFoundError):
            for part in self._store.get(name):
                yield bytes(part)

    def upload_url(self, name: str, seconds: int) -> str:
        """Return a URL to which an object of that name can be sent by PUT, for so many seconds."""
        with self._errors("an object store that signs URLs"):
            signed = self._library.sign(self._store, "PUT", name, timedelta(seconds=seconds))
        return str(signed)

    def older(self, before: float) -> list[str]:
        """Return the names of objects that were written before a time in Unix seconds."""
        limit = datetime.fromtimestamp(before, UTC)
        with self._errors("a list of objects"):
            found = self._store.list(None).collect()
        return [str(each["path"]) for each in found if each["last_modified"] < limit]

    def write(self, name: str, content: bytes | Path, *, replace: bool = True) -> bool:
        """Write an object, of a file's content where it is a path.

        Parameters
        ----------
        replace
            Without it, an object that is there is kept, and False returned.
        """
        exists = self._library.exceptions.AlreadyExistsError
        with self._errors(f"to write the object {name}"):
            try:
                self._store.put(name, content, mode="overwrite" if replace else "create")
            except exists:
                return False
        return True

    def fetch(self, name: str, path: Path) -> None:
        """Write an object's content to a file, a part in memory at a time."""
        with self._errors(f"the object {name}"), path.open("wb") as file:
            for part in self._store.get(name):
                file.write(part)

    def remove(self, prefix: str) -> None:
        """Remove all objects below a folder of that name."""
        self.delete(list(self.names(prefix)))

    def delete(self, names: Sequence[str]) -> None:
        """Remove objects by their names; one that is not there is none to remove."""
        if names:
            with self._errors("to remove objects"):
                self._store.delete(list(names))

    @contextmanager
    def _errors(self, expected: str, passes: type[Exception] = DataError) -> Iterator[None]:
        try:
            yield
        except (DataError, passes):
            raise
        except (OSError, ValueError, self._library.exceptions.BaseError) as error:
            found = clean((str(error).splitlines() or [type(error).__name__])[0][:FIRST_LINE])
            raise DataError(f"{self.url}: expected {expected}, found {found}") from None


def sizes_there(store: ObjectFolder, without: str) -> dict[str, set[int]]:
    """Return the sizes of each file in all versions and live eras of a store but one, by the file's name."""
    found: dict[str, set[int]] = {}
    for name, size in store.names().items():
        if not name.startswith((".", f"{without}/")):
            found.setdefault(name.rsplit("/", 1)[-1], set()).add(size)
    return found
