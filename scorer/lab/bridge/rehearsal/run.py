"""The rehearsal of a bridge from its deployment to its balance."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scorer.bridge.conservation import conservation
from scorer.files import write_whole
from scorer.lab.bridge.chains import bridged_chains
from scorer.lab.bridge.rehearsal import portal, rounds, stress, tokens, votes
from scorer.lab.bridge.rehearsal.context import BridgeRehearsal
from scorer.lab.bridge.rehearsal.gas import gas_of
from scorer.lab.bridge.rehearsal.journeys import FOLDER, table
from scorer.lab.rehearsal.context import expect
from scorer.owned_files import make_owned_folder
from scorer.storage.contents import inbox_at, rounds_in

MADE_BY: Final = "scripts/rehearse_bridge.py"
LATENCY: Final = "latency.json"
RELAYER_FILES: Final = ("key", "bridge.json", "bridge.toml", "root.sqlite*", "child.sqlite*", "log", "crash")
GAS: Final = "gas.json"
CONTENTS: Final = (
    GAS,
    LATENCY,
    *(f"{who}/{name}" for who in ("relayer", FOLDER) for name in RELAYER_FILES),
    *inbox_at("tournament/inbox"),
    *rounds_in("tournament/published"),
    *(
        pattern
        for member in ("ada", "blaise", "carl")
        for room in ("rounds", "rounds/taken", "exchange", "targets")
        for pattern in rounds_in(f"tournament/members/{member}/{room}")
    ),
)
"""Everything that a rehearsal writes into its folder."""
KEYS: Final = ("relayer/key", f"{FOLDER}/key")
"""Files in it that hold keys of the chains' own accounts."""


@dataclass(frozen=True)
class BridgeVerdict:
    """The end of all messages of both gateways, counted."""

    conserved: bool
    messages: int
    twice: int
    lost: int

    @property
    def is_good(self) -> bool:
        """Return whether every message was delivered once."""
        return self.conserved and self.messages > 0 and self.twice == 0 and self.lost == 0

    def __str__(self) -> str:
        balance = "conserved" if self.conserved else "NOT CONSERVED"
        return f"rehearse-bridge: {balance}, {self.messages} messages, {self.twice} twice, {self.lost} lost"


def rehearse_bridge(out: Path, repository: Path, report: Callable[[str], None]) -> BridgeVerdict:
    """Run it all, with every file in `out`.

    Raises
    ------
    scorer.lab.rehearsal.context.Unexpected
        At the first thing that is not as it should be.
    scorer.owned_files.FolderInUse
        When `out` holds anything that no rehearsal wrote.
    """
    make_owned_folder(out, MADE_BY, CONTENTS, keys=KEYS)
    with bridged_chains(repository, governor=True) as chains:
        rehearsal = BridgeRehearsal(chains, out, report)
        rehearsal.say("two chains, Polygon's contracts, and the bridge between them are deployed")
        _play(rehearsal)
        write_whole(out / GAS, (json.dumps(gas_of(chains), indent=1) + "\n").encode())
        return _verdict(rehearsal)


def _play(rehearsal: BridgeRehearsal) -> None:
    tokens.go_over(rehearsal)
    rehearsal.say("tokens went over")
    admin = votes.remote_admin_of_suite(rehearsal)
    tournament = rounds.deploy(rehearsal, admin)
    burned = rounds.settle_a_round(rehearsal, tournament)
    rehearsal.say("a round of bridged stakes settled on the second chain")
    rounds.burn_at_home(rehearsal, burned)
    rehearsal.say(f"{burned} wei burned there are destroyed here, and the supply fell by exactly them")
    rounds.result_on_root(rehearsal, tournament)
    rehearsal.say("the round's result is read on the first chain")
    votes.vote(rehearsal, tournament, admin[0])
    rehearsal.say("a vote on the first chain changed a parameter on the second")
    tokens.pause_and_retry(rehearsal)
    tokens.bound_of_a_day(rehearsal)
    rehearsal.say("a pause delayed, and the bound of a day held and let go")
    tokens.reorganisations(rehearsal)
    rehearsal.say("either chain was reorganised")
    tokens.killed_at_each_step(rehearsal)
    rehearsal.say(f"the relayer was killed at {len(tokens.LABELS)} steps")
    days = stress.bad_days(rehearsal, rounds.by_the_chain(tournament))
    write_whole(rehearsal.out / LATENCY, (json.dumps(days.to_json(), indent=1) + "\n").encode())
    rehearsal.report(table(days.journeys))
    rehearsal.say("fees, limits, a stall of finality and a gap of checkpoints cost time and nothing else")
    tokens.refused_proofs(rehearsal)
    rehearsal.say("replayed, tampered and forged proofs were refused by name")
    portal.burn_through_the_portal(rehearsal)
    rehearsal.say("a burn through the PoS portal is destroyed here too")
    rehearsal.carry()
    expect("state syncs that failed", [], rehearsal.chains.heimdall.lost)


def _verdict(rehearsal: BridgeRehearsal) -> BridgeVerdict:
    view = rehearsal.view()
    sides = ((view.child_posted, view.root.delivered), (view.root.posted, view.child.delivered))
    return BridgeVerdict(
        conservation(view).holds,
        messages=sum(len(posted) for posted, _ in sides),
        twice=sum(count > 1 for _, delivered in sides for count in delivered.values()),
        lost=sum(message.id not in delivered for posted, delivered in sides for message in posted),
    )
