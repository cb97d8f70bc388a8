// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IBurnSink} from "../interfaces/IBurnSink.sol";
import {IERC20Burnable} from "../interfaces/IERC20Burnable.sol";
import {INmr} from "../interfaces/INmr.sol";
import {IPosChildToken} from "./interfaces/IPosPortal.sol";

/// @title TwinBurnSink
/// @notice See IBurnSink. For a token that Polygon's PoS portal carries, such as the NMR of 2017: to burn a child token means
/// to withdraw it to one's own address on Ethereum. So this is one address on both chains, by CREATE2 from one code: on
/// Polygon a flush withdraws, anybody proves the exit, and on Ethereum a flush destroys what the portal paid.
/// The portal's exit pays the address also while nothing is there; anybody can deploy this twin later.
contract TwinBurnSink is IBurnSink {
    uint256 public immutable rootChainId;
    IERC20 public immutable rootToken;
    IERC20 public immutable childToken;

    /// @notice Whether the root token burns by `mint(uint256)`, as the NMR of 2017, and not by `burn(uint256)`.
    bool public immutable burnsByMint;

    constructor(uint256 rootChainId_, IERC20 rootToken_, IERC20 childToken_, bool burnsByMint_) {
        rootChainId = rootChainId_;
        rootToken = rootToken_;
        childToken = childToken_;
        burnsByMint = burnsByMint_;
    }

    /// @inheritdoc IBurnSink
    function token() public view returns (IERC20) {
        return block.chainid == rootChainId ? rootToken : childToken;
    }

    /// @inheritdoc IBurnSink
    function flush() external returns (uint256 amount) {
        IERC20 held = token();
        amount = held.balanceOf(address(this));
        if (amount == 0) revert NothingToBurn();
        uint256 supply = held.totalSupply();

        emit Flushed(msg.sender, amount);
        _burn(held, amount);
        uint256 left = held.totalSupply();
        if (left > supply || supply - left != amount) revert NotBurned(amount, supply, left);
        uint256 balance = held.balanceOf(address(this));
        if (balance != 0) revert INmr.StillHeld(balance);
    }

    function _burn(IERC20 held, uint256 amount) private {
        if (held == childToken) {
            IPosChildToken(address(held)).withdraw(amount);
        } else if (burnsByMint) {
            if (!INmr(address(held)).mint(amount)) revert INmr.MintFailed(amount);
        } else {
            IERC20Burnable(address(held)).burn(amount);
        }
    }
}
