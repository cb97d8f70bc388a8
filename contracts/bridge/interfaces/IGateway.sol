// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC7786GatewaySource} from "@openzeppelin/contracts/interfaces/draft-IERC7786.sol";

/// @title IGateway
/// @notice One end of a channel between a contract on Ethereum and one on Polygon: an ERC-7786 gateway over what Polygon
/// itself offers. Whoever sends is named to the receiver; nobody can speak for another.
///
/// A message has one id, in which its number, both chains and both gateways are: it arrives at most once, also where it is
/// proved from another block or another checkpoint. Anybody may carry it, and again where its receiver refused it.
interface IGateway is IERC7786GatewaySource {
    /// @notice None: never seen here. Pending: it arrived, and its receiver refused it or the gateway was paused.
    enum Delivery {
        None,
        Pending,
        Delivered
    }

    /// @param number counts the messages of the gateway that sent it, from 1.
    /// @param sender who called `sendMessage`.
    /// @param recipient whose `receiveMessage` is called.
    struct Message {
        uint256 number;
        address sender;
        address recipient;
        bytes payload;
    }

    /// @notice The gateway at the other end is known, for good.
    event Connected(address remote);
    /// @notice `message` is a `Message`, encoded.
    event Posted(bytes32 indexed id, bytes message);
    event Delivered(bytes32 indexed id);

    error AlreadyConnected(address remote);
    error NotConnected();
    error ZeroAddress();
    /// @notice A gateway carries messages, and no coins.
    error ValueNotCarried(uint256 value);
    error UnknownChain(uint256 chainId, uint256 expected);
    error PayloadTooLarge(uint256 length, uint256 maximum);
    error IncomingPaused(uint256 until);
    error AlreadyDelivered(bytes32 id);
    /// @notice The receiver answered something else than ERC-7786 asks for.
    error BadAnswer(address recipient, bytes4 answer);

    /// @notice Names the gateway at the other end, once. Restricted: a deployment does so before it hands over.
    /// @dev Reverts if it is known already (`AlreadyConnected`) or zero (`ZeroAddress`).
    function connect(address remote) external;

    /// @notice What became of a message from the other end.
    function deliveryOf(bytes32 id) external view returns (Delivery);

    /// @notice The id under which the other end knows a message of this one: keccak256(abi.encode(chain id of the sending
    /// gateway, its address, chain id of the receiving one, message)).
    function idOf(bytes calldata message) external view returns (bytes32);

    /// @notice The gateway at the other end; zero until it is connected.
    function remote() external view returns (address);

    function remoteChainId() external view returns (uint256);

    /// @notice Messages sent so far.
    function sent() external view returns (uint256);

    /// @notice Largest payload, bytes. Polygon's validators replace what is over 30,000 by nothing, and the message is lost.
    function MAX_PAYLOAD() external view returns (uint256);
}
