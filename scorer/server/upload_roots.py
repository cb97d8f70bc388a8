"""Roots of uploads and submissions."""

from typing import Any, Final

from scorer.protocol.documents import to_hex
from scorer.server.accounts import Account, NamedModel
from scorer.server.api_keys import READ_SUBMISSIONS, UPLOAD
from scorer.server.errors import ApiError
from scorer.server.formats import time_text
from scorer.server.round_roots import Document
from scorer.server.services import RequestContext
from scorer.server.uploads import DOWNLOAD_SECONDS
from scorer.server.wanted import Wanted


def submission_upload_auth(
    context: RequestContext,
    filename: str,
    tournament: int,
    model_id: str | None = None,
    *,
    here: bool = False,
) -> Document:
    """Answer ``submission_upload_auth`` and ``submissionUploadSignalsAuth``.

    Parameters
    ----------
    here
        Whether the file has to be sent to this server, see `scorer.server.uploads.Uploads.grant`.
    """
    services = context.services
    with services.database.one_moment():
        own, model = _own_model(context, model_id, tournament)
        purpose, most = services.submissions.window.upload_kind(model, encrypts=context.encrypts)
    return services.uploads.grant(own, filename, model, purpose, most, here=here)


def _own_model(
    context: RequestContext, model_id: str | None, tournament: int | None
) -> tuple[Account, NamedModel]:
    """Return who asks, and which of their models is meant."""
    own = context.account(UPLOAD)
    context.services.require_number(tournament)
    return own, context.services.accounts.model_of(own, model_id)


def sign_upload(
    context: RequestContext, filename: str, round_number: int, content_hash: str, signature: str
) -> bool:
    """Answer ``signUpload``."""
    own = context.account(UPLOAD)
    context.services.uploads.sign(own, filename, round_number, content_hash, signature)
    return True


def unsigned_submission(context: RequestContext, filename: str, model_id: str | None = None) -> Document:
    """Return what a model's submitter signs of a file in the clear that was sent; the page asks for it."""
    services, own = context.services, context.account(UPLOAD)
    found = services.submissions.unsigned(own, services.accounts.model_of(own, model_id), filename)
    hashes = {"contentHash": to_hex(found.content_hash), "sha256": found.sha256}
    return {"round": found.round_id, "model": found.model_id, **hashes}


def upload_status(context: RequestContext, filename: str) -> Document:
    """Answer ``uploadStatus``."""
    services, own = context.services, context.account(UPLOAD)
    services.uploads.fetch(own, filename, services.submissions.window.kept_form)
    size, digest = services.uploads.sent(own, filename)
    return {"size": size, "sha256": digest, "problem": lambda: services.submissions.problem(filename)}


def create_submission(
    context: RequestContext,
    filename: str,
    tournament: int | None = None,
    model_id: str | None = None,
    trigger_id: str | None = None,
    sha256: str | None = None,
    round_number: int | None = None,
    **_unused: Any,
) -> Document:
    """Answer ``create_submission``."""
    services, wanted = context.services, Wanted(sha256, round_number)
    with services.database.one_moment():
        own, model = _own_model(context, model_id, tournament)
    return {"id": services.submissions.create(own, model, filename, trigger_id, wanted)}


def create_signals_submission(context: RequestContext, filename: str, **more: Any) -> Document:
    """Answer ``createSignalsSubmission``."""
    created = create_submission(context, filename, **more)
    row = context.services.submissions.window.row()
    return {**created, "firstEffectiveDate": time_text(row.close_at)}


def submissions(context: RequestContext, model_id: str | None = None) -> list[Document]:
    """Answer ``submissions``."""
    services, own = context.services, context.account(READ_SUBMISSIONS)
    return services.submissions.records.documents(services.accounts.model_of(own, model_id).id)


def submission_download_auth(context: RequestContext, id: str | None = None) -> Document:  # noqa: A002
    """Answer ``submissionDownloadAuth``; without an id, of the newest submission of the only model."""
    services, own = context.services, context.account(READ_SUBMISSIONS)
    models = [model.id for model in services.accounts.models_of(own)]
    row = services.submissions.records.newest(models, id)
    if row is None:
        raise ApiError("id: expected a submission of one of your models, found none")
    url = services.uploads.urls.make("GET", "submission", row.filename, DOWNLOAD_SECONDS)
    return {"filename": row.filename, "url": url}


ROOTS: Final = {
    "submissionUploadAuth": submission_upload_auth,
    "submissionUploadSignalsAuth": submission_upload_auth,
    "uploadStatus": upload_status,
    "signUpload": sign_upload,
    "createSubmission": create_submission,
    "createSignalsSubmission": create_signals_submission,
    "submissions": submissions,
    "submissionDownloadAuth": submission_download_auth,
}
