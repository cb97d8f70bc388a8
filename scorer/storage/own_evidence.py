"""The evidence of a report of our own, made again from the bundle that the report was made of."""

from eth_hash.auto import keccak

from scorer.proofs.evidence import Evidence, operands
from scorer.proofs.meta_steps import StepTree
from scorer.proofs.terms import BENCHMARK_META_MODEL, score_terms
from scorer.protocol.digest import json_digest
from scorer.protocol.report import Report, stated_steps
from scorer.storage.bundle import Bundle, BundleError


def bundle_evidence(bundle: Bundle, report: Report) -> Evidence:
    """Return a report's evidence from its bundle.

    Raises
    ------
    BundleError
        When the files are not those that the report was made of.
    scorer.proofs.vectors.NotProvable
        When rules or targets are not those of a round with terms.
    """
    rules, universe = bundle.rules(), bundle.universe()
    needs = bundle.tables(rules, universe)
    meta_model = bundle.meta_model_of(universe)
    found = operands(
        terms := score_terms(rules, len(universe)),
        bundle.targets(universe),
        # Nobody staked: nothing is scored against a meta model then.
        None if bool((meta_model != meta_model).any()) else meta_model,
        needs.get(BENCHMARK_META_MODEL, {}).get(BENCHMARK_META_MODEL),
        stated_steps(bundle.manifest()),
    )
    manifest = json_digest(bundle.manifest())
    if keccak(manifest + found.hash()) != report.evidence_hash:
        raise BundleError(
            f"{bundle.folder}: expected the files that the report 0x{report.hash().hex()} was made of, "
            "found others"
        )
    return Evidence(report, manifest, terms, found)


def bundle_steps(bundle: Bundle) -> StepTree:
    """Return the steps of our report's meta model, made again from the bundle.

    Raises
    ------
    BundleError
        When the files are not those that the report was made of.
    """
    tree = StepTree.of(bundle.submissions(), bundle.refused(), bundle.positions().by_model)
    stated = stated_steps(bundle.manifest())
    if tree.root != stated:
        raise BundleError(
            f"{bundle.folder}: expected the submissions and positions of which the report has the steps "
            f"{stated.hex()}, found those of {tree.root.hex()}"
        )
    return tree
