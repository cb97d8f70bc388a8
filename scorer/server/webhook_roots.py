"""Roots of webhooks."""

import secrets
from typing import Final

from scorer.server.api_keys import EDIT, READ_SUBMISSIONS, UPLOAD
from scorer.server.round_roots import Document
from scorer.server.services import RequestContext


def set_submission_webhook(
    context: RequestContext, model_id: str, new_submission_webhook: str | None = None
) -> str:
    """Answer ``setSubmissionWebhook``."""
    services, own = context.services, context.account(EDIT)
    model = services.accounts.model_of(own, model_id)
    if new_submission_webhook is not None:
        services.webhooks.outbound.check(new_submission_webhook)
    named = {"webhook": new_submission_webhook, "webhook_owner": model.owner}
    services.accounts.edit_model(model.id, **named)
    return "true"


def trigger_model_webhook(context: RequestContext, model_id: str) -> str:
    """Answer ``triggerModelWebhook``."""
    services, own = context.services, context.account(UPLOAD)
    models = [model.id for model in services.accounts.models_of(own)]
    return services.webhooks.trigger(services.accounts.model_of(own, model_id).id, models)


def trigger_logs(context: RequestContext, model_id: str) -> list[Document]:
    """Answer ``triggerLogs``."""
    services, own = context.services, context.account(READ_SUBMISSIONS)
    return services.webhooks.log(services.accounts.model_of(own, model_id).id)


def webhook_secret(context: RequestContext, model_id: str) -> str:
    """Answer ``webhookSecret``."""
    services, own = context.services, context.account(EDIT)
    return services.webhooks.secret_of(services.accounts.model_of(own, model_id).id)


def rotate_webhook_secret(context: RequestContext, model_id: str) -> str:
    """Answer ``rotateWebhookSecret``."""
    services, own = context.services, context.account(EDIT)
    model = services.accounts.model_of(own, model_id).id
    services.accounts.edit_model(model, webhook_salt=secrets.token_hex(16))
    return services.webhooks.secret_of(model)


ROOTS: Final = {
    "setSubmissionWebhook": set_submission_webhook,
    "triggerModelWebhook": trigger_model_webhook,
    "triggerLogs": trigger_logs,
    "webhookSecret": webhook_secret,
    "rotateWebhookSecret": rotate_webhook_secret,
}
