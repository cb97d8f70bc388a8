"""Plans an action, shows its cost, asks, sends and reports: the same way for every command that sends."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import typer
from web3.exceptions import Web3Exception

from scorer.chain.fees import FeePolicy
from scorer.cli.common import print_json
from scorer.cli.transaction_text import (
    executed_document,
    plan_document,
    show_executed,
    show_plan,
)
from scorer.client.actions import ActionRefused, ClientAccount, ClientAction, TransactionPlan
from scorer.client.quotes import CannotPay, CostEstimate, coin_of, quote
from scorer.client.stakes import holdings, latest_block
from scorer.client.staking_client import ExecutedTransaction, StakingClient
from scorer.daemon.config_errors import ConfigError
from scorer.errors import CupelError
from scorer.units import coins_text, short_coins

READ_ERRORS: Final = (CupelError, Web3Exception)
"""Errors while reading the state after a mined transaction; reported, not fatal: the transaction is done."""


@dataclass(frozen=True)
class SendContext:
    """The account for which a command sends, the fees, and how the command asks and answers.

    Attributes
    ----------
    open_client
        Opens journal and node; its argument receives the kind and the detail of each alarm.
    as_json
        Answer with a document.
    dry_run
        Sign and send nothing.
    yes
        Send without asking.
    """

    account: ClientAccount
    fees: FeePolicy
    open_client: Callable[[Callable[[str, str], None]], AbstractContextManager[StakingClient]]
    as_json: bool
    dry_run: bool
    yes: bool

    @property
    def coin(self) -> str:
        """The symbol of the coin that pays for gas."""
        return coin_of(self.account.suite.addresses.chain_id)

    def planned(self, action: ClientAction) -> tuple[TransactionPlan, CostEstimate]:
        """Return the plan of an action with its cost."""
        plan = action.plan(self.account)
        return plan, quote(self.account.suite, self.account.address, plan, self.fees)


@dataclass(frozen=True)
class CommandResult:
    """The state that a command shows at its end: fields of its document, and lines for people."""

    document: Mapping[str, Any]
    lines: Sequence[str]


ReadResult = Callable[[Sequence[ExecutedTransaction]], CommandResult]


def send(context: SendContext, action: ClientAction, read_result: ReadResult) -> None:
    """Carry out an action, or print its plan in a dry run.

    An unfinished action with the same key is finished instead.

    Parameters
    ----------
    read_result
        Reads the state to show at the end, from the transactions that were executed.
    """
    if context.dry_run:
        _show_dry_run(context, action)
        return
    with _interruptible(), context.open_client(_alarm_once()) as client:
        report = CommandReport(context, client)
        for done in _carry_out(report, action):
            report.add(done)
        report.close(read_result)


def _show_dry_run(context: SendContext, action: ClientAction) -> None:
    plan, cost = context.planned(action)
    if context.as_json:
        print_json(plan_document(context.account, plan, cost))
    else:
        show_plan(context.account, plan, cost)
        typer.echo("dry run: nothing was sent")


@contextmanager
def _interruptible() -> Iterator[None]:
    """Say what to do next when the user interrupts the command while it waits."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(
            "cupel: interrupted; a transaction may be under way: run the command again: it goes on, and "
            "sends nothing twice",
            err=True,
        )
        raise


