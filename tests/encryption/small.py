"""A small round whose submissions are encrypted, and envelopes that are broken on purpose."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Final

import numpy as np

from scorer.encryption import age, plaintext, shamir
from scorer.encryption.context import BOX_SIZE, HEADER_SIZE, EnvelopeContext, MemberKeys, RoundContext
from scorer.encryption.decryption import Statements
from scorer.encryption.derivation import EnvelopeKey, derive
from scorer.encryption.envelope import (
    EncryptedSubmission,
    Envelope,
    box_beginning,
    encrypt_predictions,
    number,
    parse_envelope,
)
from scorer.encryption.errors import ShareRefused
from scorer.encryption.keys import Identity
from scorer.encryption.plaintext import Floats
from scorer.encryption.shares import open_box
from scorer.protocol.digest import content_hash

UNIVERSE: Final = tuple(f"id{place:03}" for place in range(30))
MEMBERS: Final = 5
THRESHOLD: Final = 4
IDENTITIES: Final = tuple(Identity(bytes([50 + place]) * 32) for place in range(MEMBERS))
KEYS: Final = MemberKeys(tuple(each.public for each in IDENTITIES), THRESHOLD)
ROUND: Final = RoundContext(137, "0x5FbDB2315678afecb367f032d93F642f64180aa3", 7)
OTHER_ROUND: Final = replace(ROUND, round_id=8)
MODEL: Final = 3
PREDICTIONS: Final[Floats] = np.linspace(0, 1, len(UNIVERSE))
KEY: Final = bytes(range(32))
OTHER_KEY: Final = bytes(range(1, 33))
STRANGE_SECRETS: Final = age.FileSecrets(b"\x31" * 16, b"\x32" * 16, (b"\x33" * 32,))
"""That no key gives."""


def submission(
    key: bytes = KEY, place: RoundContext = ROUND, model: int = MODEL, predictions: Floats = PREDICTIONS
) -> EncryptedSubmission:
    """A good one."""
    return encrypt_predictions(UNIVERSE, predictions, place, model, KEYS, EnvelopeKey(key))


@cache
def good() -> EncryptedSubmission:
    """The one of model 3."""
    return submission()


def parsed(content: bytes, context: EnvelopeContext | None = None) -> Envelope:
    """An envelope as everybody reads it."""
    return parse_envelope(content, context or good().context)


def honest(envelope: Envelope, place: int) -> bytes | None:
    """What an honest member says of an envelope."""
    try:
        return open_box(envelope, place, IDENTITIES[place]).box_key
    except ShareRefused:
        return None


def all_honest(envelope: Envelope) -> Statements:
    """What all members say, when all are honest."""
    return {place: honest(envelope, place) for place in range(MEMBERS)}


def box_at(content: bytes, place: int) -> bytes:
    """A member's box."""
    start = HEADER_SIZE + BOX_SIZE * place
    return content[start : start + BOX_SIZE]


def with_box(content: bytes, place: int, box: bytes) -> bytes:
    """The same envelope with another box."""
    start = HEADER_SIZE + BOX_SIZE * place
    return content[:start] + box + content[start + len(box) :]


def with_payload(content: bytes, payload: bytes) -> bytes:
    """The same envelope with another payload."""
    return content[: HEADER_SIZE + BOX_SIZE * MEMBERS] + payload


def share_of(key: bytes, place: int) -> bytes:
    """A member's share of the good envelope under a key."""
    secrets = derive(EnvelopeKey(key), good().context)
    (share,) = shamir.split(key, secrets.coefficients, [number(place)])
    return bytes(share)


def box_of(
    content: bytes, place: int, *, reader: int | None = None, secrets: age.FileSecrets | None = None
) -> bytes:
    """A box of any content for a member."""
    public = KEYS.published[place if reader is None else reader]
    return age.encrypt(content, [public], secrets or STRANGE_SECRETS)


def _right_content(place: int) -> bytes:
    return box_beginning(good().context, place) + share_of(KEY, place)


def _changed(box: bytes, at: int) -> bytes:
    spoiled = bytearray(box)
    spoiled[at] ^= 1
    return bytes(spoiled)


def _own_secrets(place: int) -> age.FileSecrets:
    return derive(EnvelopeKey(KEY), good().context).boxes[place]


