"""Puts the parts of a server together."""

from dataclasses import dataclass, field
from pathlib import Path

from scorer.chain.contracts import Suite
from scorer.server.accounts import Accounts, Clock
from scorer.server.api_keys import KeyRing
from scorer.server.blobs import BlobFolder
from scorer.server.chain_time import ChainTime
from scorer.server.consensus_documents import ConsensusDocuments
from scorer.server.data_sets import DataSets
from scorer.server.database import Database
from scorer.server.diagnoses import Diagnoses
from scorer.server.envelopes import RoundMembers
from scorer.server.follower import Follower
from scorer.server.interim_results import InterimReader
from scorer.server.login import WalletLogin
from scorer.server.meta_models import MetaModelExposures
from scorer.server.object_store import DRAFTS, DraftBucket, ObjectBlobs, open_store
from scorer.server.outbound import Outbound
from scorer.server.pages.settings import PageSettings
from scorer.server.published_rounds import PublishedRounds
from scorer.server.queries import Queries
from scorer.server.quotas import Quotas
from scorer.server.results import OutcomeReader
from scorer.server.seasons import SEASONS, Seasons
from scorer.server.services import NUMBERS, Services
from scorer.server.settled_bundles import SettledBundles
from scorer.server.signed_urls import SignedUrls
from scorer.server.submission_records import Place, SubmissionRecords
from scorer.server.submission_window import SubmissionWindow
from scorer.server.submissions import ServerSigner, SubmissionService
from scorer.server.uploads import Uploads
from scorer.server.webhooks import Webhooks


@dataclass(frozen=True)
class ServerParts:
    """The parts of a server.

    Attributes
    ----------
    kind, name, url
        See `scorer.server.services.Services`.
    secret
        32 bytes that sign URLs.
    signer
        Signs receipts, and submissions of models that name it.
    custodian
        The operator's address, which owns models that are held for accounts without a wallet.
    files
        The folder of uploads.
    inbox, published
        The operator's folders.
    bundles
        Folders of members, in which scores are looked for.
    calls_private
        Whether webhooks may be on this machine and its network, as on a devnet.
    quotas
        The most that may be uploaded.
    page
        What the organiser decides about the web page.
    objects
        The URL of an object store for uploads, of which `files` has those that are being used.
    """

    kind: str
    name: str
    url: str
    is_private: bool
    secret: bytes
    signer: ServerSigner
    custodian: str | None
    files: Path
    inbox: Path
    published: Path
    bundles: tuple[Path, ...]
    data: DataSets
    calls_private: bool = False
    quotas: Quotas = field(default_factory=Quotas)
    page: PageSettings = field(default_factory=PageSettings)
    objects: str | None = None

    def services(self, suite: Suite, database: Database, clock: Clock) -> Services:
        """Return the services of the tournament."""
        addresses, queries = suite.addresses, Queries(database, clock)
        accounts = Accounts(database, clock, self.custodian, self.is_private)
        published = PublishedRounds(self.published, addresses.tournament)
        blobs, bucket = self._stores()
        urls = SignedUrls(self.url, self.secret, clock)
        uploads = Uploads(database, clock, urls, blobs, bucket, self.quotas)
        number = NUMBERS[self.kind][0]
        place = Place(addresses.chain_id, addresses.tournament, number, self.signer.address)
        records = SubmissionRecords(database, clock, blobs, place)
        window = SubmissionWindow(place, clock, ChainTime(suite), queries, published, RoundMembers(suite))
        submissions = SubmissionService(records, window, uploads, self.signer, self.inbox)
        bundles = SettledBundles(suite, queries, clock, self.bundles)
        return Services(
            self.kind,
            self.name,
            self.url,
            suite,
            database,
            clock,
            accounts,
            KeyRing(accounts),
            WalletLogin(database, clock, self.url, addresses.chain_id, suite.w3),
            queries,
            published,
            uploads,
            submissions,
            self.data,
            Webhooks(database, clock, queries, Outbound(self.calls_private), self.secret),
            Diagnoses(database, clock, uploads, self.data),
            bundles,
            Seasons(database, SEASONS[self.kind]),
            MetaModelExposures(bundles, self.data),
            ConsensusDocuments(suite, self.bundles),
            self.page,
        )

    def _stores(self) -> tuple[BlobFolder, DraftBucket | None]:
        """Return where content is kept, and where clients send drafts past this server."""
        if self.objects is None:
            return BlobFolder(self.files), None
        store = open_store(self.objects)
        return ObjectBlobs(self.files, store), DraftBucket(store.under(DRAFTS))

    def follower(self, suite: Suite, database: Database) -> Follower:
        """Return what brings the read model up to the chain."""
        return Follower(
            suite, database, OutcomeReader(suite, self.bundles), InterimReader(suite, self.bundles)
        )
