"""An operator without a journal, for rounds on a local chain: one call after the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scorer.chain.contracts import RoundRecord
from scorer.lab.plain_sender import Sender
from scorer.operator.collection import Collection
from scorer.operator.collector import Collector, Lanes
from scorer.operator.locking import SLOTS_PER_CHUNK
from scorer.oracle.gatekeeper import check_gate_tables
from scorer.protocol.digest import universe_digest
from scorer.protocol.rules import NO_TERMS, Rules
from scorer.protocol.tables import Table


@dataclass(frozen=True)
class LocalOperator(Collector):
    """Runs the rounds of one tournament, one call after the other."""

    sender: Sender
    slots_per_chunk: int = SLOTS_PER_CHUNK

    def open_round(
        self,
        rules: Rules,
        universe: tuple[str, ...],
        *,
        open_at: int,
        close_at: int,
        resolve_at: int,
        deadline: int,
        names: Mapping[str, Sequence[str | None]] | None = None,
        tables: Mapping[str, Table] | None = None,
    ) -> int:
        """Publish a round's rules and universe, and open it. Times in Unix seconds.

        Parameters
        ----------
        names
            What else the ids are called, by column, such as bloomberg_ticker, in the order of the universe;
            None for an id without such a name. Files may then name ids so.
        tables
            Tables that are published with the universe: with gates or neutral churn in the rules,
            neutralizers and sample_weights. Later rounds with these need them of earlier ones.

        Returns
        -------
        int
            The round's id.

        Raises
        ------
        scorer.storage.bundle.BundleError
            When names or tables do not fit the universe, or gates lack a table: nothing is sent.
        """
        round_id = self.suite.round_count(self.suite.w3.eth.block_number) + 1
        bundle = self.published_bundle(round_id)
        bundle.write_rules(rules)
        bundle.write_universe(universe)
        for name, table in (tables or {}).items():
            bundle.write_table(name, universe, table)
        if names:
            bundle.write_names(universe, names)
        bundle.named_universe()
        check_gate_tables(rules, bundle)
        commitments = rules.hash(), NO_TERMS, universe_digest(universe)
        opening = self.suite.tournament.functions.openRound(
            open_at, close_at, resolve_at, deadline, commitments
        )
        self.sender.send(opening)
        return round_id

    def lock_round(self, record: RoundRecord) -> Collection:
        """Collect a round's submissions, publish them, and lock their stakes."""
        collection = self.collect(record)
        self.publish(record.round_id, collection)
        lanes = Lanes(self.suite, self.suite.w3.eth.block_number)
        for call in self.lock_calls(record, collection, self.slots_per_chunk, lanes):
            if call is None:
                self.publish_locked(record.round_id)
            else:
                self.sender.send(call.call)
        return collection
