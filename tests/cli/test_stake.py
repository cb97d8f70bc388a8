"""``cupel stake``: deposits, withdrawals, allocations, and how they are shown."""

import json
from typing import Any

import pytest

from scorer import failpoints
from scorer.client.amounts import Allocation
from scorer.client.stake_actions import PERMIT_GAS
from scorer.client.staking_client import journal_path
from scorer.lab.plain_sender import Sender
from scorer.lab.proxy import Forward, NoAnswer, Proxy, Request, Response, error, proxy_of
from scorer.transactions.journal import Journal
from scorer.units import NanoNmr, Ppm, nmr_text
from tests.cli.scientist import Scientist, funded, scientist, typed
from tests.cli.test_cupel import run
from tests.world import FIRST, MODELS, NMR, World, begins, one_sealed

NOT_AMOUNTS = ["1e1", "1,5", "0", "0.0000000001", "+1", "ten", "1_0"]
ELSEWHERE = ("report", "submissions", "final")
CUTS = [label for label in failpoints.LABELS if not label.startswith(ELSEWHERE)]
CUTS += ["executed", "acknowledging"]
BALANCE_OF = "0x70a08231"


class Cut(BaseException):
    """The power went."""


def newcomer(shared: World, account: int, nmr: int = 100) -> tuple[Scientist, int]:
    """Somebody with tokens and a fresh model."""
    found = funded(shared, account, nmr)
    return found, int(found.sends("model", "register")["model"]["model"])


def without_permits(proxy: Proxy, answer: Response) -> None:
    """Let the token look like the NMR of 2017, which knows no EIP-2612."""

    def refuse(request: Request, forward: Forward) -> Response | None:
        return answer if request["params"][0].get("data") == "0x3644e515" else None

    proxy.misbehave("eth_call", refuse)


@pytest.mark.parametrize("amount", NOT_AMOUNTS)
def test_what_is_no_amount_is_refused(shared: World, amount: str) -> None:
    owner = scientist(shared, 10)
    assert repr(amount) in owner.refused("stake", "deposit", 3, amount)
    assert repr(amount) in owner.refused("stake", "withdraw", 3, amount)


def test_a_negative_amount_is_no_option_and_no_amount(shared: World) -> None:
    owner = scientist(shared, 10)
    code, said = run("stake", "deposit", *owner.chain, *owner.key, "--yes", "--", 3, "-5")
    assert code == 1
    assert "amount: expected NMR in plain decimals with at most nine places" in said


def test_what_cannot_be_is_refused_before_sending(shared: World) -> None:
    owner, other = scientist(shared, 10), funded(shared, 25, 10)
    assert "model: expected a model from 1 to" in owner.refused("stake", "deposit", 1000, 1)
    assert "found one of " + owner.address in other.refused("stake", "deposit", 3, 1)
    assert "expected a model of " + other.address in other.refused("stake", "withdraw", 3, 1)
    assert "expected a model of " + other.address in other.refused("stake", "allocate", 3, 1)
    assert "expected an amount or --all, found both" in owner.refused("stake", "withdraw", 3, 1, "--all")
    assert "expected an amount or --all" in owner.refused("stake", "withdraw", 3)
    assert "where it would be lost" in owner.refused(
        "stake", "withdraw", 3, 1, "--to", shared.suite.token.address
    )
    assert "expected a share from 0% to 100%" in owner.refused("stake", "allocate", 3, "101%")


def test_too_little_is_refused_with_what_was_found(shared: World) -> None:
    staker, model = newcomer(shared, 26, 7)
    said = staker.refused("stake", "deposit", model, "7.000000001")
    assert f"expected at least 7.000000001 NMR at {staker.address}, found 7 NMR" in said
    assert "expected a model with a stake, found none; deposit first" in staker.refused(
        "stake", "allocate", model, 1
    )
    assert "found none; deposit first" in staker.refused("stake", "withdraw", model, 1)
    staker.sends("stake", "deposit", model, 5)
    said = staker.refused("stake", "withdraw", model, "5.1")
    assert f"model {model}: expected 5.1 NMR of idle stake, found 5 NMR" in said
    staker.sends("stake", "withdraw", model, "--all")
    assert "expected some NMR of idle stake, found 0 NMR" in staker.refused(
        "stake", "withdraw", model, "--all"
    )


