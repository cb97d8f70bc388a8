"""What was signed reaches the server once, with a receipt, whatever is lost on the way."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scorer.client.submitting import SubmissionTerms
from scorer.compute.configuration import load_compute_config
from scorer.compute.delivery import NotDelivered, ServerDelivery
from scorer.compute.journal import SignedSubmission
from scorer.encryption import RoundContext
from scorer.lab.population import submission_csv
from scorer.server.errors import ApiError
from scorer.server.upstream import GatewayError, Upstream
from scorer.submission.validity import Universe
from tests.compute.models import GOOD, model, script, write_live
from tests.compute.models import Site as NodeSite
from tests.compute.test_node import until_delivered
from tests.server.site import Site, running_site
from tests.server.test_submissions import inbox, listed
from tests.world import IDS, World


@pytest.fixture
def server(world: World, tmp_path: Path) -> Iterator[Site]:
    with running_site(world, tmp_path / "server") as running:
        world.open()
        running.step()
        yield running


def signed(world: World, model_id: int = 1) -> SignedSubmission:
    """A model's predictions in the clear, signed by its owner."""
    addresses = world.suite.addresses
    place = RoundContext(addresses.chain_id, addresses.tournament, 1)
    terms = SubmissionTerms(place, world.rules, Universe(IDS, {}), None)
    values = np.asarray(world.predictions(model_id, 1), np.float64)
    made = terms.encode(model_id, submission_csv(IDS, values), "test")
    signature = made.digest.sign(bytes(world.participants[model_id - 1].account.key))
    return SignedSubmission(made.digest, signature, made.file, made.content, 1, stale=False)


def delivery(server: Site, folder: Path, upstream: Upstream | None = None, **changes: Any) -> ServerDelivery:
    key = server.key(server.account_of(1))
    addresses = server.world.suite.addresses
    given: dict[str, Any] = {"chain_id": addresses.chain_id, "tournament": addresses.tournament} | changes
    return ServerDelivery(upstream or Upstream(server.url), f"{key.public_id}${key.secret}", folder, **given)


def test_a_submission_gets_a_receipt_and_names_the_call_that_asked_for_it(
    server: Site, tmp_path: Path
) -> None:
    proof = delivery(server, tmp_path / "receipts").deliver(signed(server.world), "the-trigger")
    assert proof["server"] == server.url
    key = server.key(server.account_of(1))
    answer = server.ask('query { submissions(modelId: "1") { state triggerId } }', key)
    assert answer["data"]["submissions"] == [{"state": "accepted", "triggerId": "the-trigger"}]
    assert len(inbox(server)) == 1
    assert len(list((tmp_path / "receipts").glob("*.receipt.json"))) == 1


def test_handed_in_again_it_is_found_handed_in(server: Site, tmp_path: Path) -> None:
    submission = signed(server.world)
    for _ in range(3):
        delivery(server, tmp_path / "receipts").deliver(submission, None)
    assert (len(listed(server)), len(inbox(server))) == (1, 1)


def test_what_another_machine_handed_in_is_found(server: Site, tmp_path: Path) -> None:
    way = delivery(server, tmp_path / "receipts")
    tournament = server.world.suite.addresses.tournament
    assert way.find(tournament, 1, 1) is None
    way.deliver(signed(server.world), None)
    assert delivery(server, tmp_path / "elsewhere").find(tournament, 1, 1) == {
        "server": server.url,
        "found": True,
    }
    assert way.find(tournament, 2, 1) is None


class Losing(Upstream):
    """A way to the server on which the answer to one request is lost, after it was carried out."""

    lost = "createSubmission"

    def query(self, query: str, authorization: str | None, **variables: Any) -> Any:
        found = super().query(query, authorization, **variables)
        if self.lost in query:
            self.lost = "nothing more"
            raise GatewayError("expected an answer, found none")
        return found


@pytest.mark.parametrize(
    "lost", ["submissionUploadAuth", "signUpload", "createSubmission", "submissions(modelId"]
)
def test_a_lost_answer_makes_no_second_submission(server: Site, tmp_path: Path, lost: str) -> None:
    upstream, submission = Losing(server.url), signed(server.world)
    upstream.lost = lost
    way = delivery(server, tmp_path / "receipts", upstream)
    with pytest.raises(GatewayError):
        way.deliver(submission, None)
    way.deliver(submission, None)
    assert len(inbox(server)) == 1


def test_the_server_of_another_tournament_gets_nothing(server: Site, tmp_path: Path) -> None:
    other = delivery(server, tmp_path / "receipts", tournament="0x" + "11" * 20)
    with pytest.raises(NotDelivered, match="expected the server of"):
        other.deliver(signed(server.world), None)
    assert listed(server) == []


def test_a_key_that_may_not_upload_is_refused_by_the_server(server: Site, tmp_path: Path) -> None:
    way = delivery(server, tmp_path / "receipts")
    way.api_key = "A" * 32 + "$" + "B" * 64
    with pytest.raises(ApiError):
        way.deliver(signed(server.world), None)
    assert inbox(server) == []


def test_a_node_submits_through_the_server_from_the_server_s_own_files(server: Site, tmp_path: Path) -> None:
    """Universe and rules come from the server; live data lie where the operator publishes."""
    world = server.world
    site = NodeSite(world, tmp_path / "node")
    key = server.key(server.account_of(1))
    site.folder.mkdir()
    (site.folder / "api.key").write_text(f"{key.public_id}${key.secret}\n")
    submit = {"server": server.url, "api_key_file": "api.key"}
    site.write([model(1, script(site.folder / "one", GOOD))])
    document = (site.folder / "compute.toml").read_text().replace(f'inbox = "{world.operator.inbox}"', "")
    lines = "\n".join(f'{name} = "{value}"' for name, value in submit.items())
    (site.folder / "compute.toml").write_text(document.replace("[submit]\n", f"[submit]\n{lines}\n"))
    config = load_compute_config(site.folder / "compute.toml")
    write_live(site.published(1), world.ids)
    world.anvil.finalise()
    with site.node(config) as node:
        until_delivered(site, node, 1, 1)
        node.node.cycle()
        assert node.node.missing == 0
    (row,) = listed(server)
    assert row["state"] == "accepted"
