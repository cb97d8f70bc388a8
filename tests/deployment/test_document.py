# ruff: noqa: E501 - a case a line
"""A deployment file is taken whole, or refused with the path of what is wrong."""

from pathlib import Path

import pytest

from scorer.chain.artifacts import abi, artifact
from scorer.deployment import limits, sections
from scorer.deployment.document import DeploymentFileError, from_record, load_document, recorded
from scorer.lab.anvil import Anvil
from scorer.lab.plain_sender import Sender
from scorer.lab.suite import LOCAL_WINDOWS
from scorer.proofs.staged import COMMITMENT_AGE
from scorer.transactions.request import Reverted
from scorer.units import wei_from_nano
from tests.deployment.files import ADMIN, MEMBERS, OPERATOR, TEXT, TREASURY, account, read

LOWER = OPERATOR.lower()
TYPO = OPERATOR.replace("7", "8", 1)
ZERO = "0x" + "0" * 40


def changed(old: str, new: str) -> str:
    assert old in TEXT
    return TEXT.replace(old, new)


def public(text: str = TEXT) -> str:
    return text.replace("chain_id = 31337", "chain_id = 80002")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (changed(OPERATOR, LOWER), "roles.operator.holders.0: expected an address with its EIP-55 checksum"),
        (changed(OPERATOR, TYPO), "roles.operator.holders.0: expected an address with its EIP-55 checksum"),
        (changed(OPERATOR, OPERATOR[:-1]), "roles.operator.holders.0: expected an address, 0x and 40"),
        (changed(TREASURY, ZERO), "token.treasury: expected an address other than zero"),
        (changed("[roles.minter]", "[roles.mintre]"), "roles.mintre: expected one of operator, guardian, minter"),
        (changed("quorum = 3", "quorum = 2"), "committee.quorum: expected two thirds of 4 members, from 3 to 4"),
        (changed("quorum = 3", "quorum = 5"), "committee.quorum: expected two thirds of 4 members, from 3 to 4"),
        (changed(MEMBERS[2], MEMBERS[0]), "committee.members: expected every member once"),
        (changed("absence_limit = 5", 'absence_limit = 5\ncourt = "none"'), 'committee.court: expected new, new-barring, nobody, or an address'),
        (changed("absence_limit = 5", f'absence_limit = 5\ncourt = "{LOWER}"'), "committee.court: expected an address with its EIP-55"),
        (changed("absence_limit = 5", 'absence_limit = 5\ndemands = "none"'), "committee.demands: expected new, nobody, or an address"),
        (changed('"9 hours"', '"8 days"'), "committee.challenge_window: expected at most 7 days, found '8 days'"),
        (changed('"9 hours"', "21600"), "committee.challenge_window: expected a time in words"),
        (changed('"1 day"', '"29 seconds"'), "committee.dispute_period: expected from 30 seconds to 7 days"),
        (changed('member_bond = "1000"', 'member_bond = "100001"'), "committee.member_bond: expected at most 100000"),
        (changed('challenge_bond = "100"', 'challenge_bond = "10001"'), "committee.challenge_bond: expected at most"),
        (changed('absence_slash = "50"', 'absence_slash = "501"'), "committee.absence_slash: expected at most slash"),
        (changed('\nslash = "500"', '\nslash = "1001"'), "committee.slash: expected at most member_bond, 1000 NMR"),
        (changed('"18 hours"', '"9 seconds"'), "windows.lock_window: expected from 10 seconds to 2 days"),
        (changed('"18 hours"', '"3 days"'), "windows.lock_window: expected from 10 seconds to 2 days"),
        (changed('least_lock_window = "1 hour"', 'least_lock_window = "19 hours"'), "windows.least_lock_window: expected at most lock_window, 64800 seconds"),
        (changed('least_lock_window = "1 hour"', 'least_lock_window = "0 seconds"'), "windows.least_lock_window: expected from 1 second"),
        (changed('least_notice = "1 hour"', 'least_notice = "8 days"'), "windows.least_notice: expected from 1 second to 7 days"),
        (changed('"3 days"', '"8 days"'), "windows.funding_grace: expected from 1 second to 7 days"),
        (changed('"36 hours"', '"7 days"'), 'roles.unpauser.delay: expected less than the longest pause, such as "1 day"'),
        (changed('supply = "1000000"', 'supply = "11000001"'), "token.supply: expected at most 11000000 NMR"),
        (changed('supply = "1000000"', "supply = 1000000"), "token.supply: expected decimal text in quotes"),
        (changed('supply = "1000000"', ""), "token: expected supply and treasury for a new token, or address"),
        (changed('cap = "0.1"', 'cap = "1.1"'), "tournaments.1.cap: expected from 0 to 1, found '1.1'"),
        (changed('cap = "0.1"', ""), "tournaments.1.cap: expected a value, found none"),
        (changed('"1"\n', '"1001"\n'), "tournaments.1.minimum_position: expected at most 1000 NMR"),
        (changed('"1"\n', '"1"\nlane_price = "10.1"\n'), "tournaments.1.lane_price: expected at most 10 NMR"),
        (changed('supply = "1000000"', 'supply = "1000000"\nsink = "nmr"'), 'token: expected sink "burn", as a new'),
        (changed('supply = "1000000"', 'supply = "1000000"\nsink = "fire"'), "token.sink:"),
        (changed('supply = "1000000"', 'supply = "1000000"\nunit = 1000'), "token.unit: expected 1000000000, as"),
        (changed('rules = "classic"', 'rules = "clasic"'), "tournaments.0.rules: expected the name of a preset"),
        (
            changed('rules = "classic"', 'rules = "classic"\ncap = "0.06"'),
            'tournaments.0.cap: expected "0.05" as the rules classic say',
        ),
        (changed('"daily"', '"classic"'), "tournaments.1.name: expected a name of its own"),
        (changed('delay = "7 days"', 'delay = "91 days"'), "admin.delay: expected at most 90 days"),
        (changed('kind = "key"', 'kind = "multisig"'), "admin.kind:"),
        (changed("version = 1", "version = 2"), "version:"),
        (changed("version = 1", ""), "version: expected a value, found none"),
        (changed("version = 1", "version = 1\nchian = 1"), "chian: expected one of version, name, instance, chain_id"),
        (changed("version = 1", "version = "), "expected a TOML file"),
        (public(changed('delay = "7 days"', 'delay = "0 seconds"')), "admin.delay: expected some time"),
        (public(changed(TREASURY, "deployer")), "token.treasury: expected an address on chain 80002"),
        (
            public(changed(f', "{MEMBERS[3]}"]', "]")),
            "committee.members: expected at least 4 on chain 80002, so that one may fail and none decides",
        ),
        (public(changed(OPERATOR, "deployer")), "roles.operator.holders.0: expected an address on chain 80002"),
    ],
)  # fmt: skip
def test_refuses_what_is_wrong_by_its_path(text: str, message: str) -> None:
    with pytest.raises(DeploymentFileError) as refused:
        read(text)

    assert message in str(refused.value)


