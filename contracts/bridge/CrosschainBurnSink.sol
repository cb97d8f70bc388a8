// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {InteroperableAddress} from "@openzeppelin/contracts/utils/draft-InteroperableAddress.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IBurnSink} from "../interfaces/IBurnSink.sol";
import {ICrosschainNumeraire} from "./interfaces/ICrosschainNumeraire.sol";

/// @title CrosschainBurnSink
/// @notice See IBurnSink. On Polygon: sends what it holds to a burn sink on Ethereum, where it is destroyed for real. It can
/// send to nobody else.
contract CrosschainBurnSink is IBurnSink {
    /// @inheritdoc IBurnSink
    IERC20 public immutable token;

    /// @notice The chain of the sink at home.
    uint256 public immutable homeChainId;

    /// @notice The sink at home, which can do nothing but burn.
    address public immutable homeSink;

    constructor(ICrosschainNumeraire token_, uint256 homeChainId_, address homeSink_) {
        token = token_;
        homeChainId = homeChainId_;
        homeSink = homeSink_;
    }

    /// @inheritdoc IBurnSink
    /// @dev As much at once as one message carries; the rest by another call.
    function flush() external returns (uint256 amount) {
        ICrosschainNumeraire numeraire = ICrosschainNumeraire(address(token));
        amount = Math.min(token.balanceOf(address(this)), numeraire.largestTransfer());
        if (amount == 0) revert NothingToBurn();
        uint256 supply = token.totalSupply();

        emit Flushed(msg.sender, amount);
        numeraire.crosschainTransfer(InteroperableAddress.formatEvmV1(homeChainId, homeSink), amount);
        uint256 left = token.totalSupply();
        if (left > supply || supply - left != amount) revert NotBurned(amount, supply, left);
    }
}
