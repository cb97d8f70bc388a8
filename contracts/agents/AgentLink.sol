// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IAgentLink} from "./interfaces/IAgentLink.sol";
import {IAgentIdentityRegistry} from "./interfaces/IAgentRegistries.sol";

/// @title AgentLink
/// @notice See IAgentLink. For a model registry and an identity registry on one chain.
contract AgentLink is IAgentLink {
    /// @inheritdoc IAgentLink
    IModelRegistry public immutable models;

    /// @inheritdoc IAgentLink
    IAgentIdentityRegistry public immutable agents;

    /// @dev One above the agent's id, as an identity registry may count from 0.
    mapping(uint256 modelId => uint256) private _agentOf;

    /// @dev Models count from 1.
    mapping(uint256 agentId => uint256) private _modelOf;

    constructor(IModelRegistry models_, IAgentIdentityRegistry agents_) {
        models = models_;
        agents = agents_;
    }

    /// @inheritdoc IAgentLink
    function link(uint256 modelId, uint256 agentId) external {
        address owner = models.ownerOf(modelId);
        if (msg.sender != owner) revert NotOwnerOfModel(msg.sender, owner);
        owner = agents.ownerOf(agentId);
        if (msg.sender != owner) revert NotOwnerOfAgent(msg.sender, owner);
        if (_agentOf[modelId] != 0) _end(modelId);
        if (_modelOf[agentId] != 0) _end(_modelOf[agentId]);
        _agentOf[modelId] = agentId + 1;
        _modelOf[agentId] = modelId;
        emit Linked(modelId, agentId, owner);
    }

    /// @inheritdoc IAgentLink
    function unlink(uint256 modelId) external {
        if (_agentOf[modelId] == 0) revert NotLinked(modelId);
        bool isOwner = _ownerOf(models, modelId) == msg.sender || _ownerOf(agents, _agentOf[modelId] - 1) == msg.sender;
        if (!isOwner) revert NotOwnerOfEither(msg.sender);
        _end(modelId);
    }

    /// @inheritdoc IAgentLink
    function agentOf(uint256 modelId) external view returns (uint256 agentId, bool counts) {
        if (_agentOf[modelId] == 0) return (0, false);
        agentId = _agentOf[modelId] - 1;
        counts = _haveOneOwner(modelId, agentId);
    }

    /// @inheritdoc IAgentLink
    function modelOf(uint256 agentId) external view returns (uint256 modelId, bool counts) {
        modelId = _modelOf[agentId];
        counts = modelId != 0 && _haveOneOwner(modelId, agentId);
    }

    function _end(uint256 modelId) private {
        uint256 agentId = _agentOf[modelId] - 1;
        delete _agentOf[modelId];
        delete _modelOf[agentId];
        emit Unlinked(modelId, agentId, msg.sender);
    }

    function _haveOneOwner(uint256 modelId, uint256 agentId) private view returns (bool) {
        address owner = _ownerOf(models, modelId);
        return owner != address(0) && owner == _ownerOf(agents, agentId);
    }

    /// @dev Zero for a token that is no more, whose registry reverts.
    function _ownerOf(IERC721 registry, uint256 id) private view returns (address) {
        try registry.ownerOf(id) returns (address owner) {
            return owner;
        } catch {
            return address(0);
        }
    }
}
