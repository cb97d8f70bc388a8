"""What members agree on before an outcome: whose verdict decides, and what a quorum's signatures are of."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from itertools import pairwise, product
from typing import Any

import pytest
from coincurve import PrivateKey
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_hash.auto import keccak

from scorer.protocol.documents import parse_json, to_hex
from scorer.protocol.seal import (
    Seal,
    SealVote,
    Verdict,
    Verdicts,
    agreed_refusals,
    quorum_signatures,
    seal_of,
)
from scorer.protocol.submissions import IN_THE_CLEAR
from scorer.protocol.typed_data import signer_of
from tests.small_round import (
    AMOUNTS,
    CHAIN_ID,
    CONSTANT,
    GOOD,
    ROUND,
    SUBMITTERS,
    TOURNAMENT,
    UNKNOWN,
    WRONGLY_SIGNED,
    SmallRound,
)

WHERE = CHAIN_ID, TOURNAMENT, ROUND
ELSEWHERE = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"
SUBMISSIONS = SmallRound().inputs().submissions
REFUSED = frozenset({WRONGLY_SIGNED, UNKNOWN})
HEAD = b"\3" * 32
MODEL = 7
VALID, INVALID, OTHER_CONTENT, OTHER_CIPHERTEXT, OTHER_SIGNATURE, NOTHING = EVERYTHING = (
    *("it counts", "it does not", "another content counts", "another ciphertext counts"),
    *("another signature counts", "nothing"),
)
"""What a member may say of model 7's submission: of the one that all have, of another one, or nothing."""
OURS = Verdict(b"\1" * 32, b"\5" * 32, b"\2" * 32, is_valid=True)
SAID: Mapping[str, Mapping[int, Verdict]] = {
    VALID: {MODEL: OURS},
    INVALID: {MODEL: replace(OURS, is_valid=False)},
    OTHER_CONTENT: {MODEL: replace(OURS, content_hash=b"\4" * 32)},
    OTHER_CIPHERTEXT: {MODEL: replace(OURS, ciphertext_hash=b"\4" * 32)},
    OTHER_SIGNATURE: {MODEL: replace(OURS, signature_hash=b"\4" * 32)},
    NOTHING: {},
}
KEYS = tuple((100 + number).to_bytes(32, "big") for number in range(5))
MEMBERS = tuple(str(Account.from_key(key).address) for key in KEYS)
STRANGER = (99).to_bytes(32, "big")


def of_members(*said: str) -> list[Verdicts]:
    """What members say of model 7's submission."""
    return [Verdicts(*WHERE, SAID[each]) for each in said]


def is_refused(own: str, *others: str, members: int = 4, quorum: int = 3) -> bool:
    """Whether model 7's submission does not count, as a member sees it that knows these others' verdicts."""
    ours, *theirs = of_members(own, *others)
    found = agreed_refusals(ours, theirs, members=members, quorum=quorum)
    assert found in (frozenset(), {MODEL})
    return MODEL in found


# Whose verdict decides.


@pytest.mark.parametrize("dissent", [INVALID, OTHER_CONTENT, OTHER_SIGNATURE, NOTHING])
def test_one_dissenter_of_four_blocks_no_submission(dissent: str) -> None:
    assert not is_refused(VALID, VALID, VALID, dissent)
    assert not is_refused(INVALID, VALID, VALID, VALID)


def test_one_dissenter_of_four_forces_no_submission_on_the_others() -> None:
    assert is_refused(INVALID, INVALID, INVALID, VALID)
    assert is_refused(VALID, INVALID, INVALID, INVALID)


@pytest.mark.parametrize("first", [0, 1, 2, 3])
def test_where_no_quorum_is_found_either_way_everybody_refuses(first: int) -> None:
    """Also members whose own verdict was that it counts."""
    split = (VALID, VALID, INVALID, INVALID)
    assert is_refused(split[first], *split[:first], *split[first + 1 :])


