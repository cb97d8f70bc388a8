"""Roots that would take custody of a stake, or run strangers' code: refused, with what does it instead."""

from typing import Any, Final

from scorer.server.api_keys import READ_ACCOUNT, UPLOAD
from scorer.server.errors import ApiError
from scorer.server.services import RequestContext

STAKE: Final = (
    "stake: this server holds no key that can move a stake; change it on your machine with cupel stake "
    "deposit, withdraw and allocate (docs/quickstart-data-scientist.md)"
)
CLAIM: Final = (
    "claim: nothing is to be claimed here: a round's payout is added to the stake when the round settles; "
    "see cupel stake show"
)
AUTHORISATION: Final = (
    "stake: no authorisation is needed here: stake with a transaction of your own wallet, cupel stake "
    "deposit, and every round puts at risk what cupel stake allocate says"
)
PICKLE: Final = (
    "pickle: this server runs no code of yours; run the model yourself and submit with numerapi, started by "
    "a webhook where you like (docs/server.md, webhooks)"
)


def _refused(scope: str, message: str) -> Any:
    def root(context: RequestContext, **_arguments: Any) -> None:
        context.account(scope)
        raise ApiError(message)

    return root


def nothing_hosted(context: RequestContext) -> list[dict[str, str]]:
    """Answer the lists of versions and images for hosted models: there are none."""
    context.account(READ_ACCOUNT)
    return []


ROOTS: Final = {
    "v2ChangeStake": _refused(READ_ACCOUNT, STAKE),
    "releaseStake": _refused(READ_ACCOUNT, STAKE),
    "v3StakeAuth": _refused(READ_ACCOUNT, AUTHORISATION),
    "v3StakeClaim": _refused(READ_ACCOUNT, CLAIM),
    "computePickleUploadAuth": _refused(UPLOAD, PICKLE),
    "createComputePickleUpload": _refused(UPLOAD, PICKLE),
    "computePickleDataVersions": nothing_hosted,
    "computePickleDockerImages": nothing_hosted,
}