@dataclass
class CommandReport:
    """Reports executed transactions, as lines at once or as a document at the end.

    A transaction is acknowledged only after it was reported: reporting one twice is harmless, sending one
    twice is not.
    """

    context: SendContext
    client: StakingClient
    done: list[ExecutedTransaction] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def nothing_sent(self) -> str:
        """The end of the message of a refusal."""
        return "nothing more was sent" if self.done else "nothing was sent"

    def add(self, done: ExecutedTransaction) -> None:
        """Report a transaction at once; on standard error where a document will follow, or may never."""
        self.done.append(done)
        show_executed(done, self.context.coin, err=self.context.as_json)
        if not self.context.as_json:  # with a document, it counts as reported only once that is printed
            self.client.acknowledge(done)

    def close(self, read_result: ReadResult) -> None:
        """Report balances and state after the transactions, as far as they can be read."""
        try:
            account, result = self._balances(), read_result(self.done)
        except READ_ERRORS as error:
            note = f"what came of it could not be read: {type(error).__name__}"
            self.notes.append(note)
            account, result = CommandResult({}, ()), CommandResult({}, (f"note: {note}",))
        if not self.context.as_json:
            typer.echo("\n".join((*account.lines, *result.lines)))
            return
        done = [executed_document(transaction) for transaction in self.done]
        document: dict[str, Any] = {"dry_run": False, "done": done, "notes": self.notes}
        print_json(document | dict(account.document) | dict(result.document))
        for transaction in self.done:
            self.client.acknowledge(transaction)

    def _balances(self) -> CommandResult:
        suite = self.context.account.suite
        held = holdings(suite, self.context.account.address, latest_block(suite).number)
        coins, tokens = coins_text(held.coins), coins_text(held.tokens)
        document = {"account": {"address": held.address, "coins": coins, "nmr": tokens}}
        line = f"{held.address}: {short_coins(held.coins)} {self.context.coin}, {tokens} NMR"
        return CommandResult(document, (line,))


def _carry_out(report: CommandReport, action: ClientAction) -> Iterator[ExecutedTransaction]:
    """Finish earlier commands, then carry out the action unless an earlier command had begun it."""
    context, client = report.context, report.client
    # Unfinished transactions hold the lowest nonces: nothing can be mined before them.
    yield from client.finish(lambda title, most: _agree(report, title, most))
    key = action.key(context.account.suite.addresses)
    if any(done.meaning == key for done in report.done):
        typer.echo("this is what an earlier command had begun; nothing more was sent", err=True)
        return
    _require_alone(report)
    # Planned only now: what was just finished may have changed stakes, allowances and balances.
    plan, cost = context.planned(action)
    report.notes.extend(plan.warnings)
    if not plan.steps:
        typer.echo(f"there is nothing to do; {report.nothing_sent}", err=True)
        return
    if not (context.as_json and context.yes):
        show_plan(context.account, plan, cost, err=context.as_json)
    _require_coins(report, cost)
    count = len(plan.steps)
    subject = "this transaction" if count == 1 else f"these {count} transactions"
    _confirm(report, f"Send {subject} for at most {short_coins(cost.most)} {context.coin}?")
    yield from client.perform(plan, cost)


def _require_alone(report: CommandReport) -> None:
    """Refuse to sign while another wallet's transaction waits: one would replace or block the other."""
    foreign = report.client.foreign()
    if foreign:
        raise ActionRefused(
            f"expected no transaction of {report.context.account.address} that waits, found {foreign} of "
            f"another wallet; let it be mined, or cancel it there; {report.nothing_sent}"
        )


def _require_coins(report: CommandReport, cost: CostEstimate) -> None:
    if cost.bid is None:
        raise CannotPay(
            f"gas: expected a price that can be bid, found {cost.price} wei; {report.nothing_sent}, try "
            "again later"
        )
    if cost.balance < cost.most:
        coin = report.context.coin
        raise CannotPay(
            f"gas: expected at least {coins_text(cost.most)} {coin} at {report.context.account.address}, "
            f"found {coins_text(cost.balance)} {coin}; {report.nothing_sent}"
        )


def _agree(report: CommandReport, title: str, most: int) -> None:
    """Ask for consent to pay more, at most `most` wei, than was agreed for an unfinished transaction."""
    limit = f"at most {short_coins(most)} {report.context.coin}"
    _confirm(report, f"{title}: it waits, as gas became more expensive. Bid more, {limit}?")


def _confirm(report: CommandReport, question: str) -> None:
    if report.context.yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError(f"expected --yes or a terminal to ask at, found neither; {report.nothing_sent}")
    typer.confirm(question, abort=True, err=True)


def _alarm_once() -> Callable[[str, str], None]:
    """Return an alarm that prints each kind and detail once, however often it is raised."""
    known: set[tuple[str, str]] = set()

    def alarm(kind: str, detail: str) -> None:
        if (kind, detail) not in known:
            known.add((kind, detail))
            typer.echo(f"{kind}: {detail}", err=True)

    return alarm