@pytest.mark.parametrize(
    ("own", "known"),
    [
        (VALID, ()),
        (VALID, (INVALID,)),
        (VALID, (VALID,)),
        (VALID, (VALID, INVALID)),
        (VALID, (NOTHING,)),
        (INVALID, ()),
        (INVALID, (VALID,)),
        (INVALID, (VALID, VALID)),
        (INVALID, (INVALID,)),
    ],
)
def test_while_too_few_verdicts_are_known_a_members_own_stands(own: str, known: tuple[str, ...]) -> None:
    assert is_refused(own, *known) == (own == INVALID)


@pytest.mark.parametrize("against", [INVALID, OTHER_CONTENT, OTHER_SIGNATURE, NOTHING])
def test_once_no_quorum_can_be_reached_any_more_the_submission_is_refused(against: str) -> None:
    """Two of four against it are enough, whatever the last one will say."""
    assert not is_refused(VALID, against)
    assert is_refused(VALID, against, against)
    assert is_refused(VALID, against, INVALID)


def test_a_quorum_is_enough_before_the_last_member_speaks() -> None:
    assert not is_refused(VALID, VALID, VALID)
    assert not is_refused(VALID, VALID, VALID, members=5)


@pytest.mark.parametrize("other", [OTHER_CONTENT, OTHER_SIGNATURE, NOTHING])
def test_a_verdict_on_another_submission_is_no_vote_for_ours(other: str) -> None:
    assert is_refused(VALID, VALID, other, other)
    assert is_refused(VALID, other, other, other)
    assert is_refused(INVALID, other, other, other)


def test_a_members_own_wrong_copy_is_refused_though_all_others_count_theirs() -> None:
    assert is_refused(OTHER_CONTENT, VALID, VALID, VALID)


def test_every_model_is_decided_for_itself() -> None:
    own = Verdicts(*WHERE, {1: OURS, 2: OURS, 3: replace(OURS, is_valid=False)})
    others = [
        Verdicts(*WHERE, {1: OURS, 2: replace(OURS, is_valid=False), 3: OURS, 4: OURS}) for _ in range(3)
    ]
    assert agreed_refusals(own, others, members=4, quorum=3) == {2}


@pytest.mark.parametrize(("members", "quorum"), [(4, 3), (4, 4), (5, 4), (5, 5)])
def test_members_who_know_all_verdicts_agree_whatever_those_are(members: int, quorum: int) -> None:
    """Of one submission: who has another one takes over the others' first, as its root cannot be signed."""
    for said in product((VALID, INVALID, NOTHING), repeat=members):
        views = {
            is_refused(own, *said[:place], *said[place + 1 :], members=members, quorum=quorum)
            for place, own in enumerate(said)
            if own != NOTHING
        }
        assert views <= {said.count(VALID) < quorum}, said


@pytest.mark.parametrize(("members", "quorum"), [(4, 3), (5, 4)])
def test_a_submission_counts_to_whoever_knows_all_exactly_where_a_quorum_says_so(
    members: int, quorum: int
) -> None:
    """Among all that members can say, also of other submissions."""
    for said in product(EVERYTHING, repeat=members):
        for place, own in enumerate(said):
            if own in (VALID, INVALID):
                others = (*said[:place], *said[place + 1 :])
                refused = is_refused(own, *others, members=members, quorum=quorum)
                assert refused == (said.count(VALID) < quorum), said


@pytest.mark.parametrize(("members", "quorum"), [(4, 3), (5, 4), (7, 5)])
def test_what_is_decided_stays_decided_when_more_is_known(members: int, quorum: int) -> None:
    """A verdict that a quorum carries, or that it cannot carry any more, is not taken back."""
    for known in product((VALID, INVALID), repeat=members - 1):
        for own in (VALID, INVALID):
            views = [
                is_refused(own, *known[:count], members=members, quorum=quorum) for count in range(members)
            ]
            changes = sum(one != other for one, other in pairwise(views))
            assert changes <= 1, (own, known)
            assert views[0] == (own == INVALID)


# The statement.


@pytest.fixture(scope="module")
def verdicts() -> Verdicts:
    return Verdicts.on(SUBMISSIONS, REFUSED, *WHERE)


