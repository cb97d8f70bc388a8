"""Scenarios that happen to daemons: afterwards everything was done once, and nothing is stuck."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Final, ParamSpec

from scorer.chain.bulk import read_view
from scorer.chain.records import ProposalStatus
from scorer.failpoints import LABELS
from scorer.lab.anvil import run_anvil
from scorer.lab.drill.outcome import ScenarioResult as ScenarioResult
from scorer.lab.drill.outcome import Stuck, Tally
from scorer.lab.drill.waiting import (
    Done,
    accepted,
    await_that,
    drive,
    in_settlement,
    lock_and_seal,
    locked,
    nothing_open,
    posted,
    release,
    resolve,
    rung,
    running,
    said,
    seal,
    sealed,
    sent_by_members,
    settled,
    sign,
    to_close,
    to_end,
    to_outcome,
    voted,
)
from scorer.lab.local_tournament import (
    CHALLENGE_BOND,
    FIRST_MEMBER,
    HOUR,
    OPERATOR,
    SLOTS_PER_CHUNK,
    LocalTournament,
)
from scorer.lab.proxy import Forward, NoAnswer, Proxy, Request, Response, proxy_of
from scorer.protocol.documents import to_hex

START: Final = 1_700_000_000
DEEP: Final = 5
"""Slots an epoch of a chain on which ten blocks may be reorganised."""
FILE_LABELS: Final = {
    "report-computed": "attest",
    "report-written": "attest",
    "submissions-collected": "lock",
    "submissions-published": "lock",
}
"""Points that are not on a transaction's way: each is reached before one action."""
MANAGER_LABELS: Final = tuple(label for label in LABELS if label not in FILE_LABELS)
SKIPPED: Final = ("broadcast-recorded", "mined-seen", "mined-recorded")
"""Points never passed after a daemon was ended at "broadcast": the next finds its transaction final."""
ON_THE_WAY: Final = tuple(label for label in MANAGER_LABELS if label not in SKIPPED)
"""Points that one transaction passes in this order, where a daemon is ended at each of them."""
IN_THE_POOL: Final = ("signed", "before-broadcast", "broadcast", "broadcast-recorded")
DISPUTE_COST: Final = 3
"""Transactions of a challenge: an approval, the challenge, and the collection of what it brought."""
_P = ParamSpec("_P")


def scenario(play: Callable[_P, ScenarioResult]) -> Callable[_P, ScenarioResult]:
    """Make a result of a scenario that does not come to its end, too."""

    @wraps(play)
    def reported(*arguments: _P.args, **named: _P.kwargs) -> ScenarioResult:
        try:
            return play(*arguments, **named)
        except Stuck as stuck:
            return ScenarioResult(play.__name__.replace("_", " "), stuck=1, detail=str(stuck))

    return reported


@scenario
def killed_everywhere(label: str, local: LocalTournament, kills: int = 4) -> ScenarioResult:
    """Plays as many rounds at once as there are kills; in each, every action is ended once at one label.

    Four kills are of four acts, for most points lie behind something that was committed and is never done
    again. `killed_while_it_waits` ends one act four times. Of all rounds only the last one's lock surely ends
    after that of every other began: its end is interrupted.
    """
    tally = Tally.of(local)
    rounds = to_close(local, kills)
    locks = [*_points(label, rounds, "lock"), *_points(label, rounds[-1:], "endlock")]
    drive(local, "operator", locked(local, *rounds), kill_at=locks)
    seal(local, rounds, kill_at=_points(label, rounds, "seal"))
    resolve(local, rounds)
    drive(local, "member-0", kill_at=_points(label, rounds, "attest"))
    # The vote that has the reports accepted, and what follows from it.
    drive(local, "member-1", posted(local, *rounds), kill_at=_points(label, rounds, "post"))
    local.pass_challenge_window()
    drive(local, "member-0", settled(local, *rounds), kill_at=_points(label, rounds, "begin", "settle"))
    ended = len(locks) + len(_points(label, rounds, "seal", "attest", "post", "begin", "settle"))
    return tally.result(f"killed at {label}", rounds, f"{ended} times ended")


def _points(label: str, rounds: Sequence[int], *actions: str) -> list[str]:
    """Return the points at which to end a daemon in those actions of each round, in order."""
    if label in FILE_LABELS:
        return [f"{label}@{number}" for number in rounds if FILE_LABELS[label] in actions]
    return [f"{label}@:{number}:{action}" for number in rounds for action in actions]


