# ruff: noqa: E501 - a case a line
"""A manifest is held against the chain, and every difference is named."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scorer.cli import app
from scorer.deployment.blueprint import selector
from scorer.deployment.check import differences
from scorer.deployment.manifest import ManifestError, read_manifest
from scorer.proofs.tree import SHIPPED_ROOT
from tests.chains import Chains
from tests.deployment.files import DEPLOYER, GUARDIAN, MEMBERS, OPERATOR, STRANGER, TEXT
from tests.deployment.site import Site, built_site

ADMIN_INDEX = 4
WITHOUT_DELAY = TEXT.replace('delay = "7 days"', 'delay = "0 seconds"')
"""So that the admin of these tests can change things at once."""


@pytest.fixture
def case(chains: Chains, tmp_path: Path) -> Iterator[tuple[Site, dict[str, Any]]]:
    """A deployment that the next test finds as this one did."""
    with built_site(chains, tmp_path / "site", WITHOUT_DELAY) as site_and_manifest:
        yield site_and_manifest


def lines_of(where: Site, manifest: dict[str, Any]) -> list[str]:
    return [str(each) for each in differences(manifest, where.anvil.w3)]


def test_a_fresh_deployment_agrees_with_its_manifest(case: tuple[Site, dict[str, Any]]) -> None:
    assert lines_of(*case) == []


def _authority(where: Site) -> Any:
    return where.contract("Authority", "authority")


def _cap(where: Site) -> None:
    tournament = where.contract("Tournament", "tournament.daily")
    where.send(ADMIN_INDEX, tournament.functions.setParameters(200_000, 5_000 * 10**9, 10**9))


def _quorum(where: Site) -> None:
    where.send(ADMIN_INDEX, where.contract("OracleCommittee", "committee").functions.setQuorum(4))


def _member(where: Site) -> None:
    committee = where.contract("OracleCommittee", "committee")
    where.send(ADMIN_INDEX, committee.functions.addMember(STRANGER, 4))


def _no_operator(where: Site) -> None:
    where.send(ADMIN_INDEX, _authority(where).functions.revokeRole(1, OPERATOR))


def _second_admin(where: Site) -> None:
    where.send(ADMIN_INDEX, _authority(where).functions.grantRole(0, STRANGER, 0))


def _deployer_back(where: Site) -> None:
    where.send(ADMIN_INDEX, _authority(where).functions.grantRole(1, DEPLOYER, 0))


def _slow_guardian(where: Site) -> None:
    where.send(ADMIN_INDEX, _authority(where).functions.grantRole(2, GUARDIAN, 3600))


def _power_of_another_role(where: Site) -> None:
    target = where.plan.addresses["tournament.classic"]
    call = _authority(where).functions.setTargetFunctionRole(
        target, [selector("Tournament", "setParameters")], 1
    )
    where.send(ADMIN_INDEX, call)


def _closed(where: Site) -> None:
    target = where.plan.addresses["tournament.classic"]
    where.send(ADMIN_INDEX, _authority(where).functions.setTargetClosed(target, True))


def _role_admin(where: Site) -> None:
    where.send(ADMIN_INDEX, _authority(where).functions.setRoleAdmin(1, 2))


def _emptied(where: Site) -> None:
    """The token's books say that the tournament owes what it does not hold: written into its storage."""
    registry, token = where.contract("ModelRegistry", "registry"), where.contract("Numeraire", "numeraire")
    tournament = where.contract("Tournament", "tournament.classic")
    where.send(5, registry.functions.register(DEPLOYER))
    where.send(5, token.functions.approve(tournament.address, 10**18))
    where.send(5, tournament.functions.deposit(registry.functions.modelCount().call(), 10**18))
    slot = where.anvil.w3.keccak(bytes.fromhex(tournament.address[2:]).rjust(32, b"\0") + bytes(32))
    value = "0x" + "00" * 32
    request = where.anvil.w3.provider.make_request
    request("anvil_setStorageAt", [token.address, where.anvil.w3.to_hex(slot), value])  # type: ignore[arg-type]
    assert token.functions.balanceOf(tournament.address).call() == 0


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_cap, ["tournament.daily.cap: expected 100000, found 200000"]),
        (_quorum, ["committee.quorum: expected 3, found 4"]),
        (
            _member,
            [
                "committee.quorum: expected 3, found 4",
                f"committee.members: expected [{', '.join(MEMBERS)}], found [{', '.join((*MEMBERS, STRANGER))}]",
            ],
        ),
        (
            _no_operator,
            [f"roles.operator.{OPERATOR}: expected the role with 0 s of announcement, found no role"],
        ),
        (
            _second_admin,
            [f"roles.admin.{STRANGER}: expected no role, found the role with 0 s of announcement"],
        ),
        (
            _deployer_back,
            [f"roles.operator.{DEPLOYER}: expected no role, found the role with 0 s of announcement"],
        ),
        (
            _slow_guardian,
            [
                f"roles.guardian.{GUARDIAN}: expected the role with 0 s of announcement, "
                "found the role with 1 h of announcement"
            ],
        ),
        (_power_of_another_role, ["roles.tournament.classic.setParameters: expected admin, found operator"]),
        (_closed, ["roles.tournament.classic: expected a contract that is open, found closed by the admin"]),
        (_role_admin, ["roles.operator.getRoleAdmin: expected 0, found 2"]),
        (
            _emptied,
            [
                "tournament.classic.balance: expected at least its liabilities, 1000000000 nano-NMR, found 0 wei"
            ],
        ),
    ],
)
def test_finds_what_was_changed(
    case: tuple[Site, dict[str, Any]], change: Callable[[Site], None], expected: list[str]
) -> None:
    where, manifest = case
    change(where)

    assert lines_of(where, manifest) == expected


