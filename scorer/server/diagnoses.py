"""Diagnostics as jobs: taken at once, made by a worker, and kept."""

import json
import uuid
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from scorer.errors import CupelError
from scorer.isolation import SHARED_READER
from scorer.server.accounts import Account, Clock, NamedModel
from scorer.server.data_sets import DataSets
from scorer.server.database import Database
from scorer.server.errors import ApiError
from scorer.server.formats import time_text
from scorer.server.tables import DIAGNOSIS
from scorer.server.uploads import DIAGNOSTICS_PURPOSE, Uploads
from scorer.server.validation import FILE, ValidationSet
from scorer.submission.reader import SubmissionReader
from scorer.submission.validity import Universe

PENDING, DONE, BROKEN = "pending", "done", "failed"
LEASE: Final = 1_800
"""Seconds for which a worker has a job alone; a job whose worker died is begun again then."""
MOST_SHOWN: Final = 20
MOST_UPLOAD: Final = 128 * 2**20


@dataclass(frozen=True)
class Diagnoses:
    """The diagnostics of all models."""

    database: Database
    clock: Clock
    uploads: Uploads
    data: DataSets

    def grant(self, account: Account, filename: str, model: NamedModel) -> dict[str, str]:
        """Return where validation predictions are to be sent.

        Raises
        ------
        ApiError
            When the data set has no validation eras.
        """
        self._folder()
        return self.uploads.grant(account, filename, model, DIAGNOSTICS_PURPOSE, MOST_UPLOAD)

    def _folder(self) -> Any:
        versions = self.data.versions()
        if not versions:
            raise ApiError("diagnostics: expected a data set on this server, found none")
        return self.data.path(f"{versions[-1]}/{FILE}").parent

    def create(self, account: Account, filename: str, model: NamedModel) -> str:
        """Take an upload for diagnosis; the id of the job."""
        ticket = self.uploads.take(account, filename, model, DIAGNOSTICS_PURPOSE)
        job, now = str(uuid.uuid4()), self.clock()
        row = {"id": job, "model": model.id, "digest": self.uploads.blobs.keep(ticket.file), "state": PENDING}
        with self.database.writing() as connection:
            statement = sa.insert(DIAGNOSIS).values(**row, created_at=now, updated_at=now, due_at=now)
            connection.execute(statement)
        return job

    def step(self) -> int:
        """Make the diagnostics that wait; how many were made."""
        due = sa.select(DIAGNOSIS.c.id).where(DIAGNOSIS.c.due_at <= self.clock())
        with self.database.reading() as connection:
            jobs = list(connection.scalars(due.order_by(DIAGNOSIS.c.created_at)))
        return sum(self._make(job) for job in jobs)

    def _make(self, job: str) -> bool:
        now = self.clock()
        leased = sa.update(DIAGNOSIS).where(DIAGNOSIS.c.id == job, DIAGNOSIS.c.due_at <= now)
        with self.database.writing() as connection:
            if connection.execute(leased.values(due_at=now + LEASE)).rowcount != 1:
                return False
            digest = connection.scalars(sa.select(DIAGNOSIS.c.digest).where(DIAGNOSIS.c.id == job)).one()
        try:
            result, state, message = json.dumps(self._diagnose(digest)), DONE, None
        except CupelError as error:
            result, state, message = None, BROKEN, str(error)
        values = {"state": state, "message": message, "result": result, "updated_at": self.clock()}
        with self.database.writing() as connection:
            finished = sa.update(DIAGNOSIS).where(DIAGNOSIS.c.id == job)
            connection.execute(finished.values(**values, due_at=None))
        return True

    def _diagnose(self, digest: str) -> dict[str, Any]:
        """Read a stranger's file in a child process, and score it."""
        known = ValidationSet.read(self._folder())
        reader = SubmissionReader(SHARED_READER, "classic", Universe(known.ids, {}))
        values = reader.read(self.uploads.blobs.read(digest), "predictions").values
        return known.diagnose(values)

    def documents(self, model: int, job: str | None) -> list[dict[str, Any]]:
        """Return the diagnostics of a model, newest first; one where a job is named."""
        query = sa.select(DIAGNOSIS).where(DIAGNOSIS.c.model == model)
        if job is not None:
            query = query.where(DIAGNOSIS.c.id == job)
        newest = query.order_by(DIAGNOSIS.c.created_at.desc(), DIAGNOSIS.c.id).limit(MOST_SHOWN)
        with self.database.reading() as connection:
            rows = connection.execute(newest).all()
        return [
            {
                **(json.loads(row.result) if row.result else {}),
                "status": row.state,
                "message": row.message,
                "updatedAt": time_text(row.updated_at),
                "trainedOnVal": False,
            }
            for row in rows
        ]
