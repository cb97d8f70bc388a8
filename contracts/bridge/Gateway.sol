// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC7786GatewaySource, IERC7786Recipient} from "@openzeppelin/contracts/interfaces/draft-IERC7786.sol";
import {InteroperableAddress} from "@openzeppelin/contracts/utils/draft-InteroperableAddress.sol";
import {BoundedPause} from "../BoundedPause.sol";
import {IGateway} from "./interfaces/IGateway.sol";

/// @title Gateway
/// @notice See IGateway. The half that both ends share. `IBoundedPause.pause` stops incoming messages here, for seven days
/// of any fourteen at most, and never what is sent. Nobody can stop for longer, change the other end, or take a message back.
abstract contract Gateway is IGateway, BoundedPause {
    /// @inheritdoc IGateway
    uint256 public constant MAX_PAYLOAD = 20_000;

    /// @inheritdoc IGateway
    uint256 public immutable remoteChainId;

    /// @inheritdoc IGateway
    address public remote;

    /// @inheritdoc IGateway
    uint256 public sent;

    /// @inheritdoc IGateway
    mapping(bytes32 id => Delivery) public deliveryOf;

    constructor(uint256 remoteChainId_) {
        remoteChainId = remoteChainId_;
    }

    /// @inheritdoc IGateway
    function connect(address remote_) external restricted {
        if (remote != address(0)) revert AlreadyConnected(remote);
        _connect(remote_);
    }

    /// @inheritdoc IERC7786GatewaySource
    function sendMessage(bytes calldata recipient, bytes calldata payload, bytes[] calldata attributes)
        external
        payable
        returns (bytes32)
    {
        if (remote == address(0)) revert NotConnected();
        if (msg.value != 0) revert ValueNotCarried(msg.value);
        if (attributes.length != 0) revert UnsupportedAttribute(bytes4(attributes[0]));
        (uint256 chainId, address to) = InteroperableAddress.parseEvmV1Calldata(recipient);
        if (chainId != remoteChainId) revert UnknownChain(chainId, remoteChainId);
        if (to == address(0)) revert ZeroAddress();
        if (payload.length > MAX_PAYLOAD) revert PayloadTooLarge(payload.length, MAX_PAYLOAD);

        bytes memory message = abi.encode(Message(++sent, msg.sender, to, payload));
        emit Posted(_id(block.chainid, address(this), remoteChainId, message), message);
        bytes memory sender = InteroperableAddress.formatEvmV1(block.chainid, msg.sender);
        // Zero, in ERC-7786, says that the sender need do nothing more.
        emit MessageSent(0, sender, recipient, payload, 0, attributes);
        _post(message);
        return 0;
    }

    /// @inheritdoc IGateway
    function idOf(bytes calldata message) external view returns (bytes32) {
        return _id(block.chainid, address(this), remoteChainId, message);
    }

    /// @inheritdoc IERC7786GatewaySource
    function supportsAttribute(bytes4) external pure returns (bool) {
        return false;
    }

    function _connect(address remote_) internal {
        if (remote_ == address(0)) revert ZeroAddress();
        remote = remote_;
        emit Connected(remote_);
    }

    /// @dev Puts a message on Polygon's channel.
    function _post(bytes memory message) internal virtual;

    /// @dev Marks a message as delivered, then lets its receiver have it: a receiver that calls back finds it delivered.
    function _deliver(bytes32 id, bytes memory message) internal {
        deliveryOf[id] = Delivery.Delivered;
        emit Delivered(id);
        Message memory parts = abi.decode(message, (Message));
        bytes memory sender = InteroperableAddress.formatEvmV1(remoteChainId, parts.sender);
        bytes4 answer = IERC7786Recipient(parts.recipient).receiveMessage(id, sender, parts.payload);
        if (answer != IERC7786Recipient.receiveMessage.selector) revert BadAnswer(parts.recipient, answer);
    }

    /// @dev The id of a message that came from the other end.
    function _incomingId(bytes memory message) internal view returns (bytes32) {
        return _id(remoteChainId, remote, block.chainid, message);
    }

    function _requireIncomingOpen() internal view {
        if (paused()) revert IncomingPaused(pausedUntil);
    }

    function _id(uint256 fromChain, address gateway, uint256 toChain, bytes memory message)
        private
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(fromChain, gateway, toChain, message));
    }
}
