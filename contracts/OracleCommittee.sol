// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {CommitteeConsensus} from "./CommitteeConsensus.sol";
import {CommitteeMembers} from "./CommitteeMembers.sol";
import {CommitteeSeals} from "./CommitteeSeals.sol";
import {CommitteeVotes} from "./CommitteeVotes.sol";
import {ICourtTypes} from "./interfaces/ICourtTypes.sol";
import {IOracleCommittee} from "./interfaces/IOracleCommittee.sol";
import {IScoreCourt} from "./interfaces/IScoreCourt.sol";
import {ITournament} from "./interfaces/ITournament.sol";
import {Report} from "./interfaces/Report.sol";

/// @title OracleCommittee
/// @notice See IOracleCommittee. One committee serves any number of tournaments.
contract OracleCommittee is CommitteeSeals, CommitteeVotes, CommitteeConsensus {
    using SafeERC20 for IERC20;

    /* CONSTANTS */

    /// @notice With MAX_DISPUTE_PERIOD, a second window after an overturned report, and a pause, shorter than a
    /// tournament's grace for a report that stands: what becomes final on the last day can still be settled.
    uint64 public constant MAX_CHALLENGE_WINDOW = 7 days;
    uint64 public constant MAX_DISPUTE_PERIOD = 7 days;

    /// @notice Short enough for chains of one's own. On others a second vote that nobody has time for would void rounds at
    /// a challenger's wish, and cost absent members.
    uint64 public constant MIN_DISPUTE_PERIOD = 30 seconds;

    /// @notice With MAX_CHALLENGE_WINDOW and a pause, shorter than a tournament's grace for a report that stands, as well.
    uint64 public constant MAX_POSTING_PERIOD = 15 days;

    /// @notice Wei: a challenge must stay within the reach of those whom a wrong report robs.
    uint256 public constant MAX_CHALLENGE_BOND = 10_000e18;

    /* STORAGE */

    /// @inheritdoc IOracleCommittee
    address public immutable burnSink;

    /// @inheritdoc IOracleCommittee
    address public immutable court;

    /// @inheritdoc IOracleCommittee
    uint64 public immutable challengeWindow;

    /// @inheritdoc IOracleCommittee
    uint64 public immutable disputePeriod;

    /// @inheritdoc IOracleCommittee
    uint256 public immutable challengeBond;

    /// @inheritdoc IOracleCommittee
    uint256 public immutable absenceSlash;

    /// @dev For how long after a round's deadline the court takes evidence; zero where it asks for none.
    uint64 private immutable _postingPeriod;

    /* CONSTRUCTOR */

    /// @param authority the AccessManager that says who may change the members, and who may veto.
    /// @param token_ what bonds are paid in.
    /// @param court_ who may disprove reports that are not final; zero for nobody. One that has code by now and is an
    /// IScoreCourt asks for evidence, without which no report is final. Any other judges by itself, whatever becomes of it.
    /// @param members_ the first members, no two equal.
    /// @param quorum_ at least two thirds of them.
    constructor(
        address authority,
        IERC20 token_,
        address burnSink_,
        address court_,
        Terms memory terms,
        address[] memory members_,
        uint256 quorum_
    )
        AccessManaged(authority)
        CommitteeMembers(token_, terms.memberBond, members_, quorum_)
        CommitteeVotes(terms.slash)
        CommitteeSeals(terms.absenceLimit)
    {
        if (burnSink_ == address(0)) revert ZeroBurnSink();
        _checkTerms(terms);
        burnSink = burnSink_;
        court = court_;
        challengeWindow = terms.challengeWindow;
        disputePeriod = terms.disputePeriod;
        challengeBond = terms.challengeBond;
        absenceSlash = terms.absenceSlash;
        _postingPeriod = _postingPeriodOf(court_);
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

    /// @inheritdoc IOracleCommittee
    function closeVotes(address tournament, uint256 roundId) external {
        Proposal storage proposal = _proposals[tournament][roundId];
        if (proposal.openVotes == 0) revert NoVotesOpen(tournament, roundId);
        ProposalStatus status = proposal.status;
        if (status == ProposalStatus.Disputed) revert WrongStatus(status, ProposalStatus.Expired);
        uint256 from = _finalAt(tournament, roundId, proposal);
        if (status == ProposalStatus.None) (,, from,) = ITournament(tournament).reportingOf(roundId);
        else if (from == type(uint256).max) from = _postableUntil(tournament, roundId);
        if (block.timestamp < from) revert TooEarly(block.timestamp, from);

        if (status == ProposalStatus.None) {
            _credit(burnSink, _slashAway(tournament, roundId, false, proposal.memberSetId, absenceSlash));
        }
        _closeVotes(proposal);
        emit VotesClosed(tournament, roundId);
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

        address challenger = _endDispute(proposal, ProposalStatus.Expired);
        uint256 slashed = _slashAway(tournament, roundId, true, proposal.memberSetId, absenceSlash);
        uint256 burned = slashed;
        if (challenger != address(0)) {
            uint256 half = challengeBond / 2;
            _credit(challenger, challengeBond - half);
            burned += half;
        }
        _credit(burnSink, burned);
        _closeVotes(proposal);
        emit DisputeExpired(tournament, roundId, slashed);
    }

    /* COURT */

    /// @inheritdoc IOracleCommittee
    function disprove(address tournament, uint256 roundId, address prover) external {
        if (msg.sender != court) revert NotCourt(msg.sender, court);
        Proposal storage proposal = _proposals[tournament][roundId];
        ProposalStatus status = _statusOf(proposal);
        bool disputed = status == ProposalStatus.Disputed;
        if (!disputed && !_hasReport(status)) revert WrongStatus(status, ProposalStatus.Accepted);
        // No report is final while it is disputed, even after the window in which it could be challenged.
        uint256 until = disputed ? proposal.disputeUntil : _finalAt(tournament, roundId, proposal);
        if (block.timestamp >= until) revert TooLate(block.timestamp, until);

        address challenger = _endDispute(proposal, ProposalStatus.Disproven);
        if (challenger != address(0)) _credit(challenger, challengeBond);
        bytes32 reportHash = proposal.reportHash;
        // A court that takes no bonds names nobody.
        uint256 slashed =
            prover == address(0) ? 0 : _slashEither(tournament, roundId, proposal.memberSetId, reportHash);
        _credit(prover, slashed / 2);
        _credit(burnSink, slashed - slashed / 2);
        _closeVotes(proposal);
        emit ReportDisproven(tournament, roundId, reportHash, prover, slashed);
    }

    /* VIEWS */

    /// @inheritdoc IOracleCommittee
    function finalFrom(address tournament, uint256 roundId, bytes32 reportHash) external view returns (uint256) {
        Proposal storage proposal = _proposals[tournament][roundId];
        if (proposal.reportHash != reportHash || !_hasReport(proposal.status)) return type(uint256).max;
        return _finalAt(tournament, roundId, proposal);
    }

    /// @inheritdoc IOracleCommittee
    function hasStandingReport(address tournament, uint256 roundId) external view returns (bool) {
        ProposalStatus status = _statusOf(_proposals[tournament][roundId]);
        return status == ProposalStatus.Disputed || _hasReport(status);
    }

    /// @inheritdoc IOracleCommittee
    function hasExpired(address tournament, uint256 roundId) external view returns (bool) {
        ProposalStatus status = _statusOf(_proposals[tournament][roundId]);
        return status == ProposalStatus.Expired || status == ProposalStatus.Disproven;
    }

    /* INTERNAL: voting */

    function _voteFirst(address tournament, uint256 roundId, Proposal storage proposal, bytes32 reportHash) private {
        _requireTournament(tournament);
        uint64 setId = _requireReportable(tournament, roundId);
        // Bits of open votes stand for members of one set: a tournament that names another later changes nothing.
        if (proposal.memberSetId == 0) proposal.memberSetId = setId;
        setId = proposal.memberSetId;
        uint64 bit = _requireMember(setId, msg.sender);

        _openVote(proposal, bit);
        uint256 count = _castVote(tournament, roundId, false, reportHash);
        if (count < quorumOf[setId]) return;
        proposal.reportHash = reportHash;
        proposal.challengeUntil = uint64(block.timestamp) + challengeWindow;
        proposal.status = ProposalStatus.Accepted;
        emit ReportAccepted(tournament, roundId, reportHash, proposal.challengeUntil);
    }

    function _voteAgain(address tournament, uint256 roundId, Proposal storage proposal, bytes32 reportHash) private {
        ProposalStatus status = _statusOf(proposal);
        uint256 until = proposal.disputeUntil;
        if (status == ProposalStatus.Expired) revert TooLate(block.timestamp, until);
        if (status != ProposalStatus.Disputed) revert AlreadyAccepted(proposal.reportHash);
        uint64 setId = proposal.memberSetId;
        _requireMember(setId, msg.sender);
        // What is left of a bond will do: who was slashed for another round may still set this one right.
        if (memberBond != 0 && _members[msg.sender].bond == 0) revert BondTooSmall(0, 1);

        uint256 count = _castVote(tournament, roundId, true, reportHash);
        if (count < quorumOf[setId]) return;
        if (reportHash == proposal.reportHash) _uphold(tournament, roundId, proposal);
        else _overturn(tournament, roundId, proposal, reportHash);
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
        proposal.challenger = challenger;
        _openAllVotes(proposal);
        emit ReportDisputed(tournament, roundId, challenger, proposal.reportHash, proposal.disputeUntil);
    }

    function _uphold(address tournament, uint256 roundId, Proposal storage proposal) private {
        address challenger = _endDispute(proposal, ProposalStatus.Upheld);
        if (challenger != address(0)) _credit(burnSink, challengeBond);
        if (proposal.challengeUntil < block.timestamp) proposal.challengeUntil = uint64(block.timestamp);
        emit ReportUpheld(tournament, roundId, proposal.reportHash);
    }

    function _overturn(address tournament, uint256 roundId, Proposal storage proposal, bytes32 reportHash) private {
        address challenger = _endDispute(proposal, ProposalStatus.Overturned);
        bytes32 overturned = proposal.reportHash;
        proposal.reportHash = reportHash;
        proposal.challengeUntil = uint64(block.timestamp) + challengeWindow; // for the court: nobody can challenge again

        (uint256 slashed, uint256 admitted) =
            _slashOverturned(tournament, roundId, proposal.memberSetId, overturned, reportHash);
        uint256 reward;
        if (challenger != address(0)) {
            // Nothing from those who stand by their report: else a quorum that lies would challenge itself for their bonds.
            reward = admitted / 2;
            _credit(challenger, challengeBond + reward);
        }
        _credit(burnSink, slashed - reward);
        emit ReportOverturned(tournament, roundId, overturned, reportHash, slashed);
    }

    /// @dev Ends a dispute, once: no bond hangs on it any more.
    /// @return challenger whose bond did; zero after a veto.
    function _endDispute(Proposal storage proposal, ProposalStatus status) private returns (address challenger) {
        challenger = proposal.challenger;
        proposal.challenger = address(0);
        proposal.status = status;
    }

    /* INTERNAL: finality */

    function _burnSink() internal view override returns (address) {
        return burnSink;
    }

    /// @dev When a report is final that nobody disputes or disproves any more: after `challengeUntil`, and where the court asks
    /// for evidence, a challenge window after that is public. The largest uint256 while it is not.
    function _finalAt(address tournament, uint256 roundId, Proposal storage proposal) private view returns (uint256) {
        uint256 until = proposal.challengeUntil;
        bytes32 reportHash = proposal.reportHash;
        if (reportHash == 0 || _postingPeriod == 0) return until;
        uint256 since = IScoreCourt(court).evidenceSince(tournament, roundId, reportHash);
        if (since == type(uint256).max) return since;
        return since + challengeWindow > until ? since + challengeWindow : until;
    }

    /// @dev From when on no evidence is taken: what has none until then never gets final.
    function _postableUntil(address tournament, uint256 roundId) private view returns (uint256) {
        (,, uint64 deadline,) = ITournament(tournament).reportingOf(roundId);
        return uint256(deadline) + _postingPeriod;
    }

    /// @dev Asked in a way that a contract of another kind cannot make fail: a wallet may be the court, too.
    function _postingPeriodOf(address court_) private view returns (uint64) {
        (bool answers, bytes memory answer) = court_.staticcall(abi.encodeCall(ICourtTypes.POSTING_PERIOD, ()));
        if (!answers || answer.length != 32) return 0;
        uint256 period = abi.decode(answer, (uint256));
        return period <= MAX_POSTING_PERIOD ? uint64(period) : 0;
    }

    /* INTERNAL: checks */

    function _checkTerms(Terms memory terms) private pure {
        if (terms.challengeWindow > MAX_CHALLENGE_WINDOW) {
            revert ChallengeWindowTooLong(terms.challengeWindow, MAX_CHALLENGE_WINDOW);
        }
        if (terms.disputePeriod < MIN_DISPUTE_PERIOD || terms.disputePeriod > MAX_DISPUTE_PERIOD) {
            revert DisputePeriodOutOfRange(terms.disputePeriod, MIN_DISPUTE_PERIOD, MAX_DISPUTE_PERIOD);
        }
        if (terms.challengeBond > MAX_CHALLENGE_BOND) revert BondTooLarge(terms.challengeBond, MAX_CHALLENGE_BOND);
        if (terms.absenceSlash > terms.slash) revert AbsenceSlashTooLarge(terms.absenceSlash, terms.slash);
    }

    /// @return setId the member set that the round was opened with.
    function _requireReportable(address tournament, uint256 roundId) private view returns (uint64 setId) {
        ITournament.RoundState state;
        uint256 resolveAt;
        uint256 deadline;
        (state, resolveAt, deadline, setId) = ITournament(tournament).reportingOf(roundId);
        if (state != ITournament.RoundState.Sealed) revert RoundNotSealed(roundId, uint256(state));
        if (block.timestamp < resolveAt) revert TooEarly(block.timestamp, resolveAt);
        if (block.timestamp >= deadline) revert TooLate(block.timestamp, deadline);
    }

    function _requireStatus(Proposal storage proposal, ProposalStatus expected) private view {
        if (proposal.status != expected) revert WrongStatus(proposal.status, expected);
    }
}
