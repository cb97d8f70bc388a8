// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {BurnSink} from "./BurnSink.sol";
import {INmr} from "./interfaces/INmr.sol";

/// @title NmrBurnSink
/// @notice A burn sink for the NMR of 2017 on Ethereum (0x1776e1F26f98b1A5dF9cD347953a26dd3Cb46671). Its code forwards fixed
/// selectors to a delegate, in which `mint(uint256)` burns the caller's tokens since 2019. It answers false where the
/// delegate failed, and takes a call that it does not know, such as `burn(uint256)`, for one that worked.
contract NmrBurnSink is BurnSink {
    constructor(IERC20 token_) BurnSink(token_) {}

    /// @inheritdoc BurnSink
    function _burn(uint256 amount) internal override {
        INmr nmr = INmr(address(token));
        if (!nmr.mint(amount)) revert INmr.MintFailed(amount);
        uint256 balance = nmr.balanceOf(address(this));
        if (balance != 0) revert INmr.StillHeld(balance);
    }
}
