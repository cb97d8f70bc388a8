// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {BridgeERC20, BridgeFungible} from "@openzeppelin/contracts/crosschain/bridges/BridgeERC20.sol";
import {CrosschainLinked} from "@openzeppelin/contracts/crosschain/CrosschainLinked.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ILockbox} from "./interfaces/ILockbox.sol";
import {TransferChecks} from "./TransferChecks.sol";

/// @title Lockbox
/// @notice See ILockbox; OpenZeppelin's BridgeERC20 with the outflow of a day bounded.
contract Lockbox is ILockbox, TransferChecks, BridgeERC20, AccessManaged {
    /// @inheritdoc ILockbox
    uint256 public immutable dailyCap;

    /// @inheritdoc ILockbox
    uint256 public locked;

    /// @dev What was available when something last left, wei, and when that was, seconds.
    uint128 private _left;
    uint64 private _leftAt;
    bool private _linked;

    constructor(address authority, IERC20 token_, uint256 dailyCap_)
        AccessManaged(authority)
        BridgeERC20(token_)
        CrosschainLinked(new Link[](0))
    {
        if (dailyCap_ == 0 || dailyCap_ > type(uint128).max) revert CapOutOfRange(dailyCap_);
        dailyCap = dailyCap_;
        _left = uint128(dailyCap_);
        _leftAt = uint64(block.timestamp);
    }

    /// @inheritdoc ILockbox
    function link(Link calldata other) external restricted {
        if (_linked) revert AlreadyLinked();
        _linked = true;
        _setLink(other.gateway, other.counterpart, false);
    }

    /// @inheritdoc ILockbox
    function available() public view returns (uint256) {
        return Math.min(dailyCap, _left + dailyCap * (block.timestamp - _leftAt) / 1 days);
    }

    /// @dev What is locked is counted, and not read from a balance: anybody may send to this address.
    function _onSend(address from, uint256 amount) internal override(BridgeERC20, BridgeFungible) {
        locked += amount;
        super._onSend(from, amount);
    }

    function _onReceive(address to, uint256 amount) internal override(BridgeERC20, BridgeFungible) {
        uint256 room = available();
        if (amount > locked) revert NotLocked(amount, locked);
        if (amount > room) revert DayUsedUp(amount, room);
        locked -= amount;
        _left = uint128(room - amount);
        _leftAt = uint64(block.timestamp);
        super._onReceive(to, amount);
    }

    function _crosschainTransfer(address from, bytes memory to, uint256 amount)
        internal
        override(TransferChecks, BridgeFungible)
        returns (bytes32)
    {
        return super._crosschainTransfer(from, to, amount);
    }

    /// @dev What goes down is bounded by nothing but what there is: it comes back in as many transfers as it takes.
    function _largestTransfer() internal pure override returns (uint256) {
        return type(uint256).max;
    }
}
