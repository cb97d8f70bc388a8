"""How many statements an answer takes: as many for many rows as for one."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from numerapi import base_api
from sqlalchemy import event

from tests.chains import Chains
from tests.server.site import Site, running_site
from tests.server.test_submissions import frame, name_signer
from tests.world import lent_world


@contextmanager
def counted(site: Site) -> Iterator[list[str]]:
    """The statements that are executed meanwhile."""
    found: list[str] = []

    def note(*arguments: Any) -> None:
        found.append(arguments[2])

    engine = site.services.database.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)


@pytest.fixture(scope="module")
def busy(chains: Chains, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server with two settled rounds, and submissions of two models of one account; only asked."""
    folder = tmp_path_factory.mktemp("busy")
    with ExitStack() as stack:
        patched = stack.enter_context(pytest.MonkeyPatch.context())
        world = stack.enter_context(lent_world(chains, folder / "world"))
        site = stack.enter_context(running_site(world, folder / "server"))
        patched.setattr(base_api, "API_TOURNAMENT_URL", site.url)
        for _ in range(2):
            site.world.settle(site.world.sealed_round())
            site.step()
        name_signer(site, 1, 4)
        site.world.open()
        site.step()
        client = site.client(site.key(site.account_of(1)))
        for model in (1, 4):
            client.upload_predictions(model_id=str(model), df=frame(site, model, 3))
        yield site


@pytest.mark.parametrize(
    ("query", "most"),
    [
        ("account { models { name submissions { id receipt { signature } } } }", 4),
        ("accountLeaderboard(limit: 9, offset: 0) { username nmrStaked return1y }", 5),
        ("v2Leaderboard(limit: 9, offset: 0) { username nmrStaked corr20Rep }", 6),
        (
            'v2RoundModelPerformances(modelId: "1", tournament: 8) '
            "{ roundTarget payoutMultipliers { name } submissionScores { value } }",
            4,
        ),
        ("submissionDownloadAuth { url }", 4),
        ('v3UserProfile(modelName: "model_1") { dailyModelPerformances { corrRep date } }', 4),
        ("rounds { target roundScoreConfigs { name } }", 1),
        ('pipelineStatus(tournament: "classic", date: "2026-01-01") { isScoringDay }', 2),
    ],
)
def test_an_answer_takes_few_statements(busy: Site, query: str, most: int) -> None:
    key = busy.key(busy.account_of(1))
    with counted(busy) as statements:
        answer = busy.ask(f"query {{ {query} }}", key)
    assert "errors" not in answer, answer
    found = [text for text in statements if text.lstrip().upper().startswith("SELECT")]
    found = [text for text in found if "public_version" not in text]  # one more, by which answers are kept
    assert len(found) <= most, "\n".join(found)


def test_submissions_of_several_models_are_those_of_each(busy: Site) -> None:
    records = busy.services.submissions.records
    assert records.documents_of([1, 4, 7]) == {model: records.documents(model) for model in (1, 4, 7)}
    assert [len(rows) for rows in records.documents_of([1, 4, 7]).values()] == [1, 1, 0]


def test_owners_stakes_are_the_sums_of_their_models(busy: Site) -> None:
    queries, accounts = busy.services.queries, busy.services.accounts
    owners = sorted({str(one.account.address) for one in busy.world.participants})
    expected = {owner: sum(queries.stakes(accounts.owned_by(owner)).values()) for owner in owners}
    assert queries.stakes_of_owners(owners) == expected
    assert all(expected.values())
