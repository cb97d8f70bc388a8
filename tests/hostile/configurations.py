"""What operators and wallets write: node.toml, deployment files, manifests, rules and keystores.

Whatever is wrong with them, no message holds a part of a secret that stands in them.
"""

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

import tomli_w
from eth_account import Account
from eth_keys.datatypes import PrivateKey

from scorer.client.keystore import KeystoreError, read_key
from scorer.daemon.config_errors import ConfigError
from scorer.daemon.configuration import load_config
from scorer.daemon.deployment_file import read_deployment
from scorer.deployment.document import DeploymentFileError, load_document
from scorer.deployment.manifest import ManifestError, read_manifest
from scorer.protocol.rules import RulesError, load_rules, preset
from scorer.transactions.keystore import UnlockError, decrypt, read_keystore
from tests.hostile.target import Mutation, Target

KEY: Final = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
PASSWORD: Final = "correct-horse-battery-9staple-x2"
PROVIDER: Final = "0b1c2d3e4f5061728394a5b6c7d8e9f0"
URL: Final = f"https://user:{PASSWORD}@node.example/v3/{PROVIDER}"
SECRETS: Final = (KEY, PASSWORD, PROVIDER)
WINDOW: Final = 24
"""Characters of a secret in a row that no message may hold, in either case."""
PARTS: Final = frozenset(
    secret[at : at + WINDOW].lower() for secret in SECRETS for at in range(len(secret) - WINDOW + 1)
)
LONGEST_MESSAGE: Final = 20_000
PUBLIC_KEY: Final = PrivateKey(b"\x21" * 32).public_key.to_bytes().hex()
ADDRESS: Final = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"
REPOSITORY: Final = Path(__file__).parents[2]

NODE: Final[dict[str, Any]] = {
    "chain": {"endpoints": [URL], "chain_id": 137, "deployment": "d.json", "transaction_cap": 5.0},
    "files": {"published": "published", "rounds": "rounds"},
    "key": {"file": "key"},
    "relay": {"remote": URL, "public_key": PUBLIC_KEY},
    "journal": {"url_file": "journal-url"},
    "run": {"interval": 15.0, "port": 9101, "lost_challenges": [3]},
    "sanity": {"accepted": ["corr"]},
}
DEPLOYMENT: Final = dict.fromkeys(
    ("authority", "numeraire", "registry", "committee", "tournament", "burn_sink", "roller"), ADDRESS
) | {"chain_id": 137, "block": 1}
VALUES: Final[tuple[Any, ...]] = (
    *(
        KEY,
        "0x" + KEY,
        KEY.upper(),
        KEY[:-1],
        PASSWORD,
        URL,
        PROVIDER,
        int(KEY, 16),
        [KEY],
        {"key": KEY},
        {KEY: 1},
    ),
    *(
        True,
        False,
        0,
        1,
        -1,
        1.0,
        1e308,
        float("inf"),
        float("nan"),
        2**63,
        2**64,
        10**400,
        "",
        " ",
        "\x00",
        "\ud7ff",
    ),
    *(
        "1_000",
        "+5",
        "1e3",
        "\uff11",
        "inf",
        [],
        {},
        [[]],
        "x" * 5000,
        "../..",
        ADDRESS.lower(),
        ADDRESS.swapcase(),
    ),
)


@cache
def _folder() -> Path:
    """A folder of this process with the secrets that a configuration names."""
    os.umask(0o077)
    folder = Path(tempfile.mkdtemp(prefix="cupel-hostile-"))
    (folder / "key").write_text(KEY)
    (folder / "journal-url").write_text(f"postgresql+psycopg://u:{PASSWORD}@127.0.0.1/j")
    return folder


def quiet(read: Callable[[Path], object], name: str) -> Callable[[bytes], object]:
    """Reads an input from a file of that name; what it raises may hold no part of a secret."""

    def parse(content: bytes) -> object:
        path = _folder() / name
        path.write_bytes(content)
        try:
            return read(path)
        except Exception as error:
            message = str(error)
            found = [at for at in range(len(message)) if message[at : at + WINDOW].lower() in PARTS]
            if found or len(message) > LONGEST_MESSAGE:
                raise AssertionError(f"a secret at {found[:3]} of {len(message)} characters") from None
            raise

    return parse


