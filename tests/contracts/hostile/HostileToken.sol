// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice A token that calls back while it moves: whatever it was told to, as itself, once.
/// It keeps balances as any other, needs no allowance, and gives everybody what they ask for.
contract HostileToken {
    mapping(address account => uint256) public balanceOf;
    uint256 public totalSupply;

    address public target;
    bytes public data;

    /// @notice Whether the call back was made, whether it worked, and what it returned.
    bool public called;
    bool public succeeded;
    bytes public returned;

    function give(address to, uint256 amount) external {
        balanceOf[to] += amount;
        totalSupply += amount;
    }

    /// @notice What to call at the next transfer.
    function arm(address target_, bytes calldata data_) external {
        (target, data, called) = (target_, data_, false);
    }

    /// @notice Calls as the token, which can so be a member, a challenger, or a model's owner.
    function act(address to, bytes calldata what) external {
        (bool ok, bytes memory result) = to.call(what);
        if (!ok) _revertWith(result);
    }

    function approve(address, uint256) external pure returns (bool) {
        return true;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        return _move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        return _move(from, to, amount);
    }

    function _move(address from, address to, uint256 amount) private returns (bool) {
        if (target != address(0)) _callBack();
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
        return true;
    }

    function _callBack() private {
        address once = target;
        target = address(0);
        called = true;
        (succeeded, returned) = once.call(data);
    }

    function _revertWith(bytes memory result) private pure {
        assembly ("memory-safe") {
            revert(add(result, 0x20), mload(result))
        }
    }
}
