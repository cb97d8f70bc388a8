// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IFxMessageProcessor} from "./IPolygon.sol";
import {IGateway} from "./IGateway.sol";

/// @title IChildGateway
/// @notice The end on Polygon. Polygon hands over each message once, with 5,000,000 gas, and looks at nothing that fails: so
/// a message is first written down, then tried, and stays Pending where its receiver refuses it.
interface IChildGateway is IFxMessageProcessor {
    /// @notice A message arrived and could not be delivered; `reason` is the first word of what its receiver answered, zero
    /// where the gateway was paused. `retry` delivers it.
    event Undelivered(bytes32 indexed id, bytes32 reason);

    error NotFxChild(address caller);
    error NotRemote(address sender, address remote);
    error NotPending(bytes32 id, IGateway.Delivery delivery);
    error NotItself(address caller);

    /// @notice Delivers a message that is Pending. Anybody may, with as much gas as it takes.
    /// @param message as `IGateway.Posted` had it at the other end.
    /// @dev Reverts if incoming messages are paused (`IncomingPaused`), the message is not Pending (`NotPending`), or its
    /// receiver refuses it again, with the receiver's error.
    function retry(bytes calldata message) external;

    /// @notice For this contract itself, which tries a delivery that may fail.
    /// @dev Reverts for everybody else (`NotItself`).
    function attempt(bytes32 id, bytes calldata message) external;

    function fxChild() external view returns (address);
}
