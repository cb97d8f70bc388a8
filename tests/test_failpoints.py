"""Fail points end a process only where the environment says so."""

import pytest

from scorer import failpoints


class Ended(Exception):
    pass


def end() -> None:
    raise Ended


@pytest.mark.parametrize(
    ("wanted", "ends"),
    [("signed", True), ("signed@settle", True), ("signed@seal", False), ("planned", False)],
)
def test_a_process_ends_at_the_label_and_key_that_are_named(
    wanted: str, ends: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failpoints, "_die", end)
    monkeypatch.setenv(failpoints.VARIABLE, wanted)
    if ends:
        with pytest.raises(Ended):
            failpoints.reach("signed", "137:a:1:settle:3")
    else:
        failpoints.reach("signed", "137:a:1:settle:3")


def test_nothing_ends_when_the_environment_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(failpoints.VARIABLE, raising=False)
    for label in failpoints.LABELS:
        failpoints.reach(label)
