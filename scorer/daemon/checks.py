"""Checks everything that a daemon depends on, before it is relied on: a list for a human to read."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final

from eth_typing import ChecksumAddress
from eth_utils.abi import function_abi_to_4byte_selector
from web3 import Web3
from web3.exceptions import Web3Exception

from scorer.chain.bulk import read_view
from scorer.chain.contracts import Suite
from scorer.chain.endpoints import Endpoints, Health, NoAgreement, Pinned
from scorer.daemon.configuration import NodeConfig
from scorer.daemon.deployment_file import read_deployment
from scorer.daemon.sections import TournamentAt
from scorer.daemon.site import check_version
from scorer.encryption.keys import NO_KEY, spell_public
from scorer.errors import CupelError, cause_text
from scorer.isolation import SHARED_READER, IsolationError, IsolationUnavailable
from scorer.isolation.child import look_around
from scorer.protocol.report import REPORT_VERSION, Report
from scorer.transactions.journal import Journal

SKEW: Final = 60
"""Seconds that the head of a chain may be behind, or ahead of, the local clock."""


class CheckFailed(CupelError):
    """A check failed; the message says what was expected and found."""


@dataclass(frozen=True)
class Check:
    """One line of the list."""

    name: str
    ok: bool
    detail: str

    def __str__(self) -> str:
        return f"{'ok  ' if self.ok else 'FAIL'} {self.name}: {self.detail}"


def check_member(config: NodeConfig) -> Iterator[Check]:
    """Check all that a committee member depends on; a later check is left out where an earlier one failed."""
    return _check(config, _of_member)


def check_operator(config: NodeConfig) -> Iterator[Check]:
    """Check all that the operator depends on, as `check_member` does."""
    return _check(config, _of_operator)


def _check(
    config: NodeConfig, own: Callable[[NodeConfig, Suite, ChecksumAddress, int], Iterator[Check]]
) -> Iterator[Check]:
    yield _checked("journal", lambda: _journal(config))
    yield _checked("isolation", _isolation)
    yield from (_checked(f"folder {name}", partial(_folder, path)) for name, path in _folders(config))
    key = _checked("key", lambda: config.key.signer().address)
    yield key
    deployments = [_checked("deployment", partial(_deployment, config, t)) for t in config.all_tournaments]
    yield from deployments
    pinned, health = _pinned(config.endpoints())
    yield from map(_endpoint, health)
    if isinstance(pinned, str):
        yield Check("endpoints", ok=False, detail=pinned)
    elif key.ok and all(deployment.ok for deployment in deployments):
        yield Check("endpoints", ok=True, detail=f"{pinned.agreed} agree on block {pinned.block.number}")
        address = Web3.to_checksum_address(config.key.signer().address)
        for tournament in config.all_tournaments:
            suite = Suite.at(pinned.w3, read_deployment(tournament.deployment))
            found = chain(
                _contracts_checks(suite, pinned.block.number),
                own(config, suite, address, pinned.block.number),
            )
            yield from _named(config, suite, found)
        yield from _balances(config, pinned.w3)


def _checked(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, ok=True, detail=look())
    except (CupelError, Web3Exception, OSError, ValueError) as error:
        return Check(name, ok=False, detail=str(error) or cause_text(error))


def _journal(config: NodeConfig) -> str:
    with Journal.open(config.journal.location) as journal:
        unfinished = journal.unfinished()
    return f"opens, {unfinished} transactions unfinished"


def _isolation() -> str:
    """Check that the kernel keeps a process that reads a stranger's file from all else."""
    try:
        facts = SHARED_READER.run(look_around, b"").facts
    except (IsolationError, IsolationUnavailable) as error:
        raise CheckFailed(f"expected a process to read strangers' files in, found: {error}") from None
    if not facts["filter"]:
        raise CheckFailed("expected a kernel that filters system calls (seccomp), found one that does not")
    return "system calls and files" if facts["files"] else "system calls; no Landlock, so no files"


def _folders(config: NodeConfig) -> Iterator[tuple[str, Path]]:
    for name, path in config.files:
        for folder in path if isinstance(path, tuple) else (path,):
            if folder is not None:
                yield name, folder
    for tournament in config.tournaments:
        if tournament.plans is not None:
            yield f"plans of {tournament.name or tournament.deployment.name}", tournament.plans


