// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {ERC20Wrapper} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Wrapper.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title VotingNumeraire
/// @notice NMR wrapped one for one, so that it votes: neither the NMR of 2017 nor Cupel's own counts votes. Whoever wraps
/// must delegate, to themselves or another, before a proposal's snapshot. It can be unwrapped at any time.
/// What is staked, locked in the bridge or on its way to be burned is not wrapped, and does not vote.
contract VotingNumeraire is ERC20Wrapper, ERC20Votes, ERC20Permit {
    constructor(IERC20 numeraire) ERC20("Voting Numeraire", "vNMR") ERC20Permit("Voting Numeraire") ERC20Wrapper(numeraire) {}

    /// @notice Votes are counted by time, seconds: the time between blocks differs from chain to chain, and was changed.
    function clock() public view override returns (uint48) {
        return SafeCast.toUint48(block.timestamp);
    }

    /// @notice See `clock`.
    // solhint-disable-next-line func-name-mixedcase
    function CLOCK_MODE() public pure override returns (string memory) {
        return "mode=timestamp";
    }

    /// @inheritdoc ERC20Wrapper
    function decimals() public view override(ERC20, ERC20Wrapper) returns (uint8) {
        return super.decimals();
    }

    /// @inheritdoc ERC20Permit
    function nonces(address owner) public view override(ERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }

    function _update(address from, address to, uint256 value) internal override(ERC20, ERC20Votes) {
        super._update(from, to, value);
    }
}
