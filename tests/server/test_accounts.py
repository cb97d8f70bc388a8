"""Accounts, keys, logins and invitations: who gets in, how, and what a key may do."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_account import Account as EthAccount
from eth_account.messages import encode_defunct
from graphql import build_schema, get_named_type

from scorer.server.api_keys import EDIT, MANAGE_KEYS, READ_ACCOUNT, READ_SUBMISSIONS, SCOPES, UPLOAD
from scorer.server.application import ROOTS
from scorer.server.engine import schema_text
from scorer.server.errors import NO_SESSION
from scorer.server.names import camel_case
from tests.server.site import Site, running_site
from tests.server.site import site as site
from tests.world import World

SCHEMA = build_schema(schema_text())
ACCOUNT = (
    "query { account { username walletAddress models { id name } apiTokens { publicId public_id scopes } } }"
)
NEW_KEY = 'mutation ($s: [String!]) { createApiToken(name: "n", scopes: $s) { publicId secretKey scopes } }'
REVOKE = "mutation ($p: String!) { revokeApiToken(publicId: $p) }"
ACCEPT = (
    "mutation ($c: String!, $u: String!) { acceptInvitation(code: $c, username: $u) { publicId secretKey } }"
)
LOGIN = 'mutation ($m: String!, $s: String!) { login(message: $m, signature: $s, username: "eve") { token } }'


def error(answer: dict[str, list[dict[str, str]]]) -> str:
    return answer["errors"][-1]["message"]


def test_every_root_of_the_schema_is_answered_and_no_other() -> None:
    assert SCHEMA.query_type is not None
    assert SCHEMA.mutation_type is not None
    roots = {camel_case(name) for kind in (SCHEMA.query_type, SCHEMA.mutation_type) for name in kind.fields}
    assert roots == set(ROOTS)


def test_a_wallet_logs_in_makes_a_key_and_revokes_it(site: Site) -> None:
    owner = site.world.participants[0].account
    session = site.log_in(owner, username="ada")
    made = site.ask(NEW_KEY, session=session, s=[READ_ACCOUNT])["data"]["createApiToken"]
    key = site.services.keys.create(site.account_of(1), "other", (READ_ACCOUNT,))
    header = {"public_id": made["publicId"], "secret": made["secretKey"]}
    asked = site.ask(ACCOUNT, type(key)(**header, scopes=()))["data"]["account"]
    assert asked["username"] == "ada"
    assert asked["walletAddress"] == owner.address
    owned = site.world.suite.registry.functions.balanceOf(owner.address).call()
    assert len(asked["models"]) == owned > 0
    assert site.ask(REVOKE, session=session, p=made["publicId"])["data"]["revokeApiToken"] is True
    assert NO_SESSION in error(site.ask(ACCOUNT, type(key)(**header, scopes=())))


def test_a_login_ends_when_its_owner_says_so(site: Site) -> None:
    session = site.log_in(site.world.participants[0].account, username="ada")
    assert site.ask(ACCOUNT, session=session)["data"]["account"]
    assert site.ask("mutation { logout }", session=session)["data"]["logout"] is True
    assert NO_SESSION in error(site.ask(ACCOUNT, session=session))


def test_only_a_hash_of_a_secret_is_kept(site: Site) -> None:
    key = site.key(site.account_of(1))
    session = site.log_in(site.world.participants[0].account)
    path = site.services.database.engine.url.database
    assert path is not None
    stored = b"".join(Path(path + end).read_bytes() for end in ("", "-wal"))
    assert key.public_id.encode() in stored
    assert key.secret.encode() not in stored
    assert session.encode() not in stored


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("Chain ID: 31337", "Chain ID: 1"), "Chain ID 31337"),
        (lambda text: text.replace("127.0.0.1", "evil.example"), "expected Domain 127.0.0.1"),
        (lambda text: text.replace("Nonce: ", "Nonce: 00"), "form of EIP-4361"),
        (
            lambda text: text[: text.index("Nonce: ") + 7] + "0" * 32 + text[text.index("Nonce: ") + 39 :],
            "nonce",
        ),
        (lambda text: text + "\nmore", "form of EIP-4361"),
        (lambda text: text.replace("Issued At: 2", "Issued At: 3"), "valid now"),
        (lambda text: text.replace("Expiration Time: 2", "Expiration Time: 1"), "valid now"),
    ],
)
def test_a_message_for_another_place_or_time_logs_nobody_in(site: Site, change, words: str) -> None:  # type: ignore[no-untyped-def]
    wallet = EthAccount.from_key("0x" + "11" * 32)
    text = site.services.login.message(wallet.address)
    changed = change(text)
    assert changed != text
    signature = "0x" + wallet.sign_message(encode_defunct(text=changed)).signature.hex()
    assert words in error(site.ask(LOGIN, m=changed, s=signature))


def test_a_signature_of_another_wallet_or_used_twice_logs_nobody_in(site: Site) -> None:
    wallet, other = (EthAccount.from_key("0x" + digit * 64) for digit in "12")
    text = site.services.login.message(wallet.address)
    wrong = "0x" + other.sign_message(encode_defunct(text=text)).signature.hex()
    assert "expected that of" in error(site.ask(LOGIN, m=text, s=wrong))
    right = "0x" + wallet.sign_message(encode_defunct(text=text)).signature.hex()
    assert "nonce" in error(site.ask(LOGIN, m=text, s=right)), "a nonce is used up by a failed try too"
    text = site.services.login.message(wallet.address)
    right = "0x" + wallet.sign_message(encode_defunct(text=text)).signature.hex()
    assert site.ask(LOGIN, m=text, s=right)["data"]["login"]["token"]
    assert "nonce" in error(site.ask(LOGIN, m=text, s=right))


def test_an_invitation_opens_one_account_without_a_wallet(site: Site) -> None:
    code = site.services.accounts.invite()
    assert site.ask(ACCEPT, c=code, u="bob")["data"]["acceptInvitation"]["secretKey"]
    assert "nobody used" in error(site.ask(ACCEPT, c=code, u="carol"))
    assert "nobody used" in error(site.ask(ACCEPT, c="wrong", u="carol"))
    assert site.services.accounts.by_name("carol") is None
    assert "taken" in error(site.ask(ACCEPT, c=site.services.accounts.invite(), u="BOB"))


def test_a_private_tournament_takes_no_wallet_without_an_invitation(world: World, tmp_path) -> None:  # type: ignore[no-untyped-def]
    with running_site(world, tmp_path / "private", is_private=True) as site:
        wallet = world.participants[0].account
        text = site.services.login.message(wallet.address)
        signature = "0x" + wallet.sign_message(encode_defunct(text=text)).signature.hex()
        assert "invitation" in error(site.ask(LOGIN, m=text, s=signature))
        assert site.log_in(wallet, username="ada", invitation=site.services.accounts.invite())


SCOPED = {
    "account { id }": READ_ACCOUNT,
    "model { id }": READ_SUBMISSIONS,
    "submissions { id }": READ_SUBMISSIONS,
    "submissionDownloadAuth { url }": READ_SUBMISSIONS,
    "pendingModelPayouts(tournament: 8) { actual { modelId } }": READ_ACCOUNT,
    'submission_upload_auth(filename: "a", tournament: 8) { url }': UPLOAD,
    'submissionUploadAuth(filename: "a", tournament: 8) { url }': UPLOAD,
    'submissionUploadSignalsAuth(filename: "a", tournament: 8) { url }': UPLOAD,
    'computePickleUploadAuth(filename: "a") { url }': UPLOAD,
    "computePickleDataVersions { id }": READ_ACCOUNT,
    "computePickleDockerImages { id }": READ_ACCOUNT,
    'v3StakeAuth(submissionId: "1", staker: "a", maxAmount: "1") { nonce }': READ_ACCOUNT,
    'v3StakeClaim(roundId: "1", modelId: "1", staker: "a") { proof }': READ_ACCOUNT,
    'mutation: create_submission(filename: "a", tournament: 8) { id }': UPLOAD,
    'mutation: createSubmission(filename: "a", tournament: 8) { id }': UPLOAD,
    'mutation: createSignalsSubmission(filename: "a") { id }': UPLOAD,
    'mutation: createComputePickleUpload(filename: "a", tournament: 8) { id }': UPLOAD,
    'mutation: signUpload(filename: "a", roundNumber: 1, contentHash: "0x", signature: "0x")': UPLOAD,
    'mutation: setUserBio(value: "a")': EDIT,
    'mutation: setUserLink(linkUrl: "a")': EDIT,
    'mutation: setModelName(modelId: "1", name: "a")': EDIT,
    'mutation: v2ChangeStake(value: "1", type: "increase", tournamentNumber: 8) { status }': READ_ACCOUNT,
    'diagnosticsUploadAuth(filename: "a", tournament: 8) { url }': UPLOAD,
    'mutation: createDiagnostics(filename: "a", tournament: 8) { id }': UPLOAD,
    'diagnostics(modelId: "1") { status }': READ_SUBMISSIONS,
    'mutation: setSubmissionWebhook(modelId: "1", newSubmissionWebhook: "a")': EDIT,
    'triggerLogs(modelId: "1") { state }': READ_SUBMISSIONS,
    'webhookSecret(modelId: "1")': EDIT,
    'mutation: triggerModelWebhook(modelId: "1")': UPLOAD,
    'mutation: rotateWebhookSecret(modelId: "1")': EDIT,
    'uploadStatus(filename: "a") { size }': UPLOAD,
    "mutation: releaseStake(drain: true) { status }": READ_ACCOUNT,
    'mutation: createApiToken(name: "a") { publicId }': MANAGE_KEYS,
    'mutation: revokeApiToken(publicId: "a")': MANAGE_KEYS,
    'mutation: linkWallet(message: "a", signature: "a")': MANAGE_KEYS,
}
"""Roots that need a key, and the scope that it must have."""
ANY_KEY = ("v3StakeConfig { address }", 'v3StakeRound(roundId: "1") { state }', "mutation: logout")
PUBLIC = {
    *(
        "rounds",
        "tournaments",
        "listDatasets",
        "dataset",
        "pipelineStatus",
        "metaModelExposures",
        "accountProfile",
        "v3UserProfile",
    ),
    *("v2SignalsProfile", "v2Leaderboard", "signalsLeaderboard", "cryptosignalsLeaderboard"),
    *("accountLeaderboard", "submissionScores", "v2RoundModelPerformances"),
    *("explanation", "metaModelExposures", "roundRecord", "seasonLeaderboard"),
    *("loginMessage", "login", "acceptInvitation"),
}


def root_of(query: str) -> str:
    return camel_case(query.removeprefix("mutation: ").partition("(")[0].partition(" ")[0])


def document(query: str) -> str:
    kind = "mutation" if query.startswith("mutation: ") else "query"
    return f"{kind} {{ {query.removeprefix('mutation: ')} }}"


def test_the_matrix_of_roots_and_keys_is_complete() -> None:
    assert {root_of(query) for query in (*SCOPED, *ANY_KEY)} | PUBLIC == set(ROOTS)
    assert not {root_of(query) for query in (*SCOPED, *ANY_KEY)} & PUBLIC


def test_nobody_gets_in_without_a_key_or_with_one_of_another_scope(site: Site) -> None:
    account = site.account_of(1)
    others = {
        scope: site.key(account, tuple(other for other in SCOPES if other != scope))
        for scope in (*SCOPES, MANAGE_KEYS)
    }
    for query in (*SCOPED, *ANY_KEY):
        assert NO_SESSION in error(site.ask(document(query))), query
    for query, scope in SCOPED.items():
        assert error(site.ask(document(query), others[scope])).startswith(
            f"key: expected the scope {scope}"
        ), query


def paths_to(kind: str, wanted: str, seen: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Paths of fields from a type of the schema to another one."""
    for name, field in getattr(SCHEMA.type_map[kind], "fields", {}).items():
        found = get_named_type(field.type).name
        if found == wanted:
            yield (name,)
        elif found not in seen:
            for rest in paths_to(found, wanted, (*seen, kind)):
                yield (name, *rest)


