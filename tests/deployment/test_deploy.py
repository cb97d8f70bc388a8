"""A deployment ends in the same manifest however often it is killed, and leaves the deployer nothing."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from web3 import Web3

from scorer import failpoints
from scorer.chain.contracts import Suite
from scorer.chain.endpoint import LOCAL_CHAIN_ID, connect
from scorer.daemon.deployment_file import read_deployment
from scorer.deployment.create2 import FACTORY, FACTORY_CODE, FACTORY_DEPLOYER, FACTORY_TRANSACTION
from scorer.deployment.deploy import appraise
from scorer.deployment.manifest import ManifestError
from scorer.deployment.reader import read_state, roles_of
from scorer.deployment.steps import DeploymentStuck, steps
from scorer.failpoints import KILLED, VARIABLE
from scorer.lab.anvil import Anvil
from scorer.lab.processes import Fork
from scorer.lab.proxy import Forward, NoAnswer, Request, proxy_of
from tests.chains import Chains
from tests.deployment import worker
from tests.deployment.files import ADMIN, MINTER, OPERATOR, STRANGER, TEXT, TREASURY, read
from tests.deployment.site import Site, built_site, site

LABELS = (
    "tried",
    "planned",
    "before-sign-commit",
    "signed",
    "before-broadcast",
    "broadcast",
    "broadcast-recorded",
    "mined-seen",
    "mined-recorded",
)


def _kill_at(label: str) -> Any:
    """One of them in every test run, the others with the long tests."""
    return label if label == "signed" else pytest.param(label, marks=pytest.mark.long)


class Killed(BaseException):
    """The process ended here."""


@pytest.fixture
def here(anvil: Anvil, tmp_path: Path) -> Site:
    return site(anvil, tmp_path / "site")


@pytest.fixture
def built(chains: Chains, tmp_path: Path) -> Iterator[tuple[Site, dict[str, Any]]]:
    """A deployment that came to its end, and its manifest."""
    with built_site(chains, tmp_path / "built") as site_and_manifest:
        yield site_and_manifest


@pytest.fixture(scope="module")
def expected(chains: Chains, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The manifest of a deployment that nobody disturbed."""
    with built_site(chains, tmp_path_factory.mktemp("expected") / "site") as (_, manifest):
        return manifest


def keys(where: Site) -> list[str]:
    return [step.key for step in steps(where.plan, read_state(where.anvil.w3, where.plan))]


def test_deploys_all_and_hands_over(built: tuple[Site, dict[str, Any]]) -> None:
    here, manifest = built

    suite = Suite.at(here.anvil.w3, read_deployment(here.folder / "daily.deployment.json"))

    def held(role: int, account: str) -> list[object]:
        return list(suite.authority.functions.hasRole(role, account).call())

    assert suite.tournament.functions.cap().call() == 100_000
    assert suite.token.functions.balanceOf(TREASURY).call() == 10**24
    assert held(0, ADMIN) == [True, 7 * 86_400]
    assert held(1, OPERATOR) == [True, 0]
    assert held(3, MINTER) == [True, 2 * 86_400]
    assert roles_of(here.anvil.w3, here.plan) == []
    assert manifest == json.loads((here.folder / "manifest.json").read_text())


def test_a_manifest_serves_as_the_deployment_json_of_its_first_tournament(
    built: tuple[Site, dict[str, Any]],
) -> None:
    here, _ = built

    of_manifest = read_deployment(here.folder / "manifest.json")

    assert of_manifest == read_deployment(here.folder / "classic.deployment.json")
    assert of_manifest.tournament == here.plan.addresses["tournament.classic"]
    assert of_manifest.block == 1


def test_to_deploy_again_sends_nothing(built: tuple[Site, dict[str, Any]]) -> None:
    here, first = built
    sent = here.nonce()

    assert here.built() == first
    assert here.nonce() == sent


@pytest.mark.parametrize("name", ["manifest.json", "classic.deployment.json"])
def test_a_folder_with_another_deployment_is_refused_before_anything_is_sent(here: Site, name: str) -> None:
    here.folder.mkdir(parents=True, exist_ok=True)
    for content in ('{"chain_id": 137, "authority": "0x00"}', "notes", "[1]", ""):
        (here.folder / name).write_text(content)
        with pytest.raises(
            ManifestError, match=f"{name}: expected no file, or one of this deployment, found"
        ):
            here.builder().run()
        assert (here.folder / name).read_text() == content
    assert here.anvil.w3.eth.get_transaction_count(here.anvil.account(0).address) == 0


def test_without_its_journal_a_deployment_is_found_on_the_chain(
    built: tuple[Site, dict[str, Any]], tmp_path: Path
) -> None:
    here, first = built

    second = Site(here.anvil, here.plan, tmp_path / "elsewhere").built()

    assert second["contracts"] == first["contracts"]
    assert here.nonce() == len(first["contracts"]) + len(first["transactions"])


