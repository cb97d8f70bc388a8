// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IModelRegistry} from "../../interfaces/IModelRegistry.sol";
import {IAgentIdentityRegistry} from "./IAgentRegistries.sol";

/// @title IAgentLink
/// @notice Says which ERC-8004 agent a model is. Both are tokens that can be sold apart: a link counts only while both have
/// one owner, and whoever owns either may end it.
interface IAgentLink {
    event Linked(uint256 indexed modelId, uint256 indexed agentId, address indexed owner);
    event Unlinked(uint256 indexed modelId, uint256 indexed agentId, address by);

    error NotOwnerOfModel(address caller, address owner);
    error NotOwnerOfAgent(address caller, address owner);
    error NotOwnerOfEither(address caller);
    error NotLinked(uint256 modelId);

    /// @notice Links a model and an agent, both the caller's. Ends what either was linked to before.
    /// @dev Reverts if the model (`NotOwnerOfModel`) or the agent (`NotOwnerOfAgent`) is not the caller's.
    function link(uint256 modelId, uint256 agentId) external;

    /// @notice Ends a link.
    /// @dev Reverts if there is none (`NotLinked`), or the caller owns neither token (`NotOwnerOfEither`).
    function unlink(uint256 modelId) external;

    /// @notice The agent that a model is linked to, and whether that counts now.
    function agentOf(uint256 modelId) external view returns (uint256 agentId, bool counts);

    /// @notice The model that an agent is linked to, and whether that counts now.
    function modelOf(uint256 agentId) external view returns (uint256 modelId, bool counts);

    function models() external view returns (IModelRegistry);

    function agents() external view returns (IAgentIdentityRegistry);
}