def _folder(path: Path) -> str:
    if not path.is_dir():
        raise CheckFailed(
            f"expected a folder at {path.name}, found none; create it, or correct the configuration"
        )
    return "there"


def _named(config: NodeConfig, suite: Suite, found: Iterable[Check]) -> Iterator[Check]:
    """Return checks of one of several tournaments, with its address in their names."""
    several = len(config.all_tournaments) > 1
    prefix = f"{suite.tournament.address} " if several else ""
    return (replace(check, name=f"{prefix}{check.name}") for check in found)


def _deployment(config: NodeConfig, tournament: TournamentAt) -> str:
    addresses = read_deployment(tournament.deployment)
    if addresses.chain_id != config.chain.chain_id:
        raise CheckFailed(
            f"expected chain id {config.chain.chain_id} as configured, found {addresses.chain_id}"
        )
    return f"tournament {addresses.tournament}"


def _pinned(endpoints: Endpoints) -> tuple[Pinned | str, tuple[Health, ...]]:
    try:
        pinned = endpoints.pin()
    except NoAgreement as error:
        return str(error), error.health
    return pinned, pinned.health


def _endpoint(health: Health) -> Check:
    if health.trouble is not None or health.latest is None:
        return Check(f"endpoint {health.host}", ok=False, detail=health.trouble or "no latest block")
    behind = int(time.time()) - health.latest.timestamp
    if abs(behind) > SKEW:
        detail = f"expected a head within {SKEW} s of the local clock, found it {behind} s behind"
        return Check(f"clock against {health.host}", ok=False, detail=detail)
    return Check(f"endpoint {health.host}", ok=True, detail=f"block {health.latest.number}, {behind} s old")


def _contracts_checks(suite: Suite, block: int) -> Iterator[Check]:
    yield _checked("contracts", lambda: _contracts(suite, block))
    yield _checked("contract version", lambda: _version(suite, block))
    yield _checked("events", lambda: _events(suite, block))


def _balances(config: NodeConfig, w3: Web3) -> Iterator[Check]:
    for name, key in (("key", config.key), ("relay", config.relay)):
        if key is not None:
            address = Web3.to_checksum_address(key.signer().address)
            yield _checked(f"gas of {name}", partial(_gas, config, w3, address))


def _of_member(config: NodeConfig, suite: Suite, member: ChecksumAddress, block: int) -> Iterator[Check]:
    yield _checked("report hash", lambda: _report_hash(suite, block))
    yield _checked("committee", lambda: _committee(suite, member, block))
    yield _checked("encryption key", lambda: _encryption_key(config, suite, member, block))
    yield _checked("bond", lambda: _bond(suite, member, block))
    yield _checked("absences", lambda: _absences(suite, member, block))
    yield _checked("absences of others", lambda: _absences_of_others(suite, member, block))
    if config.run.challenge:
        yield _checked("challenge bond", lambda: _challenge_bond(suite, member, block))


def _of_operator(config: NodeConfig, suite: Suite, operator: ChecksumAddress, block: int) -> Iterator[Check]:
    yield _checked("inbox", lambda: _inbox(config))
    for call in ("openRound", "lock", "endLock"):
        yield _checked(f"right to {call}", partial(_right, suite, operator, call, block))


def _contracts(suite: Suite, block: int) -> str:
    for name in ("tournament", "committee", "registry", "token"):
        address = getattr(suite, name).address
        if not suite.w3.eth.get_code(address, block):
            raise CheckFailed(f"expected code of the {name} at {address}, found none")
    return "there"


def _version(suite: Suite, block: int) -> str:
    check_version(suite, block)
    return str(REPORT_VERSION)


def _report_hash(suite: Suite, block: int) -> str:
    """Find out a node that answers for another chain or contract, by what it hashes."""
    # Each number differs, so that fields in another order give another hash.
    report = Report(
        suite.addresses.chain_id,
        str(suite.tournament.address),
        1,
        REPORT_VERSION,
        b"\1" * 32,
        2,
        3,
        b"\4" * 32,
    )
    call = suite.committee.functions.hashReport(suite.tournament.address, report.to_contract())
    found = bytes(read_view(call, block))
    if found != report.hash():
        raise CheckFailed(f"expected 0x{report.hash().hex()} as computed here, found 0x{found.hex()}")
    return "the committee's is ours"


