"""How an order is shown, asked for, sent and told: the same way for everything that is sent."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Protocol, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from web3.exceptions import Web3Exception

from scorer.chain.contracts import Suite
from scorer.chain.fees import FeePolicy
from scorer.cli.common import console
from scorer.cli.options import SendingOptions, coin_of, print_json
from scorer.client.amounts import coins_text, nmr_text
from scorer.client.desk import ExecutedTransaction, StakingClient
from scorer.client.orders import PlannedTransaction, StakingPlanner, StakingRefused, TransactionPlan
from scorer.client.quotes import CannotPay, CostEstimate, quote
from scorer.client.stakes import holdings, latest_block, model_stake
from scorer.daemon.configuration import ConfigError
from scorer.errors import CupelError

stderr = Console(width=console.width, stderr=True)


UNREADABLE: Final = (CupelError, Web3Exception)
"""What reading what came of an order may raise: then it is done all the same, and told without that."""


class Asking(Protocol):
    """Who orders something, and at which contracts."""

    @property
    def suite(self) -> Suite:
        """The contracts."""
        ...

    @property
    def address(self) -> str:
        """Who asks, and signs."""
        ...


C = TypeVar("C", bound=Asking)


class Sending(Protocol[C]):
    """The options of a command that sends."""

    @property
    def as_json(self) -> bool:
        """Answer with a document."""
        ...

    @property
    def dry_run(self) -> bool:
        """Sign and send nothing."""
        ...

    @property
    def yes(self) -> bool:
        """Ask nothing."""
        ...

    def counter(self) -> C:
        """Where orders are made out."""
        ...

    def fees(self, suite: Suite) -> FeePolicy:
        """What to bid."""
        ...

    def desk(self, counter: C, alarm: Callable[[str, str], None]) -> AbstractContextManager[StakingClient]:
        """Where they are sent."""
        ...


@dataclass(frozen=True)
class Told:
    """What is told in the end beside the account's balances: in a document, and in lines."""

    document: Mapping[str, Any]
    lines: Sequence[str]


def perform(
    options: SendingOptions,
    meaning: Callable[[StakingPlanner], str],
    make: Callable[[StakingPlanner], TransactionPlan],
    model: int | None = None,
) -> None:
    """Do what a staker asks for, as `order_and_tell`, and show the stake of `model` or of the new one."""
    order_and_tell(options, meaning, make, lambda counter, done: _stake_told(counter, done, model))


def order_and_tell(
    options: Sending[C],
    meaning: Callable[[C], str],
    make: Callable[[C], TransactionPlan],
    after: Callable[[C, Sequence[ExecutedTransaction]], Told],
) -> None:
    """Check, show, ask, send and tell.

    Parameters
    ----------
    meaning
        What the order is about: an unfinished one of the same meaning is brought to its end instead.
    make
        Checks, and makes the order out.
    after
        What came of it.
    """
    counter = options.counter()
    suite = counter.suite
    if options.dry_run:
        order = make(counter)
        found = quote(suite, counter.address, order, options.fees(suite))
        if options.as_json:
            print_json(_quoted(counter.address, order, found))
        else:
            _show(counter, order, found)
            typer.echo("dry run: nothing was sent")
        return
    with _interrupted(), options.desk(counter, _alarming()) as desk:
        report = CommandReport(options, counter, desk)
        for each in _sent(report, meaning(counter), make):
            report.add(each)
        report.close(after)


@contextmanager
def _interrupted() -> Iterator[None]:
    """Say what to do where somebody has enough of waiting."""
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
class CommandReport(Generic[C]):
    """Tells what was done, and has it forgotten only then: in lines as it happens, or in a document."""

    options: Sending[C]
    counter: C
    desk: StakingClient
    done: list[ExecutedTransaction] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def nothing_sent(self) -> str:
        """What is said where an order is refused."""
        return "nothing more was sent" if self.done else "nothing was sent"

    def add(self, done: ExecutedTransaction) -> None:
        """Tell at once; where a document is wanted, people alone, as the document may never come."""
        self.done.append(done)
        _say(done, coin_of(self.counter.suite), err=self.options.as_json)
        if not self.options.as_json:
            self.desk.acknowledge(done)

    def close(self, after: Callable[[C, Sequence[ExecutedTransaction]], Told]) -> None:
        """Tell what came of it, as far as it can be read."""
        try:
            account, told = self._account(), after(self.counter, self.done)
        except UNREADABLE as error:
            note = f"what came of it could not be read: {type(error).__name__}"
            self.notes.append(note)
            account, told = Told({}, ()), Told({}, (f"note: {note}",))
        if not self.options.as_json:
            typer.echo("\n".join((*account.lines, *told.lines)))
            return
        done = [_done_document(each) for each in self.done]
        document: dict[str, Any] = {"dry_run": False, "done": done, "notes": self.notes}
        print_json(document | dict(account.document) | dict(told.document))
        for each in self.done:
            self.desk.acknowledge(each)

    def _account(self) -> Told:
        suite = self.counter.suite
        held = holdings(suite, self.counter.address, latest_block(suite).number)
        coins, tokens = coins_text(held.coins), coins_text(held.tokens)
        document = {"account": {"address": held.address, "coins": coins, "nmr": tokens}}
        return Told(document, (f"{held.address}: {_rounded(held.coins)} {coin_of(suite)}, {tokens} NMR",))


