// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IBurnSink} from "./interfaces/IBurnSink.sol";
import {IERC20Burnable} from "./interfaces/IERC20Burnable.sol";

/// @title BurnSink
/// @notice See IBurnSink. For a token that is native to this chain and burns by `burn(uint256)`.
contract BurnSink is IBurnSink {
    /// @inheritdoc IBurnSink
    IERC20 public immutable token;

    constructor(IERC20 token_) {
        token = token_;
    }

    /// @inheritdoc IBurnSink
    function flush() external returns (uint256 amount) {
        amount = token.balanceOf(address(this));
        if (amount == 0) revert NothingToBurn();
        uint256 supply = token.totalSupply();

        emit Flushed(msg.sender, amount);
        _burn(amount);
        // A token may take a call that it does not know for one that worked. What burned is gone, or nothing happened.
        uint256 left = token.totalSupply();
        if (left > supply || supply - left != amount) revert NotBurned(amount, supply, left);
    }

    /// @dev Destroys `amount` wei of what the sink holds.
    function _burn(uint256 amount) internal virtual {
        IERC20Burnable(address(token)).burn(amount);
    }
}
