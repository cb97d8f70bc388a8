"""Pages: each is whole without scripts, linked, and shows the numbers of chain and bundles."""

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import sqlalchemy as sa

from scorer.server.tables import STANDING
from tests.chains import Chains
from tests.server.site import Site
from tests.waiting import eventually
from tests.web.page_world import FEATURES, diagnose, login, page, page_site, token_of

PAGES = (
    *("/", "/rounds", "/rounds/1", "/rounds/3", "/rounds/4", "/rounds/1/verify", "/leaderboard"),
    *("/leaderboard/accounts", "/meta-model", "/meta-model/1", "/models/1", "/models/1/rounds/1"),
    *("/models/1/rounds/3", "/accounts/ada", "/datasets", "/rules", "/formulas", "/members", "/status"),
    *("/account", "/account/stake", "/embed/leaderboard"),
)


class Links(HTMLParser):
    """The addresses that a page links to or loads, and what it says inline."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.ids: set[str] = set()
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.found.append((tag, value))
            if name == "id" and value:
                self.ids.add(value)
            if name == "style" or name.startswith("on"):
                self.inline.append(f"{tag} {name}")
        if tag in ("style", "iframe", "object") or (tag == "script" and "src" not in dict(attrs)):
            self.inline.append(tag)


def links(text: str) -> Links:
    parser = Links()
    parser.feed(text)
    return parser


def test_every_page_is_there_and_every_link_on_it_leads_somewhere(shown: Site) -> None:
    seen: dict[str, int] = {}
    for path in PAGES:
        answer = page(shown, path)
        assert answer.status_code == 200, path
        assert answer.headers["Content-Type"].startswith("text/html"), path
        found = links(answer.text)
        for tag, target in found.found:
            absolute = urljoin(shown.url + path, target)
            if not absolute.startswith(shown.url):
                assert tag == "a", (path, target)  # nothing is loaded from elsewhere
                continue
            place, _, fragment = absolute.removeprefix(shown.url).partition("#")
            if place not in seen:
                reached = page(shown, place)
                seen[place] = reached.status_code
            assert seen[place] == 200, (path, target)
            if fragment and place == urlsplit(path).path:
                assert fragment in found.ids, (path, fragment)
    assert len(seen) > 60


def test_pages_have_no_inline_script_or_style(shown: Site) -> None:
    for path in PAGES:
        assert links(page(shown, path).text).inline == [], path


def test_statements_badges_and_embeds_are_linked_where_people_look_for_them(shown: Site) -> None:
    def targets(path: str) -> set[str]:
        return {target for _, target in links(page(shown, path).text).found}

    assert "/models/1/statement.csv" in targets("/models/1")
    assert {"/models/1/badge.svg", "/models/1/badge.svg?show=return"} <= targets("/models/1")
    assert "/accounts/ada/statement.csv" in targets("/accounts/ada")
    assert f"iframe src=&#34;{shown.url}/embed/leaderboard" in page(shown, "/leaderboard").text.replace(
        '"', "&#34;"
    )
    assert f"{shown.url}/models/1/badge.svg" in page(shown, "/models/1").text
    assert "/meta-model/1" in targets("/rounds/1")
    assert "/meta-model" in targets("/leaderboard")


def test_the_page_to_verify_says_what_it_checks_and_what_not(shown: Site) -> None:
    text = page(shown, "/rounds/1/verify").text
    for words in (
        "What this checks",
        "What it does not check",
        "That the scores are right",
        "Your own score",
    ):
        assert words in text
    command = f"cupel verify {shown.url}/rounds/1"
    assert text.count(command) == 2
    own = f"{command} --model 1 \\\n    --predictions predictions.csv"
    assert own in page(shown, "/models/1/rounds/1").text


def test_a_leaderboard_shows_the_places_that_were_gained(shown: Site) -> None:
    """Ranks of a day before are set to those of a made-up ranking, and put back."""
    models = STANDING.c.holder, STANDING.c.rank, STANDING.c.rank_1
    with shown.services.database.reading() as connection:
        before = connection.execute(sa.select(*models).where(~STANDING.c.is_account)).all()

    def rank_then(ranks: dict[str, int | None]) -> None:
        with shown.services.database.writing() as connection:
            for holder, rank in ranks.items():
                connection.execute(sa.update(STANDING).where(STANDING.c.holder == holder).values(rank_1=rank))

    rank_then({row.holder: None if row.rank == 3 else len(before) + 1 - row.rank for row in before})
    try:
        text = page(shown, "/leaderboard?page=01").text
    finally:
        rank_then({row.holder: row.rank_1 for row in before})
    assert (text.count("▲"), text.count("▼")) == (4, 5)
    assert "up</span> 9" in text
    assert "down</span> 9" in text
    assert ">new<" in text


def test_rules_that_change_are_shown_line_by_line(chains: Chains, tmp_path: Path) -> None:
    with page_site(chains, tmp_path, rounds=1) as site:
        world = site.world
        changed = replace(world, rules=world.rules.model_copy(update={"name": "classic-renamed"}))
        site.world.anvil.advance_to(world.now + 60)
        changed.open()
        site.step()
        text = page(site, "/rules").text
        assert '<span class="removed">' in text, text.split('id="diff"')[1][:1500]
        assert '<span class="added">' in text
        assert "classic-renamed" in text
        assert "Against the rules of round" in text


def test_exposures_are_shown_only_where_the_owner_says_so(shown: Site) -> None:
    diagnose(shown, 7)
    diagnose(shown, 10)
    session = login(shown)
    session.headers["Content-Type"] = "application/x-www-form-urlencoded"
    form = {"csrf": token_of(session.get(shown.url + "/account", timeout=60).text), "model": "7"}
    form |= {"name": "model_7", "bio": "", "link_url": "", "link_text": ""}

    def shows() -> bool:
        known = shown.services.accounts.model(7)
        assert known is not None
        return known.shows_exposures

    session.post(shown.url + "/account/model", data={**form, "shows_exposures": "1"}, timeout=60)
    assert shows()
    # The page may be in memory for some seconds from before.
    shows_them = "which its owner shows to everybody"
    eventually(lambda: shows_them in page(shown, "/models/7").text, "the page as it is now")
    text = page(shown, "/models/7").text
    diagnosis = shown.services.diagnoses.newest(7)
    assert diagnosis is not None
    largest = max(diagnosis[1]["exposures"], key=lambda row: abs(row["exposureMean"]))
    assert f"{largest['exposureMean']:+.4f}".replace("-", "−") in text
    assert FEATURES[3] not in page(shown, "/models/10").text
    session.post(shown.url + "/account/model", data=form, timeout=60)
    assert not shows()


def test_the_meta_model_s_exposures_are_those_of_the_api(shown: Site) -> None:
    query = "query ($r: Int!) { metaModelExposures(roundNumber: $r) { feature exposure } }"
    found = shown.ask(query, r=1)["data"]["metaModelExposures"]
    assert {row["feature"] for row in found} == set(FEATURES)
    text = page(shown, "/meta-model/1").text
    for row in found:
        assert f"{row['exposure']:+.6f}".replace("-", "−") in text
    assert page(shown, "/meta-model/3").status_code == 404
    assert "round 2" in page(shown, "/meta-model").text
