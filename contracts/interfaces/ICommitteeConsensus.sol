// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ConsensusDocument} from "../agents/lib/ConsensusDocument.sol";
import {ICommitteeMembers} from "./ICommitteeMembers.sol";

/// @title ICommitteeConsensus
/// @notice A member signs one consensus document of a round. Whoever signed two loses the whole bond: half of it goes to
/// who proves it, half to the burn sink. Half, because whoever is about to be caught can hurry to prove it himself.
///
/// Nobody can sign twice and take the bond back: members keep it, and of those who leave it is held until 30 days after
/// the last round that they may sign for has resolved (`ICommitteeMembers`). What can be missing is a bond that was never
/// posted, or that was slashed before.
interface ICommitteeConsensus is ICommitteeMembers {
    /// @notice `member` signed two documents of the round. `slashed` in wei.
    event EquivocationProven(
        address indexed tournament, uint256 indexed roundId, address indexed member, address prover, uint256 slashed
    );

    /// @notice The documents are of another chain than this.
    error OtherChain(uint256 chainId, uint256 expected);
    error OtherRound(address tournament, uint256 roundId, address expectedTournament, uint256 expectedRound);
    /// @notice Both documents are the same one.
    error SameDocument(bytes32 digest);
    error DifferentSigners(address first, address second);
    error EquivocationKnown(address tournament, uint256 roundId, address member);
    /// @notice Nothing of a bond is left to take.
    error NoBond(address member);

    /// @notice Proves that a member of a round's set signed two documents of it. Anybody may, once for each member and round.
    /// @dev Reverts if:
    /// - a document is of another chain (`OtherChain`), or they are of two rounds (`OtherRound`) or one and the same
    ///   (`SameDocument`);
    /// - the tournament is and was none of the committee's (`UnknownTournament`);
    /// - the signers differ (`DifferentSigners`) or are not of the round's set (`NotMember`), or a signature is none at all
    ///   (OpenZeppelin's `ECDSA` errors);
    /// - it was proven before (`EquivocationKnown`), or the member has no bond (`NoBond`).
    function proveEquivocation(
        ConsensusDocument.Consensus calldata first,
        bytes calldata firstSignature,
        ConsensusDocument.Consensus calldata second,
        bytes calldata secondSignature
    ) external;
}
