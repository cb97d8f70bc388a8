// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {INumeraire} from "../../contracts/interfaces/INumeraire.sol";
import {ITournament} from "../../contracts/interfaces/ITournament.sol";
import {Handler} from "./Handler.sol";
import {Ledger} from "./Ledger.sol";

/// @title Invariants
/// @notice The seven invariants of the contracts, by the names that the documents cite, after every call of a handler.
contract InvariantsTest {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Handler private handler;
    INumeraire private token;
    ITournament private tournament;

    function setUp() public {
        handler = new Handler();
        (address token_, address tournament_) = handler.tokenAndTournament();
        token = INumeraire(token_);
        tournament = ITournament(tournament_);
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev What moves a round on stands several times in the list: it is chosen so much more often.
    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        bytes4[7] memory often = [
            handler.openRound.selector,
            handler.endLock.selector,
            handler.seal.selector,
            handler.beginSettlement.selector,
            handler.lock.selector,
            handler.settle.selector,
            handler.attest.selector
        ];
        uint8[7] memory times = [2, 3, 3, 3, 5, 5, 6];
        bytes4[37] memory once = _once();
        bytes4[] memory selectors = new bytes4[](27 + once.length);
        uint256 count;
        for (uint256 i; i < once.length; ++i) {
            selectors[count++] = once[i];
        }
        for (uint256 i; i < often.length; ++i) {
            for (uint256 j; j < times[i]; ++j) {
                selectors[count++] = often[i];
            }
        }
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), selectors);
    }

    /// @notice 1. The token balance of the tournament is pool + reserved + idle stakes + open positions, and what was sent
    /// to it by mistake.
    function invariant_balanceCoversLiabilities() public view {
        (uint256 owed, uint256 held) = handler.owedAndHeld();
        _equal(held, owed, "token balance, wei");
        (uint256 owedNano, uint256 booked) = handler.owedAndBooked();
        _equal(booked, owedNano, "liabilities, nano-NMR");
    }

    /// @notice 2. Over a round: positions in = positions back + burned - paid; paid <= reserved; burned <= locked.
    function invariant_roundConservesStake() public view {
        for (uint256 i = 1; i <= handler.roundCount(); ++i) {
            Ledger.Book memory book = handler.book(i);
            ITournament.Round memory round = tournament.round(i);
            _equal(round.atRisk, book.atRisk, "at risk");
            _equal(round.validAtRisk, book.validAtRisk, "validly at risk");
            _atMost(round.validAtRisk, round.atRisk, "validly at risk");
            _atMost(round.totalPayout, (round.validAtRisk * uint256(round.cap)) / 1e6, "payout of a report");
            _equal(book.settled + round.paid, book.back + round.burned, "positions settled and paid");
            if (book.left == 0) _equal(book.settled, book.atRisk, "positions of a round with no chunk left");
            _atMost(round.paid, round.reserved, "paid");
            _atMost(round.burned, round.atRisk, "burned");
        }
    }

    /// @notice 3. A model's payout or burn in a round is at most cap x position.
    function invariant_outcomeWithinCap() public view {
        _equal(handler.capBreaches(), 0, "outcomes above the cap");
        _equal(handler.strayLanes(), 0, "lanes that hold another outcome");
    }

    /// @notice 4. A chunk settles exactly once; a round settles entirely or is void entirely, but for what was settled
    /// before a report turned out to be one that cannot be settled.
    function invariant_chunkSettlesExactlyOnce() public view {
        for (uint256 i = 1; i <= handler.roundCount(); ++i) {
            Ledger.Book memory book = handler.book(i);
            ITournament.Round memory round = tournament.round(i);
            _equal(uint256(round.state), uint256(book.state), "state");
            _equal(uint256(round.positionsHead), uint256(handler.positionsHead(i)), "head of the positions left");
            for (uint256 j; j < book.chunks.length; ++j) {
                _equal(book.chunks[j].settlements, j < book.left ? 0 : 1, "settlements of a chunk");
            }
            if (book.state == ITournament.RoundState.Settled) _equal(book.left, 0, "chunks left of a settled round");
            bool void = book.state == ITournament.RoundState.Voided;
            if (void && round.settlementBeganAt == 0) _equal(round.paid + round.burned, 0, "outcome of a void round");
        }
    }

    /// @notice 5. Chunk boundaries and the order of users' transactions do not change what a position earns: every lane
    /// holds what follows from its own position, score and the round's frozen terms alone.
    function invariant_chunkBoundariesChangeNothing() public view {
        _equal(handler.strayLanes(), 0, "lanes that hold something else");
        for (uint256 i = 1; i <= handler.roundCount(); ++i) {
            Ledger.Book memory book = handler.book(i);
            ITournament.Round memory round = tournament.round(i);
            _equal(round.cap, book.terms.cap, "cap");
            _equal(round.payoutFactor, book.terms.payoutFactor, "payout factor");
            _equal(round.memberSetId, book.setId, "member set");
            _equal(round.paid, book.paid, "paid");
            _equal(round.burned, book.burned, "burned");
        }
    }

    /// @notice 6. `withdraw` of idle never reverts for its owner, in any state: all of them could leave now.
    function invariant_idleStakeWithdrawable() public {
        uint256 idle = handler.idleInAll();
        uint256 before = token.balanceOf(address(tournament));
        handler.withdrawAll();
        _equal(handler.idleInAll(), 0, "idle stake left");
        _equal(before - token.balanceOf(address(tournament)), idle * 1e9, "wei withdrawn");
    }

    /// @notice 7. Cumulative minted <= cap, and supply = minted - burned.
    function invariant_supplyWithinCumulativeCap() public view {
        (uint256 total, uint256 minted, uint256 expectedMinted, uint256 destroyed) = handler.supply();
        _equal(minted, expectedMinted, "minted");
        _atMost(minted, token.CAP(), "minted");
        _equal(total, minted - destroyed, "supply");
    }

    /// @notice Once a round's lock has ended nothing more is locked in it: what members read and judge is what they seal.
    function invariant_nothingIsLockedOnceTheLockEnded() public view {
        for (uint256 i = 1; i <= handler.roundCount(); ++i) {
            Ledger.Book memory book = handler.book(i);
            ITournament.Round memory round = tournament.round(i);
            if (round.state > ITournament.RoundState.Locking && round.state < ITournament.RoundState.Voided) {
                _equal(book.ended.isSo ? 1 : 0, 1, "ends of the lock");
            }
            if (!book.ended.isSo) continue;
            _equal(round.atRisk, book.ended.atRisk, "at risk since the lock ended");
            _equal(round.firstSlot, book.ended.firstSlot, "first slot since the lock ended");
            _equal(round.nextSlot, book.ended.nextSlot, "next slot since the lock ended");
            if (round.state > ITournament.RoundState.Sealed) continue;
            _equal(uint256(round.positionsHead), uint256(book.ended.head), "head since the lock ended");
        }
    }

    /// @notice The committee holds every bond, every credit, and what hangs on open disputes.
    function invariant_committeeCoversBonds() public view {
        (uint256 owed, uint256 held) = handler.committeeOwesAndHolds();
        _equal(held, owed, "committee's balance, wei");
    }

    /// @notice Nobody's bond is free while a round may still take of it: open votes are those of the rounds that hold them.
    function invariant_openVotesHoldBonds() public view {
        handler.checkOpenVotes();
    }

    /* INTERNAL */

    function _equal(uint256 found, uint256 expected, string memory what) private pure {
        if (found != expected) revert Unequal(what, expected, found);
    }

    function _atMost(uint256 found, uint256 most, string memory what) private pure {
        if (found > most) revert TooMuch(what, most, found);
    }

    error Unequal(string what, uint256 expected, uint256 found);
    error TooMuch(string what, uint256 most, uint256 found);

    function _once() private view returns (bytes4[37] memory) {
        return [
            handler.register.selector,
            handler.deposit.selector,
            handler.depositWithPermit.selector,
            handler.withdraw.selector,
            handler.setAllocation.selector,
            handler.handModelOver.selector,
            handler.setSubmitter.selector,
            handler.fundPool.selector,
            handler.donate.selector,
            handler.lockInHindsight.selector,
            handler.countSignature.selector,
            handler.attestWrongly.selector,
            handler.challenge.selector,
            handler.veto.selector,
            handler.expire.selector,
            handler.closeVotes.selector,
            handler.disprove.selector,
            handler.postBond.selector,
            handler.releaseBond.selector,
            handler.collect.selector,
            handler.addMember.selector,
            handler.leave.selector,
            handler.removeMember.selector,
            handler.setQuorum.selector,
            handler.passTime.selector,
            handler.settleForged.selector,
            handler.voidRound.selector,
            handler.sendBurned.selector,
            handler.flush.selector,
            handler.setParameters.selector,
            handler.pause.selector,
            handler.unpause.selector,
            handler.recoverSurplus.selector,
            handler.mint.selector,
            handler.burn.selector,
            handler.burnFrom.selector,
            handler.actWithoutRole.selector
        ];
    }
}
