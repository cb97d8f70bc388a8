"""JSON that has one meaning only, and where two documents differ."""

import pytest

from scorer.rounds.documents import document_differences, from_hex, parse_json, to_hex


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'{"a": 1, "a": 2}', "expected each name once, found a again"),
        (b'{"x": {"b": 1, "c": 2, "b": 1}}', "expected each name once, found b again"),
        (b'{"a": NaN}', "expected a number, found NaN"),
        (b"[-Infinity]", "expected a number, found -Infinity"),
        (b"[1e999]", "inf"),
        (b"[9007199254740993]", "9007199254740993"),
        (b"[" * 100_000, "found more than can be read"),
        (b'"\\ud800"', "non-UTF-8"),
        (b"\xff", "utf-8"),
        (b"", "Expecting value"),
    ],
)
def test_json_that_others_may_read_in_another_way_is_refused(text: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_json(text)


def test_plain_json_is_read() -> None:
    assert parse_json(b'{"a": [1, "b", null, true]}') == {"a": [1, "b", None, True]}


@pytest.mark.parametrize("content", [b"", b"\0", bytes(range(256))])
def test_bytes_survive_the_way_to_hex_and_back(content: bytes) -> None:
    assert from_hex(to_hex(content)) == content


@pytest.mark.parametrize("text", ["", "ab", "0xA0", "0x0", "0xzz", "1xab", "0x ab", "0x\nab"])
def test_hex_in_another_spelling_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected 0x and lower-case hex, found"):
        from_hex(text)


def test_differences_are_named_by_their_path() -> None:
    expected = {"a": {"b": 1, "c": "x"}, "d": 2}
    found = {"a": {"b": 2, "c": "x"}, "e": 3}
    assert list(document_differences(expected, found)) == [
        ("a.b", 1, 2),
        ("d", 2, "nothing"),
        ("e", "nothing", 3),
    ]


def test_one_is_not_true_and_not_a_float() -> None:
    assert list(document_differences({"a": 1}, {"a": True})) == [("a", 1, True)]
    assert list(document_differences({"a": 1}, {"a": 1.0})) == [("a", 1, 1.0)]


def test_equal_documents_do_not_differ() -> None:
    assert list(document_differences({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]})) == []
