"""The folder of an agent: its configuration, its log, and the file that stops it."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from web3 import Web3

from scorer.agents.plan import Budget
from scorer.errors import CupelError
from scorer.protocol.documents import shown

CONFIGURATION: Final = "agent.toml"
STOP: Final = "STOP"
LOG: Final = "acts.jsonl"
TEMPLATE: Final = """\
# An agent that follows a round's consensus document at a ConsensusGate. It holds no funds: its account does,
# and lets it trade only as the gate allows. `cupel agent run` shows what it would do; --send does it.
# `cupel agent stop` stops it at once; ending the mandate at the gate stops it for good.

endpoint = "http://127.0.0.1:8545"  # of the chain where gate and account are
chain_id = 31337
gate = "0x0000000000000000000000000000000000000000"
account = "0x0000000000000000000000000000000000000000"
server = "http://127.0.0.1:8080/mcp"  # whose tool get_consensus is asked; what it says is checked by the gate
slippage_ppm = 10000  # how much worse than the pool's price an act may be

[budget]  # units of the account's cash; smaller than the mandate, as the agent may be wrong
size_per_run = "0"
acts_per_run = 1
least_size = "1"

[assets]  # ids of the tournament's universe that the account trades, and the pool of each
# "AAA" = "0x..."
"""


class AgentError(CupelError, ValueError):
    """An agent's folder or surroundings are not what they have to be; the message says what to do."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Units = Annotated[str, Field(pattern=r"^[0-9]{1,38}$")]
Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]


class BudgetSection(_Section):
    """The section ``budget``."""

    size_per_run: Units
    acts_per_run: Annotated[int, Field(ge=0, le=1000)]
    least_size: Units = "1"

    def budget(self) -> Budget:
        """Return the budget as plain numbers."""
        return Budget(int(self.size_per_run), self.acts_per_run, int(self.least_size))


class AgentConfiguration(_Section):
    """An agent's configuration; no field of it holds a key."""

    endpoint: Annotated[str, Field(pattern=r"^https?://")]
    chain_id: Annotated[int, Field(ge=1)]
    gate: Address
    account: Address
    server: Annotated[str, Field(pattern=r"^https?://")]
    slippage_ppm: Annotated[int, Field(ge=0, le=500_000)] = 10_000
    budget: BudgetSection
    assets: Mapping[Annotated[str, Field(max_length=256)], Address] = Field(default_factory=dict)


@dataclass(frozen=True)
class AgentFolder:
    """The files of an agent."""

    path: Path

    def create(self) -> Path:
        """Write the template's configuration.

        Raises
        ------
        AgentError
            When there is one already.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        file = self.path / CONFIGURATION
        try:
            with file.open("x") as new:
                new.write(TEMPLATE)
        except FileExistsError:
            raise AgentError(f"{file}: expected no configuration yet, found one; edit it") from None
        return file

    def configuration(self) -> AgentConfiguration:
        """Read the configuration.

        Raises
        ------
        AgentError
            Names what is wrong with it.
        """
        file = self.path / CONFIGURATION
        try:
            found = AgentConfiguration.model_validate(tomllib.loads(file.read_text()))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise AgentError(f"{file}: expected an agent's configuration, found {shown(error)}") from None
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise AgentError(f"{file}: {shown(where)}: {shown(first['msg'])}") from None
        if Web3.to_checksum_address(found.gate) == "0x" + "0" * 40:
            raise AgentError(f"{file}: gate: expected the address of a ConsensusGate, found zero")
        return found

    @property
    def is_stopped(self) -> bool:
        """True while the file STOP is there, whatever is in it."""
        return (self.path / STOP).exists()

    def stop(self) -> None:
        """Put the file STOP there."""
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / STOP).touch()

    def log(self, entry: Mapping[str, Any]) -> None:
        """Add a line that explains an act, or why there was none."""
        with (self.path / LOG).open("a") as file:
            file.write(json.dumps(entry, sort_keys=True) + "\n")