def test_a_deposit_is_one_transaction_where_the_token_knows_permits(shared: World) -> None:
    staker, model = newcomer(shared, 27)
    account = shared.suite.w3.to_checksum_address(staker.address)
    nonce = shared.suite.w3.eth.get_transaction_count(account)
    found = staker.sends("stake", "deposit", model, "12.000000001")
    assert [transaction["title"] for transaction in found["done"]] == [
        f"deposit 12.000000001 NMR to model {model}"
    ]
    assert shared.suite.w3.eth.get_transaction_count(account) == nonce + 1
    assert staker.stake(model).idle == 12 * NMR + 1
    assert found["model"]["idle"] == "12.000000001"
    assert found["account"]["nmr"] == "87.999999999"
    assert shared.suite.token.functions.allowance(staker.address, shared.suite.tournament.address).call() == 0


def test_a_token_without_permits_is_approved_first_and_from_zero_alone(shared: World) -> None:
    staker, model = newcomer(shared, 28)
    spender = shared.suite.tournament.address
    with proxy_of(shared.anvil.url) as proxy:
        without_permits(proxy, error(3, "execution reverted"))
        old = scientist(shared, 28, proxy.url)
        code, said = old.types("stake", "deposit", model, 10, "--dry-run")
        assert (code, "allow the tournament to take 10 NMR" in said, "~150,000" in said) == (0, True, True)
        found = old.sends("stake", "deposit", model, 10)
        assert [transaction["title"].split()[0] for transaction in found["done"]] == ["allow", "deposit"]
        assert found["done"][1]["gas"] <= 150_000
        account = shared.anvil.account(28)
        Sender(shared.suite.w3, account).send(shared.suite.token.functions.approve(spender, 1))
        found = old.sends("stake", "deposit", model, 10)
        assert [transaction["title"] for transaction in found["done"][:2]] == [
            "allow the tournament to take 0 NMR",
            "allow the tournament to take 10 NMR",
        ]
    assert staker.stake(model).idle == 20 * NMR
    assert shared.suite.token.functions.allowance(staker.address, spender).call() == 0


@pytest.mark.parametrize(
    "answer",
    [
        {"result": "0x"},
        {"result": "0x" + "11" * 32},
        error(-32_000, "invalid opcode: INVALID"),
        error(-32_003, "EVM error InvalidFEOpcode"),
    ],
)
def test_whatever_says_that_a_token_knows_no_permits_a_deposit_is_approved(
    shared: World, answer: Response
) -> None:
    with proxy_of(shared.anvil.url) as proxy:
        without_permits(proxy, answer)
        funded(shared, 38, 1)
        staker = scientist(shared, 38, proxy.url)
        code, said = staker.types("stake", "deposit", 3, 1, "--to-another", "--dry-run", "--json")
    assert code == 0, said
    assert [transaction["function"] for transaction in json.loads(said)["transactions"]] == [
        "approve",
        "deposit",
    ]


def test_an_endpoint_that_fails_is_not_taken_for_a_token_without_permits(shared: World) -> None:
    with proxy_of(shared.anvil.url) as proxy:
        without_permits(proxy, error(-32_005, "daily request count exceeded"))
        funded(shared, 38, 1)
        said = scientist(shared, 38, proxy.url).refused("stake", "deposit", 3, 1, "--to-another")
    assert "daily request count exceeded" in said


def test_an_allowance_that_suffices_is_used(shared: World) -> None:
    staker, model = newcomer(shared, 29)
    account = shared.anvil.account(29)
    Sender(shared.suite.w3, account).send(
        shared.suite.token.functions.approve(shared.suite.tournament.address, 10**20)
    )
    _, said = staker.types("stake", "deposit", model, 10, "--dry-run", "--json")
    assert [transaction["function"] for transaction in json.loads(said)["transactions"]] == ["deposit"]


