"""Submissions by unchanged numerapi: signed by the server or beforehand, in the inbox before the receipt."""

import os
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import requests
from eth_account import Account as EthAccount
from eth_hash.auto import keccak
from numerapi import base_api

from scorer.client.signing_service import SigningClient
from scorer.failpoints import KILLED
from scorer.lab.demo.files import BrokenKind, broken_file, write_submission
from scorer.operator.inbox_files import read_signature, received_at
from scorer.protocol.digest import content_hash
from scorer.protocol.documents import from_hex, to_hex
from scorer.protocol.receipt import SubmissionReceipt
from scorer.protocol.signature import IN_THE_CLEAR, SubmissionDigest
from scorer.server.submission_records import ACCEPTED, DELIVERING, REFUSED
from scorer.storage.bundle import Bundle, round_folder
from scorer.submission.table import most_bytes
from tests.encrypted_world import encrypted_world
from tests.server.site import SIGNER_KEY, Site, running_site, send, wallet_of
from tests.server.site import site as site
from tests.world import HOUR, IDS, World

SUBMISSIONS = (
    "query ($m: String) { submissions(modelId: $m) { id filename selected state reason contentHash "
    "ciphertextHash round { number } receipt { chainId tournament roundId modelId contentHash ciphertextHash "
    "signatureHash receivedAt signer signature } } }"
)

LATER = 400
"""Seconds after which a submission that nobody works at any more is taken up again."""


def name_signer(site: Site, *models: int) -> None:
    """Let owners name the server's key as their models' submitter."""
    registry = site.world.suite.registry.functions
    for model in models:
        owner = site.world.participants[model - 1].account
        call = registry.setSubmitter(model, site.services.submissions.signer.address)
        send(site.world, call, owner.address)
    site.step()


def hosted(site: Site, model: int = 1) -> Any:
    """numerapi as the owner of a model that lets the server sign, in an open round."""
    name_signer(site, model)
    site.world.open()
    site.step()
    return site.client(site.key(site.account_of(model)))


def frame(site: Site, model: int = 1, round_id: int = 1) -> pd.DataFrame:
    values = site.world.predictions(model, round_id)
    return pd.DataFrame({"id": list(IDS), "prediction": values.to_numpy()})


def listed(site: Site, model: int = 1) -> list[dict[str, Any]]:
    answer = site.ask(SUBMISSIONS, site.key(site.account_of(model)), m=str(model))
    rows: list[dict[str, Any]] = answer["data"]["submissions"]
    return rows


def inbox(site: Site, round_id: int = 1) -> list[Path]:
    folder = round_folder(site.world.operator.inbox, site.world.suite.addresses.tournament, round_id)
    return sorted(path for path in folder.glob("*") if path.suffix in (".csv", ".parquet"))


def test_a_submission_of_numerapi_is_scored_paid_and_read_back(site: Site) -> None:
    """The whole way: upload, receipt, lock, seal, settle; and the score in the API is the chain's."""
    client = hosted(site)
    made = client.upload_predictions(model_id="1", df=frame(site))
    assert client.submission_ids("1")[0]["id"] == made
    site.world.submit_all(1, range(2, 11))
    site.world.close_and_seal(1)
    site.world.settle(1)
    site.step()
    site.step()
    scores = {row["displayName"]: row for row in client.submission_scores("1")}
    assert set(scores) == {"corr_target_20d2l", "mmc_target_20d2l"}
    assert all(row["resolved"] for row in scores.values())
    bundle = site.world.members[0].paths.rounds
    scored = Bundle(round_folder(bundle, site.world.suite.addresses.tournament, 1)).scored_round()
    row = scored.scores["model_id"].tolist().index(1)
    for name, score in scores.items():
        assert score["value"] == scored.scores[name][row]
    paid = client.pending_model_payouts()["actual"]
    mine = next(entry for entry in paid if entry["modelId"] == "1")
    explained = scored.explain(1)
    assert mine["payoutNmr"] * 10**9 == explained.payout - explained.burn
    submitted = scored.scores["position"][row]
    assert submitted > 0


