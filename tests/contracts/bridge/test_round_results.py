"""RoundResults.prove, wasSettledBy"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ape
import pytest
from eth_abi import encode
from eth_utils import keccak, to_checksum_address
from polygon import CHILD_CHAIN, Block, Log, Receipt
from support import is_event, only

if TYPE_CHECKING:
    from conftest import Bridge

TOURNAMENT = to_checksum_address("0x" + "ab" * 20)
REPORT = (7, 2, keccak(b"scores"), 11, 22, keccak(b"evidence"))
OPEN, SETTLED, VOIDED = range(3)
BEGAN = "SettlementBegan(uint256,bytes32,uint64)"
ENDED = {SETTLED: "RoundSettled(uint256,uint64,uint64)", VOIDED: "RoundVoided(uint256,uint64,uint64)"}


@pytest.fixture
def report_hash(bridge: Bridge) -> bytes:
    """The hash as OracleCommittee computes it, with Polygon's chain id."""
    types = ["bytes32", "uint256", "address", "uint256", "uint256", "bytes32", "uint64", "uint64", "bytes32"]
    typehash = bridge.house.committee.REPORT_TYPEHASH()
    return bytes(keccak(encode(types, [typehash, CHILD_CHAIN, TOURNAMENT, *REPORT])))


def prove(bridge: Bridge, signature: str, data: bytes, topics: tuple[bytes, ...] | None = None) -> Any:
    named = topics if topics is not None else (keccak(text=signature), (7).to_bytes(32, "big"))
    block = Block(
        1 + bridge.polygon.checkpoints, (Receipt((Log(bytes.fromhex(TOURNAMENT[2:]), named, data),)),)
    )
    number = bridge.polygon.checkpoint([block])
    proof = bridge.polygon.prove(number, [block], block.number, 0, 0)
    return bridge.results.prove(proof, sender=bridge.house.bob)


def test_the_hash_here_is_that_of_the_committee(bridge: Bridge) -> None:
    house = bridge.house
    types = ["bytes32", "uint256", "address", "uint256", "uint256", "bytes32", "uint64", "uint64", "bytes32"]
    values = [house.committee.REPORT_TYPEHASH(), bridge.chain_id, TOURNAMENT, *REPORT]
    assert house.committee.hashReport(TOURNAMENT, REPORT) == keccak(encode(types, values))


@pytest.mark.parametrize("report_first", [True, False])
def test_a_result_counts_once_report_and_end_are_proved(
    bridge: Bridge, report_hash: bytes, report_first: bool
) -> None:
    steps = [
        (BEGAN, encode(["bytes32", "uint64"], [report_hash, 5])),
        (ENDED[SETTLED], encode(["uint64"] * 2, [3, 4])),
    ]
    for signature, data in steps if report_first else steps[::-1]:
        assert not bridge.results.wasSettledBy(TOURNAMENT, REPORT)
        receipt = prove(bridge, signature, data)
        event = bridge.results.ReportProven if signature == BEGAN else bridge.results.EndProven
        is_event(only(receipt, event), tournament=TOURNAMENT, roundId=7)
    found = bridge.results.resultOf(TOURNAMENT, 7)
    assert (found.reportHash, found.reserved, found.end, found.paid, found.burned) == (
        report_hash,
        5,
        SETTLED,
        3,
        4,
    )
    assert found.endedAt == 1_700_000_000
    assert bridge.results.wasSettledBy(TOURNAMENT, REPORT)
    for place, value in enumerate((8, 3, keccak(b"other"), 12, 23, keccak(b"other"))):
        other = (*REPORT[:place], value, *REPORT[place + 1 :])
        assert not bridge.results.wasSettledBy(TOURNAMENT, other)
    assert not bridge.results.wasSettledBy("0x" + "cd" * 20, REPORT)


def test_a_report_of_a_round_that_was_given_up_after_it_does_not_count(
    bridge: Bridge, report_hash: bytes
) -> None:
    prove(bridge, BEGAN, encode(["bytes32", "uint64"], [report_hash, 5]))
    prove(bridge, ENDED[VOIDED], encode(["uint64"] * 2, [1, 2]))
    assert bridge.results.resultOf(TOURNAMENT, 7).end == VOIDED
    assert not bridge.results.wasSettledBy(TOURNAMENT, REPORT)


def test_nothing_that_is_known_can_be_replaced(bridge: Bridge, report_hash: bytes) -> None:
    prove(bridge, BEGAN, encode(["bytes32", "uint64"], [report_hash, 5]))
    prove(bridge, ENDED[SETTLED], encode(["uint64"] * 2, [3, 4]))
    for signature, data in (
        (BEGAN, encode(["bytes32", "uint64"], [keccak(b"other"), 5])),
        (ENDED[SETTLED], encode(["uint64"] * 2, [3, 4])),
        (ENDED[VOIDED], encode(["uint64"] * 2, [3, 4])),
    ):
        with ape.reverts(bridge.results.KnownAlready, tournament=TOURNAMENT, roundId=7):
            prove(bridge, signature, data)


def test_reverts_on_a_log_that_says_nothing_of_a_round(bridge: Bridge) -> None:
    began, data = keccak(text=BEGAN), encode(["bytes32", "uint64"], [keccak(b"x"), 5])
    for topics in ((), (began,), (began, bytes(32), bytes(32)), (keccak(text="RoundSealed()"), bytes(32))):
        with ape.reverts(bridge.results.NotOfARound, emitter=TOURNAMENT):
            prove(bridge, BEGAN, data, topics)
    assert bridge.results.childChainId() == CHILD_CHAIN
    assert bridge.results.rootChain() == bridge.polygon.store
