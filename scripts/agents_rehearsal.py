"""Rehearses agents: a round's document signed at home, checked and acted on on another chain, and refused.

python scripts/agents_rehearsal.py [--out FOLDER]
"""

import argparse
import sys
from pathlib import Path

from scorer.chain.endpoint import EndpointError
from scorer.errors import CupelError
from scorer.lab.agents.rehearsal import rehearse_agents
from scorer.lab.batch import BatchRefused
from scorer.lab.rehearsal.context import Unexpected
from scorer.lab.rehearsal.run import ended_by_signals

REPOSITORY = Path(__file__).resolve().parent.parent


def show(text: str) -> None:
    """Print a line at once, also where the output is no terminal."""
    print(text, flush=True)


def main() -> int:
    """Run the rehearsal; 0 when every act within the document was made and every other refused."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=Path("build/agents"), help="a folder that is not there yet"
    )
    options = parser.parse_args()
    out = options.out.absolute()
    if out.exists():
        show(f"agents: {out}: expected a folder that is not there yet, found one; remove it or name another")
        return 1
    try:
        with ended_by_signals():
            show(str(rehearse_agents(out, REPOSITORY, show)))
    except (Unexpected, BatchRefused, CupelError, EndpointError) as problem:
        show(f"agents: {problem}")
        return 1
    except KeyboardInterrupt:
        show("agents: expected to come to its end, found that it was interrupted")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
