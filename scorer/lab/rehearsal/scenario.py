"""The acts of the rounds: overlapping, reorganised, disputed, cut off, void."""

import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import tomli_w
from web3 import Web3
from web3.exceptions import TransactionNotFound

from scorer.chain.contracts import ProposalStatus, RoundState
from scorer.lab.devnet.market import SyntheticMarket
from scorer.lab.devnet.population import Entrant, submit_all
from scorer.lab.rehearsal.accounts import MEMBERS
from scorer.lab.rehearsal.admin import TimelockAdmin
from scorer.lab.rehearsal.amoy_node import SLOTS_IN_EPOCH
from scorer.lab.rehearsal.setup import BOND, HONEST, SLASH, post_bonds, start_daemon, wei
from scorer.lab.rehearsal.stage import RehearsalStage, Unexpected, expect
from scorer.lab.rehearsal.timetable import DISPUTED, LAST, ROUNDS, VOID, Timetable
from scorer.protocol.documents import to_hex
from scorer.units import nmr_from_nano

TARGET: Final = "target_20d2l"
MISLED: Final = MEMBERS[:3]
DEPTH: Final = 2 * SLOTS_IN_EPOCH - 1
"""Blocks that are forgotten: as many as are not final."""
MARGIN: Final = 5
"""Seconds after a time at which what it allows is certainly allowed."""
SETTLING: Final = (1, 2)
LOST: Final = "CANNOT_REACH_CHAIN"


