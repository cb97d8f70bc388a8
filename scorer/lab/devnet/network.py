"""Starts a devnet, stops it, and reports its status."""

import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from web3 import Web3
from web3.exceptions import Web3Exception

from scorer.chain.bulk import read_view
from scorer.chain.contracts import Suite
from scorer.chain.endpoint import LOCAL_CHAIN_ID, EndpointError, connect
from scorer.chain.records import RoundState
from scorer.client.phases import phase_of
from scorer.daemon.deployment_file import read_deployment
from scorer.deployment.document import Deployment
from scorer.lab.anvil import Anvil, AnvilOptions, await_anvil
from scorer.lab.devnet.layout import CHAIN, KEYS, SIMULATOR, STARTED, DevnetLayout, NoDevnet, Settings
from scorer.lab.devnet.setup import FILE, configure, document_of, set_up, write_keys
from scorer.lab.processes import ProcessGroup, cupel

BLOCK_TIME: Final = 1
"""Time between blocks in seconds; a block is final two blocks later."""
READY: Final = 180.0
"""Seconds that all may take to come up, on a machine that is busy with other things."""
POLL: Final = 0.1
SHOWN: Final = 10
"""Newest rounds that a status names."""


class NotReady(Exception):
    """A devnet did not come up; everything that was started is stopped again."""


@dataclass(frozen=True)
class Status:
    """Status of a devnet.

    Attributes
    ----------
    processes
        The process id of each that was started, None where it does not run.
    block, now
        The latest block and its time, Unix seconds; None when the chain does not answer.
    rounds
        The newest, last first: number, phase (the word of ``cupel rounds``), and times.
    """

    endpoint: str
    processes: dict[str, int | None]
    block: int | None = None
    now: int | None = None
    models: int = 0
    rounds: tuple[dict[str, Any], ...] = ()

    @property
    def is_up(self) -> bool:
        """True where everything runs and the chain answers."""
        return self.block is not None and all(self.processes.get(name) for name in STARTED)


def _silent(_: str) -> None:
    """Say it to nobody."""


def up(
    layout: DevnetLayout,
    settings: Settings,
    *,
    file: Path = FILE,
    keep: bool = False,
    say: Callable[[str], None] = _silent,
) -> Suite:
    """Start a chain with a suite, an operator, four members and a simulator, and wait for an open round.

    Parameters
    ----------
    keep
        Go on with the chain, the journals and the rounds of the last time, if there are any.
    say
        Called with what begins, as all of it takes half a minute.

    Raises
    ------
    NoDevnet
        When one runs already, the folder holds something else, or the port is taken.
    scorer.deployment.document.DeploymentFileError, scorer.deployment.steps.DeploymentStuck
        When the file cannot be deployed here.
    NotReady
        When it does not come up.
    """
    document = document_of(file)
    _refuse(layout, settings)
    if not keep or not layout.state.is_file():
        layout.clear()
    layout.write(settings)
    group = layout.processes
    with _stopped_unless_ready(group):
        say(f"starting a chain on port {settings.port}")
        anvil = start_chain(layout, settings, group)
        say("putting contracts and models on it")
        suite = _suite(layout, anvil, settings, document)
        configurations = configure(layout, settings)
        say(f"starting {', '.join(configurations)} and what simulates the rest")
        for name, config in configurations.items():
            role = "operator" if name == "operator" else "oracle"
            group.start(name, [cupel(), role, "run", "--config", str(config), "--send"])
        group.start(SIMULATOR, [sys.executable, "-m", "scorer.lab.devnet.simulator", str(layout.root)])
        say("waiting for the first round to open")
        _await(group, lambda: _has_open_round(suite) and _is_published(layout, suite))
    return suite


def down(layout: DevnetLayout) -> list[str]:
    """Save the chain's state, and stop everything; the names of what ran.

    Raises
    ------
    NoDevnet
        When there is none in the folder.
    """
    settings, group = layout.settings(), layout.processes
    ran = group.running()
    for name in [name for name in reversed(group.names()) if name != CHAIN]:
        group.stop(name)
    if group.pid(CHAIN) is not None:
        save_chain(layout, settings)
    group.stop_all()
    shutil.rmtree(layout.states, ignore_errors=True)
    return ran


def status(layout: DevnetLayout) -> Status:
    """Return the status of a devnet.

    Raises
    ------
    NoDevnet
        When there is none in the folder.
    """
    settings, group = layout.settings(), layout.processes
    processes = {name: group.pid(name) for name in STARTED}
    try:
        w3 = connect(settings.endpoint, LOCAL_CHAIN_ID)
        suite = Suite.at(w3, read_deployment(layout.manifest))
        latest = w3.eth.get_block("latest")
    except (EndpointError, Web3Exception, OSError, ValueError):
        return Status(settings.endpoint, processes)
    number = int(latest["number"])
    return Status(
        settings.endpoint,
        processes,
        number,
        int(latest["timestamp"]),
        int(read_view(suite.registry.functions.modelCount(), number)),
        tuple(_rounds(suite, number, int(latest["timestamp"]))),
    )