@pytest.fixture(scope="module")
def seal(verdicts: Verdicts) -> Seal:
    return seal_of(verdicts, SUBMISSIONS, REFUSED, HEAD, AMOUNTS)


def test_verdicts_are_on_every_submission_and_refuse_those_named(verdicts: Verdicts) -> None:
    assert set(verdicts.by_model) == set(SUBMITTERS)
    for entry in SUBMISSIONS.entries:
        hashes = entry.content_hash, IN_THE_CLEAR, keccak(entry.signature)
        expected = Verdict(*hashes, entry.model_id not in REFUSED)
        assert verdicts.by_model[entry.model_id] == expected


def test_a_refusal_of_a_model_that_sent_nothing_is_no_verdict() -> None:
    assert Verdicts.on(SUBMISSIONS, {1_000}, *WHERE) == Verdicts.on(SUBMISSIONS, (), *WHERE)


def test_a_seal_says_where_it_is_of_and_what_counts(seal: Seal) -> None:
    assert (seal.chain_id, seal.tournament, seal.round_id) == WHERE
    assert seal.positions_head == HEAD
    assert seal.submissions_root == SUBMISSIONS.root(REFUSED) != SUBMISSIONS.root()
    assert seal.valid_at_risk == sum(AMOUNTS[model] for model in (*GOOD, CONSTANT))


@pytest.mark.parametrize("model", SUBMITTERS)
def test_stake_is_valid_where_its_models_submission_counts(
    model: int, verdicts: Verdicts, seal: Seal
) -> None:
    found = seal_of(verdicts, SUBMISSIONS, REFUSED ^ {model}, HEAD, AMOUNTS)
    change = AMOUNTS.get(model, 0) * (1 if model in REFUSED else -1)
    assert found.valid_at_risk == seal.valid_at_risk + change
    assert found.submissions_root == SUBMISSIONS.root(REFUSED ^ {model}) != seal.submissions_root


def test_no_stake_is_valid_where_nothing_counts(verdicts: Verdicts) -> None:
    everybody = frozenset(SUBMITTERS)
    assert seal_of(verdicts, SUBMISSIONS, everybody, HEAD, AMOUNTS).valid_at_risk == 0
    assert seal_of(verdicts, SUBMISSIONS, frozenset(), HEAD, {}).valid_at_risk == 0


# What is signed.


def eip712(name: str, fields: Mapping[str, str], message: Mapping[str, Any]) -> bytes:
    """The EIP-712 digest of a struct of the round's tournament, by eth-account."""

    def typed(declared: Mapping[str, str]) -> list[dict[str, str]]:
        return [{"name": field, "type": kind} for field, kind in declared.items()]

    domain = {"name": "string", "version": "string", "chainId": "uint256", "verifyingContract": "address"}
    signable = encode_typed_data(
        full_message={
            "types": {"EIP712Domain": typed(domain), name: typed(fields)},
            "domain": {
                "name": "Cupel",
                "version": "2",
                "chainId": CHAIN_ID,
                "verifyingContract": TOURNAMENT,
            },
            "primaryType": name,
            "message": message,
        }
    )
    return keccak(b"\x19" + signable.version + signable.header + signable.body)


@pytest.mark.parametrize("valid_at_risk", [0, 1, 2**64 - 1])
def test_a_seal_is_signed_as_eip_712_has_it(valid_at_risk: int, seal: Seal) -> None:
    fields = {
        "roundId": "uint256",
        "positionsHead": "bytes32",
        "submissionsRoot": "bytes32",
        "validAtRisk": "uint64",
    }
    message = {
        "roundId": ROUND,
        "positionsHead": HEAD,
        "submissionsRoot": seal.submissions_root,
        "validAtRisk": valid_at_risk,
    }
    signed = replace(seal, valid_at_risk=valid_at_risk).message
    assert keccak(signed) == eip712("Seal", fields, message)


