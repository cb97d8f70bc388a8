"""The types of a deployment file's fields, besides those of rules documents."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

from eth_utils.address import is_checksum_address
from pydantic import AfterValidator, BeforeValidator, PlainSerializer, ValidationInfo

from scorer.chain.records import ZERO_ADDRESS

DEPLOYER: Final = "deployer"
"""Stands for the deployer's address; for local chains only."""
NEW: Final = "new"
"""Stands for a contract that the deployment makes."""
NEW_BARRING: Final = "new-barring"
"""Stands for a court that the deployment makes, whose proofs bar reports and take no bonds."""
NOBODY: Final = "nobody"
"""Stands for no address."""
_REFERENCE: Final = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")
_DURATION: Final = re.compile(r"([0-9]{1,9}) (second|minute|hour|day|week)s?")
_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}


def resolved(value: object, info: ValidationInfo) -> object:
    """Return the value, or that of the environment for a reference such as ``${TREASURY}``.

    The environment comes with the validation's context, so that reading a file depends on nothing else.
    """
    reference = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if reference is None:
        return value
    name = reference[1]
    if not (address := _environment(info).get(name)):
        raise ValueError(f"expected an address: fill it in, or set {name} in the environment")
    return address


def _environment(info: ValidationInfo) -> Mapping[str, str]:
    return dict((info.context or {}).get("environment", {}))


def _address(value: object) -> str:
    if not isinstance(value, str) or not _ADDRESS.fullmatch(value):
        raise ValueError("expected an address, 0x and 40 hexadecimal digits")
    if not is_checksum_address(value):
        raise ValueError(
            "expected an address with its EIP-55 checksum; a digit or the case of a letter is wrong"
        )
    if value == ZERO_ADDRESS:
        raise ValueError("expected an address other than zero")
    return value


def _address_or_deployer(value: object) -> str:
    return DEPLOYER if value == DEPLOYER else _address(value)


def _court(value: object) -> str:
    if value in (NEW, NEW_BARRING, NOBODY):
        return str(value)
    if not isinstance(value, str) or not value.startswith("0x"):
        raise ValueError(f"expected {NEW}, {NEW_BARRING}, {NOBODY}, or an address")
    return _address(value)


def _demands(value: object) -> str:
    if value in (NEW, NOBODY):
        return str(value)
    if not isinstance(value, str) or not value.startswith("0x"):
        raise ValueError(f"expected {NEW}, {NOBODY}, or an address")
    return _address(value)


def _seconds(value: object) -> int:
    duration = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if duration is None:
        raise ValueError('expected a time in words, such as "6 hours" or "2 days"')
    return int(duration[1]) * _SECONDS[duration[2]]


def _words(seconds: int) -> str:
    """Write a time in its largest whole unit: the inverse of `_seconds`."""
    unit = next(
        (name for name in ("week", "day", "hour", "minute") if seconds and seconds % _SECONDS[name] == 0),
        "second",
    )
    count = seconds // _SECONDS[unit]
    return f"{count} {unit}{'' if count == 1 else 's'}"


Address = Annotated[str, BeforeValidator(_address), BeforeValidator(resolved)]
"""A checksummed address; in a file also ``${NAME}``, a variable of the environment."""
Account = Annotated[str, BeforeValidator(_address_or_deployer), BeforeValidator(resolved)]
"""An `Address`, or the word deployer."""
CourtChoice = Annotated[str, BeforeValidator(_court), BeforeValidator(resolved)]
"""The word new, new-barring or nobody, or an `Address`."""
DemandsChoice = Annotated[str, BeforeValidator(_demands), BeforeValidator(resolved)]
"""The word new or nobody, or an `Address`."""
Seconds = Annotated[int, BeforeValidator(_seconds), PlainSerializer(_words, when_used="json")]
"""Seconds in Python, a number and a unit in a file."""


def at_most(maximum: int, shown: str) -> AfterValidator:
    """Check a maximum that a contract hard-codes, in the units of the field."""
    return within(0, maximum, f"at most {shown}")


def within(low: int, high: int, shown: str) -> AfterValidator:
    """Check limits that a contract hard-codes, in the units of the field."""

    def check(value: Any) -> Any:
        if not low <= value <= high:
            raise ValueError(f"expected {shown}")
        return value

    return AfterValidator(check)
