"""Rehearses the bridge: two local chains with Polygon's own contracts, tokens, a round, a vote, and faults.

python scripts/rehearse_bridge.py [--out FOLDER]
"""

import argparse
import sys
from pathlib import Path

from scorer.chain.endpoint import EndpointError
from scorer.errors import CupelError
from scorer.lab.batch import BatchRefused
from scorer.lab.bridge.rehearsal.run import rehearse_bridge
from scorer.lab.rehearsal.context import Unexpected
from scorer.lab.rehearsal.run import ended_by_signals
from scorer.owned_files import FolderInUse

REPOSITORY = Path(__file__).resolve().parent.parent


def show(text: str) -> None:
    """Print a line at once, also where the output is no terminal."""
    print(text, flush=True)


def main() -> int:
    """Run the rehearsal; 0 when every message was delivered once and nothing was created from nothing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/rehearse-bridge"), help="emptied first")
    options = parser.parse_args()
    try:
        with ended_by_signals():
            verdict = rehearse_bridge(options.out.absolute(), REPOSITORY, show)
    except (Unexpected, BatchRefused, CupelError, EndpointError, FolderInUse) as problem:
        show(f"rehearse-bridge: {problem}")
        return 1
    except KeyboardInterrupt:
        show("rehearse-bridge: expected to come to its end, found that it was interrupted")
        return 1
    show(str(verdict))
    return 0 if verdict.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
