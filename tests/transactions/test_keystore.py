"""Keystores in the spellings of other wallets, and within bounds."""

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from eth_account import Account

from scorer.chain.accounts import KeyTextError, private_key_of, public_key_of, require_address
from scorer.transactions import keystore
from scorer.transactions.keystore import WORK, UnlockError, decrypt, encrypt, read_keystore

KEY = b"\x21" * 32
PASSWORD = "correct h\u00f6rse"
Document = dict[str, Any]


def document(kdf: str = "pbkdf2", iterations: int = 2) -> Document:
    return dict(Account.encrypt(KEY, PASSWORD, kdf=kdf, iterations=iterations))  # type: ignore[arg-type]


def opened(found: Document, mark: bytes = b"") -> bytes:
    return decrypt(read_keystore(mark + json.dumps(found).encode()), PASSWORD)


def changed(path: str, value: object, kdf: str = "pbkdf2") -> Document:
    found = document(kdf)
    *parents, last = path.split(".")
    place = found
    for name in parents:
        place = place[name]
    place[last] = value
    return found


def upper(found: Document) -> Document:
    return {name.upper(): upper(value) if isinstance(value, dict) else value for name, value in found.items()}


def with_text_numbers(found: Document) -> Document:
    params = found["crypto"]["kdfparams"]
    for name, value in params.items():
        params[name] = str(value)
    return found


SPELLINGS: dict[str, Callable[[Document], Document]] = {
    "as it is": lambda found: found,
    "MyEtherWallet's Crypto": lambda found: {"Crypto": found.pop("crypto"), **found},
    "all names in capitals": upper,
    "version as text": lambda found: found | {"version": "3"},
    "no address": lambda found: {name: value for name, value in found.items() if name != "address"},
    "0x before the address": lambda found: found | {"address": "0x" + found["address"]},
    "parameters as text": with_text_numbers,
    "other fields": lambda found: found | {"x-ethers": {"client": "ethers.js"}, "name": "mine"},
    "no id": lambda found: {name: value for name, value in found.items() if name != "id"},
    "0x before the rest": lambda found: (
        found | {"crypto": found["crypto"] | {"ciphertext": "0x" + found["crypto"]["ciphertext"].upper()}}
    ),
    "names of algorithms in capitals": lambda found: (
        found
        | {"crypto": found["crypto"] | {"kdf": found["crypto"]["kdf"].capitalize(), "cipher": "AES-128-CTR"}}
    ),
}


@pytest.mark.parametrize("kdf", ["pbkdf2", "scrypt"])
@pytest.mark.parametrize("name", SPELLINGS)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_every_wallets_spelling_is_read(kdf: str, name: str, mark: bytes) -> None:
    assert opened(SPELLINGS[name](document(kdf)), mark) == KEY


