"""One's own files by hand: signed by one's wallet, refused with reasons, and scored once more."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from scorer.lab.demo.files import write_submission
from scorer.protocol.digest import content_hash
from scorer.protocol.documents import to_hex
from scorer.storage.bundle import Bundle
from tests.chains import Chains
from tests.encrypted_world import encrypted
from tests.server.site import Site, running_site, send
from tests.web.page_world import OwnPage, login, page_site, token_of
from tests.world import IDS, lent_world

MODEL = "1"


@pytest.fixture(scope="module")
def site(chains: Chains, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server with a round that takes submissions in the clear."""
    with page_site(chains, tmp_path_factory.mktemp("own"), rounds=0) as running:
        yield running


def predictions(site: Site, model: int = 1) -> Any:
    return site.world.predictions(model, site.services.submissions.window.row().id)


def content_of(site: Site, model: int = 1) -> bytes:
    return write_submission(predictions(site, model), "csv")


def test_a_wallet_signs_what_the_server_read_and_it_counts(site: Site) -> None:
    page, content = OwnPage(site), content_of(site)
    assert "old_faithful (your wallet signs)" in page.text()
    filename = page.sent(content)
    unsigned = page.post("/account/prepare", filename=filename).json()
    assert unsigned["contentHash"] == to_hex(content_hash(IDS, predictions(site).to_numpy()))
    assert unsigned["sha256"] == hashlib.sha256(content).hexdigest()
    made = page.submit(filename, unsigned, page.signature(unsigned)).json()
    assert (made["state"], made["round"]["number"]) == ("accepted", unsigned["round"])
    assert made["contentHash"] == unsigned["contentHash"]
    assert made["receipt"]["signer"] == site.services.submissions.signer.address


def test_a_signature_over_something_else_is_refused_and_nothing_counts(site: Site) -> None:
    page = OwnPage(site)
    filename = page.sent(content_of(site))
    unsigned = page.post("/account/prepare", filename=filename).json()
    other = page.signature(unsigned, model=4)  # the same owner's, for another model
    answer = page.submit(filename, unsigned, other)
    assert answer.status_code == 400
    assert "expected that of" in answer.json()["error"]
    again = page.sent(content_of(site))
    hashed = {**unsigned, "contentHash": "0x" + "11" * 32}
    answer = page.submit(again, hashed, page.signature(hashed))
    assert "expected one over the predictions of the file" in answer.json()["error"]
    third = page.sent(content_of(site))
    answer = page.post("/account/submit", filename=third)
    assert "expected the signature of its submitter" in answer.json()["error"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"id,prediction\nid000,0.5\n", "missing ids"),
        (b"nonsense", "columns"),
        (b"id,prediction\n" + b"".join(b"id%03d,2\n" % n for n in range(60)), "within [0, 1]"),
    ],
)
def test_a_file_with_a_fault_is_named_before_anything_is_signed(
    site: Site, content: bytes, words: str
) -> None:
    page = OwnPage(site)
    answer = page.post("/account/prepare", filename=page.sent(content))
    assert answer.status_code == 400
    assert words in answer.json()["error"]


def test_nobody_prepares_another_s_upload_or_what_was_not_sent(site: Site) -> None:
    page, stranger = OwnPage(site), OwnPage(site, 2)
    filename = page.sent(content_of(site))
    assert (
        "upload of yours for model 2" in stranger.post("/account/prepare", filename=filename).json()["error"]
    )
    stolen = stranger.post("/account/prepare", filename=filename, model=MODEL).json()["error"]
    assert "expected one of your models" in stolen
    granted = page.post("/account/upload", filename="p.csv").json()
    unsent = page.post("/account/prepare", filename=granted["filename"]).json()["error"]
    assert "found none; send it again" in unsent
    forged = page.session.post(
        site.url + "/account/prepare", data=json.dumps({"filename": filename}), timeout=60
    )
    assert forged.status_code == 400
    assert "load the page again" in forged.json()["error"]


def test_a_model_of_another_submitter_is_sent_elsewhere(site: Site) -> None:
    world = site.world
    call = world.suite.registry.functions.setSubmitter(4, world.participants[1].account.address)
    send(world, call, world.participants[3].account.address)
    site.step()
    text = OwnPage(site, 4).text()
    assert 'value="4"' not in text.split("data-upload", 1)[1].split("</form>", 1)[0]
    assert "name another submitter" in text