def test_every_way_to_submissions_needs_their_scope(site: Site) -> None:
    account = site.account_of(1)
    others = tuple(scope for scope in (*SCOPES, MANAGE_KEYS) if scope != READ_SUBMISSIONS)
    blind, seeing = site.key(account, others), site.key(account, (READ_SUBMISSIONS, READ_ACCOUNT))
    ways = [way for way in paths_to("Query", "Submission") if way[0] != "model"]
    assert ("account", "models", "submissions") in ways
    for way in ways:
        query = "query { " + " { ".join(way) + " { id reason filename }" + " }" * len(way)
        query = query.replace("submissions {", 'submissions(modelId: "1") {') if len(way) == 1 else query
        assert "scope read_submission_info" in error(site.ask(query, blind)), way
        assert "errors" not in site.ask(query, seeing), way


def test_a_key_that_may_not_manage_keys_revokes_itself_alone(site: Site) -> None:
    account = site.account_of(1)
    key, other = site.key(account, (READ_ACCOUNT,)), site.key(account)
    assert "scope manage_keys" in error(site.ask(REVOKE, key, p=other.public_id))
    assert site.ask(REVOKE, key, p=key.public_id)["data"]["revokeApiToken"] is True
    assert NO_SESSION in error(site.ask(ACCOUNT, key))


