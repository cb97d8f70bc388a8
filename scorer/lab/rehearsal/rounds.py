"""The rounds of a rehearsal: overlapping, reorganised, disputed, cut off, void."""

import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import tomli_w
from web3 import Web3
from web3.exceptions import TransactionNotFound

from scorer.chain.bulk import read_view
from scorer.chain.records import ProposalStatus, RoundState
from scorer.lab.market import TARGET, SyntheticMarket
from scorer.lab.population import Participant, keys_of, submit_predictions
from scorer.lab.rehearsal.accounts import MEMBERS
from scorer.lab.rehearsal.admin import TimelockAdmin
from scorer.lab.rehearsal.amoy_node import SLOTS_IN_EPOCH
from scorer.lab.rehearsal.context import Rehearsal, Unexpected, expect
from scorer.lab.rehearsal.setup import BOND, HONEST, SLASH, start_daemon
from scorer.lab.rehearsal.timetable import APART, DISPUTED, LAST, ROUNDS, VOID, Timetable
from scorer.lab.suite import post_bonds
from scorer.protocol.documents import to_hex
from scorer.protocol.rules import DEFAULT_PRESET, preset
from scorer.units import nmr_from_nano, wei_from_nano

MISLED: Final = MEMBERS[:3]
DEPTH: Final = 2 * SLOTS_IN_EPOCH - 1
"""Blocks that are forgotten: as many as are not final."""
MARGIN: Final = 5
"""Seconds after a time at which what it allows is certainly allowed."""
SETTLING: Final = (1, 2)
LOST: Final = "CANNOT_REACH_CHAIN"


