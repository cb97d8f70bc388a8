"""Accounts: who takes part, by wallet or by invitation, and which models are theirs."""

import hashlib
import re
import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import sqlalchemy as sa

from scorer.redaction import shown
from scorer.server.database import Database
from scorer.server.errors import ApiError
from scorer.server.tables import ACCOUNT, INVITATION, MODEL, MODEL_PROFILE

USERNAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,29}")
MODEL_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{1,39}")
NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
MOST_NAMED: Final = 50
"""Models that an error names."""
UNNAMED: Final = re.compile(r"model_([1-9][0-9]{0,14})", re.IGNORECASE)
"""The name of a model that nobody named, by its number; no other model can have it."""
INVITATION_SECONDS: Final = 30 * 86_400
LONGEST_TEXT: Final = 2_000
Clock = Callable[[], int]
"""Returns the time in Unix seconds."""


@dataclass(frozen=True)
class Account:
    """An account; `wallet` is a checksummed address, or None."""

    id: str
    username: str
    wallet: str | None
    created_at: int
    bio: str
    link_url: str
    link_text: str


@dataclass(frozen=True)
class NamedModel:
    """A model with the name that people gave it.

    Attributes
    ----------
    shows_exposures
        Whether its owner shows the exposures of its newest diagnostics to everybody.
    """

    id: int
    name: str
    owner: str
    submitter: str
    bio: str
    link_url: str
    link_text: str
    webhook: str | None
    shows_exposures: bool
    registered_at: int


def hashed(secret: str) -> str:
    """Return the SHA-256 of a secret of 256 bits, in hex, as the database keeps it."""
    return hashlib.sha256(secret.encode()).hexdigest()


_ACCOUNTS: Final = sa.select(
    *(ACCOUNT.c[name] for name in ("id", "username", "wallet", "created_at", "bio", "link_url", "link_text"))
)
_MODELS: Final = sa.select(
    *(MODEL.c.id, MODEL_PROFILE.c.name, MODEL.c.owner, MODEL.c.submitter),
    *(MODEL_PROFILE.c[name] for name in ("bio", "link_url", "link_text", "webhook", "shows_exposures")),
    MODEL.c.registered_at,
).select_from(MODEL.outerjoin(MODEL_PROFILE, MODEL_PROFILE.c.model == MODEL.c.id))
"""Put together once: that takes longer than to run it."""
_BY_ID: Final = _MODELS.where(MODEL.c.id == sa.bindparam("model"))
_BY_IDS: Final = _MODELS.where(MODEL.c.id.in_(sa.bindparam("ids", expanding=True))).order_by(MODEL.c.id)
_THEIRS: Final = _MODELS.where(
    sa.or_(
        MODEL.c.owner == sa.bindparam("wallet"),
        sa.and_(
            MODEL_PROFILE.c.account == sa.bindparam("account"), MODEL.c.owner == sa.bindparam("custodian")
        ),
    )
).order_by(MODEL.c.id)
_ONE_OF_THEIRS: Final = _THEIRS.where(MODEL.c.id == sa.bindparam("model"))
_BY_NAME: Final = _MODELS.where(MODEL_PROFILE.c.name_key == sa.bindparam("name"))


def accounts_of(table: sa.Table, *columns: sa.Column[Any]) -> sa.Select[Any]:
    """Return the query for the accounts that rows of a table name, with some of its columns."""
    return _ACCOUNTS.add_columns(*columns).join(table, table.c.account == ACCOUNT.c.id)


def model_name(model: int, name: str | None) -> str:
    """Return the name of a model, which is its number where it has none."""
    return f"model_{model}" if name is None else name


