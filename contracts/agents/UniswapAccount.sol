// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IGatedAccount} from "./interfaces/IGatedAccount.sol";
import {IUniswapAccount, IUniswapRouter} from "./interfaces/IUniswapAccount.sol";

/// @title UniswapAccount
/// @notice See IUniswapAccount.
contract UniswapAccount is IUniswapAccount, Ownable {
    using SafeERC20 for IERC20;

    /// @inheritdoc IUniswapAccount
    address public immutable gate;

    /// @inheritdoc IUniswapAccount
    IUniswapRouter public immutable router;

    /// @inheritdoc IUniswapAccount
    IERC20 public immutable cash;

    /// @inheritdoc IUniswapAccount
    mapping(bytes32 asset => address) public tokenOf;

    constructor(address owner_, address gate_, IUniswapRouter router_, IERC20 cash_) Ownable(owner_) {
        gate = gate_;
        router = router_;
        cash = cash_;
    }

    /// @inheritdoc IUniswapAccount
    function list(bytes32 asset, address token) external onlyOwner {
        tokenOf[asset] = token;
        emit AssetListed(asset, token);
    }

    /// @inheritdoc IUniswapAccount
    function withdraw(IERC20 token, uint256 amount, address to) external onlyOwner {
        emit Withdrawn(address(token), to, amount);
        token.safeTransfer(to, amount);
    }

    /// @inheritdoc IGatedAccount
    function trade(bytes32 asset, bool buy, uint256 size, uint256 bound) external {
        if (msg.sender != gate) revert NotGate(msg.sender, gate);
        address token = tokenOf[asset];
        if (token == address(0)) revert NotListed(asset);
        uint256 tokens = buy ? _buy(token, size, bound) : _sell(token, size, bound);
        emit Traded(asset, buy, size, tokens);
    }

    /// @inheritdoc IGatedAccount
    function owner() public view override(IGatedAccount, Ownable) returns (address) {
        return super.owner();
    }

    function _buy(address token, uint256 size, uint256 least) private returns (uint256) {
        cash.forceApprove(address(router), size);
        return router.swapExactTokensForTokens(
            size, least, _path(address(cash), token), address(this), block.timestamp
        )[1];
    }

    function _sell(address token, uint256 size, uint256 most) private returns (uint256) {
        IERC20(token).forceApprove(address(router), most);
        uint256 given = router.swapTokensForExactTokens(
            size, most, _path(token, address(cash)), address(this), block.timestamp
        )[0];
        IERC20(token).forceApprove(address(router), 0);
        return given;
    }

    function _path(address from, address to) private pure returns (address[] memory path) {
        path = new address[](2);
        (path[0], path[1]) = (from, to);
    }
}