@dataclass(frozen=True)
class RehearsedRounds:
    """Everything that happens to the rounds, in order."""

    rehearsal: Rehearsal
    market: SyntheticMarket
    participants: Sequence[Participant]
    timetable: Timetable
    admin: TimelockAdmin

    def open_and_seal(self) -> None:
        """Open a round every two hours; models submit; each is sealed while later ones are open."""
        rehearsal = self.rehearsal
        for step in range(ROUNDS + 2):
            rehearsal.skip_to(self.timetable.start + step * APART)
            if step < ROUNDS:
                self._open(step + 1)
            if step == 0:
                self.admin.propose("schedule")
            if step == 1:
                self.admin.carry_out("schedule")
            if (closed := step - 1) > 0:
                self._await(closed, RoundState.SEALED)
                rehearsal.say(f"round {closed} is sealed, {self._at_risk(closed):f} NMR at risk")

    def _open(self, number: int) -> None:
        rehearsal = self.rehearsal
        self._await(number, RoundState.OPEN)
        inbox, now, suite = rehearsal.out / "inbox", rehearsal.node.now, rehearsal.suite()
        keys = keys_of(suite, preset(DEFAULT_PRESET), number)
        predictions = ((each, self.market.predictions(number, each.model_id)) for each in self.participants)
        submit_predictions(suite, inbox, number, self.market.universe, predictions, now, keys)
        rehearsal.say(f"round {number} is open, {len(self.participants)} signed submissions are in the inbox")

    def report(self) -> None:
        """Publish outcomes of rounds 1, 2 and 4; the chain forgets the first votes, and gets them again."""
        self.rehearsal.skip_to(self.timetable.outcome(DISPUTED) + MARGIN)
        for number in SETTLING:
            self._publish_outcome(number, MEMBERS)
        self._publish_outcome(DISPUTED, (HONEST,))
        self._publish_outcome(DISPUTED, MISLED, wrong=True)
        self._forget_a_vote()
        for number in (*SETTLING, DISPUTED):
            self._await_report(number)
        # Else they would vote for it once more as soon as they see the dispute: it is what they computed.
        for name in MISLED:
            expect(f"how {name} ended when asked to", 0, self.rehearsal.processes.stop(name))
        self.rehearsal.say(
            "reports of rounds 1, 2 and 4 are accepted, that of round 4 by three with wrong data"
        )

    def _forget_a_vote(self) -> None:
        rehearsal, w3 = self.rehearsal, self.rehearsal.node.anvil.w3
        votes: list[Any] = []

        def voted() -> bool:
            since = max(w3.eth.block_number - DEPTH + 2, 0)
            votes.extend(rehearsal.suite().committee.events.Attested().get_logs(from_block=since))
            return bool(votes)

        rehearsal.until("a first vote", voted)
        rehearsal.node.anvil.reorganise(DEPTH)
        vote = Web3.to_hex(votes[0]["transactionHash"])
        try:
            block = w3.eth.get_transaction_receipt(votes[0]["transactionHash"])["blockHash"]
        except TransactionNotFound:
            block = None
        if block == votes[0]["blockHash"]:
            raise Unexpected(
                f"the vote {vote}: expected it forgotten by the reorganisation, found it as before"
            )
        rehearsal.say(f"the chain forgot its newest {DEPTH} blocks, with the vote {vote[:10]}")
        self.admin.propose("execute")

    def dispute(self) -> None:
        """Let the honest member challenge; the others, stopped meanwhile, get right data and vote again."""
        rehearsal = self.rehearsal
        wrong = rehearsal.bundle(f"{MISLED[0]}/rounds", DISPUTED).report().hash()
        expect("the accepted report of round 4", wrong.hex(), self._proposal_hash(DISPUTED).hex())
        self._dispute_by_hand(wrong)
        rehearsal.until("a challenge of round 4", lambda: self._status(DISPUTED) == ProposalStatus.DISPUTED)
        rehearsal.say(f"{HONEST} challenged the report of round {DISPUTED}")
        self._publish_outcome(DISPUTED, MISLED)
        with ThreadPoolExecutor(len(MISLED)) as pool:
            list(pool.map(self._recompute, MISLED))
        for name in MISLED:
            start_daemon(rehearsal, name)
        rehearsal.until("round 4 overturned", lambda: self._status(DISPUTED) == ProposalStatus.OVERTURNED)
        rehearsal.say(
            f"round {DISPUTED}: the wrong report was overturned; the right one waits for its own window"
        )
        suite = rehearsal.suite()
        for name in MISLED:
            bond = read_view(suite.committee.functions.bondOf(rehearsal.accounts[name].address))
            expect(f"what is left of {name}'s bond", wei_from_nano(BOND - SLASH), bond)
        misled = [rehearsal.accounts[name] for name in MISLED]
        post_bonds(rehearsal.batch(), rehearsal.suite_of_people(), misled, SLASH)

    def _dispute_by_hand(self, wrong: bytes) -> None:
        """Write into the honest member's configuration that a report is wrong, as its owner would."""
        rehearsal, path = self.rehearsal, self.rehearsal.out / HONEST / "node.toml"
        expect(f"how {HONEST} ended when asked to", 0, rehearsal.processes.stop(HONEST))
        settings = tomllib.loads(path.read_text())
        settings["run"]["dispute"] = [to_hex(wrong)]
        path.write_text(tomli_w.dumps(settings))
        start_daemon(rehearsal, HONEST)

    def _recompute(self, name: str) -> None:
        config = str(self.rehearsal.out / name / "node.toml")
        self.rehearsal.run("oracle", "recompute", "--config", config, "--round", str(DISPUTED))

    def report_last(self) -> None:
        """Publish the outcome of the last round: those who were slashed vote again."""
        self.rehearsal.skip_to(self.timetable.outcome(LAST) + MARGIN)
        self.admin.carry_out("execute")
        self._publish_outcome(LAST, MEMBERS)
        self._await_report(LAST)

    def settle(self) -> None:
        """Let challenge windows end; both endpoints fall silent just after one took a transaction."""
        rehearsal, gates = self.rehearsal, self.rehearsal.node.gates
        heard = {name: self._rang(name) for name in MEMBERS}
        gates.closing = True
        rehearsal.skip_to(max(self._final_from(number) for number in SETTLING) + MARGIN)
        rehearsal.until("members that hear nothing", lambda: all(self._rang(n) > heard[n] for n in MEMBERS))
        rehearsal.say(
            "both endpoints were silent from the moment when one had taken a transaction; open again"
        )
        gates.open()
        for number in SETTLING:
            self._await(number, RoundState.SETTLED)
        rehearsal.skip_to(self._final_from(LAST) + MARGIN)
        for number in (DISPUTED, LAST):
            self._await(number, RoundState.SETTLED)
        rehearsal.say("rounds 1, 2, 4 and 5 are settled, round 4 by the right report")

    def give_up(self) -> None:
        """Let round 3 come to its deadline without an outcome: every position returns whole."""
        self.rehearsal.skip_to(self.timetable.deadline(VOID) + MARGIN)
        self.rehearsal.until("round 3 void and over", self._returned)
        self.rehearsal.say(f"round {VOID} is void, every position returned whole")

    def _returned(self) -> bool:
        record = self.rehearsal.record(VOID)
        return record.state == RoundState.VOIDED and record.is_over

    def _rang(self, name: str) -> int:
        return self.rehearsal.processes.log(name).read_text().count(LOST)

    def _publish_outcome(self, number: int, names: Sequence[str], *, wrong: bool = False) -> None:
        """Write an outcome into members' sources of targets."""
        market = self.market
        target = market.wrong_target(number) if wrong else market.target(number)
        for name in names:
            self.rehearsal.bundle(f"{name}/targets", number).write_targets(market.universe, {TARGET: target})

    def _await(self, number: int, state: RoundState) -> None:
        self.rehearsal.until(
            f"round {number} {state.name.lower()}", lambda: self.rehearsal.record(number).state == state
        )

    def _await_report(self, number: int) -> None:
        self.rehearsal.until(f"a report of round {number}", lambda: self._proposal(number) is not None)

    def _at_risk(self, number: int) -> Decimal:
        return nmr_from_nano(self.rehearsal.record(number).at_risk)

    def _proposal(self, number: int) -> Any:
        return self.rehearsal.suite().proposal(number, self.rehearsal.node.anvil.w3.eth.block_number)

    def _status(self, number: int) -> ProposalStatus:
        return ProposalStatus(self._proposal(number).status)

    def _proposal_hash(self, number: int) -> bytes:
        return bytes(self._proposal(number).report_hash)

    def _final_from(self, number: int) -> int:
        """Return when a report is final, once its evidence is public."""
        self.rehearsal.until(
            f"evidence of round {number}", lambda: not self._proposal(number).awaits_evidence
        )
        return int(self._proposal(number).final_from)
