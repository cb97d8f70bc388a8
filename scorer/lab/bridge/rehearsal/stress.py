"""Bad days of either chain, each with a staker's transfer under way: it arrives later, and that is all."""

from dataclasses import dataclass
from typing import Any, Final

from web3 import Web3

from scorer.chain.bulk import read_view
from scorer.chain.records import ProposalStatus
from scorer.lab.bridge.chains import ADMIN
from scorer.lab.bridge.rehearsal import journeys, rounds
from scorer.lab.bridge.rehearsal.context import BridgeRehearsal
from scorer.lab.bridge.rehearsal.journeys import Journey
from scorer.lab.bridge.rehearsal.rounds import BridgedTournament
from scorer.lab.faults import RateLimits
from scorer.lab.proxy import EVERY, proxy_of
from scorer.lab.rehearsal.context import expect

HOUR: Final = 3600
GWEI: Final = 10**9
CHECKPOINT_EVERY: Final = HOUR // 2
STAKER_HAS: Final = "50"
BASE_FEE: Final = 100 * GWEI
"""The base fee from which Polygon's rises, wei per gas."""
RISING_BLOCKS: Final = 23
"""Blocks of 1.5 seconds within 34 seconds."""
LONGEST_FREEZE: Final = 6 * HOUR


@dataclass(frozen=True)
class StakesOfADay:
    """All models' stakes around a round that was settled late, nano-NMR, and what its report says."""

    before: int
    after: int
    paid: int
    burned: int
    left_to_challenge: int
    """Seconds of the challenge window that were left when finality came back."""


@dataclass(frozen=True)
class BadDays:
    """The measurements of all days."""

    journeys: tuple[Journey, ...]
    stakes: StakesOfADay

    def to_json(self) -> dict[str, Any]:
        """Return it as a document; amounts in text."""
        days = [vars(each) | {"before": str(each.before), "after": str(each.after)} for each in self.journeys]
        stakes = vars(self.stakes) | {
            name: str(getattr(self.stakes, name)) for name in ("before", "after", "paid", "burned")
        }
        return {"transfers": days, "stakes": stakes}


def bad_days(rehearsal: BridgeRehearsal, tournament: BridgedTournament) -> BadDays:
    """Play each, see that its transfer arrives once, and measure its way."""
    chains, found, stakes = rehearsal.chains, [], list[StakesOfADay]()
    chains.send_down(ADMIN, journeys.address_of_staker(chains), STAKER_HAS)
    chains.heimdall.sync()

    def frozen(rehearsal: BridgeRehearsal) -> None:
        stakes.append(finality_frozen(rehearsal, tournament))

    days = (
        ("an ordinary day", ordinary),
        ("base fee x3 in 34 s on Polygon", base_fee_threefold),
        ("rate limits at Polygon's provider", rate_limits),
        ("finality of Polygon frozen for 6 h", frozen),
        ("no checkpoint for 12 h", no_checkpoint),
    )
    for name, day in days:
        journeys.align(chains)
        before = journeys.tokens_of_staker(chains)
        day(rehearsal)
        rehearsal.relay_until(f"the transfer delivered: {name}", lambda: not rehearsal.undelivered())
        rehearsal.balance()
        journey = journeys.measured(rehearsal, name, before)
        expect(f"what the staker lost: {name}", 0, journey.before - journey.after)
        found.append(journey)
    return BadDays(tuple(found), stakes[0])


def ordinary(rehearsal: BridgeRehearsal) -> None:
    """Let a checkpoint come half an hour after the transfer, as it does most of the time."""
    journeys.send_home_at_last(rehearsal)
    _checkpoint_comes(rehearsal)


def base_fee_threefold(rehearsal: BridgeRehearsal) -> None:
    """Let Polygon's base fee rise by its largest step, a twentieth a block, between signature and block.

    A first bid covers threefold. 34 seconds have 23 blocks, and their rise is a little more: the transfer is
    outbid, and sent once. Ethereum's base fee cannot: an eighth a block of twelve seconds.
    """
    child, fee = rehearsal.chains.child, BASE_FEE
    journeys.mine(child, 1, fee)
    journeys.killed_when_signed(rehearsal)
    for number in range(RISING_BLOCKS):
        fee = fee * 21 // 20
        journeys.mine(child, 1 + number % 2, fee)
    expect("a rise of more than threefold", True, 3 * BASE_FEE < fee < 4 * BASE_FEE)
    journeys.send_home_at_last(rehearsal, fee)
    journeys.mine(child, 2, GWEI)
    _checkpoint_comes(rehearsal)


