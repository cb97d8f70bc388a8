"""Routes of the public pages. Each handler asks for what its page shows, and names the template."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scorer.chain.records import RoundState
from scorer.server.errors import ApiError
from scorer.server.pages.board import LONGEST_FILTER, BoardRequest, read_board
from scorer.server.pages.charts import histogram, life_of_a_round, sparkline
from scorer.server.pages.committee import CommitteeReader, RoundVotes
from scorer.server.pages.formatting import state_name
from scorer.server.pages.formulas import REWARDS, SCORES, STATISTICS, SYMBOLS
from scorer.server.pages.headers import EMBED_POLICY, PAGE_POLICY, VERIFY_POLICY, page_headers
from scorer.server.pages.meta_page import read_meta_model
from scorer.server.pages.model_charts import earnings, own_exposure_chart, score_charts, stake_chart
from scorer.server.pages.model_page import read_account, read_model
from scorer.server.pages.rendering import Page, Rendered, Renderer
from scorer.server.pages.round_page import RoundFacts, phase, read_round, read_rounds, settled_rounds
from scorer.server.pages.rules_page import differences, read_rules
from scorer.server.services import Services

LARGEST_NUMBER: Final = 2**31 - 1
FOREVER: Final = "public, max-age=31536000, immutable"
SOON: Final = "public, max-age=0, s-maxage=15"
"""A browser asks whether its page still holds; a proxy before the server may answer that for some seconds."""
MOST_PAGES: Final = 100_000
MOST_LETTERS: Final = 100
"""Letters of a parameter that are looked at."""
BOARD: Final = ("sort", "q", "page")
PARAMETERS: Final[Mapping[str, tuple[str, ...]]] = {
    "/rounds": ("page",),
    "/rounds/{number:int}": ("page",),
    "/models/{number:int}": ("page",),
    "/leaderboard": BOARD,
    "/leaderboard/accounts": BOARD,
    "/embed/leaderboard": ("page",),
}
"""Parameters that pages know; those of no other page change it."""
LONGEST_NUMBER: Final = 18
"""Digits of a number that is read: of thousands, Python reads none."""
Read = Callable[[Request], Page | None]


def page_number(request: Request) -> int:
    """Return the page that a request asks for; the first one for what is no number."""
    text = request.query_params.get("page", "1")
    is_number = text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER
    return min(max(int(text), 1), MOST_PAGES) if is_number else 1


def number_in(request: Request, name: str = "number") -> int:
    """Return a number of a request's path, which the database can hold."""
    return min(int(request.path_params[name]), LARGEST_NUMBER)


def known(request: Request, path: str) -> Request:
    """Return a request with those parameters alone that a page knows, each once: no other can change it."""
    query = request.query_params
    given = {name: query[name][:MOST_LETTERS] for name in PARAMETERS.get(path, ()) if name in query}
    if "page" in given:
        given["page"] = str(page_number(request))
    return Request({**request.scope, "query_string": urlencode(given).encode()})


