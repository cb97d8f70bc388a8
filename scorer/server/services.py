"""The parts of a running server, and the context in which a request is answered."""

from dataclasses import dataclass, field, replace
from typing import Final

from scorer.chain.contracts import Suite
from scorer.server.accounts import Account, Accounts, Clock
from scorer.server.api_keys import Caller, KeyRing
from scorer.server.consensus_documents import ConsensusDocuments
from scorer.server.data_sets import DataSets
from scorer.server.database import Database
from scorer.server.diagnoses import Diagnoses
from scorer.server.errors import ApiError
from scorer.server.login import WalletLogin
from scorer.server.meta_models import MetaModelExposures
from scorer.server.pages.settings import PageSettings
from scorer.server.published_rounds import PublishedRounds
from scorer.server.queries import Queries
from scorer.server.seasons import Seasons
from scorer.server.settled_bundles import SettledBundles
from scorer.server.submissions import SubmissionService
from scorer.server.uploads import Uploads
from scorer.server.webhooks import Webhooks

NUMBERS: Final = {"classic": (8, 1), "signals": (11,), "crypto": (12,)}
"""Numbers by which Numerai's clients call a tournament of a kind; 1 is Classic's of old."""


@dataclass(frozen=True)
class Services:
    """The parts of the server of one tournament.

    Attributes
    ----------
    kind
        classic, signals or crypto: which clients it is for.
    name
        The tournament's name.
    url
        The public URL, without a slash at its end.
    bundles
        Folders of members, in which payouts are taken apart.
    """

    kind: str
    name: str
    url: str
    suite: Suite
    database: Database
    clock: Clock
    accounts: Accounts
    keys: KeyRing
    login: WalletLogin
    queries: Queries
    published: PublishedRounds
    uploads: Uploads
    submissions: SubmissionService
    data: DataSets
    webhooks: Webhooks
    diagnoses: Diagnoses
    bundles: SettledBundles
    seasons: Seasons
    meta_models: MetaModelExposures
    consensus: ConsensusDocuments
    page: PageSettings = field(default_factory=PageSettings)

    @property
    def number(self) -> int:
        """The number by which clients call the tournament."""
        return NUMBERS[self.kind][0]

    def require_number(self, tournament: int | None) -> None:
        """Refuse a number of another tournament.

        Raises
        ------
        ApiError
            Names the right one.
        """
        if tournament is not None and tournament not in NUMBERS[self.kind]:
            raise ApiError(
                f"tournament: expected {self.number} ({self.kind}) here, found {tournament}; each tournament "
                "has a URL of its own"
            )


@dataclass(frozen=True)
class RequestContext:
    """A request.

    Attributes
    ----------
    authorization
        The header of that name, or None.
    address
        The client's address.
    encrypts
        Whether the client says that it encrypts what it uploads, where a round asks for that.
    """

    services: Services
    authorization: str | None
    address: str
    encrypts: bool = False

    def of_nobody(self) -> "RequestContext":
        """Return the request as anybody would make it."""
        return replace(self, authorization=None, address="", encrypts=False)

    def caller(self) -> Caller:
        """Return who the request is from.

        Raises
        ------
        scorer.server.errors.Unauthenticated
            When it has no valid key.
        """
        return self.services.keys.caller(self.authorization)

    def account(self, scope: str) -> Account:
        """Return the account of a request whose key has a scope.

        Raises
        ------
        scorer.server.errors.Unauthenticated, scorer.server.errors.Forbidden
            When it has no valid key, or the key has not the scope.
        """
        return self.caller().require(scope)
