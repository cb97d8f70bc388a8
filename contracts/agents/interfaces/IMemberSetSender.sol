// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC7786GatewaySource} from "@openzeppelin/contracts/interfaces/draft-IERC7786.sol";
import {ICommitteeMembers} from "../../interfaces/ICommitteeMembers.sol";

/// @title IMemberSetSender
/// @notice Tells an IConsensusVerifier on another chain who the members are now. It says what the committee says and
/// nothing else, so anybody may make it.
interface IMemberSetSender {
    event MemberSetSent(uint64 indexed setId, bytes32 setHash);

    /// @notice Sends the committee's current set to the verifier. Anybody may.
    /// @dev Reverts if the gateway refuses.
    function send() external returns (bytes32 setHash);

    /// @notice The current members, ascending, as a document's member set has them.
    function ascendingMembers() external view returns (address[] memory);

    function committee() external view returns (ICommitteeMembers);

    function gateway() external view returns (IERC7786GatewaySource);

    /// @notice The verifier, as ERC-7930 writes it.
    function verifier() external view returns (bytes memory);
}