@scenario
def killed_while_it_waits(label: str, local: LocalTournament, kills: int = 4) -> ScenarioResult:
    """A vote that waits in the pool while its daemon is ended time after time: the same bytes, once mined."""
    tally = Tally.of(local)
    (round_id,) = to_outcome(local)
    local.anvil.mines(at_once=False)
    points = [f"{label}@:{round_id}:attest"] * (kills if label != "signed" else 1)
    for point in points:
        if local.run("member-0", kill_at=point) == 0:
            raise Stuck(f"member-0 was never at {point}")
    local.anvil.mines(at_once=True)
    local.anvil.finalise()
    to_end(local, [round_id])
    return tally.result(f"killed at {label} while it waits", [round_id], f"{len(points)} times ended")


@scenario
def reorganised(depth: int, local: LocalTournament) -> ScenarioResult:
    """A round in which the chain forgets its newest blocks after lock, its end, every vote and settlement."""
    tally = Tally.of(local)
    (round_id,) = to_close(local)
    forgotten = _forget(local, "operator", OPERATOR, depth)
    local.run("operator")
    local.anvil.finalise()
    forgotten += _then_forget(local, "operator", OPERATOR, depth, locked(local, round_id))
    last = local.members - 1
    release(local, round_id)
    sign(local, round_id)
    forgotten += _then_forget(local, f"member-{last}", FIRST_MEMBER + last, depth, sealed(local, round_id))
    local.resolve(round_id)
    for index in range(local.quorum):
        forgotten += _then_forget(local, f"member-{index}", FIRST_MEMBER + index, depth)
    drive(local, f"member-{local.quorum - 1}", posted(local, round_id))
    local.pass_challenge_window()
    forgotten += _then_forget(local, "member-0", FIRST_MEMBER, depth, settled(local, round_id))
    return tally.result(f"reorganised {depth} deep", [round_id], f"{forgotten} transactions forgotten")


def _then_forget(
    local: LocalTournament, name: str, account: int, depth: int, done: Done = lambda: True
) -> int:
    """Do one cycle, have the chain forget its last blocks, and recover; how many transactions were lost."""
    forgotten = _forget(local, name, account, depth)
    drive(local, name, done)
    return forgotten


def _forget(local: LocalTournament, name: str, account: int, depth: int) -> int:
    """Do one cycle, and have the chain forget its last blocks; how many transactions were lost."""
    if local.run(name) != 0:
        raise Stuck(f"{name} did not end well")
    before = local.sent_by(account)
    local.anvil.reorganise(depth)
    forgotten = before - local.sent_by(account)
    if not forgotten:
        raise Stuck(f"expected {name} to lose a transaction in {depth} blocks, found it lost none")
    return forgotten


@scenario
def finality_stands_still(local: LocalTournament, proxy: Proxy) -> ScenarioResult:
    """Finality stops for hours: nothing is sent, an alarm is up, and it goes on alone."""
    tally = Tally.of(local)
    rounds = to_outcome(local)
    frozen = local.anvil.w3.eth.get_block("finalized")["number"]

    def freeze(request: Request, forward: Forward) -> Response | None:
        if request["params"][0] != "finalized":
            return None
        return forward({**request, "params": [hex(frozen), False]})

    proxy.misbehave("eth_getBlockByNumber", freeze)
    local.anvil.advance_to(local.now + 3 * 3600)
    before = sent_by_members(local)
    with running(local, "member-0"):
        await_that(rung(local, "member-0", "FINALITY_STALLED"), "an alarm while finality stands still")
        if sent_by_members(local) != before:
            return ScenarioResult(
                "finality stands still", duplicated=1, detail="something was sent meanwhile"
            )
        proxy.misbehave("eth_getBlockByNumber", None)
        await_that(lambda: sent_by_members(local) > before, "a vote once finality goes on")
    to_end(local, rounds)
    return tally.result("finality stands still", rounds)


@scenario
def endpoint_is_lost(local: LocalTournament, proxy: Proxy) -> ScenarioResult:
    """Every request is cut off for a while, at the worst moment: after the node took a transaction."""
    tally = Tally.of(local)

    def cut(request: Request, forward: Forward) -> Response:
        if request["method"] == "eth_sendRawTransaction":
            forward(request)
            for method in ("eth_getBlockByNumber", "eth_getTransactionReceipt", "eth_chainId"):
                proxy.misbehave(method, cut)
        raise NoAnswer

    rounds = to_outcome(local)
    proxy.misbehave("eth_sendRawTransaction", cut)
    with running(local, "member-0"):
        await_that(rung(local, "member-0", "CANNOT_REACH_CHAIN"), "an alarm while no endpoint answers")
        proxy.faults.clear()
        await_that(lambda: nothing_open(local, "member-0"), "the vote to be final", mine=local)
    to_end(local, rounds)
    return tally.result("endpoint is lost", rounds)