def test_a_gift_is_named_one(shared: World) -> None:
    giver = funded(shared, 30)
    before = giver.stake(3).idle
    code, said = giver.types("stake", "deposit", 3, 1, "--to-another", "--yes")
    assert code == 0
    assert "who alone can withdraw" in said
    assert giver.stake(3).idle == before + NMR


def test_a_stake_is_withdrawn_in_part_to_another_and_whole(shared: World) -> None:
    staker, model = newcomer(shared, 31)
    other = scientist(shared, 32)
    staker.sends("stake", "deposit", model, 50)
    staker.sends("stake", "withdraw", model, "20.5", "--to", other.address)
    assert other.tokens() == 20_500_000_000 * 10**9
    staker.sends("stake", "withdraw", model, "--all")
    assert (staker.stake(model).idle, staker.tokens()) == (0, 79_500_000_000 * 10**9)


def test_allocations_are_amounts_or_shares_and_what_they_lock_is_shown(shared: World) -> None:
    staker, model = newcomer(shared, 33)
    staker.sends("stake", "deposit", model, 10)
    assert staker.sends("stake", "allocate", model, "2.5")["model"]["allocation"] == {"nmr": "2.5"}
    assert staker.stake(model).allocation == Allocation(amount=NanoNmr(2_500_000_000))
    by_share = staker.sends("stake", "allocate", model, "40%")["model"]
    assert (by_share["allocation"], by_share["next_position"]) == ({"share": "0.4"}, "4")
    assert staker.stake(model).allocation == Allocation(share=Ppm(400_000))
    _, said = staker.types("stake", "allocate", model, 11, "--dry-run")
    assert "note: only 10 NMR are idle, and no more is locked" in said
    staker.sends("stake", "withdraw", model, 9)
    _, said = staker.types("stake", "allocate", model, "0.5%", "--dry-run")
    assert "lock less than the least position of 0.01 NMR, so nothing" in " ".join(said.split())
    assert staker.sends("stake", "allocate", model, 0)["model"]["next_position"] == "0"


def test_the_same_command_twice_deposits_twice(shared: World) -> None:
    staker, model = newcomer(shared, 34)
    for times in (1, 2, 3):
        done = staker.sends("stake", "deposit", model, 10)["done"]
        assert [transaction["sent_by_an_earlier_command"] for transaction in done] == [False]
        assert staker.stake(model).idle == times * 10 * NMR


def without_balances_once_sent(proxy: Proxy) -> None:
    """Let the endpoint be gone when the state after a transaction is read."""
    sent: list[Request] = []

    def send(request: Request, _forward: Forward) -> Response | None:
        sent.append(request)
        return None

    def die(request: Request, _forward: Forward) -> Response | None:
        if sent and request["params"][0].get("data", "").startswith(BALANCE_OF):
            raise NoAnswer
        return None

    proxy.misbehave("eth_sendRawTransaction", send).misbehave("eth_call", die)


def test_what_was_done_is_reported_although_nothing_can_be_read_afterwards(shared: World) -> None:
    staker, model = newcomer(shared, 22)
    with proxy_of(shared.anvil.url) as proxy:
        without_balances_once_sent(proxy)
        cut_off = scientist(shared, 22, proxy.url)
        code, said = cut_off.types("stake", "deposit", model, 10, "--yes")
    assert code == 0, said
    assert f"deposit 10 NMR to model {model}: block" in said
    assert "note: what came of it could not be read: Unreachable" in said
    with proxy_of(shared.anvil.url) as proxy:
        without_balances_once_sent(proxy)
        found = scientist(shared, 22, proxy.url).sends("stake", "deposit", model, 10)
    assert [transaction["title"] for transaction in found["done"]] == [f"deposit 10 NMR to model {model}"]
    assert "what came of it could not be read: Unreachable" in found["notes"][-1]
    assert "account" not in found
    with proxy_of(shared.anvil.url) as proxy:
        without_balances_once_sent(proxy)
        (registered,) = scientist(shared, 22, proxy.url).sends("model", "register")["done"]
    assert shared.suite.registry.functions.ownerOf(registered["model"]).call() == staker.address
    assert staker.stake(model).idle == 20 * NMR
    assert not staker.sends("stake", "deposit", model, 10)["done"][0]["sent_by_an_earlier_command"]


