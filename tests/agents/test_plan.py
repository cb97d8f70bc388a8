"""What an agent plans: within document, mandate and budget, explained, and stopped."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.agents.leaves import WEIGHT_UNIT
from scorer.agents.plan import Budget, GateView, Mandate, proposed_acts, refusal
from scorer.agents.template import CONFIGURATION, LOG, AgentError, AgentFolder
from tests.agents.documents import BODY, MEMBERS, NOW, UNIVERSE

AGENT = MEMBERS[0]
MANDATE = Mandate(AGENT, NOW + 1_000, acts_per_day=4, book=1_000, size_per_day=600)
VIEW = GateView(NOW, MANDATE, NOW + 100, {}, 0, 0, 10, 10)
BUDGET = Budget(size_per_run=500, acts_per_run=3)
ALL = dict.fromkeys(UNIVERSE, "0x")


def test_acts_follow_weights_and_are_explained_by_leaf_and_rule() -> None:
    acts = list(proposed_acts(BODY, VIEW, BUDGET, ALL))
    assert [(act.name, act.buy) for act in acts] == [("id0", False), ("id4", True)]
    assert sum(act.size for act in acts) == 500
    shown = acts[0].to_json()
    assert shown["leaf"]["index"] == 0
    assert shown["weight_billionths"] == BODY.leaves[0].weight
    assert "|weight| of the book" in shown["rule"]


@given(
    st.integers(0, 2_000), st.integers(0, 10), st.integers(0, 1_200), st.integers(0, 8), st.integers(0, 600)
)
def test_no_run_goes_beyond_document_mandate_and_budget(
    size: int, count: int, size_today: int, acts_today: int, traded: int
) -> None:
    view = replace(VIEW, size_today=size_today, acts_today=acts_today, traded=dict.fromkeys(ALL, traded))
    acts = list(proposed_acts(BODY, view, Budget(size, count), ALL))
    assert len(acts) <= min(count, max(0, MANDATE.acts_per_day - acts_today))
    assert sum(act.size for act in acts) <= max(0, min(size, MANDATE.size_per_day - size_today))
    for act in acts:
        assert act.size + traded <= abs(act.leaf.weight) * MANDATE.book // WEIGHT_UNIT
        assert act.buy == (act.leaf.weight > 0)


def test_an_agent_that_loops_comes_to_rest() -> None:
    view, done = VIEW, 0
    for _ in range(50):
        acts = list(proposed_acts(BODY, view, BUDGET, ALL))
        traded = dict(view.traded)
        for act in acts:
            traded[act.name] = traded.get(act.name, 0) + act.size
        done += len(acts)
        view = replace(
            view,
            traded=traded,
            acts_today=view.acts_today + len(acts),
            size_today=view.size_today + sum(act.size for act in acts),
        )
    assert done <= MANDATE.acts_per_day
    assert view.size_today <= MANDATE.size_per_day


def test_assets_that_the_account_does_not_trade_are_left_alone() -> None:
    acts = list(proposed_acts(BODY, VIEW, BUDGET, {"id1": "0x", "another": "0x"}))
    assert [act.name for act in acts] == ["id1"]
    # The middle of the universe has no weight, and so no side.
    assert not list(proposed_acts(BODY, VIEW, BUDGET, {"id2": "0x"}))


@pytest.mark.parametrize(
    ("view", "why"),
    [
        (replace(VIEW, mandate=replace(MANDATE, agent=MEMBERS[1])), "mandate is for"),
        (replace(VIEW, mandate=replace(MANDATE, until=NOW)), "mandate is over"),
        (replace(VIEW, bond=9), "bond"),
        (replace(VIEW, expires_at=0), "not admitted"),
        (replace(VIEW, expires_at=NOW), "expired"),
    ],
)
def test_an_agent_says_why_it_does_nothing(view: GateView, why: str) -> None:
    found = refusal(view, AGENT, is_stopped=False)
    assert found is not None
    assert why in found
    assert refusal(VIEW, AGENT, is_stopped=False) is None


def test_the_file_stop_stops_an_agent(tmp_path: Path) -> None:
    folder = AgentFolder(tmp_path / "agent")
    before = folder.is_stopped
    folder.stop()
    assert (before, folder.is_stopped) == (False, True)
    assert refusal(VIEW, AGENT, is_stopped=folder.is_stopped) is not None


def test_a_new_folder_has_no_key_and_allows_nothing(tmp_path: Path) -> None:
    folder = AgentFolder(tmp_path / "agent")
    file = folder.create()
    with pytest.raises(AgentError, match="expected no configuration yet"):
        folder.create()
    with pytest.raises(AgentError, match="gate"):
        folder.configuration()
    file.write_text(file.read_text().replace('gate = "0x' + "0" * 40, 'gate = "0x' + "1" * 40))
    assert folder.configuration().budget.budget() == Budget(0, 1, 1)
    assert "key" not in {name.lower() for name in folder.configuration().model_fields_set}


@pytest.mark.parametrize("line", ["gate = 5", 'private_key = "0x11"', "chain_id = 0", "[budget"])
def test_a_configuration_that_says_nonsense_is_refused_by_name(tmp_path: Path, line: str) -> None:
    folder = AgentFolder(tmp_path)
    folder.create()
    file = tmp_path / CONFIGURATION
    kept = [text for text in file.read_text().splitlines() if not text.startswith(line.partition(" =")[0])]
    file.write_text("\n".join([line, *kept]))
    with pytest.raises(AgentError, match=r"agent\.toml"):
        folder.configuration()


def test_every_line_of_the_log_is_a_document_of_its_own(tmp_path: Path) -> None:
    folder = AgentFolder(tmp_path)
    for act in proposed_acts(BODY, VIEW, BUDGET, ALL):
        folder.log(act.to_json())
    folder.log({"refused": "a\nb"})
    lines = (tmp_path / LOG).read_text().splitlines()
    assert [json.loads(line).get("asset") for line in lines] == ["id0", "id4", None]