@scenario
def five_daemons(local: LocalTournament, seed: int = 0) -> ScenarioResult:
    """Five members at once: one lying, one late, one ended at random; relays race."""
    tally = Tally.of(local)
    dice = random.Random(seed)  # noqa: S311 - what happens must be the same for a seed
    (round_id,) = to_close(local)
    lock_and_seal(local, [round_id])
    local.resolve(round_id, liars=[1])
    with running(local, "member-0", "member-1", "member-2"):
        _restart_at_random(local, "member-4", dice)
        drive(local, "member-3", accepted(local, round_id))
        await_that(posted(local, round_id), "the evidence of the report", mine=local)
    local.pass_challenge_window()
    with running(local, "member-0", "member-1", "member-2", "member-3"):
        _restart_at_random(local, "member-4", dice)
        await_that(settled(local, round_id), "the round to settle", mine=local)
        for index in (0, 1, 2, 3):
            await_that(_at_rest(local, index), f"member-{index} to come to rest", mine=local)
    if not said(local, "member-1", "the committee accepted the report"):
        raise Stuck("expected the lying member to say that another report was accepted")
    return tally.raced("five daemons", [round_id])


def _at_rest(local: LocalTournament, index: int) -> Done:
    return lambda: nothing_open(local, f"member-{index}")


def _restart_at_random(local: LocalTournament, name: str, dice: random.Random) -> None:
    """Kill a daemon at random fail points six times, then let it do its work."""
    for _ in range(6):
        local.run(name, kill_at=dice.choice(MANAGER_LABELS))
        local.anvil.finalise()
    drive(local, name)


@scenario
def wrong_report_overturned(local: LocalTournament) -> ScenarioResult:
    """A lying quorum: the one who knows better challenges, the others learn, and the right report settles."""
    tally = Tally.of(local)
    (round_id,) = to_close(local)
    lock_and_seal(local, [round_id])
    local.resolve(round_id, liars=[0, 1])
    for index in (0, 1):
        drive(local, f"member-{index}")
    _lets_challenge(local, 2, round_id)
    before = _holdings(local, 2)
    drive(local, "member-2", accepted(local, round_id, ProposalStatus.DISPUTED))
    _learn(local, round_id, (0, 1))
    for index in (0, 1):
        drive(local, f"member-{index}")
    drive(local, "member-2", posted(local, round_id))
    local.pass_challenge_window()
    drive(local, "member-2", settled(local, round_id))
    _collected(local, 2, before)
    return tally.result("wrong report overturned", [round_id], more=DISPUTE_COST)


@scenario
def five_daemons_overturn(local: LocalTournament, seed: int = 0) -> ScenarioResult:
    """Four of five lie and win; one knows better and challenges, one of the others is ended at random."""
    tally = Tally.of(local)
    dice = random.Random(seed)  # noqa: S311 - what happens must be the same for a seed
    (round_id,) = to_close(local)
    lock_and_seal(local, [round_id])
    local.resolve(round_id, liars=[0, 1, 2, 3])
    before = _holdings(local, 4)
    with running(local, "member-0", "member-1", "member-3"):
        _restart_at_random(local, "member-2", dice)
        await_that(accepted(local, round_id), "the wrong report to be accepted", mine=local)
    _lets_challenge(local, 4, round_id)
    drive(local, "member-4", accepted(local, round_id, ProposalStatus.DISPUTED))
    _learn(local, round_id, (0, 1, 2, 3))
    with running(local, "member-0", "member-1", "member-3", "member-4"):
        _restart_at_random(local, "member-2", dice)
        await_that(accepted(local, round_id, ProposalStatus.OVERTURNED), "the dispute to end", mine=local)
        await_that(posted(local, round_id), "the evidence of the right report", mine=local)
        local.pass_challenge_window()
        await_that(settled(local, round_id), "the right report to settle", mine=local)
        await_that(lambda: _holdings(local, 4) > before, "what the challenge brought", mine=local)
        for index in (0, 1, 3, 4):
            await_that(_at_rest(local, index), f"member-{index} to come to rest", mine=local)
    _collected(local, 4, before)
    return tally.raced("five daemons overturn", [round_id], more=DISPUTE_COST)


