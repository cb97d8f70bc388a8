"""Scenarios of a node with one fault, in which a round settles all the same, and nothing is done twice."""

from collections.abc import Callable
from functools import partial
from typing import Final

from scorer.chain.fees import GWEI
from scorer.lab.drill.outcome import ScenarioResult, Stuck, Tally
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
from scorer.lab.faults import (
    CapsFees,
    HoldsBack,
    RateLimits,
    RefusesLowTips,
    always_knows,
    behind,
    has_no_finalised_block,
    misbehaves,
    names_another_hash,
    takes_and_does_not_answer,
    truncates_logs,
)
from scorer.lab.local_tournament import FIRST_MEMBER, OPERATOR, LocalTournament
from scorer.lab.proxy import Fault, Proxy

SEND: Final = "eth_sendRawTransaction"
BLOCK: Final = "eth_getBlockByNumber"
LIMITED: Final = (BLOCK, SEND, "eth_call", "eth_getLogs", "eth_getTransactionReceipt", "eth_estimateGas")
LAG: Final = 20
LEAST_TIP: Final = 25 * GWEI
"""Under which Polygon's bor takes no transaction (params/protocol_params.go), wei per gas."""
FaultScenario = Callable[[LocalTournament, Proxy], ScenarioResult]


@scenario
def low_tips_refused(local: LocalTournament, proxy: Proxy) -> ScenarioResult:
    """Bor's floor: a tip of one gwei is raised to what the node asks for, at the same nonce."""
    proxy.misbehave(SEND, RefusesLowTips(LEAST_TIP))
    return _one_round("tips under 25 gwei are refused", local)


@scenario
def already_known(local: LocalTournament, proxy: Proxy) -> ScenarioResult:
    """Every transaction is said to be known already: that is success."""
    proxy.misbehave(SEND, always_knows)
    return _one_round("every transaction is already known", local)


@scenario
def no_answer_after_taking(local: LocalTournament, proxy: Proxy) -> ScenarioResult:
    """The connection breaks after every transaction that was taken."""
    proxy.misbehave(SEND, takes_and_does_not_answer)
    return _one_round("no answer after taking a transaction", local)


@scenario
def replacements_by_a_tenth(local: LocalTournament, proxy: Proxy) -> ScenarioResult:
    """Nothing is mined before it is outbid by a tenth on both fees."""
    tally = Tally.of(local)
    holds = HoldsBack()
    rounds = to_close(local)
    proxy.misbehave(SEND, holds)
    names = [f"member-{index}" for index in range(local.members)]
    with running(local, "operator", *names):
        await_that(sealed(local, *rounds), "a seal after every bid was raised", mine=local)
        for name in ("operator", *names):
            await_that(partial(nothing_open, local, name), "all of it to be final", mine=local)
    resolve(local, rounds)
    to_end_while_running(local, rounds)
    if holds.refused or not holds.replaced:
        raise Stuck(f"expected no raise to be refused, found {holds.refused} of {holds.replaced}")
    return tally.raced("replacements by less than a tenth are refused", rounds, f"{holds.replaced} raised")


@scenario
def rate_limited(local: LocalTournament, proxy: Proxy) -> ScenarioResult:
    """Requests are refused by the dozen, by an error that comes with HTTP 200."""
    limits = RateLimits()
    misbehaves(proxy, limits, LIMITED)
    result = _one_round("rate limits inside HTTP 200", local)
    if not limits.refused:
        raise Stuck("expected requests to be refused, found none")
    return ScenarioResult(
        result.name, result.duplicated, result.lost, 0, f"{limits.refused} requests refused"
    )


@scenario
def fees_capped(local: LocalTournament, proxy: Proxy) -> ScenarioResult:
    """A node caps what a transaction may cost: nothing is sent, and an alarm raised, until it is lifted."""
    caps = CapsFees(most=GWEI)
    return _held("a fee cap of the node", local, proxy, SEND, caps, "FEE_CAP")


@scenario
def nothing_final(local: LocalTournament, proxy: Proxy) -> ScenarioResult:
    """A node without a finalised block: nothing is sent, and nothing is guessed by depth."""
    return _held("no finalised block", local, proxy, BLOCK, has_no_finalised_block, "CANNOT_REACH_CHAIN")


@scenario
def hashes_disagree(local: LocalTournament, proxy: Proxy) -> ScenarioResult:
    """Two nodes, one on a fork: nothing is sent until they agree."""
    _with_two_nodes(local, proxy, agreement=2)
    return _held("nodes disagree on a hash", local, proxy, BLOCK, names_another_hash, "ENDPOINTS_DISAGREE")


@scenario
def node_lags(local: LocalTournament, proxy: Proxy) -> ScenarioResult:
    """Two nodes, the preferred one twenty blocks behind: it is left out of everything."""
    _with_two_nodes(local, proxy, agreement=1)
    proxy.misbehave(BLOCK, behind(LAG))
    result = _one_round("a node lags", local)
    if SEND in proxy.asked:
        raise Stuck("expected nothing to be sent to a node that lags, found that something was")
    return result


@scenario
def logs_truncated(local: LocalTournament, proxy: Proxy) -> ScenarioResult:
    """Two nodes, the preferred one hides a log: noticed by what the contract committed to."""
    _with_two_nodes(local, proxy, agreement=1)
    tally = Tally.of(local)
    rounds = to_outcome(local)
    proxy.misbehave("eth_getLogs", truncates_logs)
    to_end_while_running(local, rounds)
    if not rung(local, "member-0", "INCOMPLETE_LOGS")():
        raise Stuck("expected an alarm about incomplete logs, found none")
    return tally.raced("logs are truncated", rounds)


FAULT_SCENARIOS: Final[dict[str, FaultScenario]] = {
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


def _one_round(name: str, local: LocalTournament) -> ScenarioResult:
    tally = Tally.of(local)
    rounds = to_outcome(local)
    to_end(local, rounds)
    return tally.result(name, rounds)


def _held(
    name: str, local: LocalTournament, proxy: Proxy, method: str, fault: Fault, reason: str
) -> ScenarioResult:
    """Have nothing sent and an alarm raised while a node misbehaves; then it goes on alone."""
    tally = Tally.of(local)
    rounds = to_outcome(local)
    before = sent_by_members(local)
    proxy.misbehave(method, fault)
    with running(local, "member-0"):
        await_that(rung(local, "member-0", reason), f"the alarm {reason}")
        if sent_by_members(local) != before:
            return ScenarioResult(name, duplicated=1, detail="something was sent meanwhile")
        proxy.faults.clear()
        await_that(lambda: sent_by_members(local) > before, "a vote once the node behaves", mine=local)
    to_end(local, rounds)
    return tally.result(name, rounds)


def _with_two_nodes(local: LocalTournament, proxy: Proxy, agreement: int) -> None:
    """Let every daemon prefer the proxy, and know the chain behind it by itself too."""
    names = {f"member-{index}": FIRST_MEMBER + index for index in range(local.members)}
    for name, account in (names | {"operator": OPERATOR}).items():
        local.configure(
            name,
            local.anvil.account(account),
            chain__endpoints=[proxy.url, local.anvil.url],
            chain__agreement=agreement,
        )
