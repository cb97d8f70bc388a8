// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {BridgeFungible} from "@openzeppelin/contracts/crosschain/bridges/abstract/BridgeFungible.sol";
import {InteroperableAddress} from "@openzeppelin/contracts/utils/draft-InteroperableAddress.sol";
import {ITransferChecks} from "./interfaces/ITransferChecks.sol";

/// @title TransferChecks
/// @notice See ITransferChecks. Both ends of the token's bridge share it.
abstract contract TransferChecks is ITransferChecks, BridgeFungible {
    /// @dev Reverts if:
    /// - `to` is no address of an EVM chain (`InteroperableAddressParsingError`), or none that can receive (`BadReceiver`);
    /// - the amount is zero (`ZeroTransfer`), or more than one transfer may carry (`TransferTooLarge`).
    function _crosschainTransfer(address from, bytes memory to, uint256 amount)
        internal
        virtual
        override
        returns (bytes32)
    {
        (uint256 chainId, address receiver) = InteroperableAddress.parseEvmV1(to);
        (, bytes memory counterpart) = getLink(InteroperableAddress.formatEvmV1(chainId));
        bool known = counterpart.length != 0;
        if (receiver == address(0) || (known && receiver == _addressIn(counterpart))) {
            revert BadReceiver(chainId, receiver);
        }
        if (amount == 0) revert ZeroTransfer();
        uint256 maximum = _largestTransfer();
        if (amount > maximum) revert TransferTooLarge(amount, maximum);
        return super._crosschainTransfer(from, to, amount);
    }

    function _largestTransfer() internal view virtual returns (uint256);

    function _addressIn(bytes memory counterpart) private pure returns (address found) {
        (, found) = InteroperableAddress.parseEvmV1(counterpart);
    }
}
