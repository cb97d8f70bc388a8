"""``cupel demand`` and ``cupel answer``: predictions that a paid model has to show, and showing them."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from scorer.cli.common import print_json
from scorer.cli.numbers import MODEL, NUMBER
from scorer.cli.options import chain_command
from scorer.cli.prove import ProvingOptions, number_of, own_predictions
from scorer.cli.round_source import RoundSource, round_source
from scorer.cli.sending import CommandResult, send
from scorer.client.actions import ActionRefused, ClientAccount, ClientAction
from scorer.client.court_actions import PUBLIC_FILES, round_files
from scorer.client.demand_actions import (
    DemandPredictions,
    Drawing,
    DrawModels,
    DrawnModel,
    Owed,
    ReclaimDeposits,
    ShowPredictions,
    read_drawing,
    read_owed,
)
from scorer.client.quotes import coin_of, fees_of, quote
from scorer.client.stakes import latest_block
from scorer.protocol.documents import to_hex
from scorer.units import coins_text, nmr_text, short_coins

RoundArgument = Annotated[
    RoundSource,
    typer.Argument(parser=round_source, help="A round's folder, or its URL.", metavar="ROUND"),
]
RoundOption = Annotated[
    int | None,
    typer.Option("--round", parser=NUMBER, help="Its number, where the folder's name does not say it."),
]


@chain_command(ProvingOptions)
def demand(
    options: ProvingOptions,
    bundle: RoundArgument,
    model: Annotated[
        list[int] | None,
        typer.Option(parser=MODEL, help="Demand the predictions of this drawn model; may be repeated."),
    ] = None,
    everybody: Annotated[bool, typer.Option("--all", help="Demand those of every drawn model.")] = False,
    reclaim: Annotated[
        bool, typer.Option("--reclaim", help="Take back your deposits for predictions that nobody showed.")
    ] = False,
    round_id: RoundOption = None,
) -> None:
    """Say which models of a round are drawn to show their predictions, and with --send draw and demand them.

    A dry run says who is drawn, what a deposit costs, and when it comes back; it needs no key. With --send,
    what is left of the draw is done; with --model or --all, the predictions of these are demanded. Whoever
    then does not show them is not paid.
    """
    number = number_of(bundle) if round_id is None else round_id
    if reclaim:
        _reclaim(options, number)
        return
    with bundle.folder(PUBLIC_FILES) as folder:
        files = round_files(folder, {})

        def read() -> Drawing:
            return read_drawing(options.suite, number, files)

        drawing = read()
        if not options.send:
            _show(options, drawing, _chosen(drawing, model, everybody))
            return
        wanted = bool(model) or everybody
        if not drawing.draw.lanes:
            _send(options, DrawModels(drawing), read, quiet=wanted)
            drawing = read()
        if wanted:
            chosen = _chosen(drawing, model, everybody)
            if not chosen:
                raise ActionRefused(
                    f"round {number}: expected a drawn model to demand, found none that is left"
                )
            _send(options, DemandPredictions(drawing, chosen), read)


def _send(
    options: ProvingOptions, action: ClientAction, read: Callable[[], Drawing], *, quiet: bool = False
) -> None:
    """Send, and show what is drawn; with `quiet` beside the document that follows."""

    def result(_: object) -> CommandResult:
        drawing = read()
        return CommandResult(_document(drawing), () if quiet else tuple(_lines(drawing)))

    context = options.sending()
    if not (quiet and options.as_json):
        send(context, action, result)
        return
    with redirect_stdout(sys.stderr):
        send(replace(context, as_json=False), action, result)


def _reclaim(options: ProvingOptions, number: int) -> None:
    action = ReclaimDeposits(number, options.prover)
    if options.send:
        send(options.sending(), action, lambda _: CommandResult({"round": number}, ()))
        return
    plan = action.plan(ClientAccount(options.suite, options.prover))
    titles = [step.title for step in plan.steps]
    if options.as_json:
        print_json({"round": number, "dry_run": True, "transactions": titles})
        return
    for title in titles:
        typer.echo(f"round {number}: would {title}")


def _chosen(drawing: Drawing, models: Sequence[int] | None, everybody: bool) -> tuple[DrawnModel, ...]:
    """Return the drawn models to demand, of which nobody demanded the predictions yet.

    Raises
    ------
    ActionRefused
        When a named model is not drawn, or was demanded.
    """
    left = tuple(drawn for drawn in drawing.models if not drawn.is_demanded)
    if everybody or not models:
        return left if everybody else ()
    known = {drawn.model: drawn for drawn in left}
    for number in models:
        if number not in known:
            names = ", ".join(map(str, known)) or "none"
            raise ActionRefused(
                f"model: expected a model that is drawn and that nobody demanded ({names}), found {number}"
            )
    return tuple(known[number] for number in dict.fromkeys(models))


def _show(options: ProvingOptions, drawing: Drawing, chosen: Sequence[DrawnModel]) -> None:
    actions: list[ClientAction] = [] if drawing.draw.lanes else [DrawModels(drawing)]
    if chosen and drawing.draw.lanes:
        actions.append(DemandPredictions(drawing, chosen))
    is_open = latest_block(options.suite).timestamp < drawing.until[0]
    costs = [_cost(options, action) for action in actions] if is_open and drawing.payouts.total else []
    if options.as_json:
        print_json(_document(drawing) | {"dry_run": True, "costs": costs})
        return
    for line in (*_lines(drawing), *_cost_lines(drawing, costs)):
        typer.echo(line)


def _cost(options: ProvingOptions, action: ClientAction) -> dict[str, Any]:
    """Return the gas and the cost of an action, were the account to send it now."""
    suite = options.suite
    plan = action.plan(ClientAccount(suite, options.prover))
    found = quote(suite, options.prover, plan, fees_of(suite.addresses.chain_id))
    coin = coin_of(suite.addresses.chain_id)
    titles = [step.title for step in plan.steps]
    return {"transactions": titles, "gas": found.gas, "cost": short_coins(found.cost), "coin": coin}


def _cost_lines(drawing: Drawing, costs: Sequence[dict[str, Any]]) -> Iterator[str]:
    for cost in costs:
        yield (
            f"round {drawing.record.round_id}: with --send: {'; '.join(cost['transactions'])}: at most "
            f"{cost['gas']:,} gas, {cost['cost']} {cost['coin']} now"
        )


def _lines(drawing: Drawing) -> Iterator[str]:
    """Say who is drawn, and what a demand costs."""
    number, demands_until, answers_until = drawing.record.round_id, *drawing.until
    if not drawing.payouts.total:
        yield f"round {number}: the report pays nobody: there is nobody to draw"
        return
    if drawing.draw.seed is None:
        yield f"round {number}: not drawn yet; {drawing.count} draws fall on models by their payouts"
    for drawn in drawing.models:
        paid = nmr_text(drawn.payout)
        yield f"round {number}: model {drawn.model} is drawn (payout {paid} NMR): {_state(drawn)}"
    yield (
        f"round {number}: a demand takes a deposit of {coins_text(drawing.deposit)} NMR, until "
        f"{demands_until} (Unix time), which comes back if nobody shows the predictions until "
        f"{answers_until}; the model is "
        "then not paid"
    )


def _state(drawn: DrawnModel) -> str:
    if drawn.is_answered:
        return "its predictions were shown: cupel prove and cupel watch look at them"
    return "its predictions are demanded" if drawn.is_demanded else "nobody demanded its predictions"


def _document(drawing: Drawing) -> dict[str, Any]:
    demands_until, answers_until = drawing.until
    return {
        "round": drawing.record.round_id,
        "report": to_hex(drawing.proposal.report_hash),
        "demands": drawing.count,
        "deposit_nmr": coins_text(drawing.deposit),
        "is_drawn": drawing.draw.seed is not None,
        "is_placed": bool(drawing.draw.lanes),
        "last_seed_block": drawing.last_seed_block,
        "demands_until": demands_until,
        "answers_until": answers_until,
        "drawn": [
            {
                "place": drawn.place,
                "model": drawn.model,
                "payout_nmr": nmr_text(drawn.payout),
                "is_demanded": drawn.is_demanded,
                "is_answered": drawn.is_answered,
                "payer": drawn.payer,
            }
            for drawn in drawing.models
        ],
    }


@chain_command(ProvingOptions)
def answer(
    options: ProvingOptions,
    bundle: RoundArgument,
    model: Annotated[int, typer.Option(parser=MODEL, help="The model whose predictions are demanded.")],
    predictions: Annotated[
        Path, typer.Option(help="The file that it submitted, CSV or Parquet.", exists=True, dir_okay=False)
    ],
    round_id: RoundOption = None,
) -> None:
    """Say whether a model's predictions are demanded, and with --send show them, so that it is paid.

    Anybody may who has them; members of the committee do by themselves. They are public from then on.
    """
    number = number_of(bundle) if round_id is None else round_id
    with bundle.folder(PUBLIC_FILES) as folder:
        files = round_files(folder, own_predictions(folder, model, predictions))
        owed = read_owed(options.suite, number, files, model)
        if owed is not None and options.send:
            answered = CommandResult(
                _owed_document(number, model, None), (f"round {number}: model {model} has answered",)
            )
            send(options.sending(), ShowPredictions(owed, files), lambda _: answered)
            return
        cost = None if owed is None else _cost(options, ShowPredictions(owed, files))
    if options.send:
        raise ActionRefused(
            f"round {number}: expected predictions that are demanded, found that {_nothing(model)}"
        )
    if options.as_json:
        print_json(_owed_document(number, model, owed) | {"dry_run": True, "cost": cost})
        return
    typer.echo(f"round {number}: {_nothing(model) if owed is None else _owed_text(owed)}")
    if cost is not None:
        typer.echo(
            f"round {number}: showing them takes {cost['gas']:,} gas, {cost['cost']} {cost['coin']} now"
        )


def _nothing(model: int) -> str:
    return f"nobody demands the predictions of model {model}, or they were shown: there is nothing to do"


def _owed_text(owed: Owed) -> str:
    return (
        f"the predictions of model {owed.model} are demanded: if nobody shows them until {owed.until} (Unix "
        f"time), it is not paid; of the deposit, {coins_text(owed.owner_part)} NMR go to its owner and "
        f"{coins_text(owed.sender_part)} NMR to whoever shows them"
    )


def _owed_document(number: int, model: int, owed: Owed | None) -> dict[str, Any]:
    found: dict[str, Any] = {"round": number, "model": model, "is_demanded": owed is not None}
    if owed is not None:
        found |= {
            "until": owed.until,
            "deposit_nmr": coins_text(owed.deposit),
            "owner_nmr": coins_text(owed.owner_part),
            "sender_nmr": coins_text(owed.sender_part),
        }
    return found