def test_the_receipt_is_given_once_the_file_is_in_the_inbox(site: Site) -> None:
    client = hosted(site)
    client.upload_predictions(model_id="1", df=frame(site))
    (row,) = listed(site)
    assert (row["state"], row["selected"]) == (ACCEPTED, True)
    (file,) = inbox(site)
    expected = content_hash(IDS, frame(site)["prediction"].to_numpy())
    assert row["contentHash"] == to_hex(expected)
    given = row["receipt"]
    signature_hash = from_hex(given["signatureHash"])
    place = (int(given["chainId"]), given["tournament"], int(given["roundId"]), int(given["modelId"]))
    hashes = (expected, IN_THE_CLEAR, signature_hash)
    receipt = SubmissionReceipt(*place, *hashes, int(given["receivedAt"]))
    assert receipt.signer(from_hex(given["signature"])) == given["signer"]
    assert receipt.received_at == received_at(file)
    signed = read_signature(file)
    assert keccak(signed.signature) == signature_hash
    digest = SubmissionDigest(place[0], place[1], 1, 1, expected)
    assert digest.signer(signed.signature) == site.services.submissions.signer.address


def test_the_newest_submission_counts_and_all_are_kept(site: Site) -> None:
    client = hosted(site)
    client.upload_predictions(model_id="1", df=frame(site, 5))
    site.world.anvil.advance_to(site.world.now + 60)
    client.upload_predictions(model_id="1", df=frame(site))
    rows = listed(site)
    assert [row["selected"] for row in rows] == [True, False]
    assert rows[0]["contentHash"] == to_hex(content_hash(IDS, frame(site)["prediction"].to_numpy()))
    assert len(inbox(site)) == 2
    names = client.get_submission_filenames(model_id="1")
    assert [name["filename"] for name in names] == [rows[0]["filename"]]


@pytest.mark.parametrize("kind", list(BrokenKind))
def test_a_broken_file_is_refused_at_once_with_its_reason(
    site: Site, kind: BrokenKind, tmp_path: Path
) -> None:
    client = hosted(site)
    path = tmp_path / "broken.csv"
    path.write_bytes(broken_file(kind, pd.Index(IDS)))
    with pytest.raises(ValueError, match="expected"):
        client.upload_predictions(str(path), model_id="1")
    (row,) = listed(site)
    assert (row["state"], row["receipt"], row["selected"]) == (REFUSED, None, False)
    assert "expected" in row["reason"]
    assert not inbox(site)


def test_a_model_that_names_no_key_of_the_server_needs_its_own_signature(site: Site) -> None:
    site.world.open()
    site.step()
    client = site.client(site.key(site.account_of(1)))
    with pytest.raises(ValueError, match="cupel gateway"):
        client.upload_predictions(model_id="1", df=frame(site))


def signed_upload(site: Site, key: Any, model: int, content: bytes, signer: int) -> dict[str, Any]:
    """What a gateway does: upload, sign, submit."""
    auth = (
        "query ($m: String) "
        '{ submission_upload_auth(filename: "p.csv", tournament: 8, modelId: $m) { filename url } }'
    )
    granted = site.ask(auth, key, m=str(model))["data"]["submission_upload_auth"]
    assert requests.put(granted["url"], data=content, timeout=10).status_code == 200
    values = pd.read_csv(BytesIO(content), float_precision="round_trip")["prediction"].to_numpy()
    hashed = content_hash(IDS, np.asarray(values))
    suite = site.world.suite.addresses
    digest = SubmissionDigest(suite.chain_id, suite.tournament, 1, model, hashed)
    signature = digest.sign(site.world.participants[signer - 1].account.key)
    sign = (
        "mutation ($f: String!, $c: String!, $s: String!) "
        "{ signUpload(filename: $f, roundNumber: 1, contentHash: $c, signature: $s) }"
    )
    answer = site.ask(sign, key, f=granted["filename"], c=to_hex(hashed), s=to_hex(signature))
    assert answer["data"]["signUpload"] is True
    create = (
        "mutation ($f: String!, $m: String) "
        "{ create_submission(filename: $f, tournament: 8, modelId: $m) { id } }"
    )
    created: dict[str, Any] = site.ask(create, key, f=granted["filename"], m=str(model))
    return created


def test_a_signature_of_the_submitter_is_taken_and_that_of_another_is_not(site: Site) -> None:
    site.world.open()
    site.step()
    content = write_submission(site.world.predictions(1, 1), "csv")
    key = site.key(site.account_of(1))
    assert signed_upload(site, key, 1, content, signer=1)["data"]["create_submission"]["id"]
    refused = signed_upload(site, key, 1, content, signer=2)
    assert "the submitter of model 1" in refused["errors"][0]["message"]
    assert [row["state"] for row in listed(site)].count(ACCEPTED) == 1