def test_finds_other_code(case: tuple[Site, dict[str, Any]]) -> None:
    where, manifest = case
    address = where.plan.addresses["burn_sink"]
    where.anvil.w3.provider.make_request("anvil_setCode", [address, "0x60006000"])  # type: ignore[arg-type]

    first, second = lines_of(where, manifest)

    assert first.startswith("contracts.burn_sink.code_hash: expected 0x")
    assert second == "contracts.burn_sink: expected the code of BurnSink as compiled, found other code"


def test_a_manifest_that_was_made_to_fit_other_code_does_not_hide_it(
    case: tuple[Site, dict[str, Any]],
) -> None:
    where, manifest = case
    address = where.plan.addresses["burn_sink"]
    where.anvil.w3.provider.make_request("anvil_setCode", [address, "0x60006000"])  # type: ignore[arg-type]
    code_hash = where.anvil.w3.to_hex(where.anvil.w3.keccak(hexstr="0x60006000"))
    manifest["contracts"]["burn_sink"]["code_hash"] = code_hash

    assert lines_of(where, manifest) == [
        "contracts.burn_sink: expected the code of BurnSink as compiled, found other code"
    ]


def test_finds_that_nothing_is_there(case: tuple[Site, dict[str, Any]]) -> None:
    where, manifest = case
    manifest["contracts"]["committee"]["address"] = STRANGER

    assert lines_of(where, manifest) == [
        f"contracts.committee: expected code of OracleCommittee at {STRANGER}, found no code"
    ]


def test_finds_another_wiring(case: tuple[Site, dict[str, Any]]) -> None:
    where, manifest = case
    contracts = manifest["contracts"]
    contracts["burn_sink"]["address"] = contracts["registry"]["address"]

    found = lines_of(where, manifest)

    assert (
        f"committee.burnSink: expected {contracts['registry']['address']}, found {where.plan.addresses['burn_sink']}"
        in found
    )


def test_the_command_exits_with_1_where_there_are_differences(
    case: tuple[Site, dict[str, Any]], tmp_path: Path
) -> None:
    where, manifest = case
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(manifest))
    command = ["deployment", "check", str(path), "--endpoint", where.anvil.url]

    agrees = CliRunner().invoke(app, command)
    _cap(where)
    differs = CliRunner().invoke(app, command)

    assert (agrees.exit_code, agrees.output) == (0, "check: trial on chain 31337 agrees\n")
    assert differs.exit_code == 1
    assert differs.output.splitlines() == [
        "tournament.daily.cap: expected 100000, found 200000",
        "check: trial DIFFERS in 1 places",
    ]


def test_the_command_refuses_a_manifest_of_another_chain(
    case: tuple[Site, dict[str, Any]], tmp_path: Path
) -> None:
    where, manifest = case
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(manifest | {"chain_id": 137}))

    found = CliRunner().invoke(app, ["deployment", "check", str(path), "--endpoint", where.anvil.url])

    assert found.exit_code == 1
    assert "expected chain id 137" in found.output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no json", "expected a manifest, found"),
        ("[]", "expected a manifest of format 1, found list"),
        ('{"format": 2}', "expected a manifest of format 1, found format 2"),
        ('{"format": 1}', "chain_id: expected a value, found none"),
    ],
)
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(text)

    with pytest.raises(ManifestError, match=message):
        read_manifest(path)


