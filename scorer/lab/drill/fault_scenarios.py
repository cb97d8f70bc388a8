"""A node that misbehaves in one way, and a round that settles all the same: each thing once."""

from collections.abc import Callable
from functools import partial
from typing import Final

from scorer.chain.fees import GWEI
from scorer.lab.drill.faults import (
    CapsFees,
    HoldsBack,
    RateLimits,
    always_knows,
    behind,
    has_no_finalised_block,
    misbehaves,
    names_another_hash,
    refuses_low_tips,
    takes_and_does_not_answer,
    truncates_logs,
)
from scorer.lab.drill.local_tournament import FIRST_MEMBER, OPERATOR, LocalTournament
from scorer.lab.drill.outcome import ScenarioResult, Stuck, Tally
from scorer.lab.drill.proxy import Manner, Proxy
from scorer.lab.drill.scenarios import scenario
from scorer.lab.drill.waiting import (
    await_that,
    nothing_open,
    resolve,
    rung,
    running,
    sealed,
    sent_by_members,
    to_close,
    to_end,
    to_end_while_running,
    to_outcome,
)

SEND: Final = "eth_sendRawTransaction"
BLOCK: Final = "eth_getBlockByNumber"
LIMITED: Final = (BLOCK, SEND, "eth_call", "eth_getLogs", "eth_getTransactionReceipt", "eth_estimateGas")
LAG: Final = 20
Weather = Callable[[LocalTournament, Proxy], ScenarioResult]


@scenario
def low_tips_refused(ground: LocalTournament, proxy: Proxy) -> ScenarioResult:
    """Bor's floor: a tip of one gwei is raised to what the node asks for, at the same nonce."""
    proxy.misbehave(SEND, refuses_low_tips)
    return _one_round("tips under 25 gwei are refused", ground)


@scenario
def already_known(ground: LocalTournament, proxy: Proxy) -> ScenarioResult:
    """Every transaction is said to be known already: that is success."""
    proxy.misbehave(SEND, always_knows)
    return _one_round("every transaction is already known", ground)


@scenario
def no_answer_after_taking(ground: LocalTournament, proxy: Proxy) -> ScenarioResult:
    """The connection breaks after every transaction that was taken."""
    proxy.misbehave(SEND, takes_and_does_not_answer)
    return _one_round("no answer after taking a transaction", ground)


@scenario
def replacements_by_a_tenth(ground: LocalTournament, proxy: Proxy) -> ScenarioResult:
    """Nothing is mined before it is outbid by a tenth on both fees."""
    tally = Tally.of(ground)
    holds = HoldsBack()
    rounds = to_close(ground)
    proxy.misbehave(SEND, holds)
    names = [f"member-{index}" for index in range(ground.members)]
    with running(ground, "operator", *names):
        await_that(sealed(ground, *rounds), "a seal after every bid was raised", mine=ground)
        for name in ("operator", *names):
            await_that(partial(nothing_open, ground, name), "all of it to be final", mine=ground)
    resolve(ground, rounds)
    to_end_while_running(ground, rounds)
    if holds.refused or not holds.replaced:
        raise Stuck(f"expected no raise to be refused, found {holds.refused} of {holds.replaced}")
    return tally.raced("replacements by less than a tenth are refused", rounds, f"{holds.replaced} raised")


@scenario
def rate_limited(ground: LocalTournament, proxy: Proxy) -> ScenarioResult:
    """Requests are refused by the dozen, by an error that comes with HTTP 200."""
    limits = RateLimits()
    misbehaves(proxy, limits, LIMITED)
    result = _one_round("rate limits inside HTTP 200", ground)
    if not limits.refused:
        raise Stuck("expected requests to be refused, found none")
    return ScenarioResult(
        result.name, result.duplicated, result.lost, 0, f"{limits.refused} requests refused"
    )


@scenario
def fees_capped(ground: LocalTournament, proxy: Proxy) -> ScenarioResult:
    """A node that takes nothing so dear: held, and told, until the cap is lifted."""
    caps = CapsFees(most=GWEI)
    return _held("a fee cap of the node", ground, proxy, SEND, caps, "FEE_CAP")