@pytest.mark.parametrize("refused", [(), (1,), REFUSED, SUBMITTERS])
def test_verdicts_are_signed_as_eip_712_has_it_by_the_root_that_they_make(refused: Iterable[int]) -> None:
    found = Verdicts.on(SUBMISSIONS, refused, *WHERE)
    fields = {"roundId": "uint256", "verdictsRoot": "bytes32"}
    message = {"roundId": ROUND, "verdictsRoot": SUBMISSIONS.root(frozenset(refused))}
    assert keccak(found.message) == eip712("Verdicts", fields, message)


def test_the_order_in_which_verdicts_stand_is_not_signed(verdicts: Verdicts) -> None:
    turned = replace(verdicts, by_model=dict(reversed(list(verdicts.by_model.items()))))
    assert turned.message == verdicts.message
    assert turned.to_json() == verdicts.to_json()


def sign(message: bytes, key: bytes) -> bytes:
    signed = PrivateKey(key).sign_recoverable(keccak(message), hasher=None)
    return signed[:64] + bytes([27 + signed[64]])


def vote_by(key: bytes, verdicts: Verdicts, seal: Seal) -> SealVote:
    """A member's vote, all of it signed."""
    on_verdicts, on_seal = sign(verdicts.message, key), sign(seal.message, key)
    return SealVote(Account.from_key(key).address, verdicts, on_verdicts, seal, on_seal, REFUSED)


@pytest.fixture(scope="module")
def vote(verdicts: Verdicts, seal: Seal) -> SealVote:
    return vote_by(KEYS[0], verdicts, seal)


def test_a_vote_is_signed_by_the_member_that_it_names(vote: SealVote) -> None:
    assert vote.is_signed


def test_a_vote_reads_back_as_it_was_written(vote: SealVote) -> None:
    again = SealVote.from_json(parse_json(json.dumps(vote.to_json()).encode()))
    assert again == vote
    assert again.is_signed


def test_a_vote_on_no_submissions_reads_back(vote: SealVote) -> None:
    verdicts, seal = replace(vote.verdicts, by_model={}), replace(vote.seal, submissions_root=bytes(32))
    empty = replace(vote_by(KEYS[0], verdicts, seal), refused=frozenset())
    assert SealVote.from_json(document(empty)) == empty
    assert empty.is_signed


def with_verdict(model: int, **change: object) -> Callable[[SealVote], SealVote]:
    def changed(vote: SealVote) -> SealVote:
        other = replace(vote.verdicts.by_model[model], **change)  # type: ignore[arg-type]
        by_model = {**vote.verdicts.by_model, model: other}
        return replace(vote, verdicts=replace(vote.verdicts, by_model=by_model))

    return changed


def with_models(change: Callable[[dict[int, Verdict]], dict[int, Verdict]]) -> Callable[[SealVote], SealVote]:
    return lambda vote: replace(
        vote, verdicts=replace(vote.verdicts, by_model=change(dict(vote.verdicts.by_model)))
    )


def of_verdicts(**change: object) -> Callable[[SealVote], SealVote]:
    return lambda vote: replace(vote, verdicts=replace(vote.verdicts, **change))  # type: ignore[arg-type]


def of_seal(**change: object) -> Callable[[SealVote], SealVote]:
    return lambda vote: replace(vote, seal=replace(vote.seal, **change))  # type: ignore[arg-type]


def flipped(signature: bytes) -> bytes:
    return bytes([signature[0] ^ 1]) + signature[1:]


