"""Compares a manifest with the chain: code, wiring, parameters, roles, balances. Reads, and sends nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final

from pydantic import ValidationError
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import Web3Exception

from scorer.chain.bulk import read_view
from scorer.chain.errors import EndpointError
from scorer.chain.logs import event_logs
from scorer.chain.records import ZERO_ADDRESS
from scorer.deployment.blueprint import (
    ADMIN_ROLE,
    COURT_SIBLINGS,
    ROLE_IDS,
    Grant,
    admin_functions,
    assignments,
    grants,
    label_of,
    terms_of,
    windows_of,
)
from scorer.deployment.code import compiled_code, digest
from scorer.deployment.document import Deployment, from_record
from scorer.deployment.fields import DEPLOYER, NEW, NEW_BARRING, NOBODY
from scorer.deployment.manifest import ManifestError
from scorer.deployment.reader import Reader
from scorer.units import WEI_PER_NANO, span_text, wei_from_nano

ROLE_NAMES: Final = {role: name for name, role in ROLE_IDS.items()}
UNREADABLE: Final = "no answer"
ADMIN_ONLY: Final = 0
LATEST_ROUNDS: Final = 50
"""Rounds of each tournament that are looked at: more than are ever open at once."""


@dataclass(frozen=True)
class ManifestDifference:
    """A difference between the manifest and the chain; `path` names its place in the manifest."""

    path: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.path}: expected {self.expected}, found {self.found}"


@dataclass(frozen=True)
class _Case:
    """A manifest, the deployment file that it records, and a reader of the chain."""

    manifest: Mapping[str, Any]
    document: Deployment
    reader: Reader

    @property
    def addresses(self) -> dict[str, str]:
        return {label: entry["address"] for label, entry in self.manifest["contracts"].items()}

    def bound(self, label: str) -> Contract:
        entry = self.manifest["contracts"][label]
        return self.reader.bound(entry["contract"], entry["address"])

    def ask(self, label: str, function: str, *arguments: Any) -> Any:
        """Call a view; `UNREADABLE` where it fails, as on a contract of other code. A struct is a tuple."""
        try:
            call = self.bound(label).get_function_by_name(function)(*arguments)
            found = read_view(call, self.reader.block)
        except (EndpointError, Web3Exception):
            return UNREADABLE
        return tuple(vars(found).values()) if isinstance(found, SimpleNamespace) else found


def differences(manifest: Mapping[str, Any], w3: Web3) -> list[ManifestDifference]:
    """Find all in which the chain differs from a manifest, at the latest block.

    Raises
    ------
    ManifestError
        When the manifest's own record of the deployment file cannot be read.
    """
    try:
        document = from_record(manifest["deployment"])
    except ValidationError as error:
        raise ManifestError(f"deployment: expected the record of a deployment file, found: {error}") from None
    case = _Case(manifest, document, Reader(w3, w3.eth.block_number))
    code = list(_code(case))
    if any(difference.found == "no code" for difference in code):
        return code  # every other check would only report the same again
    return [*code, *_wiring(case), *_parameters(case), *_roles(case), *_balances(case), *_exits(case)]


def _differing(path: str, expected: Any, found: Any) -> Iterator[ManifestDifference]:
    if expected != found:
        yield ManifestDifference(path, _shown(expected), _shown(found))


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(_shown(item) for item in value)}]"
    return f"{value:f}" if isinstance(value, float) else str(value)


def _code(case: _Case) -> Iterator[ManifestDifference]:
    yield from _differing("chain_id", case.manifest["chain_id"], case.reader.w3.eth.chain_id)
    for label, entry in case.manifest["contracts"].items():
        path = f"contracts.{label}"
        code = case.reader.code(entry["address"])
        if not code:
            yield ManifestDifference(path, f"code of {entry['contract']} at {entry['address']}", "no code")
            continue
        yield from _differing(f"{path}.code_hash", entry["code_hash"], digest(code))
        compiled = compiled_code(entry["contract"])
        # Code from other sources than this package's cannot be compared with ours.
        known = not entry.get("existing") and entry["input_digest"] == compiled.input_digest
        if known and not compiled.made(code):
            yield ManifestDifference(path, f"the code of {entry['contract']} as compiled", "other code")


def _wiring(case: _Case) -> Iterator[ManifestDifference]:
    """Compare the addresses that contracts hold of each other."""
    at = case.addresses
    shared = {"authority": "authority", "token": "numeraire", "burnSink": "burn_sink"}
    if case.document.token.address is None:
        yield from _differing("numeraire.authority", at["authority"], case.ask("numeraire", "authority"))
    for getter, label in shared.items():
        yield from _differing(f"committee.{getter}", at[label], case.ask("committee", getter))
    yield from _court(case)
    yield from _differing("roller.authority", at["authority"], case.ask("roller", "authority"))
    if "demands" in at:
        yield from _differing("demands.token", at["numeraire"], case.ask("demands", "token"))
    for tournament in case.document.tournaments:
        label = label_of(tournament)
        served = case.ask("committee", "isTournament", at[label])
        yield from _differing(f"{label}.served by the committee", True, served)
        expected = {getter: at[name] for getter, name in shared.items()}
        expected |= {"registry": at["registry"], "committee": at["committee"], "demands": _demands(case)}
        expected["burnSink"] = at.get(f"burn_sink.{tournament.name}", at["burn_sink"])
        for getter, address in expected.items():
            yield from _differing(f"{label}.{getter}", address, case.ask(label, getter))


def _demands(case: _Case) -> str:
    """Return where predictions of every tournament's rounds may be demanded."""
    choice = case.document.committee.demands
    return {NEW: case.addresses.get("demands", "a demands"), NOBODY: ZERO_ADDRESS}.get(choice, choice)


