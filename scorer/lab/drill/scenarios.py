"""What may happen to daemons, a scenario each: afterwards everything was done once, and nothing is stuck."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Final, ParamSpec

from scorer.chain.contracts import ProposalStatus
from scorer.failpoints import LABELS
from scorer.lab.anvil import Anvil, run_anvil
from scorer.lab.drill.local_tournament import (
    CHALLENGE_BOND,
    FIRST_MEMBER,
    HOUR,
    OPERATOR,
    SLOTS_PER_CHUNK,
    LocalTournament,
)
from scorer.lab.drill.outcome import ScenarioResult as ScenarioResult
from scorer.lab.drill.outcome import Stuck, Tally
from scorer.lab.drill.proxy import Forward, NoAnswer, Proxy, Request, Response, proxy_of
from scorer.lab.drill.waiting import (
    Done,
    accepted,
    await_that,
    drive,
    in_settlement,
    lock_and_seal,
    locked,
    nothing_open,
    resolve,
    rung,
    running,
    said,
    seal,
    sealed,
    sent_by_members,
    settled,
    to_close,
    to_end,
    to_outcome,
    voted,
)
from scorer.protocol.documents import to_hex

START: Final = 1_700_000_000
DEEP: Final = 5
"""Slots an epoch of a chain on which ten blocks may be reorganised."""
FILE_LABELS: Final = {
    "report-computed": "attest",
    "report-written": "attest",
    "submissions-collected": "lock",
    "submissions-published": "lock",
    "locked-published": "lock",
}
"""Points that are not on a transaction's way: each is reached before one action."""
OUTBOX_LABELS: Final = tuple(label for label in LABELS if label not in FILE_LABELS)
SKIPPED: Final = ("broadcast-recorded", "mined-seen", "mined-recorded")
"""Points never passed after a daemon was ended at "broadcast": the next finds its transaction final."""
ON_THE_WAY: Final = tuple(label for label in OUTBOX_LABELS if label not in SKIPPED)
"""Points that one transaction passes in this order, where a daemon is ended at each of them."""
IN_THE_POOL: Final = ("signed", "before-broadcast", "broadcast", "broadcast-recorded")
DISPUTE_COST: Final = 3
"""Transactions of a challenge: an approval, the challenge, and the collection of what it brought."""
_P = ParamSpec("_P")


def scenario(play: Callable[_P, ScenarioResult]) -> Callable[_P, ScenarioResult]:
    """A scenario that does not come to its end is a result too."""

    @wraps(play)
    def told(*arguments: _P.args, **named: _P.kwargs) -> ScenarioResult:
        try:
            return play(*arguments, **named)
        except Stuck as stuck:
            return ScenarioResult(play.__name__.replace("_", " "), stuck=1, detail=str(stuck))

    return told


@scenario
def killed_everywhere(label: str, ground: LocalTournament, kills: int = 4) -> ScenarioResult:
    """As many rounds at once as there are kills; in each, every action is ended once at one label.

    Four kills are of four acts, for most points lie behind something that was committed and is never done
    again. `killed_while_it_waits` ends one act four times.
    """
    tally = Tally.of(ground)
    rounds = to_close(ground, kills)
    drive(ground, "operator", locked(ground, *rounds), kill_at=_points(label, rounds, "lock"))
    seal(ground, rounds, kill_at=_points(label, rounds, "seal"))
    resolve(ground, rounds)
    drive(ground, "member-0", kill_at=_points(label, rounds, "attest"))
    for index in range(1, ground.members):
        drive(ground, f"member-{index}")
    ground.pass_challenge_window()
    drive(ground, "member-0", settled(ground, *rounds), kill_at=_points(label, rounds, "begin", "settle"))
    ended = len(_points(label, rounds, "lock", "seal", "attest", "begin", "settle"))
    return tally.result(f"killed at {label}", rounds, f"{ended} times ended")


def _points(label: str, rounds: Sequence[int], *actions: str) -> list[str]:
    """Where to end a daemon in those actions of each round, in the order in which they come."""
    if label in FILE_LABELS:
        return [f"{label}@{each}" for each in rounds if FILE_LABELS[label] in actions]
    return [f"{label}@:{each}:{action}" for each in rounds for action in actions]