@pytest.mark.parametrize("label", [_kill_at(label) for label in LABELS])
def test_killed_at_every_transaction_it_ends_in_the_same_manifest(
    label: str, here: Site, expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def die() -> None:
        raise Killed

    monkeypatch.setattr(failpoints, "_die", die)
    for key in keys(here):
        monkeypatch.setenv(VARIABLE, f"{label}@{key}")
        with pytest.raises(Killed):
            here.built()
    monkeypatch.delenv(VARIABLE)

    assert here.built() == expected
    assert here.nonce() == len(expected["contracts"]) + len(expected["transactions"])


def killed_process(point: str, arguments: tuple[str, str, str], crash: Path) -> int:
    """Deploy up to a fail point in a process; return its exit code. Forked, so that it imports nothing."""

    def work() -> None:
        os.environ[VARIABLE] = point
        worker.deploy(*arguments)

    return Fork.of(work, crash).wait()


def test_a_process_that_is_killed_at_every_transaction_ends_in_the_same_manifest(
    here: Site, expected: dict[str, Any]
) -> None:
    private = here.anvil.account(0).key.hex().removeprefix("0x")
    arguments = (here.anvil.url, str(here.folder), private)
    command = [sys.executable, "-m", "tests.deployment.worker", *arguments]
    labels = [LABELS[index % len(LABELS)] for index in range(len(keys(here)))]
    for label, key in zip(labels, keys(here), strict=True):
        assert killed_process(f"{label}@{key}", arguments, here.folder.parent / "crash") == KILLED
    assert subprocess.run(command, check=False).returncode == 0

    assert json.loads((here.folder / "manifest.json").read_text()) == expected


@pytest.mark.long
def test_an_endpoint_that_loses_every_answer_to_a_transaction_changes_nothing(
    here: Site, expected: dict[str, Any]
) -> None:
    def swallow(request: Request, forward: Forward) -> None:
        forward(request)
        raise NoAnswer

    with proxy_of(here.anvil.url) as proxy:
        proxy.misbehave("eth_sendRawTransaction", swallow)
        builder = here.builder()
        object.__setattr__(builder, "w3", connect(proxy.url, LOCAL_CHAIN_ID))

        assert builder.run() == expected


def test_an_endpoint_that_goes_away_is_named_and_the_deployment_goes_on_through_another(
    here: Site, expected: dict[str, Any]
) -> None:
    def cut(_request: Request, _forward: Forward) -> None:
        if proxy.asked.count("eth_sendRawTransaction") == 5:
            raise NoAnswer

    with proxy_of(here.anvil.url) as proxy:
        proxy.misbehave("eth_getBlockByNumber", cut)
        builder = here.builder()
        object.__setattr__(builder, "w3", connect(proxy.url, LOCAL_CHAIN_ID))
        with pytest.raises(DeploymentStuck, match="expected an endpoint that answers, found endpoint "):
            builder.run()

    assert here.built() == expected


def test_what_a_reorganisation_drops_is_sent_again_while_a_later_transaction_waits(
    here: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The later one has a higher nonce: it can only be mined after those before it."""
    monkeypatch.setattr("scorer.deployment.deploy.PATIENCE", 20.0)
    where = site(here.anvil, here.folder, read(TEXT))
    where.anvil.mines(at_once=False)
    waits: list[int] = []

    def mine(_seconds: float) -> None:
        waits.append(len(waits))
        if len(waits) == 4:
            where.anvil.reorganise(2)
        where.anvil.finalise()

    builder = where.builder()
    object.__setattr__(builder, "sleep", mine)
    builder.run()
    assert len(waits) > 4


def test_a_reorganisation_is_built_over(here: Site) -> None:
    text = TEXT + "\n[gas]\nconfirmations = 4\n"
    where = site(here.anvil, here.folder, read(text))
    reorganised: list[int] = []

    def mine(_seconds: float) -> None:
        """While it waits for confirmations, its last two blocks are replaced, once; then time passes."""
        # Not while it waits for a block: anvil loses what it mines during a reorganisation.
        if not reorganised and not where.anvil.waiting():
            where.anvil.reorganise(2)
            reorganised.append(1)
        where.anvil.finalise()

    builder = where.builder()
    object.__setattr__(builder, "sleep", mine)
    builder.run()

    assert reorganised
    assert keys(where) == []
    assert roles_of(where.anvil.w3, where.plan) == []


def test_the_factory_is_put_on_a_chain_that_has_none(here: Site) -> None:
    here.anvil.w3.provider.make_request("anvil_setCode", [FACTORY, "0x"])  # type: ignore[arg-type]
    assert keys(here)[0] == "factory"

    here.built()

    assert bytes(here.anvil.w3.eth.get_code(Web3.to_checksum_address(FACTORY))) == FACTORY_CODE
    assert here.anvil.w3.eth.get_transaction_count(Web3.to_checksum_address(FACTORY_DEPLOYER)) == 1


def test_killed_while_it_puts_the_factory_there_it_pays_for_it_once(here: Site) -> None:
    def die(_seconds: float) -> None:
        raise Killed

    here.anvil.w3.provider.make_request("anvil_setCode", [FACTORY, "0x"])  # type: ignore[arg-type]
    builder = here.builder()
    object.__setattr__(builder, "sleep", die)
    with pytest.raises(Killed):
        builder.run()

    manifest = here.built()

    payments = 1
    assert here.nonce() == payments + len(manifest["contracts"]) + len(manifest["transactions"])


def test_the_factorys_transaction_is_its_deployers() -> None:
    assert Account.recover_transaction(FACTORY_TRANSACTION) == FACTORY_DEPLOYER


def test_other_code_in_the_factorys_place_is_refused(here: Site) -> None:
    here.anvil.w3.provider.make_request("anvil_setCode", [FACTORY, "0x60006000"])  # type: ignore[arg-type]

    with pytest.raises(DeploymentStuck, match="found other code"):
        here.built()
    assert here.nonce() == 0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('kind = "key"', 'kind = "contract"', "admin.holder: expected a contract"),
        (
            f'supply = "1000000"\ntreasury = "{TREASURY}"',
            f'address = "{STRANGER}"',
            "token.address: expected a contract, found no code",
        ),
        (
            f'supply = "1000000"\ntreasury = "{TREASURY}"',
            f'address = "{FACTORY}"',
            "token.address: expected a Numeraire, found that 0x4e59",
        ),
        (
            "[committee]",
            f'[registry]\naddress = "{FACTORY}"\n[committee]',
            "registry.address: expected a ModelRegistry, found that 0x4e59",
        ),
    ],
)
def test_what_contradicts_a_file_on_its_chain_is_reported_before_anything_is_sent(
    here: Site, old: str, new: str, message: str
) -> None:
    text = TEXT.replace(old, new)
    if "[token]\naddress" in text:
        text = text.replace(f'[roles.minter]\nholders = ["{MINTER}"]\ndelay = "2 days"', "")
    if "contract" in new:
        text = text.replace("chain_id = 31337", "chain_id = 80002")

    with pytest.raises(DeploymentStuck) as refused:
        site(here.anvil, here.folder, read(text)).built()

    assert message in str(refused.value)
    assert here.nonce() == 0


def test_a_deployer_without_coins_learns_what_it_takes(here: Site) -> None:
    request = here.anvil.w3.provider.make_request
    request("anvil_setBalance", [here.plan.deployer, hex(10**12)])  # type: ignore[arg-type]

    with pytest.raises(DeploymentStuck, match=r"deployer: expected 0\.\d+ coins for gas"):
        here.built()


def test_a_suite_is_built_on_a_token_a_registry_and_a_sink_that_exist(
    built: tuple[Site, dict[str, Any]], tmp_path: Path
) -> None:
    here, _ = built
    old = here.plan.addresses
    text = TEXT.replace(f'supply = "1000000"\ntreasury = "{TREASURY}"', f'address = "{old["numeraire"]}"')
    text = text.replace(f'[roles.minter]\nholders = ["{MINTER}"]\ndelay = "2 days"', "")
    text = text.replace("[committee]", f'[registry]\naddress = "{old["registry"]}"\n\n[committee]')
    text = text.replace('minimum_position = "1"', f'minimum_position = "1"\nburn_sink = "{old["burn_sink"]}"')
    text = text.replace('name = "trial"', 'name = "trial"\ninstance = 2')

    new = site(here.anvil, tmp_path / "second", read(text))
    new.built()

    tournament = new.contract("Tournament", "tournament.daily")
    assert tournament.functions.registry().call() == old["registry"]
    assert tournament.functions.token().call() == old["numeraire"]
    assert tournament.functions.burnSink().call() == old["burn_sink"]
    assert new.contract("Tournament", "tournament.classic").functions.burnSink().call() != old["burn_sink"]


def test_a_dry_runs_estimates_are_within_a_fifth_of_what_it_takes(here: Site) -> None:
    quote = appraise(here.anvil.w3, here.plan)
    manifest = here.built()

    receipts = [
        each["transaction"] for each in (*manifest["contracts"].values(), *manifest["transactions"].values())
    ]
    used = [here.anvil.w3.eth.get_transaction_receipt(each)["gasUsed"] for each in receipts]

    assert len(quote.prices) == len(used)
    for price, gas in zip(quote.prices, used, strict=True):
        assert gas == pytest.approx(price.gas, rel=0.2), price.step.title
    assert sum(used) == pytest.approx(quote.gas, rel=0.05)


def test_a_dry_run_without_the_factory_computes_what_a_creation_takes(here: Site) -> None:
    asked = appraise(here.anvil.w3, here.plan)
    here.anvil.w3.provider.make_request("anvil_setCode", [FACTORY, "0x"])  # type: ignore[arg-type]

    computed = appraise(here.anvil.w3, here.plan)

    assert computed.gas == pytest.approx(asked.gas, rel=0.15)
