"""Deciding on envelopes: every quorum decides alike, whatever a data scientist broke or a member says."""

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.encryption.context import HEADER_SIZE
from scorer.encryption.decryption import (
    BLOCK,
    Decryption,
    EnvelopeState,
    Statements,
    decrypt,
    decrypt_block,
    decrypt_round,
)
from scorer.encryption.derivation import EnvelopeKey
from scorer.encryption.envelope import Envelope
from scorer.encryption.errors import EnvelopeFault, EnvelopeRefused, ShareFault, ShareRefused
from scorer.encryption.keys import Identity
from scorer.encryption.shamir import combine
from scorer.encryption.shares import open_box, open_box_with
from tests.encryption.small import (
    IDENTITIES,
    KEY,
    MEMBERS,
    OTHER_KEY,
    OTHER_ROUND,
    PREDICTIONS,
    THRESHOLD,
    UNIVERSE,
    all_honest,
    box_at,
    broken_envelopes,
    good,
    honest,
    parsed,
    submission,
    with_box,
)

VALID, BROKEN, UNDECIDED = EnvelopeState.VALID, EnvelopeState.BROKEN, EnvelopeState.UNDECIDED
BROKEN_ENVELOPES = broken_envelopes()
QUORUMS = [
    places for count in range(THRESHOLD, MEMBERS + 1) for places in combinations(range(MEMBERS), count)
]
OTHER_ENVELOPES_KEY = open_box(parsed(submission(OTHER_KEY).content), 0, IDENTITIES[0]).box_key
LIES: Mapping[str, tuple[bytes | None, ShareFault]] = {
    "zeros": (bytes(16), ShareFault.WRONG_KEY),
    "a random key": (b"\x81" * 16, ShareFault.WRONG_KEY),
    "the key of another envelope": (OTHER_ENVELOPES_KEY, ShareFault.WRONG_KEY),
    "a short key": (b"\x81", ShareFault.WRONG_KEY),
    "another member's key": (honest(parsed(good().content), 1), ShareFault.WRONG_KEY),
    "that the box does not open": (None, ShareFault.DENIED),
}
"""What a lying member says of a valid envelope, and what it is accused of."""


def decide(envelope: Envelope, statements: Statements) -> Decryption:
    return decrypt_block([(envelope, statements)], UNIVERSE)[0]


@cache
def good_statements() -> Statements:
    return all_honest(parsed(good().content))


def of(places: tuple[int, ...], statements: Statements) -> Statements:
    return {place: statements[place] for place in places}


# Valid envelopes.


@pytest.mark.parametrize("places", QUORUMS)
def test_every_quorum_finds_the_key_of_a_valid_envelope(places: tuple[int, ...]) -> None:
    found = decide(parsed(good().content), of(places, good_statements()))
    assert found.state == VALID
    assert found.key == good().key
    assert found.predictions is not None
    assert found.predictions.tobytes() == PREDICTIONS.tobytes()
    assert found.decided_by == places[:THRESHOLD]
    assert found.accused == {}


@pytest.mark.parametrize("count", range(THRESHOLD))
def test_fewer_than_the_threshold_decide_nothing(count: int) -> None:
    for places in combinations(range(MEMBERS), count):
        found = decide(parsed(good().content), of(places, good_statements()))
        assert (found.state, found.key, found.predictions) == (UNDECIDED, None, None)


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("liar", range(MEMBERS))
def test_one_liar_among_the_members_changes_nothing_and_is_named(lie: str, liar: int) -> None:
    said, fault = LIES[lie]
    if lie == "another member's key" and liar == 1:
        said = honest(parsed(good().content), 0)
    if lie == "the key of another envelope" and liar != 0:
        said = open_box(parsed(submission(OTHER_KEY).content), liar, IDENTITIES[liar]).box_key
    found = decide(parsed(good().content), {**good_statements(), liar: said})
    assert found.state == VALID
    assert found.key == good().key
    assert found.accused == {liar: fault}
    assert liar not in found.decided_by


@pytest.mark.parametrize("lie", LIES)
def test_a_liar_among_exactly_a_quorum_leaves_it_undecided_and_a_wrong_key_is_named_even_so(lie: str) -> None:
    said, fault = LIES[lie]
    places = tuple(range(THRESHOLD))
    found = decide(parsed(good().content), {**of(places, good_statements()), 0: said})
    assert found.state == UNDECIDED
    assert found.accused == ({} if said is None else {0: fault})