def test_nobody_submits_for_another_s_model_or_uses_another_s_upload(site: Site) -> None:
    client = hosted(site)
    name_signer(site, 2)
    stranger = site.key(site.account_of(2, "bob"))
    with pytest.raises(ValueError, match="expected one of your models"):
        site.client(stranger).upload_predictions(model_id="1", df=frame(site))
    granted = client._upload_auth("submission_upload_auth", "p.csv", 8, "1")
    content = frame(site).to_csv(index=False)
    assert requests.put(granted["url"], data=content, timeout=10).status_code == 200
    create = 'mutation ($f: String!) { create_submission(filename: $f, tournament: 8, modelId: "2") { id } }'
    answer = site.ask(create, stranger, f=granted["filename"])
    assert answer["errors"][0]["message"].startswith("filename: expected one that an upload was granted for")
    assert not inbox(site)


def test_an_upload_is_used_once_and_its_url_is_good_for_one_file(site: Site) -> None:
    client = hosted(site)
    granted = client._upload_auth("submission_upload_auth", "../../etc/passwd", 8, "1")
    assert "/" not in granted["filename"]
    content = frame(site).to_csv(index=False).encode()
    for wrong in (
        granted["url"].replace(granted["filename"], "other.csv"),
        granted["url"][:-1] + ("0" if granted["url"][-1] != "0" else "1"),
        granted["url"].replace("expires=", "expires=9"),
    ):
        assert requests.put(wrong, data=content, timeout=10).status_code == 403
    create = 'mutation ($f: String!) { create_submission(filename: $f, tournament: 8, modelId: "1") { id } }'
    key = site.key(site.account_of(1))
    assert "sent by PUT" in site.ask(create, key, f=granted["filename"])["errors"][0]["message"]
    assert requests.put(granted["url"], data=content, timeout=10).status_code == 200
    assert site.ask(create, key, f=granted["filename"])["data"]["create_submission"]["id"]
    assert "not used" in site.ask(create, key, f=granted["filename"])["errors"][0]["message"]
    assert requests.put(granted["url"], data=content, timeout=10).status_code == 409


