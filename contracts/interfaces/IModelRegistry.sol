// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";

/// @title IModelRegistry
/// @notice A model is an ERC-721 token. Whoever owns the token controls the model and its stake; the submitter is the key
/// that may sign the model's submissions.
interface IModelRegistry is IERC721 {
    /// @notice A model came into being. Ids count from 1.
    event ModelRegistered(uint256 indexed modelId, address indexed owner);

    /// @notice `submitter` signs for the model from now on. Emitted with the owner at every registration and transfer.
    event SubmitterSet(uint256 indexed modelId, address indexed submitter);

    /// @notice The caller does not own the model.
    error NotModelOwner(uint256 modelId, address owner, address caller);

    /// @notice Creates a model owned by `to`. Anybody may call.
    /// @dev Reverts if `to` is zero (`ERC721InvalidReceiver`).
    /// @return modelId the new model's id.
    function register(address to) external returns (uint256 modelId);

    /// @notice Names the key that may sign the model's submissions; zero gives it back to the owner.
    /// A transfer of the model clears it.
    /// @dev Reverts if the model does not exist (`ERC721NonexistentToken`) or is not the caller's (`NotModelOwner`).
    function setSubmitter(uint256 modelId, address submitter) external;

    /// @notice The key that may sign the model's submissions: the one that was set, else the owner.
    /// @dev Reverts if the model does not exist (`ERC721NonexistentToken`).
    function submitterOf(uint256 modelId) external view returns (address);

    /// @notice Who could sign for `count` models from `fromModel` on, at a time: for a round, a second before submissions closed. Fewer
    /// where models end; zero for a model that did not exist by then. A change in the second of `timestamp` counts.
    /// @param timestamp seconds since 1970; ask only about a past that is final.
    function submittersAt(uint256 fromModel, uint256 count, uint64 timestamp)
        external
        view
        returns (address[] memory submitters);

    /// @notice How many models were ever registered. The last id.
    function modelCount() external view returns (uint256);
}
