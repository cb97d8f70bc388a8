"""Rules: the preset, its hash, both forms of the document, and every way to get it wrong."""

import copy
import hashlib
import json
import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from scorer.protocol.rules import Rules, RulesError, load_rules, preset, read_rules, rules_from

CLASSIC = (
    b'{"factors":[{"multiplier":"0.5","score":"corr","target":"target_20d2l"},'
    b'{"multiplier":"2","score":"mmc","target":"target_20d2l"}],"horizon":{"lag":2,"sessions":20},'
    b'"name":"classic","schedule":{"calendar":"XNYS","report_days":14,"resolve_hours":48,"timezone":"UTC",'
    b'"windows":[{"closes_at":"13:00","days":["tuesday","wednesday","thursday","friday"],"days_open":0,'
    b'"opens_at":"12:00"},{"closes_at":"14:00","days":["saturday"],"days_open":1,"opens_at":"12:00"}]},'
    b'"scoring":1,"secrecy":{"meta_model":"at the resolution","predictions":"never",'
    b'"submissions":"encrypted"},'
    b'"stake":{"cap":"0.05","minimum_position":"0.01","threshold":"72000"},"version":1}'
)
CLASSIC_HASH = "ba207909174bc205c20582796f2bb26f871935b275a2a24a1c3af22e48dbaeee"
CLEAR_HASH = "d00777259fa91045ae02ae3dc81c46314af2092ed2a5485664a029456fc31a13"
"""Of the same rules without the section secrecy, as they were before it existed."""
NMR = 10**9
PORTFOLIO = {"max_position": "0.02", "max_leverage": "1", "risk_aversion": "10"}
PRESETS = (
    "classic",
    "classic-adjusted",
    "classic-atomic",
    "classic-atomic-60",
    "crypto",
    "crypto-atomic",
    "cupel",
    "signals",
    "signals-atomic",
)


def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(CLASSIC)
    return found


def changed(path: str, value: object) -> dict[str, Any]:
    """The classic rules with one field set; `path` such as ``factors.0.score``."""
    whole = document()
    *parents, last = path.split(".")
    part: Any = whole
    for name in parents:
        part = part[int(name) if name.isdigit() else name]
    part[last] = value
    return whole


def test_the_classic_preset_is_what_numerai_documents() -> None:
    rules = preset("classic")
    assert rules.multipliers == (("corr_target_20d2l", 500_000), ("mmc_target_20d2l", 2_000_000))
    assert (rules.stake.cap, rules.stake.threshold) == (50_000, 72_000 * NMR)
    assert rules.stake.minimum_position == NMR // 100
    assert rules.targets == ("target_20d2l",)
    assert (rules.horizon.sessions, rules.horizon.lag) == (20, 2)


PUBLISHED_TERMS: dict[str, tuple[list[tuple[str, int]], int, int]] = {
    "classic-atomic": ([("corr_target_20d2l", 5), ("mmc_target_20d2l", 10)], 1_000_000, 11_000_000),
    "classic-atomic-60": ([("corr_target_60d2l", 3), ("mmc_target_60d2l", 15)], 1_000_000, 11_000_000),
    "signals-atomic": ([("alpha_target_60d2l", 4), ("mpc_target_60d2l", 8)], 1_000_000, 11_000_000),
    "crypto": ([("mmc_target_20d2l", 1)], 50_000, 10_000),
}


@pytest.mark.parametrize("name", PUBLISHED_TERMS)
def test_the_other_presets_are_what_numerai_publishes(name: str) -> None:
    factors, cap, threshold = PUBLISHED_TERMS[name]
    rules = preset(name)
    assert list(rules.multipliers) == [(factor, times * 1_000_000) for factor, times in factors]
    assert (rules.stake.cap, rules.stake.threshold) == (cap, threshold * NMR)


def test_multipliers_below_one_are_exact() -> None:
    assert preset("signals").multipliers == (("alpha_target_60d2l", 300_000), ("mpc_target_60d2l", 800_000))
    assert preset("signals").stake.cap == 17_000
    assert preset("crypto-atomic").multipliers[0] == ("corr_target_20d2l", 100_000)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_named_as_its_file_and_survives_canonical_json(name: str) -> None:
    rules = preset(name)
    assert rules.name == name
    assert read_rules(rules.canonical_json(), name) == rules


