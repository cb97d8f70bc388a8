"""The organiser's console: for organisers alone, every act noted, and rules tried on settled rounds."""

import re

import pytest
import requests
import sqlalchemy as sa
from eth_account.messages import encode_defunct

from scorer.evaluation.explain import ScoredRound
from scorer.protocol.rules import Rules, rules_from
from scorer.server.pages.console import Console
from scorer.server.pages.dry_run import NotComparable, dry_runs
from scorer.server.tables import ORGANISER_ACT
from tests.server.site import Site
from tests.web.page_world import login, token_of


def console(site: Site) -> Console:
    return Console(site.services)


def scored_rounds(shown: Site) -> list[ScoredRound]:
    """Every round whose bundle the server has, newest first."""
    rows = shown.services.queries.rounds()
    return [shown.services.bundles.bundle(row.id).scored for row in rows if row.is_scored]


def changed(rules: Rules, **stake: str) -> Rules:
    document = rules.model_dump(mode="json", exclude_none=True)
    return rules_from(document | {"stake": document["stake"] | stake}, "test")


def test_the_console_is_there_for_organisers_alone(shown: Site) -> None:
    for session in (requests.Session(), other_login(shown)):
        answer = session.get(shown.url + "/console", timeout=60)
        assert answer.status_code == 404
        assert "There is no such page" in answer.text
    answer = login(shown).get(shown.url + "/console", timeout=60)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    for words in (
        "Submissions",
        "Coming rounds",
        "Dry run of rules",
        "Invitations",
        "Audit log",
        "benchmark_ridge",
    ):
        assert words in answer.text


def other_login(site: Site) -> requests.Session:
    """The login of an account that is no organiser's."""
    account, session = site.world.participants[1].account, requests.Session()
    site.account_of(2, "grace-h")
    session.headers["Origin"] = site.url
    message = session.post(site.url + "/session/message", json={"address": account.address}, timeout=60)
    text = message.json()["message"]
    signature = "0x" + account.sign_message(encode_defunct(text=text)).signature.hex()
    signed = {"message": text, "signature": signature}
    assert session.post(site.url + "/session", json=signed, timeout=60).status_code == 200
    return session


def test_an_invitation_is_shown_once_and_noted(shown: Site) -> None:
    session = login(shown)
    session.headers["Content-Type"] = "application/x-www-form-urlencoded"
    token = token_of(session.get(shown.url + "/console", timeout=60).text)
    url = shown.url + "/console/invite"
    assert session.post(url, data={"csrf": "0", "note": "x"}, timeout=60).status_code == 403
    made = session.post(url, data={"csrf": token, "note": "<b>class</b> of 2026"}, timeout=60).text
    code = re.search(r"<code>([\w-]{32})</code>", made)
    assert code is not None
    assert shown.services.accounts.join("invited", invitation=code[1]).username == "invited"
    after = session.get(shown.url + "/console", timeout=60).text
    assert code[1] not in after
    assert "&lt;b&gt;class&lt;/b&gt; of 2026" in after
    assert ">invited</a>" in after
    with shown.services.database.reading() as connection:
        acts = connection.execute(sa.select(ORGANISER_ACT)).all()
    assert [(row.username, row.act) for row in acts][-1] == ("ada", "invite")


def test_rounds_under_their_own_rules_pay_what_they_paid(shown: Site) -> None:
    organiser = console(shown)
    rules = organiser.current_rules()
    assert rules is not None
    scored = scored_rounds(shown)
    for run in dry_runs(scored, rules):
        assert (run.paid_then, run.burned_then, run.changed) == (run.paid, run.burned, 0)
        assert run.paid > 0
    (half, *_) = dry_runs(scored, changed(rules, cap="0.025"))
    assert 0 < half.paid_then < half.paid
    assert half.changed > 0


def test_rules_that_need_what_rounds_do_not_have_are_refused(shown: Site) -> None:
    organiser = console(shown)
    rules = organiser.current_rules()
    assert rules is not None
    document = rules.model_dump(mode="json", exclude_none=True)
    factor = {"score": "fnc", "target": "target_20d2l", "multiplier": "1"}
    scored = scored_rounds(shown)
    with pytest.raises(NotComparable, match="expected the score fnc_target_20d2l in its bundle, found none"):
        dry_runs(scored, rules_from(document | {"factors": [*document["factors"], factor]}, "test"))
    session = login(shown)
    session.headers["Content-Type"] = "application/x-www-form-urlencoded"
    token = token_of(session.get(shown.url + "/console", timeout=60).text)
    sent = {"csrf": token, "rules": "version = 9"}
    answer = session.post(shown.url + "/console/dry-run", data=sent, timeout=60)
    assert answer.status_code == 400
    assert "version = 9" in answer.text
    good = {"csrf": token, "rules": rules.canonical_json().decode()}
    tried = session.post(shown.url + "/console/dry-run", data=good, timeout=60)
    assert tried.status_code == 200
    assert "would be" in tried.text