@pytest.mark.parametrize("label", ["executed", "acknowledging"])
def test_a_deposit_that_no_document_reported_is_reported_and_not_sent_again(
    shared: World, monkeypatch: pytest.MonkeyPatch, label: str
) -> None:
    def die() -> None:
        raise Cut

    staker, model = newcomer(shared, 23)
    monkeypatch.setattr(failpoints, "_die", die)
    monkeypatch.setenv(failpoints.VARIABLE, f"{label}@deposit")
    with pytest.raises(Cut):
        staker.types("stake", "deposit", model, 10, "--yes", "--json")
    monkeypatch.delenv(failpoints.VARIABLE)
    (done,) = staker.sends("stake", "deposit", model, 10)["done"]
    assert done["sent_by_an_earlier_command"]
    assert staker.stake(model).idle == 10 * NMR


@pytest.mark.parametrize("as_json", [True, False])
def test_what_an_earlier_command_left_is_reported_before_anything_is_refused(
    shared: World, monkeypatch: pytest.MonkeyPatch, *, as_json: bool
) -> None:
    def die() -> None:
        raise Cut

    staker, model = newcomer(shared, 24)
    other, before = scientist(shared, 21), scientist(shared, 21).tokens()
    withdrawing = ["stake", "withdraw", model, 4, "--to", other.address]
    staker.sends("stake", "deposit", model, 10)
    monkeypatch.setattr(failpoints, "_die", die)
    monkeypatch.setenv(failpoints.VARIABLE, "before-broadcast@withdraw")
    with pytest.raises(Cut):
        staker.types(*withdrawing, "--yes")
    monkeypatch.delenv(failpoints.VARIABLE)
    code, said = staker.types("stake", "allocate", model, 3, *(["--json"] if as_json else []))
    assert code == 1
    assert f"withdraw 4 NMR of model {model} to {other.address} (sent by an earlier command)" in said
    assert "found neither; nothing more was sent" in said
    if as_json:  # no document has reported it yet
        assert staker.sends(*withdrawing)["done"][0]["sent_by_an_earlier_command"]
    assert other.tokens() - before == 4 * 10**18
    assert not staker.sends(*withdrawing)["done"][0]["sent_by_an_earlier_command"]
    assert other.tokens() - before == 8 * 10**18


def test_no_more_is_signed_than_was_shown(shared: World) -> None:
    funded(shared, 20)
    tried: list[Request] = []
    sent: list[Request] = []

    def count(request: Request, _forward: Forward) -> Response | None:
        tried.append(request)
        return None

    def send(request: Request, _forward: Forward) -> Response | None:
        sent.append(request)
        return None

    def expensive(request: Request, forward: Forward) -> Response | None:
        answer: Any = forward(request)
        if len(tried) >= 2:  # the first is the one that is shown
            answer["result"]["baseFeePerGas"] = hex(3000 * 10**9)
        return dict(answer)

    with proxy_of(shared.anvil.url) as proxy:
        proxy.misbehave("eth_estimateGas", count).misbehave("eth_sendRawTransaction", send)
        proxy.misbehave("eth_getBlockByNumber", expensive)
        code, said = scientist(shared, 20, proxy.url).types("model", "register", "--yes")
    assert (code, sent) == (1, [])
    assert "gas costs 3001.000 gwei now" in said


def test_what_is_asked_for_is_shown_also_where_a_document_is_wanted(shared: World) -> None:
    staker, model = newcomer(shared, 19)
    other = scientist(shared, 21)
    staker.sends("stake", "deposit", model, 10)
    command = ["stake", "withdraw", model, 1, "--to", other.address]
    code, said = typed([*command, *staker.chain, *staker.key, "--json"], ["n"])
    shown, asked, _ = said.partition("Send this transaction for at most")
    assert (code, bool(asked)) == (1, True)
    assert f"withdraw 1 NMR of model {model} to" in shown
    assert f"note: {other.address} is not your address" in shown
    assert staker.sends(*command)["notes"] == [f"{other.address} is not your address"]


