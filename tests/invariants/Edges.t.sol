// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICommitteeMembers} from "../../contracts/interfaces/ICommitteeMembers.sol";
import {ICommitteeSeals} from "../../contracts/interfaces/ICommitteeSeals.sol";
import {INumeraire} from "../../contracts/interfaces/INumeraire.sol";
import {IOracleCommittee} from "../../contracts/interfaces/IOracleCommittee.sol";
import {IStakeLedger} from "../../contracts/interfaces/IStakeLedger.sol";
import {ITournament} from "../../contracts/interfaces/ITournament.sol";
import {RoundSchedule} from "../../contracts/lib/RoundSchedule.sol";
import {Report} from "../../contracts/interfaces/Report.sol";
import {Reference} from "./Reference.sol";
import {Rounds} from "./Rounds.sol";
import {vm} from "./Vm.sol";

/// @title EdgesTest
/// @notice What the handlers of the invariants do not come to: deployments that are refused, limits that only long lists or
/// long times reach, and what can be read. tests/contracts looks at each of these more closely.
contract EdgesTest is Rounds {
    uint256 private constant MEMBERS = 3;

    error OtherError(bytes4 expected, bytes4 found);

    function setUp() public {
        for (uint256 i; i < 5; ++i) {
            uint256 modelId = registry.register(_owner(i));
            if (i == 4) continue;
            vm.prank(_owner(i));
            tournament.deposit(modelId, ((i + 1) * NANO + LANE_PRICE) * UNIT);
            vm.prank(_owner(i));
            tournament.setAllocation(modelId, uint64(Reference.allocationOf(i + 1)));
        }
    }

    /* DEPLOYMENTS */

    function test_aTournamentNeedsABurnSink() public {
        _refusedTournament(address(0), UNIT, 0, IStakeLedger.ZeroBurnSink.selector);
    }

    function test_aTournamentsUnitHoldsAllTokensInALane() public {
        _refusedTournament(address(sink), 0, 0, IStakeLedger.UnitOutOfRange.selector);
        _refusedTournament(address(sink), NMR + 1, 0, IStakeLedger.UnitOutOfRange.selector);
        _refusedTournament(address(sink), token.totalSupply() / 2 ** 54, 0, IStakeLedger.SupplyTooLarge.selector);
    }

    function test_aLaneCostsAtMostTenTokens() public {
        _refusedTournament(address(sink), UNIT, 10 * NANO + 1, IStakeLedger.LanePriceTooHigh.selector);
    }

    function test_aTokenBeginsWithinItsCap() public {
        _refused(
            "Numeraire", abi.encode(authority, ADMIN, 11_000_000 * NMR + 1), INumeraire.MintExceedsSchedule.selector
        );
        require(INumeraire(_create("Numeraire", abi.encode(authority, ADMIN, 0))).minted() == 0, "minted");
    }

    function test_aCommitteeNeedsABurnSinkAndTermsWithinLimits() public {
        IOracleCommittee.Terms memory terms = _terms();
        _refusedCommittee(terms, address(0), IOracleCommittee.ZeroBurnSink.selector);
        terms.challengeWindow = 7 days + 1;
        _refusedCommittee(terms, address(sink), IOracleCommittee.ChallengeWindowTooLong.selector);
        terms = _terms();
        terms.disputePeriod = 7 days + 1;
        _refusedCommittee(terms, address(sink), IOracleCommittee.DisputePeriodOutOfRange.selector);
        terms.disputePeriod = 29 seconds;
        _refusedCommittee(terms, address(sink), IOracleCommittee.DisputePeriodOutOfRange.selector);
        terms = _terms();
        terms.challengeBond = 10_000 * NMR + 1;
        _refusedCommittee(terms, address(sink), ICommitteeMembers.BondTooLarge.selector);
        terms = _terms();
        terms.slash = terms.memberBond + 1;
        _refusedCommittee(terms, address(sink), IOracleCommittee.SlashAboveBond.selector);
        terms = _terms();
        terms.absenceSlash = terms.slash + 1;
        _refusedCommittee(terms, address(sink), IOracleCommittee.AbsenceSlashTooLarge.selector);
        terms = _terms();
        terms.absenceLimit = 2;
        _refusedCommittee(terms, address(sink), ICommitteeSeals.AbsenceLimitTooSmall.selector);
        terms.memberBond = 100_000 * NMR + 1;
        _refusedCommittee(terms, address(sink), ICommitteeMembers.BondTooLarge.selector);
    }

    /* LIMITS */

    function test_aCommitteeHasNoMoreThan64MembersAndNobodyTwice() public {
        vm.prank(ADMIN);
        _refusedCall(
            address(committee),
            abi.encodeCall(ICommitteeMembers.addMember, (address(0), 3)),
            ICommitteeMembers.ZeroMember.selector
        );
        for (uint256 i = MEMBERS; i < 64; ++i) {
            vm.prank(ADMIN);
            committee.addMember(address(uint160(0xbeef + i)), (2 * (i + 1) + 2) / 3);
        }
        vm.prank(ADMIN);
        _refusedCall(
            address(committee),
            abi.encodeCall(ICommitteeMembers.addMember, (address(0xbeef), 33)),
            ICommitteeMembers.TooManyMembers.selector
        );
        require(committee.members().length == 64 && committee.quorum() == 43, "members");
    }

    function test_whoMissesSealsInARowIsRemovedButNotTheLastFour() public {
        for (uint256 i = MEMBERS; i < 5; ++i) {
            vm.prank(ADMIN);
            committee.addMember(_candidate(i), (2 * i + 4) / 3);
        }
        _refusedRemoval(_candidate(4), ICommitteeSeals.NotAbsent.selector);
        _sealSeveral(1, 15);
        _refusedRemoval(_candidate(4), ICommitteeSeals.TooEarly.selector);
        vm.warp(_now() + 7 days);
        _refusedRemoval(STRANGER, ICommitteeMembers.NotMember.selector);
        _refusedRemoval(_candidate(0), ICommitteeSeals.NotAbsent.selector);
        committee.removeAbsent(_candidate(4));
        require(!committee.isMember(_candidate(4)) && committee.quorum() == 3, "removed");

        _sealSeveral(ABSENCE_LIMIT + 1, 7);
        vm.warp(_now() + 7 days);
        _refusedRemoval(_candidate(3), ICommitteeSeals.TooFewMembers.selector);
    }

    function test_aRoundLastsNoLongerThanItsMaxima() public {
        uint64 start = uint64(_now());
        uint64[4][4] memory times = [
            [start + 90 days + 1, start + 91 days, start + 92 days, start + 93 days],
            [start, start + 90 days + 1, start + 91 days, start + 92 days],
            [start, start + 1, start + 365 days + 2, start + 366 days],
            [start, start + 1, start + 2, start + 90 days + 3]
        ];
        for (uint256 i; i < 4; ++i) {
            uint64[4] memory t = times[i];
            bytes memory call = abi.encodeCall(ITournament.openRound, (t[0], t[1], t[2], t[3], _commitments(i)));
            vm.prank(OPERATOR);
            _refusedCall(address(tournament), call, RoundSchedule.PeriodTooLong.selector);
        }
    }

    function test_aChunkIsNoLargerThanCanBeSettled() public {
        uint64 start = uint64(_now()) + 3 hours;
        vm.prank(OPERATOR);
        tournament.openRound(start - 1, start, start + 2 days, start + 3 days, _commitments(0));
        vm.warp(start);
        vm.prank(OPERATOR);
        _refusedCall(
            address(tournament),
            abi.encodeCall(ITournament.lock, (1, 0, new bytes(257))),
            ITournament.ChunkTooLarge.selector
        );
    }

    function test_aReportIsOfTheContractsVersionAndARoundThatHasOneIsNotVoidedForAWhile() public {
        Report memory report = _acceptedReport();
        report.version = 1;
        _refusedCall(
            address(tournament),
            abi.encodeCall(ITournament.beginSettlement, (report)),
            ITournament.UnknownVersion.selector
        );
        vm.warp(tournament.round(1).deadline);
        _refusedCall(address(tournament), abi.encodeCall(ITournament.voidRound, (1)), ITournament.ReportStands.selector);
        report.version = 2;
        tournament.beginSettlement(report);
        uint256[] memory positions = new uint256[](1);
        for (uint256 i; i < 4; ++i) {
            positions[0] |= Reference.allocationOf(i + 1) << (64 * i);
        }
        _refusedCall(
            address(tournament),
            abi.encodeCall(ITournament.settle, (1, 0, bytes32(0), positions, keccak256("below"), new bytes(12))),
            ITournament.ScoresLeftOver.selector
        );
    }

    function test_noMoreThanWhatIsIdleIsWithdrawn() public {
        vm.prank(_owner(0));
        _refusedCall(
            address(tournament),
            abi.encodeCall(IStakeLedger.withdraw, (1, (NANO + 1) * UNIT, _owner(0))),
            IStakeLedger.InsufficientIdle.selector
        );
        vm.prank(_owner(0));
        tournament.withdraw(1, NANO * UNIT, _owner(0));
        require(tournament.idleOf(1) == 0, "all of it");
    }

    /* READING */

    function test_lanesAndModelsAreReadOneByOneAndInRanges() public view {
        require(tournament.laneCount() == 4, "lane count");
        for (uint256 i; i < 4; ++i) {
            require(tournament.modelAt(i) == i + 1 && tournament.laneOf(i + 1) == i, "lane");
            require(tournament.idleOf(i + 1) == (i + 1) * NANO, "idle");
            require(tournament.allocationOf(i + 1) == Reference.allocationOf(i + 1), "allocation");
            require(Reference.codeAt(tournament.slots(0, 9)[0], i) == i + 1, "codes");
            require(Reference.stakeAt(tournament.slots(0, 9)[0], i) == (i + 1) * NANO, "stakes");
        }
        require(tournament.modelAt(4) == 0 && tournament.idleOf(5) == 0, "no lane");
        uint256[] memory models = tournament.modelsAt(1, 2);
        require(models.length == 2 && models[0] == 2 && models[1] == 3, "models");
        require(tournament.modelsAt(4, 1).length == 0 && tournament.slots(1, 1).length == 0, "past the end");
    }

    function test_submittersAreReadOneByOneAndAsTheyWere() public {
        uint64 before = uint64(_now());
        vm.warp(before + 10);
        vm.prank(_owner(0));
        registry.setSubmitter(1, STRANGER);
        vm.prank(_owner(1));
        registry.setSubmitter(2, address(0));
        require(registry.submitterOf(1) == STRANGER && registry.submitterOf(2) == _owner(1), "submitter");
        address[] memory then = registry.submittersAt(1, 2, before);
        require(then[0] == _owner(0) && then[1] == _owner(1), "submitters before");
        require(registry.submittersAt(1, 9, before + 10)[0] == STRANGER, "submitters after");
        require(registry.submittersAt(9, 1, before).length == 0, "past the end");
    }

    function test_votesAreReadInTheBallotInForce() public {
        Report memory report = _acceptedReport();
        bytes32 reportHash = committee.hashReport(address(tournament), report);
        require(committee.voteOf(address(tournament), 1, _candidate(0)) == reportHash, "first vote");
        require(committee.votesFor(address(tournament), 1, reportHash) == 2, "first votes");
        require(committee.voteOf(address(tournament), 2, _candidate(0)) == 0, "no vote");
        vm.prank(GUARDIAN);
        _refusedCall(
            address(committee),
            abi.encodeCall(IOracleCommittee.veto, (address(tournament), 1)),
            ICommitteeSeals.TooLate.selector
        );
    }

    function test_theSecondVoteIsReadOnceItIsOpen() public {
        _attestedReport();
        vm.prank(GUARDIAN);
        committee.veto(address(tournament), 1);
        require(committee.voteOf(address(tournament), 1, _candidate(0)) == 0, "second vote");
        require(committee.membersOf(1).length == MEMBERS, "the set that votes");
    }

    function test_aBondOfNothingIsNotReleased() public {
        vm.prank(_candidate(0));
        _refusedCall(
            address(committee),
            abi.encodeCall(ICommitteeMembers.releaseBond, (0, STRANGER)),
            ICommitteeMembers.ZeroAmount.selector
        );
    }

    function test_theLastMemberLeavesAndMakesRoomForTheNext() public {
        for (uint256 i; i < MEMBERS; ++i) {
            vm.prank(_candidate(i));
            committee.leave();
        }
        address last = _candidate(MEMBERS - 1);
        require(committee.isMember(last), "the last stays");
        require(committee.heldUntil(last) == _now() + 30 days, "held as others");
        vm.prank(ADMIN);
        _refusedCall(
            address(committee),
            abi.encodeCall(ICommitteeMembers.addMember, (last, 1)),
            ICommitteeMembers.MemberLeft.selector
        );
        vm.prank(ADMIN);
        committee.addMember(STRANGER, 1);
        require(committee.members().length == 1 && committee.isMember(STRANGER), "one after the other");
    }

    function test_nobodyLeavesWhoIsNoMemberAndNobodyAssignsRoundsWhoIsNoTournament() public {
        vm.prank(STRANGER);
        _refusedCall(
            address(committee), abi.encodeCall(ICommitteeMembers.leave, ()), ICommitteeMembers.NotMember.selector
        );
        vm.prank(STRANGER);
        _refusedCall(
            address(committee),
            abi.encodeCall(ICommitteeMembers.assignRound, (1)),
            ICommitteeMembers.UnknownTournament.selector
        );
    }

    function test_aMembersNewKeyBeginsASetAndOldSetsKeepTheirs() public {
        bytes memory call = abi.encodeCall(ICommitteeMembers.setEncryptionKey, (0));
        _refusedCall(address(committee), call, ICommitteeMembers.ZeroEncryptionKey.selector);
        committee.setEncryptionKey("a stranger's");
        require(committee.memberSetId() == 1, "no set for it");
        call = abi.encodeCall(ICommitteeMembers.setEncryptionKey, ("a stranger's"));
        _refusedCall(address(committee), call, ICommitteeMembers.SameEncryptionKey.selector);
        vm.prank(_candidate(0));
        committee.setEncryptionKey("a member's");
        require(committee.encryptionKeysOf(2)[0] == "a member's", "the new set has it");
        require(committee.encryptionKeysOf(1)[0] == 0, "the old one has none");
    }

    function test_aMemberKeepsTheLeastBondAndWhoLeftWaits() public {
        address member = _candidate(0);
        uint256 bond = MEMBER_BOND;
        vm.prank(_owner(1));
        committee.postBond(member, bond);
        bytes memory release = abi.encodeCall(ICommitteeMembers.releaseBond, (bond, STRANGER));
        vm.prank(member);
        _refusedCall(address(committee), release, ICommitteeMembers.BondTooSmall.selector);
        vm.prank(member);
        committee.leave();
        uint256 until = committee.heldUntil(member);
        vm.warp(until - 1);
        vm.prank(member);
        _refusedCall(address(committee), release, ICommitteeMembers.BondHeld.selector);
        vm.warp(until);
        vm.prank(member);
        committee.releaseBond(bond, STRANGER);
        require(committee.bondOf(member) == 0, "bond");
    }

    /* INTERNAL */

    /// @dev A sealed round of four positions, whose report has one chunk of scores too many.
    function _attestedReport() private returns (Report memory report) {
        uint64 start = uint64(_now()) + 6 hours;
        vm.prank(ADMIN);
        tournament.setParameters(0, 0, 0);
        vm.prank(OPERATOR);
        tournament.openRound(start - 1, start, start + 2 days, start + 9 days, _commitments(0));
        vm.warp(start);
        vm.prank(OPERATOR);
        tournament.lock(1, 0, hex"0f");
        vm.prank(OPERATOR);
        tournament.endLock(1);
        _sealWith(1, 3);
        report.roundId = 1;
        report.version = 2;
        report.scoresHead = Reference.push(keccak256("below"), 0, keccak256(new bytes(12)));
        _attest(report, 2);
    }

    function _acceptedReport() private returns (Report memory report) {
        report = _attestedReport();
        vm.warp(_now() + CHALLENGE_WINDOW);
    }

    function _terms() private pure returns (IOracleCommittee.Terms memory) {
        return IOracleCommittee.Terms(
            CHALLENGE_WINDOW, DISPUTE_PERIOD, MEMBER_BOND, CHALLENGE_BOND, SLASH, ABSENCE_SLASH, ABSENCE_LIMIT
        );
    }

    function _refusedTournament(address sink_, uint256 unit, uint256 lanePrice, bytes4 error) private {
        bytes memory parts = abi.encode(authority, token, registry, committee, sink_, unit, lanePrice);
        _refused("Tournament", bytes.concat(parts, abi.encode(_windows(), 0, 0, 0, address(0))), error);
    }

    function _refusedCommittee(IOracleCommittee.Terms memory terms, address burnSink, bytes4 expected) private {
        address[] memory members = new address[](1);
        members[0] = STRANGER;
        _refused("OracleCommittee", abi.encode(authority, token, burnSink, COURT, terms, members, 1), expected);
    }

    /// @dev As many rounds as may be missed in a row, from `first` on, each sealed by the same members.
    function _sealSeveral(uint256 first, uint256 signers) private {
        uint64 start = uint64(_now()) + 3 hours;
        for (uint256 roundId = first; roundId < first + ABSENCE_LIMIT; ++roundId) {
            vm.prank(OPERATOR);
            tournament.openRound(start - 1, start, start + 2 days, start + 3 days, _commitments(roundId));
        }
        vm.warp(start);
        for (uint256 roundId = first; roundId < first + ABSENCE_LIMIT; ++roundId) {
            vm.prank(OPERATOR);
            tournament.endLock(roundId);
            _sealWith(roundId, signers);
        }
    }

    function _refusedRemoval(address member, bytes4 expected) private {
        _refusedCall(address(committee), abi.encodeCall(ICommitteeSeals.removeAbsent, (member)), expected);
    }

    function _refused(string memory name, bytes memory arguments, bytes4 expected) private {
        try this.create(name, arguments) {
            revert OtherError(expected, 0);
        } catch (bytes memory reason) {
            if (bytes4(reason) != expected) revert OtherError(expected, bytes4(reason));
        }
    }

    function create(string calldata name, bytes calldata arguments) external returns (address) {
        return _create(name, arguments);
    }

    function _refusedCall(address target, bytes memory data, bytes4 expected) private {
        (bool success, bytes memory reason) = target.call(data);
        if (success || bytes4(reason) != expected) revert OtherError(expected, bytes4(reason));
    }
}
