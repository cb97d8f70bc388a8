"""``cupel verify``: recompute a round from its bundle, and compare it with the chain."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer

from scorer.chain.contracts import Suite
from scorer.chain.records import RoundState
from scorer.cli.chains import DeploymentOption, EndpointsOption, ReplayOption, how_far, suites_of
from scorer.cli.common import JsonOption, print_json, user_errors, working
from scorer.cli.numbers import MODEL
from scorer.cli.round_source import RoundSource, round_source
from scorer.evaluation.inputs import OnChain
from scorer.evaluation.own import OwnSubmission
from scorer.evaluation.void import VoidOnChain
from scorer.isolation import SHARED_READER
from scorer.observation.observe import Block, read_on_chain
from scorer.observation.void import read_void
from scorer.oracle.agreement import agreed, agreed_block
from scorer.oracle.compare import Gap, target_gaps
from scorer.redaction import shown_path
from scorer.storage.bundle import Bundle, BundleError
from scorer.storage.verification import (
    MOST_LISTED,
    READ,
    SHOWN_FIRST,
    VerificationResult,
    stated_round,
    verify_bundle,
)
from scorer.submission.reader import check_submission, read_bounded

TARGETS_HINT: Final = (
    "a digest says which target was changed, not for which ids; --against another copy of the bundle, or "
    "cupel data targets --against with your own data, compares id by id"
)

FIRST_TARGETS: Final = 10
EARLY: Final = ("chain, state: ", "chain, accepted report hash: expected no accepted report yet")
"""Beginnings of the differences of a sound round that the chain has not settled yet."""


def verify(
    bundle: Annotated[
        RoundSource,
        typer.Argument(parser=round_source, help="A round's folder, or its URL.", metavar="BUNDLE"),
    ],
    endpoint: EndpointsOption = None,
    deployment: DeploymentOption = None,
    replay: ReplayOption = None,
    model: Annotated[
        int | None, typer.Option(parser=MODEL, help="Your model, with the file that you submitted.")
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(
            help="The file that you submitted as --model, CSV or Parquet.", exists=True, dir_okay=False
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            help="Another bundle of the round, such as your own as a member: targets are compared id by id.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Name everything that differs, a line each.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Recompute a round from its bundle, and name the first thing that differs.

    The folder may be a stranger's: it is read in a process with limits. A URL, such as
    https://host/t/7/rounds/5 of a server or a member's, is downloaded first. Of a void round, which nobody
    scored, what the operator published is enough: that it is what the chain committed to, and that every
    position returned whole. With several --endpoint, all must say the same.

    Where others' predictions are withheld, everything from the factor scores on is recomputed, and with
    --model and --predictions your own factor scores too.
    """
    with (
        user_errors(),
        suites_of(endpoint or (), deployment, replay) as suites,
        bundle.folder(sorted(READ)) as folder,
    ):
        own = _own(folder, model, predictions)
        chain = _on_chain(suites, stated_round(folder, SHARED_READER)) if suites else None
        with working("recomputing the round"):
            verdict = verify_bundle(
                folder, chain, SHARED_READER, own, MOST_LISTED if everything or as_json else SHOWN_FIRST
            )
        targets = () if against is None else tuple(target_gaps(_strict(folder), _strict(against)))
    if as_json:
        compared = {} if against is None else {"targets": [asdict(gap) for gap in targets]}
        agrees = not verdict.count and not targets
        print_json({"agrees": agrees, **asdict(verdict), "endpoints": len(suites), **compared})
    else:
        _print(verdict, suites, everything=everything)
        _print_targets(targets, against, everything=everything)
    if verdict.count or targets:
        raise typer.Exit(1)


def _strict(folder: Path) -> Bundle:
    return Bundle(folder, strict=True)


def _print_targets(targets: Sequence[Gap], against: Path | None, *, everything: bool) -> None:
    if against is None:
        return
    for gap in targets if everything else targets[:FIRST_TARGETS]:
        typer.echo(f"verify: {gap.where}: {gap.ours} here, {gap.theirs} in {shown_path(against)}")
    count = {0: "no target differs", 1: "1 target differs"}.get(
        len(targets), f"{len(targets)} targets differ"
    )
    hint = "; --all names them" if len(targets) > FIRST_TARGETS and not everything else ""
    typer.echo(f"verify: {count} from {shown_path(against)}{hint}")


def _print(verdict: VerificationResult, suites: Sequence[Suite], *, everything: bool) -> None:
    number = verdict.round_id
    if _is_only_early(verdict):
        typer.echo(f"verify: round {number} agrees so far, but is {how_far(suites[0], number)}")
    elif verdict.count:
        for difference in verdict.first if everything else verdict.first[:1]:
            typer.echo(f"verify: round {number} DIFFERS: {difference}")
        count = "1 difference" if verdict.count == 1 else f"{verdict.count} differences"
        hint = "" if everything or verdict.count == 1 else "; --all names them"
        typer.echo(f"verify: {count} in all{hint}")
        if any(text.startswith("targets.parquet, digest of column") for text in verdict.first):
            typer.echo(f"verify: {TARGETS_HINT}")
    else:
        endpoints = f" ({len(suites)} endpoints agree)" if len(suites) > 1 else ""
        typer.echo(f"verify: round {number} agrees: {verdict.agreement}{endpoints}")
    for text in verdict.own:
        typer.echo(f"verify: {text}")
    if verdict.not_covered:
        typer.echo(f"verify: no digest covers {', '.join(verdict.not_covered)}")


def _is_only_early(verdict: VerificationResult) -> bool:
    """Return whether all agrees and the chain has not settled the round, or not in a final block."""
    return 0 < verdict.count == sum(text.startswith(EARLY) for text in verdict.first)


def _own(folder: Path, model: int | None, file: Path | None) -> OwnSubmission | None:
    """Read the file that was submitted as the operator would, or the client that encrypted it."""
    if (model is None) != (file is None):
        raise BundleError("expected --model and --predictions together, found one of them")
    if model is None or file is None:
        return None
    bundle = Bundle(folder, strict=True)
    universe = bundle.named_universe()
    content = read_bounded(file, len(universe.ids))
    checked = check_submission(bundle.rules().submissions, content, universe, str(file))
    return OwnSubmission(model, checked.values)


def _on_chain(suites: Sequence[Suite], number: int) -> OnChain | VoidOnChain:
    """Read a round from all endpoints at the newest block that is final for all; they must agree."""
    block = agreed_block(suites)
    return agreed(suites, f"round {number}", partial(_read, number=number, block=block))


def _read(suite: Suite, number: int, block: Block) -> OnChain | VoidOnChain:
    if not 0 < number <= suite.round_count(block.number):
        raise BundleError(f"expected a round that the chain has opened, found round {number}")
    record = suite.round(number, block.number)
    if record.state == RoundState.VOIDED:
        return read_void(suite, record, block)
    return read_on_chain(suite, number, block)
