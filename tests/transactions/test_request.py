"""Keys of requests print and parse themselves, and calls become requests byte for byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web3 import Web3

from scorer.chain.artifacts import abi
from scorer.transactions.request import RequestKey, TransactionRequest, scope_of

ACCOUNT = "0x" + "Cd" * 20
TOURNAMENT = "0x" + "Ab" * 20
SCOPE = scope_of(137, TOURNAMENT)
WRITTEN = {
    f"{SCOPE}:412:settle:3": RequestKey(SCOPE, "settle", "3", 412),
    f"{SCOPE}:412:challenge": RequestKey(SCOPE, "challenge", None, 412),
    f"{SCOPE}:412:attest:ff00:disputed:00ff": RequestKey(SCOPE, "attest", "ff00:disputed:00ff", 412),
    f"{SCOPE}:0:open:ffff": RequestKey(SCOPE, "open", "ffff", 0),
    f"{SCOPE}:412:lock:256": RequestKey(SCOPE, "lock", "256", 412),
    f"{SCOPE}:create:tournament.classic": RequestKey(SCOPE, "create", "tournament.classic"),
    f"{SCOPE}:assign:roller:OPERATOR": RequestKey(SCOPE, "assign", "roller:OPERATOR"),
    f"{ACCOUNT}:deposit:{TOURNAMENT}:3:25#0": RequestKey(ACCOUNT, "deposit", f"{TOURNAMENT}:3:25", None, 0),
    f"{ACCOUNT}:remove-absent:{TOURNAMENT}:{ACCOUNT}#17": RequestKey(
        ACCOUNT, "remove-absent", f"{TOURNAMENT}:{ACCOUNT}", None, 17
    ),
}
"""A text of every form that this and earlier releases wrote."""


@pytest.mark.parametrize("text", WRITTEN)
def test_a_key_has_the_text_that_earlier_releases_wrote(text: str) -> None:
    assert str(WRITTEN[text]) == text
    assert RequestKey.parse(text) == WRITTEN[text]


SCOPES = st.sampled_from([SCOPE, ACCOUNT, "31337:0xAb", "0x1_a"])
NUMBERS = st.integers(0, 10**18 - 1)
DETAILS = st.none() | st.text() | st.text("0123456789:#ab", max_size=6)
KINDS = st.from_regex(r"[a-z]{1,32}", fullmatch=True) | st.sampled_from(["remove-absent", "Settle", "", "7"])


@given(SCOPES, KINDS, DETAILS, st.none() | NUMBERS, st.none() | NUMBERS)
def test_a_key_is_read_back_as_what_it_is_or_cannot_be_made(
    scope: str, kind: str, detail: str | None, round_id: int | None, number: int | None
) -> None:
    try:
        key = RequestKey(scope, kind, detail, round_id, number)
    except ValueError:
        return
    assert RequestKey.parse(str(key)) == key
    assert RequestKey.of(scope, key.meaning, round_id=round_id, number=number) == key


@given(
    st.from_regex(
        r"([0-9]{1,3}:)?0x[a-f]{1,3}:([0-9]{1,3}:)?[a-z]{0,3}(:[0-9#:]{0,3})?(#[0-9]{1,2})?", fullmatch=True
    )
)
def test_a_text_that_is_read_as_a_key_is_printed_as_it_was(text: str) -> None:
    key = RequestKey.parse(text)
    assert key is None or str(key) == text


@pytest.mark.parametrize("detail", [None, "3", "a:b"])
@pytest.mark.parametrize("round_id", [None, 7])
def test_every_detail_of_letters_and_digits_makes_a_key(detail: str | None, round_id: int | None) -> None:
    assert RequestKey(SCOPE, "settle", detail, round_id).detail == detail


@pytest.mark.parametrize(
    "parts",
    [
        (SCOPE, "Settle", None, 7, None),
        (SCOPE, "settle", None, -7, None),
        (SCOPE, "settle", None, 7, 3),
        (SCOPE, "settle", "1#2", None, None),
        (ACCOUNT, "settle", "1", 7, None),
        ("gap", "settle", None, None, None),
    ],
)
def test_a_key_that_would_be_read_as_another_is_refused(
    parts: tuple[str, str, str | None, int | None, int | None],
) -> None:
    with pytest.raises(ValueError, match="expected the parts of a request key"):
        RequestKey(*parts)


def test_a_request_is_made_of_a_call_byte_for_byte_as_web3_encodes_it() -> None:
    contract = Web3().eth.contract(address=Web3.to_checksum_address(TOURNAMENT), abi=abi("OracleCommittee"))
    report = (412, 1, b"\1" * 32, 5, 6, b"\2" * 32)
    for name, arguments in (
        ("attest", (contract.address, report)),
        ("countSignature", (contract.address, 412, contract.address, b"\3" * 65)),
        ("quorum", ()),
    ):
        call = contract.get_function_by_name(name)(*arguments)
        request = TransactionRequest.of(
            call, RequestKey(SCOPE, "attest"), not_after=9, known_at=8, spare_gas=7
        )
        assert Web3.to_hex(request.data) == contract.encode_abi(name, args=arguments)
        assert (request.key, request.to) == (f"{SCOPE}:attest", contract.address)
        assert (request.not_after, request.known_at, request.spare_gas) == (9, 8, 7)
