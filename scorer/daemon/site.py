"""The contracts of a tournament, as each endpoint shows them."""

from dataclasses import dataclass, field

from web3 import Web3

from scorer.chain.contracts import Suite
from scorer.chain.endpoints import Pinned
from scorer.chain.records import Addresses
from scorer.errors import CupelError
from scorer.oracle.quorum_check import QuorumCheck
from scorer.protocol.report import REPORT_VERSION


class UnknownVersion(CupelError):
    """The contracts are of a version that this program does not know: it must not act on them."""


@dataclass
class Site:
    """The contracts of one tournament, bound once for each endpoint.

    Attributes
    ----------
    name
        The tournament's name in logs and metrics.
    """

    addresses: Addresses
    name: str
    suites: dict[Web3, Suite] = field(default_factory=dict)
    _is_checked: bool = field(default=False, init=False)

    @property
    def tournament(self) -> str:
        """The tournament's checksummed address."""
        return Web3.to_checksum_address(self.addresses.tournament)

    def at(self, w3: Web3) -> Suite:
        """Return the contracts at an endpoint."""
        # Binding contracts takes longer than most cycles.
        suite = self.suites.get(w3)
        if suite is None:
            suite = self.suites[w3] = Suite.at(w3, self.addresses)
        return suite

    def checked(self, pinned: Pinned) -> Suite:
        """Return the contracts, once they are known to be of our version: they cannot change in place.

        Raises
        ------
        UnknownVersion
            When they are of another.
        """
        suite = self.at(pinned.w3)
        if not self._is_checked:
            check_version(suite, pinned.block.number)
            self._is_checked = True
        return suite

    def quorum_check(self, pinned: Pinned) -> QuorumCheck:
        """Return the endpoints of other hosts; as many must confirm as must agree on a block."""
        return QuorumCheck(tuple(map(self.at, pinned.witnesses)), pinned.agreement - 1)


def check_version(suite: Suite, block: int) -> None:
    """Refuse contracts of a version that this program does not know.

    Raises
    ------
    UnknownVersion
        Names the versions found, and the one that is known.
    """
    tournament, committee = suite.versions(block)
    if (tournament, committee) != (REPORT_VERSION, REPORT_VERSION):
        raise UnknownVersion(
            f"expected tournament and committee of version {REPORT_VERSION}, "
            f"found {tournament} and {committee}; install the release of this program that knows them"
        )
