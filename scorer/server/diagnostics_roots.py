"""Roots of diagnostics."""

from typing import Final

from scorer.server.api_keys import READ_SUBMISSIONS, UPLOAD
from scorer.server.round_roots import Document
from scorer.server.services import RequestContext


def diagnostics_upload_auth(
    context: RequestContext, filename: str, tournament: int, model_id: str | None = None
) -> Document:
    """Answer ``diagnosticsUploadAuth``."""
    services, own = context.services, context.account(UPLOAD)
    services.require_number(tournament)
    return services.diagnoses.grant(own, filename, services.accounts.model_of(own, model_id))


def create_diagnostics(
    context: RequestContext, filename: str, tournament: int, model_id: str | None = None
) -> Document:
    """Answer ``createDiagnostics``."""
    services, own = context.services, context.account(UPLOAD)
    services.require_number(tournament)
    model = services.accounts.model_of(own, model_id)
    return {"id": services.diagnoses.create(own, filename, model)}


def diagnostics(context: RequestContext, model_id: str, id: str | None = None) -> list[Document]:  # noqa: A002
    """Answer ``diagnostics``."""
    services, own = context.services, context.account(READ_SUBMISSIONS)
    return services.diagnoses.documents(services.accounts.model_of(own, model_id).id, id)


ROOTS: Final = {
    "diagnosticsUploadAuth": diagnostics_upload_auth,
    "createDiagnostics": create_diagnostics,
    "diagnostics": diagnostics,
}
