// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CrosschainLinked} from "@openzeppelin/contracts/crosschain/CrosschainLinked.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {InteroperableAddress} from "@openzeppelin/contracts/utils/draft-InteroperableAddress.sol";
import {RLP} from "@openzeppelin/contracts/utils/RLP.sol";
import {ICrosschainNumeraire} from "../../../contracts/bridge/interfaces/ICrosschainNumeraire.sol";
import {IChildGateway} from "../../../contracts/bridge/interfaces/IChildGateway.sol";
import {IGateway} from "../../../contracts/bridge/interfaces/IGateway.sol";
import {ILockbox} from "../../../contracts/bridge/interfaces/ILockbox.sol";
import {IRootGateway} from "../../../contracts/bridge/interfaces/IRootGateway.sol";
import {CheckpointProof} from "../../../contracts/bridge/lib/CheckpointProof.sol";
import {IBurnSink} from "../../../contracts/interfaces/IBurnSink.sol";
import {IBoundedPause} from "../../../contracts/interfaces/IBoundedPause.sol";
import {CheckpointStore, StateSender} from "../../contracts/hostile/Polygon.sol";
import {vm} from "../Vm.sol";

interface ISend {
    function crosschainTransfer(bytes memory to, uint256 amount) external returns (bytes32);
}

