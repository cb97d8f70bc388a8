"""Data scientists' keys in encrypted files: Web3 Secret Storage, version 3, as wallets and nodes read it."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import Web3

from scorer.chain.accounts import KeyTextError, private_key_of, require_address
from scorer.errors import CupelError
from scorer.files import OWNER_ONLY, SecretExposed, decoded, read_bounded, read_secret, write_whole
from scorer.redaction import remember, shown, shown_path
from scorer.transactions.keystore import UnlockError, WrongPassword, decrypt, encrypt, read_keystore
from scorer.transactions.signers import KeySigner, Signed


class KeystoreError(CupelError):
    """A key cannot be read or written; the message holds nothing of it."""


@dataclass(frozen=True)
class Wallet:
    """A keystore that is decrypted when something is to be signed, and not earlier.

    Attributes
    ----------
    password
        Returns the password; called at most `tries` times, again only where it was another.
    """

    path: Path
    password: Callable[[], str] = field(repr=False)
    tries: int = 1

    @property
    def address(self) -> str:
        """The checksummed address that the file states; checked against the key once that is decrypted."""
        return str(self.account.address) if self._stated is None else self._stated

    @cached_property
    def account(self) -> LocalAccount:
        """The account of the decrypted key.

        Raises
        ------
        KeystoreError
            When others can read the file, the password is wrong, or the key is not that of the stated
            address.
        """
        try:
            # The file's rights count where its key is used; its address may be read without them.
            read_secret(self.path, read_keystore)
            self.check()  # before the password is asked for
            key = self._decrypted()
        except SecretExposed as error:
            raise KeystoreError(str(error)) from None
        except OSError as error:
            raise self._error(f"expected a keystore, found {error.strerror}") from None
        except UnlockError as error:
            raise self._error(str(error)) from None
        account: LocalAccount = Account.from_key(key)
        if self._stated is not None and self._stated != account.address:
            raise self._error(
                f"expected the key of {self._stated}, as the file says, found that of {account.address}; "
                "somebody changed the file"
            )
        return account

    def _decrypted(self) -> bytes:
        for _ in range(self.tries - 1):
            with suppress(WrongPassword):
                return decrypt(self._document, self.password())
        return decrypt(self._document, self.password())

    def check(self) -> None:
        """Raise `KeystoreError` for a file that is no keystore, without asking for the password."""
        if "crypto" not in self._document:
            raise self._error("expected a keystore, found one without a key (crypto)")

    def sign(self, fields: Mapping[str, Any]) -> Signed:
        """Sign an EIP-1559 transaction."""
        return KeySigner(self.account).sign(fields)

    def sign_message(self, message: bytes) -> bytes:
        """Sign the Keccak-256 of a message; 65 bytes with a v of 27 or 28."""
        return KeySigner(self.account).sign_message(message)

    @cached_property
    def _document(self) -> Mapping[str, Any]:
        try:
            return read_keystore(read_bounded(self.path))
        except OSError as error:
            raise self._error(f"expected a keystore, found {error.strerror}") from None
        except (UnlockError, ValueError) as error:
            raise self._error(str(error)) from None

    @property
    def _stated(self) -> str | None:
        """The checksummed address that the file states, or None; wallets write it in several spellings."""
        stated = self._document.get("address")
        if stated is None:
            return None
        digits = str(stated).lower().removeprefix("0x")
        try:
            return str(Web3.to_checksum_address(require_address(f"0x{digits}")))
        except KeyTextError:
            raise self._error(f"expected an address in the keystore, found {shown(stated)}") from None

    def _error(self, message: str) -> KeystoreError:
        return KeystoreError(f"{shown_path(self.path)}: {message}")


def new_key() -> bytes:
    """Return a private key from the system's source of randomness."""
    return bytes(Account.create().key)


def read_key(path: Path) -> bytes:
    """Read a private key in hex, with or without 0x.

    Raises
    ------
    KeystoreError
        When the file holds anything else.
    """
    try:
        key = read_secret(path, _key)
    except SecretExposed as error:
        raise KeystoreError(str(error)) from None
    except OSError as error:
        raise KeystoreError(
            f"{shown_path(path)}: expected a private key in hex (64 digits), found {error.strerror}"
        ) from None
    except ValueError as error:
        raise KeystoreError(f"{shown_path(path)}: {error}") from None
    remember(key)
    return key


def _key(content: bytes) -> bytes:
    text = decoded(content)
    if text.lstrip().startswith("{"):
        raise KeyTextError(
            "expected a private key in hex (64 digits), found a keystore, which can be used as it is"
        )
    return private_key_of(text)


def refuse_existing(path: Path) -> None:
    """Raise `KeystoreError` if the path exists: a key that is overwritten is lost."""
    if path.exists() or path.is_symlink():
        raise KeystoreError(f"{shown_path(path)}: expected no file, as a key is never overwritten, found one")


def write_keystore(path: Path, key: bytes, password: str) -> str:
    """Encrypt a key into a new file that only its owner may read; return the key's checksummed address.

    The file appears whole or not at all, and never in place of another.

    Raises
    ------
    KeystoreError
        When the password is empty, there is a file, or none can be written.
    """
    refuse_existing(path)
    if not password:
        raise KeystoreError(f"{shown_path(path)}: expected a password for the keystore, found none")
    content = json.dumps(encrypt(key, password)).encode()
    try:
        with suppress(FileExistsError):  # the parent is a file: writing into it says so
            path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content, mode=OWNER_ONLY, replace=False)
    except FileExistsError:
        raise KeystoreError(
            f"{shown_path(path)}: expected no file, as a key is never overwritten, found one"
        ) from None
    except OSError as error:
        raise KeystoreError(
            f"{shown_path(path)}: expected to write a file there, found {error.strerror}"
        ) from None
    return str(Account.from_key(key).address)
