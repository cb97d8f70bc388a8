// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice An owner of models that makes a call of its choice whenever a model arrives.
contract HostileReceiver {
    address public target;
    bytes public data;

    /// @notice Whether the call was made, and whether it worked.
    bool public called;
    bool public succeeded;

    function arm(address target_, bytes calldata data_) external {
        (target, data, called) = (target_, data_, false);
    }

    function onERC721Received(address, address, uint256, bytes calldata) external returns (bytes4) {
        called = true;
        (succeeded,) = target.call(data);
        return this.onERC721Received.selector;
    }
}
