"""Puts a node together from its configuration."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Final

from scorer.client.signing_process import SigningOptions, SubmitterProcess
from scorer.compute.codes import CodeStore
from scorer.compute.configuration import ComputeConfig
from scorer.compute.delivery import InboxDelivery, ServerDelivery, SubmissionDelivery
from scorer.compute.journal import RunJournal
from scorer.compute.node import ComputeNode
from scorer.compute.node_metrics import ComputeMetrics
from scorer.compute.providers.aws import AwsProvider
from scorer.compute.providers.aws_jobs import AwsJobs
from scorer.compute.providers.container import ContainerProvider
from scorer.compute.providers.kubernetes import KubernetesProvider
from scorer.compute.providers.process import ProcessProvider
from scorer.compute.providers.protocol import JobProvider
from scorer.compute.rounds import PublishedFolder, RoundFilesSource, ServedRounds, TermsReader
from scorer.compute.runs import Runs
from scorer.compute.submitting import Submitter, Submitting
from scorer.compute.webhook import WakeUp, served_webhook
from scorer.daemon.alarms import Alarms
from scorer.daemon.config_errors import ConfigError
from scorer.daemon.health import served
from scorer.daemon.loop import Loop, stopped_by_signals
from scorer.daemon.metrics import Liveness
from scorer.daemon.node_context import NodeContext
from scorer.daemon.site import Site
from scorer.server.upstream import Upstream

SOCKET: Final = "run/sign"
TIMEOUT: Final = (5.0, 60.0)
"""Seconds to connect to a server, and for its answer: others wait meanwhile."""
LONGEST_CYCLE: Final = 600.0
"""Seconds after which a node that ends no cycle counts as dead."""


@dataclass
class AssembledNode:
    """A node with its journal held.

    Attributes
    ----------
    wake
        Ends the wait between two cycles: set when a run ends, or a call arrives.
    """

    node: ComputeNode
    config: ComputeConfig
    metrics: ComputeMetrics
    alarms: Alarms
    wake: threading.Event
    wake_up: WakeUp

    def loop(self) -> Loop:
        """Return what runs the node cycle after cycle."""
        interval = self.config.run.interval
        liveness = Liveness(longest=max(LONGEST_CYCLE, 40 * interval))
        return Loop(self.node.cycle, interval, self.metrics, self.alarms, liveness, wake=self.wake)

    def run(self, *, cycles: int | None = None) -> None:
        """Run until asked to stop; serve health, and take calls, meanwhile."""
        loop, run, webhook = self.loop(), self.config.run, self.config.webhook
        health: Any = served(run.port, loop.metrics, loop.liveness) if run.port else nullcontext()
        calls: Any = served_webhook(self.wake_up, webhook.host, webhook.port) if webhook else nullcontext()
        with health, calls, stopped_by_signals(loop.stop):
            loop.run(cycles)

    def once(self, seconds: float) -> int:
        """Work until no open round lacks a submission, or so many seconds have passed; how many lack then."""
        loop, until = self.loop(), time.monotonic() + seconds
        while True:
            loop.once()
            if not self.node.missing or time.monotonic() >= until:
                return self.node.missing
            self.wake.wait(min(loop.interval, max(0.0, until - time.monotonic())))
            self.wake.clear()


@contextmanager
def assembled(config: ComputeConfig, signer: Submitter | None = None) -> Iterator[AssembledNode]:
    """Assemble a node.

    Parameters
    ----------
    signer
        What signs; by default a process with the key of the configuration.

    Raises
    ------
    scorer.daemon.config_errors.ConfigError
        When something is missing.
    scorer.compute.journal.JournalInUse
        When another node holds the journal.
    scorer.compute.sandbox.bubblewrap.SandboxUnavailable
        When models cannot be run in a sandbox here.
    """
    addresses, metrics, wake = config.addresses(), ComputeMetrics(), threading.Event()
    alarms, journal = Alarms(metrics), RunJournal(config.root / "runs")
    context = NodeContext(config.endpoints(), metrics, alarms, time.time)
    with ExitStack() as stack:
        stack.enter_context(journal.held())
        process = None
        if signer is None:
            signer = process = submitter_of(config)
            stack.callback(process.close)
            process.begin()
        providers = providers_of(config, wake.set)
        for provider in providers.values():
            stack.callback(provider.close)
            provider.check()
        policy, codes = config.run.policy, CodeStore(config.root)
        parts = (providers, metrics, alarms.call)
        runs = Runs(config, addresses.chain_id, policy, journal, codes, *parts)
        rehearsals = replace(
            runs, journal=RunJournal(config.root / "rehearsals"), is_rehearsal=True, _running={}
        )
        site = Site(addresses, addresses.tournament)
        wake_up = _wake_up(config, site)
        terms = TermsReader(source_of(config), config.submit.in_the_clear)
        ways = (delivery_of(config), metrics, alarms.call, wake_up.trigger_of)
        submitting = Submitting(journal, terms, signer, *ways)
        node = ComputeNode(context, site, runs, rehearsals, submitting, metrics, config.run.interval)
        node.recover()

        def woken() -> None:
            node.look()
            wake.set()

        wake_up.wake = woken
        if process is not None:
            process.start()
        yield AssembledNode(node, config, metrics, alarms, wake, wake_up)


def submitter_of(config: ComputeConfig) -> SubmitterProcess:
    """Return the process that holds the submitter's key, not started yet."""
    addresses, section = config.addresses(), config.submitter
    options = SigningOptions(
        keystore=str(config.at(section.keystore)),
        password_file=str(config.at(section.password_file)),
        chain_id=addresses.chain_id,
        tournament=addresses.tournament,
        socket=str(config.root / SOCKET),
    )
    return SubmitterProcess(options)


