// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CheckpointProof} from "../lib/CheckpointProof.sol";
import {IFxRoot, IRootChain} from "./IPolygon.sol";

/// @title IRootGateway
/// @notice The end on Ethereum. Down goes what Polygon's validators read from FxRoot; up comes what is proved from one of
/// their checkpoints.
interface IRootGateway {
    /// @notice The log that is proved is not a message of the other end.
    error NotAMessage(address emitter, bytes32 topic);

    /// @notice Delivers a message from Polygon. Anybody may.
    /// @dev Reverts if:
    /// - incoming messages are paused (`IncomingPaused`);
    /// - the proof is wrong (see `CheckpointProof.read`), or proves another log (`NotAMessage`);
    /// - the message was delivered before (`AlreadyDelivered`);
    /// - its receiver refuses it, with the receiver's error. Nothing has happened then: the same proof can be sent later.
    function deliver(CheckpointProof.Proof calldata proof) external;

    function fxRoot() external view returns (IFxRoot);

    function rootChain() external view returns (IRootChain);
}