@pytest.mark.parametrize("announced", [True, False], ids=("announced", "chunked"))
def test_a_file_that_is_too_large_leaves_nothing(site: Site, *, announced: bool) -> None:
    client = hosted(site)
    granted = client._upload_auth("submission_upload_auth", "p.csv", 8, "1")
    most = most_bytes(len(IDS))
    block = b"x" * (most // 4 + 1)
    data = block * 5 if announced else iter([block] * 5)
    try:
        answer = requests.put(granted["url"], data=data, timeout=30)
        assert answer.status_code == 413
    except requests.ConnectionError:
        pass  # the server hung up while it was still sent
    assert not list(site.services.uploads.blobs.drafts.glob("*"))


def test_an_expired_url_is_refused(site: Site) -> None:
    client = hosted(site)
    granted = client._upload_auth("submission_upload_auth", "p.csv", 8, "1")
    site.world.anvil.advance_to(site.world.now + 2 * HOUR)
    assert requests.put(granted["url"], data=b"x", timeout=10).status_code == 403


def test_after_the_close_nothing_is_taken(site: Site) -> None:
    client = hosted(site)
    granted = client._upload_auth("submission_upload_auth", "p.csv", 8, "1")
    requests.put(granted["url"], data=frame(site).to_csv(index=False).encode(), timeout=10)
    site.world.anvil.advance_to(site.world.record(1).close_at)
    create = 'mutation ($f: String!) { create_submission(filename: $f, tournament: 8, modelId: "1") { id } }'
    answer = site.ask(create, site.key(site.account_of(1)), f=granted["filename"])
    assert "takes submissions" in answer["errors"][0]["message"]
    assert not inbox(site)


def test_one_s_own_file_is_read_back(site: Site, tmp_path: Path) -> None:
    client = hosted(site)
    made = client.upload_predictions(model_id="1", df=frame(site))
    path = client.download_submission(submission_id=made, dest_path=str(tmp_path / "back.csv"))
    assert pd.read_csv(path, float_precision="round_trip").equals(frame(site))
    stranger = site.client(site.key(site.account_of(2, "bob")))
    with pytest.raises(ValueError, match="one of your models"):
        stranger.download_submission(submission_id=made, dest_path=str(tmp_path / "stolen.csv"))


@pytest.mark.parametrize(
    ("label", "state"),
    [
        ("submission-received", REFUSED),
        ("submission-delivering", ACCEPTED),
        ("submission-delivered", ACCEPTED),
    ],
)
def test_killed_anywhere_what_has_a_receipt_counts_and_what_has_none_does_not(
    site: Site, tmp_path: Path, label: str, state: str
) -> None:
    client = hosted(site)
    granted = client._upload_auth("submission_upload_auth", "p.csv", 8, "1")
    requests.put(granted["url"], data=frame(site).to_csv(index=False).encode(), timeout=10)
    killed = fork_and_submit(site, granted["filename"], label)
    assert killed == KILLED
    assert listed(site)[0]["receipt"] is None
    site.world.anvil.advance_to(site.world.now + LATER)
    site.services.submissions.recover()
    (row,) = listed(site)
    assert row["state"] == state
    assert bool(row["receipt"]) == (state == ACCEPTED) == (len(inbox(site)) == 1)
    site.services.submissions.recover()
    assert listed(site) == [row]


def fork_and_submit(site: Site, filename: str, label: str) -> int:
    """Submit in a process that ends at a fail point; its exit code."""
    account = site.account_of(1)
    site.services.database.close()
    child = os.fork()
    if child == 0:
        os.environ["CUPEL_KILL_AT"] = label
        services = site.services
        model = services.accounts.model_of(account, "1")
        services.submissions.create(account, model, filename, None)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_after_the_close_what_was_not_delivered_is_refused(site: Site) -> None:
    client = hosted(site)
    granted = client._upload_auth("submission_upload_auth", "p.csv", 8, "1")
    requests.put(granted["url"], data=frame(site).to_csv(index=False).encode(), timeout=10)
    assert fork_and_submit(site, granted["filename"], "submission-delivering") == KILLED
    site.world.anvil.advance_to(site.world.record(1).close_at)
    site.services.submissions.recover()
    (row,) = listed(site)
    assert (row["state"], row["receipt"]) == (REFUSED, None)
    assert not inbox(site)
    assert DELIVERING not in {entry["state"] for entry in listed(site)}


def test_without_the_signing_process_nothing_is_accepted(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = wallet_of(EthAccount.from_key(SIGNER_KEY)).address
    with running_site(world, tmp_path / "server", signer=SigningClient(tmp_path / "none", address)) as site:
        monkeypatch.setattr(base_api, "API_TOURNAMENT_URL", site.url)
        client = hosted(site)
        with pytest.raises(ValueError, match="cupel server sign"):
            client.upload_predictions(model_id="1", df=frame(site))
        assert listed(site)[0]["state"] == REFUSED
        assert not inbox(site)


def test_a_round_that_encrypts_takes_no_plaintext_at_any_step(site: Site) -> None:
    """A grant of a round before does not help: nothing in the clear is written down."""
    site.world.open()
    site.step()
    client = site.client(site.key(site.account_of(1)))
    granted = client._upload_auth("submission_upload_auth", "p.csv", 8, "1")
    earlier = client._upload_auth("submission_upload_auth", "p.csv", 8, "1")
    content, key = frame(site).to_csv(index=False).encode(), site.key(site.account_of(1))
    assert requests.put(earlier["url"], data=content, timeout=10).status_code == 200
    encrypted_world(site.world).open()
    site.step()
    with pytest.raises(ValueError, match="expected encrypted predictions"):
        client._upload_auth("submission_upload_auth", "p.csv", 8, "1")
    answer = requests.put(granted["url"], data=content, timeout=10)
    assert answer.status_code == 409
    assert "expected encrypted predictions" in answer.text
    create = 'mutation ($f: String!) { create_submission(filename: $f, tournament: 8, modelId: "1") { id } }'
    refused = site.ask(create, key, f=earlier["filename"])
    assert "expected encrypted predictions" in refused["errors"][0]["message"]
    files = site.services.uploads.blobs.root
    assert not [path for path in files.rglob("*") if path.is_file()]
    assert not inbox(site, 2)