def _court(case: _Case) -> Iterator[ManifestDifference]:
    """Compare who may disprove reports, and the parts of a court that was deployed with the rest."""
    choice = case.document.committee.court
    made = case.addresses.get("court", "a court")
    expected = {NEW: made, NEW_BARRING: made, NOBODY: ZERO_ADDRESS}.get(choice, choice)
    yield from _differing("committee.court", expected, case.ask("committee", "court"))
    if choice in (NEW, NEW_BARRING) and "court" in case.addresses:
        found = case.ask("court", "tables")
        tables = found if found == UNREADABLE else Web3.to_hex(found)
        recorded = case.manifest["contracts"]["court"].get("arguments", {}).get("tables")
        yield from _differing("court.tables", recorded, tables)
        yield from _differing("court.meta", case.addresses.get("meta_court"), case.ask("court", "meta"))
        yield from _differing("court.slashes", choice == NEW, case.ask("court", "slashes"))
        # Whoever is in this list may end reports; it stands in no code.
        siblings = [case.addresses[label] for label in COURT_SIBLINGS if label in case.addresses]
        yield from _differing("court.siblings", siblings, case.ask("court", "siblings"))


def _parameters(case: _Case) -> Iterator[ManifestDifference]:
    committee = case.document.committee
    window, dispute, bond, challenge, slash, absence, absences = terms_of(case.document)
    expected: dict[str, Any] = {
        "challengeWindow": window,
        "disputePeriod": dispute,
        "memberBond": bond,
        "challengeBond": challenge,
        "slash": slash,
        "absenceSlash": absence,
        "absenceLimit": absences,
        "quorum": committee.quorum,
        "members": list(committee.members),
    }
    for getter, value in expected.items():
        yield from _differing(f"committee.{getter}", value, case.ask("committee", getter))
    for tournament in case.document.tournaments:
        label = label_of(tournament)
        terms: dict[str, Any] = {
            "cap": tournament.cap,
            "threshold": tournament.threshold,
            "minPosition": tournament.minimum_position,
            "unit": case.document.token.unit,
            "lanePrice": tournament.lane_price,
            "windows": windows_of(case.document),
        }
        for getter, value in terms.items():
            yield from _differing(f"{label}.{getter}", value, case.ask(label, getter))
    if case.document.token.supply is not None:
        supply = int(wei_from_nano(case.document.token.supply))
        yield from _differing("numeraire.initialSupply", supply, case.ask("numeraire", "initialSupply"))