def test_no_payout_is_scaled_down_in_an_atomic_preset() -> None:
    """The threshold is the token's cap on all that is ever minted."""
    for name in PRESETS:
        if "atomic" in name:
            assert preset(name).stake.threshold == 11_000_000 * NMR


def with_scores(*scores: str, **sections: object) -> Rules:
    factors = [{"score": each, "target": "target_20d2l", "multiplier": "1"} for each in scores]
    return rules_from({**document(), "factors": factors, **sections}, "x")


@pytest.mark.parametrize(
    ("scores", "needs"),
    [
        (("corr", "mmc"), {}),
        (("corr", "fnc"), {"features": "factors.1.score = fnc"}),
        (("bmc",), {"benchmark_meta_model": "factors.0.score = bmc"}),
        (
            ("alpha", "mpc"),
            {"neutralizers": "factors.0.score = alpha", "sample_weights": "factors.0.score = alpha"},
        ),
    ],
)
def test_rules_say_which_inputs_they_need_and_why(scores: tuple[str, ...], needs: dict[str, str]) -> None:
    assert with_scores(*scores).needs == needs


def test_tc_and_the_adjusters_need_inputs_too() -> None:
    assert with_scores("tc", portfolio=PORTFOLIO).needs == {"risk_model": "factors.0.score = tc"}
    adjusters = {
        "dynamic_eras": {"target_volatility": "0.02", "least": "0.5", "most": "2"},
        "neutral_churn": {"threshold": "0.1", "scale": "10"},
        "burn_hardening": {"start": "0", "most": "2"},
    }
    assert with_scores("corr", adjusters=adjusters).needs == {
        "session_returns": "adjusters.dynamic_eras",
        "neutral_churn": "adjusters.neutral_churn",
    }


def test_a_section_that_is_not_there_leaves_the_hash_as_it_was() -> None:
    """So that later sections do not change the hash of rules that do without them."""
    absences: list[dict[str, Any]] = [
        {"gates": None},
        {"adjusters": {}},
        {"adjusters": {"dynamic_eras": None}},
    ]
    for absent in absences:
        assert rules_from({**document(), **absent}, "x").hash().hex() == CLASSIC_HASH


def test_the_hash_of_a_preset_never_changes() -> None:
    assert preset("classic").canonical_json() == CLASSIC
    assert preset("classic").hash().hex() == CLASSIC_HASH == hashlib.sha256(CLASSIC).hexdigest()


def test_toml_and_canonical_json_are_the_same_rules() -> None:
    assert read_rules(CLASSIC, "rules.json") == preset("classic")
    assert read_rules(CLASSIC, "rules.json").hash().hex() == CLASSIC_HASH


def test_the_toml_document_has_the_very_fields_of_the_json_document() -> None:
    toml = resources.files("scorer.protocol") / "presets" / "classic.toml"
    assert tomllib.loads(toml.read_text()) == json.loads(CLASSIC)


def test_the_spelling_of_a_document_does_not_count_for_the_hash() -> None:
    spaced = json.dumps(dict(reversed(document().items())), indent=3).encode()
    assert read_rules(spaced, "x").hash().hex() == CLASSIC_HASH
    zeros = changed("stake.threshold", "0072000.000")
    assert rules_from(zeros, "x").canonical_json() == CLASSIC