FORGERIES: dict[str, Callable[[SealVote], SealVote]] = {
    "another member": lambda vote: replace(vote, member=MEMBERS[1]),
    "the content of a verdict": with_verdict(1, content_hash=b"\5" * 32),
    "the signature that a verdict is on": with_verdict(1, signature_hash=b"\5" * 32),
    "a refusal for a verdict that it counts": with_verdict(1, is_valid=False),
    "a verdict that it counts for a refusal": with_verdict(UNKNOWN, is_valid=True),
    "a verdict less": with_models(lambda m: {k: v for k, v in m.items() if k != 1}),
    "a verdict more": with_models(lambda m: {**m, 1_000: m[1]}),
    "another model's verdict": with_models(lambda m: {**m, 2: m[1], 1: m[2]}),
    "no verdicts": with_models(lambda m: {}),
    "the chain of verdicts": of_verdicts(chain_id=1),
    "the tournament of verdicts": of_verdicts(tournament=ELSEWHERE),
    "the round of verdicts": of_verdicts(round_id=ROUND + 1),
    "the chain of a seal": of_seal(chain_id=1),
    "the tournament of a seal": of_seal(tournament=ELSEWHERE),
    "the round of a seal": of_seal(round_id=ROUND + 1),
    "the positions of a seal": of_seal(positions_head=b"\5" * 32),
    "the submissions of a seal": of_seal(submissions_root=b"\5" * 32),
    "the stake of a seal": of_seal(valid_at_risk=1),
    "the signature of verdicts": lambda v: replace(v, verdicts_signature=flipped(v.verdicts_signature)),
    "the signature of a seal": lambda v: replace(v, seal_signature=flipped(v.seal_signature)),
    "signatures exchanged": lambda v: replace(
        v, seal_signature=v.verdicts_signature, verdicts_signature=v.seal_signature
    ),
    "no signature of a seal": lambda v: replace(v, seal_signature=b""),
    "no signature of verdicts": lambda v: replace(v, verdicts_signature=b""),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_a_vote_of_which_anything_was_changed_is_not_signed(what: str, vote: SealVote) -> None:
    assert not FORGERIES[what](vote).is_signed


def document(vote: SealVote) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(vote.to_json()))
    return found