/// @title BridgeHandler
/// @notice Both ends of a bridge on one EVM, with everybody who uses them; counts by itself what must be where.
/// It is Polygon too: it hands messages over, and posts a checkpoint for each message that goes home.
contract BridgeHandler {
    using RLP for RLP.Encoder;

    struct Sent {
        bytes message;
        uint256 amount;
        bool delivered;
    }

    uint256 public constant SUPPLY = 1_000_000e18;
    uint256 private constant CHILD_CHAIN = 80_002;
    uint256 private constant CAP = 10_000e18;
    uint256 private constant LARGEST = 5_000e18;
    uint256 private constant PEOPLE = 3;
    uint256 private constant NEXT = 1;

    IERC20 public root;
    ILockbox public lockbox;
    ICrosschainNumeraire public child;
    IGateway private _rootGateway;
    IGateway private _childGateway;
    IBurnSink private _sink;
    IBurnSink private _homeSink;
    CheckpointStore private _store;

    uint256 public downInFlight;
    uint256 public upInFlight;
    uint256 public burned;
    uint256 public replaysTaken;
    uint256 public delivered;

    Sent[] private _down;
    Sent[] private _up;
    uint256 private _checkpoints;

    constructor() {
        address authority = _made("Authority", abi.encode(address(this)));
        root = IERC20(_made("Numeraire", abi.encode(authority, address(this), SUPPLY)));
        _store = new CheckpointStore();
        StateSender sender = new StateSender();
        FxRootOfHandler fxRoot = new FxRootOfHandler(sender);
        _rootGateway =
            IGateway(_made("RootGateway", abi.encode(authority, CHILD_CHAIN, address(fxRoot), address(_store))));
        lockbox = ILockbox(_made("Lockbox", abi.encode(authority, address(root), CAP)));
        _childGateway = IGateway(
            _made("ChildGateway", abi.encode(authority, CHILD_CHAIN, address(_rootGateway), address(this)))
        );
        CrosschainLinked.Link[] memory links = new CrosschainLinked.Link[](1);
        links[0] = CrosschainLinked.Link(address(_childGateway), _named(address(lockbox)));
        child = ICrosschainNumeraire(_made("CrosschainNumeraire", abi.encode(links, LARGEST)));
        _homeSink = IBurnSink(_made("BurnSink", abi.encode(address(root))));
        _sink = IBurnSink(
            _made("CrosschainBurnSink", abi.encode(address(child), CHILD_CHAIN, address(_homeSink)))
        );
        _rootGateway.connect(address(_childGateway));
        lockbox.link(CrosschainLinked.Link(address(_rootGateway), _named(address(child))));
        for (uint256 i; i < PEOPLE; ++i) {
            root.transfer(_person(i), 100_000e18);
            vm.prank(_person(i));
            root.approve(address(lockbox), type(uint256).max);
        }
    }

    /* PEOPLE */

    function sendDown(uint256 who, uint256 to, uint256 amount) public {
        address sender = _person(who);
        amount = 1 + amount % 20_000e18;
        vm.prank(sender);
        (bool sent,) =
            address(lockbox).call(abi.encodeCall(ISend.crosschainTransfer, (_named(_person(to)), amount)));
        if (!sent) return;
        _down.push(Sent(_message(_rootGateway, address(lockbox), address(child), sender, _person(to), amount), amount, false));
        downInFlight += amount;
    }

    function sendHome(uint256 who, uint256 to, uint256 amount) public {
        address sender = _person(who);
        amount = 1 + amount % (LARGEST + LARGEST / 8);
        vm.prank(sender);
        (bool sent,) = address(child).call(abi.encodeCall(ISend.crosschainTransfer, (_named(_person(to)), amount)));
        if (!sent) return;
        _up.push(Sent(_message(_childGateway, address(child), address(lockbox), sender, _person(to), amount), amount, false));
        upInFlight += amount;
    }

    function burn(uint256 who, uint256 amount) public {
        address sender = _person(who);
        uint256 held = child.balanceOf(sender);
        if (held == 0) return;
        vm.prank(sender);
        child.transfer(address(_sink), 1 + amount % held);
        uint256 sent = _sink.flush();
        _up.push(
            Sent(_message(_childGateway, address(child), address(lockbox), address(_sink), address(_homeSink), sent), sent, false)
        );
        upInFlight += sent;
    }

    function burnAtHome() public {
        (bool worked, bytes memory answer) = address(_homeSink).call(abi.encodeCall(IBurnSink.flush, ()));
        if (worked) burned += abi.decode(answer, (uint256));
    }

    /// @dev What is sent to the lockbox by mistake is nobody's, and breaks nothing.
    function giveToLockbox(uint256 who, uint256 amount) public {
        vm.prank(_person(who));
        (bool sent,) = address(root).call(abi.encodeCall(IERC20.transfer, (address(lockbox), amount % 1e18)));
        sent;
    }

    /* CARRIERS */

    function handOver(uint256 seed) public {
        if (_down.length == 0) return;
        Sent storage sent = _down[seed % _down.length];
        bytes memory call = abi.encodeWithSignature(
            "processMessageFromRoot(uint256,address,bytes)", 1, address(_rootGateway), sent.message
        );
        (bool taken,) = address(_childGateway).call(call);
        _noteDown(sent, taken && _isDelivered(_childGateway, sent.message, address(_rootGateway)));
    }

    function retry(uint256 seed) public {
        if (_down.length == 0) return;
        Sent storage sent = _down[seed % _down.length];
        (bool taken,) = address(_childGateway).call(abi.encodeCall(IChildGateway.retry, (sent.message)));
        _noteDown(sent, taken);
    }

    function prove(uint256 seed) public {
        if (_up.length == 0) return;
        Sent storage sent = _up[seed % _up.length];
        (bool taken,) = address(_rootGateway).call(abi.encodeCall(IRootGateway.deliver, (_proof(sent.message))));
        if (!taken) return;
        if (sent.delivered) ++replaysTaken;
        sent.delivered = true;
        upInFlight -= sent.amount;
        ++delivered;
    }

    function pause(uint256 which, uint256 duration) public {
        address gateway = address(which % 2 == 0 ? _rootGateway : _childGateway);
        (bool paused,) = gateway.call(abi.encodeCall(IBoundedPause.pause, (uint64(1 + duration % 2 days))));
        paused;
    }

    function pass(uint256 time) public {
        vm.warp(vm.getBlockTimestamp() + time % 1 days);
    }

    /* INTERNAL */

    function _noteDown(Sent storage sent, bool nowDelivered) private {
        if (!nowDelivered) return;
        if (sent.delivered) {
            ++replaysTaken;
            return;
        }
        sent.delivered = true;
        downInFlight -= sent.amount;
        ++delivered;
    }

    function _isDelivered(IGateway gateway, bytes memory message, address from) private view returns (bool) {
        bytes32 id = keccak256(abi.encode(CHILD_CHAIN, from, block.chainid, message));
        return gateway.deliveryOf(id) == IGateway.Delivery.Delivered;
    }

    function _message(IGateway gateway, address from, address to, address sender, address receiver, uint256 amount)
        private
        view
        returns (bytes memory)
    {
        bytes memory payload = abi.encode(
            InteroperableAddress.formatEvmV1(block.chainid, sender), abi.encodePacked(receiver), amount
        );
        return abi.encode(IGateway.Message(gateway.sent(), from, to, payload));
    }

    /// @dev A block with one transaction, in a checkpoint of its own.
    function _proof(bytes memory message) private returns (CheckpointProof.Proof memory proof) {
        bytes[] memory topics = new bytes[](2);
        topics[0] = RLP.encode(IGateway.Posted.selector);
        topics[1] = RLP.encode(bytes32(uint256(1)));
        bytes[] memory log = new bytes[](3);
        log[0] = RLP.encode(address(_childGateway));
        log[1] = RLP.encode(topics);
        log[2] = RLP.encode(abi.encode(message));
        bytes[] memory logs = new bytes[](1);
        logs[0] = RLP.encode(log);
        bytes[] memory receipt = new bytes[](4);
        receipt[0] = RLP.encode(uint256(1));
        receipt[1] = RLP.encode(uint256(21_000));
        receipt[2] = RLP.encode(new bytes(256));
        receipt[3] = RLP.encode(logs);
        // One leaf, whose path is the nibbles of the RLP of 0.
        bytes[] memory leaf = new bytes[](2);
        leaf[0] = RLP.encode(abi.encodePacked(uint16(0x2080)));
        leaf[1] = RLP.encode(abi.encodePacked(uint8(2), RLP.encode(receipt)));
        proof.receiptProof = new bytes[](1);
        proof.receiptProof[0] = RLP.encode(leaf);
        proof.receiptsRoot = keccak256(proof.receiptProof[0]);
        proof.checkpoint = ++_checkpoints * 10_000;
        proof.blockNumber = _checkpoints + NEXT;
        bytes32 block_ =
            keccak256(abi.encode(proof.blockNumber, proof.blockTime, proof.transactionsRoot, proof.receiptsRoot));
        _store.post(proof.checkpoint, block_, proof.blockNumber, proof.blockNumber);
    }

    function _named(address account) private pure returns (bytes memory) {
        return InteroperableAddress.formatEvmV1(CHILD_CHAIN, account);
    }

    function _person(uint256 seed) private pure returns (address) {
        return address(uint160(0xbeef00 + seed % PEOPLE));
    }

    function _made(string memory name, bytes memory arguments) private returns (address made) {
        string memory folder = vm.envOr("CUPEL_ARTIFACTS", "scorer/chain/artifacts");
        string memory source = string.concat(folder, "/", name, ".json");
        if (bytes(folder).length == 0) source = string.concat(name, ".sol:", name);
        bytes memory creation = abi.encodePacked(vm.getCode(source), arguments);
        assembly ("memory-safe") {
            made := create(0, add(creation, 0x20), mload(creation))
        }
        require(made != address(0), name);
    }
}

/// @title FxRootOfHandler
/// @notice Polygon's FxRoot, as its source has it.
contract FxRootOfHandler {
    StateSender private immutable _sender;

    constructor(StateSender sender) {
        _sender = sender;
    }

    function sendMessageToChild(address receiver, bytes calldata data) external {
        _sender.syncState(receiver, abi.encode(msg.sender, receiver, data));
    }
}
