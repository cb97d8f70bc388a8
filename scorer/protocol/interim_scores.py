"""Scores of a round that still runs, from targets of the sessions that are over.

Members sign and publish them; they bind nobody, and the chain knows nothing of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Final

import rfc8785
from eth_hash.auto import keccak

from scorer.protocol.documents import address, check_fields, from_hex, shown, to_hex, whole
from scorer.protocol.typed_data import SIGNATURE_SIZE, signer_of, typed_message, word

_INTERIM: Final = keccak(b"InterimScores(uint256 roundId,uint256 day,bytes32 scores)")
_FIELDS: Final = {
    "chain_id": int,
    "tournament": str,
    "round_id": int,
    "day": int,
    "days": int,
    "session": str,
    "models": list,
    "scores": dict,
    "reward_scores": list,
}
MOST_DAYS: Final = 250
"""Sessions of a horizon at most, as `scorer.protocol.schedule.Horizon` has it."""
LARGEST_REWARD: Final = 2**23 - 1
"""ppm, in either direction: a reward score has 24 bits."""
LARGEST_SCORE: Final = 10**9
"""ppm, in either direction: no formula yields more, see `scorer.scoring.ppm.to_ppm`."""
LARGEST_MODEL: Final = 2**31 - 1
LONGEST_NAME: Final = 80
"""Characters of a factor's name."""


@dataclass(frozen=True)
class InterimScores:
    """The scores of all submissions that count after some sessions of a round's horizon.

    Attributes
    ----------
    day, days
        How many sessions of the horizon are over, from 1 on, and how many it has.
    session
        The date of the last one, in ISO form.
    models
        Ascending.
    scores
        By factor, in ppm, one a model; None where a model has none.
    reward_scores
        In ppm, one a model, without adjusters that only the whole horizon gives.
    """

    chain_id: int
    tournament: str
    round_id: int
    day: int
    days: int
    session: str
    models: tuple[int, ...]
    scores: Mapping[str, tuple[int | None, ...]]
    reward_scores: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the document that members sign."""
        return {
            "chain_id": self.chain_id,
            "tournament": self.tournament,
            "round_id": self.round_id,
            "day": self.day,
            "days": self.days,
            "session": self.session,
            "models": list(self.models),
            "scores": {name: list(values) for name, values in self.scores.items()},
            "reward_scores": list(self.reward_scores),
        }

    @classmethod
    def from_json(cls, document: Any) -> "InterimScores":
        """Read what `to_json` returns.

        Raises
        ------
        KeyError, TypeError, ValueError
            When it is something else.
        """
        check_fields(document, _FIELDS)
        models = tuple(_whole_numbers("models", document["models"]))
        if list(models) != sorted({*models}) or any(not 0 < model <= LARGEST_MODEL for model in models):
            raise ValueError("expected models ascending and each once, found others")
        day, days = whole(document, "day"), whole(document, "days")
        if not 1 <= day <= days <= MOST_DAYS:
            raise ValueError(
                f"expected a day from 1 to {MOST_DAYS} within its horizon, found {day} of {days}"
            )
        scores = {
            name: tuple(_scores(name, found, len(models))) for name, found in document["scores"].items()
        }
        rewards = _scores("reward_scores", document["reward_scores"], len(models))
        if None in rewards:
            raise ValueError("expected a reward score of every model, found none of some")
        _within("reward_scores", rewards, LARGEST_REWARD)
        return cls(
            whole(document, "chain_id"),
            address(document, "tournament"),
            whole(document, "round_id"),
            day,
            days,
            _date(document["session"]),
            models,
            scores,
            tuple(reward for reward in rewards if reward is not None),
        )

    @cached_property
    def message(self) -> bytes:
        """The bytes whose Keccak-256 a member signs."""
        digest = keccak(rfc8785.dumps(self.to_json()))
        struct = keccak(_INTERIM + word(self.round_id) + word(self.day) + digest)
        return typed_message(self.chain_id, self.tournament, struct)


@dataclass(frozen=True)
class SignedInterimScores:
    """Interim scores as one member signed them."""

    interim: InterimScores
    member: str
    signature: bytes

    @property
    def is_signed(self) -> bool:
        """True where the member that it names signed it."""
        return signer_of(self.interim.message, self.signature) == self.member

    def to_json(self) -> dict[str, Any]:
        """Return the document of a file."""
        return {
            "member": self.member,
            "signature": to_hex(self.signature),
            "interim": self.interim.to_json(),
        }

    @classmethod
    def from_json(cls, document: Any) -> "SignedInterimScores":
        """Read what `to_json` returns; KeyError, TypeError or ValueError for what is something else."""
        check_fields(document, {"member": str, "signature": str, "interim": dict})
        return cls(
            InterimScores.from_json(document["interim"]),
            address(document, "member"),
            from_hex(document["signature"], SIGNATURE_SIZE),
        )


def _whole_numbers(name: str, values: Sequence[Any]) -> Sequence[int]:
    for value in values:
        if type(value) is not int:
            raise ValueError(f"expected whole numbers as {name}, found {shown(repr(value))}")
    return values


def _scores(name: str, values: Any, count: int) -> Sequence[int | None]:
    if type(values) is not list or len(values) != count:
        raise ValueError(f"expected a score of each of {count} models as {shown(name)}, found others")
    if len(name) > LONGEST_NAME:
        raise ValueError(
            f"expected a factor's name of at most {LONGEST_NAME} characters, found {shown(name)}"
        )
    _whole_numbers(shown(name), [value for value in values if value is not None])
    _within(shown(name), values, LARGEST_SCORE)
    return values


def _within(name: str, values: Sequence[int | None], most: int) -> None:
    for value in values:
        if value is not None and abs(value) > most:
            raise ValueError(f"expected {name} within {most} ppm, found {value}")


def _date(text: str) -> str:
    try:
        if date.fromisoformat(text).isoformat() == text:
            return text
    except ValueError:
        pass
    raise ValueError(f"expected a date such as 2007-01-05 as session, found {shown(text)}")
