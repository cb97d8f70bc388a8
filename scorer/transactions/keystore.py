"""Encrypted keys: Web3 Secret Storage, version 3, in the spellings of the wallets and nodes that write it."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from eth_account import Account

from scorer.chain.accounts import KeyTextError, private_key_of
from scorer.files import decoded
from scorer.redaction import described, remember

VERSION: Final = 3
WORK: Final = 1 << 18
"""Rounds of scrypt in a new keystore, as in geth: a guess at its password takes half a second and 256 MiB."""
MOST_MEMORY: Final = 1 << 30
"""Bytes that a derivation may take: four times what geth asks for."""
MOST_WORK: Final = 1 << 25
"""Most work of scrypt, n x r x p: sixteen times what geth asks for, some ten seconds."""
MOST_ITERATIONS: Final = 10_000_000
"""Most rounds of PBKDF2: ten times what is usual, some ten seconds."""
LONGEST_DERIVED: Final = 64
CIPHER: Final = "aes-128-ctr"
PRF: Final = "hmac-sha256"
_IMPORT: Final = "a key in hex becomes one by: cupel wallet import"
_DIGITS: Final = re.compile(r"[0-9]{1,18}")
_HEX: Final = re.compile(r"(?:0[xX])?((?:[0-9a-fA-F]{2})*)")
_BYTES_OF: Final = {"ciphertext": 32, "mac": 32}
_IV_BYTES: Final = 16


class UnlockError(Exception):
    """A keystore cannot be read or opened; the message holds nothing of its key or password."""


class WrongPassword(UnlockError):
    """A keystore is sound, and its password is another."""


def read_keystore(content: bytes) -> dict[str, Any]:
    """Return the document of a keystore in one spelling, whatever wallet wrote it.

    Raises
    ------
    UnlockError
        When it is no keystore of version 3; for what it says of its key, see `decrypt`.
    """
    try:
        found = json.loads(decoded(content))
    except RecursionError:
        raise UnlockError("expected a keystore, found JSON of more levels than can be read") from None
    except json.JSONDecodeError:
        raise UnlockError(f"expected a keystore, found no JSON; {_IMPORT}") from None
    except ValueError as error:
        raise UnlockError(f"expected a keystore, found another file: {error}") from None
    document = _lowered(found) if isinstance(found, dict) else {}
    version = document.get("version")
    if version not in (VERSION, str(VERSION)) or isinstance(version, bool | float):
        raise UnlockError(f"expected a keystore of version {VERSION}, found {_version(version)}")
    return document | {"version": VERSION}


def decrypt(document: Mapping[str, Any], password: str) -> bytes:
    """Return the private key of what `read_keystore` read.

    Raises
    ------
    WrongPassword
        When the password is another.
    UnlockError
        When the document is damaged, or asks for more memory or time than is given.
    """
    crypto = _crypto(document)
    remember(password)
    try:
        key = bytes(Account.decrypt({"version": VERSION, "crypto": crypto}, password))
    except MemoryError:
        raise UnlockError(
            f"expected enough memory to open the keystore, found less: it needs {_memory(crypto)}"
        ) from None
    except (ValueError, TypeError, KeyError, ArithmeticError, AssertionError, OSError) as error:
        # A wrong password shows in nothing but the MAC; every other error is the document's.
        if "MAC" not in str(error):
            raise UnlockError(_failure(crypto, error)) from None
        raise WrongPassword("expected the password of this keystore, found another") from None
    remember(key)
    try:
        return private_key_of(key.hex())
    except KeyTextError:
        raise UnlockError("expected a key of 32 bytes in the keystore, found none") from None


def encrypt(key: bytes, password: str) -> dict[str, Any]:
    """Make a new keystore of a private key.

    Every field has its full length: eth-account writes the counter's first block as a number, and wallets
    that expect sixteen bytes, geth's among them, refuse the one keystore in 256 that begins with a zero.
    """
    document: dict[str, Any] = Account.encrypt(key, password, kdf="scrypt", iterations=WORK)
    counter = document["crypto"]["cipherparams"]
    counter["iv"] = counter["iv"].zfill(2 * _IV_BYTES)
    return document


def _failure(crypto: Mapping[str, Any], error: Exception) -> str:
    if crypto["kdf"] == "scrypt":
        return (
            f"expected to open the keystore, found {type(error).__name__}: it needs {_memory(crypto)} of "
            "memory; is that more than this process may have?"
        )
    return f"expected a keystore of version {VERSION}, found {type(error).__name__}"


def _lowered(found: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the same with names in lower case, as MyEtherWallet's ``Crypto`` is not."""
    lowered = {str(name).lower(): value for name, value in found.items()}
    return {name: _lowered(value) if isinstance(value, dict) else value for name, value in lowered.items()}


