"""Pages: each is whole without scripts, linked, and shows the numbers of chain and bundles."""

from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from tests.server.site import Site
from tests.web.page_world import page

PAGES = (
    *("/", "/rounds", "/rounds/1", "/rounds/3", "/rounds/4", "/rounds/1/verify", "/leaderboard"),
    *("/leaderboard/accounts", "/models/1", "/models/1/rounds/1", "/models/1/rounds/3", "/accounts/ada"),
    *("/datasets", "/rules", "/formulas", "/members", "/status", "/account", "/account/stake"),
    *("/embed/leaderboard",),
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
