"""Keys of programs and logins of people: who a request is from, and what it may do."""

import secrets
from base64 import b32encode
from collections.abc import Sequence
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any, Final

import sqlalchemy as sa

from scorer.redaction import shown
from scorer.server.accounts import Account, Accounts, accounts_of, hashed
from scorer.server.errors import ApiError, Forbidden, Unauthenticated
from scorer.server.tables import API_KEY, SESSION

READ_ACCOUNT: Final = "read_user_info"
READ_SUBMISSIONS: Final = "read_submission_info"
UPLOAD: Final = "upload_submission"
EDIT: Final = "edit_profile"
MANAGE_KEYS: Final = "manage_keys"
SCOPES: Final = (READ_ACCOUNT, READ_SUBMISSIONS, UPLOAD, EDIT)
"""Scopes that a key may have. Only a login manages keys: a key that leaks makes no others."""
OWNER_SCOPES: Final = (*SCOPES, MANAGE_KEYS)
"""Scopes of a login, and of the first key of an account without a wallet, which cannot log in."""
SESSION_SECONDS: Final = 12 * 3600
MOST_KEYS: Final = 50
"""Keys of an account that are not revoked."""

_OF_KEY: Final = accounts_of(API_KEY, API_KEY.c.secret_hash, API_KEY.c.scopes).where(
    API_KEY.c.public_id == sa.bindparam("public_id"), API_KEY.c.revoked_at.is_(None)
)
_OF_SESSION: Final = accounts_of(SESSION).where(
    SESSION.c.token_hash == sa.bindparam("hashed"), SESSION.c.expires_at > sa.bindparam("now")
)


@dataclass(frozen=True)
class Caller:
    """The account that a request is from, and what it may do."""

    account: Account
    scopes: frozenset[str]

    def require(self, scope: str) -> Account:
        """Return the account, where the key has a scope.

        Raises
        ------
        Forbidden
            When it has not.
        """
        if scope not in self.scopes:
            raise Forbidden(
                f"key: expected the scope {scope}, found {', '.join(sorted(self.scopes)) or 'none'}"
            )
        return self.account


@dataclass(frozen=True)
class NewKey:
    """A key as it is shown, once."""

    public_id: str
    secret: str
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class KeyRing:
    """The keys and logins of all accounts."""

    accounts: Accounts

    def create(self, account: Account, name: str, scopes: Sequence[str] = SCOPES) -> NewKey:
        """Make a key; its secret is kept as a hash alone.

        Raises
        ------
        ApiError
            When a scope is unknown, or there are too many keys.
        """
        unknown = sorted(set(scopes) - set(OWNER_SCOPES))
        if unknown or not scopes:
            raise ApiError(f"scopes: expected some of {', '.join(SCOPES)}, found {shown(', '.join(unknown))}")
        if len(self.keys_of(account)) >= MOST_KEYS:
            raise ApiError(f"key: expected at most {MOST_KEYS}, found as many; revoke one first")
        key = NewKey(_token(20), _token(32), tuple(sorted(set(scopes))))
        row = {"public_id": key.public_id, "account": account.id, "name": name[:60] or "key"}
        with self.accounts.database.writing() as connection:
            connection.execute(
                sa.insert(API_KEY).values(
                    **row,
                    secret_hash=hashed(key.secret),
                    scopes=" ".join(key.scopes),
                    created_at=self.accounts.clock(),
                )
            )
        return key

    def keys_of(self, account: Account) -> list[dict[str, Any]]:
        """Return the keys of an account that are not revoked: name, public id and scopes."""
        valid = sa.and_(API_KEY.c.account == account.id, API_KEY.c.revoked_at.is_(None))
        query = sa.select(API_KEY.c.name, API_KEY.c.public_id, API_KEY.c.scopes).where(valid)
        with self.accounts.database.reading() as connection:
            rows = connection.execute(query.order_by(API_KEY.c.created_at, API_KEY.c.public_id)).all()
        return [{"name": row.name, "publicId": row.public_id, "scopes": row.scopes.split()} for row in rows]

    def revoke(self, account: Account, public_id: str) -> None:
        """Make a key of an account worthless, at once and for ever.

        Raises
        ------
        ApiError
            When the account has no such key.
        """
        theirs = (API_KEY.c.account == account.id, API_KEY.c.public_id == public_id)
        revoked = sa.update(API_KEY).where(*theirs, API_KEY.c.revoked_at.is_(None))
        with self.accounts.database.writing() as connection:
            found = connection.execute(revoked.values(revoked_at=self.accounts.clock())).rowcount
        if found != 1:
            raise ApiError("publicId: expected a key of yours that is not revoked, found none")

    def log_in(self, account: Account) -> tuple[str, int]:
        """Begin a login; its token and when it ends, Unix seconds."""
        token, now = secrets.token_urlsafe(32), self.accounts.clock()
        with self.accounts.database.writing() as connection:
            connection.execute(sa.delete(SESSION).where(SESSION.c.expires_at <= now))
            row = {"token_hash": hashed(token), "account": account.id, "expires_at": now + SESSION_SECONDS}
            connection.execute(sa.insert(SESSION).values(**row))
        return token, now + SESSION_SECONDS

    def log_out(self, header: str | None) -> None:
        """End the login of a request's header."""
        _, _, token = (header or "").partition(" ")
        with self.accounts.database.writing() as connection:
            connection.execute(sa.delete(SESSION).where(SESSION.c.token_hash == hashed(token)))

    def caller(self, header: str | None) -> Caller:
        """Return who the header ``Authorization`` names, by ``Token PUBLIC$SECRET`` or a login.

        Raises
        ------
        Unauthenticated
            When it names nobody, a key that was revoked, or a login that ended.
        """
        kind, _, value = (header or "").strip().partition(" ")
        public_id, dollar, secret = value.strip().partition("$")
        if kind.lower() in ("token", "bearer") and dollar:
            return self._of_key(public_id, secret)
        if kind.lower() == "session":
            return self._of_session(value.strip())
        raise Unauthenticated("none" if not header else "another header")

    def _of_key(self, public_id: str, secret: str) -> Caller:
        found = self.accounts.joined(_OF_KEY, {"public_id": public_id})
        kept = found[1][0] if found is not None else hashed("")
        if not compare_digest(kept, hashed(secret)) or found is None:
            raise Unauthenticated("one that this server did not make, or that was revoked")
        return Caller(found[0], frozenset(found[1][1].split()))

    def _of_session(self, token: str) -> Caller:
        found = self.accounts.joined(_OF_SESSION, {"hashed": hashed(token), "now": self.accounts.clock()})
        if found is None:
            raise Unauthenticated("a login that ended")
        return Caller(found[0], frozenset(OWNER_SCOPES))


def _token(size: int) -> str:
    """Return so many random bytes in capital letters and digits."""
    return b32encode(secrets.token_bytes(size)).decode().rstrip("=")