def test_rules_without_the_section_are_in_the_clear_and_have_the_hash_that_they_always_had() -> None:
    old = document()
    del old["secrecy"]
    rules = rules_from(old, "x")
    assert (rules.is_encrypted, rules.hash().hex()) == (False, CLEAR_HASH)
    said = rules_from({**old, "secrecy": {"submissions": "in the clear"}}, "x")
    assert (said.is_encrypted, said.hash() == rules.hash()) == (False, False)


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({}, "secrecy.submissions"),
        ({"submissions": "sealed"}, "'encrypted' or 'in the clear'"),
        ({"submissions": "in the clear", "predictions": "never"}, "expected nothing beside submissions"),
        ({"submissions": "in the clear", "meta_model": "at the seal"}, "expected nothing beside submissions"),
        ({"submissions": "encrypted", "predictions": "after days"}, "expected days together with"),
        ({"submissions": "encrypted", "days": 3}, "expected days together with"),
        ({"submissions": "encrypted", "predictions": "after days", "days": 0}, "secrecy.days"),
        (
            {"submissions": "in the clear", "demands": 3, "deposit": "1"},
            "expected nothing beside submissions",
        ),
        ({"submissions": "encrypted", "demands": 3}, "expected demands above 0 and deposit together"),
        ({"submissions": "encrypted", "deposit": "1"}, "expected demands above 0 and deposit together"),
        (
            {"submissions": "encrypted", "demands": 0, "deposit": "1"},
            "expected demands above 0 and deposit together",
        ),
        ({"submissions": "encrypted", "demands": 17, "deposit": "1"}, "secrecy.demands"),
        ({"submissions": "encrypted", "demands": -1, "deposit": "1"}, "secrecy.demands"),
        ({"submissions": "encrypted", "demands": True, "deposit": "1"}, "expected a whole number"),
        ({"submissions": "encrypted", "demands": 3, "deposit": "0"}, "expected an amount above 0"),
        ({"submissions": "encrypted", "demands": 3, "deposit": 1}, "expected decimal text"),
    ],
    ids=str,
)
def test_a_section_secrecy_that_contradicts_itself_is_refused(section: dict[str, Any], expected: str) -> None:
    with pytest.raises(RulesError, match=re.escape(expected)):
        rules_from({**document(), "secrecy": section}, "x")


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({}, None),
        ({"predictions": "never"}, None),
        ({"predictions": "at the resolution"}, 1_000),
        ({"predictions": "after days", "days": 2}, 1_000 + 2 * 86_400),
    ],
    ids=str,
)
def test_predictions_become_public_when_the_rules_say(section: dict[str, Any], expected: int | None) -> None:
    rules = rules_from({**document(), "secrecy": {"submissions": "encrypted", **section}}, "x")
    assert rules.secrecy is not None
    assert rules.secrecy.predictions_public_from(1_000) == expected


ENCRYPTED = {"submissions": "encrypted", "predictions": "never", "meta_model": "at the resolution"}


def test_demands_and_their_deposit_are_terms_that_the_hash_counts() -> None:
    rules = rules_from({**document(), "secrecy": {**ENCRYPTED, "demands": 4, "deposit": "2.5"}}, "x")
    assert (rules.demands, rules.demand_deposit) == (4, 2_500_000_000)
    assert rules.hash().hex() != CLASSIC_HASH
    section = (
        b'"secrecy":{"demands":4,"deposit":"2.5","meta_model":"at the resolution","predictions":"never",'
        b'"submissions":"encrypted"}'
    )
    assert section in rules.canonical_json()
    assert read_rules(rules.canonical_json(), "x") == rules


@pytest.mark.parametrize("section", [ENCRYPTED, {**ENCRYPTED, "demands": 0}], ids=["absent", "zero"])
def test_rules_without_demands_have_the_hash_that_they_had_before_there_were_any(
    section: dict[str, Any],
) -> None:
    rules = rules_from({**document(), "secrecy": section}, "x")
    assert (rules.demands, rules.demand_deposit, rules.hash().hex()) == (0, 0, CLASSIC_HASH)


def test_rules_in_the_clear_demand_nothing() -> None:
    old = document()
    del old["secrecy"]
    assert (rules_from(old, "x").demands, rules_from(old, "x").demand_deposit) == (0, 0)