def source_of(config: ComputeConfig) -> RoundFilesSource:
    """Return where the files of rounds come from."""
    rounds = config.rounds
    if rounds.published is not None:
        return PublishedFolder(config.at(rounds.published))
    if rounds.server is None:
        raise ConfigError("rounds: expected either published or server, found neither")
    return ServedRounds(Upstream(rounds.server.rstrip("/"), timeout=TIMEOUT), config.root / "rounds")


def delivery_of(config: ComputeConfig) -> SubmissionDelivery:
    """Return the way that submissions take."""
    submit, addresses = config.submit, config.addresses()
    if submit.inbox is not None:
        return InboxDelivery(config.at(submit.inbox))
    if submit.server is None or submit.api_key_file is None:
        raise ConfigError("submit: expected inbox, or server and api_key_file, found neither")
    key, upstream = config.secret(submit.api_key_file), Upstream(submit.server.rstrip("/"), timeout=TIMEOUT)
    if key.count("$") != 1:
        raise ConfigError("submit.api_key_file: expected id$secret, found another text")
    return ServerDelivery(upstream, key, config.root / "receipts", addresses.chain_id, addresses.tournament)


def providers_of(config: ComputeConfig, on_end: Callable[[], None]) -> Mapping[str, JobProvider]:
    """Return the providers that the models of a configuration use, by name."""
    return {
        name: _provider(config, name, on_end) for name in sorted({each.provider for each in config.models})
    }


def _provider(config: ComputeConfig, name: str, on_end: Callable[[], None]) -> JobProvider:
    if name == "process":
        return ProcessProvider(on_end)
    if name == "aws" and config.aws is not None:
        return AwsProvider(on_end, jobs=AwsJobs(config.aws.region, config.aws.account))
    if name == "kubernetes":
        return KubernetesProvider(on_end)
    return ContainerProvider(on_end, name=name)


def _wake_up(config: ComputeConfig, site: Site) -> WakeUp:
    webhook = config.webhook
    secret = None if webhook is None or webhook.secret_file is None else config.secret(webhook.secret_file)
    suite = site.at(config.endpoints().any())
    models = tuple(each.model for each in config.models)
    return WakeUp(suite, models, lambda: None, secret)