def _of_the_other_round(place: int) -> bytes:
    return box_at(submission(OTHER_KEY, OTHER_ROUND).content, place)


BROKEN_BOXES: Final[Mapping[str, Callable[[int], bytes]]] = {
    "a changed share": lambda place: _changed(box_at(good().content, place), -20),
    "a changed tag": lambda place: _changed(box_at(good().content, place), -1),
    "a changed nonce": lambda place: _changed(box_at(good().content, place), age.header_size(1)),
    "a share of another key": lambda place: box_of(
        box_beginning(good().context, place) + share_of(OTHER_KEY, place), place, secrets=_own_secrets(place)
    ),
    "a share of zeros": lambda place: box_of(box_beginning(good().context, place) + bytes(32), place),
    "another member's share": lambda place: box_of(
        box_beginning(good().context, place) + share_of(KEY, (place + 1) % MEMBERS), place
    ),
    "another member's box": lambda place: box_at(good().content, (place + 1) % MEMBERS),
    "a box for another member": lambda place: box_of(
        _right_content(place), place, reader=(place + 1) % MEMBERS
    ),
    "a box for a stranger": lambda place: age.encrypt(
        _right_content(place), [Identity(b"\x07" * 32).public], _own_secrets(place)
    ),
    "the right share in a random box": lambda place: box_of(_right_content(place), place),
    "the right share for another place": lambda place: box_of(
        box_beginning(good().context, (place + 1) % MEMBERS) + share_of(KEY, place), place
    ),
    "a box of another round": _of_the_other_round,
}
"""Boxes that a data scientist makes on purpose, each of the right size and form, by place."""


def _payload(content: bytes, key: bytes = KEY, secrets: age.FileSecrets | None = None) -> bytes:
    made = derive(EnvelopeKey(key), good().context)
    return age.encrypt(content, [made.identity.public], secrets or made.payload)


def _other_plaintext() -> bytes:
    return plaintext.encode(PREDICTIONS[::-1].copy())


BROKEN_PAYLOADS: Final[Mapping[str, Callable[[], bytes]]] = {
    "unreadable": lambda: _payload(plaintext.encode(PREDICTIONS), OTHER_KEY),
    "with a changed prediction": lambda: _changed(_payload(plaintext.encode(PREDICTIONS)), -20),
    "with a changed tag": lambda: _changed(_payload(plaintext.encode(PREDICTIONS)), -1),
    "of other predictions": lambda: _payload(_other_plaintext()),
    "of a negative zero": lambda: _payload(
        np.where(PREDICTIONS == 0, -0.0, PREDICTIONS).astype("<f8").tobytes()
    ),
    "of NaN": lambda: _payload(np.full(len(UNIVERSE), np.nan).astype("<f8").tobytes()),
    "of numbers above 1": lambda: _payload(np.full(len(UNIVERSE), 1.5).astype("<f8").tobytes()),
    "for another reader": lambda: age.encrypt(
        plaintext.encode(PREDICTIONS),
        [IDENTITIES[0].public],
        derive(EnvelopeKey(KEY), good().context).payload,
    ),
    "with another ephemeral key": lambda: _payload(
        plaintext.encode(PREDICTIONS),
        secrets=replace(derive(EnvelopeKey(KEY), good().context).payload, ephemerals=(b"\x05" * 32,)),
    ),
}
"""Payloads of the right size and form that the key does not make of the signed predictions."""


def broken_envelopes() -> dict[str, bytes]:
    """Every kind of broken box at two places, broken boxes of several members, and broken payloads."""
    content = good().content
    found = {
        f"{kind} at {place}": with_box(content, place, make(place))
        for kind, make in BROKEN_BOXES.items()
        for place in (0, MEMBERS - 1)
    }
    for kind, make in BROKEN_BOXES.items():
        several = content
        for place in range(MEMBERS - THRESHOLD + 1):
            several = with_box(several, place, make(place))
        found[f"{kind} at so many that no quorum has shares"] = several
    found |= {f"a payload {kind}": with_payload(content, make()) for kind, make in BROKEN_PAYLOADS.items()}
    return found


def fresh_context(model: int = MODEL, place: RoundContext = ROUND) -> EnvelopeContext:
    """The context of `PREDICTIONS` for another model or round."""
    return EnvelopeContext(place, model, content_hash(UNIVERSE, PREDICTIONS), len(UNIVERSE), KEYS)
