"""Calls of models' webhooks: when a round opens, and when their owner asks; retried, logged and signed."""

import hashlib
import hmac
import json
import uuid
from base64 import b64encode
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
from scorer.server.tables import DELIVERY, MODEL_PROFILE

WAITING, DELIVERED, FAILED = "waiting", "delivered", "failed"
PAUSES: Final = (30, 120, 600, 1800, 3600)
"""Seconds before each further try."""
LEASE: Final = 120
"""Seconds for which whoever tries a call has it alone."""
MOST_SHOWN: Final = 100
MOST_AT_ONCE: Final = 200


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
        return hmac.new(self.secret, f"webhook {model}".encode(), hashlib.sha256).digest()

    def trigger(self, model: int) -> str:
        """Call a model's webhook now; the id of the call, which is tried again where it fails.

        Raises
        ------
        ApiError
            When the model has none.
        """
        with self.database.reading() as connection:
            url = connection.scalar(sa.select(MODEL_PROFILE.c.webhook).where(MODEL_PROFILE.c.model == model))
        if url is None:
            raise ApiError(
                f"model {model}: expected a webhook, found none; set one with setSubmissionWebhook"
            )
        current = self.queries.current_round()
        delivery = str(uuid.uuid4())
        row = {"id": delivery, "model": model, "round": current.id if current else None}
        with self.database.writing() as connection:
            connection.execute(sa.insert(DELIVERY).values(**row, **self._fresh()))
        self._try(delivery)
        return delivery

    def _fresh(self) -> dict[str, Any]:
        now = self.clock()
        return {"created_at": now, "due_at": now, "attempts": 0, "state": WAITING}

    def step(self) -> int:
        """Call the webhooks of a round that opened, and try again what is due; how many were called."""
        self._open()
        due = sa.select(DELIVERY.c.id).where(DELIVERY.c.due_at <= self.clock())
        with self.database.reading() as connection:
            found = list(connection.scalars(due.order_by(DELIVERY.c.due_at).limit(MOST_AT_ONCE)))
        return sum(self._try(delivery) for delivery in found)

    def _open(self) -> None:
        """Note a call for every model with a webhook, once for each round."""
        row, now = self.queries.current_round(), self.clock()
        if row is None or not (row.open_at <= now < row.close_at and row.state == RoundState.OPEN):
            return
        with self.database.writing() as connection:
            wanted = sa.select(MODEL_PROFILE.c.model).where(MODEL_PROFILE.c.webhook.is_not(None))
            openings = {f"{model}:{row.id}": model for model in connection.scalars(wanted)}
            known = set(connection.scalars(sa.select(DELIVERY.c.opening).where(DELIVERY.c.round == row.id)))
            for opening in sorted(set(openings) - known):
                call = {
                    "id": str(uuid.uuid4()),
                    "model": openings[opening],
                    "round": row.id,
                    "opening": opening,
                }
                connection.execute(sa.insert(DELIVERY).values(**call, **self._fresh()))

    def _try(self, delivery: str) -> bool:
        """Make a call, unless another worker does; whether it was made."""
        now = self.clock()
        mine = (DELIVERY.c.id == delivery, DELIVERY.c.due_at <= now)
        with self.database.writing() as connection:
            leased = sa.update(DELIVERY).where(*mine).values(due_at=now + LEASE)
            if connection.execute(leased).rowcount != 1:
                return False
            row = connection.execute(sa.select(DELIVERY).where(DELIVERY.c.id == delivery)).one()
            url = connection.scalar(
                sa.select(MODEL_PROFILE.c.webhook).where(MODEL_PROFILE.c.model == row.model)
            )
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
        attempts = row.attempts + 1
        is_last = gone or attempts > len(PAUSES)
        due = None if found is None or is_last else self.clock() + PAUSES[row.attempts]
        state = DELIVERED if found is None else FAILED if is_last else WAITING
        changed = sa.update(DELIVERY).where(DELIVERY.c.id == row.id)
        with self.database.writing() as connection:
            connection.execute(changed.values(attempts=attempts, state=state, result=found, due_at=due))

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