def _sent(
    report: CommandReport[C], meaning: str, make: Callable[[C], TransactionPlan]
) -> Iterator[ExecutedTransaction]:
    """What earlier commands left, and then the order, unless it was among that."""
    options, counter, desk = report.options, report.counter, report.desk
    yield from desk.finish(lambda title, most: _agree(report, title, most))
    if any(each.meaning == meaning for each in report.done):
        typer.echo("this is what an earlier command had begun; nothing more was sent", err=True)
        return
    _require_alone(report)
    order = make(counter)
    report.notes.extend(order.warnings)
    found = quote(counter.suite, counter.address, order, options.fees(counter.suite))
    if not (options.as_json and options.yes):
        _show(counter, order, found, err=options.as_json)
    if found.bid is None:
        raise CannotPay(
            f"gas: expected a price that can be bid, found {found.price} wei; {report.nothing_sent}, try "
            "again later"
        )
    if found.balance < found.most:
        coin = coin_of(counter.suite)
        raise CannotPay(
            f"gas: expected at least {coins_text(found.most)} {coin} at {counter.address}, found "
            f"{coins_text(found.balance)} {coin}; {report.nothing_sent}"
        )
    _ask(report, order, f"{_rounded(found.most)} {coin_of(counter.suite)}")
    yield from desk.perform(order, found)


def _require_alone(report: CommandReport[C]) -> None:
    foreign = report.desk.foreign()
    if foreign:
        raise StakingRefused(
            f"expected no transaction of {report.counter.address} that waits, found {foreign} of another "
            f"wallet; let it be mined, or cancel it there; {report.nothing_sent}"
        )


def _agree(report: CommandReport[C], title: str, most: int) -> None:
    """Ask whether what an earlier command left may cost more than was agreed to."""
    coin = coin_of(report.counter.suite)
    _confirm(report, f"{title}: it waits, as gas became dearer. Bid more, at most {_rounded(most)} {coin}?")


def _ask(report: CommandReport[C], order: TransactionPlan, most: str) -> None:
    what = "this transaction" if len(order.steps) == 1 else f"these {len(order.steps)} transactions"
    _confirm(report, f"Send {what} for at most {most}?")


def _confirm(report: CommandReport[C], question: str) -> None:
    if report.options.yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError(f"expected --yes or a terminal to ask at, found neither; {report.nothing_sent}")
    typer.confirm(question, abort=True, err=True)


def _alarming() -> Callable[[str, str], None]:
    """Tells each alarm once, although it lasts."""
    known: set[tuple[str, str]] = set()

    def alarm(kind: str, detail: str) -> None:
        if (kind, detail) not in known:
            known.add((kind, detail))
            typer.echo(f"{kind}: {detail}", err=True)

    return alarm


def _show(counter: Asking, order: TransactionPlan, found: CostEstimate, *, err: bool = False) -> None:
    """What would be sent, its gas and its cost: beside a document, on standard error."""
    coin = coin_of(counter.suite)
    table = Table(title=f"from {counter.address}")
    table.add_column("transaction", overflow="fold")
    for header in ("gas", coin):
        table.add_column(header, justify="right")
    for each in found.prices:
        gas = f"{'' if each.is_tried else '~'}{each.gas:,}"
        table.add_row(each.step.title, gas, _rounded(each.gas * found.price))
    (stderr if err else console).print(table)
    for warning in order.warnings:
        typer.echo(f"note: {warning}", err=err)
    typer.echo(
        f"cost: {_rounded(found.cost)} {coin} at {found.price / 1e9:.3f} gwei, "
        f"at most {_rounded(found.most)}; you have {_rounded(found.balance)}",
        err=err,
    )


def _quoted(address: str, order: TransactionPlan, found: CostEstimate) -> dict[str, Any]:
    return {
        "dry_run": True,
        "from": address,
        "transactions": [
            {
                "title": each.step.title,
                "to": each.step.call.address,
                "function": each.step.call.fn_name,
                "data": _data(each.step),
                "gas": each.gas,
                "gas_is_tried": each.is_tried,
            }
            for each in found.prices
        ],
        "notes": list(order.warnings),
        "gas": found.gas,
        "gas_price_wei": found.price,
        "cost": coins_text(found.cost),
        "most": coins_text(found.most),
        "balance": coins_text(found.balance),
    }


def _data(step: PlannedTransaction) -> str | None:
    """What would be sent; None where it takes a signature that is given only then."""
    return None if step.signed else str(step.call._encode_transaction_data())  # noqa: SLF001


def _say(done: ExecutedTransaction, coin: str, *, err: bool) -> None:
    earlier = " (sent by an earlier command)" if done.was_earlier else ""
    lines = [
        f"{done.title}{earlier}: block {done.block}, {done.gas:,} gas, {_rounded(done.cost)} {coin}",
        f"  transaction {done.transaction}",
    ]
    if done.model_id is not None:
        lines.append(f"model {done.model_id} is registered")
    typer.echo("\n".join(lines), err=err)


def _stake_told(counter: StakingPlanner, done: Sequence[ExecutedTransaction], model: int | None) -> Told:
    registered = [each.model_id for each in done if each.model_id is not None]
    shown = registered[-1] if model is None and registered else model
    if shown is None:
        return Told({}, ())
    stake = model_stake(counter.suite, shown, latest_block(counter.suite).number)
    line = (
        f"model {stake.model_id} of {stake.owner}: {nmr_text(stake.idle)} NMR idle; at risk in each "
        f"round: {stake.allocation}"
    )
    return Told({"model": stake.to_json()}, (line,))


def _done_document(done: ExecutedTransaction) -> dict[str, Any]:
    registered = {} if done.model_id is None else {"model": done.model_id}
    return registered | {
        "title": done.title,
        "transaction": done.transaction,
        "block": done.block,
        "gas": done.gas,
        "cost": coins_text(done.cost),
        "sent_by_an_earlier_command": done.was_earlier,
    }


def _rounded(wei: int) -> str:
    """Coins for people: six significant digits; JSON has them all."""
    return f"{wei / 1e18:.6g}"