@scenario
def killed_while_it_waits(label: str, ground: LocalTournament, kills: int = 4) -> ScenarioResult:
    """A vote that waits in the pool while its daemon is ended time after time: the same bytes, once mined."""
    tally = Tally.of(ground)
    (round_id,) = to_outcome(ground)
    ground.anvil.mines(at_once=False)
    points = [f"{label}@:{round_id}:attest"] * (kills if label != "signed" else 1)
    for point in points:
        if ground.run("member-0", kill_at=point) == 0:
            raise Stuck(f"member-0 was never at {point}")
    ground.anvil.mines(at_once=True)
    ground.anvil.finalise()
    to_end(ground, [round_id])
    return tally.result(f"killed at {label} while it waits", [round_id], f"{len(points)} times ended")


@scenario
def reorganised(depth: int, ground: LocalTournament) -> ScenarioResult:
    """A round in which the chain forgets its newest blocks after every lock, vote and settlement."""
    tally = Tally.of(ground)
    (round_id,) = to_close(ground)
    forgotten = _then_forget(ground, "operator", OPERATOR, depth, locked(ground, round_id))
    last = ground.members - 1
    for index in range(last):
        drive(ground, f"member-{index}")
    forgotten += _then_forget(ground, f"member-{last}", FIRST_MEMBER + last, depth, sealed(ground, round_id))
    ground.resolve(round_id)
    for index in range(ground.quorum):
        forgotten += _then_forget(ground, f"member-{index}", FIRST_MEMBER + index, depth)
    ground.pass_challenge_window()
    forgotten += _then_forget(ground, "member-0", FIRST_MEMBER, depth, settled(ground, round_id))
    return tally.result(f"reorganised {depth} deep", [round_id], f"{forgotten} transactions forgotten")


def _then_forget(
    ground: LocalTournament, name: str, account: int, depth: int, done: Done = lambda: True
) -> int:
    """One cycle, whose last blocks are then lost, and what it takes to mend that; how much was lost."""
    if ground.run(name) != 0:
        raise Stuck(f"{name} did not end well")
    before = ground.sent_by(account)
    ground.anvil.reorganise(depth)
    forgotten = before - ground.sent_by(account)
    if not forgotten:
        raise Stuck(f"expected {name} to lose a transaction in {depth} blocks, found it lost none")
    drive(ground, name, done)
    return forgotten


@scenario
def finality_stands_still(ground: LocalTournament, proxy: Proxy) -> ScenarioResult:
    """Finality stops for hours: nothing is sent, an alarm is up, and it goes on alone."""
    tally = Tally.of(ground)
    rounds = to_outcome(ground)
    frozen = ground.anvil.w3.eth.get_block("finalized")["number"]

    def freeze(request: Request, forward: Forward) -> Response | None:
        if request["params"][0] != "finalized":
            return None
        return forward({**request, "params": [hex(frozen), False]})

    proxy.misbehave("eth_getBlockByNumber", freeze)
    ground.anvil.advance_to(ground.now + 3 * 3600)
    before = sent_by_members(ground)
    with running(ground, "member-0"):
        await_that(rung(ground, "member-0", "FINALITY_STALLED"), "an alarm while finality stands still")
        if sent_by_members(ground) != before:
            return ScenarioResult(
                "finality stands still", duplicated=1, detail="something was sent meanwhile"
            )
        proxy.misbehave("eth_getBlockByNumber", None)
        await_that(lambda: sent_by_members(ground) > before, "a vote once finality goes on")
    to_end(ground, rounds)
    return tally.result("finality stands still", rounds)


@scenario
def endpoint_is_lost(ground: LocalTournament, proxy: Proxy) -> ScenarioResult:
    """Every request is cut off for a while, at the worst moment: after the node took a transaction."""
    tally = Tally.of(ground)

    def cut(request: Request, forward: Forward) -> Response:
        if request["method"] == "eth_sendRawTransaction":
            forward(request)
            for method in ("eth_getBlockByNumber", "eth_getTransactionReceipt", "eth_chainId"):
                proxy.misbehave(method, cut)
        raise NoAnswer

    rounds = to_outcome(ground)
    proxy.misbehave("eth_sendRawTransaction", cut)
    with running(ground, "member-0"):
        await_that(rung(ground, "member-0", "CANNOT_REACH_CHAIN"), "an alarm while no endpoint answers")
        proxy.manners.clear()
        await_that(lambda: nothing_open(ground, "member-0"), "the vote to be final", mine=ground)
    to_end(ground, rounds)
    return tally.result("endpoint is lost", rounds)


