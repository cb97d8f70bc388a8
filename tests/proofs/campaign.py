"""Compares ScoreProof with the scorer on random rounds until so many scores agreed.

python -m tests.proofs.campaign [--comparisons 1000000] [--seed 1] [--out build/proofs/campaign.json]
"""

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from tests.proofs.harness import Agreement, compare, compare_meta_model, running_harness
from tests.proofs.markets import random_positions, random_round

AT_ONCE = 60_000
"""Predictions in one call."""


def main() -> int:
    """Run; 1 where a score differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--comparisons", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("build/proofs/campaign.json"))
    options = parser.parse_args()
    random, agreement, rounds, began = np.random.default_rng(options.seed), Agreement(), 0, time.monotonic()
    with running_harness() as harness:
        while agreement.compared < options.comparisons:
            # As many of each size: most differences would show in few ids, and quickly.
            ids = int(np.exp(random.uniform(np.log(2), np.log(60 if rounds % 20 else 8000))))
            round_ = random_round(random, ids, min(400, max(1, AT_ONCE // ids)))
            try:
                compare(harness, round_, agreement)
                compare_meta_model(harness, round_, random_positions(random, len(round_.matrix)), agreement)
            except AssertionError as error:
                print(f"seed {options.seed}, round {rounds} of {ids} ids: {str(error)[:2000]}")
                return 1
            rounds += 1
            if rounds % 100 == 0:
                print(f"{agreement} in {rounds} rounds, {time.monotonic() - began:.0f} s", flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(asdict(agreement) | {"rounds": rounds, "seed": options.seed}) + "\n")
    print(f"{agreement} in {rounds} rounds, {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