def test_a_round_that_encrypts_takes_nothing_in_the_clear_from_the_page(
    chains: Chains, tmp_path: Path
) -> None:
    with lent_world(chains, tmp_path / "world") as world:
        encrypting = replace(world, rules=encrypted(world.rules))
        encrypting.open()
        with running_site(encrypting, tmp_path / "server") as site:
            site.account_of(1, "ada")
            page = OwnPage.__new__(OwnPage)
            page.site, page.model, page.account = site, MODEL, world.participants[0].account
            page.session = login(site, page.account)
            text = page.text()
            page.csrf = token_of(text)
            assert "data-upload" not in text
            assert "Nothing is sent in the clear in its place." in text
            assert "cupel submit predictions.csv --model 1" in text
            answer = page.post("/account/upload", filename="p.csv")
            assert answer.status_code == 400
            assert "expected encrypted predictions" in answer.json()["error"]


@pytest.fixture(scope="module")
def settled(chains: Chains, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, str]]:
    """A server that took a file for model 1, and whose round is settled; the submission's id."""
    with page_site(chains, tmp_path_factory.mktemp("settled"), rounds=0) as running:
        page = OwnPage(running)
        filename = page.sent(content_of(running))
        unsigned = page.post("/account/prepare", filename=filename).json()
        made = page.submit(filename, unsigned, page.signature(unsigned)).json()
        world, number = running.world, unsigned["round"]
        world.submit_all(number, range(2, 11))
        world.close_and_seal(number)
        world.settle(number)
        running.step()
        running.step()
        yield running, str(made["id"])


def test_the_server_computes_one_s_own_scores_from_the_file_that_it_took(settled: tuple[Site, str]) -> None:
    site, submission = settled
    page, path = OwnPage(site), f"/account/submissions/{submission}"
    text = page.text(path)
    assert "Compute my scores from my file" in text
    assert f"cupel verify {site.url}/rounds/" in text
    assert '"receivedAt"' in text
    found = checked(page, path)
    assert found.status_code == 200
    assert "content hash, corr_target_20d2l, mmc_target_20d2l" in found.text
    assert "follow reward_score and" in found.text


def checked(page: OwnPage, path: str, **fields: str) -> Any:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    given = {"csrf": page.csrf, **fields}
    return page.session.post(page.site.url + path, data=given, headers=form, timeout=120)


def test_scores_that_the_file_does_not_give_are_named(
    settled: tuple[Site, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file on the server is replaced by another one's, as if the committee had scored others."""
    from scorer.server.blobs import BlobFolder

    site, submission = settled
    wrong = write_submission(site.world.predictions(2, 1), "csv")
    monkeypatch.setattr(BlobFolder, "read", lambda *_: wrong)
    page = OwnPage(site)
    found = checked(page, f"/account/submissions/{submission}")
    assert "1 difference between" in found.text
    assert "content hash of model 1" in found.text


def test_a_bundle_that_was_changed_is_no_ground_for_a_check(settled: tuple[Site, str]) -> None:
    site, submission = settled
    number = next(row.id for row in site.services.queries.rounds(5) if row.is_scored)
    bundle = Bundle(site.services.bundles.bundle(number).folder)
    rules = bundle.rules()
    bundle.write_rules(rules.model_copy(update={"name": "other"}))
    try:
        found = checked(OwnPage(site), f"/account/submissions/{submission}")
        assert found.status_code == 400
        assert "rules.json: expected what the report commits to, found another" in found.text
    finally:
        bundle.write_rules(rules)


def test_another_s_submission_is_not_there(settled: tuple[Site, str]) -> None:
    site, submission = settled
    path, stranger = f"/account/submissions/{submission}", OwnPage(site, 2)
    assert stranger.session.get(site.url + path, timeout=60).status_code == 404
    assert checked(stranger, path).status_code == 404
    assert requests.get(site.url + path, timeout=60).status_code == 404
    assert checked(stranger, path, csrf="0" * 64).status_code == 403
