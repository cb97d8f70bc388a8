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
    error OtherOpenVotes(address member, uint256 expected, uint256 found);

    mapping(uint256 roundId => IOracleCommittee.Proposal) internal _proposals;
    mapping(bytes32 ballot => mapping(address member => bytes32)) internal _votes;
    mapping(uint64 setId => address[]) internal _sets;
    mapping(uint64 setId => uint256) internal _quorumOf;
    mapping(address account => uint256) internal _absencesOf;

    mapping(address account => uint256) internal _bondOf;
    mapping(address account => uint256) internal _openVotes;
    mapping(address account => uint256) internal _creditOf;
    mapping(address account => uint256) internal _heldUntil;
    mapping(address account => bool) internal _hasLeft;
    /// @dev Of all rounds that were opened, seconds.
    uint256 internal _lastResolution;

    constructor() {
        _quorumOf[1] = 2;
        for (uint256 i; i < 3; ++i) {
            _sets[1].push(_candidate(i));
        }
        _quorumOf[1] = 2;
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
        return _isSealed(roundId) && _becomesFinal(status);
    }

    function _isIn(uint64 setId, address account) internal view returns (bool) {
        address[] storage set = _sets[setId];
        for (uint256 i; i < set.length; ++i) {
            if (set[i] == account) return true;
        }
        return false;
    }

    /// @dev Whether a report of this status is or becomes final at `challengeUntil`.
    function _becomesFinal(IOracleCommittee.ProposalStatus status) internal pure returns (bool) {
        return status == IOracleCommittee.ProposalStatus.Accepted || status == IOracleCommittee.ProposalStatus.Upheld
            || status == IOracleCommittee.ProposalStatus.Overturned;
    }

    function _hasOpenVotes(uint256 roundId) internal view returns (bool) {
        return _proposals[roundId].openVotes != 0;
    }

    /// @dev Whether it can be disproven, in time or not.
    function _canBeDisproven(uint256 roundId) internal view returns (bool) {
        return _isDisputed(roundId) || _becomesFinal(_statusOf(roundId));
    }

    function _attestRefusal(uint256 roundId, address member, bytes32 reportHash) internal view returns (bytes4) {
        IOracleCommittee.ProposalStatus status = _statusOf(roundId);
        bool second = status == IOracleCommittee.ProposalStatus.Disputed;
        if (status == IOracleCommittee.ProposalStatus.Expired) return ICommitteeSeals.TooLate.selector;
        if (!second && status != IOracleCommittee.ProposalStatus.None) {
            return IOracleCommittee.AlreadyAccepted.selector;
        }
        bytes4 refusal = second ? bytes4(0) : _firstVoteRefusal(_books[roundId]);
        if (refusal != 0) return refusal;
        if (!_isIn(_books[roundId].setId, member)) return ICommitteeMembers.NotMember.selector;
        if (_bondOf[member] < _leastBond(roundId, member, second)) return ICommitteeMembers.BondTooSmall.selector;
        bool same = _votes[_ballot(roundId, second)][member] == reportHash;
        return same ? IOracleCommittee.AlreadyAttested.selector : bytes4(0);
    }

    function _vote(uint256 roundId, address member, bytes32 reportHash) internal {
        IOracleCommittee.Proposal storage proposal = _proposals[roundId];
        bool second = proposal.status == IOracleCommittee.ProposalStatus.Disputed;
        uint64 setId = _books[roundId].setId;
        bytes32 ballot = _ballot(roundId, second);
        _votes[ballot][member] = reportHash;
        proposal.memberSetId = setId;
        if (!second) _openVote(proposal, member);
        if (_count(ballot, setId, reportHash) < _quorumOf[setId]) return;
        if (second) _decide(roundId, proposal, reportHash);
        else _accept(proposal, reportHash);
    }

    function _dispute(uint256 roundId, address challenger) internal {
        IOracleCommittee.Proposal storage proposal = _proposals[roundId];
        proposal.status = IOracleCommittee.ProposalStatus.Disputed;
        proposal.disputeUntil = uint64(_now()) + DISPUTE_PERIOD;
        proposal.challenger = challenger;
        address[] storage set = _sets[proposal.memberSetId];
        for (uint256 i; i < set.length; ++i) {
            _openVote(proposal, set[i]);
        }
    }

    function _closeVotes(IOracleCommittee.Proposal storage proposal) internal {
        address[] storage set = _sets[proposal.memberSetId];
        for (uint256 i; i < set.length; ++i) {
            if (proposal.openVotes & uint64(1 << i) != 0) --_openVotes[set[i]];
        }
        proposal.openVotes = 0;
    }

    /// @dev Takes from everybody in the round's set who voted for a report: in the first vote, or in either.
    /// @return slashed from all of them.
    /// @return admitted what of it is from those whose second vote is for `other`.
    function _slashFor(uint256 roundId, bytes32 hash, bool second, bytes32 other)
        internal
        returns (uint256 slashed, uint256 admitted)
    {
        address[] storage set = _sets[_proposals[roundId].memberSetId];
        for (uint256 i; i < set.length; ++i) {
            bytes32 secondVote = _votes[_ballot(roundId, true)][set[i]];
            bool hit = _votes[_ballot(roundId, false)][set[i]] == hash || (second && secondVote == hash);
            uint256 taken = hit ? _take(set[i], SLASH) : 0;
            slashed += taken;
            if (secondVote == other) admitted += taken;
        }
    }

    /// @dev Takes from whoever kept a vote from being decided.
    function _slashAway(uint256 roundId, bool second) internal {
        address[] storage set = _sets[_proposals[roundId].memberSetId];
        bytes32 ballot = _ballot(roundId, second);
        bytes32 majority;
        for (uint256 i; i < set.length; ++i) {
            bytes32 vote = _votes[ballot][set[i]];
            if (vote != 0 && _count(ballot, _proposals[roundId].memberSetId, vote) > set.length / 2) majority = vote;
        }
        for (uint256 i; i < set.length; ++i) {
            bytes32 vote = _votes[ballot][set[i]];
            bool hit = majority != 0 ? vote != majority : second && vote == 0;
            if (hit) _creditOf[address(sink)] += _take(set[i], ABSENCE_SLASH);
        }
    }

    function _take(address member, uint256 amount) private returns (uint256 taken) {
        taken = _bondOf[member] < amount ? _bondOf[member] : amount;
        _bondOf[member] -= taken;
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
        _quorumOf[_setId] = quorum;
    }

    /// @dev The others keep their order.
    function _removeFromSet(address member) internal {
        address[] storage set = _sets[_setId];
        uint256 kept;
        for (uint256 i; i < set.length; ++i) {
            if (set[i] != member) set[kept++] = set[i];
        }
        set.pop();
        _heldUntil[member] = (_lastResolution > _now() ? _lastResolution : _now()) + 30 days;
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

    function _ballot(uint256 roundId, bool second) private pure returns (bytes32) {
        return keccak256(abi.encode(roundId, second));
    }

    /// @dev What a vote takes: in a first one, as much as all that would then be open can cost.
    function _leastBond(uint256 roundId, address member, bool second) private view returns (uint256) {
        if (second) return 1;
        bool open = _votes[_ballot(roundId, false)][member] != 0;
        uint256 worth = SLASH * (_openVotes[member] + (open ? 0 : 1));
        return worth > MEMBER_BOND ? worth : MEMBER_BOND;
    }

    function _openVote(IOracleCommittee.Proposal storage proposal, address member) private {
        address[] storage set = _sets[proposal.memberSetId];
        for (uint256 i; i < set.length; ++i) {
            uint64 bit = uint64(1 << i);
            if (set[i] != member || proposal.openVotes & bit != 0) continue;
            proposal.openVotes |= bit;
            ++_openVotes[member];
        }
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
        proposal.status = IOracleCommittee.ProposalStatus.Accepted;
    }

    function _decide(uint256 roundId, IOracleCommittee.Proposal storage proposal, bytes32 reportHash) private {
        if (reportHash == proposal.reportHash) {
            address wrong = _endDispute(proposal, IOracleCommittee.ProposalStatus.Upheld);
            if (wrong != address(0)) _creditOf[address(sink)] += CHALLENGE_BOND;
            if (proposal.challengeUntil < _now()) proposal.challengeUntil = uint64(_now());
            return;
        }
        address challenger = _endDispute(proposal, IOracleCommittee.ProposalStatus.Overturned);
        (uint256 slashed, uint256 admitted) = _slashFor(roundId, proposal.reportHash, false, reportHash);
        uint256 reward = challenger == address(0) ? 0 : admitted / 2;
        if (challenger != address(0)) _creditOf[challenger] += CHALLENGE_BOND + reward;
        _creditOf[address(sink)] += slashed - reward;
        proposal.reportHash = reportHash;
        proposal.challengeUntil = uint64(_now()) + CHALLENGE_WINDOW;
    }
}
