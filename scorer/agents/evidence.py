"""Reads what a settled round's bundle proves: the evidence of its report, and the meta model's score."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scorer.evaluation.commitments import target_digest
from scorer.evaluation.evaluate import meta_model_digest
from scorer.isolation import IsolatedReader, IsolationError, ReadResult, refuses
from scorer.protocol.documents import to_hex
from scorer.protocol.report import Report, evidence_hash
from scorer.scoring.correlations import numerai_corr
from scorer.scoring.ppm import to_ppm
from scorer.storage.bundle import MANIFEST, META_MODEL, REPORT, TARGETS, Bundle, BundleError
from scorer.storage.published import bytes_in, limits_for


@dataclass(frozen=True)
class RoundEvidence:
    """The report of a bundle, and what its evidence says of the meta model.

    Attributes
    ----------
    meta_model_score
        The meta model's CORR with the first target of the round's rules, ppm; None where the bundle has no
        meta model, or no targets.
    """

    report: Report
    meta_model_score: int | None


def read_evidence(folder: Path, reader: IsolatedReader) -> RoundEvidence | None:
    """Read a bundle that a stranger may have written, in a child process; None where it has no report.

    The report is to be held against the chain's. What else is returned is what the report commits to.
    """
    if not (folder / REPORT).is_file():
        return None
    try:
        facts = reader.run(evidence_in_child, folder, limits=limits_for(bytes_in(folder))).facts
        score = facts["meta_model_score"]
        return RoundEvidence(Report.from_json(facts["report"]), None if score is None else int(score))
    except (IsolationError, LookupError, TypeError, ValueError):
        return None


@refuses(BundleError)
def evidence_in_child(folder: Path) -> ReadResult:
    """Read a report, and score the meta model that it commits to.

    Raises
    ------
    BundleError
        When a file cannot be read, or is not the one that the report commits to.
    """
    bundle = Bundle(folder, strict=True)
    report, manifest = bundle.report(), bundle.manifest()
    if evidence_hash(manifest) != report.evidence_hash:
        raise BundleError(f"{folder / MANIFEST}: expected what the report commits to, found another")
    has_both = bundle.has(META_MODEL, TARGETS)
    return ReadResult(
        {"report": report.to_json(), "meta_model_score": _score(bundle, manifest) if has_both else None}, ()
    )


def _score(bundle: Bundle, manifest: Mapping[str, Any]) -> int:
    digests, ids, rules = manifest["digests"], bundle.universe(), bundle.rules()
    meta_model, targets, name = bundle.meta_model_of(ids), bundle.targets(ids), bundle.rules().targets[0]
    found = {
        "rules": (to_hex(rules.hash()), digests["rules"]),
        "meta model": (meta_model_digest(ids, meta_model), digests["meta_model"]),
        "target": (target_digest(ids, name, targets[name]), digests["targets"][name]),
    }
    for what, (own, stated) in found.items():
        if own != stated:
            raise BundleError(f"{bundle.folder}: expected the {what} of the report, found another")
    target = pd.Series(targets[name], list(ids))
    score = numerai_corr(pd.DataFrame({"meta_model": meta_model}, list(ids)), target)
    return int(to_ppm(np.asarray(score, dtype=np.float64))[0])
