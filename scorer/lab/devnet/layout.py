"""The files of a devnet, and the accounts of everybody in it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from eth_account.signers.local import LocalAccount

from scorer.cli.profile import FILE as PROFILE
from scorer.cli.profile import write_profile
from scorer.data.plans import planned_rules
from scorer.data.recipe import load_recipe
from scorer.factors.version_1 import FEATURES
from scorer.lab.anvil import local_account
from scorer.lab.dataset import RECIPE
from scorer.lab.nodes import ENCRYPTION_KEY
from scorer.lab.processes import ProcessGroup
from scorer.owned_files import is_owned, make_owned_folder
from scorer.protocol.rules import DEFAULT_PRESET, Rules, preset
from scorer.protocol.tables import table_file
from scorer.storage.bundle import RULES, UNIVERSE
from scorer.storage.contents import files_in, inbox_at, node_at, rounds_in

MADE_BY: Final = "cupel devnet up"
DATA: Final = Path(__file__).parent / "data"
"""The recipe and the source of the data set that its rounds are about."""
SETTINGS: Final = "devnet.json"
CONTENTS: Final = (
    *(SETTINGS, "chain.json*", "manifest.json*", "*.deployment.json*", "journal.sqlite*"),
    *("run/*.log", "run/*.pid", "keys/*", "states"),
    *("server", "numerapi.env", PROFILE),
    *inbox_at("inbox"),
    *rounds_in("published"),
    *files_in("rounds/[.0-9]*", RULES, UNIVERSE, table_file(FEATURES.name), "example.csv"),
    *(pattern for name in ("member-*", "operator") for pattern in node_at(name, ENCRYPTION_KEY)),
)
"""Everything that a devnet writes into its folder."""
TEST_KEYS: Final = ("keys/*", f"*/{ENCRYPTION_KEY}", "server/*")
"""Files in it that hold keys of test accounts."""
KEYS: Final = {
    "deployer": 0,
    "operator": 1,
    "guardian": 2,
    "member-1": 3,
    "member-2": 4,
    "member-3": 5,
    "alice": 6,
    "bob": 7,
    "carol": 8,
    "population": 9,
    "member-4": 10,
}
"""The first test accounts of every development chain, in the roles of deployment.toml."""
PEOPLE: Final = ("alice", "bob", "carol")
"""Data scientists with tokens and without models."""
POPULATION: Final = "population"
"""Owns the models that are there from the start."""
MEMBERS: Final = ("member-1", "member-2", "member-3", "member-4")
CHAIN: Final = "chain"
SIMULATOR: Final = "simulator"
STARTED: Final = (CHAIN, "operator", *MEMBERS, SIMULATOR)


def account_of(name: str) -> LocalAccount:
    """Return one of the test accounts by its role."""
    return local_account(KEYS[name])


class NoDevnet(Exception):
    """There is no devnet in a folder, or one where none should be; the message says what to do."""


@dataclass(frozen=True)
class Settings:
    """Settings of a devnet.

    Attributes
    ----------
    every
        Seconds that a round takes submissions; the next one opens when it closes.
    models
        How many models are there from the start, and submit to every round.
    in_the_clear
        Whether submissions are not encrypted.
    submits
        Whether the models that are there from the start submit by themselves.
    """

    port: int = 8545
    every: int = 60
    models: int = 5
    in_the_clear: bool = False
    submits: bool = True

    @property
    def endpoint(self) -> str:
        """URL of the chain."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def rules(self) -> Rules:
        """The rules of its rounds."""
        rules = planned_rules(preset(DEFAULT_PRESET), load_recipe(DATA / RECIPE))
        return rules.model_copy(update={"secrecy": None}) if self.in_the_clear else rules


@dataclass(frozen=True)
class DevnetLayout:
    """The folder of a devnet."""

    root: Path

    @property
    def manifest(self) -> Path:
        """The deployment's manifest."""
        return self.root / "manifest.json"

    @property
    def inbox(self) -> Path:
        """The operator's inbox."""
        return self.root / "inbox"

    @property
    def published(self) -> Path:
        """Rounds that the operator published for members."""
        return self.root / "published"

    @property
    def rounds(self) -> Path:
        """A folder a round, by its number: its universe and features, and example.csv, a valid submission."""
        return self.root / "rounds"

    @property
    def plans(self) -> Path:
        """Rounds that the operator is to open."""
        return self.root / "operator" / "plans"

    @property
    def profile(self) -> Path:
        """The profile that `cupel use` takes from here: where everything is that a data scientist needs."""
        return self.root / PROFILE

    @property
    def keystore(self) -> Path:
        """The place for the key of the first of `PEOPLE`: beside the devnet, as that is emptied."""
        return self.root.parent / f"{PEOPLE[0]}.json"

    @property
    def state(self) -> Path:
        """The chain as it was when the devnet was stopped."""
        return self.root / "chain.json"

    @property
    def states(self) -> Path:
        """The chain's older states, while it runs."""
        return self.root / "states"

    @property
    def processes(self) -> ProcessGroup:
        """The chain, the daemons and the simulator, with their logs."""
        return ProcessGroup(self.root / "run")

    def key(self, name: str) -> Path:
        """Return the file of a test account's key, in hex."""
        return self.root / "keys" / name

    def write(self, settings: Settings) -> None:
        """Write the settings, and the profile for `cupel use`."""
        (self.root / SETTINGS).write_text(json.dumps(asdict(settings)) + "\n")
        files = {
            "CUPEL_DEPLOYMENT": self.manifest,
            "CUPEL_KEYSTORE": self.keystore,
            "CUPEL_ROUNDS": self.rounds,
            "CUPEL_INBOX": self.inbox,
        }
        paths = {name: str(path.resolve()) for name, path in files.items()}
        write_profile(self.profile, {"CUPEL_RPC_URL": settings.endpoint} | paths)

    def settings(self) -> Settings:
        """Read the settings it was started with.

        Raises
        ------
        NoDevnet
            When the folder is none of a devnet.
        """
        try:
            settings: dict[str, Any] = json.loads((self.root / SETTINGS).read_bytes())
            return Settings(**settings)
        except (OSError, ValueError, TypeError):
            raise NoDevnet(
                f"{self.root}: expected the folder of a devnet, found none; start one with cupel devnet up"
            ) from None

    def clear(self) -> None:
        """Make the folder, and remove what an earlier devnet left in it.

        Raises
        ------
        scorer.files.FolderInUse
            When it holds anything that no devnet wrote.
        """
        make_owned_folder(self.root, MADE_BY, CONTENTS, keys=TEST_KEYS)

    def is_devnet(self) -> bool:
        """True where a devnet was ever started."""
        return is_owned(self.root, MADE_BY)
