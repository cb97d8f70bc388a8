"""``cupel oracle encryption-key``: make a member's X25519 key, and publish it on the chain."""

from pathlib import Path
from typing import Annotated

import typer

from scorer.cli.common import JsonOption, answer, user_errors
from scorer.cli.member import MemberOptions, MemberSendingOptions
from scorer.cli.options import chain_command
from scorer.cli.sending import CommandResult, send
from scorer.client.actions import ActionRefused
from scorer.client.committee_actions import PublishEncryptionKey
from scorer.client.stakes import latest_block
from scorer.encryption import Identity, read_identities
from scorer.encryption.errors import KeyRefused
from scorer.encryption.keys import MOST_IDENTITIES, spell_public, write_identities
from scorer.files import SecretExposed

app = typer.Typer(help="Make and publish your encryption key.", no_args_is_help=True, rich_markup_mode=None)


@app.command("new")
def new(
    file: Annotated[Path, typer.Argument(help="The file of your keys; a new key comes first in it.")],
    as_json: JsonOption = False,
) -> None:
    """Make a key and write it into a file that only you can read, before the keys that are in it.

    Older keys stay: rounds that opened with them are read with them. Keep a copy of the file where the
    member's machine is not: without a key a member takes no part in the rounds that were opened with it.
    """
    with user_errors():
        made = Identity.generate()
        write_identities(file, [made, *_known(file)])
    recipient = spell_public(made.public)
    line = f"{file}: {recipient}; publish it with cupel oracle encryption-key publish"
    answer({"file": str(file), "recipient": recipient}, line, as_json=as_json)


def _known(file: Path) -> tuple[Identity, ...]:
    if not file.exists():
        return ()
    try:
        known = read_identities(file)
    except (SecretExposed, OSError) as error:
        raise KeyRefused(str(error)) from None
    if len(known) >= MOST_IDENTITIES:
        raise KeyRefused(
            f"{file}: expected fewer than {MOST_IDENTITIES} keys, found {len(known)}; remove the last ones, "
            "whose rounds are over"
        )
    return known


@app.command("publish")
@chain_command(MemberSendingOptions)
def publish(options: MemberSendingOptions) -> None:
    """Publish the newest key of your file: rounds that open from then on are encrypted to it."""
    newest = _newest(options)
    before = options.suite.encryption_key(options.address, latest_block(options.suite).number)

    def read_key(_done: object) -> CommandResult:
        text = spell_public(newest)
        return CommandResult({"encryption_key": f"0x{newest.hex()}", "recipient": text}, (text,))

    send(options.sending(), PublishEncryptionKey(newest, before), read_key)


def _newest(options: MemberOptions) -> bytes:
    keys = options.node.encryption
    if keys is None:
        raise ActionRefused(
            "encryption-key: expected encryption.file in the configuration, the file of your keys, found none"
        )
    return keys.identities()[0].public
