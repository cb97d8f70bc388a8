// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {ICommitteeMembers} from "../../contracts/interfaces/ICommitteeMembers.sol";
import {ICommitteeSeals} from "../../contracts/interfaces/ICommitteeSeals.sol";
import {IOracleCommittee} from "../../contracts/interfaces/IOracleCommittee.sol";
import {ITournament} from "../../contracts/interfaces/ITournament.sol";
import {Report} from "../../contracts/interfaces/Report.sol";
import {Rounds} from "./Rounds.sol";
import {vm} from "./Vm.sol";

/// @title CommitteeTest
/// @notice What the handlers of the invariants do not do to a committee: its list of tournaments, seals handed over by a
/// tournament that misbehaves, and second votes that end without a decision.
contract CommitteeTest is Rounds {
    function setUp() public {
        _enterModels();
    }

    /* TOURNAMENTS */

    function test_onlyTheAdminAddsATournamentAndOnce() public {
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, GUARDIAN));
        vm.prank(GUARDIAN);
        committee.addTournament(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(ICommitteeMembers.AlreadyTournament.selector, address(tournament)));
        vm.prank(ADMIN);
        committee.addTournament(address(tournament));

        _addStranger();
        require(committee.isTournament(STRANGER), "not added");
    }

    function test_onlyTheAdminRemovesATournamentThatIsOne() public {
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, GUARDIAN));
        vm.prank(GUARDIAN);
        committee.removeTournament(address(tournament));
        vm.expectRevert(abi.encodeWithSelector(ICommitteeMembers.UnknownTournament.selector, STRANGER));
        vm.prank(ADMIN);
        committee.removeTournament(STRANGER);

        _removeTournament();
        require(!committee.isTournament(address(tournament)), "not removed");
        vm.prank(ADMIN);
        committee.addTournament(address(tournament));
        require(committee.isTournament(address(tournament)), "not added again");
    }

    function test_aTournamentThatWasRemovedIsNeitherReportedNorSealed() public {
        Report memory report = _report(_sealedRound());
        uint256 second = _open(uint64(_now()) + 3 hours);
        _removeTournament();
        bytes memory unknown = abi.encodeWithSelector(ICommitteeMembers.UnknownTournament.selector, tournament);

        vm.warp(tournament.round(second).closeAt);
        _endLock(second);
        bytes memory signatures = _signTwice(committee.sealDigest(address(tournament), second, 0, 0, 0));
        vm.expectRevert(unknown);
        tournament.seal(second, 0, 0, 3, signatures);

        vm.warp(tournament.round(report.roundId).resolveAt);
        vm.expectRevert(unknown);
        _vote(_candidate(0), report);
    }

    /* SEALS */

    function test_aTournamentHandsOverOneSealForEachRound() public {
        _addStranger();
        bytes32 digest = committee.sealDigest(STRANGER, 7, "head", "root", 5);
        bytes memory signatures = _signTwice(digest);

        vm.expectEmit(address(committee));
        emit ICommitteeSeals.SealRecorded(STRANGER, 7, 1, 3);
        _recordSeal(signatures);
        ICommitteeSeals.Seal memory record = committee.sealOf(STRANGER, 7);
        require(record.digest == digest && record.setId == 1 && record.absent == 4, "seal");
        require(committee.absencesOf(_candidate(1)) == 0 && committee.absencesOf(_candidate(2)) == 1, "absences");
        require(committee.absentSinceOf(_candidate(2)) == _now(), "since");
        require(committee.sealOf(STRANGER, 8).digest == 0, "another round");

        vm.expectRevert(abi.encodeWithSelector(ICommitteeSeals.SealKnown.selector, STRANGER, 7));
        _recordSeal(signatures);
    }

    function test_signaturesHaveTheirLength() public {
        _addStranger();
        bytes memory signatures = _signTwice(committee.sealDigest(STRANGER, 7, "head", "root", 5));
        bytes4 selector = ICommitteeSeals.SignaturesLengthMismatch.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, 131, 130));
        _recordSeal(bytes.concat(signatures, hex"00"));
        vm.expectRevert(abi.encodeWithSelector(selector, 0, 130));
        _recordSeal("");
    }

    /* DISPUTES */

    function test_onlyTheCourtDisproves() public {
        Report memory report = _report(_sealedRound());
        _attest(report, 2);
        vm.expectRevert(abi.encodeWithSelector(IOracleCommittee.NotCourt.selector, ADMIN, COURT));
        vm.prank(ADMIN);
        committee.disprove(address(tournament), 1, ADMIN);
    }

    function test_aSecondVoteTakesSomeBond() public {
        Report memory report = _report(_sealedRound());
        _attest(report, 2);
        _veto();
        vm.expectRevert(abi.encodeWithSelector(ICommitteeMembers.BondTooSmall.selector, 0, 1));
        _vote(_candidate(2), report);
        vm.prank(_owner(1));
        committee.postBond(_candidate(2), 1);
        _vote(_candidate(2), report);
    }

    function test_aReportThatIsUpheldInTimeIsFinalWhenItWouldHaveBeen() public {
        Report memory report = _report(_sealedRound());
        _attest(report, 2);
        uint256 until = _now() + CHALLENGE_WINDOW;
        _veto();
        _uphold(report);
        require(_finalFrom(report) == until, "final");
    }

    function test_aReportThatIsUpheldLateIsFinalAtOnce() public {
        Report memory report = _report(_sealedRound());
        _attest(report, 2);
        vm.warp(_now() + CHALLENGE_WINDOW - 1);
        _veto();
        vm.warp(_now() + 2);
        _uphold(report);
        require(_finalFrom(report) == _now(), "final");
    }

    function test_aDisputeThatExpiresCostsWhoKeptMoreThanHalfFromDeciding() public {
        vm.prank(ADMIN);
        committee.setQuorum(3);
        Report memory report = _report(_sealedRound());
        _attest(report, 3);
        _veto();
        _vote(_candidate(0), report);
        _vote(_candidate(1), report);
        report.totalBurn = 0;
        _vote(_candidate(2), report);

        vm.expectEmit(address(committee));
        emit ICommitteeMembers.BondSlashed(_candidate(2), ABSENCE_SLASH);
        _expire(ABSENCE_SLASH);
        require(committee.bondOf(_candidate(0)) == MEMBER_BOND, "bond of one who agreed");
        require(committee.bondOf(_candidate(2)) == MEMBER_BOND - ABSENCE_SLASH, "bond of who did not");
    }

    function test_aDisputeThatExpiresCostsWhoIsAbsentWhatTheyHave() public {
        _attest(_report(_sealedRound()), 2);
        require(committee.openVotesOf(_candidate(1)) == 1 && committee.openVotesOf(_candidate(2)) == 0, "first votes");
        _veto();
        require(committee.openVotesOf(_candidate(2)) == 1, "held by the dispute");
        vm.prank(_owner(1));
        committee.postBond(_candidate(2), ABSENCE_SLASH / 2);

        _expire(2 * ABSENCE_SLASH + ABSENCE_SLASH / 2);
        require(committee.bondOf(_candidate(1)) == MEMBER_BOND - ABSENCE_SLASH, "bond");
        require(committee.bondOf(_candidate(2)) == 0, "a bond that is smaller");
    }

    function test_whoHasNoBondLosesNone() public {
        _attest(_report(_sealedRound()), 2);
        _veto();
        _expire(2 * ABSENCE_SLASH);
        require(committee.bondOf(_candidate(2)) == 0, "bond");
    }

    /* INTERNAL */

    function _addStranger() private {
        vm.expectEmit(address(committee));
        emit ICommitteeMembers.TournamentAdded(STRANGER);
        vm.prank(ADMIN);
        committee.addTournament(STRANGER);
    }

    function _removeTournament() private {
        vm.expectEmit(address(committee));
        emit ICommitteeMembers.TournamentRemoved(address(tournament));
        vm.prank(ADMIN);
        committee.removeTournament(address(tournament));
    }

    /// @dev By the first two of three members.
    function _signTwice(bytes32 digest) private view returns (bytes memory) {
        return bytes.concat(_sign(_candidate(0), digest), _sign(_candidate(1), digest));
    }

    function _recordSeal(bytes memory signatures) private {
        vm.prank(STRANGER);
        committee.recordSeal(7, 1, "head", "root", 5, 3, signatures);
    }

    function _veto() private {
        vm.prank(GUARDIAN);
        committee.veto(address(tournament), 1);
    }

    function _uphold(Report memory report) private {
        bytes32 reportHash = committee.hashReport(address(tournament), report);
        _vote(_candidate(0), report);
        vm.expectEmit(address(committee));
        emit IOracleCommittee.ReportUpheld(address(tournament), report.roundId, reportHash);
        _vote(_candidate(1), report);
    }

    function _finalFrom(Report memory report) private view returns (uint256) {
        bytes32 reportHash = committee.hashReport(address(tournament), report);
        return committee.finalFrom(address(tournament), report.roundId, reportHash);
    }

    /// @param slashed of all members together: credited to the sink.
    function _expire(uint256 slashed) private {
        vm.warp(committee.proposalOf(address(tournament), 1).disputeUntil);
        vm.expectEmit(address(committee));
        emit IOracleCommittee.DisputeExpired(address(tournament), 1, slashed);
        committee.expire(address(tournament), 1);
        require(committee.hasExpired(address(tournament), 1), "not expired");
        require(committee.creditOf(address(sink)) == slashed, "credit of the sink");
        for (uint256 i; i < 3; ++i) {
            require(committee.openVotesOf(_candidate(i)) == 0, "bond held");
        }
    }
}