@pytest.fixture
def leading_zeros(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Let the next counters that eth-account draws begin with that many bytes of zero."""
    zeros: int = request.param

    def drawn(size: int) -> bytes:
        return bytes(zeros) + b"\x07" * (size - zeros)

    monkeypatch.setattr("eth_keyfile.keyfile.Random.get_random_bytes", drawn)


@pytest.mark.usefixtures("leading_zeros")
@pytest.mark.parametrize("leading_zeros", [0, 1, 2, 15, 16], indirect=True)
@pytest.mark.parametrize("kdf", ["pbkdf2", "scrypt"])
def test_a_counter_that_eth_account_wrote_without_its_zeros_is_read(kdf: str) -> None:
    assert opened(document(kdf)) == KEY


@pytest.mark.usefixtures("leading_zeros")
@pytest.mark.parametrize("leading_zeros", [1, 16], indirect=True)
def test_a_new_keystore_holds_its_counter_in_full() -> None:
    written = encrypt(KEY, PASSWORD)
    assert len(written["crypto"]["cipherparams"]["iv"]) == 32
    assert opened(written) == KEY


def test_a_new_keystore_is_as_much_work_to_guess_as_one_of_geth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keystore, "WORK", WORK)
    parameters = encrypt(KEY, PASSWORD)["crypto"]["kdfparams"]
    assert {name: parameters[name] for name in "nrp"} == {"n": 262_144, "r": 8, "p": 1}


@pytest.mark.parametrize(("n", "r", "p"), [(4096, 8, 6), (8192, 1, 8), (2, 1, 1), (16384, 8, 1)])
def test_scrypt_is_computed_with_any_sound_parameters(n: int, r: int, p: int) -> None:
    found = document("scrypt")
    found["crypto"]["kdfparams"] |= {"n": n, "r": r, "p": p}
    with pytest.raises(UnlockError, match="expected the password of this keystore, found another"):
        opened(found)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"version": 1, "crypto": {}}, "found version 1, a format of 2015; open it with the wallet"),
        ({"version": "1", "crypto": {}}, "found version 1"),
        ({"version": 4, "crypto": {}}, "found version 4; export the key anew"),
        ({"version": 3.0}, "found other content; a key in hex becomes one by: cupel wallet import"),
        ({"version": True}, "found other content"),
        ({"version": "0x" + KEY.hex()}, "found other content"),
        ([], "found other content"),
        (None, "found other content"),
        ("0x" + KEY.hex(), "found other content"),
        ({"version": 3, "crypto": [1]}, "crypto: expected a table, found a list of 1"),
        (changed("crypto.kdf", "md5"), "crypto.kdf: expected scrypt or pbkdf2"),
        (changed("crypto.cipher", "aes-256-cbc"), "crypto.cipher: expected aes-128-ctr"),
        (changed("crypto.kdfparams.c", 10**9), "expected at most 10000000 rounds, found 1000000000"),
        (changed("crypto.kdfparams.c", "1_000"), "crypto.kdfparams.c: expected a whole number from 1"),
        (changed("crypto.kdfparams.c", 2.0), "crypto.kdfparams.c: expected a whole number from 1"),
        (changed("crypto.kdfparams.c", True), "crypto.kdfparams.c: expected a whole number from 1"),
        (changed("crypto.kdfparams.c", -1), "crypto.kdfparams.c: expected a whole number from 1"),
        (changed("crypto.kdfparams.prf", "hmac-md5"), "crypto.kdfparams.prf: expected hmac-sha256"),
        (changed("crypto.kdfparams.dklen", 16), "crypto.kdfparams.dklen: expected a whole number from 32"),
        (changed("crypto.kdfparams.dklen", 10**9), "crypto.kdfparams.dklen: expected at most 64"),
        (changed("crypto.kdfparams.salt", "zz"), "expected salt in hex"),
        (changed("crypto.ciphertext", "ab" * 31), "expected ciphertext of 32 bytes, found 31"),
        (changed("crypto.cipherparams.iv", "00" * 17), "expected iv of 16 bytes, found 17"),
        (changed("crypto.cipherparams.iv", ""), "expected iv of 16 bytes, found 0"),
        (changed("crypto.mac", 7), "expected mac in hex, found a whole number"),
        (changed("crypto.cipherparams", None), "cipherparams: expected a table, found nothing"),
        (changed("crypto.kdfparams.n", 3, "scrypt"), "crypto.kdfparams.n: expected a power of two, found 3"),
        (changed("crypto.kdfparams.n", 0, "scrypt"), "crypto.kdfparams.n: expected a whole number from 1"),
        (changed("crypto.kdfparams.n", 2**26, "scrypt"), "n = 67108864 and r = 8, which needs 64 GiB"),
        (changed("crypto.kdfparams.r", 2**40, "scrypt"), "which needs"),
        (changed("crypto.kdfparams.p", 2**40, "scrypt"), "expected scrypt with n x r x p of at most"),
    ],
)
def test_what_is_no_keystore_or_asks_for_too_much_is_refused_in_words(found: Any, said: str) -> None:
    with pytest.raises(UnlockError) as caught:
        opened(found)
    assert said in str(caught.value)
    assert KEY.hex()[:16] not in str(caught.value)


def test_less_memory_than_a_keystore_needs_is_reported() -> None:
    """A process of 256 MiB that is asked for 1 GiB says so, and lives."""
    found = changed("crypto.kdfparams.n", 2**20, "scrypt")
    code = f"""
import resource
from scorer.transactions.keystore import UnlockError, decrypt, encrypt, read_keystore
import Crypto.Protocol.KDF, Crypto.Cipher.AES
used = int(open('/proc/self/statm').read().split()[0]) * 4096
resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, {resource.RLIM_INFINITY}))
try:
    decrypt(read_keystore({json.dumps(found).encode()!r}), 'x')
except UnlockError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "it needs 1 GiB" in done.stdout, done.stderr
    assert done.returncode == 0


HEX = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"


@pytest.mark.parametrize("text", [HEX, "0x" + HEX, "0X" + HEX.upper(), f"  {HEX}\r\n"])
def test_a_key_of_64_digits_is_read(text: str) -> None:
    assert private_key_of(text).hex() == HEX


@pytest.mark.parametrize(
    "text",
    [
        HEX[:-1],
        HEX[1:],
        HEX + "0",
        "0" + HEX,
        "00" + HEX,
        HEX[:-2],
        HEX[:-1] + "g",
        HEX[:-1] + "\uff11",
        HEX[:32] + " " + HEX[32:],
        HEX[:32] + "\n" + HEX[32:],
        "0x0x" + HEX,
        "0x",
        "",
        "0" * 64,
        "f" * 64,
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
        f'"{HEX}"',
        f"key={HEX}",
        HEX + " # mine",
        "\u200b" + HEX,
    ],
)
def test_a_key_of_other_digits_is_never_filled_up_or_cut_off(text: str) -> None:
    with pytest.raises(KeyTextError, match=r"expected a private key in hex \(64 digits\), found") as caught:
        private_key_of(text)
    assert HEX[4:20] not in str(caught.value)


def test_a_public_key_is_a_point_of_the_curve() -> None:
    public = Account.from_key(KEY)._key_obj.public_key.to_bytes().hex()
    assert public_key_of("0x" + public).hex() == public
    for wrong in (
        public[:-1],
        public + "0",
        public[:-1] + ("0" if public[-1] != "0" else "1"),
        "11" * 64,
        HEX,
    ):
        with pytest.raises(KeyTextError, match="expected a public key"):
            public_key_of(wrong)


MIXED = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"


@pytest.mark.parametrize("text", [MIXED, MIXED.lower(), "0x" + MIXED[2:].upper()])
def test_an_address_has_40_digits_and_a_right_checksum(text: str) -> None:
    assert require_address(text) == text


@pytest.mark.parametrize(
    "value",
    [
        MIXED[2:],
        MIXED[:-1],
        MIXED + "0",
        MIXED.swapcase(),
        MIXED.replace("E", "e", 1),
        f" {MIXED}",
        f"{MIXED}\n",
        "0X" + MIXED[2:].lower(),
        1,
        None,
        b"\x01" * 20,
        [MIXED],
        HEX,
    ],
)
def test_what_is_no_address_is_refused(value: object) -> None:
    with pytest.raises(KeyTextError, match="expected an address"):
        require_address(value)