def test_names_all_wrong_fields_at_once() -> None:
    with pytest.raises(DeploymentFileError, match=r"committee.quorum.*roles.operator.holders.0"):
        read(changed("quorum = 3", "quorum = 1").replace(OPERATOR, LOWER))


def test_refuses_a_minter_of_a_token_that_is_not_ours() -> None:
    text = changed(f'supply = "1000000"\ntreasury = "{TREASURY}"', f'address = "{TREASURY}"')

    with pytest.raises(DeploymentFileError, match=r"roles.minter: expected none"):
        read(text)


def test_takes_an_address_from_the_environment() -> None:
    text = changed(TREASURY, "${CUPEL_TREASURY}")

    assert read(text, CUPEL_TREASURY=TREASURY).token.treasury == TREASURY


def test_refuses_a_placeholder_that_nobody_filled_in() -> None:
    with pytest.raises(
        DeploymentFileError, match=r"token.treasury: expected an address: fill it in, or set CUPEL_TRE"
    ):
        read(changed(TREASURY, "${CUPEL_TREASURY}"))


def test_refuses_a_placeholder_filled_with_no_address() -> None:
    with pytest.raises(DeploymentFileError, match=r"token.treasury: expected an address, 0x and 40"):
        read(changed(TREASURY, "${CUPEL_TREASURY}"), CUPEL_TREASURY="me")


