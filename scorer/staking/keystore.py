"""Data scientists' keys in encrypted files: Web3 Secret Storage, version 3, as wallets and nodes read it."""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import Web3

from scorer.chain.signers import KeySigner, Signed

OWNER_ONLY: Final = 0o600
VERSION: Final = 3


class KeystoreError(Exception):
    """A key cannot be read or kept; the message holds nothing of it."""


@dataclass(frozen=True)
class Wallet:
    """A keystore that is decrypted when something is to be signed, and no sooner.

    Attributes
    ----------
    password
        Asked at most once.
    """

    path: Path
    password: Callable[[], str]

    @property
    def address(self) -> str:
        """The checksummed address: as the file says, which is checked when it is decrypted."""
        stated = self._document.get("address")
        return str(self.account.address) if stated is None else _address(self.path, stated)

    @cached_property
    def account(self) -> LocalAccount:
        """The key.

        Raises
        ------
        KeystoreError
            When the password is another, or the key is not that of the address the file states.
        """
        try:
            key = Account.decrypt(dict(self._document), self.password())
            account: LocalAccount = Account.from_key(key)
        except (ValueError, TypeError, KeyError, NotImplementedError) as error:
            expected = "the password of this keystore" if "MAC" in str(error) else "a keystore of version 3"
            found = "another" if "MAC" in str(error) else type(error).__name__
            raise KeystoreError(f"{self.path}: expected {expected}, found {found}") from None
        stated = self._document.get("address")
        if stated is not None and _address(self.path, stated) != account.address:
            raise KeystoreError(
                f"{self.path}: expected the key of {_address(self.path, stated)}, as the file says, "
                f"found that of {account.address}; somebody changed the file"
            )
        return account

    def check(self) -> None:
        """Raise `KeystoreError` where the file is no keystore; no password is asked."""
        if "crypto" not in self._document:
            raise KeystoreError(f"{self.path}: expected a keystore, found one without a key (crypto)")

    def sign(self, fields: Mapping[str, Any]) -> Signed:
        """Sign an EIP-1559 transaction."""
        return KeySigner(self.account).sign(fields)

    @cached_property
    def _document(self) -> Mapping[str, Any]:
        try:
            found = json.loads(self.path.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise KeystoreError(f"{self.path}: expected a keystore, found {type(error).__name__}") from None
        if not isinstance(found, dict) or found.get("version") != VERSION:
            raise KeystoreError(
                f"{self.path}: expected a keystore of version {VERSION}, found other content; "
                "a key in hex becomes one by: cupel wallet import"
            )
        return found


def new_key() -> bytes:
    """A private key from the system's source of randomness."""
    return bytes(Account.create().key)


def read_key(path: Path) -> bytes:
    """Read a private key in hex, with or without 0x.

    Raises
    ------
    KeystoreError
        When the file holds anything else.
    """
    try:
        return bytes(Account.from_key(path.read_text().strip()).key)
    except (OSError, ValueError, TypeError) as error:
        raise KeystoreError(
            f"{path}: expected a private key in hex (64 digits), found {_kind(path, error)}"
        ) from None


def refuse_existing(path: Path) -> None:
    """Raise `KeystoreError` where there is a file already: a key that is overwritten is lost."""
    if path.exists() or path.is_symlink():
        raise KeystoreError(f"{path}: expected no file, as a key is never overwritten, found one")


def write_keystore(path: Path, key: bytes, password: str) -> str:
    """Encrypt a key into a new file that only its owner may read; the key's checksummed address.

    The file appears whole or not at all, and never in place of another.

    Raises
    ------
    KeystoreError
        When the password is empty, there is a file, or none can be written.
    """
    refuse_existing(path)
    if not password:
        raise KeystoreError(f"{path}: expected a password for the keystore, found none")
    content = json.dumps(Account.encrypt(key, password)).encode()
    try:
        with suppress(FileExistsError):  # the parent is a file: writing into it says so
            path.parent.mkdir(parents=True, exist_ok=True)
        _write_whole(path, content)
    except FileExistsError:
        raise KeystoreError(f"{path}: expected no file, as a key is never overwritten, found one") from None
    except OSError as error:
        raise KeystoreError(f"{path}: expected to write a file there, found {error.strerror}") from None
    return str(Account.from_key(key).address)


def _write_whole(path: Path, content: bytes) -> None:
    """A link, unlike a rename, never replaces a file that came meanwhile."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        path.hardlink_to(draft)
        _keep_names(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def _keep_names(folder: Path) -> None:
    """Have the folder on the disk too: without it a power cut may lose a file that is there."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _address(path: Path, stated: object) -> str:
    text = f"0x{str(stated).removeprefix('0x').removeprefix('0X')}"
    if not Web3.is_address(text.lower()):
        raise KeystoreError(f"{path}: expected an address in the keystore, found {stated!r}")
    return str(Web3.to_checksum_address(text.lower()))


def _kind(path: Path, error: Exception) -> str:
    if isinstance(error, OSError):
        return type(error).__name__
    content = path.read_bytes().lstrip()
    return "a keystore, which can be used as it is" if content.startswith(b"{") else "other content"
