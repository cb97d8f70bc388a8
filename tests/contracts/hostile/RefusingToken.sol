// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice A token that can refuse one receiver, as a list of those who are barred does.
contract RefusingToken {
    mapping(address account => uint256) public balanceOf;
    uint256 public totalSupply;
    address public refused;

    error Refused(address receiver);

    function give(address to, uint256 amount) external {
        balanceOf[to] += amount;
        totalSupply += amount;
    }

    function refuse(address receiver) external {
        refused = receiver;
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
        if (to == refused) revert Refused(to);
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
        return true;
    }
}