def test_the_terms_come_from_the_rules() -> None:
    classic, daily = read().tournaments

    assert (classic.cap, classic.threshold, classic.minimum_position) == (50_000, 72_000 * 10**9, 10_000_000)
    assert (daily.cap, daily.threshold, daily.minimum_position) == (100_000, 5_000 * 10**9, 10**9)


def test_rules_may_be_a_file_beside_the_deployment_file(tmp_path: Path) -> None:
    source = Path(sections.__file__).parent.parent / "protocol" / "presets" / "crypto.toml"
    (tmp_path / "ours.toml").write_text(source.read_text())
    (tmp_path / "trial.toml").write_text(changed('rules = "classic"', 'rules = "ours.toml"'))

    found = load_document(tmp_path / "trial.toml").tournaments[0]

    assert (found.cap, found.threshold) == tuple(
        getattr(sections._rules("crypto", tmp_path).stake, n) for n in ("cap", "threshold")
    )


def test_what_a_manifest_records_is_what_was_read() -> None:
    document = read()

    again = from_record(recorded(document))

    rules_forgotten = tuple(each.model_copy(update={"rules": None}) for each in document.tournaments)
    assert again == document.model_copy(update={"tournaments": rules_forgotten})


@pytest.mark.parametrize("name", ["amoy", "sepolia", "polygon", "ethereum"])
def test_files_for_public_chains_are_refused_until_they_are_filled_in(name: str) -> None:
    with pytest.raises(DeploymentFileError, match="expected an address: fill it in, or set CUPEL_"):
        load_document(Path(f"deployments/{name}.toml"), environment={})


@pytest.mark.parametrize("name", ["amoy", "sepolia", "polygon", "ethereum", "devnet"])
def test_every_file_that_ships_has_four_members_and_a_quorum_of_two_thirds(name: str) -> None:
    names = ("TOKEN", "TREASURY", "OPERATOR", "GUARDIAN", "MINTER", "ADMIN")
    environment = {f"CUPEL_{each}": account(0) for each in names}
    environment |= {f"CUPEL_MEMBER_{number}": account(number) for number in range(1, 6)}

    committee = load_document(Path(f"deployments/{name}.toml"), environment=environment).committee

    assert len(committee.members) >= 4
    assert 3 * committee.quorum >= 2 * len(committee.members)


def test_the_file_for_a_devnet_needs_nothing() -> None:
    assert load_document(Path("deployments/devnet.toml"), environment={}).is_local


def _deployed(sender: Sender, name: str, *arguments: object) -> str:
    """The address of a contract that is deployed on its own."""
    contract = sender.w3.eth.contract(abi=abi(name), bytecode=artifact(name)["bytecode"])
    return str(sender.send(contract.constructor(*arguments))["contractAddress"])


def test_limits_are_those_that_the_contracts_hard_code(anvil: Anvil) -> None:
    sender = Sender(anvil.w3, anvil.account(0))
    zero = anvil.account(1).address
    terms = (0, 3600, 0, 0, 0, 0, 3)

    def read_all(name: str, arguments: tuple[object, ...], constants: tuple[str, ...]) -> list[int]:
        contract = anvil.w3.eth.contract(address=_deployed(sender, name, *arguments), abi=abi(name))  # type: ignore[call-overload]
        return [int(contract.get_function_by_name(each)().call()) for each in constants]

    committee = (
        "MAX_MEMBERS",
        "MAX_MEMBER_BOND",
        "MAX_CHALLENGE_BOND",
        "MAX_CHALLENGE_WINDOW",
        "MIN_DISPUTE_PERIOD",
        "MAX_DISPUTE_PERIOD",
        "MIN_ABSENCE_LIMIT",
    )
    assert read_all("OracleCommittee", (zero, zero, zero, zero, terms, [zero], 1), committee) == [
        limits.MOST_MEMBERS,
        wei_from_nano(limits.MOST_MEMBER_BOND),
        wei_from_nano(limits.MOST_CHALLENGE_BOND),
        limits.LONGEST_CHALLENGE_WINDOW,
        limits.SHORTEST_DISPUTE,
        limits.LONGEST_DISPUTE,
        limits.LEAST_ABSENCE_LIMIT,
    ]
    parts = (zero, zero, zero, zero, zero, 10**9, 0, LOCAL_WINDOWS.to_contract(), 0, 0, 0, zero)
    constants = ("MAX_CAP", "MAX_MIN_POSITION", "MAX_PAUSE", "MAX_LANE_PRICE")
    assert read_all("Tournament", parts, constants) == [
        10**6,
        limits.MOST_MINIMUM_POSITION,
        limits.LONGEST_PAUSE,
        limits.MOST_LANE_PRICE,
    ]
    assert read_all("Numeraire", (zero, zero, 0), ("CAP",)) == [wei_from_nano(limits.MOST_SUPPLY)]