def _roles(case: _Case) -> Iterator[ManifestDifference]:
    authority = case.bound("authority")
    for assigned in (
        *assignments(case.document, case.addresses),
        *admin_functions(case.document, case.addresses),
    ):
        for name, selector in zip(assigned.functions, assigned.selectors, strict=True):
            found = case.reader.role_of(authority, assigned.target, selector)
            path = f"roles.{assigned.label}.{name}"
            yield from _differing(path, assigned.role, ROLE_NAMES.get(found, f"role {found}"))
    # Every governed contract has one entry here, so that none is asked for twice.
    for governed in admin_functions(case.document, case.addresses):
        if case.ask("authority", "isTargetClosed", governed.target):
            yield ManifestDifference(
                f"roles.{governed.label}", "a contract that is open", "closed by the admin"
            )
    yield from _holders(case, authority)
    for role, name in ROLE_NAMES.items():
        if role != ADMIN_ROLE:
            for getter in ("getRoleAdmin", "getRoleGuardian"):
                found = case.ask("authority", getter, role)
                yield from _differing(f"roles.{name}.{getter}", ADMIN_ONLY, found)


def _holders(case: _Case, authority: Contract) -> Iterator[ManifestDifference]:
    """Compare who holds each role: the expected holders, and everybody who was ever granted one."""
    deployer = case.manifest["deployer"]
    admin = case.document.admin
    holder = deployer if admin.holder == DEPLOYER else admin.holder
    expected = {
        (grant.role_id, grant.holder): grant
        for grant in (*grants(case.document, deployer, case.addresses), Grant("admin", holder, admin.delay))
    }
    granted = {
        (event["args"]["roleId"], event["args"]["account"])
        for event in event_logs(
            authority.events.RoleGranted(), {}, case.manifest["block"], int(case.reader.block)
        )
    }
    for role, account in sorted({*expected, *granted}):
        held = case.reader.access(authority, role, account)
        grant = expected.get((role, account))
        wanted = "no role" if grant is None else f"the role with {span_text(grant.delay)} of announcement"
        found = "no role" if held is None else f"the role with {span_text(held.delay)} of announcement"
        yield from _differing(f"roles.{ROLE_NAMES.get(role, role)}.{account}", wanted, found)


def _balances(case: _Case) -> Iterator[ManifestDifference]:
    """Check that each contract's tokens cover its liabilities, and that no more than the cap is minted."""
    for tournament in case.document.tournaments:
        label = label_of(tournament)
        owed = case.ask(label, "liabilities")
        held = case.ask("numeraire", "balanceOf", case.addresses[label])
        if UNREADABLE in (owed, held) or held < owed * WEI_PER_NANO:
            yield ManifestDifference(
                f"{label}.balance", f"at least its liabilities, {owed} nano-NMR", f"{held} wei"
            )
    if case.document.token.address is None:
        minted, cap = case.ask("numeraire", "minted"), case.ask("numeraire", "CAP")
        if UNREADABLE in (minted, cap) or minted > cap:
            yield ManifestDifference("numeraire.minted", f"at most {cap} wei", f"{minted}")


def _exits(case: _Case) -> Iterator[ManifestDifference]:
    """Check that whoever disagrees with the admin can leave before anything that it announced takes effect.

    A change binds rounds that are opened later. Stakes leave by an allocation of zero, or are withdrawn,
    until a round is locked: so the time from a round's opening to the end of its lock must be shorter than
    the admin's delay. The last rounds show what the operator's schedule is.
    """
    delay = case.document.admin.delay
    if delay == 0:
        return  # on a local chain, where nobody stands between the admin and the stakes
    for tournament in case.document.tournaments:
        label = label_of(tournament)
        count = case.ask(label, "roundCount")
        if count == UNREADABLE:
            continue  # the parameters' check reports it
        for number in range(max(int(count) - LATEST_ROUNDS, 0) + 1, int(count) + 1):
            took = _open_to_lock(case, label, number)
            if took is None or took >= delay:
                expected = f"less than admin.delay, {delay} seconds, from its opening to the end of its lock"
                found = UNREADABLE if took is None else f"{took} seconds"
                yield ManifestDifference(f"{label}.round {number}", expected, found)


def _open_to_lock(case: _Case, label: str, number: int) -> int | None:
    """Return the seconds from a round's opening to the end of its lock; None where they cannot be read."""
    try:
        opened = read_view(case.bound(label).functions.round(number), case.reader.block).openAt
    except (EndpointError, Web3Exception):
        return None
    end = case.ask(label, "lockEnd", number)
    return None if end == UNREADABLE else int(end) - int(opened)
