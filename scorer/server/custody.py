"""Models that the operator holds for accounts without a wallet, until their wallet claims them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from scorer.chain.bulk import read_views
from scorer.chain.contracts import Suite
from scorer.server.accounts import Account, Accounts, NamedModel
from scorer.server.tables import ACCOUNT, MODEL, MODEL_PROFILE

MOST: Final = 50
"""Models that wait for the operator's offer which are listed at once."""


@dataclass(frozen=True)
class WaitingClaim:
    """A model that the operator holds for an account whose wallet could own it.

    Attributes
    ----------
    is_offered
        Whether that wallet may take it, as the chain says.
    """

    model: int
    username: str
    wallet: str
    is_offered: bool


def held_models(accounts: Accounts, account: Account, models: Sequence[NamedModel]) -> list[NamedModel]:
    """Return those of an account's models that the operator holds for it."""
    custodian = accounts.custodian
    return [model for model in models if model.owner == custodian] if account.wallet != custodian else []


def held_for(accounts: Accounts, model: NamedModel) -> str | None:
    """Return the name of the account for which the operator holds a model; None for any other model."""
    if model.owner != accounts.custodian:
        return None
    joined = ACCOUNT.join(MODEL_PROFILE, MODEL_PROFILE.c.account == ACCOUNT.c.id)
    query = sa.select(ACCOUNT.c.username).select_from(joined).where(MODEL_PROFILE.c.model == model.id)
    with accounts.database.reading() as connection:
        name: str | None = connection.scalar(query)
    return name


def waiting_claims(accounts: Accounts, suite: Suite, block: int) -> list[WaitingClaim]:
    """Return the models that are held for an account with a wallet, oldest first.

    Raises
    ------
    scorer.chain.errors.EndpointError, web3.exceptions.Web3Exception
        When the chain does not answer.
    """
    joined = MODEL.join(MODEL_PROFILE, MODEL_PROFILE.c.model == MODEL.c.id)
    joined = joined.join(ACCOUNT, ACCOUNT.c.id == MODEL_PROFILE.c.account)
    theirs = (MODEL.c.owner == (accounts.custodian or ""), ACCOUNT.c.wallet != accounts.custodian)
    query = sa.select(MODEL.c.id, ACCOUNT.c.username, ACCOUNT.c.wallet).select_from(joined).where(*theirs)
    with accounts.database.reading() as connection:
        rows = connection.execute(query.order_by(MODEL.c.id).limit(MOST)).all()
    approved = suite.registry.functions.getApproved
    offers = read_views(suite.w3, [approved(row.id) for row in rows], block) if rows else []
    return [WaitingClaim(*row, offer == row.wallet) for row, offer in zip(rows, offers, strict=True)]
