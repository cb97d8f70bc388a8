"""Latency is what journal and blocks say, summed up by action."""

from scorer.chain.fees import Bid
from scorer.transactions.intents import Attempt, Call, Intent, IntentState
from scorer.transactions.latency import Spread, blocks_of, latencies, spread, times_of

SCOPE = "137:0x" + "ab" * 20
TIMES = {10: 1000, 11: 1002, 20: 1020}


def intent(kind: str, block: int | None, finished_at: int | None) -> Intent:
    call = Call("0x", b"", 1)
    return Intent(
        1, f"{SCOPE}:7:{kind}", 0, "0x", call, None, IntentState.FINAL, 1, block, 1, True, finished_at
    )


def signed(*times: int) -> list[Attempt]:
    return [Attempt(bytes([k]), b"", Bid(1, 1), False, at) for k, at in enumerate(times)]


def test_from_the_first_signature_to_the_block_and_from_there_to_finality() -> None:
    (found,) = times_of([(intent("settle", 10, 20), signed(990, 995))], TIMES)
    assert (found.action, found.bids, found.inclusion, found.final) == ("settle", 2, 10, 20)


def test_what_is_not_mined_or_too_old_does_not_count() -> None:
    journal = [
        (intent("seal", None, None), signed(990)),
        (intent("seal", 10, None), []),
        (intent("seal", 10, 20), signed(989)),
        (intent("seal", 11, None), signed(1001)),
    ]
    (found,) = times_of(journal, TIMES, since=990)
    assert (found.inclusion, found.final) == (1, None)


def test_actions_are_summed_up_apart() -> None:
    journal = [
        (intent("settle", 10, 20), signed(990)),
        (intent("settle", 11, 20), signed(990, 991)),
        (intent("attest", 10, None), signed(1000)),
    ]
    attest, settle = latencies(times_of(journal, TIMES))
    assert (attest.action, attest.inclusion.longest, attest.final) == ("attest", 0, None)
    assert (settle.inclusion, settle.rebid) == (Spread(2, 10, 12, 12), 1)


def test_a_spread_names_what_95_of_100_do_not_exceed() -> None:
    assert spread(range(1, 101)) == Spread(100, 50, 95, 100)
    assert spread([7]) == Spread(1, 7, 7, 7)
    assert spread([]) is None


def test_a_key_that_is_none_is_counted_under_other() -> None:
    odd = Intent(1, "gap:0x1:2", 0, "0x", Call("0x", b"", 1), None, IntentState.FINAL, 1, 10, 1, True, 20)
    (found,) = times_of([(odd, signed(1000))], TIMES)
    assert found.action == "other"


def test_the_blocks_that_are_asked_for_are_those_that_count() -> None:
    assert blocks_of([intent("settle", 10, 20), intent("seal", None, None)]) == {10, 20}