def test_a_transaction_that_another_wallet_has_waiting_is_not_replaced(shared: World) -> None:
    staker, chain = funded(shared, 18), shared.suite.w3
    account = shared.anvil.account(18)
    address = chain.to_checksum_address(staker.address)
    payment: Any = {
        "chainId": 31337,
        "nonce": chain.eth.get_transaction_count(address),
        "to": scientist(shared, 21).address,
        "value": 1,
        "gas": 21_000,
        "maxFeePerGas": 10**9 + 10**6,
        "maxPriorityFeePerGas": 10**9,
        "type": 2,
    }
    shared.anvil.mines(at_once=False)
    try:
        sent = chain.eth.send_raw_transaction(account.sign_transaction(payment).raw_transaction)
        said = staker.refused("model", "register")
        shared.anvil.advance_to(shared.now + 1)
    finally:
        shared.anvil.mines(at_once=True)
    assert f"expected no transaction of {staker.address} that waits, found 1 of another wallet" in said
    assert chain.eth.get_transaction_receipt(sent)["status"] == 1
    staker.sends("model", "register")


@pytest.mark.parametrize("answer", [error(-32_602, "unsupported block tag: pending"), {"result": None}])
def test_an_endpoint_that_serves_no_pending_block_is_as_good_as_any(shared: World, answer: Response) -> None:
    def refuse(request: Request, _forward: Forward) -> Response | None:
        return answer if request["params"][1] == "pending" else None

    funded(shared, 17)
    with proxy_of(shared.anvil.url) as proxy:
        proxy.misbehave("eth_getTransactionCount", refuse)
        assert scientist(shared, 17, proxy.url).sends("model", "register")["done"]


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("eth_call", {"result": "0x"}),
        ("eth_call", {"result": None}),
        ("eth_call", {"answer": "0x"}),
        ("eth_getBalance", {"result": "plenty"}),
        ("eth_getBalance", {"result": None}),
        ("eth_estimateGas", {"result": None}),
    ],
)
def test_whatever_an_endpoint_answers_is_reported_in_one_line(
    shared: World, method: str, answer: Response
) -> None:
    with proxy_of(shared.anvil.url) as proxy:
        proxy.misbehave(method, lambda request, forward: answer)
        said = scientist(shared, 10, proxy.url).refused("stake", "withdraw", 3, 1)
    assert said.startswith("cupel: endpoint 127.0.0.1:")
    assert "expected an answer" in said


def test_a_permit_is_signed_when_it_is_sent_and_no_sooner(shared: World) -> None:
    staker, model = newcomer(shared, 16)
    deposit = ["stake", "deposit", model, 10]
    code, said = run(*deposit, *staker.chain, "--keystore", staker.keystore, "--dry-run", "--json")
    assert code == 0, said  # without a password
    (shown,) = json.loads(said)["transactions"]
    assert (shown["function"], shown["data"]) == ("depositWithPermit", None)
    code, said = typed([*deposit, *staker.chain, "--keystore", staker.keystore], ["n"])
    assert (code, "Send this transaction" in said, "Password" in said) == (1, True, False)
    (done,) = staker.sends(*deposit)["done"]
    assert done["gas"] <= PERMIT_GAS


@pytest.mark.parametrize("label", CUTS)
def test_a_deposit_that_is_cut_off_anywhere_happens_once_when_it_is_typed_again(
    shared: World, monkeypatch: pytest.MonkeyPatch, label: str
) -> None:
    def die() -> None:
        raise Cut

    staker = funded(shared, 35, 30)
    model = int(staker.sends("model", "register")["model"]["model"])
    monkeypatch.setattr(failpoints, "_die", die)
    monkeypatch.setenv(failpoints.VARIABLE, f"{label}@deposit")
    with pytest.raises(Cut):
        staker.types("stake", "deposit", model, 10, "--yes")
    monkeypatch.delenv(failpoints.VARIABLE)
    code, said = staker.types("stake", "deposit", model, 10, "--yes")
    assert code == 0, said
    assert staker.stake(model).idle == 10 * NMR
    assert f"{nmr_text(10 * NMR)} NMR idle" in said
    signed = label not in ("tried", "planned", "before-sign-commit")
    assert ("(sent by an earlier command)" in said) == signed
    assert ("nothing more was sent" in said) == signed


