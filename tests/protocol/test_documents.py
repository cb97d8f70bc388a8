"""JSON that has one meaning only, and where two documents differ."""

import pytest

from scorer.protocol.documents import (
    ABSENT,
    LARGEST,
    address,
    amount,
    check_fields,
    document_differences,
    from_hex,
    parse_json,
    shown,
    to_hex,
    whole,
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'{"a": 1, "a": 2}', "expected each name once, found a again"),
        (b'{"x": {"b": 1, "c": 2, "b": 1}}', "expected each name once, found b again"),
        (b'{"a": NaN}', "expected a number, found NaN"),
        (b"[-Infinity]", "expected a number, found -Infinity"),
        (b"[1e999]", "expected a whole number, found 1e999"),
        (b"[1e400]", "expected a whole number, found 1e400"),
        (b"[1.0]", "expected a whole number, found 1.0"),
        (b"[-0]", "expected a whole number from -9007199254740991 to 9007199254740991, found -0"),
        (b"[-0.0]", "expected a whole number, found -0.0"),
        (b"[9007199254740992]", "9007199254740992"),
        (b"[-9007199254740992]", "-9007199254740992"),
        (b"[" + b"9" * 100_000 + b"]", r"found 9{100}\.\.\. \(100000 characters\)"),
        (b"[" * 33 + b"]" * 33, "at most 32 levels"),
        (b'{"a":' * 100_000, "at most 32 levels"),
        (b"\xef\xbb\xbf{}", "BOM"),
        ('{"a": 1}'.encode("utf-16"), "utf-8"),
        ('{"a": 1}'.encode("utf-32-le"), "Expecting"),
        (b"{} {}", "Extra data"),
        (b"{}\0", "Extra data"),
        (b'"\xed\xa0\x80"', "utf-8"),
        (b'{"\\ud800": 1}', "surrogates"),
        (b"01", "Extra data"),
        (b"+1", "Expecting value"),
        (b"[1,]", "Expecting|trailing"),
        (b"'a'", "Expecting value"),
        (b'"\n"', "control character"),
        (b"[" * 100_000, "found more than can be read"),
        (b'"\\ud800"', "surrogates"),
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
        ("d", 2, ABSENT),
        ("e", ABSENT, 3),
    ]
    assert str(ABSENT) == "nothing"


def test_the_text_nothing_is_not_the_same_as_no_field() -> None:
    assert list(document_differences({}, {"a": "nothing"})) == [("a", ABSENT, "nothing")]


def test_items_of_lists_are_compared_as_strictly_as_fields() -> None:
    assert list(document_differences({"a": [1, [2]]}, {"a": [1, [True], 3]})) == [
        ("a.1.0", 2, True),
        ("a.2", ABSENT, 3),
    ]


def test_names_that_are_there_twice_are_counted_in_no_time_and_a_few_are_shown() -> None:
    names = [f"n{number:05}" for number in range(50_000)] * 2
    text = "{" + ",".join(f'"{name}":1' for name in names) + "}"
    with pytest.raises(ValueError, match=r"once, found n00000, n00001, n00002 and 49997 more again$"):
        parse_json(text.encode())


def test_what_somebody_else_wrote_is_shown_in_one_short_line() -> None:
    assert shown("a\n\x1b[2J\u202e") == r"a\n\x1b[2J\u202e"
    assert shown("x" * 10**6) == "x" * 100 + "... (1000000 characters)"
    with pytest.raises(ValueError, match=r"found '0x12{96}\.\.\. \(1000003 characters\)$"):
        from_hex("0x1" + "2" * 999_998)


@pytest.mark.parametrize("text", [None, 5, ["0x"], b"0x00"])
def test_what_is_no_text_is_no_hex(text: object) -> None:
    with pytest.raises(ValueError, match="expected 0x and lower-case hex, found"):
        from_hex(text)


@pytest.mark.parametrize("value", [-1, True, "1", 1.0, None, [], ABSENT])
def test_a_field_that_is_no_whole_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="expected a whole number from 0 on as a, found"):
        whole({"a": value}, "a")
    assert whole({"a": LARGEST}, "a") == LARGEST


@pytest.mark.parametrize(
    "value", ["-1", "01", "1_0", "\u0661", " 1", "1.0", "", 1, None, "9" * 10**5, str(2**64)]
)
def test_a_field_that_is_no_amount_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"as a, found .{1,140}$"):
        amount({"a": value}, "a")
    assert (amount({"a": "0"}, "a"), amount({"a": str(2**64 - 1)}, "a")) == (0, 2**64 - 1)


def test_an_address_is_written_in_one_way() -> None:
    good = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
    assert address({"a": good}, "a") == good
    for value in (good.lower(), good.replace("x", "X"), good[:-1], good[2:], 5, None, good.encode()):
        with pytest.raises(ValueError, match="expected an address with its checksum as a, found"):
            address({"a": value}, "a")


def test_an_object_has_the_fields_that_are_declared_and_no_other() -> None:
    check_fields({"a": 1, "b": ""}, {"a": int}, {"b": str, "c": dict})
    with pytest.raises(KeyError, match="a"):
        check_fields({}, {"a": int})
    for document, reason in (
        ([], r"expected an object, found \[\]"),
        ({"a": True}, "expected a whole number as a, found True"),
        ({"a": 1, "c": []}, r"expected a dict as c, found \[\]"),
        ({"a": 1, "d": 2}, "expected no field but a, found d"),
    ):
        with pytest.raises(ValueError, match=reason):
            check_fields(document, {"a": int}, {"c": dict})


def test_one_is_not_true_and_not_a_float() -> None:
    assert list(document_differences({"a": 1}, {"a": True})) == [("a", 1, True)]
    assert list(document_differences({"a": 1}, {"a": 1.0})) == [("a", 1, 1.0)]


def test_equal_documents_do_not_differ() -> None:
    assert list(document_differences({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]})) == []
