// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Gateway} from "./Gateway.sol";
import {IFxRoot, IRootChain} from "./interfaces/IPolygon.sol";
import {IRootGateway} from "./interfaces/IRootGateway.sol";
import {CheckpointProof} from "./lib/CheckpointProof.sol";

/// @title RootGateway
/// @notice See IRootGateway and IGateway.
contract RootGateway is IRootGateway, Gateway {
    /// @inheritdoc IRootGateway
    IFxRoot public immutable fxRoot;

    /// @inheritdoc IRootGateway
    IRootChain public immutable rootChain;

    constructor(address authority, uint256 remoteChainId, IFxRoot fxRoot_, IRootChain rootChain_)
        AccessManaged(authority)
        Gateway(remoteChainId)
    {
        fxRoot = fxRoot_;
        rootChain = rootChain_;
    }

    /// @inheritdoc IRootGateway
    function deliver(CheckpointProof.Proof calldata proof) external {
        _requireIncomingOpen();
        CheckpointProof.Log memory log = CheckpointProof.read(rootChain, proof);
        bytes32 topic = log.topics.length == 0 ? bytes32(0) : log.topics[0];
        if (log.emitter != remote || topic != Posted.selector) revert NotAMessage(log.emitter, topic);
        bytes memory message = abi.decode(log.data, (bytes));
        bytes32 id = _incomingId(message);
        if (deliveryOf[id] != Delivery.None) revert AlreadyDelivered(id);
        _deliver(id, message);
    }

    function _post(bytes memory message) internal override {
        fxRoot.sendMessageToChild(remote, message);
    }
}
