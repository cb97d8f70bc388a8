// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {IModelRegistry} from "./interfaces/IModelRegistry.sol";

/// @title ModelRegistry
/// @notice See IModelRegistry.
contract ModelRegistry is IModelRegistry, ERC721 {
    /// @inheritdoc IModelRegistry
    uint256 public modelCount;

    /// @dev Zero: the owner signs.
    mapping(uint256 modelId => address) private _submitter;

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
        _setSubmitter(modelId, submitter);
    }

    /// @inheritdoc IModelRegistry
    function submitterOf(uint256 modelId) public view returns (address) {
        address owner = ownerOf(modelId);
        address submitter = _submitter[modelId];
        return submitter == address(0) ? owner : submitter;
    }

    /// @inheritdoc IModelRegistry
    function submittersOf(uint256 fromModel, uint256 count) external view returns (address[] memory submitters) {
        uint256 left = fromModel > modelCount ? 0 : modelCount - fromModel + 1;
        submitters = new address[](count < left ? count : left);
        for (uint256 i = 0; i < submitters.length; ++i) {
            submitters[i] = submitterOf(fromModel + i);
        }
    }

    /// @dev The seller's key must not sign for the buyer.
    function _update(address to, uint256 modelId, address auth) internal override returns (address from) {
        from = super._update(to, modelId, auth);
        if (_submitter[modelId] != address(0)) _setSubmitter(modelId, address(0));
    }

    function _setSubmitter(uint256 modelId, address submitter) private {
        _submitter[modelId] = submitter;
        emit SubmitterSet(modelId, submitter);
    }
}
