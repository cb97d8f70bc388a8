"""Interim scores, as the server reads what a member publishes while a round runs."""

import json
from collections.abc import Sequence
from typing import Final

from eth_account import Account
from eth_hash.auto import keccak

from scorer.protocol.documents import parse_json
from scorer.protocol.interim_scores import InterimScores, SignedInterimScores
from tests.hostile.bundles import spoil_number
from tests.hostile.submissions import spoil_json
from tests.hostile.target import Target
from tests.small_round import address_of, key_of


def _seeds() -> Sequence[bytes]:
    scores = {"corr_target": (120, None, -7), "mmc_target": (0, 5, 3)}
    where = 31337, "0x5FbDB2315678afecb367f032d93F642f64180aa3", 4
    found = InterimScores(*where, 3, 20, "2007-01-05", (2, 5, 9), scores, (12, 0, -1))
    signature = bytes(Account.unsafe_sign_hash(keccak(found.message), key_of(9)).signature)
    good = SignedInterimScores(found, address_of(9), signature)
    return [json.dumps(good.to_json()).encode(), b"[]", b"{}", b"null"]


def _read(content: bytes) -> None:
    signed = SignedInterimScores.from_json(parse_json(content))
    assert isinstance(signed.is_signed, bool)


TARGETS: Final = (
    Target(
        "interim-scores",
        _seeds,
        _read,
        (KeyError, TypeError, ValueError),
        (),
        (spoil_json, spoil_number, spoil_number),
    ),
)
