"""What rewards, report and bundle of a round add to the time that its scores take, measured in one run.

Usage: python benchmarks/rewards/bench.py [--models 10000] [--ids 6000] [--limit 0.2]

Writes build/bench/rewards.json and exits 1 above the limit. What came in (content hashes, Merkle root) is
verified in the same run and told apart, as is the judging of all submissions at the seal (content hashes,
signatures, ranges): neither is scoring or reward.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from coincurve import PrivateKey

from scorer.evaluation import commitments, factors, submission_rewards
from scorer.evaluation import evaluate as evaluation
from scorer.evaluation.commitments import refusals_of
from scorer.evaluation.evaluate import evaluate
from scorer.evaluation.inputs import Positions, RoundInputs, RoundTerms
from scorer.protocol.chunks import Chunk
from scorer.protocol.digest import content_hashes, universe_digest
from scorer.protocol.predictions import PredictionFile, StoredRow, float_array, header
from scorer.protocol.rules import DEFAULT_PRESET, preset
from scorer.protocol.signature import SubmissionDigest
from scorer.protocol.submissions import Submission, Submissions
from scorer.rewards import payout_factor
from scorer.scoring import score_submissions
from scorer.storage.bundle import Bundle

CHAIN_ID, ROUND = 31337, 5
TOURNAMENT = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
KEY = PrivateKey(b"\1" * 32)
LANES_A_CHUNK = 1024
REPEATS = 3
# Named by the functions themselves, so that the type checker sees when one is gone.
PARTS = {
    "inputs": [(evaluation, commitments.check_commitments.__name__)],
    "scoring": [
        (evaluation, evaluation.meta_model_of.__name__),
        (submission_rewards, factors.factor_scores.__name__),
        # Computed with the scores, by whichever of the two is asked for first.
        (submission_rewards, factors.meta_model_correlations.__name__),
    ],
}


def signature_of(digest: SubmissionDigest) -> bytes:
    signed = KEY.sign_recoverable(digest.digest(), hasher=None)
    return signed[:64] + bytes([27 + signed[64]])


def stored_noise(path: Path, models: int, ids: int) -> tuple[StoredRow, ...]:
    """Predictions that are noise, in a file."""
    with path.open("wb") as written:
        written.write(header(models, ids))
        for model in range(models):
            written.write(np.random.default_rng(model).random(ids).tobytes())
    return PredictionFile(path).rows()


def round_of(models: int, ids: int, folder: Path) -> RoundInputs:
    """A round in which everybody submitted noise, signed for real, and staked."""
    stream = np.random.default_rng(1)
    universe = tuple(f"n{number:07x}" for number in range(ids))
    rows = stored_noise(folder / "submissions.npy", models, ids)
    hashes = content_hashes(universe, map(float_array, rows))
    entries = tuple(
        Submission(
            model,
            row,
            content,
            "",
            signature_of(SubmissionDigest(CHAIN_ID, TOURNAMENT, ROUND, model, content)),
        )
        for model, (row, content) in enumerate(zip(rows, hashes, strict=True), start=1)
    )
    submissions = Submissions(universe, entries)
    lanes = -(-models // 4) * 4
    amounts = np.zeros(lanes, dtype=np.uint64)
    amounts[:models] = stream.integers(10**9, 10**12, models).astype(np.uint64)
    positions = Positions(
        tuple(Chunk(at // 4, amounts[at : at + LANES_A_CHUNK]) for at in range(0, lanes, LANES_A_CHUNK)),
        (*range(1, models + 1), *[0] * (lanes - models)),
    )
    # In the clear: to decrypt is the members' work before the seal, and has a bench of its own.
    rules = preset(DEFAULT_PRESET).model_copy(update={"secrecy": None})
    at_risk = sum(positions.by_model.values())
    stake = rules.stake
    terms = RoundTerms(
        CHAIN_ID,
        TOURNAMENT,
        ROUND,
        rules.hash(),
        bytes(32),
        universe_digest(universe),
        submissions.root(),
        positions.head,
        at_risk,
        at_risk,
        payout_factor(at_risk, stake.threshold),
        stake.cap,
        stake.threshold,
        stake.minimum_position,
    )
    signer = entries[0].signer(CHAIN_ID, TOURNAMENT, ROUND) or ""
    submitters = dict.fromkeys(range(1, models + 1), signer)
    target = stream.choice([0.0, 0.25, 0.5, 0.75, 1.0], ids)
    return RoundInputs(terms, rules, submissions, submitters, {rules.targets[0]: target}, positions)


class Timer:
    """Sums the time that functions of a module take, by part."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    def wrap(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                self.seconds[part] += time.perf_counter() - start

        return timed


def unhashed(submissions: Submissions) -> Submissions:
    """The same submissions, of which nothing was computed and kept yet."""
    return Submissions(submissions.universe, submissions.entries)


def judge(inputs: RoundInputs) -> None:
    """Hold every submission against its hash, its signature and what it may hold, as at the seal."""
    where = inputs.terms.chain_id, inputs.terms.tournament, inputs.terms.round_id
    refused = refusals_of(unhashed(inputs.submissions), inputs.submitters, *where)
    if refused:
        raise SystemExit(f"expected submissions that all count, found {len(refused)} that must not")


def measure(inputs: RoundInputs, folder: Path) -> dict[str, float]:
    """Seconds by part of one evaluation and its bundle."""
    timer = Timer()
    originals = [(module, name, getattr(module, name)) for part in PARTS.values() for module, name in part]
    for part, functions in PARTS.items():
        for module, name in functions:
            setattr(module, name, timer.wrap(part, getattr(module, name)))
    fresh = RoundInputs(
        inputs.terms,
        inputs.rules,
        unhashed(inputs.submissions),
        inputs.submitters,
        inputs.targets,
        Positions(inputs.positions.chunks, inputs.positions.models),
    )
    timer.wrap("judging", judge)(inputs)
    try:
        start = time.perf_counter()
        result = evaluate(fresh)
        timer.seconds["evaluate"] = time.perf_counter() - start
    finally:
        for module, name, function in originals:
            setattr(module, name, function)
    start = time.perf_counter()
    Bundle(folder).write(fresh, result, has_published=True)
    timer.seconds["bundle"] = time.perf_counter() - start
    seconds = dict(timer.seconds)
    seconds["rewards_and_report"] = seconds["evaluate"] - seconds["inputs"] - seconds["scoring"]
    return seconds


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=int, default=10_000)
    parser.add_argument("--ids", type=int, default=6_000)
    parser.add_argument("--limit", type=float, default=0.2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        inputs = round_of(arguments.models, arguments.ids, Path(folder))
        score_submissions(inputs.submissions.matrix[:1], inputs.targets["target_20d2l"])
        runs = [measure(inputs, Path(folder)) for _ in range(REPEATS)]
    best = {part: min(run[part] for run in runs) for part in runs[0]}
    added = best["rewards_and_report"] + best["bundle"]
    report = {
        "models": arguments.models,
        "ids": arguments.ids,
        "seconds": {part: round(seconds, 4) for part, seconds in sorted(best.items())},
        "added_vs_scoring": round(added / best["scoring"], 4),
        "limit": arguments.limit,
    }
    out = Path("build/bench/rewards.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))
    return 0 if report["added_vs_scoring"] <= arguments.limit else 1


if __name__ == "__main__":
    sys.exit(main())
