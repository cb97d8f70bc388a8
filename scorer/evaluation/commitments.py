"""A round's files held against what the chain committed to, and the digests of them."""

from collections.abc import Container, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.evaluation.inputs import InputsMismatch, RoundInputs
from scorer.protocol.digest import table_digest, universe_digest
from scorer.protocol.documents import to_hex
from scorer.protocol.predictions import float_array
from scorer.protocol.rules import Rules
from scorer.protocol.submissions import IN_THE_CLEAR, Submission, Submissions
from scorer.protocol.tables import (
    NEUTRAL_CHURN,
    SESSION_RETURNS,
    churn_of,
    digest_of,
    problem_with,
    table_file,
)
from scorer.rewards import payout_factor

SORTED_IDS = "sorted ids, each once"
SIGNED = "those that were signed"
UNREADABLE = "expected an envelope that a quorum of members can decrypt, found another"


def check_commitments(inputs: RoundInputs) -> None:
    """Hold the files against the chain's commitments, and the chain's terms against each other.

    Raises
    ------
    InputsMismatch
        Names the first commitment that does not hold, with both values.
    """
    terms, rules = inputs.terms, inputs.rules
    check_published(terms.rules_hash, terms.universe, rules, inputs.submissions)
    check_sealed(terms.submissions_root, inputs.submissions, inputs.refused)
    by_model = inputs.positions.by_model
    valid = sum(by_model.get(model, 0) for model in _counting(inputs.submissions, inputs.refused))
    pairs: tuple[tuple[str, object, object], ...] = (
        ("cap in ppm", terms.cap, rules.stake.cap),
        ("threshold in nano-NMR", terms.threshold, rules.stake.threshold),
        ("minimum position in nano-NMR", terms.minimum_position, rules.stake.minimum_position),
        (
            "payout factor in ppm",
            terms.payout_factor,
            payout_factor(terms.valid_at_risk, terms.threshold),
        ),
        ("positions head", terms.positions_head.hex(), inputs.positions.head.hex()),
        ("total at risk in nano-NMR", terms.at_risk, sum(by_model.values())),
        ("valid at risk in nano-NMR", terms.valid_at_risk, valid),
    )
    _check_pairs(pairs)
    _check_targets(inputs)
    _check_tables(inputs)


def _counting(submissions: Submissions, refused: Container[int]) -> list[int]:
    """Return the models whose submission counts."""
    return [model for model in submissions.model_ids if model not in refused]


def check_published(rules_hash: bytes, universe: bytes, rules: Rules, submissions: Submissions) -> None:
    """Hold what an operator published against what the chain committed to when the round was opened.

    Raises
    ------
    InputsMismatch
        Names the first commitment that does not hold, with both values.
    """
    _check_pairs(
        (
            ("rules hash", rules_hash.hex(), rules.hash().hex()),
            ("submissions", _form(rules.is_encrypted), _form(submissions.is_encrypted)),
            ("universe", SORTED_IDS, _order(submissions.universe)),
            ("digest of the universe", universe.hex(), universe_digest(submissions.universe).hex()),
        )
    )


def check_sealed(submissions_root: bytes, submissions: Submissions, refused: frozenset[int]) -> None:
    """Hold submissions, and which of them count, against what the chain committed to at the seal.

    Raises
    ------
    InputsMismatch
        As `check_published`.
    """
    _check_pairs(
        (
            ("predictions", SIGNED, _signed(submissions, refused)),
            ("submissions root", submissions_root.hex(), submissions.root(refused).hex()),
            ("refused models that sent nothing", [], sorted(refused.difference(submissions.model_ids))),
        )
    )


def _check_pairs(pairs: Sequence[tuple[str, object, object]]) -> None:
    for what, expected, found in pairs:
        if expected != found:
            raise InputsMismatch(what, expected, found)


def _form(is_encrypted: bool) -> str:
    return "encrypted" if is_encrypted else "in the clear"


def _signed(submissions: Submissions, refused: Container[int]) -> str:
    found = sorted({*submissions.wrong_hashes(), *submissions.wrong_ciphertexts()})
    wrong = [model for model in found if model not in refused]
    return f"others from model {', '.join(map(str, wrong))}" if wrong else SIGNED


def _order(universe: tuple[str, ...]) -> str:
    if not universe:
        return "no ids"
    return SORTED_IDS if list(universe) == sorted(set(universe)) else "another order or repeated ids"


def _check_targets(inputs: RoundInputs) -> None:
    size = len(inputs.submissions.universe)
    for name in inputs.rules.targets:
        target = inputs.targets.get(name)
        if target is None:
            raise InputsMismatch("targets", name, ", ".join(inputs.targets) or "none")
        if target.shape != (size,) or not np.isfinite(target).all():
            missing = int(np.count_nonzero(~np.isfinite(target)))
            raise InputsMismatch(
                f"target {name}", f"{size} finite values", f"{target.size} values, {missing} not finite"
            )


