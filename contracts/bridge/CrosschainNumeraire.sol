// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CrosschainLinked} from "@openzeppelin/contracts/crosschain/CrosschainLinked.sol";
import {BridgeFungible} from "@openzeppelin/contracts/crosschain/bridges/abstract/BridgeFungible.sol";
import {ERC20, ERC20Crosschain} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Crosschain.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ICrosschainNumeraire} from "./interfaces/ICrosschainNumeraire.sol";
import {TransferChecks} from "./TransferChecks.sol";

/// @title CrosschainNumeraire
/// @notice See ICrosschainNumeraire. No owner and no role: only the gateway, with a message of the lockbox, creates tokens.
contract CrosschainNumeraire is ICrosschainNumeraire, TransferChecks, ERC20Crosschain, ERC20Permit {
    /// @inheritdoc ICrosschainNumeraire
    uint256 public immutable largestTransfer;

    /// @param links the one gateway on this chain, and the lockbox as the other end.
    constructor(Link[] memory links, uint256 largestTransfer_)
        ERC20("Numeraire", "NMR")
        ERC20Permit("Numeraire")
        CrosschainLinked(links)
    {
        if (largestTransfer_ == 0) revert ZeroTransfer();
        largestTransfer = largestTransfer_;
    }

    /// @inheritdoc ICrosschainNumeraire
    function crosschainTransfer(bytes memory to, uint256 amount)
        public
        override(ICrosschainNumeraire, BridgeFungible)
        returns (bytes32)
    {
        return super.crosschainTransfer(to, amount);
    }

    function _crosschainTransfer(address from, bytes memory to, uint256 amount)
        internal
        override(TransferChecks, BridgeFungible)
        returns (bytes32)
    {
        return super._crosschainTransfer(from, to, amount);
    }

    function _largestTransfer() internal view override returns (uint256) {
        return largestTransfer;
    }
}