def _rounds(suite: Suite, block: int, now: int) -> Iterator[dict[str, Any]]:
    count = suite.round_count(block)
    for round_id in range(count, max(0, count - SHOWN), -1):
        record = suite.round(round_id, block)
        yield {
            "round": round_id,
            "phase": phase_of(record, now).value,
            "open_at": record.open_at,
            "close_at": record.close_at,
            "resolve_at": record.resolve_at,
            "at_risk": record.at_risk,
        }


def _refuse(layout: DevnetLayout, settings: Settings) -> None:
    if layout.root.exists() and any(layout.root.iterdir()) and not layout.is_devnet():
        raise NoDevnet(f"{layout.root}: expected a devnet's folder or an empty one, found other files in it")
    if running := layout.processes.running():
        raise NoDevnet(
            f"{layout.root}: expected no devnet that runs, found {', '.join(running)}; cupel devnet down"
        )
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", settings.port)) == 0:
            raise NoDevnet(f"port {settings.port}: expected it free, found it taken; give another by --port")


@contextmanager
def _stopped_unless_ready(group: ProcessGroup) -> Iterator[None]:
    try:
        yield
    except BaseException:
        group.stop_all()
        raise


def start_chain(layout: DevnetLayout, settings: Settings, group: ProcessGroup) -> Anvil:
    """Start anvil in the background, from the state that was saved if there is one.

    For now, each transaction gets a block at once; see `tick`.
    """
    state = layout.state if layout.state.is_file() else None
    shutil.rmtree(layout.states, ignore_errors=True)
    options = AnvilOptions(accounts=len(KEYS), state=state, folder=layout.states)
    group.start(CHAIN, options.command(settings.port))
    w3 = await_anvil(settings.endpoint, group.children[CHAIN])
    anvil = Anvil(w3, settings.endpoint)
    if state is not None:
        # The state of older blocks was not kept: let the finalised one be new. And anvil would go on at this
        # machine's time, also where the chain was ahead of it: no round's times would hold any more.
        anvil.advance_to(max(int(w3.eth.get_block("latest")["timestamp"]) + 1, int(time.time())))
    return anvil


def _suite(layout: DevnetLayout, anvil: Anvil, settings: Settings, document: Deployment) -> Suite:
    if layout.manifest.is_file():
        suite = Suite.at(anvil.w3, read_deployment(layout.manifest))
    else:
        write_keys(layout)
        suite = set_up(layout, anvil, settings, document)
    tick(anvil.w3)
    return suite


def tick(w3: Web3) -> None:
    """Let blocks come by the clock from now on."""
    _set_mining(w3, BLOCK_TIME)


def stop_ticking(w3: Web3) -> None:
    """Let no block come from now on."""
    _set_mining(w3, 0)


def _set_mining(w3: Web3, seconds: int) -> None:
    for method, value in (("evm_setAutomine", False), ("evm_setIntervalMining", seconds)):
        answer = w3.provider.make_request(method, [value])  # type: ignore[arg-type]
        if "error" in answer:
            raise EndpointError(f"anvil refused {method}: {answer['error']}")


def save_chain(layout: DevnetLayout, settings: Settings) -> None:
    """Save the chain's state, from which it goes on when it is started again."""
    draft = layout.state.with_name(layout.state.name + ".new")
    Anvil(connect(settings.endpoint, LOCAL_CHAIN_ID), settings.endpoint).save(draft)
    os.replace(draft, layout.state)  # noqa: PTH105 - pathlib's replace is the same


def _await(group: ProcessGroup, ready: Callable[[], bool]) -> None:
    until = time.monotonic() + READY
    while not ready():
        for name in group.names():
            if group.pid(name) is None:
                last = group.log(name).read_text().strip().splitlines()[-1:]
                raise NotReady(f"expected {name} to run, found that it ended: {' '.join(last)}")
        if time.monotonic() > until:
            raise NotReady(f"expected an open round within {READY:.0f} s, found none; see {group.folder}")
        time.sleep(POLL)


def _has_open_round(suite: Suite) -> bool:
    block = suite.w3.eth.block_number
    count = suite.round_count(block)
    return count > 0 and suite.round(count, block).state == RoundState.OPEN


def _is_published(layout: DevnetLayout, suite: Suite) -> bool:
    return (layout.rounds / str(suite.round_count(suite.w3.eth.block_number))).is_dir()
