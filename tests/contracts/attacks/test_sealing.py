"""What operator, stakers, members and strangers may try with the seal of a round."""

from __future__ import annotations

from typing import Any

import ape
from support import DAY, LOCKED, NANO, OPEN, PPM, ROOT, SEALED, SHARE, House, is_event, payout_factor
from twins import deploy_tournament, twin_of

HUGE = 2**23 - 1


def test_attack_a_stranger_seals_before_the_operator_has_locked_everybody(house: House) -> None:
    """Nobody does, whoever signed, until the operator says that all is locked."""
    for _ in range(4):
        house.stake(house.alice, 100 * NANO, SHARE | PPM)
    round_id = house.open()
    house.lock(round_id, [True] * 4)
    house.stake(house.alice, 100 * NANO, SHARE | PPM)
    at_risk = house.round(round_id).atRisk
    for bits, count in ((0, 0), (0b1, 1), (0b11, 2)):
        with ape.reverts():
            house.tournament.seal(round_id, ROOT, at_risk, bits, b"\0" * 65 * count, sender=house.bob)
    with ape.reverts(house.tournament.AccessManagedUnauthorized, caller=house.bob):
        house.tournament.endLock(round_id, sender=house.bob)
    house.lock(round_id, [True], from_slot=1)
    house.end_lock(round_id)
    for signer in house.members:
        with ape.reverts(house.committee.TooFewSigners, signerCount=1, quorum=2):
            house.seal(round_id, signers=[signer])
    house.seal(round_id)
    is_event(house.round(round_id), state=SEALED, atRisk=500 * NANO)


def test_attack_one_member_signs_for_the_others(house: House) -> None:
    """The same signature twice, or one's own in the place of another's."""
    house.stake(house.alice, 100 * NANO, SHARE | PPM)
    round_id = house.run_to_locked()
    own = house.seal_arguments(round_id, signers=house.members[:1])
    own[3] = 0b11
    with ape.reverts(house.committee.WrongSigner, signer=house.members[0], expected=house.members[1]):
        house.tournament.seal(*own[:4], own[4] * 2, sender=house.members[0])


def test_attack_an_operator_who_adds_models_once_the_members_have_judged(house: House) -> None:
    """Members judge, and read what was encrypted, once the lock has ended: no stake is chosen by that."""
    for _ in range(4):
        house.stake(house.alice, 100 * NANO, SHARE | PPM)
    round_id = house.open()
    house.lock(round_id, [True] * 4)
    house.end_lock(round_id)
    house.stake(house.alice, 100 * NANO, SHARE | PPM)
    for seals, state in ((False, LOCKED), (True, SEALED)):
        if seals:
            house.seal(round_id)
        with ape.reverts(house.tournament.WrongState, roundId=round_id, state=state, expected=OPEN):
            house.tournament.lock(round_id, 1, b"\1", sender=house.operator)
    assert house.round(round_id).atRisk == 400 * NANO


def test_attack_the_seal_of_another_round(house: House) -> None:
    """Same positions, same submissions, same members: what was signed for one round seals no other."""
    house.stake(house.alice, 100 * NANO, 50 * NANO)
    first, second = house.open(), house.open()
    for round_id in (first, second):
        house.lock(round_id, [True])
        house.end_lock(round_id)
    assert house.round(first).positionsHead == house.round(second).positionsHead
    signed = house.seal_arguments(first)
    with ape.reverts(house.committee.WrongSigner):
        house.tournament.seal(second, *signed[1:], sender=house.bob)
    house.tournament.seal(*signed, sender=house.bob)
    with ape.reverts(house.committee.WrongSigner):
        house.tournament.seal(second, *signed[1:], sender=house.bob)


def test_attack_the_seal_of_a_twin_tournament(house: House, project: Any) -> None:
    """Same committee, round number, positions and submissions: it seals the round there, and not here."""
    twin = twin_of(house, deploy_tournament(house, project))
    for each in (house, twin):
        each.stake(house.alice, NANO, SHARE | PPM)
    assert [each.open() for each in (house, twin)] == [1, 1]
    for each in (house, twin):
        each.lock(1, [True])
        each.end_lock(1)
    assert house.round(1).positionsHead == twin.round(1).positionsHead
    signed = twin.seal_arguments(1)
    with ape.reverts(house.committee.WrongSigner):
        house.tournament.seal(*signed, sender=house.bob)
    twin.tournament.seal(*signed, sender=house.bob)
    house.seal(1)


def test_attack_a_seal_that_is_recorded_beforehand_so_that_the_round_has_none(house: House) -> None:
    """A stranger hands the members' signatures to the committee before the tournament does."""
    house.stake(house.alice, 100 * NANO, SHARE | PPM)
    round_id = house.run_to_locked()
    _, root, valid, bits, signatures = house.seal_arguments(round_id)
    r = house.round(round_id)
    with ape.reverts(house.committee.UnknownTournament):
        house.committee.recordSeal(
            round_id, r.memberSetId, r.positionsHead, root, valid, bits, signatures, sender=house.bob
        )
    house.seal(round_id)
    assert house.round(round_id).state == SEALED


def test_attack_junk_at_risk_dilutes_those_who_predict(house: House) -> None:
    """A crowd that submits nothing of use locks a hundred times the threshold: the payout factor stays."""
    house.tournament.setParameters(50_000, 100 * NANO, 0, sender=house.admin)
    house.stake(house.alice, 100 * NANO, SHARE | PPM)
    house.stake(house.bob, 10_000 * NANO, SHARE | PPM)
    round_id = house.run_to_sealed(valid=100 * NANO)
    assert payout_factor(house.round(round_id).atRisk, 100 * NANO) == 9_900
    assert house.round(round_id).payoutFactor == PPM
    scores = [[30_000, 0]]
    house.begin(house.report(round_id, scores))
    house.settle(round_id, scores)
    assert house.idle() == [103 * NANO, 10_000 * NANO]


def test_attack_a_quorum_that_lies_about_what_is_valid_pays_no_more_than_the_cap_on_it(house: House) -> None:
    """Little is said to be valid, for a factor of one: then little is all that the round can pay."""
    house.tournament.setParameters(50_000, 10 * NANO, 0, sender=house.admin)
    for _ in range(4):
        house.stake(house.alice, 100 * NANO, SHARE | PPM)
    round_id = house.run_to_sealed(valid=10 * NANO)
    greedy = house.report(round_id, [[HUGE] * 4])
    house.finalise(greedy)
    with ape.reverts(house.tournament.PayoutAboveCap, totalPayout=20 * NANO, maximum=NANO // 2):
        house.tournament.beginSettlement(greedy, sender=house.bob)


def test_attack_members_who_withhold_their_signatures(house: House) -> None:
    """The round has no seal, and becomes void after the lock window: every position comes back whole."""
    house.stake(house.alice, 100 * NANO, SHARE | PPM)
    round_id = house.run_to_locked()
    with ape.reverts(house.committee.TooFewSigners):
        house.seal(round_id, signers=house.members[:1])
    house.at(house.round(round_id).closeAt + DAY)
    house.tournament.voidRound(round_id, sender=house.bob)
    house.tournament.settle(*house.return_arguments(round_id), sender=house.bob)
    assert house.idle() == [100 * NANO]
