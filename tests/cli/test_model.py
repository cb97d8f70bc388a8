"""``cupel model``: who owns a model and who signs for it."""

import pytest

from scorer import failpoints
from scorer.lab.proxy import proxy_of
from tests.cli.scientist import Scientist, scientist, typed
from tests.cli.test_cupel import run
from tests.world import MODELS, World

STRANGER = 25


@pytest.fixture
def owner(shared: World) -> Scientist:
    """The owner of the models 3, 6 and 9."""
    return scientist(shared, 10)


def test_models_that_are_none_or_anothers_are_refused_before_sending(owner: Scientist, shared: World) -> None:
    other = scientist(shared, STRANGER)
    assert ", found 0" in owner.refused("model", "submitter", 0, "--clear")
    said = owner.refused("model", "transfer", 1000, other.address)
    assert "model: expected a model from 1 to" in said
    said = other.refused("model", "transfer", 3, owner.address)
    assert f"model 3: expected a model of {other.address}, found one of {owner.address}" in said


def test_addresses_are_checked_by_their_checksum(owner: Scientist, shared: World) -> None:
    good = scientist(shared, STRANGER).address
    swapped = good[:-1] + ("0" if good[-1] != "0" else "1")
    for wrong, hint in (
        (good.lower(), "checksum is wrong or missing"),
        (swapped, "checksum"),
        ("bob", "'bob'"),
    ):
        said = owner.refused("model", "transfer", 3, wrong)
        assert "expected an address with its checksum (EIP-55)" in said
        assert hint in said


def test_a_model_is_not_given_where_it_would_be_lost(owner: Scientist, shared: World) -> None:
    for lost in (
        "0x" + "00" * 20,
        shared.suite.tournament.address,
        shared.suite.registry.address,
    ):
        assert "where it would be lost" in owner.refused("model", "transfer", 3, lost)
        assert "where it would be lost" in owner.refused("model", "register", "--to", lost)


def test_what_would_change_nothing_is_refused(owner: Scientist) -> None:
    assert "expected another owner than now" in owner.refused("model", "transfer", 3, owner.address)
    assert "expected another submitter than now" in owner.refused("model", "submitter", 3, "--clear")
    assert "expected an address or --clear" in owner.refused("model", "submitter", 3)


def test_nothing_is_sent_without_a_terminal_or_yes(owner: Scientist, shared: World) -> None:
    before = shared.suite.w3.eth.block_number
    code, said = owner.types("model", "register")
    assert code == 1
    assert "expected --yes or a terminal to ask at, found neither; nothing was sent" in said
    assert shared.suite.w3.eth.block_number == before


def test_at_a_terminal_the_cost_is_shown_before_anything_is_sent(shared: World) -> None:
    staker = scientist(shared, STRANGER + 2)
    command: list[object] = ["model", "register", *staker.chain, "--keystore", staker.keystore]
    before = shared.suite.w3.eth.block_number
    code, said = typed([*command, "--password-file", staker.password_file], ["n"])
    assert (code, shared.suite.w3.eth.block_number) == (1, before)
    assert "Send this transaction for at most 0.000" in said
    assert "Aborted" in said
    code, said = typed(command, ["y", "secret"])
    assert code == 0, said
    assert said.index("cost: 0.000") < said.index("Send this transaction") < said.index("is registered")
    assert "secret" not in said


def test_an_endpoint_of_another_chain_or_without_the_contracts_is_refused(owner: Scientist) -> None:
    def other(request: object, forward: object) -> dict[str, object]:
        return {"result": "0x89"}

    with proxy_of(owner.endpoint) as proxy:
        proxy.misbehave("eth_chainId", other)
        elsewhere = scientist(owner.world, 10, proxy.url)
        assert "expected chain id 31337 (as configured), found 137" in elsewhere.refused("model", "register")
        proxy.misbehave("eth_chainId", None)
        proxy.misbehave("eth_getCode", lambda request, forward: {"result": "0x"})
        assert "found no code there on chain 31337" in elsewhere.refused("model", "register")


