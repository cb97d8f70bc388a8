"""The terms of the round that a gateway signs for, as the chain has them where the user names one."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from web3.exceptions import Web3Exception

from scorer.chain.bulk import read_view
from scorer.chain.contracts import Suite
from scorer.chain.records import Addresses
from scorer.client.stakes import latest_block
from scorer.client.submitting import SubmissionTerms, open_round, round_members
from scorer.encryption import MemberKeys, RoundContext
from scorer.files import write_whole
from scorer.protocol.documents import from_hex, to_hex
from scorer.server.errors import ApiError
from scorer.server.known_servers import ServerIdentity
from scorer.server.published_rounds import PublishedRounds
from scorer.server.served_names import MEMBERS
from scorer.server.upstream import GatewayError, Upstream
from scorer.storage.bundle import NAMES, RULES, UNIVERSE

ROUND: Final = "query { rounds(number: 0) { number rulesHash universeDigest } }"
NAMED: Final = ("signals", "crypto")
"""Kinds of submissions that call ids by other names, which the chain does not commit to."""


@dataclass(frozen=True)
class OwnConfiguration:
    """The configuration of a gateway's user, against which the server is checked.

    Attributes
    ----------
    addresses
        Of the deployment; None: the tournament that the server named at the first start.
    suite
        The contracts, read at the user's own endpoint; None: the server's word for the open round is taken.
    published
        The user's own copy of what the operator publishes; None: the server's files, which must have the
        hashes of the round.
    in_the_clear
        Whether files may be sent unencrypted, where a round's rules say that all are.
    foreign_secrets
        The secrets of API keys for other servers, which are not passed on.
    """

    addresses: Addresses | None = None
    suite: Suite | None = None
    published: Path | None = None
    in_the_clear: bool = False
    foreign_secrets: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class _StatedRound:
    """A round, by what is stated of it.

    Attributes
    ----------
    members
        Returns the keys of its members.
    """

    number: int
    rules_hash: str
    universe_digest: str
    members: Callable[[], MemberKeys]


@dataclass(frozen=True)
class RoundReader:
    """Reads the terms of the open round.

    Attributes
    ----------
    folder
        Where the server's files are kept, by chain, tournament and round, and used if their hashes are right.
    """

    upstream: Upstream
    identity: ServerIdentity
    own: OwnConfiguration
    folder: Path

    def current(self, model: int, signer: str) -> SubmissionTerms:
        """Return the terms of the round that takes submissions now.

        Parameters
        ----------
        model, signer
            For which is to be signed, and by whom.

        Raises
        ------
        scorer.errors.CupelError
            When there is none, the server says other than the chain, the signer may not sign, or nothing can
            be encrypted for the round.
        """
        stated, suite = self._stated(), self.own.suite
        if suite is not None:
            stated = _on_chain(suite, stated.number)
            _require_submitter(suite, model, signer)
        terms = self._terms(stated)
        if terms is None and self.own.published is None:
            self._fetch(stated.number, stated.rules_hash)
            terms = self._terms(stated)
        if terms is None:
            raise GatewayError(
                f"round {stated.number}: expected rules of the hash {stated.rules_hash} and a universe of "
                f"{stated.universe_digest}, found others or none; nothing was signed"
            )
        return terms

    def _terms(self, stated: _StatedRound) -> SubmissionTerms | None:
        """Return the terms with these hashes, as far as files with them are here."""
        rounds, number = self._published(), stated.number
        rules = rounds.rules(number, stated.rules_hash)
        universe = rounds.find_universe(number, stated.universe_digest)
        if rules is None or universe is None or (rules.submissions in NAMED and not universe.names):
            return None
        members = stated.members() if rules.is_encrypted else None
        return SubmissionTerms(RoundContext(*self.identity.place, number), rules, universe, members)

    def _stated(self) -> _StatedRound:
        found = self.upstream.query(ROUND, None)
        try:
            row = found[0]
            number, hashes = int(row["number"]), (str(row["rulesHash"]), str(row["universeDigest"]))
        except (TypeError, KeyError, IndexError, ValueError):
            raise ApiError("round: expected one that takes submissions, found none") from None
        return _StatedRound(number, *hashes, lambda: self._stated_members(number))

    def _stated_members(self, number: int) -> MemberKeys:
        """Return the keys of a round's members as the server says."""
        path = f"rounds/{number}/{MEMBERS}"
        try:
            document = json.loads(self.upstream.get(path))
            keys = tuple(from_hex(key, 32) for key in document["keys"])
            return MemberKeys(keys, int(document["threshold"]))
        except (KeyError, ValueError, TypeError):
            raise GatewayError(f"{path}: expected the keys of the round's members, found none") from None

    def _published(self) -> PublishedRounds:
        root = self.own.published or self.folder / str(self.identity.chain_id)
        return PublishedRounds(root, self.identity.tournament)

    def _fetch(self, number: int, rules_hash: str) -> None:
        """Fetch a round's files from the server; whether they are right is looked at afterwards."""
        rounds = self._published()
        folder = rounds.folder(number)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / NAMES).unlink(missing_ok=True)
        for file in (RULES, UNIVERSE):
            write_whole(folder / file, self.upstream.get(f"rounds/{number}/{file}"))
        rules = rounds.rules(number, rules_hash)
        if rules is not None and rules.submissions in NAMED:
            write_whole(folder / NAMES, self.upstream.get(f"rounds/{number}/{NAMES}"))


def _on_chain(suite: Suite, number: int) -> _StatedRound:
    """Return what the chain commits to of a round that takes submissions now."""
    try:
        record = open_round(suite, number)
    except Web3Exception as error:
        raise GatewayError(
            f"round {number}: expected it on the chain, found no answer ({type(error).__name__})"
        ) from None
    hashes = (to_hex(record.rules_hash), to_hex(record.universe))
    return _StatedRound(number, *hashes, lambda: round_members(suite, record))


def _require_submitter(suite: Suite, model: int, signer: str) -> None:
    block = latest_block(suite)
    try:
        submitter = str(read_view(suite.registry.functions.submitterOf(model), block.number))
    except Web3Exception:
        raise ApiError(f"modelId: expected a model of this tournament, found {model}") from None
    if submitter != signer:
        raise ApiError(
            f"model {model}: expected the key of {submitter}, the submitter of model {model}, found that of "
            f"{signer}; name it with cupel model submitter"
        )