def _node(path: Path) -> None:
    config = load_config(path)
    config.key.signer()
    if config.relay is not None:
        config.relay.signer()
    _ = config.journal.location


def _keystore(path: Path) -> None:
    """Checked as it is; derived only where that is quick, as others may ask for seconds of work."""
    document = read_keystore(path.read_bytes())
    crypto = document.get("crypto")
    params = crypto.get("kdfparams") if isinstance(crypto, dict) else None
    if isinstance(params, dict) and str(params.get("c", 2)) == "2" and "n" not in params:
        decrypt(document, PASSWORD)


def _toml(document: dict[str, Any]) -> bytes:
    return tomli_w.dumps(document).encode()


def _document_of(content: bytes) -> tuple[Any, Callable[[Any], bytes]]:
    """A document and how to write it again; None where it is neither JSON nor TOML."""
    import tomllib

    try:
        return json.loads(content), lambda found: json.dumps(found).encode()
    except (ValueError, RecursionError):
        pass
    try:
        return tomllib.loads(content.decode()), _toml
    except (ValueError, RecursionError):
        return None, lambda _: content


def _places(document: Any, levels: int = 20) -> list[tuple[Any, Any]]:
    """(container, key) of every value."""
    found: list[tuple[Any, Any]] = []
    if levels and isinstance(document, dict | list):
        for key in list(document) if isinstance(document, dict) else range(len(document)):
            found.append((document, key))
            found += _places(document[key], levels - 1)
    return found


def _changed(change: Callable[[list[tuple[Any, Any]], Random], None]) -> Mutation:
    def mutate(content: bytes, stream: Random) -> bytes:
        document, write = _document_of(content)
        places = _places(document)
        if not places:
            return content
        try:
            change(places, stream)
            return write(document)
        except (TypeError, ValueError, AttributeError, RecursionError):
            return content

    return mutate


def _set(places: list[tuple[Any, Any]], stream: Random) -> None:
    container, key = stream.choice(places)
    container[key] = deepcopy(stream.choice(VALUES))


def _remove(places: list[tuple[Any, Any]], stream: Random) -> None:
    container, key = stream.choice(places)
    del container[key]


def _add(places: list[tuple[Any, Any]], stream: Random) -> None:
    tables = [container for container, _ in places if isinstance(container, dict)]
    name = stream.choice(("private_key", "password", "url", KEY, PASSWORD, URL, "a.b", "", "x\ny"))
    if tables:
        stream.choice(tables)[name] = deepcopy(stream.choice(VALUES))


def _swap(places: list[tuple[Any, Any]], stream: Random) -> None:
    (one, first), (other, second) = stream.choice(places), stream.choice(places)
    one[first] = deepcopy(other[second])


