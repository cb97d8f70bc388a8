// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC7786GatewaySource} from "@openzeppelin/contracts/interfaces/draft-IERC7786.sol";
import {ICommitteeMembers} from "../../interfaces/ICommitteeMembers.sol";
import {ITournament} from "../../interfaces/ITournament.sol";

/// @title IMemberSetSender
/// @notice Tells an IConsensusVerifier on another chain who the members are, and which rounds are theirs. It says what
/// committee and tournament say and nothing else, so anybody may make it.
interface IMemberSetSender {
    event MemberSetSent(uint64 indexed setId, bytes32 setHash, uint64 firstRound);

    /// @notice Sets count from 1, a later one is sent after an earlier one, and the committee has `current` of them.
    error NoSuchSets(uint64 previousId, uint64 setId, uint64 current);

    /// @notice Sends a set to the verifier, in a message
    /// `abi.encode(uint64 previousId, uint64 endRound, uint64 setId, uint64 firstRound, address[] members, uint256 quorum)`:
    /// the rounds of set `previousId` are below `endRound`, those of set `setId` begin with `firstRound`. Anybody may.
    /// @param previousId the last set that the verifier had from here (`IConsensusVerifier.homeSetId`), or it refuses.
    /// @dev Reverts if these are no sets (`NoSuchSets`), or the gateway refuses.
    function send(uint64 previousId, uint64 setId) external returns (bytes32 setHash);

    /// @notice The first round that was opened under a set, or under a later one; the next round if there is none yet.
    function firstRound(uint64 setId) external view returns (uint64);

    /// @notice The members of a set, ascending, as a document's member set has them.
    function ascendingMembers(uint64 setId) external view returns (address[] memory);

    function tournament() external view returns (ITournament);

    function committee() external view returns (ICommitteeMembers);

    function gateway() external view returns (IERC7786GatewaySource);

    /// @notice The verifier, as ERC-7930 writes it.
    function verifier() external view returns (bytes memory);
}
