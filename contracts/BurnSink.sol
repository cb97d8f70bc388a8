// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IBurnSink} from "./interfaces/IBurnSink.sol";
import {IERC20Burnable} from "./interfaces/IERC20Burnable.sol";

/// @title BurnSink
/// @notice See IBurnSink. For a token that is native to this chain: flushing destroys it.
contract BurnSink is IBurnSink {
    /// @inheritdoc IBurnSink
    IERC20Burnable public immutable token;

    constructor(IERC20Burnable token_) {
        token = token_;
    }

    /// @inheritdoc IBurnSink
    function flush() external returns (uint256 amount) {
        amount = token.balanceOf(address(this));
        if (amount == 0) revert NothingToBurn();
        emit Flushed(msg.sender, amount);
        token.burn(amount);
    }
}
