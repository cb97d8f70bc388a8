"""What each model of the demo stakes, and who pays for it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FixedAmount:
    """Lock this many NMR in each round, or what is idle when that is less."""

    nmr: int


@dataclass(frozen=True)
class ShareOfIdle:
    """Lock this share of idle stake in each round, in ppm."""

    ppm: int


@dataclass(frozen=True)
class Stake:
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


def percent(share: int) -> ShareOfIdle:
    """Return an allocation of so many percent of idle stake."""
    return ShareOfIdle(share * 10_000)


# About five rounds are open at a time: a fixed amount of a fifth of the deposit, or 20 to 30 percent of what
# is idle, keeps most of a stake at work.
STAKES = {
    "ridge_all": Stake("alder", 400, percent(20)),
    "ridge_light": Stake("alder", 150, FixedAmount(25)),
    "ridge_heavy": Stake("alder", 150, FixedAmount(25)),
    "ridge_recent": Stake("birch", 300, percent(25)),
    "ridge_year": Stake("birch", 200, percent(25)),
    "ridge_quarter": Stake("birch", 100, percent(10)),
    "ridge_price": Stake("cedar", 120, FixedAmount(20)),
    "ridge_risk": Stake("cedar", 120, FixedAmount(20)),
    "ridge_sectors": Stake("cedar", 180, percent(20)),
    "ridge_neutral": Stake("dogwood", 350, percent(20)),
    "ridge_outer_bins": Stake("dogwood", 180, percent(20)),
    "ridge_products": Stake("elm", 250, percent(25)),
    "ridge_curves": Stake("elm", 200, percent(20)),
    "random_network": Stake("elm", 200, FixedAmount(35)),
    "bucket_table": Stake("elm", 150, FixedAmount(25)),
    "style_rotation": Stake("fir", 150, percent(30)),
    "momentum_12_1": Stake("hazel", 250, percent(25)),
    "momentum_6_1": Stake("hazel", 200, FixedAmount(35)),
    "momentum_in_sector": Stake("hazel", 200, FixedAmount(35)),
    "steady_momentum": Stake("hazel", 150, FixedAmount(20)),
    "sector_rotation": Stake("juniper", 150, FixedAmount(25)),
    "trend": Stake("juniper", 120, percent(15)),
    "high_52_week": Stake("juniper", 120, percent(15)),
    "reversal_week": Stake("larch", 100, FixedAmount(15)),
    "reversal_month": Stake("larch", 160, FixedAmount(25)),
    "low_volatility": Stake("maple", 250, percent(20)),
    "high_volatility": Stake("maple", 100, percent(30)),
    "low_beta": Stake("maple", 120, percent(20)),
    "no_lottery": Stake("maple", 80, percent(20)),
    "anti_momentum": Stake("oak", 300, percent(30)),
    "blend_momentum": Stake("rowan", 200, percent(25)),
    "leader": Stake("rowan", 500, percent(20)),
    "blend_opposites": Stake("rowan", 100, FixedAmount(10)),
    "copycat": Stake("sumac", 350, percent(25)),
    "copycat_late": Stake("sumac", 100, FixedAmount(15)),
    "noise_one": Stake("willow", 100, percent(25)),
    "noise_two": Stake("willow", 60, FixedAmount(10)),
    "noise_three": Stake("willow", 40, FixedAmount(5)),
    "always_half": Stake("yew", 50, FixedAmount(10)),
    "quitter": Stake("yew", 80, percent(25)),
    "broken_file": Stake("yew", 50, percent(20)),
}