@scenario
def five_daemons(ground: LocalTournament, seed: int = 0) -> ScenarioResult:
    """Five members at once: one lying, one late, one ended at random; relays race."""
    tally = Tally.of(ground)
    dice = random.Random(seed)  # noqa: S311 - what happens must be the same for a seed
    (round_id,) = to_close(ground)
    lock_and_seal(ground, [round_id])
    ground.resolve(round_id, liars=[1])
    with running(ground, "member-0", "member-1", "member-2"):
        _restart_at_random(ground, "member-4", dice)
        drive(ground, "member-3", accepted(ground, round_id))
    ground.pass_challenge_window()
    with running(ground, "member-0", "member-1", "member-2", "member-3"):
        _restart_at_random(ground, "member-4", dice)
        await_that(settled(ground, round_id), "the round to settle", mine=ground)
        for index in (0, 1, 2, 3):
            await_that(_at_rest(ground, index), f"member-{index} to come to rest", mine=ground)
    if not said(ground, "member-1", "the committee accepted the report"):
        raise Stuck("expected the lying member to say that another report was accepted")
    return tally.raced("five daemons", [round_id])


def _at_rest(ground: LocalTournament, index: int) -> Done:
    return lambda: nothing_open(ground, f"member-{index}")


def _restart_at_random(ground: LocalTournament, name: str, dice: random.Random) -> None:
    """A daemon that is ended time and again, at whatever label, and at last is left to its work."""
    for _ in range(6):
        ground.run(name, kill_at=dice.choice(OUTBOX_LABELS))
        ground.anvil.finalise()
    drive(ground, name)


@scenario
def wrong_report_overturned(ground: LocalTournament) -> ScenarioResult:
    """A lying quorum: the one who knows better challenges, the others learn, and the right report settles."""
    tally = Tally.of(ground)
    (round_id,) = to_close(ground)
    lock_and_seal(ground, [round_id])
    ground.resolve(round_id, liars=[0, 1])
    for index in (0, 1):
        drive(ground, f"member-{index}")
    _lets_challenge(ground, 2, round_id)
    before = _holdings(ground, 2)
    drive(ground, "member-2", accepted(ground, round_id, ProposalStatus.DISPUTED))
    _learn(ground, round_id, (0, 1))
    for index in (0, 1):
        drive(ground, f"member-{index}")
    drive(ground, "member-2", accepted(ground, round_id, ProposalStatus.OVERTURNED))
    ground.pass_challenge_window()
    drive(ground, "member-2", settled(ground, round_id))
    _collected(ground, 2, before)
    return tally.result("wrong report overturned", [round_id], more=DISPUTE_COST)


@scenario
def five_daemons_overturn(ground: LocalTournament, seed: int = 0) -> ScenarioResult:
    """Four of five lie and win; one knows better and challenges, one of the others is ended at random."""
    tally = Tally.of(ground)
    dice = random.Random(seed)  # noqa: S311 - what happens must be the same for a seed
    (round_id,) = to_close(ground)
    lock_and_seal(ground, [round_id])
    ground.resolve(round_id, liars=[0, 1, 2, 3])
    before = _holdings(ground, 4)
    with running(ground, "member-0", "member-1", "member-3"):
        _restart_at_random(ground, "member-2", dice)
        await_that(accepted(ground, round_id), "the wrong report to be accepted", mine=ground)
    _lets_challenge(ground, 4, round_id)
    drive(ground, "member-4", accepted(ground, round_id, ProposalStatus.DISPUTED))
    _learn(ground, round_id, (0, 1, 2, 3))
    with running(ground, "member-0", "member-1", "member-3", "member-4"):
        _restart_at_random(ground, "member-2", dice)
        await_that(accepted(ground, round_id, ProposalStatus.OVERTURNED), "the dispute to end", mine=ground)
        ground.pass_challenge_window()
        await_that(settled(ground, round_id), "the right report to settle", mine=ground)
        await_that(lambda: _holdings(ground, 4) > before, "what the challenge brought", mine=ground)
        for index in (0, 1, 3, 4):
            await_that(_at_rest(ground, index), f"member-{index} to come to rest", mine=ground)
    _collected(ground, 4, before)
    return tally.raced("five daemons overturn", [round_id], more=DISPUTE_COST)


def _lets_challenge(ground: LocalTournament, index: int, round_id: int) -> None:
    """A human has found out that the accepted report rests on wrong targets, and says so."""
    account = ground.anvil.account(FIRST_MEMBER + index)
    proposal = ground.suite.proposal(round_id, ground.anvil.w3.eth.block_number)
    if proposal is None:
        raise Stuck(f"expected an accepted report of round {round_id}, found none")
    ground.configure(
        f"member-{index}",
        account,
        run__challenge=True,
        run__largest_bond_nmr=CHALLENGE_BOND,
        run__dispute=[to_hex(proposal.report_hash)],
    )


