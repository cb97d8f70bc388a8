"""Calls of models' webhooks: when a round opens, and when their owner asks; retried, logged and signed."""

import hashlib
import hmac
import json
import uuid
from base64 import b64encode
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from scorer.chain.records import RoundState
from scorer.server.accounts import Clock
from scorer.server.database import Database
from scorer.server.errors import ApiError
from scorer.server.formats import time_text
from scorer.server.outbound import Outbound
from scorer.server.queries import Queries
from scorer.server.read_model import insert
from scorer.server.tables import DELIVERY, MODEL, MODEL_PROFILE

WAITING, DELIVERED, FAILED = "waiting", "delivered", "failed"
PAUSES: Final = (30, 120, 600, 1800, 3600)
"""Seconds before each further try."""
LEASE: Final = 120
"""Seconds for which whoever tries a call has it alone."""
MOST_SHOWN: Final = 100
MOST_AT_ONCE: Final = 200
MOST_OF_ACCOUNT: Final = 16
"""Calls of one account that are made at once."""
THREADS: Final = 8
MOST_TRIGGERS: Final = 60
"""Calls that an account may ask for in an hour."""
HOUR: Final = 3_600


@dataclass(frozen=True)
class Webhooks:
    """The webhooks of all models.

    Attributes
    ----------
    secret
        32 bytes from which each model's secret is derived.
    """

    database: Database
    clock: Clock
    queries: Queries
    outbound: Outbound
    secret: bytes

    def secret_of(self, model: int) -> str:
        """Return a model's secret, as Standard Webhooks writes it."""
        return "whsec_" + b64encode(self._key(model)).decode()

    def _key(self, model: int) -> bytes:
        """Return the key of a model's calls: another one for another owner, and for each new salt."""
        profile = MODEL.outerjoin(MODEL_PROFILE, MODEL_PROFILE.c.model == MODEL.c.id)
        query = sa.select(MODEL.c.owner, MODEL_PROFILE.c.webhook_salt).select_from(profile)
        with self.database.reading() as connection:
            row = connection.execute(query.where(MODEL.c.id == model)).one()
        message = f"webhook {model} {row.owner} {row.webhook_salt or ''}"
        return hmac.new(self.secret, message.encode(), hashlib.sha256).digest()

    def trigger(self, model: int, own: Sequence[int]) -> str:
        """Let a worker call a model's webhook soon; the id of the call.

        Parameters
        ----------
        own
            All models of the account that asks.

        Raises
        ------
        ApiError
            When the model has none, or the account asked too often.
        """
        with self.database.reading() as connection:
            url = connection.scalar(_webhooks().where(MODEL.c.id == model))
        if url is None:
            raise ApiError(
                f"model {model}: expected a webhook, found none; set one with setSubmissionWebhook"
            )
        current, now = self.queries.current_round(), self.clock()
        delivery = str(uuid.uuid4())
        row = {"id": delivery, "model": model, "round": current.id if current else None}
        of_hour = (
            DELIVERY.c.model.in_(own),
            DELIVERY.c.opening.is_(None),
            DELIVERY.c.created_at > now - HOUR,
        )
        with self.database.writing() as connection:
            if (connection.scalar(sa.select(sa.func.count()).where(*of_hour)) or 0) >= MOST_TRIGGERS:
                raise ApiError(
                    f"trigger: expected at most {MOST_TRIGGERS} calls of an account in an hour, found as "
                    "many; wait"
                )
            connection.execute(sa.insert(DELIVERY).values(**row, **self._fresh()))
        return delivery

    def _fresh(self) -> dict[str, Any]:
        now = self.clock()
        return {"created_at": now, "due_at": now, "attempts": 0, "state": WAITING}

    def step(self) -> int:
        """Call the webhooks of a round that opened, and try again what is due; how many were called."""
        self._open()
        with ThreadPoolExecutor(THREADS) as pool:
            return sum(pool.map(self._try, self._due()))

    def _due(self) -> list[str]:
        """Return calls that are due, a few of each account: one whose servers are slow delays itself."""
        account = sa.func.coalesce(MODEL_PROFILE.c.account, MODEL.c.owner)
        place = sa.func.row_number().over(partition_by=account, order_by=(DELIVERY.c.due_at, DELIVERY.c.id))
        models = DELIVERY.join(MODEL, MODEL.c.id == DELIVERY.c.model)
        models = models.outerjoin(MODEL_PROFILE, MODEL_PROFILE.c.model == DELIVERY.c.model)
        due = sa.select(DELIVERY.c.id, place.label("place")).select_from(models)
        found = due.where(DELIVERY.c.due_at <= self.clock()).subquery()
        query = sa.select(found.c.id).where(found.c.place <= MOST_OF_ACCOUNT).order_by(found.c.place)
        with self.database.reading() as connection:
            return list(connection.scalars(query.limit(MOST_AT_ONCE)))

    def _open(self) -> None:
        """Note a call for every model with a webhook, once for each round."""
        row, now = self.queries.current_round(), self.clock()
        if row is None or not (row.open_at <= now < row.close_at and row.state == RoundState.OPEN):
            return
        called = sa.select(DELIVERY.c.model).where(
            DELIVERY.c.round == row.id, DELIVERY.c.opening.is_not(None)
        )
        wanted = _webhooks().with_only_columns(MODEL.c.id).where(MODEL.c.id.not_in(called))
        with self.database.reading() as connection:
            if connection.execute(wanted.limit(1)).first() is None:
                return
        with self.database.writing() as connection:
            calls = [
                {"id": str(uuid.uuid4()), "model": model, "round": row.id, "opening": f"{model}:{row.id}"}
                for model in connection.scalars(wanted)
            ]
            insert(connection, DELIVERY, (call | self._fresh() for call in calls))

    def _try(self, delivery: str) -> bool:
        """Make a call, unless another worker does; whether it was made.

        A try counts before it is made: a call that ends its worker is not made for ever.
        """
        now = self.clock()
        mine = (DELIVERY.c.id == delivery, DELIVERY.c.due_at <= now)
        held = {"due_at": now + LEASE, "attempts": DELIVERY.c.attempts + 1}
        with self.database.writing() as connection:
            if connection.execute(sa.update(DELIVERY).where(*mine).values(**held)).rowcount != 1:
                return False
            row = connection.execute(sa.select(DELIVERY).where(DELIVERY.c.id == delivery)).one()
            url = connection.scalar(_webhooks().where(MODEL.c.id == row.model))
        found = "no webhook any more" if url is None else self._call(url, row)
        self._note(row, found, gone=url is None)
        return True

    def _call(self, url: str, row: sa.Row[Any]) -> str | None:
        document = {"triggerId": row.id, "modelId": str(row.model), "roundNumber": row.round}
        body = json.dumps(document).encode()
        at = str(self.clock())
        signed = hmac.new(self._key(row.model), f"{row.id}.{at}.".encode() + body, hashlib.sha256)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "cupel",
            "webhook-id": row.id,
            "webhook-timestamp": at,
            "webhook-signature": "v1," + b64encode(signed.digest()).decode(),
        }
        return self.outbound.post(url, body, headers)

    def _note(self, row: sa.Row[Any], found: str | None, *, gone: bool) -> None:
        is_last = gone or row.attempts > len(PAUSES)
        due = None if found is None or is_last else self.clock() + PAUSES[row.attempts - 1]
        state = DELIVERED if found is None else FAILED if is_last else WAITING
        changed = sa.update(DELIVERY).where(DELIVERY.c.id == row.id)
        with self.database.writing() as connection:
            connection.execute(changed.values(state=state, result=found, due_at=due))

    def log(self, model: int) -> list[dict[str, Any]]:
        """Return the calls of a model's webhook, newest first."""
        query = sa.select(DELIVERY).where(DELIVERY.c.model == model)
        newest = query.order_by(DELIVERY.c.created_at.desc(), DELIVERY.c.id).limit(MOST_SHOWN)
        with self.database.reading() as connection:
            rows = connection.execute(newest).all()
        return [
            {
                "triggerId": row.id,
                "roundNumber": row.round,
                "createdAt": time_text(row.created_at),
                "attempts": row.attempts,
                "state": row.state,
                "result": row.result,
            }
            for row in rows
        ]


def _webhooks() -> sa.Select[Any]:
    """Return the query for webhooks: those that the models' owners set, and no owner before."""
    profile = MODEL.join(MODEL_PROFILE, MODEL_PROFILE.c.model == MODEL.c.id)
    own = (MODEL_PROFILE.c.webhook.is_not(None), MODEL_PROFILE.c.webhook_owner == MODEL.c.owner)
    return sa.select(MODEL_PROFILE.c.webhook).select_from(profile).where(*own)
