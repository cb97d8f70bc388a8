// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IGatedAccount} from "./IGatedAccount.sol";

/// @notice What the account calls of Uniswap's second version (its UniswapV2Router02).
interface IUniswapRouter {
    function swapExactTokensForTokens(
        uint256 amountIn,
        uint256 amountOutMin,
        address[] calldata path,
        address to,
        uint256 deadline
    ) external returns (uint256[] memory amounts);

    function swapTokensForExactTokens(
        uint256 amountOut,
        uint256 amountInMax,
        address[] calldata path,
        address to,
        uint256 deadline
    ) external returns (uint256[] memory amounts);
}

/// @title IUniswapAccount
/// @notice An example of an IGatedAccount: it trades listed tokens against one other at Uniswap, where the gate lets it. Its
/// owner takes out what is there at any time, and says which token stands for which asset.
interface IUniswapAccount is IGatedAccount {
    event AssetListed(bytes32 indexed asset, address token);
    event Traded(bytes32 indexed asset, bool buy, uint256 cash, uint256 tokens);
    event Withdrawn(address indexed token, address indexed to, uint256 amount);

    error NotGate(address caller, address gate);
    error NotListed(bytes32 asset);

    /// @notice Says which token stands for an asset; zero: none. Only the owner may.
    function list(bytes32 asset, address token) external;

    /// @notice Takes out tokens. Only the owner may.
    function withdraw(IERC20 token, uint256 amount, address to) external;

    function tokenOf(bytes32 asset) external view returns (address);

    function gate() external view returns (address);

    function router() external view returns (IUniswapRouter);

    function cash() external view returns (IERC20);
}
