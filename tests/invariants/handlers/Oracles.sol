// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ICommitteeMembers} from "../../../contracts/interfaces/ICommitteeMembers.sol";
import {ICommitteeSeals} from "../../../contracts/interfaces/ICommitteeSeals.sol";
import {IOracleCommittee} from "../../../contracts/interfaces/IOracleCommittee.sol";
import {ITournament} from "../../../contracts/interfaces/ITournament.sol";
import {Report} from "../../../contracts/interfaces/Report.sol";
import {Polls} from "../Polls.sol";

/// @title Oracles
/// @notice What members, challengers and the guardian do to a round's report: honest, wrong, bought or absent.
abstract contract Oracles is Polls {
    function attest(uint256 roundSeed, uint256 memberSeed, uint256 kindSeed) public {
        uint256 roundId = _roundWhere(_canBeAttested, roundSeed);
        _comeTo(_books[roundId].resolveAt, roundSeed >> 4);
        address member = _voter(roundId, memberSeed);
        Report memory report = _report(roundId, _fashion(roundId, kindSeed));
        bytes32 reportHash = _hashOf(report);
        bytes4 refusal = _attestRefusal(roundId, member, reportHash);
        bytes memory call = abi.encodeCall(IOracleCommittee.attest, (address(tournament), report));
        _attempt(member, address(committee), call, refusal);
        _vote(roundId, member, reportHash);
        _compare(roundId);
    }

    /// @dev Reports for another chain, tournament or version do not count, nor do votes of strangers.
    function attestWrongly(uint256 roundSeed, uint256 memberSeed, uint256 how) public {
        uint256 roundId = _roundWhere(_isSealed, roundSeed | 1);
        Report memory report = _report(roundId, TRUTH);
        bytes memory call = abi.encodeCall(IOracleCommittee.attest, (address(tournament), report));
        if (how % 3 == 0) {
            if (_attestRefusal(roundId, STRANGER, 0) != ICommitteeMembers.NotMember.selector) return;
            _mustRefuse(STRANGER, address(committee), call, ICommitteeMembers.NotMember.selector);
        } else if (how % 3 == 1) {
            report.version = 1;
            call = abi.encodeCall(IOracleCommittee.attest, (address(tournament), report));
            _mustRefuse(_candidate(memberSeed), address(committee), call, IOracleCommittee.UnknownVersion.selector);
        } else {
            // The report of a round that does not exist.
            report.roundId = _roundCount + 1;
            call = abi.encodeCall(IOracleCommittee.attest, (address(tournament), report));
            address member = _sets[_setId][memberSeed % _sets[_setId].length];
            _mustRefuse(member, address(committee), call, IOracleCommittee.RoundNotSealed.selector);
        }
    }

    function challenge(uint256 roundSeed, uint256 challengerSeed) public {
        uint256 roundId = _roundWhere(_canBeDisputed, roundSeed);
        address challenger = challengerSeed % 4 == 0 ? _candidate(challengerSeed >> 2) : _owner(challengerSeed >> 2);
        bytes4 refusal = _disputeRefusal(roundId);
        if (refusal == 0 && token.balanceOf(challenger) < CHALLENGE_BOND) {
            refusal = IERC20Errors.ERC20InsufficientBalance.selector;
        }
        bytes memory call = abi.encodeCall(IOracleCommittee.challenge, (address(tournament), roundId));
        _attempt(challenger, address(committee), call, refusal);
        _dispute(roundId, challenger);
        _compare(roundId);
    }

    function veto(uint256 roundSeed) public {
        uint256 roundId = _roundWhere(_canBeDisputed, roundSeed);
        bytes memory call = abi.encodeCall(IOracleCommittee.veto, (address(tournament), roundId));
        _attempt(GUARDIAN, address(committee), call, _disputeRefusal(roundId));
        _dispute(roundId, address(0));
        _compare(roundId);
    }

    function expire(uint256 roundSeed) public {
        uint256 roundId = _roundWhere(_isDisputed, roundSeed);
        IOracleCommittee.Proposal storage proposal = _proposals[roundId];
        _comeTo(proposal.disputeUntil, roundSeed >> 4);
        bytes4 refusal;
        if (proposal.status != IOracleCommittee.ProposalStatus.Disputed) {
            refusal = IOracleCommittee.WrongStatus.selector;
        } else if (_now() < proposal.disputeUntil) {
            refusal = ICommitteeSeals.TooEarly.selector;
        }
        bytes memory call = abi.encodeCall(IOracleCommittee.expire, (address(tournament), roundId));
        _attempt(STRANGER, address(committee), call, refusal);
        address challenger = _endDispute(proposal, IOracleCommittee.ProposalStatus.Expired);
        _slashAway(roundId, true);
        if (challenger != address(0)) {
            _creditOf[challenger] += CHALLENGE_BOND / 2;
            _creditOf[address(sink)] += CHALLENGE_BOND / 2;
        }
        _closeVotes(proposal);
        _compare(roundId);
    }

    function closeVotes(uint256 roundSeed) public {
        uint256 roundId = _roundWhere(_hasOpenVotes, roundSeed);
        IOracleCommittee.Proposal storage proposal = _proposals[roundId];
        bool none = proposal.status == IOracleCommittee.ProposalStatus.None;
        uint256 from = none ? _books[roundId].deadline : proposal.challengeUntil;
        _comeTo(from, roundSeed >> 4);
        bytes4 refusal;
        if (proposal.openVotes == 0) refusal = IOracleCommittee.NoVotesOpen.selector;
        else if (_isDisputed(roundId)) refusal = IOracleCommittee.WrongStatus.selector;
        else if (_now() < from) refusal = ICommitteeSeals.TooEarly.selector;
        bytes memory call = abi.encodeCall(IOracleCommittee.closeVotes, (address(tournament), roundId));
        _attempt(STRANGER, address(committee), call, refusal);
        if (none) _slashAway(roundId, false);
        _closeVotes(proposal);
        _compare(roundId);
    }

    function disprove(uint256 roundSeed, uint256 proverSeed) public {
        _seldom(proverSeed);
        uint256 roundId = _roundWhere(_canBeDisproven, roundSeed);
        IOracleCommittee.Proposal storage proposal = _proposals[roundId];
        IOracleCommittee.ProposalStatus status = _statusOf(roundId);
        bool disputed = status == IOracleCommittee.ProposalStatus.Disputed;
        bytes4 refusal;
        if (!disputed && !_becomesFinal(status)) refusal = IOracleCommittee.WrongStatus.selector;
        else if (!disputed && _now() >= proposal.challengeUntil) refusal = ICommitteeSeals.TooLate.selector;
        // A court that takes no bonds names nobody.
        address prover = (proverSeed >> 64) % 3 == 0 ? address(0) : _owner(proverSeed);
        bytes memory call = abi.encodeCall(IOracleCommittee.disprove, (address(tournament), roundId, prover));
        _attempt(COURT, address(committee), call, refusal);
        address challenger = _endDispute(proposal, IOracleCommittee.ProposalStatus.Disproven);
        if (challenger != address(0)) _creditOf[challenger] += CHALLENGE_BOND;
        if (prover != address(0)) {
            (uint256 slashed,) = _slashFor(roundId, proposal.reportHash, true, 0);
            _creditOf[prover] += slashed / 2;
            _creditOf[address(sink)] += slashed - slashed / 2;
        }
        _closeVotes(proposal);
        _compare(roundId);
    }

    function postBond(uint256 memberSeed, uint256 fromSeed, uint256 amountSeed) public {
        address from = _owner(fromSeed);
        address member = fromSeed % 16 == 0 ? address(0) : _candidate(memberSeed);
        uint256 amount = amountSeed % 16 == 0 ? 0 : amountSeed % (200 * NMR);
        bytes4 refusal;
        if (member == address(0)) refusal = ICommitteeMembers.ZeroMember.selector;
        else if (amount == 0) refusal = ICommitteeMembers.ZeroAmount.selector;
        else if (amount > token.balanceOf(from)) refusal = IERC20Errors.ERC20InsufficientBalance.selector;
        _attempt(from, address(committee), abi.encodeCall(ICommitteeMembers.postBond, (member, amount)), refusal);
        _bondOf[member] += amount;
    }

    function releaseBond(uint256 memberSeed, uint256 amountSeed) public {
        address member = _candidate(memberSeed);
        uint256 bond = _bondOf[member];
        // A little at a time: a committee without bonds would never vote again.
        uint256 amount = amountSeed % 16 == 0 ? bond + 1 : (amountSeed >> 4) % (20 * NMR);
        bytes4 refusal;
        bool isOver = _heldUntil[member] != 0 && _now() >= _heldUntil[member] + 130 days;
        if (amount == 0) refusal = ICommitteeMembers.ZeroAmount.selector;
        else if (_openVotes[member] != 0 && !isOver) refusal = ICommitteeMembers.VotesOpen.selector;
        else if (amount > bond) refusal = ICommitteeMembers.InsufficientBond.selector;
        else if (_now() < _heldUntil[member]) refusal = ICommitteeMembers.BondHeld.selector;
        else if (_isIn(_setId, member) && bond - amount < MEMBER_BOND) refusal = ICommitteeMembers.BondTooSmall.selector;
        bytes memory call = abi.encodeCall(ICommitteeMembers.releaseBond, (amount, _owner(memberSeed)));
        _attempt(member, address(committee), call, refusal);
        _bondOf[member] -= amount;
    }

    function collect(uint256 accountSeed) public {
        uint256 choice = accountSeed % 3;
        address account =
            choice == 0 ? address(sink) : choice == 1 ? _owner(accountSeed >> 2) : _candidate(accountSeed >> 2);
        bytes4 refusal = _creditOf[account] == 0 ? ICommitteeMembers.NothingOwed.selector : bytes4(0);
        _attempt(STRANGER, address(committee), abi.encodeCall(ICommitteeMembers.collect, (account)), refusal);
        _creditOf[account] = 0;
    }

    function addMember(uint256 memberSeed, uint256 quorumSeed) public {
        _seldom(quorumSeed);
        address member = _candidate(memberSeed);
        uint256 count = _sets[_setId].length + 1;
        uint256 quorum = _quorumFor(count, quorumSeed);
        bytes4 refusal = _hasLeft[member] ? ICommitteeMembers.MemberLeft.selector : _quorumRefusal(count, quorum);
        if (refusal == 0 && _isIn(_setId, member)) refusal = ICommitteeMembers.AlreadyMember.selector;
        _attempt(ADMIN, address(committee), abi.encodeCall(ICommitteeMembers.addMember, (member, quorum)), refusal);
        _beginSet(quorum);
        _sets[_setId].push(member);
        _absencesOf[member] = 0;
        _heldUntil[member] = 0;
    }

    /// @dev Of a set of three nobody leaves: who left never comes back, and the others have to go on.
    function leave(uint256 memberSeed, uint256 seed) public {
        _seldom(seed);
        uint256 count = _sets[_setId].length - 1;
        if (count < 3) _discard();
        address member = _candidate(memberSeed);
        bytes4 refusal = _isIn(_setId, member) ? bytes4(0) : ICommitteeMembers.NotMember.selector;
        _attempt(member, address(committee), abi.encodeCall(ICommitteeMembers.leave, ()), refusal);
        uint256 quorum = _quorumOf[_setId];
        _beginSet(quorum > count ? count : quorum);
        _removeFromSet(member);
        _hasLeft[member] = true;
    }

    function removeMember(uint256 memberSeed, uint256 quorumSeed) public {
        _seldom(quorumSeed);
        address member = _candidate(memberSeed);
        uint256 count = _sets[_setId].length - 1;
        uint256 quorum = _quorumFor(count, quorumSeed);
        bytes4 refusal = _isIn(_setId, member) ? _quorumRefusal(count, quorum) : ICommitteeMembers.NotMember.selector;
        _attempt(ADMIN, address(committee), abi.encodeCall(ICommitteeMembers.removeMember, (member, quorum)), refusal);
        _beginSet(quorum);
        _removeFromSet(member);
    }

    function setQuorum(uint256 quorumSeed) public {
        _seldom(quorumSeed);
        uint256 count = _sets[_setId].length;
        uint256 quorum = _quorumFor(count, quorumSeed);
        bytes4 refusal = _quorumRefusal(count, quorum);
        _attempt(ADMIN, address(committee), abi.encodeCall(ICommitteeMembers.setQuorum, (quorum)), refusal);
        _beginSet(quorum);
    }

    /* INTERNAL */

    /// @dev What would otherwise happen so often that nothing else did.
    function _seldom(uint256 seed) private pure {
        if ((seed >> 16) % 8 != 0) _discard();
    }

    /// @dev A member of the set that votes, seven times of eight.
    function _voter(uint256 roundId, uint256 seed) private view returns (address) {
        if (seed % 8 == 0) return _candidate(seed >> 3);
        address[] storage set = _sets[_books[roundId].setId == 0 ? _setId : _books[roundId].setId];
        return set[(seed >> 3) % set.length];
    }

    /// @dev What most members say of this round: every third round has a quorum that is wrong, and most second votes
    /// come to another report than the first.
    function _fashion(uint256 roundId, uint256 seed) private view returns (uint256) {
        if (seed % 5 == 0) return (seed >> 3) % KINDS;
        uint256 kind = roundId % 3 == 0 ? 1 + (roundId / 3) % 3 : TRUTH;
        if (_statusOf(roundId) != IOracleCommittee.ProposalStatus.Disputed || roundId % 4 == 1) return kind;
        return kind == TRUTH ? LIE : TRUTH;
    }

    function _disputeRefusal(uint256 roundId) private view returns (bytes4) {
        IOracleCommittee.Proposal storage proposal = _proposals[roundId];
        if (proposal.status != IOracleCommittee.ProposalStatus.Accepted) return IOracleCommittee.WrongStatus.selector;
        return _now() >= proposal.challengeUntil ? ICommitteeSeals.TooLate.selector : bytes4(0);
    }

    function _quorumFor(uint256 count, uint256 seed) private pure returns (uint256) {
        return seed % 8 == 0 ? (seed >> 3) % (count + 2) : (2 * count + 2) / 3;
    }

    function _quorumRefusal(uint256 count, uint256 quorum) private pure returns (bytes4) {
        return 3 * quorum >= 2 * count && quorum <= count && count != 0
            ? bytes4(0)
            : ICommitteeMembers.QuorumOutOfRange.selector;
    }
}