def test_a_key_of_a_stranger_to_the_member_set_is_ignored_and_named() -> None:
    found = decide(parsed(good().content), {**good_statements(), -1: b"\1" * 16, 99: None})
    assert (found.state, found.key) == (VALID, good().key)
    assert found.accused == {-1: ShareFault.NO_BOX}


# Envelopes that are broken on purpose.


@pytest.mark.parametrize("what", BROKEN_ENVELOPES)
def test_no_quorum_counts_a_broken_envelope_and_nobody_is_accused(what: str) -> None:
    """Whichever members release, also those whose own box opens; all are honest."""
    envelope = parsed(BROKEN_ENVELOPES[what])
    said = all_honest(envelope)
    for places in QUORUMS:
        found = decide(envelope, of(places, said))
        opened = [place for place in places if said[place] is not None]
        assert found.state == (BROKEN if len(opened) >= THRESHOLD else UNDECIDED), places
        assert (found.key, found.predictions, found.accused) == (None, None, {})


@pytest.mark.parametrize("what", BROKEN_ENVELOPES)
def test_no_liar_makes_a_broken_envelope_count(what: str) -> None:
    envelope = parsed(BROKEN_ENVELOPES[what])
    said = all_honest(envelope)
    for liar in range(MEMBERS):
        for lie in (good_statements()[liar], bytes(16), None):
            assert decide(envelope, {**said, liar: lie}).state != VALID


def test_members_whose_statements_decide_agree_for_every_pair_of_quorums() -> None:
    """Whatever was broken, and whoever lies: never valid to one quorum and broken to another."""
    for content in (good().content, *BROKEN_ENVELOPES.values()):
        envelope = parsed(content)
        states = set()
        for liar in range(MEMBERS):
            said = {**all_honest(envelope), liar: b"\x81" * 16}
            states |= {decide(envelope, of(places, said)).state for places in QUORUMS}
        assert not {VALID, BROKEN} <= states


@pytest.mark.parametrize(
    ("what", "fault"),
    [
        ("a payload unreadable", EnvelopeFault.UNREADABLE),
        ("a payload with a changed tag", EnvelopeFault.UNREADABLE),
        ("a payload of other predictions", EnvelopeFault.WRONG_CONTENT),
        ("a payload of a negative zero", EnvelopeFault.NOT_CANONICAL),
        ("a payload of NaN", EnvelopeFault.NOT_CANONICAL),
        ("a payload for another reader", EnvelopeFault.NOT_REPRODUCIBLE),
        ("a payload with another ephemeral key", EnvelopeFault.NOT_REPRODUCIBLE),
        ("the right share in a random box at 0", EnvelopeFault.NOT_REPRODUCIBLE),
        ("a box for a stranger at 0", EnvelopeFault.NOT_REPRODUCIBLE),
        ("a share of another key at 0", EnvelopeFault.UNREADABLE),
    ],
)
def test_what_is_broken_is_named(what: str, fault: EnvelopeFault) -> None:
    envelope = parsed(BROKEN_ENVELOPES[what])
    assert decide(envelope, all_honest(envelope)).fault == fault


def test_a_box_that_was_broken_for_one_member_is_noticed_by_the_others() -> None:
    """The others' boxes are good and give the key; but the key makes another box for that member."""
    envelope = parsed(BROKEN_ENVELOPES["a box for a stranger at 4"])
    said = all_honest(envelope)
    assert said[4] is None
    found = decide(envelope, of((0, 1, 2, 3), said))
    assert (found.state, found.fault) == (BROKEN, EnvelopeFault.NOT_REPRODUCIBLE)


# Boxes.


@pytest.mark.parametrize("place", range(MEMBERS))
def test_a_box_key_shows_the_same_share_to_everybody(place: int) -> None:
    envelope = parsed(good().content)
    opened = open_box(envelope, place, IDENTITIES[place])
    assert open_box_with(envelope, place, opened.box_key) == opened.share
    assert opened.share.hex() not in repr(opened)
    assert opened.box_key.hex() not in repr(opened)