@scenario
def nothing_final(ground: LocalTournament, proxy: Proxy) -> ScenarioResult:
    """A node without a finalised block: nothing is sent, and nothing is guessed by depth."""
    return _held("no finalised block", ground, proxy, BLOCK, has_no_finalised_block, "CANNOT_REACH_CHAIN")


@scenario
def hashes_disagree(ground: LocalTournament, proxy: Proxy) -> ScenarioResult:
    """Two nodes, one on a fork: nothing is sent until they agree."""
    _with_two_nodes(ground, proxy, agreement=2)
    return _held("nodes disagree on a hash", ground, proxy, BLOCK, names_another_hash, "ENDPOINTS_DISAGREE")


@scenario
def node_lags(ground: LocalTournament, proxy: Proxy) -> ScenarioResult:
    """Two nodes, the preferred one twenty blocks behind: it is left out of everything."""
    _with_two_nodes(ground, proxy, agreement=1)
    proxy.misbehave(BLOCK, behind(LAG))
    result = _one_round("a node lags", ground)
    if SEND in proxy.asked:
        raise Stuck("expected nothing to be sent to a node that lags, found that something was")
    return result


@scenario
def logs_truncated(ground: LocalTournament, proxy: Proxy) -> ScenarioResult:
    """Two nodes, the preferred one hides a log: noticed by what the contract committed to."""
    _with_two_nodes(ground, proxy, agreement=1)
    tally = Tally.of(ground)
    rounds = to_outcome(ground)
    proxy.misbehave("eth_getLogs", truncates_logs)
    to_end_while_running(ground, rounds)
    if not rung(ground, "member-0", "INCOMPLETE_LOGS")():
        raise Stuck("expected an alarm about incomplete logs, found none")
    return tally.raced("logs are truncated", rounds)


WEATHER: Final[dict[str, Weather]] = {
    "tips under 25 gwei are refused": low_tips_refused,
    "replacements by less than a tenth are refused": replacements_by_a_tenth,
    "every transaction is already known": already_known,
    "rate limits inside HTTP 200": rate_limited,
    "a node lags": node_lags,
    "logs are truncated": logs_truncated,
    "no finalised block": nothing_final,
    "nodes disagree on a hash": hashes_disagree,
    "a fee cap of the node": fees_capped,
    "no answer after taking a transaction": no_answer_after_taking,
}


def _one_round(name: str, ground: LocalTournament) -> ScenarioResult:
    tally = Tally.of(ground)
    rounds = to_outcome(ground)
    to_end(ground, rounds)
    return tally.result(name, rounds)


def _held(
    name: str, ground: LocalTournament, proxy: Proxy, method: str, manner: Manner, reason: str
) -> ScenarioResult:
    """While a node misbehaves, nothing is sent and someone is told; then it goes on alone."""
    tally = Tally.of(ground)
    rounds = to_outcome(ground)
    before = sent_by_members(ground)
    proxy.misbehave(method, manner)
    with running(ground, "member-0"):
        await_that(rung(ground, "member-0", reason), f"the alarm {reason}")
        if sent_by_members(ground) != before:
            return ScenarioResult(name, duplicated=1, detail="something was sent meanwhile")
        proxy.manners.clear()
        await_that(lambda: sent_by_members(ground) > before, "a vote once the node behaves", mine=ground)
    to_end(ground, rounds)
    return tally.result(name, rounds)


def _with_two_nodes(ground: LocalTournament, proxy: Proxy, agreement: int) -> None:
    """Every daemon prefers the proxy, and knows the chain behind it by itself too."""
    names = {f"member-{index}": FIRST_MEMBER + index for index in range(ground.members)}
    for name, account in (names | {"operator": OPERATOR}).items():
        ground.configure(
            name,
            ground.anvil.account(account),
            chain__endpoints=[proxy.url, ground.anvil.url],
            chain__agreement=agreement,
        )
