// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {IModelRegistry} from "./interfaces/IModelRegistry.sol";

/// @title ModelRegistry
/// @notice See IModelRegistry.
contract ModelRegistry is IModelRegistry, ERC721 {
    using Checkpoints for Checkpoints.Trace160;

    /// @inheritdoc IModelRegistry
    uint256 public modelCount;

    /// @dev By time: an oracle asks who could sign when a round closed, weeks later and from a node without old states.
    mapping(uint256 modelId => Checkpoints.Trace160) private _submitters;

    constructor() ERC721("Cupel Model", "CUPEL") {}

    /// @inheritdoc IModelRegistry
    function register(address to) external returns (uint256 modelId) {
        modelId = ++modelCount;
        // Not _safeMint: a callback buys nothing here, as a model can be moved on by whoever controls `to`.
        _mint(to, modelId);
        emit ModelRegistered(modelId, to);
    }

    /// @inheritdoc IModelRegistry
    function setSubmitter(uint256 modelId, address submitter) external {
        address owner = ownerOf(modelId);
        if (msg.sender != owner) revert NotModelOwner(modelId, owner, msg.sender);
        _setSubmitter(modelId, submitter == address(0) ? owner : submitter);
    }

    /// @inheritdoc IModelRegistry
    function submitterOf(uint256 modelId) external view returns (address) {
        _requireOwned(modelId);
        return address(_submitters[modelId].latest());
    }

    /// @inheritdoc IModelRegistry
    function submittersAt(uint256 fromModel, uint256 count, uint64 timestamp)
        external
        view
        returns (address[] memory submitters)
    {
        uint256 left = fromModel > modelCount ? 0 : modelCount - fromModel + 1;
        submitters = new address[](count < left ? count : left);
        for (uint256 i = 0; i < submitters.length; ++i) {
            submitters[i] = address(_submitters[fromModel + i].upperLookupRecent(timestamp));
        }
    }

    /// @dev The seller's key must not sign for the buyer.
    function _update(address to, uint256 modelId, address auth) internal override returns (address from) {
        from = super._update(to, modelId, auth);
        _setSubmitter(modelId, to);
    }

    function _setSubmitter(uint256 modelId, address submitter) private {
        _submitters[modelId].push(uint96(block.timestamp), uint160(submitter));
        emit SubmitterSet(modelId, submitter);
    }
}
