// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {CommitteeMembers} from "./CommitteeMembers.sol";
import {ConsensusDocument} from "./agents/lib/ConsensusDocument.sol";
import {ICommitteeConsensus} from "./interfaces/ICommitteeConsensus.sol";
import {ITournament} from "./interfaces/ITournament.sol";

/// @title CommitteeConsensus
/// @notice See ICommitteeConsensus. The part of OracleCommittee that punishes who signs two documents of one round.
abstract contract CommitteeConsensus is ICommitteeConsensus, CommitteeMembers {
    mapping(address tournament => mapping(uint256 roundId => mapping(address member => bool))) private _isProven;

    /// @inheritdoc ICommitteeConsensus
    function proveEquivocation(
        ConsensusDocument.Consensus calldata first,
        bytes calldata firstSignature,
        ConsensusDocument.Consensus calldata second,
        bytes calldata secondSignature
    ) external {
        address member = _doubleSigner(first, firstSignature, second, secondSignature);
        (address tournament, uint256 roundId) = (first.tournament, first.roundId);
        if (!_wasTournament[tournament]) revert UnknownTournament(tournament);
        (,,, uint64 setId) = ITournament(tournament).reportingOf(roundId);
        _requireMember(setId, member);
        if (_isProven[tournament][roundId][member]) revert EquivocationKnown(tournament, roundId, member);

        uint256 slashed = _slash(member, type(uint256).max);
        if (slashed == 0) revert NoBond(member);
        _isProven[tournament][roundId][member] = true;
        _credit(msg.sender, slashed / 2);
        _credit(_burnSink(), slashed - slashed / 2);
        emit EquivocationProven(tournament, roundId, member, msg.sender, slashed);
    }

    /// @dev Where what nobody gets burns.
    function _burnSink() internal view virtual returns (address);

    /// @dev Who signed both of two documents of one round of this chain.
    function _doubleSigner(
        ConsensusDocument.Consensus calldata first,
        bytes calldata firstSignature,
        ConsensusDocument.Consensus calldata second,
        bytes calldata secondSignature
    ) private view returns (address signer) {
        if (first.chainId != block.chainid) revert OtherChain(first.chainId, block.chainid);
        if (second.chainId != block.chainid) revert OtherChain(second.chainId, block.chainid);
        if (second.tournament != first.tournament || second.roundId != first.roundId) {
            revert OtherRound(second.tournament, second.roundId, first.tournament, first.roundId);
        }
        bytes32 one = ConsensusDocument.digestOf(first);
        bytes32 other = ConsensusDocument.digestOf(second);
        if (one == other) revert SameDocument(one);
        signer = ECDSA.recoverCalldata(one, firstSignature);
        address again = ECDSA.recoverCalldata(other, secondSignature);
        if (signer != again) revert DifferentSigners(signer, again);
    }
}
