"""The sections of a node's configuration file, each checked by itself."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from scorer.chain.endpoint import host
from scorer.chain.endpoints import Endpoints
from scorer.chain.fees import GWEI, TIP_CEILING, FeePolicy
from scorer.redaction import hides_a_key


class ConfigSection(BaseModel):
    """A section of the file: no field but those that are declared, and no value of another type."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )


def _path(value: Path) -> Path:
    """Refuse a key or a URL in place of the path of its file, as messages show paths."""
    if hides_a_key(value):
        raise ValueError("expected the path of a file, found a key or a URL in its place")
    return value


# Not strict where TOML has no such type: it knows text, and lists, in place of paths and tuples.
FilePath = Annotated[Path, Field(strict=False), AfterValidator(_path)]
Url = Annotated[str, Field(pattern=r"^https?://")]
LONGEST: Final = 86_400
"""Most seconds of any wait: a day."""
MOST_COINS: Final = 10**9


def _default_agreement(given: Mapping[str, Any]) -> int:
    """Return two, where endpoints of two hosts are configured."""
    urls = (*given.get("endpoints", ()), given.get("endpoint") or "")
    return min(max(len({host(url) for url in urls if url}), 1), 2)


class ChainAccess(ConfigSection):
    """A chain, the endpoints to it, and the price of gas that may be paid.

    Attributes
    ----------
    endpoint, endpoints
        One, or several in the order of preference.
    agreement
        The number of endpoints that must name the same hash for the finalised block; those of one host count
        once. Two where there are two hosts or more, else one: what one endpoint alone says is believed only
        where no other was given.
    timeout
        Seconds for one request.
    tip_ceiling_gwei
        The highest tip that is ever signed: unlike a fee cap, a tip is paid whole.
    ceiling_gwei
        The highest fee cap that is ever signed.
    transaction_cap
        The most that the endpoint lets a transaction cost, gas times fee cap, in whole coins (POL, ETH).
    most_gas
        Most gas of one transaction; Polygon takes at most 33,554,432.
    finality_stall
        Seconds between the finalised and the latest block after which nothing is sent.
    """

    endpoint: Annotated[Url | None, Field(repr=False)] = None
    endpoints: Annotated[tuple[Url, ...], Field(strict=False, repr=False)] = ()
    # Below the endpoints, from which its default is computed: pydantic gives it the fields above.
    agreement: Annotated[int, Field(ge=1, default_factory=_default_agreement)]
    timeout: Annotated[float, Field(gt=0, le=LONGEST)] = 30.0
    chain_id: Annotated[int, Field(gt=0, lt=1 << 63)]
    tip_gwei: Annotated[int, Field(ge=0, le=1000)] = 30
    tip_ceiling_gwei: Annotated[int, Field(gt=0, le=MOST_COINS)] = TIP_CEILING // GWEI
    ceiling_gwei: Annotated[int, Field(gt=0, le=MOST_COINS)] = 10_000
    transaction_cap: Annotated[float, Field(gt=0, le=MOST_COINS)] | None = None
    most_gas: Annotated[int, Field(gt=21_000, le=33_554_432)] = 30_000_000
    finality_stall: Annotated[int, Field(gt=0, le=LONGEST)] = 600

    @model_validator(mode="after")
    def _some_endpoints(self) -> Self:
        if bool(self.endpoint) == bool(self.endpoints):
            raise ValueError("expected either endpoint or endpoints")
        if len({url.rstrip("/") for url in self.urls}) < len(self.urls):
            raise ValueError("expected each endpoint once")
        hosts = len({host(url) for url in self.urls})
        if self.agreement > hosts:
            raise ValueError(f"expected agreement of at most {hosts}, as many as endpoints have hosts")
        return self

    @model_validator(mode="after")
    def _tips_in_order(self) -> Self:
        if self.tip_gwei > self.tip_ceiling_gwei:
            raise ValueError(f"expected tip_ceiling_gwei of at least {self.tip_gwei}, as tip_gwei is")
        return self

    @property
    def urls(self) -> tuple[str, ...]:
        """All endpoints."""
        return self.endpoints or ((self.endpoint,) if self.endpoint else ())

    @property
    def fees(self) -> FeePolicy:
        """The fees to bid, wei per gas."""
        cap = None if self.transaction_cap is None else int(self.transaction_cap * 10**18)
        return FeePolicy(
            self.tip_gwei * GWEI,
            ceiling=self.ceiling_gwei * GWEI,
            transaction_cap=cap,
            tip_ceiling=self.tip_ceiling_gwei * GWEI,
        )

    def connections(self) -> Endpoints:
        """Return all endpoints, of which as many as the configuration asks for must agree."""
        return Endpoints(self.urls, self.chain_id, self.agreement, self.timeout)


class Chain(ChainAccess):
    """The chain of a tournament, and the file with its deployment."""

    deployment: FilePath


