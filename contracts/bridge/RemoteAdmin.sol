// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {CrosschainRemoteExecutor} from "@openzeppelin/contracts/crosschain/CrosschainRemoteExecutor.sol";
import {IRemoteAdmin} from "./interfaces/IRemoteAdmin.sol";

/// @title RemoteAdmin
/// @notice See IRemoteAdmin.
contract RemoteAdmin is IRemoteAdmin, CrosschainRemoteExecutor {
    /// @notice The authority on this chain.
    IAccessManager public immutable authority;

    /// @param gateway whose messages are listened to.
    /// @param governor the Governor on Ethereum, as ERC-7930 writes it.
    constructor(IAccessManager authority_, address gateway, bytes memory governor)
        CrosschainRemoteExecutor(gateway, governor)
    {
        authority = authority_;
    }

    /// @inheritdoc IRemoteAdmin
    function execute(address target, bytes calldata data) external {
        // What this contract may do without an announcement must not become what anybody may do.
        bytes32 operation = authority.hashOperation(address(this), target, data);
        if (authority.getSchedule(operation) == 0) revert NotAnnounced(target, data);
        authority.execute(target, data);
    }
}
