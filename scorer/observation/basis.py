"""Checks that what a process remembers of the chain still rests on a block of that chain."""

from dataclasses import dataclass

from scorer.chain.contracts import Suite
from scorer.chain.endpoints import Block


@dataclass
class ChainBasis:
    """The newest finalised block that a process has read at.

    Finality is a promise, not a law. Where finalised blocks were replaced, or another chain is behind an
    endpoint, everything is wrong that was remembered as final.

    Attributes
    ----------
    block
        None before the first cycle.
    """

    block: Block | None = None

    def moves_to(self, suite: Suite, block: Block) -> bool:
        """Go on at `block`; say whether the block before is still part of the same chain.

        An endpoint that is behind cannot say: then the newer block is kept, and asked for once it can.
        """
        before = self.block
        if before is None or block.number > before.number:
            self.block = block
        if before is None or block.number < before.number:
            return True
        if block.number == before.number:
            self.block = block
            return block.hash == before.hash
        return bytes(suite.w3.eth.get_block(before.number)["hash"]) == before.hash
