"""The stake of each model of the demo, and who pays for it."""

from dataclasses import dataclass

from scorer.rewards.allocation import SHARE_FLAG
from scorer.units import nano_from_nmr


@dataclass(frozen=True)
class FixedAmount:
    """Lock this many NMR in each round, or what is idle when that is less."""

    nmr: int


@dataclass(frozen=True)
class ShareOfIdle:
    """Lock this share of idle stake in each round, in ppm."""

    ppm: int


@dataclass(frozen=True)
class ModelStaking:
    """A model's stake.

    Attributes
    ----------
    owner : str
        An owner may have several models.
    deposit_nmr : int
        Deposited before the first round.
    allocation : FixedAmount or ShareOfIdle
        What to lock in each round.
    """

    owner: str
    deposit_nmr: int
    allocation: FixedAmount | ShareOfIdle

    @property
    def encoded_allocation(self) -> int:
        """The allocation as ``Tournament.setAllocation`` takes it."""
        if isinstance(self.allocation, FixedAmount):
            return nano_from_nmr(self.allocation.nmr)
        return SHARE_FLAG | self.allocation.ppm


def percent(share: int) -> ShareOfIdle:
    """Return an allocation of so many percent of idle stake."""
    return ShareOfIdle(share * 10_000)


# About five rounds are open at a time: a fixed amount of a fifth of the deposit, or 20 to 30 percent of what
# is idle, keeps most of a stake at work.
STAKES = {
    "ridge_all": ModelStaking("alder", 400, percent(20)),
    "ridge_light": ModelStaking("alder", 150, FixedAmount(25)),
    "ridge_heavy": ModelStaking("alder", 150, FixedAmount(25)),
    "ridge_recent": ModelStaking("birch", 300, percent(25)),
    "ridge_year": ModelStaking("birch", 200, percent(25)),
    "ridge_quarter": ModelStaking("birch", 100, percent(10)),
    "ridge_price": ModelStaking("cedar", 120, FixedAmount(20)),
    "ridge_risk": ModelStaking("cedar", 120, FixedAmount(20)),
    "ridge_sectors": ModelStaking("cedar", 180, percent(20)),
    "ridge_neutral": ModelStaking("dogwood", 350, percent(20)),
    "ridge_outer_bins": ModelStaking("dogwood", 180, percent(20)),
    "ridge_products": ModelStaking("elm", 250, percent(25)),
    "ridge_curves": ModelStaking("elm", 200, percent(20)),
    "random_network": ModelStaking("elm", 200, FixedAmount(35)),
    "bucket_table": ModelStaking("elm", 150, FixedAmount(25)),
    "style_rotation": ModelStaking("fir", 150, percent(30)),
    "momentum_12_1": ModelStaking("hazel", 250, percent(25)),
    "momentum_6_1": ModelStaking("hazel", 200, FixedAmount(35)),
    "momentum_in_sector": ModelStaking("hazel", 200, FixedAmount(35)),
    "steady_momentum": ModelStaking("hazel", 150, FixedAmount(20)),
    "sector_rotation": ModelStaking("juniper", 150, FixedAmount(25)),
    "trend": ModelStaking("juniper", 120, percent(15)),
    "high_52_week": ModelStaking("juniper", 120, percent(15)),
    "reversal_week": ModelStaking("larch", 100, FixedAmount(15)),
    "reversal_month": ModelStaking("larch", 160, FixedAmount(25)),
    "low_volatility": ModelStaking("maple", 250, percent(20)),
    "high_volatility": ModelStaking("maple", 100, percent(30)),
    "low_beta": ModelStaking("maple", 120, percent(20)),
    "no_lottery": ModelStaking("maple", 80, percent(20)),
    "anti_momentum": ModelStaking("oak", 300, percent(30)),
    "blend_momentum": ModelStaking("rowan", 200, percent(25)),
    "leader": ModelStaking("rowan", 500, percent(20)),
    "blend_opposites": ModelStaking("rowan", 100, FixedAmount(10)),
    "copycat": ModelStaking("sumac", 350, percent(25)),
    "copycat_late": ModelStaking("sumac", 100, FixedAmount(15)),
    "meta_copycat": ModelStaking("sumac", 200, percent(25)),
    "noise_one": ModelStaking("willow", 100, percent(25)),
    "noise_two": ModelStaking("willow", 60, FixedAmount(10)),
    "noise_three": ModelStaking("willow", 40, FixedAmount(5)),
    "always_half": ModelStaking("yew", 50, FixedAmount(10)),
    "quitter": ModelStaking("yew", 80, percent(25)),
    "broken_file": ModelStaking("yew", 50, percent(20)),
}
