// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICommitteeMembers} from "../../contracts/interfaces/ICommitteeMembers.sol";
import {ICommitteeSeals} from "../../contracts/interfaces/ICommitteeSeals.sol";
import {IOracleCommittee} from "../../contracts/interfaces/IOracleCommittee.sol";
import {ITournament} from "../../contracts/interfaces/ITournament.sol";
import {Reports} from "./Reports.sol";

/// @title Polls
/// @notice What the committee must have come to: its members, votes, proposals, and whose money it holds. Amounts in wei.
abstract contract Polls is Reports {
    error OtherProposal(uint256 roundId);

    mapping(uint256 roundId => IOracleCommittee.Proposal) internal _proposals;
    mapping(bytes32 ballot => mapping(address member => bytes32)) internal _votes;
    mapping(uint64 setId => address[]) internal _sets;
    uint64 internal _setId = 1;
    uint256 internal _quorum = 2;

    mapping(address account => uint256) internal _bondOf;
    mapping(address account => uint256) internal _heldUntil;
    mapping(address account => uint256) internal _creditOf;

    constructor() {
        for (uint256 i; i < 3; ++i) {
            _sets[1].push(_candidate(i));
        }
    }

    function _statusOf(uint256 roundId) internal view returns (IOracleCommittee.ProposalStatus) {
        IOracleCommittee.Proposal storage proposal = _proposals[roundId];
        bool disputed = proposal.status == IOracleCommittee.ProposalStatus.Disputed;
        if (disputed && _now() >= proposal.disputeUntil) return IOracleCommittee.ProposalStatus.Expired;
        return proposal.status;
    }

    function _canBeAttested(uint256 roundId) internal view returns (bool) {
        bool first = _statusOf(roundId) == IOracleCommittee.ProposalStatus.None;
        if (!first) return _statusOf(roundId) == IOracleCommittee.ProposalStatus.Disputed;
        return _isSealed(roundId) && _now() < _books[roundId].deadline;
    }

    function _canBeDisputed(uint256 roundId) internal view returns (bool) {
        IOracleCommittee.Proposal storage proposal = _proposals[roundId];
        return proposal.status == IOracleCommittee.ProposalStatus.Accepted && _now() < proposal.challengeUntil;
    }

    function _isDisputed(uint256 roundId) internal view returns (bool) {
        return _proposals[roundId].status == IOracleCommittee.ProposalStatus.Disputed;
    }

    function _hasReport(uint256 roundId) internal view returns (bool) {
        IOracleCommittee.ProposalStatus status = _statusOf(roundId);
        bool open = status == IOracleCommittee.ProposalStatus.None || status == IOracleCommittee.ProposalStatus.Disputed;
        return _isSealed(roundId) && !open && status != IOracleCommittee.ProposalStatus.Expired;
    }

    function _isIn(uint64 setId, address account) internal view returns (bool) {
        address[] storage set = _sets[setId];
        for (uint256 i; i < set.length; ++i) {
            if (set[i] == account) return true;
        }
        return false;
    }

    function _votingSet(uint256 roundId) internal view returns (uint64) {
        return _proposals[roundId].disputeSetId == 0 ? _setId : _proposals[roundId].disputeSetId;
    }

    function _attestRefusal(uint256 roundId, address member, bytes32 reportHash) internal view returns (bytes4) {
        IOracleCommittee.ProposalStatus status = _statusOf(roundId);
        bool second = status == IOracleCommittee.ProposalStatus.Disputed;
        if (status == IOracleCommittee.ProposalStatus.Expired) return ICommitteeSeals.TooLate.selector;
        if (!second && status != IOracleCommittee.ProposalStatus.None) {
            return IOracleCommittee.AlreadyAccepted.selector;
        }
        if (!_isIn(_votingSet(roundId), member)) return ICommitteeMembers.NotMember.selector;
        if (_bondOf[member] < MEMBER_BOND) return ICommitteeMembers.BondTooSmall.selector;
        bytes4 refusal = second ? bytes4(0) : _firstVoteRefusal(_books[roundId]);
        if (refusal != 0) return refusal;
        bool same = _votes[_ballot(roundId, _votingSet(roundId), second)][member] == reportHash;
        return same ? IOracleCommittee.AlreadyAttested.selector : bytes4(0);
    }

    function _vote(uint256 roundId, address member, bytes32 reportHash) internal {
        IOracleCommittee.Proposal storage proposal = _proposals[roundId];
        bool second = proposal.status == IOracleCommittee.ProposalStatus.Disputed;
        uint64 setId = _votingSet(roundId);
        bytes32 ballot = _ballot(roundId, setId, second);
        _votes[ballot][member] = reportHash;
        uint256 until = second ? proposal.disputeUntil : _books[roundId].deadline + CHALLENGE_WINDOW + DISPUTE_PERIOD;
        if (_heldUntil[member] < until) _heldUntil[member] = until;
        uint256 count = _count(ballot, setId, reportHash);
        if (!second && count >= _quorum) _accept(proposal, reportHash);
        if (second && count >= proposal.votesNeeded) _decide(roundId, proposal, reportHash);
    }

    function _dispute(uint256 roundId, address challenger) internal {
        IOracleCommittee.Proposal storage proposal = _proposals[roundId];
        uint256 twoThirds = (2 * _sets[_setId].length + 2) / 3;
        proposal.status = IOracleCommittee.ProposalStatus.Disputed;
        proposal.disputeUntil = uint64(_now()) + DISPUTE_PERIOD;
        proposal.disputeSetId = _setId;
        proposal.votesNeeded = uint8(twoThirds > _quorum ? twoThirds : _quorum);
        proposal.challenger = challenger;
    }

    /// @return challenger whose bond hung on it, and no longer does.
    function _endDispute(IOracleCommittee.Proposal storage proposal, IOracleCommittee.ProposalStatus status)
        internal
        returns (address challenger)
    {
        challenger = proposal.challenger;
        proposal.status = status;
        proposal.challenger = address(0);
    }

    /// @dev The new set has the members of the one before.
    function _beginSet(uint256 quorum) internal {
        ++_setId;
        _sets[_setId] = _sets[_setId - 1];
        _quorum = quorum;
    }

    function _removeFromSet(address member) internal {
        address[] storage set = _sets[_setId];
        for (uint256 i; i < set.length; ++i) {
            if (set[i] == member) set[i] = set[set.length - 1];
        }
        set.pop();
    }

    function _compare(uint256 roundId) internal view {
        IOracleCommittee.Proposal memory expected = _proposals[roundId];
        expected.status = _statusOf(roundId);
        IOracleCommittee.Proposal memory found = committee.proposalOf(address(tournament), roundId);
        if (keccak256(abi.encode(expected)) != keccak256(abi.encode(found))) revert OtherProposal(roundId);
    }

    /// @dev Bonds, credits, and what hangs on open disputes.
    function _committeeOwes() internal view returns (uint256 total) {
        for (uint256 i; i < CANDIDATES; ++i) {
            total += _bondOf[_candidate(i)] + _creditOf[_candidate(i)];
        }
        for (uint256 i; i < OWNERS; ++i) {
            total += _creditOf[_owner(i)];
        }
        total += _creditOf[address(sink)];
        for (uint256 i = 1; i <= _roundCount; ++i) {
            IOracleCommittee.Proposal storage proposal = _proposals[i];
            bool open = proposal.status == IOracleCommittee.ProposalStatus.Disputed;
            if (open && proposal.challenger != address(0)) total += CHALLENGE_BOND;
        }
    }

    /* PRIVATE */

    function _firstVoteRefusal(Book storage book) private view returns (bytes4) {
        if (book.state != ITournament.RoundState.Sealed) return IOracleCommittee.RoundNotSealed.selector;
        if (_now() < book.resolveAt) return ICommitteeSeals.TooEarly.selector;
        if (_now() >= book.deadline) return ICommitteeSeals.TooLate.selector;
        return 0;
    }

    function _ballot(uint256 roundId, uint64 setId, bool second) private pure returns (bytes32) {
        return keccak256(abi.encode(roundId, setId, second));
    }

    function _count(bytes32 ballot, uint64 setId, bytes32 reportHash) private view returns (uint256 count) {
        address[] storage set = _sets[setId];
        for (uint256 i; i < set.length; ++i) {
            if (_votes[ballot][set[i]] == reportHash) ++count;
        }
    }

    function _accept(IOracleCommittee.Proposal storage proposal, bytes32 reportHash) private {
        proposal.reportHash = reportHash;
        proposal.challengeUntil = uint64(_now()) + CHALLENGE_WINDOW;
        proposal.memberSetId = _setId;
        proposal.status = IOracleCommittee.ProposalStatus.Accepted;
    }

    function _decide(uint256 roundId, IOracleCommittee.Proposal storage proposal, bytes32 reportHash) private {
        if (reportHash == proposal.reportHash) {
            address wrong = _endDispute(proposal, IOracleCommittee.ProposalStatus.Upheld);
            if (wrong != address(0)) _creditOf[address(sink)] += CHALLENGE_BOND;
            return;
        }
        address challenger = _endDispute(proposal, IOracleCommittee.ProposalStatus.Overturned);
        uint256 slashed =
            _slash(_ballot(roundId, proposal.memberSetId, false), proposal.memberSetId, proposal.reportHash);
        uint256 reward = challenger == address(0) ? 0 : slashed / 2;
        if (challenger != address(0)) _creditOf[challenger] += CHALLENGE_BOND + reward;
        _creditOf[address(sink)] += slashed - reward;
        proposal.reportHash = reportHash;
    }

    function _slash(bytes32 ballot, uint64 setId, bytes32 reportHash) private returns (uint256 slashed) {
        address[] storage set = _sets[setId];
        for (uint256 i; i < set.length; ++i) {
            if (_votes[ballot][set[i]] != reportHash) continue;
            uint256 taken = _bondOf[set[i]] < SLASH ? _bondOf[set[i]] : SLASH;
            _bondOf[set[i]] -= taken;
            slashed += taken;
        }
    }
}
