"""Computes the costs of models and a node at AWS a month, from list prices, before anything is deployed."""

from dataclasses import dataclass
from typing import Final

from scorer.compute.configuration import ComputeConfig
from scorer.compute.providers.cloud_names import FargateSize

AS_OF: Final = "us-east-1, 2026; other regions are up to a third more"
HOURS: Final = 730
ROUNDS: Final = 22
"""Rounds a month: one on every trading day."""
PROCESSOR: Final = 0.04048
"""USD for a processor of Fargate and an hour."""
GIB: Final = 0.004445
"""USD for a GiB of Fargate's memory and an hour."""
ENDPOINT: Final = 0.01
"""USD for an interface endpoint and an hour."""
ADDRESS: Final = 0.005
"""USD for a public IPv4 address and an hour."""
SECRET: Final = 0.40
"""USD for a secret and a month."""
ENDPOINTS: Final = 3
SECRETS: Final = 3
NODE: Final = FargateSize("0.25", 1_024)
"""The size of a node."""


@dataclass(frozen=True)
class Costs:
    """USD a month.

    Attributes
    ----------
    standing
        Of what is there whether models run or not.
    runs
        Of runs that take a quarter of their time limit.
    most
        Of runs that take all of it.
    """

    standing: float
    runs: float
    most: float

    def words(self) -> str:
        """Return them in a line."""
        return (
            f"it costs about {self.standing:.2f} USD a month standing, and {self.runs:.2f} USD for {ROUNDS} "
            f"rounds of runs that take a quarter of their time limit, {self.most:.2f} USD where they take "
            f"all of it (list prices, {AS_OF})"
        )


def hourly(size: FargateSize) -> float:
    """Return USD for an hour of a size of Fargate."""
    return float(size.processors) * PROCESSOR + size.memory / 1_024 * GIB


def monthly(config: ComputeConfig) -> Costs:
    """Return what the models that run at AWS cost, and the node where it runs there."""
    most = ROUNDS * sum(
        hourly(each.fargate) * each.limits.seconds / 3_600
        for each in config.models
        if each.provider == "aws" and each.fargate is not None
    )
    standing = ENDPOINTS * ENDPOINT * HOURS
    if config.aws is not None and config.aws.node_image is not None:
        standing += (hourly(NODE) + ADDRESS) * HOURS + SECRETS * SECRET
    return Costs(standing, most / 4, most)