def _learn(ground: LocalTournament, round_id: int, indices: Sequence[int]) -> None:
    """Members that lied hear the truth, and throw away what they had computed from the lie."""
    ground.resolve(round_id)
    for index in indices:
        (ground.folder(f"member-{index}/rounds", round_id) / "report.json").unlink()


def _holdings(ground: LocalTournament, index: int) -> int:
    address = ground.anvil.account(FIRST_MEMBER + index).address
    return int(ground.suite.token.functions.balanceOf(address).call())


def _collected(ground: LocalTournament, index: int, before: int) -> None:
    """A challenger that was right has its bond back, with a reward, and is owed nothing more."""
    address = ground.anvil.account(FIRST_MEMBER + index).address
    owed = ground.suite.committee.functions.creditOf(address).call()
    if owed or _holdings(ground, index) <= before:
        raise Stuck(f"expected the challenger to have collected, found {owed} wei owed to it")


@scenario
def settled_while_another_is_locked(ground: LocalTournament) -> ScenarioResult:
    """The operator settles one round's chunks as it locks another's; it is ended at every point of each."""
    tally = Tally.of(ground)
    (first,) = to_outcome(ground)
    for index in range(ground.members):
        drive(ground, f"member-{index}", voted(ground, index, first))
    ground.pass_challenge_window()
    (second,) = to_close(ground)
    ground.configure("member-0", ground.anvil.account(FIRST_MEMBER), run__roll_wait=HOUR)
    drive(ground, "member-0", in_settlement(ground, first))
    chunks = [f":{second}:lock:{slot}" for slot in (SLOTS_PER_CHUNK, 0)]
    points = [f"{label}@{chunk}" for chunk in chunks for label in ON_THE_WAY]
    drive(ground, "operator", locked(ground, second), kill_at=points)
    if not settled(ground, first)():
        raise Stuck(
            "expected the operator to settle the first round as it locks the second, found it did not"
        )
    ground.configure("member-0", ground.anvil.account(FIRST_MEMBER))
    seal(ground, [second])
    resolve(ground, [second])
    to_end(ground, [second])
    return tally.result("settled while another is locked", [first, second], more=-len(chunks))


@scenario
def sealed_without_a_member(ground: LocalTournament) -> ScenarioResult:
    """A member that was down at the seal hands its signature in once, ended at every point of that."""
    tally = Tally.of(ground)
    (round_id,) = to_close(ground)
    drive(ground, "operator", locked(ground, round_id))
    last = ground.members - 1
    for index in range(last):
        drive(ground, f"member-{index}")
    # The others leave it half of the lock window to sign.
    record = ground.record(round_id)
    ground.anvil.advance_to((record.close_at + record.lock_until) // 2 + 1)
    drive(ground, f"member-{last - 1}", sealed(ground, round_id))
    if _absences(ground, last) != 1:
        raise Stuck(f"expected member-{last} to be absent from the seal, found it was not")
    drive(ground, f"member-{last}", kill_at=[f"{label}@:{round_id}:countsignature" for label in ON_THE_WAY])
    if _absences(ground, last) != 0:
        raise Stuck(f"expected the signature of member-{last} to count, found it does not")
    resolve(ground, [round_id])
    to_end(ground, [round_id])
    return tally.result("sealed without a member", [round_id], more=1)


def _absences(ground: LocalTournament, index: int) -> int:
    """How many seals in a row a member did not sign."""
    member = str(ground.anvil.account(FIRST_MEMBER + index).address)
    (found,) = ground.suite.absences([member], ground.anvil.w3.eth.block_number)
    return found


@contextmanager
def on_a_chain(out: Path, *, members: int = 3, deep: bool = False) -> Iterator[tuple[LocalTournament, Proxy]]:
    """A playground on a chain of its own; its daemons see the chain through a proxy."""
    with (
        run_anvil(timestamp=START, accounts=20, slots_in_epoch=DEEP if deep else 1) as anvil,
        proxy_of(anvil.url) as proxy,
    ):
        yield _built(anvil, out, members, proxy), proxy


def _built(anvil: Anvil, out: Path, members: int, proxy: Proxy) -> LocalTournament:
    ground = LocalTournament.build(anvil, out, members=members, url=proxy.url)
    anvil.finalise()
    return ground