@dataclass(frozen=True)
class Acts:
    """Everything that happens to the rounds, in order."""

    stage: RehearsalStage
    market: SyntheticMarket
    entrants: Sequence[Entrant]
    timetable: Timetable
    admin: TimelockAdmin

    def open_and_seal(self) -> None:
        """Open a round every two hours; models submit; each is sealed while later ones are open."""
        stage = self.stage
        for step in range(ROUNDS + 2):
            stage.skip_to(self.timetable.start + step * (self.timetable.opening(2) - self.timetable.start))
            if step < ROUNDS:
                self._open(step + 1)
            if step == 0:
                self.admin.propose("schedule")
            if step == 1:
                self.admin.carry_out("schedule")
            if (closed := step - 1) > 0:
                self._await(closed, RoundState.SEALED)
                stage.say(f"round {closed} is sealed, {self._at_risk(closed):f} NMR at risk")

    def _open(self, number: int) -> None:
        stage = self.stage
        self._await(number, RoundState.OPEN)
        submit_all(stage.suite(), self.market, stage.out / "inbox", number, self.entrants, stage.standin.now)
        stage.say(f"round {number} is open, {len(self.entrants)} signed submissions are in the inbox")

    def report(self) -> None:
        """Outcomes of rounds 1, 2 and 4 come; the chain forgets the first votes, and gets them again."""
        self.stage.skip_to(self.timetable.outcome(DISPUTED) + MARGIN)
        for number in SETTLING:
            self._tell(number, MEMBERS)
        self._tell(DISPUTED, (HONEST,))
        self._tell(DISPUTED, MISLED, wrong=True)
        self._forget_a_vote()
        for number in (*SETTLING, DISPUTED):
            self._await_report(number)
        # Else they would vote for it once more as soon as they see the dispute: it is what they computed.
        for name in MISLED:
            expect(f"how {name} ended when asked to", 0, self.stage.crew.stop(name))
        self.stage.say("reports of rounds 1, 2 and 4 are accepted, that of round 4 by three with wrong data")

    def _forget_a_vote(self) -> None:
        stage, w3 = self.stage, self.stage.standin.anvil.w3
        votes: list[Any] = []

        def voted() -> bool:
            since = max(w3.eth.block_number - DEPTH + 2, 0)
            votes.extend(stage.suite().committee.events.Attested().get_logs(from_block=since))
            return bool(votes)

        stage.until("a first vote", voted)
        stage.standin.anvil.reorganise(DEPTH)
        vote = Web3.to_hex(votes[0]["transactionHash"])
        try:
            block = w3.eth.get_transaction_receipt(votes[0]["transactionHash"])["blockHash"]
        except TransactionNotFound:
            block = None
        if block == votes[0]["blockHash"]:
            raise Unexpected(
                f"the vote {vote}: expected it forgotten by the reorganisation, found it as before"
            )
        stage.say(f"the chain forgot its newest {DEPTH} blocks, with the vote {vote[:10]}")
        self.admin.propose("execute")

    def dispute(self) -> None:
        """The honest member challenges; the others, stopped meanwhile, get right data and vote once more."""
        stage = self.stage
        wrong = stage.bundle(f"{MISLED[0]}/rounds", DISPUTED).report().hash()
        expect("the accepted report of round 4", wrong.hex(), self._proposal_hash(DISPUTED).hex())
        self._dispute_by_hand(wrong)
        stage.until("a challenge of round 4", lambda: self._status(DISPUTED) == ProposalStatus.DISPUTED)
        stage.say(f"{HONEST} challenged the report of round {DISPUTED}")
        self._tell(DISPUTED, MISLED)
        with ThreadPoolExecutor(len(MISLED)) as pool:
            list(pool.map(self._recompute, MISLED))
        for name in MISLED:
            start_daemon(stage, name)
        stage.until("round 4 overturned", lambda: self._status(DISPUTED) == ProposalStatus.OVERTURNED)
        stage.say(
            f"round {DISPUTED}: the wrong report was overturned; the right one waits for its own window"
        )
        suite = stage.suite()
        for name in MISLED:
            bond = suite.committee.functions.bondOf(stage.cast[name].address).call()
            expect(f"what is left of {name}'s bond", wei(BOND) - wei(SLASH), bond)
        post_bonds(stage, stage.suite_of_people(), stage.bulk(), MISLED, SLASH)

    def _dispute_by_hand(self, wrong: bytes) -> None:
        """Say in the honest member's configuration that a report is wrong, as its owner would."""
        stage, path = self.stage, self.stage.out / HONEST / "node.toml"
        expect(f"how {HONEST} ended when asked to", 0, stage.crew.stop(HONEST))
        settings = tomllib.loads(path.read_text())
        settings["run"]["dispute"] = [to_hex(wrong)]
        path.write_text(tomli_w.dumps(settings))
        start_daemon(stage, HONEST)

    def _recompute(self, name: str) -> None:
        config = str(self.stage.out / name / "node.toml")
        self.stage.run("oracle", "recompute", "--config", config, "--round", str(DISPUTED))

    def report_last(self) -> None:
        """The outcome of the last round comes: those who were slashed vote again."""
        self.stage.skip_to(self.timetable.outcome(LAST) + MARGIN)
        self.admin.carry_out("execute")
        self._tell(LAST, MEMBERS)
        self._await_report(LAST)

    def settle(self) -> None:
        """Challenge windows end; both endpoints fall silent just after one took a transaction."""
        stage, gates = self.stage, self.stage.standin.gates
        heard = {name: self._rang(name) for name in MEMBERS}
        gates.closing = True
        stage.skip_to(max(self._challenge_until(number) for number in SETTLING) + MARGIN)
        stage.until("members that hear nothing", lambda: all(self._rang(n) > heard[n] for n in MEMBERS))
        stage.say("both endpoints were silent from the moment when one had taken a transaction; open again")
        gates.open()
        for number in SETTLING:
            self._await(number, RoundState.SETTLED)
        stage.skip_to(self._challenge_until(LAST) + MARGIN)
        for number in (DISPUTED, LAST):
            self._await(number, RoundState.SETTLED)
        stage.say("rounds 1, 2, 4 and 5 are settled, round 4 by the right report")

    def give_up(self) -> None:
        """Nobody ever learns the outcome of round 3: at its deadline every position returns whole."""
        self.stage.skip_to(self.timetable.deadline(VOID) + MARGIN)
        self.stage.until("round 3 void and over", self._returned)
        self.stage.say(f"round {VOID} is void, every position returned whole")

    def _returned(self) -> bool:
        record = self.stage.record(VOID)
        return record.state == RoundState.VOIDED and record.is_over

    def _rang(self, name: str) -> int:
        return self.stage.crew.log(name).read_text().count(LOST)

    def _tell(self, number: int, names: Sequence[str], *, wrong: bool = False) -> None:
        """Members' sources of data know an outcome."""
        market = self.market
        target = market.wrong_target(number) if wrong else market.target(number)
        for name in names:
            self.stage.bundle(f"{name}/targets", number).write_targets(market.universe, {TARGET: target})

    def _await(self, number: int, state: RoundState) -> None:
        self.stage.until(
            f"round {number} {state.name.lower()}", lambda: self.stage.record(number).state == state
        )

    def _await_report(self, number: int) -> None:
        self.stage.until(f"a report of round {number}", lambda: self._proposal(number) is not None)

    def _at_risk(self, number: int) -> Decimal:
        return nmr_from_nano(self.stage.record(number).at_risk)

    def _proposal(self, number: int) -> Any:
        return self.stage.suite().proposal(number, self.stage.standin.anvil.w3.eth.block_number)

    def _status(self, number: int) -> ProposalStatus:
        return ProposalStatus(self._proposal(number).status)

    def _proposal_hash(self, number: int) -> bytes:
        return bytes(self._proposal(number).report_hash)

    def _challenge_until(self, number: int) -> int:
        return int(self._proposal(number).challenge_until)
