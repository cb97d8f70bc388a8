"""A state machine over two EVMs: whatever happens to chains, relayer and messages, each arrives once.

Everything is real but Heimdall: Polygon's FxRoot, FxChild and checkpoints, proofs of receipts, the relayer in
a process of its own with its journals. After every step the bridge must be balanced at what is final, and at
the end everything that is under way can be delivered.
"""

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from scorer.bridge.conservation import conservation
from scorer.bridge.proving import NotCheckpointed
from scorer.bridge.views import BridgeView, PostedMessage
from scorer.chain.bulk import read_view
from scorer.failpoints import KILLED
from scorer.lab.anvil import Anvil
from scorer.lab.bridge.chains import ADMIN, DAY, GUARDIAN, STRANGER, BridgedChains, wei
from scorer.lab.bridge.rehearsal.context import BridgeRehearsal, refusal
from scorer.lab.bridge.rehearsal.tokens import LABELS, proof_of, tampered

HOUR: Final = 3600
HOLDERS: Final = (ADMIN, STRANGER)
SUPPLY: Final = wei("1000000")
PAUSE_IS_USED_UP: Final = frozenset({"PauseTooSoon", ""})
AMOUNTS = st.integers(1, 40_000)
SIDES = st.sampled_from(("root", "child"))
HOLDER = st.sampled_from(HOLDERS)


