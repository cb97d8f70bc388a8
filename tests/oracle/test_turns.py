"""Members take turns, in another order every round."""

from collections import Counter

from scorer.oracle.turns import turn_of

MEMBERS = ["0x" + f"{number:040x}" for number in range(0xA1, 0xA6)]


def test_every_member_has_another_turn_and_all_agree_on_it() -> None:
    for round_id in range(1, 20):
        assert sorted(turn_of(member, MEMBERS, round_id) for member in MEMBERS) == list(range(5))
        mixed = [member.upper().replace("0X", "0x") for member in reversed(MEMBERS)]
        assert [turn_of(m, mixed, round_id) for m in MEMBERS] == [
            turn_of(m, MEMBERS, round_id) for m in MEMBERS
        ]


def test_turns_change_from_round_to_round_and_favour_nobody() -> None:
    firsts = Counter(min(MEMBERS, key=lambda m: turn_of(m, MEMBERS, number)) for number in range(500))
    assert set(firsts) == set(MEMBERS)
    assert min(firsts.values()) > 60


def test_one_who_is_no_member_comes_last() -> None:
    assert turn_of("0x" + "00" * 20, MEMBERS, 1) == 5
