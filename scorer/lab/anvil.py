"""A local chain: anvil on 127.0.0.1, with a clock that can be moved."""

import gzip
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import Web3

from scorer.chain.endpoint import LOCAL_CHAIN_ID, EndpointError, connect

MNEMONIC: Final = "test test test test test test test test test test test junk"
"""The test mnemonic of every development chain: its keys are public, and worth nothing elsewhere."""
GZIP_MAGIC: Final = b"\x1f\x8b"
START_TIMEOUT: Final = 30.0
PATIENCE: Final = 180.0
"""Seconds for one request: a full block takes half a minute where many processes share the machine."""
FINALITY: Final = 2
"""Blocks behind the head at which anvil, started with one slot an epoch, calls a block finalised."""

Account.enable_unaudited_hdwallet_features()


@cache
def local_account(index: int) -> LocalAccount:
    """Return an account of the test mnemonic."""
    # Kept: to stretch the mnemonic into a key takes some milliseconds each time.
    account: LocalAccount = Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}")
    return account


@dataclass(frozen=True)
class Anvil:
    """A running local chain."""

    w3: Web3
    url: str
    finality: int = FINALITY

    def account(self, index: int) -> LocalAccount:
        """Return one of the accounts that hold ether from the start."""
        return local_account(index)

    def advance_to(self, timestamp: int) -> None:
        """Mine a block at `timestamp`, if the chain is not there yet, and finalise it."""
        if self.w3.eth.get_block("latest")["timestamp"] < timestamp:
            self._request("evm_setNextBlockTimestamp", timestamp)
            self._request("evm_mine")
        self.finalise()

    def finalise(self) -> None:
        """Mine until all that has happened so far is finalised."""
        self._request("anvil_mine", self.finality)

    def reorganise(self, depth: int) -> None:
        """Replace the newest `depth` blocks by empty ones, and forget their transactions.

        Nothing may be mined meanwhile: anvil then loses blocks, or some keep what their state lacks.
        """
        self._request("anvil_reorg", depth, [])

    def waiting(self) -> int:
        """Return how many transactions could be mined now."""
        return int(self._request("txpool_status")["pending"], 16)

    def mines(self, *, at_once: bool) -> None:
        """Give each transaction a block of its own as soon as it is sent, or let it wait for the next one."""
        self._request("evm_setAutomine", at_once)

    def mine_pool(self) -> None:
        """Mine blocks until no transaction waits that could be mined, all at the base fee of the first."""
        base_fee = int(self.w3.eth.get_block("latest").get("baseFeePerGas", 0))
        while self.waiting():
            # Full blocks raise it, and anvil forgets whatever bids less: the last ones of a large pool.
            self._request("anvil_setNextBlockBaseFeePerGas", hex(base_fee))
            self._request("anvil_mine", 1)

    def save(self, path: Path) -> None:
        """Write the chain's state, blocks and logs included, as ``anvil --load-state`` reads it.

        Only the newest state is kept, as by a node that prunes.
        """
        dump = bytes.fromhex(str(self._request("anvil_dumpState", False))[2:])
        path.write_bytes(gzip.decompress(dump) if dump.startswith(GZIP_MAGIC) else dump)

    def _request(self, method: Any, *parameters: Any) -> Any:
        response = self.w3.provider.make_request(method, list(parameters))
        if "error" in response:
            raise EndpointError(f"anvil refused {method}: {response['error']}")
        return response.get("result")


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_anvil(url: str, process: subprocess.Popen[bytes], chain_id: int = LOCAL_CHAIN_ID) -> Web3:
    """Connect to an anvil that was just started, as soon as it answers.

    Raises
    ------
    EndpointError
        When it ends, or does not answer in time.
    """
    until = time.monotonic() + START_TIMEOUT
    while True:
        try:
            return connect(url, chain_id, timeout=PATIENCE)
        except EndpointError:
            if process.poll() is not None or time.monotonic() > until:
                raise
            time.sleep(0.05)


@dataclass(frozen=True)
class AnvilOptions:
    """Options of a local chain.

    Attributes
    ----------
    timestamp
        Of the first block, Unix seconds; None for now.
    accounts
        How many accounts of `MNEMONIC` hold ether.
    state
        A state that `Anvil.save` wrote, to start from.
    slots_in_epoch
        Twice as many blocks behind the head, a block is finalised.
    block_time
        Seconds between blocks; None: a block for each transaction, at once.
    block_gas
        The gas limit of a block; None for anvil's own.
    history
        How many of the newest blocks' states are kept, in memory; None: all of late, older ones in `folder`.
    folder
        Where older states are kept, some thousands; anvil never removes them. None: below the home folder.
    """

    timestamp: int | None = None
    accounts: int = 10
    state: Path | None = None
    slots_in_epoch: int = 1
    block_time: float | None = None
    chain_id: int = LOCAL_CHAIN_ID
    block_gas: int | None = None
    history: int | None = None
    folder: Path | None = None

    def command(self, port: int) -> list[str]:
        """Return the command that starts it on `port` of 127.0.0.1, under Prague's rules.

        Raises
        ------
        EndpointError
            When anvil is neither beside Python nor on PATH.
        """
        binary = shutil.which(
            "anvil", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        )
        if binary is None:
            raise EndpointError(
                "expected anvil beside Python or on PATH, found none; install Foundry 1.7, or make setup in "
                "a clone"
            )
        options = {
            "--port": port,
            "--chain-id": self.chain_id,
            "--accounts": self.accounts,
            "--hardfork": "prague",
            "--mnemonic": MNEMONIC,
            "--slots-in-an-epoch": self.slots_in_epoch,
            "--block-time": self.block_time,
            "--timestamp": self.timestamp,
            "--load-state": self.state,
            "--gas-limit": self.block_gas,
            "--prune-history": self.history,
            "--cache-path": self.folder,
        }
        given = [(name, str(value)) for name, value in options.items() if value is not None]
        # Without its own limit: what pools take is the clients' concern.
        return [binary, "--silent", "--no-request-size-limit", *(word for option in given for word in option)]


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the group of `process`: asked to first, and made to where it does not in ten seconds."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def run_anvil(
    *,
    timestamp: int | None = None,
    accounts: int = 10,
    state: Path | None = None,
    slots_in_epoch: int = 1,
    block_time: float | None = None,
    chain_id: int = LOCAL_CHAIN_ID,
    block_gas: int | None = None,
    history: int | None = None,
) -> Iterator[Anvil]:
    """Start anvil on a free port of 127.0.0.1, and end it with the context; parameters as of `AnvilOptions`.

    Raises
    ------
    EndpointError
        When anvil is not on PATH, or does not answer.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with TemporaryDirectory(prefix="cupel-chain-") as folder:
        options = AnvilOptions(
            timestamp, accounts, state, slots_in_epoch, block_time, chain_id, block_gas, history, Path(folder)
        )
        # Where anvil is an npm script that starts the real one, both end together: a group of their own.
        process = subprocess.Popen(  # noqa: S603
            options.command(port),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield Anvil(await_anvil(url, process, chain_id), url, finality=2 * slots_in_epoch)
        finally:
            stop(process)
