// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IConsensusGate} from "../../contracts/agents/interfaces/IConsensusGate.sol";
import {IConsensusVerifier} from "../../contracts/agents/interfaces/IConsensusVerifier.sol";
import {IUniswapAccount} from "../../contracts/agents/interfaces/IUniswapAccount.sol";
import {ConsensusDocument} from "../../contracts/agents/lib/ConsensusDocument.sol";
import {House} from "./House.sol";
import {vm} from "./Vm.sol";

/// @notice Trades one for one, as Uniswap's router would be called.
contract OneForOne {
    function swapExactTokensForTokens(uint256 given, uint256, address[] calldata path, address to, uint256)
        external
        returns (uint256[] memory)
    {
        return _swap(given, path, to);
    }

    function swapTokensForExactTokens(uint256 gotten, uint256, address[] calldata path, address to, uint256)
        external
        returns (uint256[] memory)
    {
        return _swap(gotten, path, to);
    }

    function _swap(uint256 amount, address[] calldata path, address to) private returns (uint256[] memory amounts) {
        amounts = new uint256[](2);
        (amounts[0], amounts[1]) = (amount, amount);
        IERC20(path[0]).transferFrom(msg.sender, address(this), amount);
        IERC20(path[1]).transfer(to, amount);
    }
}

/// @notice A gateway whose other end is on the same chain.
contract ShortGateway {
    address public recipient;
    bytes public sender;

    function connect(address recipient_, bytes calldata sender_) external {
        (recipient, sender) = (recipient_, sender_);
    }

    function sendMessage(bytes calldata, bytes calldata payload, bytes[] calldata) external payable returns (bytes32) {
        (bool success, bytes memory reason) =
            recipient.call(abi.encodeWithSignature("receiveMessage(bytes32,bytes,bytes)", bytes32(0), sender, payload));
        if (success) return 0;
        assembly ("memory-safe") {
            revert(add(reason, 0x20), mload(reason))
        }
    }
}