@dataclass(frozen=True)
class Accounts:
    """The accounts of the server.

    Attributes
    ----------
    custodian
        The operator's address: a model that it owns may be held for an account without a wallet. None where
        the operator holds none.
    is_private
        Whether an account needs an invitation.
    """

    database: Database
    clock: Clock
    custodian: str | None = None
    is_private: bool = False

    def invite(self, note: str = "") -> str:
        """Make an invitation, and return its code, which is kept nowhere."""
        code, now = secrets.token_urlsafe(24), self.clock()
        row = {"code_hash": hashed(code), "note": note[:200], "created_at": now}
        with self.database.writing() as connection:
            statement = sa.insert(INVITATION).values(**row, expires_at=now + INVITATION_SECONDS)
            connection.execute(statement)
        return code

    def join(self, username: str, *, wallet: str | None = None, invitation: str | None = None) -> Account:
        """Open an account: with a wallet, or with an invitation, which is used up.

        Raises
        ------
        ApiError
            When the name is taken or no name, the invitation is used or none, or one is needed.
        """
        if not USERNAME.fullmatch(username):
            raise ApiError(
                f"username: expected 3 to 30 letters, digits, _ or -, found {shown(username)}; choose another"
            )
        if invitation is None and (wallet is None or self.is_private):
            raise ApiError(
                "invitation: expected a code, found none; ask the operator of the tournament for one"
            )
        account = {"id": str(uuid.uuid4()), "username": username, "username_key": username.lower()}
        blank = dict.fromkeys(("bio", "link_url", "link_text"), "")
        with self.database.writing() as connection:
            if _exists(connection, ACCOUNT.c.username_key == username.lower()):
                raise ApiError(f"username: expected one that is free, found {username}, which is taken")
            if wallet is not None and _exists(connection, ACCOUNT.c.wallet == wallet):
                raise ApiError(f"wallet: expected one without an account, found {wallet}, which has one")
            values = {**account, **blank, "wallet": wallet, "created_at": self.clock()}
            connection.execute(sa.insert(ACCOUNT).values(**values))
            if invitation is not None:
                self._use(connection, invitation, account["id"])
        return self.by_id(account["id"])

    def _use(self, connection: sa.Connection, code: str, account: str) -> None:
        free = (INVITATION.c.code_hash == hashed(code), INVITATION.c.account.is_(None))
        used = sa.update(INVITATION).where(*free, INVITATION.c.expires_at > self.clock())
        if connection.execute(used.values(account=account)).rowcount != 1:
            raise ApiError(
                "invitation: expected a code that nobody used in its 30 days, found another; ask for one"
            )

    def by_id(self, account: str) -> Account:
        """Return an account that is there."""
        with self.database.reading() as connection:
            row = connection.execute(_ACCOUNTS.where(ACCOUNT.c.id == account)).one()
        return Account(*row)

    def by_name(self, username: str) -> Account | None:
        """Return an account by its name, in whatever letters; None where there is none."""
        return self._one(ACCOUNT.c.username_key == username.lower())

    def by_wallet(self, wallet: str) -> Account | None:
        """Return the account of a wallet; None where there is none."""
        return self._one(ACCOUNT.c.wallet == wallet)

    def by_wallets(self, wallets: Sequence[str]) -> dict[str, str]:
        """Return the names of the accounts that wallets have, by wallet."""
        query = sa.select(ACCOUNT.c.wallet, ACCOUNT.c.username).where(ACCOUNT.c.wallet.in_(wallets))
        with self.database.reading() as connection:
            return {row.wallet: row.username for row in connection.execute(query)}

    def _one(self, condition: sa.ColumnElement[bool]) -> Account | None:
        with self.database.reading() as connection:
            row = connection.execute(_ACCOUNTS.where(condition)).one_or_none()
        return None if row is None else Account(*row)

    def joined(
        self, query: sa.Select[Any], parameters: Mapping[str, Any]
    ) -> tuple[Account, tuple[Any, ...]] | None:
        """Return the account that a query of `accounts_of` finds, and its own columns; None for no row."""
        with self.database.reading() as connection:
            row = connection.execute(query, parameters).one_or_none()
        count = len(fields(Account))
        return None if row is None else (Account(*row[:count]), tuple(row[count:]))

    def link(self, account: Account, wallet: str) -> Account:
        """Give an account its wallet, once.

        Raises
        ------
        ApiError
            When it has another, or the wallet has an account.
        """
        if account.wallet is not None:
            raise ApiError(f"wallet: expected an account without one, found that of {account.wallet}")
        if self.by_wallet(wallet) is not None:
            raise ApiError(
                f"wallet: expected one without an account, found {wallet}, which has one; log in with it"
            )
        with self.database.writing() as connection:
            connection.execute(sa.update(ACCOUNT).where(ACCOUNT.c.id == account.id).values(wallet=wallet))
        return self.by_id(account.id)

    def describe(self, account: Account, **texts: str) -> None:
        """Set the bio or the link of an account."""
        _check_texts(texts)
        with self.database.writing() as connection:
            connection.execute(sa.update(ACCOUNT).where(ACCOUNT.c.id == account.id).values(**texts))

    def models_of(self, account: Account) -> list[NamedModel]:
        """Return the models that an account may submit for: those of its wallet, and those held for it."""
        return self._found(_THEIRS, **self._theirs(account))

    def _theirs(self, account: Account) -> dict[str, str]:
        """Return the parameters of `_THEIRS`; no address is empty."""
        return {
            "account": account.id,
            "wallet": account.wallet or "",
            "custodian": self.custodian or "",
        }

    def model_of(self, account: Account, model: str | None) -> NamedModel:
        """Return one of an account's models by its id; the only one where none is named.

        Raises
        ------
        ApiError
            When it is not theirs, or several could be meant.
        """
        if model and NUMBER.fullmatch(model):
            named = self._found(_ONE_OF_THEIRS, **self._theirs(account), model=int(model))
            if named:
                return named[0]
        models = self.models_of(account)
        if not model and len(models) == 1:
            return models[0]
        names = ", ".join(f"{known.id} ({known.name})" for known in models[:MOST_NAMED]) or "none"
        raise ApiError(f"modelId: expected one of your models, {names}, found {shown(model or None)}")

    def model(self, model: int) -> NamedModel | None:
        """Return any model; None for one that is not registered."""
        return next(iter(self._found(_BY_ID, model=model)), None)

    def model_named(self, name: str) -> NamedModel | None:
        """Return any model by its name, in whatever letters, or by the name of one without a name."""
        unnamed = UNNAMED.fullmatch(name)
        if unnamed:
            model = self.model(int(unnamed[1]))
            return model if model is not None and model.name == model_name(model.id, None) else None
        return next(iter(self._found(_BY_NAME, name=name.lower())), None)

    def models(self, ids: Sequence[int]) -> dict[int, NamedModel]:
        """Return some models by their number."""
        return {model.id: model for model in self._found(_BY_IDS, ids=list(ids))}

    def owned_by(self, wallet: str) -> list[int]:
        """Return the numbers of the models that an address owns."""
        with self.database.reading() as connection:
            return list(connection.scalars(sa.select(MODEL.c.id).where(MODEL.c.owner == wallet)))

    def _found(self, query: sa.Select[Any], **parameters: Any) -> list[NamedModel]:
        with self.database.reading() as connection:
            rows = connection.execute(query, parameters).all()
        return [_model(row) for row in rows]

    def edit_model(self, model: int, **values: Any) -> None:
        """Set the name, the texts, the webhook, the account or the openness of a model.

        Raises
        ------
        ApiError
            When a text is too long, or the name is taken or no name.
        """
        _check_texts({name: value for name, value in values.items() if isinstance(value, str)})
        name = values.get("name")
        if name is not None:
            _check_model_name(name)
            values["name_key"] = name.lower()
        with self.database.writing() as connection:
            if name is not None:
                others = sa.and_(MODEL_PROFILE.c.name_key == name.lower(), MODEL_PROFILE.c.model != model)
                if _exists(connection, others):
                    raise ApiError(f"name: expected one that is free, found {name}, which is taken")
            if not _exists(connection, MODEL_PROFILE.c.model == model):
                default = model_name(model, None)
                blank = dict.fromkeys(("bio", "link_url", "link_text"), "")
                row = {"model": model, "name": default, "name_key": default, **blank}
                connection.execute(sa.insert(MODEL_PROFILE).values(**row))
            edited = sa.update(MODEL_PROFILE).where(MODEL_PROFILE.c.model == model)
            connection.execute(edited.values(**values))


def _model(row: Any) -> NamedModel:
    number, name, owner, submitter, bio, link_url, link_text, webhook, shows_exposures, at = row
    texts = (bio or "", link_url or "", link_text or "")
    named = (number, model_name(number, name), owner, submitter)
    return NamedModel(*named, *texts, webhook, bool(shows_exposures), at)


def _exists(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> bool:
    return bool(connection.scalar(sa.select(sa.exists().where(condition))))


def _check_texts(texts: dict[str, str]) -> None:
    for name, text in texts.items():
        if len(text) > LONGEST_TEXT:
            raise ApiError(f"{name}: expected at most {LONGEST_TEXT} characters, found {len(text)}")


def _check_model_name(name: str) -> None:
    if not MODEL_NAME.fullmatch(name) or UNNAMED.fullmatch(name):
        raise ApiError(
            f"name: expected 2 to 40 letters, digits, _ or -, a letter first, and not model_NUMBER, found "
            f"{shown(name)}; choose another"
        )