def test_what_was_cut_off_is_finished_by_the_next_command_whatever_it_is(
    shared: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die() -> None:
        raise Cut

    staker, model = newcomer(shared, 36)
    staker.sends("stake", "deposit", model, 10)
    monkeypatch.setattr(failpoints, "_die", die)
    monkeypatch.setenv(failpoints.VARIABLE, "before-broadcast@withdraw")
    with pytest.raises(Cut):
        staker.types("stake", "withdraw", model, 4, "--yes")
    monkeypatch.delenv(failpoints.VARIABLE)
    done = staker.sends("stake", "allocate", model, 3)["done"]
    assert [
        (transaction["title"].split()[0], transaction["sent_by_an_earlier_command"]) for transaction in done
    ] == [
        ("withdraw", True),
        ("put", False),
    ]
    assert staker.stake(model).idle == 6 * NMR
    staker.sends("stake", "withdraw", model, 4)
    assert staker.stake(model).idle == 2 * NMR


def test_two_commands_at_a_time_with_one_keystore_are_refused(shared: World) -> None:
    owner = scientist(shared, 10)
    with Journal.open(journal_path(shared.suite.w3, owner.keystore, 31337)):
        assert "found another process at work with it" in owner.refused("stake", "allocate", 3, 1)


def test_a_revert_between_check_and_block_is_reported_by_the_contracts_own_error(shared: World) -> None:
    staker, model = newcomer(shared, 37)
    staker.sends("stake", "deposit", model, 10)

    def nothing_idle(request: Request, forward: Forward) -> Response | None:
        """Let the tries fail as they would had the stake been locked in the meantime."""
        call = request["params"][0]
        data = call["data"][:10] + call["data"][10:74] + f"{11 * 10**18:064x}" + call["data"][138:]
        return forward({**request, "params": [{**call, "data": data}, *request["params"][1:]]})

    with proxy_of(shared.anvil.url) as proxy:
        proxy.misbehave("eth_estimateGas", nothing_idle)
        said = scientist(shared, 37, proxy.url).refused("stake", "withdraw", model, 10)
    assert f"withdraw 10 NMR of model {model} to {staker.address} reverts: InsufficientIdle(" in said
    assert f"idle={10 * NMR}, amount={11 * NMR})" in said


def test_a_paused_tournament_takes_no_deposit_and_gives_back(world: World) -> None:
    guardian = Sender(world.suite.w3, world.anvil.account(2))
    owner = scientist(world, 10)
    guardian.send(world.suite.tournament.functions.pause(3600))
    said = owner.refused("stake", "deposit", 3, 1)
    assert "found one that is paused for" in said
    assert owner.sends("stake", "withdraw", 3, 1)["model"]["idle"] == "99"


@begins(one_sealed)
def test_show_adds_up_what_is_idle_and_at_risk(world: World) -> None:
    round_id = FIRST
    owner = scientist(world, 10)
    shown = ["stake", "show", *owner.chain]
    code, said = run(*shown, "--keystore", owner.keystore, "--json")
    assert code == 0
    models = {stake["model"]: stake for stake in json.loads(said)["models"]}
    assert sorted(models) == [3, 6, 9]
    assert models[3]["at_risk"] == {str(round_id): "25"}
    assert (models[3]["idle"], models[3]["total"], models[3]["next_position"]) == ("75", "100", "18.75")
    assert models[6]["at_risk"] == {str(round_id): "30"}
    code, said = run(*shown, "--owner", owner.address, "--quick", "--json")
    assert "at_risk" not in json.loads(said)["models"][0]
    world.settle(round_id)
    code, said = run(*shown, 3)
    assert (code, "│     3 │" in said) == (0, True)
    assert "all" in said
    code, said = run(*shown, 3, "--json")
    assert json.loads(said)["models"][0]["at_risk"] == {}
    code, said = run(*shown, MODELS + 1)
    assert (code, f"expected a model from 1 to {MODELS}, found {MODELS + 1}" in said) == (1, True)
    code, said = run(*shown)
    assert (code, "expected models' numbers, --owner or --keystore, found none" in said) == (1, True)
