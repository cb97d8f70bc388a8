"""The sections of a node's configuration that name secrets, and the files that hold them."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Self, TypeVar

from eth_account import Account
from eth_account.signers.local import LocalAccount
from pydantic import Field, ValidationError, field_validator, model_validator

from scorer.chain.accounts import private_key_of, public_key_of
from scorer.daemon.config_errors import ConfigError, problems
from scorer.daemon.sections import ConfigSection, FilePath, Url
from scorer.encryption import Identity
from scorer.encryption.keys import parse_identities
from scorer.files import SecretExposed, decoded, one_line, read_secret
from scorer.redaction import described, remember, remember_url
from scorer.transactions.keystore import UnlockError, decrypt, read_keystore
from scorer.transactions.signers import KeySigner, RemoteSigner, Signer

T = TypeVar("T")


class Key(ConfigSection):
    """A key that signs transactions, in one of three ways.

    Attributes
    ----------
    file
        Holds it in hex.
    keystore, password_file
        Hold it encrypted (Web3 Secret Storage, version 3), and the password, in one line.
    remote, public_key
        A web3signer keeps it, and signs at this URL.
    """

    file: FilePath | None = None
    keystore: FilePath | None = None
    password_file: FilePath | None = None
    remote: Url | None = Field(default=None, repr=False)
    public_key: str | None = None

    @field_validator("public_key")
    @classmethod
    def _on_the_curve(cls, value: str | None) -> str | None:
        if value is not None:
            public_key_of(value)
        return value

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = {name for name, value in self if value is not None}
        if given not in ({"file"}, {"keystore", "password_file"}, {"remote", "public_key"}):
            raise ValueError(
                "expected file, or keystore and password_file, or remote and public_key, "
                f"found {', '.join(sorted(given)) or 'none'}"
            )
        return self

    def signer(self) -> Signer:
        """Return what signs with it.

        Raises
        ------
        ConfigError
            When the key cannot be read; the message holds nothing of it.
        """
        if self.remote is not None and self.public_key is not None:
            remember_url(self.remote)
            return RemoteSigner(self.remote, self.public_key)
        return KeySigner(self.account())

    def account(self) -> LocalAccount:
        """Return the account of a key that this process may hold."""
        if self.remote is not None:
            raise ConfigError("key: expected a key in a file for this command, found a remote signer")
        key = self._from_keystore() if self.file is None else _secret_of(self.file, "key.file", _key)
        # From here on logs and messages hide it.
        remember(key)
        account: LocalAccount = Account.from_key(key)
        return account

    def _from_keystore(self) -> bytes:
        keystore, password = self.keystore or Path(), self.password_file or Path()
        document = _secret_of(keystore, "key.keystore", read_keystore)
        opens = _secret_of(password, "key.password_file", one_line)
        try:
            return decrypt(document, opens)
        except UnlockError as error:
            raise ConfigError(f"{keystore}: {error}") from None


class EncryptionKeys(ConfigSection):
    """A committee member's X25519 keys, see `scorer.encryption.keys`.

    Attributes
    ----------
    file
        Holds the identities as age writes them, newest first: older ones open rounds that began before.
    """

    file: FilePath

    def identities(self) -> tuple[Identity, ...]:
        """Return the identities, newest first.

        Raises
        ------
        ConfigError
            When the file cannot be read, or can be read by others; the message holds nothing of it.
        """
        found = _secret_of(self.file, "encryption.file", parse_identities)
        for each in found:
            remember(each.secret, each.spelled())
        return found


def key_of(file: Path | None, keystore: Path | None, password_file: Path | None) -> Key:
    """Return a key in one of the ways that a command line gives it.

    Raises
    ------
    ConfigError
        When it is none of them, or a key stands where the path of its file belongs.
    """
    try:
        return Key(file=file, keystore=keystore, password_file=password_file)
    except ValidationError as error:
        raise ConfigError("; ".join(problems(error, ("key",)))) from None


def _key(content: bytes) -> bytes:
    return private_key_of(decoded(content))


def _secret_of(path: Path, field: str, parse: Callable[[bytes], T]) -> T:
    """Read a file with a secret; a path without a file is not shown, as it may be the secret."""
    try:
        return read_secret(path, parse)
    except SecretExposed as error:
        raise ConfigError(str(error)) from None
    except OSError as error:
        raise ConfigError(
            f"{_named(path, field)}: expected a file that can be read, found {error.strerror}"
        ) from None
    except (UnlockError, ValueError) as error:
        raise ConfigError(f"{_named(path, field)}: {error}") from None


def _named(path: Path, field: str) -> str:
    return str(path) if os.path.exists(path) else field  # noqa: PTH110 - pathlib's raises for some names


class JournalAt(ConfigSection):
    """The journal: a file for SQLite, or a file that holds the URL of a PostgreSQL database.

    Attributes
    ----------
    keep_days
        Days for which it keeps the rows of rounds that are over; see `scorer.transactions.pruning`.
    """

    file: FilePath = Path("journal.sqlite")
    url_file: FilePath | None = None
    keep_days: Annotated[int, Field(ge=30)] = 365

    @property
    def location(self) -> str | Path:
        """The journal's place as `scorer.transactions.journal.Journal.open` takes it.

        Raises
        ------
        ConfigError
            When the file with the URL cannot be read, can be read by others, or holds none.
        """
        if self.url_file is None:
            return self.file
        url = _secret_of(self.url_file, "journal.url_file", one_line).strip()
        if "://" not in url:
            raise ConfigError(f"{self.url_file}: expected the URL of a database, found {described(url)}")
        remember_url(url)
        return url
