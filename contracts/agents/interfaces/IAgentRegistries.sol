// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";

/// @title IAgentIdentityRegistry
/// @notice What is used here of ERC-8004's identity registry: an agent is an ERC-721 token with a URI and named values.
interface IAgentIdentityRegistry is IERC721 {
    struct MetadataEntry {
        string metadataKey;
        bytes metadataValue;
    }

    /// @notice Makes an agent of the caller's.
    function register(string calldata agentURI, MetadataEntry[] calldata metadata) external returns (uint256 agentId);

    function getMetadata(uint256 agentId, string calldata metadataKey) external view returns (bytes memory);
}

/// @title IAgentReputationRegistry
/// @notice What is used here of ERC-8004's reputation registry: anybody may say anything of an agent, so readers name whose
/// words they count.
interface IAgentReputationRegistry {
    /// @param value in units of 10**-valueDecimals.
    /// @param feedbackHash Keccak-256 of what is at the URI.
    function giveFeedback(
        uint256 agentId,
        int128 value,
        uint8 valueDecimals,
        string calldata tag1,
        string calldata tag2,
        string calldata endpoint,
        string calldata feedbackURI,
        bytes32 feedbackHash
    ) external;

    function getSummary(
        uint256 agentId,
        address[] calldata clientAddresses,
        string calldata tag1,
        string calldata tag2
    ) external view returns (uint64 count, int128 summaryValue, uint8 summaryValueDecimals);
}
