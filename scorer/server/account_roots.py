"""Roots of accounts, keys and logins, and of the pages of models."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit

import sqlalchemy as sa
from web3 import Web3
from web3.exceptions import Web3Exception

from scorer.chain.bulk import read_view
from scorer.chain.errors import EndpointError
from scorer.redaction import shown
from scorer.server.accounts import Account, NamedModel
from scorer.server.api_keys import (
    EDIT,
    MANAGE_KEYS,
    OWNER_SCOPES,
    READ_ACCOUNT,
    READ_SUBMISSIONS,
    SCOPES,
    Caller,
    NewKey,
)
from scorer.server.errors import ApiError
from scorer.server.formats import nmr_or_none, time_text
from scorer.server.round_roots import Document
from scorer.server.services import RequestContext, Services
from scorer.units import WEI_PER_NANO

FIRST_KEY: Final = "first"


def account(context: RequestContext) -> Document:
    """Answer ``account``."""
    services, caller = context.services, context.caller()
    own = caller.require(READ_ACCOUNT)
    models = cache(lambda: services.accounts.models_of(own))
    submissions = cache(lambda: _submissions(services, caller, models()))
    return {
        "id": own.id,
        "username": own.username,
        "walletAddress": own.wallet,
        "availableNmr": lambda: _available(services, own),
        "email": None,
        "mfaEnabled": False,
        "status": "VERIFIED",
        "insertedAt": time_text(own.created_at),
        "models": lambda: [_model(services, model, submissions) for model in models()],
        "apiTokens": lambda: services.keys.keys_of(own),
        "walletTxns": lambda: _movements(services, own),
    }


def _available(services: Services, own: Account) -> str | None:
    """Return the tokens in the account's wallet; None without one, or while the chain does not answer."""
    if own.wallet is None:
        return None
    call = services.suite.token.functions.balanceOf(Web3.to_checksum_address(own.wallet))
    try:
        return nmr_or_none(int(read_view(call)) // WEI_PER_NANO)
    except (EndpointError, Web3Exception):
        return None


def _movements(services: Services, own: Account) -> list[Document]:
    rows = services.queries.movements_of(own.wallet) if own.wallet is not None else ()
    return [_movement(services, row) for row in rows]


def _movement(services: Services, row: sa.Row[Any]) -> Document:
    tournament = services.suite.addresses.tournament
    is_deposit = row.kind == "deposit"
    return {
        "amount": nmr_or_none(row.amount),
        "from": row.account if is_deposit else tournament,
        "to": tournament if is_deposit else row.account,
        "status": "confirmed",
        "time": time_text(row.at),
        "tournament": services.number,
        "txHash": row.transaction_hash,
        "type": row.kind,
    }


def _submissions(
    services: Services, caller: Caller, models: Sequence[NamedModel]
) -> dict[int, list[Document]]:
    """Return the submissions of models by model, all read at once."""
    caller.require(READ_SUBMISSIONS)
    return services.submissions.records.documents_of([model.id for model in models])


def _model(
    services: Services, model: NamedModel, submissions: Callable[[], dict[int, list[Document]]]
) -> Document:
    return {
        "id": str(model.id),
        "name": model.name,
        "tournament": services.number,
        "v2Stake": None,
        "submissions": lambda: submissions()[model.id],
    }


def model(context: RequestContext, model_id: str | None = None) -> Document:
    """Answer ``model``."""
    services, caller = context.services, context.caller()
    own = caller.require(READ_SUBMISSIONS)
    named = services.accounts.model_of(own, model_id)
    return _model(services, named, lambda: _submissions(services, caller, [named]))


def account_profile(context: RequestContext, username: str, tournament: int | None = None) -> Document:
    """Answer ``accountProfile``, by the name of an account or by a wallet's address."""
    services = context.services
    services.require_number(tournament)
    known = services.accounts.by_name(username)
    if known is not None:
        models = services.accounts.models_of(known)
    else:
        owned = services.accounts.owned_by(username) if Web3.is_checksum_address(username) else []
        models = list(services.accounts.models(owned).values())
    if known is None and not models:
        raise ApiError(
            f"username: expected the name of an account, found {shown(username)}, which nobody has"
        )
    return {"models": [{"id": str(model.id), "displayName": model.name} for model in models]}


def set_user_bio(context: RequestContext, value: str, model_id: str | None = None) -> bool:
    """Answer ``setUserBio``."""
    _describe(context, model_id, bio=value)
    return True


def set_user_link(
    context: RequestContext, link_url: str, link_text: str | None = None, model_id: str | None = None
) -> bool:
    """Answer ``setUserLink``."""
    context.account(EDIT)
    if link_url and (urlsplit(link_url).scheme not in ("http", "https") or not urlsplit(link_url).netloc):
        raise ApiError("linkUrl: expected a URL of http or https, found another text")
    _describe(context, model_id, link_url=link_url, link_text=link_text or link_url)
    return True


def _describe(context: RequestContext, model_id: str | None, **texts: str) -> None:
    accounts, own = context.services.accounts, context.account(EDIT)
    if model_id:
        accounts.edit_model(accounts.model_of(own, model_id).id, **texts)
    else:
        accounts.describe(own, **texts)


def set_model_name(context: RequestContext, model_id: str, name: str) -> bool:
    """Answer ``setModelName``."""
    accounts = context.services.accounts
    accounts.edit_model(accounts.model_of(context.account(EDIT), model_id).id, name=name)
    return True


def login_message(context: RequestContext, address: str) -> str:
    """Answer ``loginMessage``."""
    return context.services.login.message(address)


def login(
    context: RequestContext,
    message: str,
    signature: str,
    username: str | None = None,
    invitation: str | None = None,
) -> Document:
    """Answer ``login``."""
    services = context.services
    wallet = services.login.wallet(message, signature)
    own = services.accounts.by_wallet(wallet)
    if own is None:
        if username is None:
            raise ApiError(f"username: expected a name for the new account of {wallet}, found none")
        own = services.accounts.join(username, wallet=wallet, invitation=invitation)
    token, ends = services.keys.log_in(own)
    return {"token": token, "expiresAt": time_text(ends), "username": own.username}


def logout(context: RequestContext) -> bool:
    """Answer ``logout``."""
    context.caller()
    context.services.keys.log_out(context.authorization)
    return True


def accept_invitation(context: RequestContext, code: str, username: str) -> Document:
    """Answer ``acceptInvitation``."""
    own = context.services.accounts.join(username, invitation=code)
    return _shown_once(context.services.keys.create(own, FIRST_KEY, OWNER_SCOPES))


def create_api_token(context: RequestContext, name: str, scopes: Sequence[str] | None = None) -> Document:
    """Answer ``createApiToken``."""
    own = context.account(MANAGE_KEYS)
    if MANAGE_KEYS in (scopes or ()):
        raise ApiError(
            f"scopes: expected some of {', '.join(SCOPES)}, found {MANAGE_KEYS}, which a login has"
        )
    return _shown_once(context.services.keys.create(own, name, SCOPES if scopes is None else scopes))


def _shown_once(key: NewKey) -> Document:
    return {"publicId": key.public_id, "secretKey": key.secret, "scopes": list(key.scopes)}


def revoke_api_token(context: RequestContext, public_id: str) -> bool:
    """Answer ``revokeApiToken``; a key may revoke itself, whatever its scopes."""
    caller = context.caller()
    _, _, value = (context.authorization or "").partition(" ")
    if value.strip().partition("$")[0] != public_id:
        caller.require(MANAGE_KEYS)
    context.services.keys.revoke(caller.account, public_id)
    return True


def link_wallet(context: RequestContext, message: str, signature: str) -> bool:
    """Answer ``linkWallet``."""
    services, own = context.services, context.account(MANAGE_KEYS)
    services.accounts.link(own, services.login.wallet(message, signature))
    return True


ROOTS: Final = {
    "account": account,
    "model": model,
    "accountProfile": account_profile,
    "setUserBio": set_user_bio,
    "setUserLink": set_user_link,
    "setModelName": set_model_name,
    "loginMessage": login_message,
    "login": login,
    "logout": logout,
    "acceptInvitation": accept_invitation,
    "createApiToken": create_api_token,
    "revokeApiToken": revoke_api_token,
    "linkWallet": link_wallet,
}
KEPT: Final = frozenset({"accountProfile"})
"""Roots whose answers may be kept; see `scorer.server.result_roots.KEPT`."""