def _lets_challenge(local: LocalTournament, index: int, round_id: int) -> None:
    """Let a member's owner dispute the accepted report, which rests on wrong targets."""
    account = local.anvil.account(FIRST_MEMBER + index)
    proposal = local.suite.proposal(round_id, local.anvil.w3.eth.block_number)
    if proposal is None:
        raise Stuck(f"expected an accepted report of round {round_id}, found none")
    local.configure(
        f"member-{index}",
        account,
        run__challenge=True,
        run__largest_bond_nmr=CHALLENGE_BOND,
        run__dispute=[to_hex(proposal.report_hash)],
    )


def _learn(local: LocalTournament, round_id: int, indices: Sequence[int]) -> None:
    """Give members that lied the truth, and remove what they had computed from the lie."""
    local.resolve(round_id)
    for index in indices:
        (local.folder(f"member-{index}/rounds", round_id) / "report.json").unlink()


def _holdings(local: LocalTournament, index: int) -> int:
    address = local.anvil.account(FIRST_MEMBER + index).address
    return int(read_view(local.suite.token.functions.balanceOf(address)))


def _collected(local: LocalTournament, index: int, before: int) -> None:
    """Check that a challenger who was right has its bond back, with a reward, and is owed nothing more."""
    address = local.anvil.account(FIRST_MEMBER + index).address
    owed = read_view(local.suite.committee.functions.creditOf(address))
    if owed or _holdings(local, index) <= before:
        raise Stuck(f"expected the challenger to have collected, found {owed} wei owed to it")


@scenario
def settled_while_another_is_locked(local: LocalTournament) -> ScenarioResult:
    """The operator settles one round's chunks as it locks another's; it is ended at every point of each."""
    tally = Tally.of(local)
    (first,) = to_outcome(local)
    for index in range(local.members):
        drive(local, f"member-{index}", voted(local, index, first))
    local.pass_challenge_window()
    (second,) = to_close(local)
    local.configure("member-0", local.anvil.account(FIRST_MEMBER), run__roll_wait=HOUR)
    drive(local, "member-0", in_settlement(local, first))
    chunks = [f":{second}:lock:{slot}" for slot in (SLOTS_PER_CHUNK, 0)]
    points = [f"{label}@{chunk}" for chunk in chunks for label in ON_THE_WAY]
    drive(local, "operator", locked(local, second), kill_at=points)
    if not settled(local, first)():
        raise Stuck(
            "expected the operator to settle the first round as it locks the second, found it did not"
        )
    local.configure("member-0", local.anvil.account(FIRST_MEMBER))
    seal(local, [second])
    resolve(local, [second])
    to_end(local, [second])
    return tally.result("settled while another is locked", [first, second], more=-len(chunks))


@scenario
def sealed_without_a_member(local: LocalTournament) -> ScenarioResult:
    """A member that was down at the seal hands its signature in once, ended at every point of that."""
    tally = Tally.of(local)
    (round_id,) = to_close(local)
    drive(local, "operator", locked(local, round_id))
    last = local.members - 1
    release(local, round_id)
    sign(local, round_id)
    # The others leave it half of the lock window to sign.
    record = local.record(round_id)
    local.anvil.advance_to((record.close_at + record.lock_until) // 2 + 1)
    drive(local, f"member-{last - 1}", sealed(local, round_id))
    if _absences(local, last) != 1:
        raise Stuck(f"expected member-{last} to be absent from the seal, found it was not")
    drive(local, f"member-{last}", kill_at=[f"{label}@:{round_id}:countsignature" for label in ON_THE_WAY])
    if _absences(local, last) != 0:
        raise Stuck(f"expected the signature of member-{last} to count, found it does not")
    resolve(local, [round_id])
    to_end(local, [round_id])
    return tally.result("sealed without a member", [round_id], more=1)


def _absences(local: LocalTournament, index: int) -> int:
    """Count the seals in a row that a member did not sign."""
    member = str(local.anvil.account(FIRST_MEMBER + index).address)
    (absences,) = local.suite.absences([member], local.anvil.w3.eth.block_number)
    return absences


@contextmanager
def on_a_chain(out: Path, *, members: int = 3, deep: bool = False) -> Iterator[tuple[LocalTournament, Proxy]]:
    """Build a local tournament on a chain of its own; its daemons see the chain through a proxy."""
    with (
        run_anvil(timestamp=START, accounts=20, slots_in_epoch=DEEP if deep else 1) as anvil,
        proxy_of(anvil.url) as proxy,
    ):
        local = LocalTournament.build(anvil, out, members=members, url=proxy.url)
        anvil.finalise()
        yield local, proxy
