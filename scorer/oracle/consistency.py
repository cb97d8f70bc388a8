"""Checks that a report that was kept still rests on what the chain says."""

from collections.abc import Iterator, Mapping

from scorer.observation.observe import Sealed
from scorer.storage.bundle import Bundle, BundleError


def disagreement(bundle: Bundle, sealed: Sealed, submitters: Mapping[int, str]) -> str | None:
    """Return what of a bundle with a report is not what the chain says, or cannot be read; None when all is.

    Everything that a report rests on and that comes from the chain is looked at. What the operator published
    is held against the chain by hashes, and the integers of the report by whoever recomputes it.

    Parameters
    ----------
    sealed, submitters
        The round's terms and positions as the chain says now, and who could sign for each model when it
        closed.
    """
    try:
        return next(_disagreements(bundle, sealed, submitters), None)
    except BundleError as error:
        return str(error)


def _disagreements(bundle: Bundle, sealed: Sealed, submitters: Mapping[int, str]) -> Iterator[str]:
    report, terms, positions = bundle.report(), sealed.terms, bundle.positions()
    signed = bundle.submitters()
    pairs = (
        ("chain id", terms.chain_id, report.chain_id),
        # One address may be written with and without its checksum.
        ("tournament", terms.tournament.lower(), report.tournament.lower()),
        ("round", terms.round_id, report.round_id),
        ("terms", terms, bundle.terms()),
        ("head of the positions", terms.positions_head.hex(), positions.head.hex()),
        ("models of the positions", sealed.positions.by_model, positions.by_model),
        ("submitters", {model: submitters.get(model, "") for model in signed}, signed),
    )
    for what, expected, found in pairs:
        if expected != found:
            yield f"{bundle.folder}: expected the chain's {what} {_short(expected)}, found {_short(found)}"


def _short(value: object) -> str:
    return f"of {len(value)} models" if isinstance(value, Mapping) else str(value)