def leaves(part: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(part, dict | list):
        items = part.items() if isinstance(part, dict) else enumerate(part)
        return [leaf for name, each in items for leaf in leaves(each, (*path, name))]
    return [path]


def other(value: Any) -> Any:
    """A value of the same form."""
    if isinstance(value, int):
        return 1 - value if value in (0, 1) else value + 1
    if value.isdecimal():
        return str(int(value) + 1)
    return value[:-1] + ("0" if value[-1] != "0" else "1")


def test_a_document_of_which_any_value_was_changed_is_no_signed_vote(vote: SealVote) -> None:
    """Each is refused or read as a vote that its member did not sign."""
    paths = leaves(document(vote))
    assert len(paths) == 5 * len(SUBMITTERS) + len(REFUSED) + 9
    for path in paths:
        if path[0] == "refused":
            continue  # see the next test
        changed = part = document(vote)
        for name in path[:-1]:
            part = part[name]
        part[path[-1]] = other(part[path[-1]])
        try:
            found = SealVote.from_json(changed)
        except (KeyError, TypeError, ValueError):
            continue
        assert not found.is_signed, path


def test_refusals_of_a_vote_are_bound_by_the_root_of_its_seal(vote: SealVote) -> None:
    for refused in ([], [1], [WRONGLY_SIGNED], [1, WRONGLY_SIGNED, UNKNOWN], [WRONGLY_SIGNED, UNKNOWN]):
        found = SealVote.from_json({**document(vote), "refused": refused})
        assert (SUBMISSIONS.root(found.refused) == found.seal.submissions_root) == (found == vote)


def put(path: tuple[Any, ...], value: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        part: Any = document
        for name in path[:-1]:
            part = part[name]
        part[path[-1]] = value

    return change


def without(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda document: document.pop(name)


HASH, SIGNATURE = "0x" + "01" * 32, "0x" + "01" * 65
MALFORMED: dict[str, Callable[[dict[str, Any]], object]] = {
    **{
        f"no {name}": without(name)
        for name in (
            *("member", "chain_id", "tournament", "round_id", "verdicts", "verdicts_signature"),
            *("positions_head", "submissions_root", "valid_at_risk", "refused", "seal_signature"),
        )
    },
    "a member in lower case": put(("member",), MEMBERS[0].lower()),
    "a member that is none": put(("member",), None),
    "a tournament in lower case": put(("tournament",), TOURNAMENT.lower()),
    "a chain that is true": put(("chain_id",), True),
    "a chain in text": put(("chain_id",), "31337"),
    "a round below zero": put(("round_id",), -1),
    "a round that is a fraction": put(("round_id",), 5.0),
    "verdicts that are none": put(("verdicts",), None),
    "verdicts that are a number": put(("verdicts",), 5),
    "a verdict that is none": put(("verdicts", 0), None),
    "a verdict of three parts": put(("verdicts", 0), [1, HASH, HASH]),
    "a verdict of five parts": put(("verdicts", 0), [1, HASH, HASH, 1, 1]),
    "a verdict on model 0": put(("verdicts", 0, 0), 0),
    "a verdict on a model in text": put(("verdicts", 0, 0), "1"),
    "a verdict on a model that is true": put(("verdicts", 0, 0), True),
    "a verdict on a list": put(("verdicts", 0, 0), []),
    "a verdict twice": put(("verdicts", 0, 0), 2),
    "a content hash of 31 bytes": put(("verdicts", 0, 1), HASH[:-2]),
    "a content hash in upper case": put(("verdicts", 0, 1), "0x" + "AB" * 32),
    "a signature hash of 33 bytes": put(("verdicts", 0, 2), HASH + "01"),
    "a signature hash that is none": put(("verdicts", 0, 2), None),
    "a verdict of 2": put(("verdicts", 0, 3), 2),
    "a verdict of true": put(("verdicts", 0, 3), True),
    "a verdict in text": put(("verdicts", 0, 3), "1"),
    "a signature of 64 bytes": put(("verdicts_signature",), SIGNATURE[:-2]),
    "a signature of 66 bytes": put(("verdicts_signature",), SIGNATURE + "01"),
    "a signature that is none": put(("verdicts_signature",), None),
    "a positions head of 31 bytes": put(("positions_head",), HASH[:-2]),
    "a root in upper case": put(("submissions_root",), "0x" + "AB" * 32),
    "a root that is none": put(("submissions_root",), None),
    "stake that is a number": put(("valid_at_risk",), 5),
    "stake with a zero before it": put(("valid_at_risk",), "05"),
    "stake below zero": put(("valid_at_risk",), "-5"),
    "stake of more than 64 bits": put(("valid_at_risk",), str(2**64)),
    "refusals that are none": put(("refused",), None),
    "refusals that are a number": put(("refused",), 5),
    "a refusal of a model that sent nothing": put(("refused",), [1_000]),
    "a refusal of a model in text": put(("refused",), ["5"]),
    "a refusal of a list": put(("refused",), [[5]]),
    "a seal that is not signed": put(("seal_signature",), "0x"),
    "a signature of a seal of 66 bytes": put(("seal_signature",), SIGNATURE + "01"),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_a_document_that_is_no_vote_is_refused(what: str, vote: SealVote) -> None:
    changed = document(vote)
    MALFORMED[what](changed)
    with pytest.raises((KeyError, TypeError, ValueError)):
        SealVote.from_json(changed)


@pytest.mark.parametrize("whole", [None, [], 5, "x", {}])
def test_what_is_no_object_is_no_vote(whole: Any) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        SealVote.from_json(whole)


# A quorum's signatures.


@pytest.fixture(scope="module")
def votes(verdicts: Verdicts, seal: Seal) -> list[SealVote]:
    """Those of all five members, in the order of the set."""
    return [vote_by(key, verdicts, seal) for key in KEYS]


def signers_in(seal: Seal, found: tuple[int, bytes]) -> list[str]:
    """Who signed, checked as a contract checks it: one signature for each bit, from the lowest on."""
    signers, signatures = found
    places = [place for place in range(signers.bit_length()) if signers >> place & 1]
    assert len(signatures) == 65 * len(places)
    for number, place in enumerate(places):
        part = signatures[65 * number : 65 * (number + 1)]
        assert signer_of(seal.message, part) == MEMBERS[place]
    return [MEMBERS[place] for place in places]


def test_signatures_follow_one_another_in_the_order_of_members_whoever_came_first(
    seal: Seal, votes: list[SealVote]
) -> None:
    for those in ([0, 1, 2, 3], [3, 2, 1, 0], [4, 0, 3, 1], [4, 3, 2, 1, 0]):
        found = quorum_signatures(seal, [votes[each] for each in those], MEMBERS, 4)
        assert found is not None
        assert found[0] == sum(1 << each for each in those)
        assert signers_in(seal, found) == [MEMBERS[each] for each in sorted(those)]


@pytest.mark.parametrize("quorum", [1, 2, 3, 4, 5])
def test_fewer_signatures_than_a_quorum_are_none(quorum: int, seal: Seal, votes: list[SealVote]) -> None:
    assert quorum_signatures(seal, votes[: quorum - 1], MEMBERS, quorum) is None
    assert quorum_signatures(seal, votes[:quorum], MEMBERS, quorum) is not None


def test_a_member_that_votes_twice_is_one(seal: Seal, votes: list[SealVote]) -> None:
    assert quorum_signatures(seal, votes[:2] * 3, MEMBERS, 3) is None
    found = quorum_signatures(seal, votes[:3] * 2, MEMBERS, 3)
    assert found is not None
    assert signers_in(seal, found) == list(MEMBERS[:3])


def other_statement(change: Mapping[str, Any], vote: SealVote) -> SealVote:
    """What member 3 signs really, but of another round or another state of it."""
    return vote_by(KEYS[3], vote.verdicts, replace(vote.seal, **change))


NOT_COUNTED: dict[str, Callable[[SealVote], SealVote]] = {
    **{
        f"another {name}": partial(other_statement, {name: value})
        for name, value in {
            "chain_id": 1,
            "tournament": ELSEWHERE,
            "round_id": ROUND + 1,
            "positions_head": b"\5" * 32,
            "submissions_root": b"\5" * 32,
            "valid_at_risk": 1,
        }.items()
    },
    "a stranger's": lambda vote: vote_by(STRANGER, vote.verdicts, vote.seal),
    "a stranger's in a member's name": lambda vote: replace(
        vote_by(STRANGER, vote.verdicts, vote.seal), member=MEMBERS[3]
    ),
    "another member's in its name": lambda vote: replace(vote, member=MEMBERS[3]),
    "a signature of zeros": lambda vote: replace(
        vote_by(KEYS[3], vote.verdicts, vote.seal), seal_signature=bytes(65)
    ),
    "verdicts that are not signed": lambda vote: replace(
        vote_by(KEYS[3], vote.verdicts, vote.seal), verdicts_signature=bytes(65)
    ),
    "a signature with 0 for 27": lambda vote: replace(
        vote_by(KEYS[3], vote.verdicts, vote.seal),
        seal_signature=vote_by(KEYS[3], vote.verdicts, vote.seal).seal_signature[:64] + b"\0",
    ),
}


@pytest.mark.parametrize("what", NOT_COUNTED)
def test_a_vote_that_is_not_a_members_for_this_statement_does_not_count(
    what: str, seal: Seal, votes: list[SealVote]
) -> None:
    bad = NOT_COUNTED[what](votes[0])
    assert quorum_signatures(seal, [*votes[:3], bad], MEMBERS, 4) is None
    found = quorum_signatures(seal, [*votes[:3], votes[4], bad], MEMBERS, 4)
    assert found is not None
    assert found[0] == 0b10111


@pytest.mark.parametrize("what", NOT_COUNTED)
def test_a_vote_that_does_not_count_takes_the_place_of_none_that_does(
    what: str, seal: Seal, votes: list[SealVote]
) -> None:
    bad = NOT_COUNTED[what](votes[0])
    for those in ([*votes[:4], bad], [bad, *votes[:4]]):
        found = quorum_signatures(seal, those, MEMBERS, 4)
        assert found is not None
        assert signers_in(seal, found) == list(MEMBERS[:4])


def test_the_document_of_a_vote_holds_no_amount_as_a_number(vote: SealVote) -> None:
    """Readers of JSON may not hold more than 53 bits."""
    large = of_seal(valid_at_risk=2**64 - 1)(vote)
    assert large.to_json()["valid_at_risk"] == "18446744073709551615"
    assert SealVote.from_json(large.to_json()) == large
    assert to_hex(vote.seal_signature) == vote.to_json()["seal_signature"]
