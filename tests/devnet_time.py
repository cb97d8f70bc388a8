"""Lets a chain's time pass until a round is where somebody waits for it; the daemons do the rest.

python -m tests.devnet_time (opened | sealed | unsealed | attested | settled) ROUND [MANIFEST]

The chain is that of CUPEL_RPC_URL, or else that of a devnet.
"""

import os
import sys
from pathlib import Path

from web3.types import BlockIdentifier

from scorer.chain.contracts import Suite
from scorer.chain.endpoint import LOCAL_CHAIN_ID, connect
from scorer.chain.records import ProposalRecord, RoundRecord, RoundState
from scorer.daemon.deployment_file import read_deployment
from scorer.lab.anvil import Anvil
from scorer.lab.devnet.layout import Settings
from tests.waiting import eventually

PATIENCE = 240.0


class DevnetTime:
    """The clock of a local chain, and its rounds."""

    def __init__(self, url: str, manifest: Path) -> None:
        self.anvil = Anvil(connect(url, LOCAL_CHAIN_ID), url)
        self.suite = Suite.at(self.anvil.w3, read_deployment(manifest))

    def record(self, round_id: int) -> RoundRecord:
        """Return a round as it is at the latest block."""
        return self.suite.round(round_id, self.anvil.w3.eth.block_number)

    def _report(self, round_id: int) -> ProposalRecord | None:
        found = self.suite.proposal(round_id, self.anvil.w3.eth.block_number)
        return None if found is None or found.awaits_evidence else found

    def _until(self, round_id: int, state: RoundState, block: BlockIdentifier = "latest") -> None:
        def reached() -> bool:
            found = self.suite.round(round_id, self.anvil.w3.eth.get_block(block)["number"]).state
            return found == state or state < found < RoundState.VOIDED

        eventually(reached, f"round {round_id} {state.name.lower()}", PATIENCE)

    def until_opened(self, round_id: int) -> None:
        """Wait until the operator has opened a round."""
        eventually(
            lambda: self.suite.round_count(self.anvil.w3.eth.block_number) >= round_id,
            f"round {round_id}",
            PATIENCE,
        )

    def until_unsealed(self, round_id: int) -> None:
        """Let a round be opened and closed, and its lock window end without a seal, all in final blocks."""
        self.until_opened(round_id)
        self.anvil.advance_to(self.record(round_id).close_at)
        over = self.record(round_id).lock_until
        self.anvil.advance_to(over)
        final = "the end of the lock window to be final"
        eventually(lambda: self.anvil.w3.eth.get_block("finalized")["timestamp"] >= over, final, PATIENCE)

    def until_sealed(self, round_id: int) -> None:
        """Let a round close and be sealed."""
        self.anvil.advance_to(self.record(round_id).close_at)
        self._until(round_id, RoundState.SEALED)

    def until_attested(self, round_id: int) -> ProposalRecord:
        """Let the outcome be known and the report be accepted."""
        self.until_sealed(round_id)
        self.anvil.advance_to(self.record(round_id).resolve_at)
        eventually(lambda: self._report(round_id), f"a report of round {round_id}", PATIENCE)
        found = self._report(round_id)
        assert found is not None
        return found

    def until_settled(self, round_id: int) -> None:
        """Let the challenge window end and the round settle in a final block: only such are verified."""
        self.anvil.advance_to(self.until_attested(round_id).final_from + 10)
        self._until(round_id, RoundState.SETTLED, "finalized")


if __name__ == "__main__":
    state, number, *manifest = sys.argv[1:]
    endpoint = os.environ.get("CUPEL_RPC_URL", Settings().endpoint)
    devnet = DevnetTime(endpoint, Path(*manifest or ["build/devnet/manifest.json"]))
    getattr(devnet, f"until_{state}")(int(number))
