"""Decides whether a member signs a round's consensus document now: a pure function of plain data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ConsensusView:
    """Everything that the decision depends on, as of one finalised block.

    Attributes
    ----------
    is_sealed
        The round is sealed, and its settlement has not begun.
    is_resolved
        Its outcome is known: the document would have expired.
    is_member
        We are in the set that the round was opened with.
    has_signed
        A document of the round that we signed is in one of our folders.
    is_readable
        We hold and can read every submission that counts.
    """

    is_sealed: bool
    is_resolved: bool
    is_member: bool
    has_signed: bool
    is_readable: bool


def signs_now(view: ConsensusView) -> bool:
    """Say whether to sign a document: at most one a round, whatever was computed since.

    A second signature for one round costs the bond, so nothing but the first is ever given.
    """
    return (
        view.is_sealed
        and not view.is_resolved
        and view.is_member
        and not view.has_signed
        and view.is_readable
    )