def _check_tables(inputs: RoundInputs) -> None:
    """Refuse a round that lacks what its rules need, by the path of the field that needs it."""
    universe = inputs.submissions.universe
    for name, path in inputs.rules.needs.items():
        what = f"{table_file(name)}, which {path} needs"
        if name not in inputs.tables:
            raise InputsMismatch(what, "a table", "none")
        problem = problem_with(name, inputs.tables[name], universe)
        if problem is not None:
            raise InputsMismatch(what, *problem)
    _check_coverage(inputs)


def _check_coverage(inputs: RoundInputs) -> None:
    """Refuse returns of less than the whole scoring window, and churn that lacks a model."""
    sessions = len(inputs.tables.get(SESSION_RETURNS, ()))
    if SESSION_RETURNS in inputs.rules.needs and sessions != inputs.rules.horizon.sessions:
        raise InputsMismatch(
            table_file(SESSION_RETURNS), f"{inputs.rules.horizon.sessions} sessions", f"{sessions}"
        )
    if NEUTRAL_CHURN in inputs.rules.needs:
        models = inputs.submissions.model_ids
        without = np.flatnonzero(np.isnan(churn_of(inputs.tables[NEUTRAL_CHURN], models)))
        if len(without):
            raise InputsMismatch(
                table_file(NEUTRAL_CHURN),
                "a row for every model that submitted",
                f"none for model {models[without[0]]}",
            )


def _refusal(
    entry: Submission, allowed: str | None, where: tuple[int, str, int], *, is_encrypted: bool
) -> str | None:
    signer = entry.signer(*where)
    if signer is None or signer != allowed:
        return (
            f"expected the signature of {allowed or 'a submitter of a known model'}, found that of {signer}"
        )
    if (entry.ciphertext_hash != IN_THE_CLEAR) != is_encrypted:
        found = _form(entry.ciphertext_hash != IN_THE_CLEAR)
        return f"expected a submission {_form(is_encrypted)}, as the rules say, found one {found}"
    if entry.predictions is None:
        return None
    predictions = float_array(entry.predictions)
    # What could not be decrypted stands as NaN throughout.
    if is_encrypted and np.isnan(predictions).all():
        return UNREADABLE
    # A NaN fails both comparisons, and is refused too.
    if not ((predictions >= 0) & (predictions <= 1)).all():
        return "expected predictions within [0, 1], found others"
    return None


def refusals_of(
    submissions: Submissions, submitters: Mapping[int, str], chain_id: int, tournament: str, round_id: int
) -> dict[int, str]:
    """Return why some submissions must not count, by model. Gates are not checked: they look at other rounds.

    Nobody entitled signed them, they are not what was signed, or they hold what no submission may. Of
    predictions that one does not have nothing is said.
    """
    wrong, where = set(submissions.wrong_hashes()), (chain_id, tournament, round_id)
    changed = set(submissions.wrong_ciphertexts())
    reasons: dict[int, str] = {}
    for entry in submissions.entries:
        allowed = submitters.get(entry.model_id)
        reason = _refusal(entry, allowed, where, is_encrypted=submissions.is_encrypted)
        # Named first: of an envelope that nobody signed it does not matter whether it can be read.
        if reason in (None, UNREADABLE) and entry.model_id in changed:
            reason = "expected the ciphertext that was signed, found another"
        if reason is None and entry.model_id in wrong:
            reason = "expected the predictions that were signed, found others"
        if reason is not None:
            reasons[entry.model_id] = reason
    return reasons


def check_verdicts(inputs: RoundInputs) -> None:
    """Hold a round's seal against what its submissions, and who could sign them, provably say.

    A report over a seal that counts what must not count is wrong, whatever its scores: nobody attests to it.

    Raises
    ------
    InputsMismatch
        Names the first such submission, and why it must not count.
    """
    terms = inputs.terms
    where = terms.chain_id, terms.tournament, terms.round_id
    for model, reason in refusals_of(inputs.submissions, inputs.submitters, *where).items():
        if model not in inputs.refused:
            raise InputsMismatch(f"verdict on model {model} at the seal", f"a refusal: {reason}", "none")


def target_digest(universe: tuple[str, ...], name: str, target: NDArray[np.float64]) -> str:
    """Return the digest of one target, in the order of the universe, as the manifest holds it."""
    return to_hex(table_digest({"id": universe, name: target}))


def input_digests(inputs: RoundInputs) -> dict[str, Any]:
    """Return the digests of what came in, as the manifest holds them; a target that is not there has none."""
    universe = inputs.submissions.universe
    needed = [name for name in inputs.rules.needs if name in inputs.tables]
    tables = {name: digest_of(name, inputs.tables[name], universe) for name in needed}
    return {
        "rules": to_hex(inputs.rules.hash()),
        "universe": to_hex(universe_digest(universe)),
        "submissions": {str(e.model_id): to_hex(e.content_hash) for e in inputs.submissions.entries},
        "signatures": {str(e.model_id): to_hex(e.signature_hash) for e in inputs.submissions.entries},
        "targets": {
            name: target_digest(universe, name, inputs.targets[name])
            for name in inputs.rules.targets
            if name in inputs.targets
        },
        "positions": to_hex(table_digest(inputs.positions.columns())),
        **({"tables": tables} if inputs.rules.needs else {}),
    }