def _nest(content: bytes, stream: Random) -> bytes:
    levels = stream.choice((20, 1_000, 100_000))
    kinds = (b"a = " + b"[" * levels, b"[" * levels, b'{"a":' * levels, b"a." * (levels // 20) + b"b = 1\n")
    return stream.choice((b"", content + b"\n")) + stream.choice(kinds)


def _mark(content: bytes, stream: Random) -> bytes:
    return stream.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")) + content


def _recode(content: bytes, stream: Random) -> bytes:
    text = content.decode("utf-8", "replace")
    return text.encode(stream.choice(("utf-16", "utf-32", "latin-1", "utf-8-sig")), "replace")


def _unquote(content: bytes, stream: Random) -> bytes:
    """A quotation mark is missing, so that what follows it is no text any more."""
    marks = [at for at, each in enumerate(content) if each == ord('"')]
    at = stream.choice(marks) if marks else 0
    return content[:at] + content[at + 1 :]


STRUCTURE: Final = (*map(_changed, (_set, _set, _remove, _add, _swap)), _nest, _mark, _recode, _unquote)


def _nodes() -> Sequence[bytes]:
    keys: tuple[dict[str, str], ...] = (
        {"file": f"0x{KEY}"},
        {"private_key": KEY},
        {"keystore": "k.json", "password_file": PASSWORD},
        {"remote": URL, "public_key": f"0x{KEY}"},
        {"mnemonic": " ".join(["test"] * 11 + ["junk"])},
    )
    changed = [NODE | {"key": key} for key in keys]
    changed += [NODE | {"journal": {"url": URL}}, NODE | {"journal": {"file": URL}}]
    good = {name: NODE[name] for name in ("chain", "files", "key", "journal", "run")}
    return [_toml(each) for each in (good, NODE, *changed)]


def _deployments() -> Sequence[bytes]:
    files = [path.read_bytes() for path in sorted((REPOSITORY / "deployments").glob("*.toml"))]
    return [*files, *(content.replace(b'"deployer"', f'"{KEY}"'.encode()) for content in files)]


def _addresses() -> Sequence[bytes]:
    return [
        json.dumps(each).encode() for each in (DEPLOYMENT, DEPLOYMENT | {"numeraire": KEY, URL: PASSWORD})
    ]


def _manifests() -> Sequence[bytes]:
    contract = {"contract": "Numeraire", "address": ADDRESS, "arguments": {"key": KEY}}
    manifest: dict[str, Any] = DEPLOYMENT | {
        "format": 1,
        "deployer": ADDRESS,
        "contracts": {"numeraire": contract},
        "tournaments": {"classic": ADDRESS},
        "compiler": {"version": "0.8.30"},
        "deployment": {"name": "trial"},
    }
    return [
        json.dumps(manifest).encode(),
        json.dumps(manifest | {"contracts": {KEY: {"address": KEY}}}).encode(),
    ]


def _rules() -> Sequence[bytes]:
    documents = [json.loads(preset(name).canonical_json()) for name in ("classic", "signals", "crypto")]
    spoiled = documents[0] | {"name": KEY, URL: PASSWORD}
    return [
        write(each) for each in (*documents, spoiled) for write in (_toml, lambda it: json.dumps(it).encode())
    ]


def _keystores() -> Sequence[bytes]:
    found = Account.encrypt(bytes.fromhex(KEY), PASSWORD, kdf="pbkdf2", iterations=2)
    scrypt = Account.encrypt(bytes.fromhex(KEY), PASSWORD, kdf="scrypt", iterations=2)
    shapes = [found, scrypt, found | {"version": "3"}, found | {"version": 1}, {"private": KEY}]
    return [json.dumps(each).encode() for each in shapes]


def _keys() -> Sequence[bytes]:
    return [KEY.encode(), f"0x{KEY}\r\n".encode(), b"\xef\xbb\xbf" + KEY.encode(), KEY[:-1].encode()]


TARGETS: Final = (
    Target("node.toml", _nodes, quiet(_node, "node.toml"), (ConfigError,), mutations=STRUCTURE),
    Target(
        "deployment file",
        _deployments,
        quiet(lambda path: load_document(path, {"TREASURY": ADDRESS}), "trial.toml"),
        (DeploymentFileError,),
        mutations=STRUCTURE,
    ),
    Target(
        "deployment.json",
        _addresses,
        quiet(read_deployment, "deployment.json"),
        (ConfigError,),
        mutations=STRUCTURE,
    ),
    Target(
        "manifest", _manifests, quiet(read_manifest, "manifest.json"), (ManifestError,), mutations=STRUCTURE
    ),
    Target("rules document", _rules, quiet(load_rules, "rules.toml"), (RulesError,), mutations=STRUCTURE),
    Target("keystore", _keystores, quiet(_keystore, "keystore.json"), (UnlockError,), mutations=STRUCTURE),
    Target("key file", _keys, quiet(read_key, "a-key"), (KeystoreError,), mutations=STRUCTURE),
)