def test_models_have_one_name_each_and_belong_to_their_account_alone(site: Site) -> None:
    key = site.key(site.account_of(1))
    name = "mutation ($m: String!, $n: String!) { setModelName(modelId: $m, name: $n) }"
    assert site.ask(name, key, m="1", n="gold")["data"]["setModelName"] is True
    stranger = site.key(site.account_of(2, "bob"))
    assert "expected one of your models" in error(site.ask(name, stranger, m="1", n="lead"))
    assert "taken" in error(site.ask(name, stranger, m="2", n="GOLD"))
    assert "not model_NUMBER" in error(site.ask(name, stranger, m="2", n="model_1"))
    profile = "query ($n: String!) { accountProfile(username: $n) { models { displayName } } }"
    names = site.ask(profile, n="Alice")["data"]["accountProfile"]["models"]
    assert {"displayName": "gold"} in names


def test_an_invited_account_without_a_wallet_holds_a_model_of_the_operator(world: World, tmp_path) -> None:  # type: ignore[no-untyped-def]
    operator = str(world.participants[0].account.address)
    with running_site(world, tmp_path / "held", custodian=operator) as site:
        accounts = site.services.accounts
        bob = accounts.join("bob", invitation=accounts.invite())
        assert accounts.models_of(bob) == []
        accounts.edit_model(1, account=bob.id, name="held")
        assert [model.name for model in accounts.models_of(bob)] == ["held"]
        accounts.edit_model(2, account=bob.id)  # not the operator's
        assert [model.id for model in accounts.models_of(bob)] == [1]