def test_a_keystore_that_is_not_there_leaves_nothing_beside_it(owner: Scientist) -> None:
    missing = owner.keystore.parent / "nowhere" / "key.json"
    code, said = run(
        "model", "transfer", 3, owner.world.members[0].address, *owner.chain, "--keystore", missing
    )
    assert code == 1
    assert "key.json: expected a keystore, found No such file or directory" in said
    assert not missing.parent.exists()


def test_an_account_without_coins_reads_what_it_needs(shared: World) -> None:
    poor = scientist(shared, 45)  # anvil funded forty
    said = poor.refused("model", "register")
    assert "gas: expected at least 0.000" in said
    assert f"ETH at {poor.address}, found 0 ETH; nothing was sent" in said


def test_a_dry_run_prints_gas_and_cost_and_sends_nothing(owner: Scientist, shared: World) -> None:
    before = shared.suite.w3.eth.block_number
    code, said = owner.types("model", "register", "--dry-run")
    assert code == 0
    assert f"register a model of {owner.address}" in said
    assert "cost: 0.000" in said
    assert said.endswith("dry run: nothing was sent\n")
    assert shared.suite.w3.eth.block_number == before


def test_a_model_is_registered_named_a_submitter_and_handed_over(shared: World) -> None:
    owner, other = scientist(shared, STRANGER), scientist(shared, STRANGER + 1)
    registered = owner.sends("model", "register")
    model = registered["model"]["model"]
    assert model > MODELS
    assert registered["model"]["owner"] == owner.address
    receipt = shared.suite.w3.eth.get_transaction_receipt(registered["done"][0]["transaction"])
    assert receipt["blockNumber"] == registered["done"][0]["block"]
    assert receipt["gasUsed"] == registered["done"][0]["gas"]

    named = owner.sends("model", "submitter", model, other.address)
    assert named["model"]["submitter"] == other.address
    assert owner.sends("model", "submitter", model, "--clear")["model"]["submitter"] == owner.address

    given = owner.sends("model", "transfer", model, other.address)
    assert (given["model"]["owner"], given["model"]["submitter"]) == (other.address, other.address)


def test_a_model_is_offered_and_claimed_and_an_offer_is_taken_back(shared: World) -> None:
    holder, claimer = scientist(shared, STRANGER + 4), scientist(shared, STRANGER + 5)
    model = holder.sends("model", "register")["model"]["model"]
    assert "offer: expected an address or --clear" in holder.refused("model", "offer", model)
    assert holder.sends("model", "offer", model, claimer.address)["model"]["owner"] == holder.address
    holder.sends("model", "offer", model, "--clear")
    assert "offered to nobody; ask its owner" in claimer.refused("model", "claim", model)
    another = holder.sends("model", "register")["model"]["model"]
    holder.sends("model", "offer", another, claimer.address)
    claimed = claimer.sends("model", "claim", another)["model"]
    assert (claimed["owner"], claimed["submitter"]) == (claimer.address, claimer.address)


def test_an_interrupted_command_says_what_may_be_under_way(
    shared: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    staker = scientist(shared, STRANGER + 3)
    monkeypatch.setattr(failpoints, "_die", interrupt)
    monkeypatch.setenv(failpoints.VARIABLE, "broadcast@register")
    code, said = staker.types("model", "register", "--yes")
    assert code != 0
    assert "interrupted; a transaction may be under way: run the command again" in said
    monkeypatch.delenv(failpoints.VARIABLE)
    assert staker.sends("model", "register")["done"][0]["sent_by_an_earlier_command"]


def test_options_may_come_from_the_environment(owner: Scientist, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("CUPEL_RPC_URL", "CUPEL_DEPLOYMENT", "CUPEL_KEYSTORE", "CUPEL_PASSWORD_FILE")
    values = (owner.chain[1], owner.chain[3], owner.keystore, owner.password_file)
    for name, value in zip(names, values, strict=True):
        monkeypatch.setenv(name, str(value))
    code, said = run("model", "register", "--yes")
    assert code == 0
    assert " is registered\n" in said
