"""Errors of encrypted predictions, with named faults. No message holds a key, a share or a prediction."""

from enum import StrEnum
from typing import Final

from scorer.errors import CupelError


class EncryptionError(CupelError, ValueError):
    """Bytes, a key or a file of this room is refused; the message says what was expected and found."""


class PlaintextRefused(EncryptionError):
    """Predictions, or the bytes of a plaintext, are not n numbers from 0 to 1 in their one spelling."""


class KeyRefused(EncryptionError):
    """A member's key, or a file of such keys, cannot be used."""


class NoIdentity(KeyRefused):
    """A member's file of keys holds none for the key that the round published for it."""


class AgeFault(StrEnum):
    """The faults of a file that is not an age file of the one form that this program reads."""

    SIZE = "age-size"
    HEADER = "age-header"
    ENCODING = "age-encoding"
    RECIPIENT = "age-recipient"
    AUTHENTICATION = "age-authentication"
    PAYLOAD = "age-payload"


class AgeRefused(EncryptionError):
    """A file is not an age file of the expected form, or not for this key."""

    def __init__(self, fault: AgeFault, expected: str, found: str) -> None:
        self.fault = fault
        super().__init__(f"{fault}: expected {expected}, found {found}")


class EnvelopeFault(StrEnum):
    """The faults of an envelope that is no valid submission."""

    TRUNCATED = "truncated"
    EXTENDED = "extended"
    NO_ENVELOPE = "no-envelope"
    OTHER_CHAIN = "other-chain"
    OTHER_TOURNAMENT = "other-tournament"
    OTHER_ROUND = "other-round"
    OTHER_MODEL = "other-model"
    OTHER_CONTENT = "other-content"
    OTHER_UNIVERSE = "other-universe"
    OTHER_MEMBERS = "other-members"
    MALFORMED_BOX = "malformed-box"
    MALFORMED_PAYLOAD = "malformed-payload"
    UNREADABLE = "unreadable"
    NOT_CANONICAL = "not-canonical"
    WRONG_CONTENT = "wrong-content"
    NOT_REPRODUCIBLE = "not-reproducible"


NEXT_STEP: Final = "encrypt the predictions again for this round with a new key"


class EnvelopeRefused(EncryptionError):
    """An envelope is no valid submission of its model to its round."""

    def __init__(self, fault: EnvelopeFault, expected: str, found: str) -> None:
        self.fault = fault
        super().__init__(f"{fault}: expected {expected}, found {found}; {NEXT_STEP}")


class ShareFault(StrEnum):
    """The faults of a member's share, or of what the member said of it."""

    UNREADABLE = "unreadable-box"
    """The box does not open."""
    OTHER_CONTEXT = "replayed-box"
    """The box was made for another envelope, or for another member."""
    NO_BOX = "no-box"
    """The member published no usable key when the round opened."""
    WRONG_KEY = "wrong-box-key"
    """A member released a key that does not open its box."""
    DENIED = "denied-share"
    """A member said that it has no share in an envelope that is valid."""


class ShareRefused(EncryptionError):
    """A member's box of an envelope gives no share that may be released or used."""

    def __init__(self, fault: ShareFault, expected: str, found: str) -> None:
        self.fault = fault
        super().__init__(f"{fault}: expected {expected}, found {found}")


class ReleaseFault(StrEnum):
    """The faults of a member's file of released box keys."""

    SIZE = "release-size"
    NOT_FOR_US = "release-not-for-us"
    NO_RELEASE = "no-release"
    OTHER_CHAIN = "other-chain"
    OTHER_TOURNAMENT = "other-tournament"
    OTHER_ROUND = "other-round"
    OTHER_MEMBERS = "other-members"
    OTHER_MEMBER = "other-member"
    ORDER = "release-order"
    ENTRY = "release-entry"


class ReleaseRefused(EncryptionError):
    """A member's file of released box keys is not one, or is of another round or member."""

    def __init__(self, fault: ReleaseFault, expected: str, found: str) -> None:
        self.fault = fault
        super().__init__(f"{fault}: expected {expected}, found {found}; ask the member to release again")