def _version(version: object) -> str:
    if version in (1, "1") and not isinstance(version, bool):
        return "version 1, a format of 2015; open it with the wallet that wrote it, and export the key anew"
    if isinstance(version, int) and not isinstance(version, bool) and version in range(10):
        return f"version {version}; export the key anew from the wallet that wrote it"
    return f"other content; {_IMPORT}"


def _crypto(document: Mapping[str, Any]) -> dict[str, Any]:
    """Read the description of a keystore's key, each field checked and in one spelling."""
    crypto = _table(document, "crypto")
    kdf = str(crypto.get("kdf")).lower()
    if kdf not in ("scrypt", "pbkdf2"):
        raise _damaged("crypto.kdf: expected scrypt or pbkdf2, found another")
    if str(crypto.get("cipher", CIPHER)).lower() != CIPHER:
        raise _damaged(f"crypto.cipher: expected {CIPHER}, found another")
    given = _table(crypto, "kdfparams")
    params = _scrypt(given) if kdf == "scrypt" else _pbkdf2(given)
    return {
        "kdf": kdf,
        "kdfparams": params | {"salt": _hex(given, "salt")},
        "cipher": CIPHER,
        "cipherparams": {"iv": _iv(_table(crypto, "cipherparams"))},
        "ciphertext": _hex(crypto, "ciphertext"),
        "mac": _hex(crypto, "mac"),
    }


def _scrypt(params: Mapping[str, Any]) -> dict[str, Any]:
    n, r, p = (_whole(params, name, 1) for name in ("n", "r", "p"))
    if n < 2 or n & (n - 1):
        raise _damaged(f"crypto.kdfparams.n: expected a power of two, found {n}")
    memory = 128 * n * r
    if memory > MOST_MEMORY:
        raise _damaged(
            f"expected scrypt with at most {_size(MOST_MEMORY)} of memory, found n = {n} and r = {r}, which "
            f"needs {_size(memory)}; export the key anew with fewer rounds"
        )
    if n * r * p > MOST_WORK:
        raise _damaged(
            f"expected scrypt with n x r x p of at most {MOST_WORK}, found {n * r * p}; export the key anew "
            "with fewer rounds"
        )
    return {"n": n, "r": r, "p": p, "dklen": _derived_length(params)}


def _pbkdf2(params: Mapping[str, Any]) -> dict[str, Any]:
    rounds = _whole(params, "c", 1)
    if rounds > MOST_ITERATIONS:
        raise _damaged(
            f"crypto.kdfparams.c: expected at most {MOST_ITERATIONS} rounds, found {rounds}; export the key "
            "anew with fewer"
        )
    if str(params.get("prf", PRF)).lower() != PRF:
        raise _damaged(f"crypto.kdfparams.prf: expected {PRF}, found another")
    return {"c": rounds, "prf": PRF, "dklen": _derived_length(params)}


def _derived_length(params: Mapping[str, Any]) -> int:
    length = _whole(params, "dklen", 32) if "dklen" in params else 32
    if length > LONGEST_DERIVED:
        raise _damaged(f"crypto.kdfparams.dklen: expected at most {LONGEST_DERIVED}, found {length}")
    return length


def _whole(params: Mapping[str, Any], name: str, least: int) -> int:
    """Read a whole number, which some wallets write as text."""
    value = params.get(name)
    number = int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else value
    if type(number) is not int or not least <= number < 1 << 60:
        raise _damaged(
            f"crypto.kdfparams.{name}: expected a whole number from {least}, found {described(value)}"
        )
    return number


def _hex(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    found = _HEX.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise _damaged(f"crypto: expected {name} in hex, found {described(value)}")
    size = _BYTES_OF.get(name)
    if size is not None and len(found[1]) != 2 * size:
        raise _damaged(f"crypto: expected {name} of {size} bytes, found {len(found[1]) // 2}")
    return found[1]


def _iv(fields: Mapping[str, Any]) -> str:
    """Read the counter's first block in 32 digits; eth-account writes it without leading zeros."""
    found = _hex(fields, "iv")
    if not 2 <= len(found) <= 2 * _IV_BYTES:
        raise _damaged(f"crypto: expected iv of {_IV_BYTES} bytes, found {len(found) // 2}")
    return found.zfill(2 * _IV_BYTES)


def _table(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = fields.get(name)
    if not isinstance(value, dict):
        raise _damaged(f"{name}: expected a table, found {described(value)}")
    return value


def _damaged(problem: str) -> UnlockError:
    return UnlockError(f"expected a keystore of version {VERSION}: {problem}")


def _memory(crypto: Mapping[str, Any]) -> str:
    params = crypto["kdfparams"]
    return _size(128 * params["n"] * params["r"]) if "n" in params else "little"


def _size(count: int) -> str:
    return f"{count >> 30} GiB" if count >= 1 << 30 else f"{max(1, count >> 20)} MiB"