def test_canonical_json_is_rfc_8785() -> None:
    """Sorted names, no blanks, and no number that a reader of JSON could round."""
    written = preset("classic").canonical_json()
    assert written == json.dumps(json.loads(written), sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", "classic-2"),
        ("factors.0.multiplier", "0.500001"),
        ("factors.0.multiplier", "-0.5"),
        ("factors.1.score", "corr"),
        ("factors.1.target", "target_60d2l"),
        ("stake.cap", "1"),
        ("stake.threshold", "72000.000000001"),
        ("stake.minimum_position", "0"),
        ("horizon.sessions", 60),
        ("horizon.lag", 0),
        ("schedule.calendar", "XLON"),
        ("schedule.timezone", "America/New_York"),
        ("schedule.windows.0.days", ["monday"]),
        ("schedule.windows.1.days_open", 2),
        ("schedule.resolve_hours", 24),
        ("submissions", "classic"),
        ("gates", {"max_churn": "0.15", "max_turnover": "0.25", "submissions": 5, "days": 7}),
        ("adjusters", {"burn_hardening": {"start": "0.5", "most": "2"}}),
        ("adjusters", {"dynamic_eras": {"target_volatility": "0.02", "least": "0.5", "most": "2"}}),
        ("adjusters", {"neutral_churn": {"threshold": "0.1", "scale": "10"}}),
    ],
)
def test_every_field_counts_for_the_hash(path: str, value: object) -> None:
    whole = changed(path, value)
    if path == "factors.1.score":
        whole["factors"][0]["score"] = "mmc"
    assert rules_from(whole, "x").hash().hex() != CLASSIC_HASH


@pytest.mark.parametrize(
    "adjusters",
    [
        {},
        {"originality": {"exponent": 1}},
        {"originality": {"exponent": 2}},
        {"burn": {"multiplier": "1.1"}},
    ],
)
def test_every_field_of_version_2_counts_for_the_hash(adjusters: dict[str, Any]) -> None:
    second = {**document(), "version": 2, "adjusters": {"originality": {"exponent": 3}}}
    other = rules_from({**second, "adjusters": adjusters}, "x")
    assert other.hash() not in {rules_from(second, "x").hash(), bytes.fromhex(CLASSIC_HASH)}
    assert read_rules(other.canonical_json(), "x") == other


def test_version_2_has_originality_in_place_of_burn_hardening() -> None:
    second = {**document(), "version": 2, "adjusters": {"burn_hardening": {"start": "0", "most": "2"}}}
    with pytest.raises(RulesError, match=r"expected an adjuster of version 2 .*, found burn_hardening"):
        rules_from(second, "x")


def test_the_order_of_factors_counts_for_the_hash() -> None:
    whole = document()
    whole["factors"].reverse()
    assert rules_from(whole, "x").hash().hex() != CLASSIC_HASH


def test_the_largest_threshold_survives_the_way_through_json() -> None:
    """Amounts beyond 2**53 nano-NMR (9 million NMR) are no numbers that JSON can carry."""
    rules = rules_from(changed("stake.threshold", "18446744073.709551615"), "x")
    assert rules.stake.threshold == 2**64 - 1
    assert read_rules(rules.canonical_json(), "x") == rules


