// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {CommitteeMembers} from "./CommitteeMembers.sol";
import {IOracleCommittee} from "./interfaces/IOracleCommittee.sol";
import {Report} from "./interfaces/Report.sol";

/// @title CommitteeVotes
/// @notice See IOracleCommittee. The part of OracleCommittee that keeps ballots, and the bonds that answer for them.
abstract contract CommitteeVotes is IOracleCommittee, CommitteeMembers {
    /* CONSTANTS */

    /// @inheritdoc IOracleCommittee
    uint256 public constant VERSION = 2;

    /// @inheritdoc IOracleCommittee
    bytes32 public constant REPORT_TYPEHASH = keccak256(
        "Report(uint256 chainId,address tournament,uint256 roundId,uint256 version,bytes32 scoresHead,uint64 totalPayout,uint64 totalBurn,bytes32 evidenceHash)"
    );

    /* STORAGE */

    /// @inheritdoc IOracleCommittee
    uint256 public immutable slash;

    mapping(address tournament => mapping(uint256 roundId => Proposal)) internal _proposals;

    /// @dev Votes by ballot: see `_ballotOf`.
    mapping(bytes32 ballot => mapping(address member => bytes32 reportHash)) private _vote;
    mapping(bytes32 ballot => mapping(bytes32 reportHash => uint256)) private _votes;

    /* CONSTRUCTOR */

    constructor(uint256 slash_) {
        if (slash_ > memberBond) revert SlashAboveBond(slash_, memberBond);
        slash = slash_;
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

    /* INTERNAL: ballots */

    /// @return count votes for `reportHash` with the caller's.
    function _castVote(address tournament, uint256 roundId, bool second, bytes32 reportHash)
        internal
        returns (uint256 count)
    {
        bytes32 ballot = _ballotOf(tournament, roundId, second);
        bytes32 before = _vote[ballot][msg.sender];
        if (before == reportHash) revert AlreadyAttested(reportHash);
        if (before != 0) --_votes[ballot][before];
        _vote[ballot][msg.sender] = reportHash;
        count = ++_votes[ballot][reportHash];
        emit Attested(tournament, roundId, msg.sender, reportHash);
    }

    /// @dev The caller's bond answers for one vote more, and must pay for all of them.
    /// @param bit the caller's, in the order of the round's member set.
    function _openVote(Proposal storage proposal, uint64 bit) internal {
        Member storage member = _members[msg.sender];
        uint256 open = member.openVotes;
        if (proposal.openVotes & bit == 0) {
            ++open;
            member.openVotes = uint32(open);
            proposal.openVotes |= bit;
        }
        uint256 least = Math.max(memberBond, slash * open);
        if (member.bond < least) revert BondTooSmall(member.bond, least);
    }

    /// @dev Holds the bonds of everybody in the set, whether they voted or not: a dispute may cost them.
    function _openAllVotes(Proposal storage proposal) internal {
        address[] memory accounts = membersOf(proposal.memberSetId);
        for (uint256 i; i < accounts.length; ++i) {
            if (proposal.openVotes & (1 << i) == 0) ++_members[accounts[i]].openVotes;
        }
        proposal.openVotes = uint64((1 << accounts.length) - 1);
    }

    /// @dev Lets go of every bond that the round holds.
    function _closeVotes(Proposal storage proposal) internal {
        address[] memory accounts = membersOf(proposal.memberSetId);
        for (uint256 i; i < accounts.length; ++i) {
            if (proposal.openVotes & (1 << i) != 0) --_members[accounts[i]].openVotes;
        }
        proposal.openVotes = 0;
    }

    /* INTERNAL: slashing */

    /// @dev Slashes whoever's first vote was for the report that was overturned.
    /// @return slashed from all of them.
    /// @return admitted what of it is from those who voted for the report that stands now.
    function _slashOverturned(
        address tournament,
        uint256 roundId,
        uint64 setId,
        bytes32 overturned,
        bytes32 standing
    ) internal returns (uint256 slashed, uint256 admitted) {
        bytes32 first = _ballotOf(tournament, roundId, false);
        bytes32 second = _ballotOf(tournament, roundId, true);
        address[] memory accounts = membersOf(setId);
        for (uint256 i; i < accounts.length; ++i) {
            if (_vote[first][accounts[i]] != overturned) continue;
            uint256 taken = _slash(accounts[i], slash);
            slashed += taken;
            if (_vote[second][accounts[i]] == standing) admitted += taken;
        }
    }

    /// @dev Slashes whoever voted for `reportHash` in either vote, once.
    function _slashEither(address tournament, uint256 roundId, uint64 setId, bytes32 reportHash)
        internal
        returns (uint256 slashed)
    {
        bytes32 first = _ballotOf(tournament, roundId, false);
        bytes32 second = _ballotOf(tournament, roundId, true);
        address[] memory accounts = membersOf(setId);
        for (uint256 i; i < accounts.length; ++i) {
            address account = accounts[i];
            bool carried = _vote[first][account] == reportHash || _vote[second][account] == reportHash;
            if (carried) slashed += _slash(account, slash);
        }
    }

    /// @dev Takes `amount` of the bond of whoever kept a vote from being decided: who voted otherwise than more than half of
    /// the set, or not at all. Where no report has more than half, only a second vote costs, and only those who cast none.
    function _slashAway(address tournament, uint256 roundId, bool second, uint64 setId, uint256 amount)
        internal
        returns (uint256 slashed)
    {
        bytes32 ballot = _ballotOf(tournament, roundId, second);
        address[] memory accounts = membersOf(setId);
        bytes32 majority = _majorityIn(ballot, accounts);
        if (majority == 0 && !second) return 0;
        for (uint256 i; i < accounts.length; ++i) {
            bytes32 vote = _vote[ballot][accounts[i]];
            if (majority == 0 ? vote == 0 : vote != majority) slashed += _slash(accounts[i], amount);
        }
    }

    /// @dev The report that more than half of the accounts vote for; zero if there is none.
    function _majorityIn(bytes32 ballot, address[] memory accounts) private view returns (bytes32) {
        for (uint256 i; i < accounts.length; ++i) {
            bytes32 vote = _vote[ballot][accounts[i]];
            if (vote != 0 && 2 * _votes[ballot][vote] > accounts.length) return vote;
        }
        return 0;
    }

    /* INTERNAL: readings */

    function _statusOf(Proposal storage proposal) internal view returns (ProposalStatus status) {
        status = proposal.status;
        if (status == ProposalStatus.Disputed && block.timestamp >= proposal.disputeUntil) {
            status = ProposalStatus.Expired;
        }
    }

    /// @dev Whether a report of this status is or becomes final at `challengeUntil`.
    function _hasReport(ProposalStatus status) internal pure returns (bool) {
        return
            status == ProposalStatus.Accepted || status == ProposalStatus.Upheld || status == ProposalStatus.Overturned;
    }

    /// @dev One ballot for each round and each of its two votes. Both belong to the set that the round was opened with.
    function _ballotOf(address tournament, uint256 roundId, bool second) private pure returns (bytes32) {
        return keccak256(abi.encode(tournament, roundId, second));
    }

    function _ballotInForce(address tournament, uint256 roundId) private view returns (bytes32) {
        return _ballotOf(tournament, roundId, _proposals[tournament][roundId].disputeUntil != 0);
    }
}
