"""A small tournament in which predictions may be demanded, and what anybody does about them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from web3 import Web3

from scorer.chain.records import RoundState
from scorer.client.actions import ClientAccount, ClientAction
from scorer.client.court_actions import round_files
from scorer.client.demand_actions import (
    DemandPredictions,
    Drawing,
    DrawModels,
    DrawnModel,
    read_drawing,
)
from scorer.observation.court_case import CaseFiles
from scorer.storage.bundle import SUBMISSIONS
from tests.chains import Chains
from tests.encrypted_world import encrypted_world
from tests.world import FIRST, NMR, World, lent_world

DEMANDS: Final = 4
DEPOSIT: Final = 2 * NMR
"""nano-NMR."""
SEED_BLOCKS: Final = 130
"""Blocks from the beginning of a draw to the one in which its seed is kept, at least."""


def demanding_world(world: World) -> World:
    """The same world, in whose next rounds, which are encrypted, predictions may be demanded."""
    return encrypted_world(world, demands=DEMANDS, deposit="2")


def reported_round(world: World) -> int:
    """Run a round until its report is accepted by all members, and its evidence is public."""
    round_id = world.sealed_round()
    world.resolve(round_id)
    world.cycle()
    world.post_evidence()
    return round_id


def one_reported(world: World) -> None:
    """Run a round of a demanding world until its report is public, and nobody is drawn."""
    reported_round(demanding_world(world))


@contextmanager
def lent_demanding_world(chains: Chains, out: Path) -> Iterator[World]:
    """Borrow a chain with a demanding world that has one round, `FIRST`, whose report is public."""
    with lent_world(chains, out, begin=one_reported) as world:
        yield demanding_world(world)


def public_files(world: World, round_id: int, folder: Path | None = None) -> CaseFiles:
    """Read what a member publishes of a round, or what lies in a folder: nobody's predictions."""
    folder = folder or public_folder(world, round_id)
    assert not (folder / SUBMISSIONS).exists()
    return round_files(folder, {})


def public_folder(world: World, round_id: int, member: int = 0) -> Path:
    """Return the folder that a member publishes of a round."""
    return world.members[member].paths.exchange_bundle(round_id).folder


def drawing_of(world: World, round_id: int, folder: Path | None = None) -> Drawing:
    """Read the draw of a round's report as a stranger does, from what a member or a folder shows of it."""
    return read_drawing(world.suite, round_id, public_files(world, round_id, folder))


def mine(world: World, blocks: int) -> None:
    """Let so many empty blocks pass, a second each."""
    request: Any = world.anvil.w3.provider.make_request
    request("anvil_mine", [hex(blocks), "0x1"])


def carry_out(world: World, action: ClientAction) -> None:
    """Send the transactions of an action, as the account that holds all tokens."""
    account = ClientAccount(world.suite, str(world.admin.address))
    for step in action.plan(account).steps:
        if step.ready is not None:
            mine(world, SEED_BLOCKS)
            step.ready()
        world.admin.send(step.final)


def draw(world: World, round_id: int, folder: Path | None = None) -> Drawing:
    """Draw the models of a round's report, and return who is drawn."""
    carry_out(world, DrawModels(drawing_of(world, round_id, folder)))
    return drawing_of(world, round_id, folder)


def demand(world: World, round_id: int, *places: int, folder: Path | None = None) -> tuple[DrawnModel, ...]:
    """Draw, and demand the predictions at some places, or at all; return whose."""
    drawing = draw(world, round_id, folder)
    chosen = tuple(drawn for drawn in drawing.models if not places or drawn.place in places)
    carry_out(world, DemandPredictions(drawing, chosen))
    world.anvil.finalise()
    return chosen


def settle_silent(world: World) -> tuple[int, int]:
    """Settle the first round with a model that was to show its predictions: which, and the payout it lost."""
    (drawn,) = demand(world, FIRST, 0)
    world.anvil.advance_to(drawing_of(world, FIRST).until[1])
    world.pass_challenge_window()
    world.cycle()
    assert world.record(FIRST).state == RoundState.SETTLED
    return drawn.model, drawn.payout


def answers(world: World) -> Iterator[Any]:
    """Yield the events of all answers."""
    assert world.suite.demands is not None
    event = world.suite.demands.contract.events.Answered()
    yield from event.get_logs(from_block=0)


def tokens_of(world: World, address: str) -> int:
    """Return the tokens of an account, wei."""
    return int(world.suite.token.functions.balanceOf(Web3.to_checksum_address(address)).call())
