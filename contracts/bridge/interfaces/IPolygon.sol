// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title IFxRoot
/// @notice Polygon's FxRoot on Ethereum, as far as it is used here: whoever calls is named as the sender.
interface IFxRoot {
    function sendMessageToChild(address receiver, bytes calldata data) external;

    /// @notice The FxChild that messages go to.
    function fxChild() external view returns (address);
}

/// @title IFxMessageProcessor
/// @notice What Polygon's FxChild calls with a message from FxRoot.
interface IFxMessageProcessor {
    /// @param stateId Polygon's own count of messages.
    function processMessageFromRoot(uint256 stateId, address rootMessageSender, bytes calldata data) external;
}

/// @title IRootChain
/// @notice Polygon's RootChain on Ethereum, as far as it is used here: the checkpoints of its validators.
interface IRootChain {
    /// @notice A checkpoint; all zero where there is none.
    /// @return root of the tree over the blocks' leaves.
    /// @return start first block.
    /// @return end last block.
    /// @return createdAt when it was posted, seconds.
    /// @return proposer who posted it.
    function headerBlocks(uint256 checkpoint)
        external
        view
        returns (bytes32 root, uint256 start, uint256 end, uint256 createdAt, address proposer);
}