class TwoChains(RuleBasedStateMachine):
    """A bridge between two local chains, from its deployment on in each example.

    Attributes
    ----------
    chains, snapshots
        The chains of all examples, and where each begins.
    done
        How often each thing happened, over all examples.
    most_rounds
        Checkpoints within which everything is delivered at the end; a day passes between two.
    """

    chains: ClassVar[BridgedChains]
    snapshots: ClassVar[list[Any]]
    done: ClassVar[Counter[str]] = Counter()
    most_rounds: ClassVar[int] = 30

    def __init__(self) -> None:
        super().__init__()
        self.running = ExitStack()

    @initialize(nmr=AMOUNTS)
    def begin(self, nmr: int) -> None:
        """Go back to the deployment, and send something over, and some of it home into a checkpoint."""
        cls = type(self)
        cls.snapshots = rolled_back(self.chains, cls.snapshots)
        out = Path(self.running.enter_context(TemporaryDirectory(prefix="cupel-bridge-")))
        self.rehearsal = BridgeRehearsal(self.chains, out, print)
        self._count("examples")
        self.send_down(ADMIN, nmr)
        self.hand_over()
        self.send_home(ADMIN, STRANGER, nmr // 2)
        self.checkpoint(early=False)

    @rule(receiver=HOLDER, nmr=AMOUNTS)
    def send_down(self, receiver: int, nmr: int) -> None:
        """Send tokens to the second chain."""
        self.chains.send_down(ADMIN, self._address(receiver), str(nmr))
        self._count("transfers down")

    @rule(sender=HOLDER, receiver=HOLDER, nmr=AMOUNTS)
    def send_home(self, sender: int, receiver: int, nmr: int) -> None:
        """Send tokens to the first chain, of those that are there."""
        if (amount := min(nmr, self._held(sender) // 2)) >= 1:
            self.chains.send_home(sender, self._address(receiver), str(amount))
            self._count("transfers home")

    @rule(sender=HOLDER, nmr=AMOUNTS)
    def burn(self, sender: int, nmr: int) -> None:
        """Hand tokens to the burn sink of the second chain; a relayer sends them home, and destroys them."""
        if (amount := min(nmr, self._held(sender))) >= 1:
            sink = self.chains.addresses.child.burn_sink
            call = self.chains.child_end.token.functions.transfer(sink, wei(str(amount)))
            self.chains.on_child(sender).send(call)
            self._count("burns")

    @rule(side=SIDES)
    def finalise(self, side: str) -> None:
        """Make final what happened on one side."""
        self._anvil(side).finalise()

    @rule(side=SIDES, depth=st.integers(1, 2))
    def reorganise(self, side: str, depth: int) -> None:
        """Drop the newest blocks, none of them final, with all that was in them."""
        anvil = self._anvil(side)
        final, latest = (int(anvil.w3.eth.get_block(tag)["number"]) for tag in ("finalized", "latest"))
        if depth <= latest - final:
            anvil.reorganise(depth)
            self._count(f"reorganisations of {side}")

    @rule()
    def hand_over(self) -> None:
        """Let Polygon's validators hand over what is final on the first chain."""
        self._count("messages handed over", self.chains.heimdall.sync())

    @rule(early=st.booleans())
    def checkpoint(self, early: bool) -> None:
        """Post a checkpoint, of everything or of what is final already."""
        first, last = self.chains.heimdall.checkpoint(early=early)
        self._count("checkpoints", int(last >= first))

    @rule(label=st.sampled_from((None, *LABELS)), finalises=st.booleans())
    def relay(self, label: str | None, finalises: bool) -> None:
        """Let the relayer run a cycle, or die at a step of it; what it did may not be final."""
        code = self.rehearsal.relay(label, finalises=finalises)
        self._count("relayers killed" if code == KILLED else "cycles")

    @rule(nmr=AMOUNTS, label=st.sampled_from(LABELS), finalises=st.booleans())
    def die_with_work(self, nmr: int, label: str, finalises: bool) -> None:
        """Let the relayer die at a step of a delivery that it has to make."""
        self.send_home(ADMIN, ADMIN, nmr)
        self.checkpoint(early=False)
        self.relay(label, finalises)

    @rule(nmr=AMOUNTS, depth=st.integers(1, 2))
    def drop_a_delivery(self, nmr: int, depth: int) -> None:
        """Drop the block in which the relayer delivered something, and what came before it."""
        self.send_home(ADMIN, STRANGER, nmr)
        self.checkpoint(early=False)
        self.relay(None, finalises=False)
        self.reorganise("root", depth)

    @rule(side=SIDES)
    def pause(self, side: str) -> None:
        """Let the guardian stop incoming messages, where it may again."""
        end = self.chains.root_end if side == "root" else self.chains.child_end
        sender = self.chains.on_root(GUARDIAN) if side == "root" else self.chains.on_child(GUARDIAN)
        refused = refusal(sender, end.gateway.functions.pause(12 * HOUR))
        assert refused in PAUSE_IS_USED_UP, refused
        self._count("pauses", int(not refused))

    @rule(hours=st.integers(1, 30))
    def wait(self, hours: int) -> None:
        """Let time pass."""
        self.chains.pass_time(hours * HOUR)

    @rule(data=st.data())
    def deliver_as_a_stranger(self, data: st.DataObject) -> None:
        """Deliver any message of the second chain again or for the first time; refused as the state says."""
        if (found := self._provable(data)) is None:
            return
        posted, proof = found
        gateway = self.chains.root_end.gateway.functions
        expected = self._expected(posted)
        assert refusal(self.chains.on_root(STRANGER), gateway.deliver(proof.argument)) == expected
        self._count(f"delivered by a stranger: {expected or 'taken'}")

    @rule(data=st.data(), change=st.integers(0, 4))
    def tamper(self, data: st.DataObject, change: int) -> None:
        """Deliver a message by a proof with one thing changed; it is refused by name."""
        if (found := self._provable(data)) is None:
            return
        name, proof = list(tampered(found[1]).items())[change]
        end, stranger = self.chains.root_end, self.chains.on_root(STRANGER)
        expected = "IncomingPaused" if read_view(end.gateway.functions.paused()) else name
        assert refusal(stranger, end.gateway.functions.deliver(proof.argument)) == expected
        # Results are proved by the same library, and never paused.
        assert refusal(stranger, end.results.functions.prove(proof.argument)) == name
        self._count(f"tampered: {name}")

    @invariant()
    def balanced(self) -> None:
        """Nothing is created or lost, and nothing came twice, at what is final."""
        if not hasattr(self, "rehearsal"):
            return
        view = self.rehearsal.final_view()
        assert list(conservation(view).breaches()) == []
        self._count("views")
        assert self._left_over(view) == (0, 0, 0)

    def teardown(self) -> None:
        """Deliver everything that is under way."""
        if hasattr(self, "rehearsal"):
            self._deliver_all()
            view = self.rehearsal.view()
            balance = conservation(view)
            assert (list(balance.breaches()), balance.down, balance.up) == ([], 0, 0)
            assert self._left_over(view) == (0, 0, 0)
            assert self.chains.heimdall.lost == []
            self._count("messages", len(view.root.posted) + len(view.child.posted))
        self.running.close()

    def _deliver_all(self) -> None:
        self.chains.pass_time(8 * DAY)
        for _ in range(self.most_rounds):
            self.chains.heimdall.sync()
            self.chains.heimdall.checkpoint()
            self.rehearsal.relay()
            if not self.rehearsal.undelivered() and not any(self._sinks()):
                return
            self.chains.pass_time(DAY)
        raise AssertionError(f"expected everything delivered, found {len(self.rehearsal.undelivered())} left")

    def _sinks(self) -> Sequence[int]:
        view = self.rehearsal.view()
        return view.root.sink, view.child.sink

    def _left_over(self, view: BridgeView) -> tuple[int, int, int]:
        """Return by how much holders, lockbox and supply differ from each other, by the tokens alone.

        Not one of these is counted from messages but the last, which is what came home to be burned.
        """
        root, child = self.chains.root_end, self.chains.child_end
        at, here = view.child.block, view.root.block
        held = sum(read_view(child.token.functions.balanceOf(self._address(who)), at) for who in HOLDERS)
        boxed = read_view(root.token.functions.balanceOf(root.lockbox.address), here)
        to_burn = sum(
            posted.amount
            for posted in view.child_posted
            if posted.transfer is not None
            and posted.transfer.receiver == self.chains.addresses.root.burn_sink
            and posted.id in view.root.delivered
        )
        burned = SUPPLY - read_view(root.token.functions.totalSupply(), here)
        return (
            held + view.child.sink - view.child.tokens,
            boxed - view.root.tokens,
            to_burn - burned - view.root.sink,
        )

    def _provable(self, data: st.DataObject) -> tuple[PostedMessage, Any] | None:
        """Draw a message of the second chain that is in a checkpoint, with its proof."""
        posted = self.rehearsal.final_view().child_posted
        if not posted:
            return None
        drawn = data.draw(st.sampled_from(range(len(posted))))
        try:
            return posted[drawn], proof_of(self.chains, posted[drawn])
        except NotCheckpointed:
            return None

    def _expected(self, posted: PostedMessage) -> str:
        """Return the name of the error that a delivery meets now."""
        root = self.chains.root_end
        if read_view(root.gateway.functions.paused()):
            return "IncomingPaused"
        if read_view(root.gateway.functions.deliveryOf(posted.id)):
            return "AlreadyDelivered"
        return "DayUsedUp" if posted.amount > root.available() else ""

    def _held(self, who: int) -> int:
        """Return whole NMR of a holder on the second chain."""
        return int(read_view(self.chains.child_end.token.functions.balanceOf(self._address(who)))) // wei("1")

    def _address(self, who: int) -> str:
        return str(self.chains.root.account(who).address)

    def _anvil(self, side: str) -> Anvil:
        return self.chains.root if side == "root" else self.chains.child

    def _count(self, what: str, times: int = 1) -> None:
        self.done[what] += times


def rolled_back(chains: BridgedChains, snapshots: Sequence[Any]) -> list[Any]:
    """Go back to the snapshots of both chains, which takes them; new ones."""
    for anvil, snapshot in zip((chains.root, chains.child), snapshots, strict=True):
        ask(anvil, "anvil_dropAllTransactions")
        assert ask(anvil, "evm_revert", snapshot)
    heimdall = chains.heimdall
    heimdall.next_block, heimdall.read_to, heimdall.handed_over = 1, 0, 0
    heimdall.lost.clear()
    return snapshots_of(chains)


def snapshots_of(chains: BridgedChains) -> list[Any]:
    """Take a snapshot of both chains."""
    return [ask(anvil, "evm_snapshot") for anvil in (chains.root, chains.child)]


def ask(anvil: Anvil, method: Any, *parameters: Any) -> Any:
    """Ask a node for what web3 has no function for."""
    answer = anvil.w3.provider.make_request(method, list(parameters))
    assert "error" not in answer, answer
    return answer.get("result")