class Folders(ConfigSection):
    """The folders of files; relative to the configuration file.

    Attributes
    ----------
    exchange
        The folder in which a member publishes for everybody: the public part of its bundles, its votes, and
        its shares for other members. `rounds` is for its owner alone then. Without it, other members read
        `rounds`, and the member takes no part in rounds whose submissions are encrypted.
    peers
        What other members publish, as far as it can be read here: votes, shares, and evidence of what their
        reports rest on. For an operator the same, from which it takes the scores of a round that it settles.
    """

    rounds: FilePath | None = None
    published: FilePath
    targets: FilePath | None = None
    inbox: FilePath | None = None
    plans: FilePath | None = None
    exchange: FilePath | None = None
    peers: Annotated[tuple[FilePath, ...], Field(strict=False)] = ()


class Running(ConfigSection):
    """The way in which a daemon runs.

    Attributes
    ----------
    interval
        Seconds between two cycles.
    port
        Port of /metrics, /healthz and /readyz on 127.0.0.1; 0 for none.
    stagger
        Seconds between members' turns in sending what anybody may send.
    roll_wait
        Seconds after the beginning of a settlement for which a member leaves its chunks to the operator while
        another round is to be locked: both in one transaction take less gas; 0 for none.
    prove
        Whether a report that can be proven wrong is proven wrong to the court.
    challenge, largest_bond_nmr
        Whether a report that is not ours is disputed, and for what bond at most.
    most_challenges
        The number of bonds that may hang on undecided challenges at once.
    lost_challenges
        Rounds whose challenge was lost and looked at by a human: any other lost one ends all challenging.
    dispute
        Hashes of accepted reports that a human found wrong: they are disputed whatever they rest on.
    publication_grace
        Seconds after a seal in which published files may still be on their way; a quarter of the time to the
        outcome where that is less.
    outcome_delay
        Hours that are waited after an outcome before a report is made, for targets to be corrected; half of
        the time to the deadline at most, and no longer once a report was accepted.
    recompute
        Whether a fresh process must come to the same report before it is attested.
    subscribers
        Keys, age1..., of those who get the body of a round's consensus document at once.
    least_balance
        Coins (POL, ETH) below which an account is almost empty.
    slots_per_chunk
        The most slots of four models that an operator locks at once; fewer where the chain takes no more.
    largest_submission_mib
        The largest file that an operator takes from its inbox; a universe of few ids takes less.
    """

    interval: Annotated[float, Field(gt=0, le=LONGEST)] = 15.0
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    stagger: Annotated[int, Field(ge=0, le=LONGEST)] = 20
    roll_wait: Annotated[int, Field(ge=0, le=LONGEST)] = 300
    prove: bool = True
    challenge: bool = False
    largest_bond_nmr: Annotated[int, Field(ge=0, le=11_000_000)] = 0
    most_challenges: Annotated[int, Field(ge=0)] = 3
    lost_challenges: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(strict=False)] = ()
    dispute: Annotated[
        tuple[Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{64}$")], ...], Field(strict=False)
    ] = ()
    publication_grace: Annotated[int, Field(ge=0, le=LONGEST)] = 3600
    outcome_delay: Annotated[float, Field(ge=0, le=720)] = 0.0
    recompute: bool = True
    subscribers: Annotated[
        tuple[Annotated[str, Field(pattern=r"^age1[0-9a-z]{58}$")], ...], Field(strict=False)
    ] = ()
    least_balance: Annotated[float, Field(ge=0, le=MOST_COINS)] = 0.0
    slots_per_chunk: Annotated[int, Field(ge=2, le=512, multiple_of=2)] = 256
    largest_submission_mib: Annotated[int, Field(gt=0, le=1 << 20)] = 64


class Sanity(ConfigSection):
    """The bounds outside of which a human looks before a vote; see `scorer.oracle.sanity.SanityLimits`."""

    uncovered_ppm: Annotated[int, Field(ge=0, le=1_000_000)] = 200_000
    change_ppm: Annotated[int, Field(ge=0)] = 100_000
    models_ppm: Annotated[int, Field(ge=0)] = 500_000
    accepted: Annotated[tuple[str, ...], Field(strict=False)] = ()


class TournamentAt(ConfigSection):
    """A tournament that a daemon serves, beside others, with the same key, journal and endpoints.

    Attributes
    ----------
    deployment
        The path of its deployment.json.
    name
        Its name in logs and metrics; None: its address.
    plans
        The folder in which its rounds are prepared.
    lost_challenges
        As in `Running`, for its own rounds.
    """

    deployment: FilePath
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")] | None = None
    plans: FilePath | None = None
    lost_challenges: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(strict=False)] = ()


class BridgeLimits(ConfigSection):
    """Times after which a human looks at a bridge, seconds; see `scorer.bridge.relayer.RelayLimits`."""

    slow: Annotated[int, Field(gt=0)] = 6 * 3600
    checkpoint_age: Annotated[int, Field(gt=0)] = 2 * 3600
    under_way: Annotated[int, Field(gt=0)] = 24 * 3600


class BridgeWatched(ConfigSection):
    """A bridge that a daemon watches and does not carry messages of.

    Attributes
    ----------
    file
        The path of its bridge.json.
    root
        The chain of the token, Ethereum; the other one is the tournament's.
    every
        Seconds between two looks: they read more than a cycle does.
    """

    file: FilePath
    root: ChainAccess
    every: Annotated[float, Field(ge=0, le=LONGEST)] = 300.0
    limits: BridgeLimits = BridgeLimits()
