"""Diagnostics as jobs: taken at once, made by a worker, and kept."""

import json
import uuid
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from scorer.errors import CupelError
from scorer.isolation import SHARED_READER
from scorer.logs import get_logger
from scorer.server.accounts import Account, Clock, NamedModel
from scorer.server.blobs import BlobFolder
from scorer.server.data_sets import VALIDATION_FILE, DataSets
from scorer.server.database import Database
from scorer.server.diagnosis_report import report_page
from scorer.server.errors import ApiError
from scorer.server.formats import time_text
from scorer.server.object_store import StoreUnavailable
from scorer.server.tables import DIAGNOSIS
from scorer.server.upload_forms import DIAGNOSTICS_PURPOSE, UploadForm
from scorer.server.uploads import DOWNLOAD_SECONDS, Uploads
from scorer.submission.reader import SubmissionReader
from scorer.submission.validity import Universe

PENDING, DONE, BROKEN = "pending", "done", "failed"
AGAIN: Final = 60
"""Seconds after which a job is tried again whose file cannot be read for now."""
LEASE: Final = 1_800
"""Seconds for which a worker has a job alone; a job whose worker died is begun again then."""
MOST_SHOWN: Final = 20
MOST_WAITING: Final = 5
"""Diagnostics of a model that wait at once."""
MOST_ATTEMPTS: Final = 3
"""Times that a job is begun: one that ends its worker is not begun for ever."""
REPORT_ROUTE: Final = "diagnosis"
MOST_UPLOAD: Final = 128 * 2**20


@dataclass(frozen=True)
class Diagnoses:
    """The diagnostics of all models."""

    database: Database
    clock: Clock
    uploads: Uploads
    data: DataSets

    @property
    def _files(self) -> BlobFolder:
        """The folder of files to diagnose, apart from those of submissions, which are never removed."""
        return self.uploads.blobs.under("diagnostics")

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
        return self.data.path(f"{versions[-1]}/{VALIDATION_FILE}").parent

    def create(self, account: Account, filename: str, model: NamedModel) -> str:
        """Take an upload for diagnosis; the id of the job.

        Raises
        ------
        ApiError
            When as many of the model as may wait do.
        """
        waiting = (DIAGNOSIS.c.model == model.id, DIAGNOSIS.c.due_at.is_not(None))
        with self.database.reading() as connection:
            if (connection.scalar(sa.select(sa.func.count()).where(*waiting)) or 0) >= MOST_WAITING:
                raise ApiError(
                    f"diagnostics: expected at most {MOST_WAITING} of model {model.id} at once, found as "
                    "many; wait for one to end"
                )
        self.uploads.fetch(account, filename, lambda upload: UploadForm(upload.most))
        ticket = self.uploads.take(account, filename, model, DIAGNOSTICS_PURPOSE)
        job, now = str(uuid.uuid4()), self.clock()
        digest = self.uploads.keep(ticket, self._files)
        row = {"id": job, "model": model.id, "digest": digest, "state": PENDING}
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
        """Make a diagnosis, unless another worker does; whether it was made."""
        now = self.clock()
        leased = sa.update(DIAGNOSIS).where(DIAGNOSIS.c.id == job, DIAGNOSIS.c.due_at <= now)
        held = {"due_at": now + LEASE, "attempts": DIAGNOSIS.c.attempts + 1}
        with self.database.writing() as connection:
            if connection.execute(leased.values(**held)).rowcount != 1:
                return False
            row = connection.execute(sa.select(DIAGNOSIS).where(DIAGNOSIS.c.id == job)).one()
        try:
            result, message = self._outcome(row)
        except StoreUnavailable:
            self._postpone(row)
            return False
        state = DONE if message is None else BROKEN
        values = {"state": state, "message": message, "result": result, "updated_at": self.clock()}
        with self.database.writing() as connection:
            finished = sa.update(DIAGNOSIS).where(DIAGNOSIS.c.id == job)
            connection.execute(finished.values(**values, due_at=None))
        self._forget(row.digest)
        return True

    def _outcome(self, row: sa.Row[Any]) -> tuple[str | None, str | None]:
        """Return the result of a job, or the reason why it has none: every job ends, whatever it meets."""
        if row.attempts > MOST_ATTEMPTS:
            return None, f"the server failed on this file {MOST_ATTEMPTS} times; upload another one"
        try:
            return json.dumps(self._diagnose(row.digest)), None
        except StoreUnavailable:
            raise
        except CupelError as error:
            return None, str(error)
        except Exception:  # noqa: BLE001 - a file that meets a defect must not be met for ever
            get_logger().exception("defect", diagnosis=row.id)
            return None, "the server failed on this file; it was logged, and nothing of yours is at fault"

    def _postpone(self, row: sa.Row[Any]) -> None:
        """Try a job again later, which is not to blame that the store does not answer."""
        later = {"due_at": self.clock() + AGAIN, "attempts": row.attempts - 1}
        with self.database.writing() as connection:
            connection.execute(sa.update(DIAGNOSIS).where(DIAGNOSIS.c.id == row.id).values(**later))

    def _forget(self, digest: str) -> None:
        """Remove a file that was diagnosed, unless another job needs it."""
        waiting = (DIAGNOSIS.c.digest == digest, DIAGNOSIS.c.due_at.is_not(None))
        with self.database.reading() as connection:
            if connection.execute(sa.select(DIAGNOSIS.c.id).where(*waiting).limit(1)).first() is None:
                self._files.remove(digest)

    def _diagnose(self, digest: str) -> dict[str, Any]:
        """Read a stranger's file in a child process, and score it."""
        # The worker alone diagnoses, and pandas and scipy take a third of a server's start.
        from scorer.server.validation import ValidationSet

        known = ValidationSet.read(self._folder())
        reader = SubmissionReader(SHARED_READER, "classic", Universe(known.ids, {}))
        values = reader.read(self._files.read(digest), "predictions").values
        return known.diagnose(values)

    def _report_url(self, row: sa.Row[Any]) -> str:
        return self.uploads.urls.make("GET", REPORT_ROUTE, row.id, DOWNLOAD_SECONDS)

    def report(self, job: str) -> str | None:
        """Return the page of a diagnosis; None for one that is not made."""
        with self.database.reading() as connection:
            made = sa.select(DIAGNOSIS.c.model, DIAGNOSIS.c.result).where(DIAGNOSIS.c.id == job)
            row = connection.execute(made).one_or_none()
        if row is None or row.result is None:
            return None
        return report_page(json.loads(row.result), f"Diagnostics of model {row.model}")

    def newest(self, model: int) -> tuple[int, dict[str, Any]] | None:
        """Return the newest diagnostics of a model that are made, and when they were; None without any."""
        made = sa.select(DIAGNOSIS.c.updated_at, DIAGNOSIS.c.result).where(
            DIAGNOSIS.c.model == model, DIAGNOSIS.c.state == DONE
        )
        newest = made.order_by(DIAGNOSIS.c.created_at.desc(), DIAGNOSIS.c.id).limit(1)
        with self.database.reading() as connection:
            row = connection.execute(newest).one_or_none()
        return None if row is None else (row.updated_at, json.loads(row.result))

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
                "reportUrl": self._report_url(row) if row.state == DONE else None,
            }
            for row in rows
        ]