@pytest.mark.parametrize(
    ("window", "court", "expected"),
    [
        ("9 hours", "", "new"),
        ("539 minutes", "", "nobody"),
        ("9 hours", 'court = "new-barring"', "new"),
        ("9 hours", 'court = "nobody"', "nobody"),
        ("9 hours", f'court = "{ADMIN}"', "nobody"),
        ("9 hours", 'demands = "nobody"', "nobody"),
        ("1 hour", 'demands = "new"', "new"),
    ],
)
def test_predictions_may_be_demanded_where_a_new_court_leaves_time_or_the_file_says_so(
    window: str, court: str, expected: str
) -> None:
    text = TEXT.replace('"9 hours"', f'"{window}"', 1)
    found = read(text.replace("absence_limit = 5", f"absence_limit = 5\n{court}"))
    assert found.committee.demands == expected
    assert from_record(recorded(found)).committee.demands == expected


def test_what_is_answered_in_the_last_second_can_still_be_proven_in_several_transactions() -> None:
    """From the answer to the end there is a third: two hours from announcement to proof, and one for the rest."""
    assert limits.SHORTEST_DEMANDS_WINDOW // 3 >= COMMITMENT_AGE + 3600


def test_windows_are_taken_up_to_the_limits_of_the_contracts(anvil: Anvil) -> None:
    sender, zero = Sender(anvil.w3, anvil.account(0)), anvil.account(1).address

    def deploys(*windows: int) -> bool:
        try:
            _deployed(sender, "Tournament", zero, zero, zero, zero, zero, 10**9, 0, windows, 0, 0, 0, zero)
        except Reverted as revert:
            return revert.name != "WindowOutOfRange"
        return True

    longest = (limits.LONGEST_LOCK_WINDOW, limits.LONGEST_NOTICE, limits.LONGEST_FUNDING_GRACE)
    shortest = (limits.SHORTEST_LOCK_WINDOW, limits.SHORTEST_WINDOW, limits.SHORTEST_WINDOW)
    for step, (lock, notice, grace) in ((1, longest), (-1, shortest)):
        assert deploys(lock, limits.SHORTEST_WINDOW, notice, grace)
        assert not deploys(lock + step, limits.SHORTEST_WINDOW, notice, grace)
        assert not deploys(lock, limits.SHORTEST_WINDOW, notice + step, grace)
        assert not deploys(lock, limits.SHORTEST_WINDOW, notice, grace + step)
    assert not deploys(100, 101, 1, 1)
    assert not deploys(100, limits.SHORTEST_WINDOW - 1, 1, 1)


def test_a_challenge_window_on_polygon_lasts_as_long_as_finality_may_stand() -> None:
    polygon = changed("chain_id = 31337", "chain_id = 137")
    for window, is_right in (("23 hours", False), ("24 hours", True)):
        text = polygon.replace('challenge_window = "9 hours"', f'challenge_window = "{window}"')
        if is_right:
            assert read(text).committee.challenge_window == 86_400
        else:
            with pytest.raises(DeploymentFileError, match='at least "24 hours" on Polygon'):
                read(text)


def test_a_sink_of_a_bridge_is_one_that_the_bridge_made() -> None:
    address = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
    token = f'address = "{address}"\nsink = "crosschain"'
    text = changed(f'supply = "1000000"\ntreasury = "{TREASURY}"', token)
    before, _, after = text.partition("[roles.minter]")
    text = before + after[after.index("[roles.unpauser]") :]
    with pytest.raises(DeploymentFileError, match=r"burn_sink\.address: expected the CrosschainBurnSink"):
        read(text)
    assert read(text + f'\n[burn_sink]\naddress = "{address}"\n').token.sink == "crosschain"