def test_boxes_that_are_copied_into_another_submission_are_neither_released_nor_used() -> None:
    """A thief enters the boxes of an open round as its own, in a round that is locked, to be given shares."""
    victim = submission(OTHER_KEY, OTHER_ROUND)
    stolen = parsed(good().context.header + victim.content[HEADER_SIZE:])
    for place in range(MEMBERS):
        with pytest.raises(ShareRefused) as refused:
            open_box(stolen, place, IDENTITIES[place])
        assert refused.value.fault == ShareFault.OTHER_CONTEXT
    keys = {
        place: open_box(parsed(victim.content, victim.context), place, IDENTITIES[place]).box_key
        for place in range(MEMBERS)
    }
    found = decide(stolen, keys)
    assert found.state == UNDECIDED
    assert found.accused == dict.fromkeys(range(MEMBERS), ShareFault.OTHER_CONTEXT)


def test_boxes_that_are_swapped_within_an_envelope_do_not_open() -> None:
    content = good().content
    swapped = with_box(with_box(content, 0, box_at(content, 1)), 1, box_at(content, 0))
    for place in (0, 1):
        with pytest.raises(ShareRefused) as refused:
            open_box(parsed(swapped), place, IDENTITIES[place])
        assert refused.value.fault == ShareFault.UNREADABLE


def test_a_member_that_lost_its_key_opens_nothing_and_is_named_when_it_says_so() -> None:
    envelope = parsed(good().content)
    with pytest.raises(ShareRefused) as refused:
        open_box(envelope, 2, Identity(b"\x77" * 32))
    assert refused.value.fault == ShareFault.UNREADABLE
    found = decide(envelope, {**good_statements(), 2: None})
    assert (found.state, found.accused) == (VALID, {2: ShareFault.DENIED})


def test_a_member_without_a_box_is_told() -> None:
    with pytest.raises(ShareRefused) as refused:
        open_box(parsed(good().content), MEMBERS, IDENTITIES[0])
    assert refused.value.fault == ShareFault.NO_BOX


@given(st.binary(max_size=40))
def test_no_box_key_has_the_reader_raise_anything_but_a_refusal(box_key: bytes) -> None:
    with pytest.raises(ShareRefused):
        open_box_with(parsed(good().content), 0, box_key)


# Many at once.


def many(count: int) -> Iterator[tuple[Envelope, Statements]]:
    """Every third is broken, and every fifth undecided; members that release differ."""
    broken = list(BROKEN_ENVELOPES.values())
    for place in range(count):
        envelope = parsed(broken[place % len(broken)] if place % 3 == 0 else good().content)
        said = all_honest(envelope)
        yield envelope, of(QUORUMS[place % len(QUORUMS)], said) if place % 5 else of((0,), said)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_round_is_decided_in_order_and_each_envelope_for_itself(threads: int) -> None:
    pairs = list(many(BLOCK + 3))
    found = list(
        decrypt_round([each for each, _ in pairs], [said for _, said in pairs], UNIVERSE, threads=threads)
    )
    assert [each.envelope for each in found] == [envelope for envelope, _ in pairs]
    alone = [decide(*pair) for pair in pairs]
    assert [(each.state, each.fault, each.decided_by) for each in found] == [
        (each.state, each.fault, each.decided_by) for each in alone
    ]
    assert {each.state for each in found} == {VALID, BROKEN, UNDECIDED}


def test_a_round_without_submissions_is_decided() -> None:
    assert list(decrypt_round([], [], UNIVERSE)) == []


def test_statements_are_one_an_envelope() -> None:
    with pytest.raises(ValueError, match="shorter"):
        list(decrypt_round([parsed(good().content)], [], UNIVERSE))


def test_a_decision_shows_no_key_and_no_prediction() -> None:
    found = decide(parsed(good().content), good_statements())
    text = repr(found)
    assert KEY.hex() not in text
    assert repr(KEY) not in text
    assert "array" not in text


def test_members_below_the_quorum_that_pool_their_shares_find_another_key() -> None:
    """The lowest polynomial through the shares that they have is not the envelope's."""
    envelope = parsed(good().content)
    for places in combinations(range(MEMBERS), THRESHOLD - 1):
        shares = b"".join(open_box(envelope, place, IDENTITIES[place]).share for place in places)
        table = np.frombuffer(shares, np.uint8).reshape(THRESHOLD - 1, 1, 32)
        guessed = combine(table, [place + 1 for place in places]).tobytes()
        with pytest.raises(EnvelopeRefused):
            decrypt(envelope, EnvelopeKey(guessed), UNIVERSE)