def rate_limits(rehearsal: BridgeRehearsal) -> None:
    """Let the provider refuse what comes too fast, inside of answers that say 200."""
    with proxy_of(rehearsal.chains.child.url) as proxy:
        proxy.misbehave(EVERY, RateLimits())
        rehearsal.urls["child"] = proxy.url
        try:
            journeys.send_home_at_last(rehearsal)
            _checkpoint_comes(rehearsal)
            rehearsal.relay_until("the transfer delivered under limits", lambda: not rehearsal.undelivered())
        finally:
            rehearsal.urls.clear()


def finality_frozen(rehearsal: BridgeRehearsal, tournament: BridgedTournament) -> StakesOfADay:
    """Let Polygon's finality stand for six hours within a challenge window, with a transfer under way.

    Members read what is final: they neither challenge nor settle meanwhile, and have most of the window left.
    """
    chains, child, play = rehearsal.chains, rehearsal.chains.child, tournament.play
    before = _stakes(tournament)
    round_id = rounds.play_to_report(rehearsal, tournament)
    report = play.members[0].bundle(round_id).report()
    journeys.align(chains)
    journeys.send_home_at_last(rehearsal)
    stall, rehearsal.finality_stall = rehearsal.finality_stall, HOUR
    journeys.mine(child, LONGEST_FREEZE)
    journeys.mine(chains.root, LONGEST_FREEZE)
    chains.root.finalise()
    rehearsal.relay(finalises=False)
    expect("a call for a human", True, "FINALITY_STALLED" in rehearsal.log())
    chains.heimdall.checkpoint(early=True)
    sent = _sent_by_members(tournament)
    for member in play.members:
        member.cycle()
    proposal = play.suite.proposal(round_id, child.w3.eth.block_number)
    expect("a report that nobody could dispute", ProposalStatus.ACCEPTED, proposal and proposal.status)
    expect("transactions of members meanwhile", sent, _sent_by_members(tournament))
    now = int(child.w3.eth.get_block("latest")["timestamp"])
    left = (0 if proposal is None else proposal.challenge_until) - now
    expect("most of the window left", True, left > rounds.WINDOW // 2)
    rehearsal.finality_stall = stall
    child.finalise()
    _checkpoint_comes(rehearsal)
    rehearsal.relay_until("the transfer delivered after the freeze", lambda: not rehearsal.undelivered())
    rounds.settle(rehearsal, tournament, round_id)
    after = _stakes(tournament)
    expect("stakes by the report alone", report.total_payout - report.total_burn, after - before)
    return StakesOfADay(before, after, report.total_payout, report.total_burn, left)


def no_checkpoint(rehearsal: BridgeRehearsal) -> None:
    """Let Polygon's validators post nothing for twelve hours: a human is called, and rounds go on."""
    journeys.send_home_at_last(rehearsal)
    before, rehearsal.checkpoint_age = rehearsal.checkpoint_age, 2 * HOUR
    rehearsal.finalise()
    rehearsal.chains.pass_time(12 * HOUR)
    rehearsal.relay()
    expect("a call for a human", True, "CHECKPOINT_LATE" in rehearsal.log())
    expect("transfers that wait for a checkpoint", 1, len(rehearsal.undelivered()))
    rehearsal.checkpoint_age = before
    rehearsal.chains.heimdall.checkpoint()


def _sent_by_members(tournament: BridgedTournament) -> list[int]:
    """Return how many transactions each member of the committee has sent."""
    count = tournament.play.suite.w3.eth.get_transaction_count
    return [count(Web3.to_checksum_address(member.address)) for member in tournament.play.members]


def _checkpoint_comes(rehearsal: BridgeRehearsal) -> None:
    rehearsal.finalise()
    journeys.align(rehearsal.chains)
    rehearsal.chains.pass_time(CHECKPOINT_EVERY)
    rehearsal.chains.heimdall.checkpoint()


def _stakes(tournament: BridgedTournament) -> int:
    """Return the idle stake of all models, nano-NMR: none is in a round between two rounds."""
    idle = tournament.play.suite.tournament.functions.idleOf
    return sum(int(read_view(idle(each.model_id))) for each in tournament.play.participants)
