"""Rounds of a local tournament: planned for an operator's daemon, or opened at once."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from scorer.chain.contracts import Suite
from scorer.lab.plain_sender import Sender
from scorer.operator.plans import SCHEDULE, TIMES
from scorer.oracle.gatekeeper import check_gate_tables
from scorer.proofs.terms import terms_hash
from scorer.protocol.digest import universe_digest
from scorer.protocol.rules import NO_TERMS, Rules
from scorer.protocol.tables import Table
from scorer.storage.bundle import Bundle, round_folder

Times = tuple[int, int, int, int]
"""Opening, close, outcome and deadline of a round, Unix seconds."""


def write_plan(folder: Path, rules: Rules, universe: Sequence[str], times: Times) -> Path:
    """Write a round into a folder below an operator's plans, for its daemon to open; the folder."""
    bundle = Bundle(folder)
    bundle.write_rules(rules)
    bundle.write_universe(tuple(universe))
    (folder / SCHEDULE).write_text(json.dumps(dict(zip(TIMES, times, strict=True))))
    return folder


def open_round(
    suite: Suite,
    operator: Sender,
    published: Path,
    rules: Rules,
    universe: Sequence[str],
    times: Times,
    *,
    names: Mapping[str, Sequence[str | None]] | None = None,
    tables: Mapping[str, Table] | None = None,
) -> int:
    """Publish a round's rules and universe, and open it as soon as asked to; the round's id.

    Parameters
    ----------
    names
        What else the ids are called, by column, such as bloomberg_ticker, in the order of the universe;
        None for an id without such a name. Files may then name ids so.
    tables
        Tables that are published with the universe: with gates or neutral churn in the rules, neutralizers
        and sample_weights. Later rounds with these need them of earlier ones.

    Raises
    ------
    scorer.storage.bundle.BundleError
        When names or tables do not fit the universe, or gates lack a table: nothing is sent.
    """
    round_id = suite.round_count(suite.w3.eth.block_number) + 1
    bundle = Bundle(round_folder(published, str(suite.tournament.address), round_id))
    bundle.write_rules(rules)
    bundle.write_universe(tuple(universe))
    for name, table in (tables or {}).items():
        bundle.write_table(name, tuple(universe), table)
    if names:
        bundle.write_names(tuple(universe), names)
    bundle.named_universe()
    check_gate_tables(rules, bundle)
    terms = NO_TERMS if suite.court is None else terms_hash(rules, len(universe))
    commitments = rules.hash(), terms, universe_digest(tuple(universe))
    operator.send(suite.tournament.functions.openRound(*times, commitments))
    return round_id
