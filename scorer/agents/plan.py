"""Plans what an agent may do under a consensus document, and says why: pure functions of plain data.

An agent decides nothing about markets. It follows a document's weights within a mandate that its owner gave
it on the chain and a budget that is smaller, and says of each act by which leaf and which rule it is made.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scorer.agents.leaves import WEIGHT_UNIT, Body, Leaf
from scorer.protocol.documents import to_hex


@dataclass(frozen=True)
class Mandate:
    """The limits that an account's owner sets at the gate (contracts/agents/interfaces/IConsensusGate.sol).

    Attributes
    ----------
    until, acts_per_day
        Unix seconds, and acts in a UTC day.
    book, size_per_day
        Units of the account's cash.
    bond_rate
        Part of the agent's bond that a sealed act holds: wei for 10**18 units of its size.
    """

    agent: str
    until: int
    acts_per_day: int
    book: int
    size_per_day: int
    bond_rate: int = 0


@dataclass(frozen=True)
class Budget:
    """The limits of the agent's own configuration, which the chain never sees.

    Attributes
    ----------
    size_per_run, acts_per_run
        Of all acts of one run of the program, units of the account's cash, and how many.
    least_size
        Smaller acts are not worth their gas.
    """

    size_per_run: int
    acts_per_run: int
    least_size: int = 1


@dataclass(frozen=True)
class GateView:
    """The state of the gate for one account and document, as of one block.

    Attributes
    ----------
    now
        The block's timestamp.
    expires_at
        Of the document; 0 where it is not admitted.
    traded
        By id: what was traded under the document so far.
    acts_today, size_today
        Of the account.
    bond, least_bond
        Wei.
    """

    now: int
    mandate: Mandate
    expires_at: int
    traded: Mapping[str, int]
    acts_today: int
    size_today: int
    bond: int
    least_bond: int


@dataclass(frozen=True)
class ProposedAct:
    """An act that is allowed, and the reason.

    Attributes
    ----------
    index
        The place of the leaf in the document's tree.
    rule
        The limit that gave the size.
    """

    name: str
    index: int
    leaf: Leaf
    buy: bool
    size: int
    rule: str

    def to_json(self) -> dict[str, Any]:
        """Return the line of a log that explains the act."""
        return {
            "asset": self.name,
            "side": "buy" if self.buy else "sell",
            "size": str(self.size),
            "leaf": {"index": self.index, "hash": to_hex(self.leaf.hash), "rank": self.leaf.rank / 2},
            "weight_billionths": self.leaf.weight,
            "rule": self.rule,
        }


def refusal(view: GateView, agent: str, *, is_stopped: bool) -> str | None:
    """Return why the agent does nothing at all now; None where it may act."""
    mandate = view.mandate
    if is_stopped:
        return "the file STOP is there: the owner stopped the agent"
    if mandate.agent != agent:
        return f"the account's mandate is for {mandate.agent}, not for {agent}"
    if view.now >= mandate.until:
        return f"the mandate is over since {mandate.until} (Unix time)"
    if view.bond < view.least_bond:
        return f"the bond is {view.bond} wei, below {view.least_bond}"
    if not view.expires_at:
        return "the document is not admitted at the gate"
    if view.now >= view.expires_at:
        return f"the document expired at {view.expires_at} (Unix time)"
    return None


def proposed_acts(
    body: Body, view: GateView, budget: Budget, assets: Mapping[str, Any]
) -> Iterator[ProposedAct]:
    """Yield the acts that document, mandate and budget allow, the largest weight first.

    Whatever they amount to, the budget of a run and the limits of the day end them: nothing goes round and
    round.

    Parameters
    ----------
    assets
        Keyed by the ids that the account trades.
    """
    left = min(budget.size_per_run, view.mandate.size_per_day - view.size_today)
    acts = min(budget.acts_per_run, view.mandate.acts_per_day - view.acts_today)
    ranked = sorted(enumerate(body.leaves), key=lambda each: (-abs(each[1].weight), each[0]))
    for index, leaf in ranked:
        name = body.universe[index]
        if acts <= 0 or name not in assets or not leaf.weight:
            continue
        limit = abs(leaf.weight) * view.mandate.book // WEIGHT_UNIT
        open_size = limit - view.traded.get(name, 0)
        size = min(open_size, left)
        if size < budget.least_size or size <= 0:
            continue
        yield ProposedAct(name, index, leaf, leaf.weight > 0, size, _rule(limit, open_size, size))
        left, acts = left - size, acts - 1


def _rule(limit: int, open_size: int, size: int) -> str:
    if size < open_size:
        return f"{size} of {open_size} open: the rest of the budget or of the day"
    return f"|weight| of the book is {limit}, of which {open_size} was open"
