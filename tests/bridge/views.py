"""Messages and views of a bridge for tests, in few words."""

from scorer.bridge.checkpoints import Checkpoint
from scorer.bridge.messages import Message, Transfer
from scorer.bridge.views import BridgeView, PostedMessage, SideView

ALICE, BOB = "0x" + "0a" * 20, "0x" + "0b" * 20


def posted(number: int, amount: int = 0, block: int = 10, side: str = "up") -> PostedMessage:
    """The message of a number from one side; with an amount it carries tokens."""
    message = Message(number, ALICE, BOB, b"")
    carried = Transfer(ALICE, BOB, amount) if amount else None
    return PostedMessage(f"{side}{number}".encode(), block, bytes(32), 0, message, carried)


def down(number: int, amount: int = 0, block: int = 10) -> PostedMessage:
    """A message from Ethereum."""
    return posted(number, amount, block, "down")


def ids(*messages: PostedMessage) -> dict[bytes, int]:
    """Each delivered once."""
    return {message.id: 1 for message in messages}


def checkpoint(end: int = 100, created_at: int = 0) -> Checkpoint:
    """A checkpoint up to a block."""
    return Checkpoint(1, b"\1" * 32, 1, end, created_at)


def view(root: SideView, child: SideView, **more: object) -> BridgeView:
    """Both ends; what the second sent later is what it had sent."""
    given: dict[str, object] = {"child_posted": child.posted, "checkpoint": checkpoint(), "available": 1000}
    return BridgeView(root, child, **(given | more))  # type: ignore[arg-type]