WRONG: list[tuple[str, object, str]] = [
    ("version", 3, "version: expected 1 or 2, found 3"),
    ("version", "1", "version: expected a whole number, found '1'"),
    ("version", 1.0, "version: expected a whole number, found 1.0"),
    ("version", True, "version: expected a whole number, found True"),
    ("scoring", 0, "scoring: expected 1, found 0"),
    ("name", "Two Words", "name: expected text that matches"),
    ("name", "", "name: expected text that matches"),
    ("name", 5, "name: expected text, found 5"),
    ("factors", [], "factors: expected at least 1 in the list"),
    ("factors", "corr", "factors: expected a list, found 'corr'"),
    (
        "factors.0.score",
        "sharpe",
        "expected 'corr', 'mmc', 'fnc', 'bmc', 'tc', 'alpha' or 'mpc', found 'sharpe'",
    ),
    ("factors.0.score", "tc", "the document: expected a section portfolio for the factor tc, found none"),
    ("portfolio", PORTFOLIO, "the document: expected no section portfolio without a factor tc, found one"),
    ("schedule.calendar", "nyse", "schedule.calendar: expected text that matches"),
    ("schedule.timezone", "Mars/Base", "schedule.timezone: expected the name of a timezone, such as"),
    ("schedule.timezone", "../etc", "schedule.timezone: expected the name of a timezone, such as"),
    ("schedule.windows", [], "schedule.windows: expected at least 1 in the list"),
    ("schedule.windows.0.days", ["Monday"], "schedule.windows.0.days.0: expected 'monday'"),
    ("schedule.windows.0.opens_at", "24:00", "schedule.windows.0.opens_at: expected a time of day from"),
    ("schedule.windows.0.opens_at", "9:00", "schedule.windows.0.opens_at: expected text that matches"),
    ("schedule.windows.0.closes_at", "12:00", "schedule.windows.0: expected closes_at after opens_at"),
    ("schedule.resolve_hours", -1, "schedule.resolve_hours: expected greater than or equal to 0"),
    ("submissions", "any", "submissions: expected 'classic', 'signals' or 'crypto', found 'any'"),
    ("gates", {"max_churn": "3"}, "gates.max_churn: expected from 0 to 2, found '3'"),
    ("gates", {"max_churn": "1"}, "gates.max_turnover: expected a value, found nothing"),
    (
        "adjusters",
        {"dynamic_eras": {"target_volatility": "0", "least": "1", "most": "0.5"}},
        "adjusters.dynamic_eras.target_volatility: expected from 0.000001 to 1, found '0'; "
        "adjusters.dynamic_eras.most: expected from 1 to 10, found '0.5'",
    ),
    (
        "adjusters",
        {"burn_hardening": {"start": "1", "most": "11"}},
        "adjusters.burn_hardening.start: expected from 0 to 0.999999, found '1'; "
        "adjusters.burn_hardening.most: expected from 1 to 10, found '11'",
    ),
    (
        "adjusters",
        {"neutral_churn": {"threshold": "0.1", "scale": 10}},
        "adjusters.neutral_churn.scale: expected decimal text in quotes",
    ),
    (
        "adjusters",
        {"originality": {"exponent": 1}},
        "the document: expected an adjuster of version 1 (dynamic_eras, burn_hardening, neutral_churn), "
        "found originality",
    ),
    (
        "adjusters",
        {"originality": {"exponent": 5}, "burn": {"multiplier": "0.9"}},
        "adjusters.originality.exponent: expected less than or equal to 4, found 5; "
        "adjusters.burn.multiplier: expected from 1 to 10, found '0.9'",
    ),
    (
        "adjusters",
        {"originality": {"exponent": 1.0}},
        "adjusters.originality.exponent: expected a whole number, found 1.0",
    ),
    ("adjusters", {"luck": {}}, "adjusters.luck: Extra inputs are not permitted"),
    ("factors.0.target", "Target", "factors.0.target: expected text that matches"),
    ("factors.0.target", "id", "factors.0.target: expected the name of a target"),
    ("factors.1.multiplier", "two", "factors.1.multiplier: expected a number in plain decimals"),
    ("factors.1.multiplier", "101", "factors.1.multiplier: expected from -100 to 100, found '101'"),
    ("factors.1.multiplier", "0.0000001", "factors.1.multiplier: expected at most six decimals"),
    ("factors.1.multiplier", 0.5, 'factors.1.multiplier: expected decimal text in quotes, such as "0.05"'),
    ("factors.1.multiplier", 2, 'factors.1.multiplier: expected decimal text in quotes, such as "0.05"'),
    ("stake.cap", 0.05, 'stake.cap: expected decimal text in quotes, such as "0.05", found 0.05'),
    ("stake.cap", 1, 'stake.cap: expected decimal text in quotes, such as "0.05", found 1'),
    ("stake.cap", "0", "stake.cap: expected from 0.000001 to 1, found '0'"),
    ("stake.cap", "1.000001", "stake.cap: expected from 0.000001 to 1"),
    ("stake.cap", "NaN", "stake.cap: expected a number in plain decimals"),
    ("stake.cap", "Infinity", "stake.cap: expected a number in plain decimals"),
    ("stake.cap", "1e999999999", "stake.cap: expected a number in plain decimals"),
    ("stake.cap", None, "stake.cap: expected decimal text"),
    ("stake.threshold", 72000, "stake.threshold: expected decimal text in quotes"),
    ("stake.threshold", "0", "stake.threshold: expected an amount above 0, found '0'"),
    ("stake.threshold", "-1", "stake.threshold: expected from 0 to 18446744073.709551615 NMR"),
    ("stake.threshold", "18446744073.709551616", "stake.threshold: expected from 0 to"),
    ("stake.minimum_position", "0.0000000001", "stake.minimum_position: expected from 0 to"),
    ("stake", [], "stake: expected a table of fields"),
    ("horizon.sessions", 0, "horizon.sessions: expected greater than 0, found 0"),
    ("horizon.sessions", 251, "horizon.sessions: expected less than or equal to 250"),
    ("horizon.sessions", 20.0, "horizon.sessions: expected a whole number, found 20.0"),
    ("horizon.sessions", True, "horizon.sessions: expected a whole number, found True"),
    ("horizon.lag", -1, "horizon.lag: expected greater than or equal to 0"),
    ("bonus", 1, "bonus: Extra inputs are not permitted, found 1"),
    ("stake.bonus", 1, "stake.bonus: Extra inputs are not permitted"),
    ("factors.0.bonus", 1, "factors.0.bonus: Extra inputs are not permitted"),
    ("horizon.bonus", 1, "horizon.bonus: Extra inputs are not permitted"),
]


