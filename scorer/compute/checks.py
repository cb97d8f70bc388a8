"""Checks everything that a node depends on, before it is needed; `cupel compute check` prints a line each."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from web3.exceptions import Web3Exception

from scorer.compute.assembly import delivery_of, providers_of, source_of, submitter_of
from scorer.compute.codes import CodeStore
from scorer.compute.configuration import ComputeConfig
from scorer.compute.dry_run import look
from scorer.compute.observation import ChainSnapshot
from scorer.compute.rounds import PublishedFolder
from scorer.compute.sections import ModelSection
from scorer.compute.submitting import submitters
from scorer.daemon.checks import Check, CheckFailed
from scorer.errors import CupelError


def check_compute(config: ComputeConfig) -> Iterator[Check]:
    """Check sandbox, key, chain, files, models and the way of submissions, each by itself."""
    for name, provider in _providers(config):
        yield _checked(f"provider {name}", provider.check)
    yield _checked("submitter's key", partial(_key, config))
    yield _checked("submissions", lambda: type(delivery_of(config)).__name__)
    yield _checked("rounds", partial(_rounds, config))
    for section in config.models:
        yield _checked(f"model {section.model}", partial(_model, config, section))
    seen: list[ChainSnapshot] = []
    yield _checked("chain", partial(_chain, config, seen))
    for observation in seen:
        yield _checked("submitters", partial(_submitters, config, observation))


def _providers(config: ComputeConfig) -> Iterator[tuple[str, Any]]:
    yield from providers_of(config, lambda: None).items()


def _checked(name: str, look_at: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look_at())
    except (CupelError, OSError, Web3Exception) as error:
        return Check(name, False, str(error))


def _key(config: ComputeConfig) -> str:
    """Let the process that signs open the keystore: this one never holds the key."""
    process = submitter_of(config)
    try:
        process.start()
    finally:
        process.close()
    return process.address


def _rounds(config: ComputeConfig) -> str:
    source = source_of(config)
    if isinstance(source, PublishedFolder) and not source.root.is_dir():
        raise CheckFailed(f"{source.root}: expected the folder in which the operator publishes, found none")
    return type(source).__name__


def _model(config: ComputeConfig, section: ModelSection) -> str:
    code = CodeStore(config.root).current(section, config.at(section.folder))
    lock = "with a lock file" if code.lock else "without a lock file"
    return f"{section.kind} {section.entry}, {code.digest[:12]}, {lock}"


def _chain(config: ComputeConfig, seen: list[ChainSnapshot]) -> str:
    seen.append(look(config))
    taking = sum(each.open_at <= seen[0].now() < each.close_at for each in seen[0].open())
    return f"block {seen[0].block}, {len(seen[0].rounds)} rounds, {taking} open"


def _submitters(config: ComputeConfig, seen: ChainSnapshot) -> str:
    """Check that the key may sign for every model."""
    address = submitter_of(config).address
    found = submitters(seen.suite, [each.model for each in config.models], seen.block)
    for section in config.models:
        if section.model not in found:
            raise CheckFailed(
                f"model {section.model}: expected a registered model in the finalised block {seen.block}, "
                "found none"
            )
    for model, submitter in found.items():
        if submitter != address:
            raise CheckFailed(
                f"model {model}: expected {address} as its submitter, found {submitter}; its owner names "
                f"another by: cupel model submitter {model} {address}"
            )
    return f"{address} signs for {len(found)} models"
