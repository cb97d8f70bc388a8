// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IOracleCommittee} from "./interfaces/IOracleCommittee.sol";
import {ITournament} from "./interfaces/ITournament.sol";
import {Report} from "./interfaces/Report.sol";

/// @title OracleCommittee
/// @notice See IOracleCommittee. One committee serves any number of tournaments.
contract OracleCommittee is IOracleCommittee, AccessManaged {
    /* CONSTANTS */

    /// @inheritdoc IOracleCommittee
    uint256 public constant VERSION = 1;

    /// @notice Shorter than a tournament's grace for a report that stands.
    uint64 public constant MAX_CHALLENGE_WINDOW = 14 days;

    /// @notice Keeps every loop over members short.
    uint256 public constant MAX_MEMBERS = 64;

    /// @inheritdoc IOracleCommittee
    bytes32 public constant REPORT_TYPEHASH = keccak256(
        "Report(uint256 chainId,address tournament,uint256 roundId,uint256 version,bytes32 scoresHead,uint64 totalPayout,uint64 totalBurn,bytes32 evidenceHash)"
    );

    /* STORAGE */

    /// @inheritdoc IOracleCommittee
    uint64 public immutable challengeWindow;

    /// @inheritdoc IOracleCommittee
    uint64 public memberSetId;

    /// @inheritdoc IOracleCommittee
    uint256 public quorum;

    address[] private _members;

    /// @inheritdoc IOracleCommittee
    mapping(address account => bool) public isMember;

    mapping(address tournament => mapping(uint256 roundId => Proposal)) private _proposal;

    /// @dev Votes by ballot, which is the hash of tournament, round and member set.
    mapping(bytes32 ballot => mapping(address member => bytes32 reportHash)) private _vote;
    mapping(bytes32 ballot => mapping(bytes32 reportHash => uint256)) private _votes;

    /* CONSTRUCTOR */

    /// @param authority the AccessManager that says who may change the members.
    /// @param challengeWindow_ seconds, at most MAX_CHALLENGE_WINDOW.
    /// @param members_ the first members, no two equal.
    /// @param quorum_ more than half of them.
    constructor(address authority, uint64 challengeWindow_, address[] memory members_, uint256 quorum_)
        AccessManaged(authority)
    {
        if (challengeWindow_ > MAX_CHALLENGE_WINDOW) {
            revert ChallengeWindowTooLong(challengeWindow_, MAX_CHALLENGE_WINDOW);
        }
        challengeWindow = challengeWindow_;
        for (uint256 i; i < members_.length; ++i) {
            _addMember(members_[i]);
        }
        _beginMemberSet(quorum_);
    }

    /* ATTESTING */

    /// @inheritdoc IOracleCommittee
    function attest(address tournament, Report calldata report) external {
        if (!isMember[msg.sender]) revert NotMember(msg.sender);
        if (report.version != VERSION) revert UnknownVersion(report.version, VERSION);
        bytes32 accepted = _proposal[tournament][report.roundId].reportHash;
        if (accepted != 0) revert AlreadyAccepted(accepted);
        _requireReportable(tournament, report.roundId);

        bytes32 reportHash = hashReport(tournament, report);
        uint256 count = _castVote(_ballot(tournament, report.roundId, memberSetId), reportHash);
        emit Attested(tournament, report.roundId, msg.sender, reportHash);
        if (count >= quorum) _accept(tournament, report.roundId, reportHash);
    }

    /* MEMBERS */

    /// @inheritdoc IOracleCommittee
    function addMember(address member, uint256 newQuorum) external restricted {
        _addMember(member);
        _beginMemberSet(newQuorum);
    }

    /// @inheritdoc IOracleCommittee
    function removeMember(address member, uint256 newQuorum) external restricted {
        if (!isMember[member]) revert NotMember(member);
        isMember[member] = false;
        uint256 last = _members.length - 1;
        for (uint256 i; i < last; ++i) {
            if (_members[i] == member) {
                _members[i] = _members[last];
                break;
            }
        }
        _members.pop();
        emit MemberRemoved(member);
        _beginMemberSet(newQuorum);
    }

    /// @inheritdoc IOracleCommittee
    function setQuorum(uint256 newQuorum) external restricted {
        _beginMemberSet(newQuorum);
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
        Proposal storage proposal = _proposal[tournament][roundId];
        return proposal.status == ProposalStatus.Accepted && proposal.reportHash == reportHash
            && block.timestamp >= proposal.challengeUntil;
    }

    /// @inheritdoc IOracleCommittee
    function hasStandingReport(address tournament, uint256 roundId) external view returns (bool) {
        return _proposal[tournament][roundId].status == ProposalStatus.Accepted;
    }

    /// @inheritdoc IOracleCommittee
    function proposalOf(address tournament, uint256 roundId) external view returns (Proposal memory) {
        return _proposal[tournament][roundId];
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
    function members() external view returns (address[] memory) {
        return _members;
    }

    /* INTERNAL */

    function _requireReportable(address tournament, uint256 roundId) private view {
        ITournament.Round memory round = ITournament(tournament).round(roundId);
        if (round.state != ITournament.RoundState.Sealed) revert RoundNotSealed(roundId, uint256(round.state));
        if (block.timestamp < round.resolveAt) revert TooEarly(block.timestamp, round.resolveAt);
        if (block.timestamp >= round.deadline) revert TooLate(block.timestamp, round.deadline);
    }

    /// @return count votes for `reportHash` with the caller's.
    function _castVote(bytes32 ballot, bytes32 reportHash) private returns (uint256 count) {
        bytes32 before = _vote[ballot][msg.sender];
        if (before == reportHash) revert AlreadyAttested(reportHash);
        if (before != 0) --_votes[ballot][before];
        _vote[ballot][msg.sender] = reportHash;
        count = ++_votes[ballot][reportHash];
    }

    function _accept(address tournament, uint256 roundId, bytes32 reportHash) private {
        uint64 challengeUntil = uint64(block.timestamp) + challengeWindow;
        _proposal[tournament][roundId] = Proposal(reportHash, challengeUntil, memberSetId, ProposalStatus.Accepted);
        emit ReportAccepted(tournament, roundId, reportHash, challengeUntil);
    }

    function _addMember(address member) private {
        if (member == address(0)) revert ZeroMember();
        if (isMember[member]) revert AlreadyMember(member);
        isMember[member] = true;
        _members.push(member);
        emit MemberAdded(member);
    }

    /// @dev Every change of members or quorum ends here, so that the quorum always is more than half, and no vote counts
    /// under rules other than those it was cast under.
    function _beginMemberSet(uint256 newQuorum) private {
        uint256 count = _members.length;
        if (count > MAX_MEMBERS) revert TooManyMembers(count, MAX_MEMBERS);
        if (newQuorum <= count / 2 || newQuorum > count) revert QuorumOutOfRange(newQuorum, count / 2 + 1, count);
        quorum = newQuorum;
        uint64 id = ++memberSetId;
        emit MemberSetChanged(id, count, newQuorum);
    }

    function _ballot(address tournament, uint256 roundId, uint64 setId) private pure returns (bytes32) {
        return keccak256(abi.encode(tournament, roundId, setId));
    }

    function _ballotInForce(address tournament, uint256 roundId) private view returns (bytes32) {
        Proposal storage proposal = _proposal[tournament][roundId];
        uint64 setId = proposal.status == ProposalStatus.None ? memberSetId : proposal.memberSetId;
        return _ballot(tournament, roundId, setId);
    }
}