@pytest.mark.parametrize(("path", "value", "reason"), WRONG)
def test_a_wrong_field_is_refused_by_its_path(path: str, value: object, reason: str) -> None:
    with pytest.raises(RulesError) as refusal:
        rules_from(changed(path, value), "my rules")
    assert str(refusal.value).startswith("my rules: ")
    assert reason in str(refusal.value)


@pytest.mark.parametrize(
    "path",
    [
        "version",
        "name",
        "scoring",
        "factors",
        "stake",
        "horizon",
        "stake.cap",
        "horizon.lag",
        "factors.0.score",
    ],
)
def test_a_missing_field_is_refused_by_its_path(path: str) -> None:
    whole: Any = copy.deepcopy(document())
    *parents, last = path.split(".")
    part = whole
    for name in parents:
        part = part[int(name) if name.isdigit() else name]
    del part[last]
    with pytest.raises(RulesError, match=f"{path}: expected a value, found nothing"):
        rules_from(whole, "my rules")


def test_all_wrong_fields_are_named_at_once() -> None:
    with pytest.raises(RulesError, match=r"name: .*; stake.cap: .*; horizon.lag: "):
        rules_from(
            {**document(), "name": 5, "stake": {**document()["stake"], "cap": 1}, "horizon": {"sessions": 1}},
            "x",
        )


def test_a_score_on_a_target_counts_once() -> None:
    whole = document()
    whole["factors"].append({"score": "corr", "target": "target_20d2l", "multiplier": "1"})
    with pytest.raises(
        RulesError, match="expected each score on a target once, found corr_target_20d2l again"
    ):
        rules_from(whole, "x")


@pytest.mark.parametrize(
    "text",
    [
        b"{]",
        b"version = ",
        b"\xff\xfe",
        b"a = 1\na = 2",
        b'{"version": 1, "version": 1}',
        b'{"version": NaN}',
    ],
)
def test_what_is_neither_toml_nor_json_is_refused(text: bytes) -> None:
    with pytest.raises(RulesError, match="my rules: expected a rules document in TOML or JSON, found"):
        read_rules(text, "my rules")


def test_an_unknown_preset_is_refused_with_those_there_are() -> None:
    with pytest.raises(
        RulesError, match=rf"expected the name of a preset \({', '.join(PRESETS)}\), found 'classical'"
    ):
        preset("classical")


def test_a_file_is_named_in_its_refusal(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text("version = 2\n")
    with pytest.raises(RulesError, match=r"rules\.toml: "):
        load_rules(path)


def test_rules_cannot_be_changed_once_read() -> None:
    rules: Rules = preset("classic")
    with pytest.raises(ValueError, match="frozen"):
        rules.name = "other"


def test_rules_may_name_the_recipe_of_their_data_and_old_ones_keep_their_hash() -> None:
    rules = rules_from(document(), "test")
    named = rules_from(document() | {"data": "ab" * 32}, "test")
    assert b'"data"' not in rules.canonical_json()
    assert named.hash() != rules.hash()
    with pytest.raises(RulesError, match="data: "):
        rules_from(document() | {"data": "0xab"}, "test")