@dataclass(frozen=True)
class PublicPages:
    """Answers requests for pages that everybody sees alike."""

    renderer: Renderer
    committee: CommitteeReader

    @property
    def services(self) -> Services:
        """The tournament's services."""
        return self.renderer.services

    def routes(self) -> list[Route]:
        """Return the routes."""
        pages: Mapping[str, Read] = {
            "/": self.home,
            "/rounds": self.rounds,
            "/rounds/{number:int}": self.round,
            "/leaderboard": lambda request: self.board(request, is_account=False),
            "/leaderboard/accounts": lambda request: self.board(request, is_account=True),
            "/models/{number:int}": self.model,
            "/models/{number:int}/rounds/{round:int}": self.payout,
            "/accounts/{key}": self.account,
            "/meta-model": self.meta_model,
            "/meta-model/{number:int}": self.meta_model,
            "/datasets": self.data_sets,
            "/rules": self.rules,
            "/rules/{hash}": self.rules,
            "/formulas": self.formulas,
            "/members": self.members,
        }
        routes = [self._route(path, read) for path, read in pages.items()]
        routes.append(self._route("/rounds/{number:int}/verify", self.verify, VERIFY_POLICY))
        routes.append(self._route("/embed/leaderboard", self.embedded, EMBED_POLICY))
        return routes

    def _route(self, path: str, read: Read, policy: str = PAGE_POLICY) -> Route:
        async def answer(request: Request) -> Response:
            rendered = await run_in_threadpool(self.rendered, path, known(request, path), read)
            return rendered.response(request, {**page_headers(policy), "Cache-Control": SOON})

        return Route(path, answer, methods=["GET"])

    def rendered(self, path: str, request: Request, read: Read) -> Rendered:
        """Return a page, from memory where nothing changed."""
        cursor = self.services.queries.cursor()
        version = None if cursor is None else (cursor.block, cursor.hash, cursor.standings_stale)
        numbers_and_names = (str(value).lower() for value in request.path_params.values())
        key = (path, *numbers_and_names, request.url.query)

        def make() -> Page:
            page = read(request) or Page("missing.html", {"what": "page"}, 404)
            return Page(
                page.template, {"cursor": cursor, "now": self.services.clock(), **page.data}, page.status
            )

        return self.renderer.cached(key, version, make)

    def home(self, _: Request) -> Page:
        """Return the first page: the tournament, its current round, and how to join."""
        services = self.services
        current, cursor = services.queries.current_round(), services.queries.cursor()
        due = services.queries.rounds(12)
        board = read_board(services, BoardRequest(is_account=False), services.page.baselines)
        return Page(
            "home.html",
            {
                "current": current,
                "phase": None if current is None else phase(current, services.clock()),
                "life": None if current is None else life_of_a_round(state_name(current.state)),
                "recent": [row for row in due if row.state == RoundState.SETTLED][:5],
                "board": board.rows[:5],
                "about": services.page.about,
                "is_private": services.accounts.is_private,
                "block": cursor,
                "server": services.submissions.signer.address,
            },
        )

    def rounds(self, request: Request) -> Page:
        """Return the list of rounds."""
        page = page_number(request)
        rows, pages = read_rounds(self.services, page)
        now = self.services.clock()
        return Page(
            "rounds.html", {"rounds": [(row, phase(row, now)) for row in rows], "page": page, "pages": pages}
        )

    def round(self, request: Request) -> Page | None:
        """Return a round's page."""
        facts = read_round(self.services, number_in(request), page_number(request))
        if facts is None:
            return None
        row, cursor = facts.row, self.services.queries.cursor()
        votes = None if cursor is None else self._votes(facts, cursor.block)
        title = f"Reward scores of {len(facts.rewards)} models in round {row.id}"
        return Page(
            "round.html",
            {
                "facts": facts,
                "row": row,
                "phase": phase(row, self.services.clock()),
                "life": life_of_a_round(state_name(row.state)),
                "histogram": histogram(facts.rewards, title, "reward score"),
                "votes": votes,
                "factors": [] if facts.rules is None else [name for name, _ in facts.rules.multipliers],
                "baselines": self.services.page.baselines,
            },
        )

    def _votes(self, facts: RoundFacts, block: int) -> RoundVotes | None:
        """Return what the committee did; nothing happens to a report after the settlement or the deadline."""
        row = facts.row
        settled = [result.settled_at for result in facts.results if result.settled_at is not None]
        until = max(settled, default=row.deadline)
        return self.committee.votes(row.id, block, is_over=bool(row.is_over), until=until)

    def verify(self, request: Request) -> Page | None:
        """Return the page on which a browser verifies a round's payouts."""
        row = self.services.queries.round(number_in(request))
        return None if row is None else Page("verify.html", {"row": row})

    def board(self, request: Request, *, is_account: bool) -> Page:
        """Return a page of a leaderboard."""
        query = request.query_params
        asked = BoardRequest(
            is_account, query.get("sort", "rank"), query.get("q", "")[:LONGEST_FILTER], page_number(request)
        )
        board = read_board(self.services, asked, self.services.page.baselines)
        return Page("board.html", {"board": board})

    def embedded(self, request: Request) -> Page:
        """Return a leaderboard for other sites' frames."""
        asked = BoardRequest(is_account=False, page=page_number(request))
        board = read_board(self.services, asked, self.services.page.baselines)
        return Page("embed.html", {"board": board, "rows": board.rows[:25]})

    def model(self, request: Request) -> Page | None:
        """Return a model's page."""
        facts = read_model(self.services, number_in(request), page_number(request))
        if facts is None:
            return None
        return Page(
            "model.html",
            {
                "facts": facts,
                "model": facts.model,
                "charts": score_charts(facts),
                "stake_chart": stake_chart(facts),
                "exposure_chart": own_exposure_chart(facts),
                "earnings": sparkline(earnings(facts), f"Earnings of {facts.model.name} by round"),
                "is_baseline": facts.model.id in self.services.page.baselines,
                "server": self.services.submissions.signer.address,
            },
        )

    def payout(self, request: Request) -> Page | None:
        """Return a payout taken apart."""
        model, round_id = number_in(request), number_in(request, "round")
        row, named = self.services.queries.round(round_id), self.services.accounts.model(model)
        result = self.services.queries.result(model, round_id)
        if row is None or named is None or result is None:
            return None
        explanation, problem = None, None
        if row.is_scored:
            try:
                explanation = self.services.bundles.find_explanation(model, round_id)
            except ApiError as error:
                problem = str(error)
        return Page(
            "payout.html",
            {"row": row, "model": named, "result": result, "explanation": explanation, "problem": problem},
        )

    def account(self, request: Request) -> Page | None:
        """Return an account's page."""
        facts = read_account(self.services, request.path_params["key"])
        if facts is None:
            return None
        return Page("account.html", {"facts": facts, "baselines": self.services.page.baselines})

    def meta_model(self, request: Request) -> Page | None:
        """Return the exposures of a round's meta model, the newest where no round is named."""
        number = number_in(request) if "number" in request.path_params else None
        facts = read_meta_model(self.services, number)
        return None if facts is None else Page("meta_model.html", {"facts": facts})

    def data_sets(self, _: Request) -> Page:
        """Return the list of data files."""
        data = self.services.data
        files = [(name, data.path(name).stat().st_size) for name in data.names()]
        return Page("datasets.html", {"files": files, "versions": data.versions(), "aliases": data.aliases})

    def rules(self, request: Request) -> Page | None:
        """Return a rules document, the newest where none is named, and its difference to the one before."""
        entries = read_rules(self.services)
        wanted = request.path_params.get("hash")
        chosen = [entry for entry in entries if wanted in (None, entry.hash)]
        if wanted and not chosen:
            return None
        entry = chosen[0] if chosen else None
        before = next((old for old in entries if entry and old.first < entry.first), None)
        lines = differences(before.text, entry.text) if entry and before else ()
        return Page("rules.html", {"entries": entries, "entry": entry, "before": before, "lines": lines})

    def formulas(self, _: Request) -> Page:
        """Return the formulas of all metrics."""
        groups = (("Scores", SCORES), ("From scores to payouts", REWARDS), ("Statistics", STATISTICS))
        return Page("formulas.html", {"groups": groups, "symbols": SYMBOLS})

    def members(self, _: Request) -> Page:
        """Return the members of the committee."""
        cursor = self.services.queries.cursor()
        rounds = settled_rounds(self.services, 20)
        facts = None if cursor is None else self.committee.facts(rounds, cursor.block)
        return Page("members.html", {"facts": facts})
