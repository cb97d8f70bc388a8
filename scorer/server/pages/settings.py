"""Settings of the page that an organiser makes, beside the configuration that every server has."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PageSettings:
    """Settings of the page.

    Attributes
    ----------
    organisers
        Wallets whose accounts may use the console, with their checksums.
    baselines
        Models of the organiser's own, which leaderboards mark.
    about
        A few sentences on the tournament, for its first page; plain text.
    """

    organisers: tuple[str, ...] = ()
    baselines: tuple[int, ...] = ()
    about: str = ""