/// @title AgentsHouse
/// @notice A verifier of the committee's members, a gate, and an account that trades for its owner.
abstract contract AgentsHouse is House {
    bytes32 internal constant LONG = keccak256("long");
    bytes32 internal constant SHORT = keccak256("short");
    address internal constant OWNER = address(0x0b01);
    address internal constant AGENT = address(0x0b02);
    uint256 internal constant LEAST_BOND = 10 * NMR;
    uint128 internal constant BOOK = 1_000;

    IConsensusVerifier internal verifier;
    IConsensusGate internal gate;
    IUniswapAccount internal account;
    ShortGateway internal gateway;
    IERC20 internal cash;
    IERC20 internal asset;
    address[] internal members;

    error OtherError(bytes4 expected, bytes4 found);

    constructor() {
        for (uint256 i; i < 3; ++i) {
            members.push(_candidate(i));
            for (uint256 j = i; j != 0 && members[j] < members[j - 1]; --j) {
                (members[j], members[j - 1]) = (members[j - 1], members[j]);
            }
        }
        gateway = new ShortGateway();
        verifier = IConsensusVerifier(_create("ConsensusVerifier", _verifierArguments(_home(), 1, members, 2)));
        gate = IConsensusGate(_create("ConsensusGate", abi.encode(verifier, token, sink, LEAST_BOND)));
        gateway.connect(address(verifier), "home");
        _deployAccount();
        vm.prank(OWNER);
        gate.setMandate(address(account), _mandate());
        vm.prank(ADMIN);
        token.transfer(address(this), 1_000 * NMR);
        token.approve(address(gate), type(uint256).max);
        gate.postBond(AGENT, LEAST_BOND);
    }

    function _home() internal view returns (IConsensusVerifier.Home memory) {
        return IConsensusVerifier.Home(block.chainid, address(tournament), 30 days, address(gateway), "home");
    }

    function _verifierArguments(IConsensusVerifier.Home memory home, uint64 setId, address[] memory set, uint256 quorum)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encode(home, setId, uint64(1), set, quorum);
    }

    function _mandate() internal pure returns (IConsensusGate.Mandate memory) {
        return IConsensusGate.Mandate(AGENT, type(uint64).max, 5, BOOK, 2_000, 0);
    }

    function _leaf(bytes32 name) internal pure returns (ConsensusDocument.Leaf memory) {
        return ConsensusDocument.Leaf(name, 2, name == LONG ? int64(5e8) : int64(-5e8), keccak256("salt"));
    }

    function _hashOf(bytes32 name) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256(abi.encode(_leaf(name)))));
    }

    function _siblings(bytes32 name) internal pure returns (bytes32[] memory siblings) {
        siblings = new bytes32[](1);
        siblings[0] = _hashOf(name == LONG ? SHORT : LONG);
    }

    function _index(bytes32 name) internal pure returns (uint256) {
        return name == LONG ? 0 : 1;
    }

    function _document(uint256 roundId) internal view returns (ConsensusDocument.Consensus memory c) {
        c.chainId = block.chainid;
        c.tournament = address(tournament);
        c.roundId = roundId;
        c.memberSet = ConsensusDocument.setHash(members, 2);
        c.root = keccak256(abi.encode(_hashOf(LONG), _hashOf(SHORT)));
        c.assets = 2;
        c.publishedAt = uint64(_now());
        c.expiresAt = uint64(_now() + 10 days);
    }

    function _signed(bytes32 digest, uint256 count) internal view returns (bytes memory signatures) {
        for (uint256 i; i < count; ++i) {
            (uint8 v, bytes32 r, bytes32 s) = vm.sign(_keyOf[members[i]], digest);
            signatures = abi.encodePacked(signatures, r, s, v);
        }
    }

    function _verifyCall(ConsensusDocument.Consensus memory c, uint256 bits, uint256 count)
        internal
        view
        returns (bytes memory)
    {
        bytes memory signatures = _signed(ConsensusDocument.digestOf(c), count);
        return abi.encodeCall(IConsensusVerifier.verify, (c, members, 2, bits, signatures));
    }

    function _admit(ConsensusDocument.Consensus memory c) internal returns (bytes32) {
        return gate.admit(c, members, 2, 3, _signed(ConsensusDocument.digestOf(c), 2));
    }

    function _order(bytes32 document, bytes32 name, uint128 size) internal view returns (IConsensusGate.Order memory) {
        return IConsensusGate.Order(address(account), document, name, name == LONG, size, size);
    }

    function _actCall(IConsensusGate.Order memory order, bytes32 name) internal pure returns (bytes memory) {
        return abi.encodeCall(IConsensusGate.act, (order, _leaf(name), _index(name), _siblings(name)));
    }

    function _sealedCall(IConsensusGate.Order memory order, bytes32 name, uint256 bond)
        internal
        pure
        returns (bytes memory)
    {
        IConsensusGate.Expected memory expected = IConsensusGate.Expected(order.size, BOOK, bond);
        return abi.encodeCall(IConsensusGate.actSealed, (order, _hashOf(name), _index(name), _siblings(name), expected));
    }

    function _succeed(address caller, address target, bytes memory data) internal {
        vm.prank(caller);
        (bool success, bytes memory reason) = target.call(data);
        if (!success) revert OtherError(0, bytes4(reason));
    }

    function _refuse(address caller, address target, bytes memory data, bytes4 expected) internal {
        vm.prank(caller);
        (bool success, bytes memory reason) = target.call(data);
        if (success || bytes4(reason) != expected) revert OtherError(expected, bytes4(reason));
    }

    function _refuseCreation(string memory name, bytes memory arguments, bytes4 expected) internal {
        _refuse(address(this), address(this), abi.encodeCall(this.create, (name, arguments)), expected);
    }

    function create(string calldata name, bytes calldata arguments) external returns (address) {
        return _create(name, arguments);
    }

    function _deployAccount() private {
        OneForOne router = new OneForOne();
        cash = IERC20(_create("Numeraire", abi.encode(authority, ADMIN, 1_000_000)));
        asset = IERC20(_create("Numeraire", abi.encode(authority, ADMIN, 1_000_000)));
        account = IUniswapAccount(_create("UniswapAccount", abi.encode(OWNER, gate, router, cash)));
        for (uint256 i; i < 2; ++i) {
            IERC20 each = i == 0 ? cash : asset;
            vm.prank(ADMIN);
            each.transfer(address(router), 100_000);
            vm.prank(ADMIN);
            each.transfer(address(account), 100_000);
            vm.prank(OWNER);
            account.list(i == 0 ? LONG : SHORT, address(asset));
        }
    }
}