def _events(suite: Suite, block: int) -> str:
    """Check that old logs are there: positions are read from them."""
    first = suite.addresses.block
    # So few blocks that every provider takes the range.
    suite.tournament.events.RoundOpened().get_logs(from_block=first, to_block=min(first + 10, block))
    return f"readable from block {first}"


def _inbox(config: NodeConfig) -> str:
    if config.files.inbox is None:
        raise CheckFailed("expected files.inbox for an operator, found none")
    return "named"


def _right(suite: Suite, operator: ChecksumAddress, call: str, block: int) -> str:
    """Check, with the AccessManager, that the operator may make a call at once."""
    selector = function_abi_to_4byte_selector(suite.tournament.get_function_by_name(call).abi)
    asked = suite.authority.functions.canCall(operator, suite.tournament.address, selector)
    at_once, _ = read_view(asked, block)
    if not at_once:
        raise CheckFailed(
            f"expected {operator} to hold the operator's role, found that it may not call {call}"
        )
    return "held"


def _committee(suite: Suite, member: str, block: int) -> str:
    members = suite.committee_members(block)
    if member not in members:
        raise CheckFailed(f"expected {member} among the {len(members)} members, found it is none")
    return f"{member}, one of {len(members)}"


def _encryption_key(config: NodeConfig, suite: Suite, member: str, block: int) -> str:
    """Check that the newest key of ours is the one to which rounds that open now are encrypted."""
    found = suite.encryption_key(member, block)
    if config.encryption is None:
        if found == NO_KEY:
            return "none; rounds whose submissions are encrypted are left alone"
        raise CheckFailed(f"expected encryption.file with the identity of {spell_public(found)}, found none")
    newest = config.encryption.identities()[0].public
    if found != newest:
        shown = "none" if found == NO_KEY else f"0x{found.hex()}"
        raise CheckFailed(
            f"expected {spell_public(newest)} on the chain, found {shown}; publish it with "
            "cupel oracle encryption-key publish"
        )
    return f"{spell_public(newest)} is on the chain"


def _bond(suite: Suite, member: str, block: int) -> str:
    functions = suite.committee.functions
    needed = read_view(functions.memberBond(), block)
    found = read_view(functions.bondOf(Web3.to_checksum_address(member)), block)
    if found < needed:
        raise CheckFailed(f"expected {needed} wei posted, found {found}; votes do not count until it is")
    return f"{found} wei of {needed}"


def _absences(suite: Suite, member: str, block: int) -> str:
    (found,), limit = suite.absences([member], block), suite.absence_limit(block)
    if found:
        raise CheckFailed(
            f"expected our signature in the last seal, found {found} seals in a row without it; after "
            f"{limit} anybody may remove us"
        )
    return f"0 seals in a row, where {limit} let anybody remove us"


def _absences_of_others(suite: Suite, member: str, block: int) -> str:
    """Name absent members, whom anybody can remove in the end: `cupel oracle remove-absent`."""
    others = [other for other in suite.committee_members(block) if other != member]
    counts = zip(others, suite.absences(others, block), strict=True)
    return ", ".join(f"{other} {count}" for other, count in counts if count) or "none"


def _gas(config: NodeConfig, w3: Web3, address: str) -> str:
    balance = w3.eth.get_balance(Web3.to_checksum_address(address))
    least = max(int(config.run.least_balance * 10**18), 1)
    if balance < least:
        raise CheckFailed(f"expected at least {least} wei at {address}, found {balance}; send it some")
    return f"{balance / 10**18:.4f} coins"


def _challenge_bond(suite: Suite, member: str, block: int) -> str:
    needed = read_view(suite.committee.functions.challengeBond(), block)
    found = read_view(suite.token.functions.balanceOf(Web3.to_checksum_address(member)), block)
    if found < needed:
        raise CheckFailed(f"expected {needed} wei of NMR for a challenge, found {found}")
    return f"{found} wei of {needed}"
