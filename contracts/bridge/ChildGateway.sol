// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {LowLevelCall} from "@openzeppelin/contracts/utils/LowLevelCall.sol";
import {Gateway} from "./Gateway.sol";
import {IChildGateway} from "./interfaces/IChildGateway.sol";
import {IFxMessageProcessor} from "./interfaces/IPolygon.sol";

/// @title ChildGateway
/// @notice See IChildGateway and IGateway.
contract ChildGateway is IChildGateway, Gateway {
    /// @inheritdoc IChildGateway
    address public immutable fxChild;

    /// @param remote_ the RootGateway, which is made first: this end is connected from the start.
    constructor(address authority, uint256 remoteChainId, address remote_, address fxChild_)
        AccessManaged(authority)
        Gateway(remoteChainId)
    {
        fxChild = fxChild_;
        _connect(remote_);
    }

    /// @inheritdoc IFxMessageProcessor
    /// @dev Reverts if called by anything but FxChild (`NotFxChild`), about a sender other than the RootGateway
    /// (`NotRemote`), or with a message that arrived before (`AlreadyDelivered`).
    function processMessageFromRoot(uint256, address rootMessageSender, bytes calldata message) external {
        if (msg.sender != fxChild) revert NotFxChild(msg.sender);
        if (rootMessageSender != remote) revert NotRemote(rootMessageSender, remote);
        bytes32 id = _incomingId(message);
        if (deliveryOf[id] != Delivery.None) revert AlreadyDelivered(id);

        deliveryOf[id] = Delivery.Pending;
        if (paused()) {
            emit Undelivered(id, 0);
            return;
        }
        // Of what a receiver answers, 64 bytes at most are copied: a long answer could use up the gas that is left.
        (bool delivered, bytes32 reason,) =
            LowLevelCall.callReturn64Bytes(address(this), abi.encodeCall(this.attempt, (id, message)));
        if (!delivered) emit Undelivered(id, LowLevelCall.returnDataSize() == 0 ? bytes32(0) : reason);
    }

    /// @inheritdoc IChildGateway
    function attempt(bytes32 id, bytes calldata message) external {
        if (msg.sender != address(this)) revert NotItself(msg.sender);
        _deliver(id, message);
    }

    /// @inheritdoc IChildGateway
    function retry(bytes calldata message) external {
        _requireIncomingOpen();
        bytes32 id = _incomingId(message);
        if (deliveryOf[id] != Delivery.Pending) revert NotPending(id, deliveryOf[id]);
        _deliver(id, message);
    }

    /// @dev `Posted` is all there is: it is proved on Ethereum from a checkpoint.
    function _post(bytes memory) internal override {}
}
