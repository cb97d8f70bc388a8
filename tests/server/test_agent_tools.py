"""Agents' tools against a server that lies: contracts are the user's own, and commands are safe to copy."""

import shlex
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest

from scorer.chain.records import Addresses
from scorer.server.agent_api import RemoteApi
from scorer.server.agent_submission import confirmation
from scorer.server.agent_tools import (
    list_tournaments,
    prepare_stake_calls,
    prepare_submission_signature,
    verify_round,
)
from scorer.server.errors import ApiError
from scorer.server.known_servers import ServerChanged
from scorer.server.upstream import Upstream
from tests.server.loopback import served
from tests.server.other_server import OtherServer, addresses, with_another

OWN = addresses(1)
Ask = Callable[[RemoteApi], Any]
CALLS: dict[str, dict[str, Any]] = {
    "deposit": {"action": "deposit", "model_id": "1", "value": "5"},
    "submitter": {"action": "submitter", "model_id": "1", "value": "0x" + "11" * 20},
}
SIGNED: dict[str, Any] = {"model_id": "1", "round_number": 2, "content_hash": "0x" + "11" * 32}


def api(url: str, own: Addresses | None) -> RemoteApi:
    return RemoteApi(Upstream(url), None, own)


def test_what_a_wallet_is_to_sign_names_the_contracts_of_the_user_s_file() -> None:
    with served(OtherServer(OWN)) as url:
        mine = api(url, OWN)
        approve, deposit = prepare_stake_calls(mine, **CALLS["deposit"])["unsigned_transactions"]
        assert (approve["to"], deposit["to"]) == (OWN.numeraire, OWN.tournament)
        assert OWN.tournament[2:] in approve["data"]
        (submitter,) = prepare_stake_calls(mine, **CALLS["submitter"])["unsigned_transactions"]
        assert submitter["to"] == OWN.registry
        found = prepare_submission_signature(mine, **SIGNED)
        assert found["typed_data"]["domain"]["verifyingContract"] == OWN.tournament
        assert found["addresses_from"] == "your own deployment file"


@pytest.mark.parametrize("name", sorted(set(vars(OWN)) - {"chain_id", "block"}))
def test_a_server_that_names_another_contract_is_refused_by_its_name(name: str) -> None:
    other = "0x" + "99" * 20
    with served(OtherServer(with_another(OWN, name, other))) as url:
        asked: tuple[Ask, ...] = (
            lambda mine: prepare_stake_calls(mine, **CALLS["deposit"]),
            lambda mine: prepare_submission_signature(mine, **SIGNED),
            list_tournaments,
        )
        for ask in asked:
            with pytest.raises(ServerChanged, match=f"expected {name} {getattr(OWN, name)}.*found {other}"):
                ask(api(url, OWN))


def test_a_server_of_another_chain_is_refused() -> None:
    with (
        served(OtherServer(replace(OWN, chain_id=1))) as url,
        pytest.raises(ServerChanged, match="expected chain_id 31337"),
    ):
        prepare_stake_calls(api(url, OWN), **CALLS["deposit"])


def test_a_server_that_names_two_tournaments_is_refused() -> None:
    server = OtherServer(OWN)
    said = server.document() | {"tournament": "0x" + "99" * 20}
    server.document = lambda: said  # type: ignore[method-assign]
    with served(server) as url, pytest.raises(ApiError, match="one tournament"):
        list_tournaments(api(url, OWN))


def test_without_a_file_of_one_s_own_nothing_is_prepared_on_a_server_s_word() -> None:
    with served(OtherServer(OWN)) as url:
        asked: tuple[Ask, ...] = (
            lambda mine: prepare_stake_calls(mine, **CALLS["deposit"]),
            lambda mine: prepare_submission_signature(mine, **SIGNED),
        )
        for ask in asked:
            with pytest.raises(ApiError, match="expected your own deployment file"):
                ask(api(url, None))
        assert list_tournaments(api(url, None))["tournaments"], "what is public is shown"


HOSTILE = (
    "https://host/rounds/1; rm -rf ~",
    "https://host/rounds/1$(touch x)`touch y`",
    "https://host/rounds/1' --endpoint http://evil '",
    'https://host/"&&id',
    "http://host/#|sh",
    "https://h\u00f6st/*?[a]{b,c}",
)


def record(url: object) -> OtherServer:
    return OtherServer(OWN, {"roundRecord": {"number": 1, "isScored": False, "url": url}})


@pytest.mark.parametrize("hostile", HOSTILE)
def test_the_command_that_verifies_a_round_is_one_command_whatever_a_server_names(hostile: str) -> None:
    with served(record(hostile)) as url:
        command = verify_round(api(url, OWN), round_number=1)["command"]
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    options = ["--endpoint", "$RPC", "--deployment", "deployment.json"]
    assert list(lexer) == ["cupel", "verify", hostile, *options]


@pytest.mark.parametrize("hostile", ["--replay=x", "-x", "rounds/1", "https://", "https://h/\n1", None, 7])
def test_what_is_no_url_is_put_into_no_command(hostile: object) -> None:
    with served(record(hostile)) as url, pytest.raises(ApiError, match="found another text"):
        verify_round(api(url, OWN), round_number=1)


def test_a_code_confirms_one_file_of_one_model_in_one_round_of_one_tournament_on_one_chain() -> None:
    sha256 = "ab" * 32
    codes = [
        confirmation((1, OWN.tournament, 2), 3, sha256),
        confirmation((2, OWN.tournament, 2), 3, sha256),
        confirmation((1, OWN.registry, 2), 3, sha256),
        confirmation((1, OWN.tournament, 3), 3, sha256),
        confirmation((1, OWN.tournament, 2), 2, sha256),
        confirmation((1, OWN.tournament, 2), 3, "ba" * 32),
        confirmation((1, OWN.tournament, 23), 3, sha256),
        confirmation((1, OWN.tournament, 2), 33, sha256),
    ]
    assert all(one != other for one, other in combinations(codes, 2))
    assert codes[0] == confirmation((1, OWN.tournament.lower(), 2), 3, sha256.upper())