def _opened(where: Site, *, days: int) -> None:
    """Open a round whose submissions close so many days from now, and whose lock ends a quarter of a day later."""
    now = int(where.anvil.w3.eth.get_block("latest")["timestamp"])
    times = (now, now + days * 86_400, now + (days + 1) * 86_400, now + (days + 4) * 86_400)
    tournament = where.contract("Tournament", "tournament.daily")
    where.send(1, tournament.functions.openRound(*times, (b"\1" * 32,) * 3))


def test_a_round_that_locks_later_than_the_admin_can_act_is_named(chains: Chains, tmp_path: Path) -> None:
    """Whoever disagrees with what the admin announced must be able to leave before: seven days here."""
    with built_site(chains, tmp_path / "site", TEXT) as (where, manifest):
        _opened(where, days=6)
        assert lines_of(where, manifest) == []
        _opened(where, days=7)
        (line,) = lines_of(where, manifest)
    expected = "less than admin.delay, 604800 seconds, from its opening to the end of its lock"
    assert line == f"tournament.daily.round 2: expected {expected}, found {7 * 86_400 + 21_600} seconds"


def test_the_court_is_deployed_with_the_rest_and_the_committee_knows_it(
    case: tuple[Site, dict[str, Any]],
) -> None:
    _, manifest = case
    court = manifest["contracts"]["court"]
    assert court["contract"] == "ScoreCourt"
    meta, verdict = (manifest["contracts"][f"{name}_court"]["address"] for name in ("meta", "verdict"))
    staged = manifest["contracts"]["staged_court"]
    assert staged["arguments"] == {"store": manifest["contracts"]["piece_store"]["address"]}
    assert court["arguments"] == {
        "tables": "0x" + SHIPPED_ROOT.hex(),
        "meta": meta,
        "siblings": [verdict, staged["address"]],
        "slashes": True,
    }
    assert manifest["contracts"]["committee"]["arguments"]["court"] == court["address"]
    assert manifest["deployment"]["committee"]["court"] == "new"


def test_a_court_of_other_tables_or_another_court_is_named(case: tuple[Site, dict[str, Any]]) -> None:
    where, manifest = case
    other = json.loads(json.dumps(manifest))
    other["contracts"]["court"]["arguments"]["tables"] = "0x" + "11" * 32
    assert f"court.tables: expected 0x{'11' * 32}, found 0x{SHIPPED_ROOT.hex()}" in lines_of(where, other)
    for choice, expected in (("nobody", "0x" + "0" * 40), (STRANGER, STRANGER)):
        other = json.loads(json.dumps(manifest))
        other["deployment"]["committee"]["court"] = choice
        found = manifest["contracts"]["court"]["address"]
        assert f"committee.court: expected {expected}, found {found}" in lines_of(where, other)


def test_a_court_of_another_stage_is_named(case: tuple[Site, dict[str, Any]]) -> None:
    where, manifest = case
    barring = json.loads(json.dumps(manifest))
    barring["deployment"]["committee"]["court"] = "new-barring"
    assert lines_of(where, barring) == ["court.slashes: expected False, found True"]


def test_a_court_that_hears_somebody_else_is_named(case: tuple[Site, dict[str, Any]]) -> None:
    where, manifest = case
    fewer = json.loads(json.dumps(manifest))
    del fewer["contracts"]["verdict_court"]
    verdict, staged = (manifest["contracts"][f"{name}_court"]["address"] for name in ("verdict", "staged"))
    assert lines_of(where, fewer) == [f"court.siblings: expected [{staged}], found [{verdict}, {staged}]"]


def test_demands_are_deployed_with_the_rest_and_every_tournament_knows_them(
    case: tuple[Site, dict[str, Any]],
) -> None:
    where, manifest = case
    made = manifest["contracts"]["demands"]
    assert made["arguments"] == {"token": manifest["contracts"]["numeraire"]["address"]}
    for label in ("tournament.classic", "tournament.daily"):
        tournament = where.contract("Tournament", label)
        assert tournament.functions.demands().call() == made["address"]
    none = json.loads(json.dumps(manifest))
    none["deployment"]["committee"]["demands"] = "nobody"
    lines = lines_of(where, none)
    assert f"tournament.daily.demands: expected 0x{'0' * 40}, found {made['address']}" in lines


def test_the_record_of_a_deployment_from_before_there_were_courts_says_nobody(
    case: tuple[Site, dict[str, Any]],
) -> None:
    where, manifest = case
    old = json.loads(json.dumps(manifest))
    del old["deployment"]["committee"]["court"]
    found = manifest["contracts"]["court"]["address"]
    assert f"committee.court: expected 0x{'0' * 40}, found {found}" in lines_of(where, old)
