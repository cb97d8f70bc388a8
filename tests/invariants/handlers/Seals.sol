// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IBoundedPause} from "../../../contracts/interfaces/IBoundedPause.sol";
import {ICommitteeMembers} from "../../../contracts/interfaces/ICommitteeMembers.sol";
import {ICommitteeSeals} from "../../../contracts/interfaces/ICommitteeSeals.sol";
import {ITournament} from "../../../contracts/interfaces/ITournament.sol";
import {Polls} from "../Polls.sol";
import {Reference} from "../Reference.sol";
import {SealSigner, Statement} from "../SealSigner.sol";

/// @title Seals
/// @notice What members sign of a round, honest or not, too few of them or forged; and who hands it in.
abstract contract Seals is Polls, SealSigner {
    error OtherAbsences(address member, uint256 expected, uint256 found);

    /// @param absent bits of the members whose signature was not counted, in the order of the round's set.
    struct Signed {
        bytes32 digest;
        uint256 absent;
    }

    mapping(uint256 roundId => Signed) private _signed;

    function seal(uint256 roundSeed, uint256 validSeed, uint256 signerSeed) public {
        // Rounds whose lock has ended, mostly.
        uint256 roundId = _roundWhere(roundSeed % 32 == 1 ? _canBeLocked : _isLocked, roundSeed);
        Book storage book = _books[roundId];
        _comeTo(book.closeAt, roundSeed >> 4);
        Statement memory statement =
            Statement(roundId, _head(book), keccak256(abi.encode(validSeed)), uint64(_validSaid(roundId, validSeed)));
        uint256 signers = _signersOf(book.setId, signerSeed);
        bool forged = signerSeed % 16 == 1;
        bytes memory signatures = _signatures(book.setId, signers, statement, forged ? signerSeed : 0);
        bytes memory call = abi.encodeCall(
            ITournament.seal, (roundId, statement.submissionsRoot, statement.validAtRisk, signers, signatures)
        );
        bytes4 refusal = _sealRefusal(book, statement.validAtRisk, signers, forged);
        _attempt(STRANGER, address(tournament), call, refusal);
        _seal(book, statement.validAtRisk);
        _note(roundId, _digestOf(statement), signers);
    }

    /// @dev Hands in a signature that a seal had left out, or one that it had not.
    function countSignature(uint256 roundSeed, uint256 memberSeed) public {
        uint256 roundId = _roundWhere(_leftSomebodyOut, roundSeed);
        Signed storage signed = _signed[roundId];
        address[] storage set = _sets[_books[roundId].setId];
        address member = _candidate(memberSeed >> 8);
        for (uint256 i; i < set.length && memberSeed % 8 != 0; ++i) {
            if ((signed.absent >> i) % 2 == 1) member = set[i];
        }
        bytes memory signature = _sign(memberSeed % 16 == 1 ? signer : member, signed.digest);
        bytes4 refusal = _countRefusal(roundId, member);
        if (refusal == 0 && memberSeed % 16 == 1) refusal = ICommitteeSeals.WrongSigner.selector;
        bytes memory call =
            abi.encodeCall(ICommitteeSeals.countSignature, (address(tournament), roundId, member, signature));
        _attempt(STRANGER, address(committee), call, refusal);
        signed.absent -= _bitOf(_books[roundId].setId, member);
        if (_absencesOf[member] != 0) --_absencesOf[member];
        _compareAbsences();
    }

    /* INTERNAL */

    /// @dev Three times of four the positions that count; else any number up to all that is at risk, seldom one more.
    function _validSaid(uint256 roundId, uint256 seed) private view returns (uint256) {
        uint256 atRisk = _books[roundId].atRisk;
        if (seed % 64 == 0) return atRisk + 1;
        return seed % 4 == 0 ? (seed >> 6) % (atRisk + 1) : _validPositions(roundId);
    }

    /// @dev A quorum or more of the set, fifteen times of sixteen; else any bits at all.
    function _signersOf(uint64 setId, uint256 seed) private view returns (uint256 signers) {
        uint256 count = _sets[setId].length;
        if (seed % 16 == 0) return (seed >> 4) % 2 ** (count + 1);
        signers = (seed >> 4) % 2 ** count;
        for (uint256 i; i < count && _bitCount(signers) < _quorumOf[setId]; ++i) {
            signers |= 1 << i;
        }
    }

    /// @param forgery which part of the statement one of the members did not sign; zero if all signed the same.
    function _signatures(uint64 setId, uint256 signers, Statement memory statement, uint256 forgery)
        private
        view
        returns (bytes memory signatures)
    {
        bytes32 digest = _digestOf(statement);
        bytes32 other = forgery == 0 ? digest : _digestOf(_altered(statement, forgery >> 4));
        address[] storage set = _sets[setId];
        // A bit beyond the set stands for nobody: whatever is there is not looked at.
        for (uint256 i; i < set.length; ++i) {
            if ((signers >> i) % 2 == 0) continue;
            signatures = bytes.concat(signatures, _sign(set[i], other));
            other = digest;
        }
    }

    function _altered(Statement memory statement, uint256 how) private pure returns (Statement memory) {
        how %= 4;
        return Statement({
            roundId: how == 0 ? statement.roundId + 1 : statement.roundId,
            positionsHead: how == 1 ? keccak256("before the last chunk") : statement.positionsHead,
            submissionsRoot: how == 2 ? keccak256("other submissions") : statement.submissionsRoot,
            validAtRisk: how == 3 ? statement.validAtRisk ^ 1 : statement.validAtRisk
        });
    }

    function _sealRefusal(Book storage book, uint256 valid, uint256 signers, bool forged)
        private
        view
        returns (bytes4)
    {
        if (_paused()) return IBoundedPause.TournamentPaused.selector;
        if (book.state != ITournament.RoundState.Locked) return ITournament.WrongState.selector;
        if (_now() >= _lockEnd(book)) return ITournament.TooLate.selector;
        if (valid > book.atRisk) return ITournament.ValidAboveAtRisk.selector;
        if (signers >> _sets[book.setId].length != 0) return ICommitteeSeals.SignersOutOfRange.selector;
        if (_bitCount(signers) < _quorumOf[book.setId]) return ICommitteeSeals.TooFewSigners.selector;
        return forged ? ICommitteeSeals.WrongSigner.selector : bytes4(0);
    }

    function _seal(Book storage book, uint256 valid) private {
        book.validAtRisk = valid;
        book.terms.payoutFactor = Reference.payoutFactorOf(valid, book.terms.threshold);
        book.state = book.chunks.length == 0 ? ITournament.RoundState.Settled : ITournament.RoundState.Sealed;
    }

    function _note(uint256 roundId, bytes32 digest, uint256 signers) private {
        address[] storage set = _sets[_books[roundId].setId];
        _signed[roundId] = Signed(digest, 2 ** set.length - 1 - signers);
        for (uint256 i; i < set.length; ++i) {
            _absencesOf[set[i]] = (signers >> i) % 2 == 1 ? 0 : _absencesOf[set[i]] + 1;
        }
        _compareAbsences();
    }

    function _leftSomebodyOut(uint256 roundId) private view returns (bool) {
        return _signed[roundId].absent != 0 && _now() < _books[roundId].resolveAt;
    }

    function _countRefusal(uint256 roundId, address member) private view returns (bytes4) {
        Signed storage signed = _signed[roundId];
        if (signed.digest == 0) return ICommitteeSeals.SealUnknown.selector;
        if (_now() >= _books[roundId].resolveAt) return ICommitteeSeals.TooLate.selector;
        uint256 bit = _bitOf(_books[roundId].setId, member);
        if (bit == 0) return ICommitteeMembers.NotMember.selector;
        return signed.absent & bit == 0 ? ICommitteeSeals.AlreadyCounted.selector : bytes4(0);
    }

    function _bitOf(uint64 setId, address member) private view returns (uint256 bit) {
        address[] storage set = _sets[setId];
        for (uint256 i; i < set.length; ++i) {
            if (set[i] == member) bit = 1 << i;
        }
    }

    function _bitCount(uint256 bits) private pure returns (uint256 count) {
        for (; bits != 0; bits /= 2) {
            count += bits % 2;
        }
    }

    function _compareAbsences() private view {
        for (uint256 i; i < CANDIDATES; ++i) {
            address member = _candidate(i);
            uint256 found = committee.absencesOf(member);
            if (found != _absencesOf[member]) revert OtherAbsences(member, _absencesOf[member], found);
        }
    }
}
