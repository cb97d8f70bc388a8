// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {CommitteeMembers} from "./CommitteeMembers.sol";
import {CommitteeSeals} from "./CommitteeSeals.sol";
import {IOracleCommittee} from "./interfaces/IOracleCommittee.sol";
import {ITournament} from "./interfaces/ITournament.sol";
import {Report} from "./interfaces/Report.sol";

/// @title OracleCommittee
/// @notice See IOracleCommittee. One committee serves any number of tournaments.
contract OracleCommittee is IOracleCommittee, CommitteeSeals {
    using SafeERC20 for IERC20;

    /* CONSTANTS */

    /// @inheritdoc IOracleCommittee
    uint256 public constant VERSION = 1;

    /// @notice With MAX_DISPUTE_PERIOD and a pause, shorter than a tournament's grace for a report that stands: what is
    /// upheld on the last day can still be settled.
    uint64 public constant MAX_CHALLENGE_WINDOW = 14 days;
    uint64 public constant MAX_DISPUTE_PERIOD = 7 days;

    /// @notice A second vote that nobody has time for would void rounds at a challenger's wish.
    uint64 public constant MIN_DISPUTE_PERIOD = 1 hours;

    /// @notice Wei: a challenge must stay within the reach of those whom a wrong report robs.
    uint256 public constant MAX_CHALLENGE_BOND = 10_000e18;

    /// @inheritdoc IOracleCommittee
    bytes32 public constant REPORT_TYPEHASH = keccak256(
        "Report(uint256 chainId,address tournament,uint256 roundId,uint256 version,bytes32 scoresHead,uint64 totalPayout,uint64 totalBurn,bytes32 evidenceHash)"
    );

    /* STORAGE */

    /// @inheritdoc IOracleCommittee
    address public immutable burnSink;

    /// @inheritdoc IOracleCommittee
    uint64 public immutable challengeWindow;

    /// @inheritdoc IOracleCommittee
    uint64 public immutable disputePeriod;

    /// @inheritdoc IOracleCommittee
    uint256 public immutable challengeBond;

    /// @inheritdoc IOracleCommittee
    uint256 public immutable slash;

    mapping(address tournament => mapping(uint256 roundId => Proposal)) private _proposals;

    /// @dev Votes by ballot: see `_ballotOf`.
    mapping(bytes32 ballot => mapping(address member => bytes32 reportHash)) private _vote;
    mapping(bytes32 ballot => mapping(bytes32 reportHash => uint256)) private _votes;

    /* CONSTRUCTOR */

    /// @param authority the AccessManager that says who may change the members, and who may veto.
    /// @param token_ what bonds are paid in.
    /// @param members_ the first members, no two equal.
    /// @param quorum_ more than half of them.
    constructor(
        address authority,
        IERC20 token_,
        address burnSink_,
        Terms memory terms,
        address[] memory members_,
        uint256 quorum_
    )
        AccessManaged(authority)
        CommitteeMembers(token_, terms.memberBond, members_, quorum_)
        CommitteeSeals(terms.absenceLimit)
    {
        if (burnSink_ == address(0)) {
            revert ZeroBurnSink();
        }
        _checkTerms(terms);
        burnSink = burnSink_;
        challengeWindow = terms.challengeWindow;
        disputePeriod = terms.disputePeriod;
        challengeBond = terms.challengeBond;
        slash = terms.slash;
    }

    /* VOTING */

    /// @inheritdoc IOracleCommittee
    function attest(address tournament, Report calldata report) external {
        if (report.version != VERSION) revert UnknownVersion(report.version, VERSION);
        Proposal storage proposal = _proposals[tournament][report.roundId];
        bytes32 reportHash = hashReport(tournament, report);
        if (proposal.status == ProposalStatus.None) {
            _voteFirst(tournament, report.roundId, proposal, reportHash);
        } else {
            _voteAgain(tournament, report.roundId, proposal, reportHash);
        }
    }

    /* DISPUTES */

    /// @inheritdoc IOracleCommittee
    function challenge(address tournament, uint256 roundId) external nonReentrant {
        _dispute(tournament, roundId, msg.sender);
        token.safeTransferFrom(msg.sender, address(this), challengeBond);
    }

    /// @inheritdoc IOracleCommittee
    function veto(address tournament, uint256 roundId) external restricted {
        _dispute(tournament, roundId, address(0));
    }

    /// @inheritdoc IOracleCommittee
    function expire(address tournament, uint256 roundId) external {
        Proposal storage proposal = _proposals[tournament][roundId];
        _requireStatus(proposal, ProposalStatus.Disputed);
        uint256 until = proposal.disputeUntil;
        if (block.timestamp < until) revert TooEarly(block.timestamp, until);

        address challenger = _close(proposal, ProposalStatus.Expired);
        if (challenger != address(0)) _credit(challenger, challengeBond);
        emit DisputeExpired(tournament, roundId);
    }

    /* VIEWS */

    /// @inheritdoc IOracleCommittee
    function hashReport(address tournament, Report calldata report) public view returns (bytes32) {
        return keccak256(
            abi.encode(
                REPORT_TYPEHASH,
                block.chainid,
                tournament,
                report.roundId,
                report.version,
                report.scoresHead,
                report.totalPayout,
                report.totalBurn,
                report.evidenceHash
            )
        );
    }

    /// @inheritdoc IOracleCommittee
    function isFinal(address tournament, uint256 roundId, bytes32 reportHash) external view returns (bool) {
        Proposal storage proposal = _proposals[tournament][roundId];
        if (proposal.reportHash != reportHash) return false;
        ProposalStatus status = proposal.status;
        if (status == ProposalStatus.Accepted) return block.timestamp >= proposal.challengeUntil;
        return status == ProposalStatus.Upheld || status == ProposalStatus.Overturned;
    }

    /// @inheritdoc IOracleCommittee
    function hasStandingReport(address tournament, uint256 roundId) external view returns (bool) {
        ProposalStatus status = _statusOf(_proposals[tournament][roundId]);
        return status != ProposalStatus.None && status != ProposalStatus.Expired;
    }

    /// @inheritdoc IOracleCommittee
    function hasExpired(address tournament, uint256 roundId) external view returns (bool) {
        return _statusOf(_proposals[tournament][roundId]) == ProposalStatus.Expired;
    }

    /// @inheritdoc IOracleCommittee
    function proposalOf(address tournament, uint256 roundId) external view returns (Proposal memory proposal) {
        proposal = _proposals[tournament][roundId];
        proposal.status = _statusOf(_proposals[tournament][roundId]);
    }

    /// @inheritdoc IOracleCommittee
    function voteOf(address tournament, uint256 roundId, address member) external view returns (bytes32) {
        return _vote[_ballotInForce(tournament, roundId)][member];
    }

    /// @inheritdoc IOracleCommittee
    function votesFor(address tournament, uint256 roundId, bytes32 reportHash) external view returns (uint256) {
        return _votes[_ballotInForce(tournament, roundId)][reportHash];
    }

    /// @inheritdoc IOracleCommittee
    function votesNeeded() public view returns (uint256) {
        return Math.max(quorum(), Math.ceilDiv(2 * _memberCount(), 3));
    }

    /* INTERNAL: voting */

    function _voteFirst(address tournament, uint256 roundId, Proposal storage proposal, bytes32 reportHash) private {
        uint64 setId = memberSetId;
        _requireVoter(setId);
        uint256 deadline = _requireReportable(tournament, roundId);

        // Acceptance comes before the deadline, a challenge within its window, and the dispute's end within its period.
        _holdBond(msg.sender, deadline + challengeWindow + disputePeriod);
        uint256 count = _castVote(tournament, roundId, _ballotOf(tournament, roundId, setId, false), reportHash);
        if (count < quorum()) return;
        proposal.reportHash = reportHash;
        proposal.challengeUntil = uint64(block.timestamp) + challengeWindow;
        proposal.memberSetId = setId;
        proposal.status = ProposalStatus.Accepted;
        emit ReportAccepted(tournament, roundId, reportHash, proposal.challengeUntil);
    }

    function _voteAgain(address tournament, uint256 roundId, Proposal storage proposal, bytes32 reportHash) private {
        uint64 setId = proposal.disputeSetId;
        uint256 until = proposal.disputeUntil;
        ProposalStatus status = _statusOf(proposal);
        if (status == ProposalStatus.Expired) revert TooLate(block.timestamp, until);
        if (status != ProposalStatus.Disputed) revert AlreadyAccepted(proposal.reportHash);
        _requireVoter(setId);

        _holdBond(msg.sender, until);
        uint256 count = _castVote(tournament, roundId, _ballotOf(tournament, roundId, setId, true), reportHash);
        if (count < proposal.votesNeeded) return;
        if (reportHash == proposal.reportHash) _uphold(tournament, roundId, proposal);
        else _overturn(tournament, roundId, proposal, reportHash);
    }

    /// @return count votes for `reportHash` with the caller's.
    function _castVote(address tournament, uint256 roundId, bytes32 ballot, bytes32 reportHash)
        private
        returns (uint256 count)
    {
        bytes32 before = _vote[ballot][msg.sender];
        if (before == reportHash) revert AlreadyAttested(reportHash);
        if (before != 0) --_votes[ballot][before];
        _vote[ballot][msg.sender] = reportHash;
        count = ++_votes[ballot][reportHash];
        emit Attested(tournament, roundId, msg.sender, reportHash);
    }

    /* INTERNAL: disputes */

    /// @param challenger zero if no bond hangs on it.
    function _dispute(address tournament, uint256 roundId, address challenger) private {
        Proposal storage proposal = _proposals[tournament][roundId];
        _requireStatus(proposal, ProposalStatus.Accepted);
        uint256 until = proposal.challengeUntil;
        if (block.timestamp >= until) revert TooLate(block.timestamp, until);

        proposal.status = ProposalStatus.Disputed;
        proposal.disputeUntil = uint64(block.timestamp) + disputePeriod;
        proposal.disputeSetId = memberSetId;
        proposal.votesNeeded = uint8(votesNeeded()); // at most MAX_MEMBERS
        proposal.challenger = challenger;
        emit ReportDisputed(
            tournament,
            roundId,
            challenger,
            proposal.reportHash,
            proposal.disputeUntil,
            proposal.disputeSetId,
            proposal.votesNeeded
        );
    }

    function _uphold(address tournament, uint256 roundId, Proposal storage proposal) private {
        address challenger = _close(proposal, ProposalStatus.Upheld);
        if (challenger != address(0)) _credit(burnSink, challengeBond);
        emit ReportUpheld(tournament, roundId, proposal.reportHash);
    }

    function _overturn(address tournament, uint256 roundId, Proposal storage proposal, bytes32 reportHash) private {
        address challenger = _close(proposal, ProposalStatus.Overturned);
        bytes32 overturned = proposal.reportHash;
        proposal.reportHash = reportHash;

        uint256 slashed = _slashVoters(tournament, roundId, proposal.memberSetId, overturned);
        uint256 reward;
        if (challenger != address(0)) {
            reward = slashed / 2;
            _credit(challenger, challengeBond + reward);
        }
        _credit(burnSink, slashed - reward);
        emit ReportOverturned(tournament, roundId, overturned, reportHash, slashed);
    }

    /// @dev Ends a dispute, once: no bond hangs on it any more.
    /// @return challenger whose bond did; zero after a veto.
    function _close(Proposal storage proposal, ProposalStatus status) private returns (address challenger) {
        challenger = proposal.challenger;
        proposal.challenger = address(0);
        proposal.status = status;
    }

    /// @dev Slashes whoever voted for `reportHash` in the round's first vote, members today or not.
    function _slashVoters(address tournament, uint256 roundId, uint64 setId, bytes32 reportHash)
        private
        returns (uint256 slashed)
    {
        mapping(address member => bytes32) storage vote = _vote[_ballotOf(tournament, roundId, setId, false)];
        address[] memory voters = membersOf(setId);
        for (uint256 i; i < voters.length; ++i) {
            if (vote[voters[i]] == reportHash) slashed += _slash(voters[i], slash);
        }
    }

    /* INTERNAL: checks and readings */

    function _checkTerms(Terms memory terms) private pure {
        if (terms.challengeWindow > MAX_CHALLENGE_WINDOW) {
            revert ChallengeWindowTooLong(terms.challengeWindow, MAX_CHALLENGE_WINDOW);
        }
        if (terms.disputePeriod < MIN_DISPUTE_PERIOD || terms.disputePeriod > MAX_DISPUTE_PERIOD) {
            revert DisputePeriodOutOfRange(terms.disputePeriod, MIN_DISPUTE_PERIOD, MAX_DISPUTE_PERIOD);
        }
        if (terms.challengeBond > MAX_CHALLENGE_BOND) revert BondTooLarge(terms.challengeBond, MAX_CHALLENGE_BOND);
        if (terms.slash > terms.memberBond) revert SlashAboveBond(terms.slash, terms.memberBond);
    }

    /// @return deadline the round's.
    function _requireReportable(address tournament, uint256 roundId) private view returns (uint256 deadline) {
        ITournament.Round memory round = ITournament(tournament).round(roundId);
        deadline = round.deadline;
        if (round.state != ITournament.RoundState.Sealed) revert RoundNotSealed(roundId, uint256(round.state));
        if (block.timestamp < round.resolveAt) revert TooEarly(block.timestamp, round.resolveAt);
        if (block.timestamp >= deadline) revert TooLate(block.timestamp, deadline);
    }

    function _requireStatus(Proposal storage proposal, ProposalStatus expected) private view {
        if (proposal.status != expected) revert WrongStatus(proposal.status, expected);
    }

    function _statusOf(Proposal storage proposal) private view returns (ProposalStatus status) {
        status = proposal.status;
        if (status == ProposalStatus.Disputed && block.timestamp >= proposal.disputeUntil) {
            status = ProposalStatus.Expired;
        }
    }

    /// @dev One ballot for each round, each member set in force at its first vote, and each of its two votes.
    function _ballotOf(address tournament, uint256 roundId, uint64 setId, bool second) private pure returns (bytes32) {
        return keccak256(abi.encode(tournament, roundId, setId, second));
    }

    function _ballotInForce(address tournament, uint256 roundId) private view returns (bytes32) {
        Proposal storage proposal = _proposals[tournament][roundId];
        if (proposal.disputeSetId != 0) return _ballotOf(tournament, roundId, proposal.disputeSetId, true);
        uint64 setId = proposal.status == ProposalStatus.None ? memberSetId : proposal.memberSetId;
        return _ballotOf(tournament, roundId, setId, false);
    }
}
