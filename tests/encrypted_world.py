"""A small tournament whose submissions are encrypted, and what tests ask of its files."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from scorer.lab.in_process import MEMBERS, member_paths
from scorer.protocol.rules import Rules
from scorer.protocol.secrecy import Secrecy
from tests.world import World


def encrypted(rules: Rules, **secrecy: object) -> Rules:
    """The same rules with encrypted submissions."""
    section = Secrecy.model_validate({"submissions": "encrypted", **secrecy})
    return rules.model_copy(update={"secrecy": section})


def encrypted_world(world: World, **secrecy: object) -> World:
    """The same world, whose next rounds take encrypted submissions; members publish in their own folders."""
    tournament = str(world.suite.tournament.address)
    members = tuple(
        replace(member, paths=member_paths(world.out, tournament, name))
        for member, name in zip(world.members, MEMBERS, strict=True)
    )
    return replace(
        world,
        rules=encrypted(world.rules, **secrecy),
        tournament=replace(world.tournament, members=members),
    )


def one_locked_in_secret(world: World) -> None:
    """Lock a round in which every model takes part with an encrypted submission."""
    encrypted_world(world).locked_round()


def one_sealed_in_secret(world: World) -> None:
    """Seal a round in which every model takes part with an encrypted submission."""
    encrypted_world(world).sealed_round()


def one_settled_in_secret(world: World) -> None:
    """Settle a round in which every model takes part with an encrypted submission."""
    secret = encrypted_world(world)
    secret.settle(secret.sealed_round())


def heard(world: World) -> tuple[World, list[tuple[int, str, str]]]:
    """A world whose members' alarms are heard: (member, reason, detail)."""
    alarms: list[tuple[int, str, str]] = []

    def hears(index: int) -> None:
        world.members[index].raise_alarm = lambda reason, detail: alarms.append((index, reason.name, detail))

    for index in range(len(world.members)):
        hears(index)
    return world, alarms


def spellings(world: World, round_id: int) -> list[bytes]:
    """Every prediction of a round, as any file could hold it: in binary of both orders, and as text."""
    found = []
    for participant in world.participants:
        values = world.predictions(participant.model_id, round_id).to_numpy()
        for value in values:
            found += [np.float64(value).tobytes(), np.array(value, dtype=">f8").tobytes()]
            found.append(repr(float(value))[:12].encode())
    return found


def files_with_predictions(world: World, round_id: int, *folders: Path) -> Iterator[Path]:
    """Yield every file below some folders that holds a prediction in any spelling."""
    needles = spellings(world, round_id)
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                content = path.read_bytes()
                if any(needle in content for needle in needles):
                    yield path
