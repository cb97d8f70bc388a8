"""What a relayer does follows from what both chains show, and from nothing else."""

from dataclasses import replace

from scorer.bridge.checkpoints import Checkpoint
from scorer.bridge.decide import (
    DeliverMessage,
    FlushSink,
    ProveResult,
    RelayPolicy,
    RetryMessage,
    WaitFor,
    decide,
)
from scorer.bridge.relayer import RelayLimits, checkpoint_delay, slow_message
from scorer.bridge.views import ResultLog, SideView
from tests.bridge.views import checkpoint, down, ids, posted, view

ONE, TWO, THREE = posted(1, 400), posted(2, 700), posted(3, 100)
LIMITS = RelayLimits(slow=100, checkpoint_age=50)


def sides(*messages: object, root: SideView | None = None) -> tuple[SideView, SideView]:
    return root or SideView(9, 0), SideView(9, 0, messages)  # type: ignore[arg-type]


def test_nothing_is_left_of_what_was_delivered() -> None:
    assert decide(view(*sides(ONE, root=SideView(9, 0, delivered=ids(ONE))))) == ()


def test_a_message_waits_for_its_checkpoint() -> None:
    for newest in (None, checkpoint(end=9)):
        (action,) = decide(view(*sides(ONE), checkpoint=newest))
        assert isinstance(action, WaitFor)
        assert "no checkpoint" in action.reason
    assert decide(view(*sides(ONE), checkpoint=checkpoint(end=10))) == (DeliverMessage(ONE),)


def test_the_days_bound_holds_back_the_oldest_first_and_all_behind_it() -> None:
    """A large transfer would wait for ever if later and smaller ones went before it."""
    bare = posted(4)
    policy = RelayPolicy(recipients=frozenset({bare.message.recipient}))
    first, second, third, fourth = decide(view(*sides(ONE, TWO, THREE, bare)), policy)
    assert first == DeliverMessage(ONE)
    assert isinstance(second, WaitFor)
    assert isinstance(third, WaitFor)
    assert fourth == DeliverMessage(bare)
    assert decide(view(*sides(ONE, TWO), available=1100)) == (DeliverMessage(ONE), DeliverMessage(TWO))


def test_nobody_can_make_a_relayer_pay_for_dust_or_for_a_receiver_of_their_own() -> None:
    bare = posted(4)
    assert decide(view(*sides(bare))) == ()
    assert decide(view(*sides(ONE)), RelayPolicy(least_transfer=401)) == ()
    assert decide(view(*sides(ONE)), RelayPolicy(least_transfer=400)) == (DeliverMessage(ONE),)
    refused = down(1)
    child = SideView(9, 0, pending=frozenset({refused.id}))
    assert decide(view(SideView(9, 0, (refused,)), child)) == ()


def test_a_pause_holds_back_until_it_ends() -> None:
    (action,) = decide(view(*sides(ONE, root=SideView(9, 50, paused_until=51))))
    assert isinstance(action, WaitFor)
    assert decide(view(*sides(ONE, root=SideView(9, 51, paused_until=51)))) == (DeliverMessage(ONE),)


def test_what_polygon_refused_is_retried_unless_it_is_paused() -> None:
    waiting = down(1, 5)
    child = SideView(9, 50, pending=frozenset({waiting.id}))
    root = SideView(9, 0, (waiting, down(2)))
    assert decide(view(root, child)) == (RetryMessage(waiting),)
    (action,) = decide(view(root, replace(child, paused_until=51)))
    assert isinstance(action, WaitFor)


def test_sinks_are_flushed_from_the_policys_amount_on() -> None:
    root, child = SideView(9, 0, sink=9), SideView(9, 0, sink=10)
    assert decide(view(root, child), RelayPolicy(least_flush=10)) == (FlushSink(on_root=False, amount=10),)
    assert len(decide(view(root, child), RelayPolicy(least_flush=0))) == 2
    assert decide(view(SideView(9, 0), SideView(9, 0)), RelayPolicy(least_flush=0)) == ()


def test_results_are_proved_once_their_block_is_in_a_checkpoint() -> None:
    log = ResultLog("0x", 1, "end", 100, bytes(32), 0)
    later = replace(log, block=101)
    assert decide(view(*sides(), results=(log, later))) == (ProveResult(log),)
    assert decide(view(*sides(), results=(log,)), RelayPolicy(proves_results=False)) == ()


def test_a_human_is_called_for_what_waits_too_long() -> None:
    def own(_: int) -> Checkpoint:
        return checkpoint(created_at=1000)

    old = view(*sides(ONE, root=SideView(9, 1101)), checkpoint=checkpoint(created_at=9999))
    assert slow_message(old, LIMITS, own) == "transfer 1 of Polygon waits for 101 s since its checkpoint"
    dust = RelayPolicy(least_transfer=ONE.amount + 1)
    assert slow_message(old, LIMITS, own, dust) is None, "nobody carries dust"
    assert slow_message(old, LIMITS, lambda _: None) is None, "its checkpoint is not there yet"
    late = view(*sides(ONE, root=SideView(9, 1101)), checkpoint=checkpoint(created_at=1000))
    assert checkpoint_delay(late, LIMITS) == "the newest checkpoint is 101 s old"
    fresh = view(*sides(ONE, root=SideView(9, 1050)), checkpoint=checkpoint(created_at=1000))
    assert slow_message(fresh, LIMITS, own) is None
    assert checkpoint_delay(fresh, LIMITS) is None
    refusing = view(*sides(posted(1), root=SideView(9, 1101)), checkpoint=checkpoint(created_at=1000))
    assert slow_message(refusing, LIMITS, own) is None
