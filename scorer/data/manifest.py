"""A version's manifest: digests of what its files mean, and the operator's signature under them."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import rfc8785
from eth_account import Account
from eth_account.messages import encode_defunct

from scorer.data.faults import DataError
from scorer.files import SecretExposed, read_bounded, read_secret, write_whole
from scorer.protocol.documents import document_differences, from_hex, parse_json, to_hex
from scorer.protocol.typed_data import signer_of
from scorer.redaction import remember, shown_path

MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "signature.json"
LARGEST_MANIFEST: Final = 1 << 24
"""The most bytes of a manifest; an era takes some 150 of them, so that there is room for 100,000."""
FORMAT: Final = 1
Sign = Callable[[bytes], tuple[str, bytes]]
"""Signs the digest of a manifest; returns the signer's address and 65 bytes."""


@dataclass(frozen=True)
class EraEntry:
    """An era in a manifest: its split, number of ids, and digest (`scorer.data.eras.era_digest`).

    Attributes
    ----------
    shown
        The era as rows name it: its label, or a date in the shapes that name assets openly.
    """

    split: str
    rows: int
    digest: str
    shown: str


@dataclass(frozen=True)
class Manifest:
    """The description of a version of a data set.

    Attributes
    ----------
    recipe
        Hash of the recipe.
    panel
        Digest of the panel that it was built from. Members compare it with their own.
    target
        The target that the column ``target`` repeats.
    key
        A commitment to the key of identifiers: SHA-256 of a fixed text and the key.
    eras
        By label.
    files
        Digest of each file, by name; of one with eras, over their labels and digests.
    """

    name: str
    version: str
    recipe: str
    panel: str
    target: str
    key: str
    eras: Mapping[str, EraEntry]
    files: Mapping[str, str]

    def document(self) -> dict[str, Any]:
        """Return the manifest as a JSON document."""
        return {"format": FORMAT, **asdict(self)}

    def digest(self) -> bytes:
        """Return the SHA-256 of the document's canonical JSON."""
        return hashlib.sha256(rfc8785.dumps(self.document())).digest()

    def differences(self, other: "Manifest") -> list[str]:
        """Return a line for each value in which another manifest differs, this one's first."""
        return [
            f"{path}: {one} and {two}"
            for path, one, two in document_differences(self.document(), other.document())
        ]


def key_commitment(key: bytes) -> str:
    """Return what a manifest says of the key: two members see whether theirs is the same."""
    return hashlib.sha256(b"Cupel data key" + key).hexdigest()


def file_digest(eras: Sequence[tuple[str, str]]) -> str:
    """Return the digest of a file of eras, from their labels and digests."""
    return hashlib.sha256(rfc8785.dumps([list(era) for era in eras])).hexdigest()


def message_of(digest: bytes) -> bytes:
    """Return the bytes whose Keccak-256 is signed: EIP-191's personal message of a readable line."""
    text = f"Cupel data set {to_hex(digest)}".encode()
    return b"\x19Ethereum Signed Message:\n" + str(len(text)).encode() + text


def key_file_signer(path: Path) -> Sign:
    """Return a signer with the private key of a file: 64 hex digits that nobody else can read.

    Raises
    ------
    DataError
        When there is no such key.
    """
    account = _account_of(path)

    def sign(digest: bytes) -> tuple[str, bytes]:
        signable = encode_defunct(text=f"Cupel data set {to_hex(digest)}")
        return str(account.address), bytes(account.sign_message(signable).signature)

    return sign


def key_file_address(path: Path) -> str:
    """Return the address that `key_file_signer` signs as with the key of a file.

    Raises
    ------
    DataError
        When there is no such key.
    """
    return str(_account_of(path).address)


def _account_of(path: Path) -> Any:
    try:
        return read_secret(path, _account)
    except (OSError, SecretExposed, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{shown_path(path)}: expected a private key in hex, found {reason}") from None


def _account(content: bytes) -> Any:
    try:
        key = bytes.fromhex(content.decode("ascii").strip().removeprefix("0x"))
        remember(key)
        return Account.from_key(key)
    except Exception:  # noqa: BLE001 - eth-account raises many kinds, some with the key in them
        raise ValueError("another content") from None


def write_manifest(folder: Path, manifest: Manifest, sign: Sign | None) -> None:
    """Write the manifest, and the signature under it."""
    write_whole(folder / MANIFEST, rfc8785.dumps(manifest.document()))
    if sign is not None:
        signer, signature = sign(manifest.digest())
        write_whole(folder / SIGNATURE, rfc8785.dumps({"signer": signer, "signature": to_hex(signature)}))


def read_manifest(folder: Path) -> Manifest:
    """Read a manifest.

    Raises
    ------
    DataError
        When there is none, or it is no manifest.
    """
    path = folder / MANIFEST
    try:
        document = parse_json(read_bounded(path, LARGEST_MANIFEST))
        format_ = document.pop("format")
        known = type(format_) is int and format_ == FORMAT
        eras = {label: _entry(entry) for label, entry in document.pop("eras").items()}
        manifest = Manifest(**document, eras=eras)
        _require_text(*document.pop("files").values(), *document.values())
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{shown_path(path)}: expected a manifest of a data set, found {error}") from None
    if not known:
        raise DataError(f"{shown_path(path)}: expected a manifest of format {FORMAT}, found another")
    return manifest


def _entry(document: Mapping[str, Any]) -> EraEntry:
    entry = EraEntry(**document)
    _require_text(entry.split, entry.digest, entry.shown)
    if type(entry.rows) is not int:
        raise TypeError("a number of rows that is none")
    return entry


def _require_text(*values: Any) -> None:
    if not all(isinstance(value, str) for value in values):
        raise TypeError("values that are no text")


def signer_of_version(folder: Path) -> str | None:
    """Return the address that signed a version's manifest; None when nobody did.

    Raises
    ------
    DataError
        When the signature is not that of the address which it names.
    """
    path = folder / SIGNATURE
    if not path.is_file():
        return None
    try:
        document = parse_json(read_bounded(path))
        named, signature = str(document["signer"]), from_hex(document["signature"], 65)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(f"{shown_path(path)}: expected a signature, found {error}") from None
    found = signer_of(message_of(read_manifest(folder).digest()), signature)
    if found != named:
        raise DataError(
            f"{shown_path(path)}: expected the signature of {named}, found that of {found or 'nobody'}"
        )
    return found
