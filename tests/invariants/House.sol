// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IBurnSink} from "../../contracts/interfaces/IBurnSink.sol";
import {IModelRegistry} from "../../contracts/interfaces/IModelRegistry.sol";
import {INumeraire} from "../../contracts/interfaces/INumeraire.sol";
import {IOracleCommittee} from "../../contracts/interfaces/IOracleCommittee.sol";
import {IBoundedPause} from "../../contracts/interfaces/IBoundedPause.sol";
import {IRoundWindows} from "../../contracts/interfaces/IRoundWindows.sol";
import {ITournament} from "../../contracts/interfaces/ITournament.sol";
import {vm} from "./Vm.sol";

interface IAuthority {
    function setTargetFunctionRole(address target, bytes4[] calldata selectors, uint64 roleId) external;
    function grantRole(uint64 roleId, address account, uint32 executionDelay) external;
}

/// @title House
/// @notice One deployment of everything, from the artifacts that a real deployment uses, and its people.
abstract contract House {
    uint256 internal constant UNIT = 1e9;
    uint256 internal constant NMR = 1e18;
    uint256 internal constant NANO = 1e9;
    uint256 internal constant MAX_LIABILITIES = 2 ** 54 - 1;

    uint256 internal constant INITIAL_SUPPLY = 1_000_000 * NMR;
    uint256 internal constant LANE_PRICE = NANO / 1000;
    uint256 internal constant OWNERS = 4;
    uint256 internal constant CANDIDATES = 5;

    uint64 internal constant CHALLENGE_WINDOW = 1 days;
    uint64 internal constant DISPUTE_PERIOD = 2 days;
    uint256 internal constant MEMBER_BOND = 100 * NMR;
    uint256 internal constant CHALLENGE_BOND = 50 * NMR;
    uint256 internal constant SLASH = 60 * NMR;
    uint256 internal constant ABSENCE_SLASH = 10 * NMR;
    uint256 internal constant ABSENCE_LIMIT = 3;

    address internal constant ADMIN = address(0xad01);
    address internal constant OPERATOR = address(0xad02);
    address internal constant GUARDIAN = address(0xad03);
    address internal constant MINTER = address(0xad04);
    address internal constant STRANGER = address(0xad05);
    address internal constant UNPAUSER = address(0xad06);
    address internal constant COURT = address(0xad07);

    uint64 internal constant OPERATOR_ROLE = 1;
    uint64 internal constant GUARDIAN_ROLE = 2;
    uint64 internal constant MINTER_ROLE = 3;
    uint64 internal constant UNPAUSER_ROLE = 4;

    uint64 internal constant LOCK_WINDOW = 1 days;
    uint64 internal constant LEAST_LOCK_WINDOW = 2 minutes;
    uint64 internal constant LEAST_NOTICE = 70 minutes;
    uint64 internal constant FUNDING_GRACE = 1 days;

    /// @dev Owners approve nobody beforehand but the tournament and the committee. The signer approves nobody at all.
    uint256 internal constant SIGNER_KEY = 0x5e1f;

    IAuthority internal authority;
    INumeraire internal token;
    IModelRegistry internal registry;
    IBurnSink internal sink;
    IOracleCommittee internal committee;
    ITournament internal tournament;
    address internal signer;

    /// @dev Candidates and the signer, who sign seals and permits.
    mapping(address account => uint256 privateKey) internal _keyOf;
    address[CANDIDATES] private _candidates;

    constructor() {
        vm.warp(1_700_000_000);
        signer = _withKey(SIGNER_KEY);
        for (uint256 i; i < CANDIDATES; ++i) {
            _candidates[i] = _withKey(0x0c00 + i);
        }
        authority = IAuthority(_create("Authority", abi.encode(ADMIN)));
        token = INumeraire(_create("Numeraire", abi.encode(authority, ADMIN, INITIAL_SUPPLY)));
        registry = IModelRegistry(_create("ModelRegistry", ""));
        sink = IBurnSink(_create("BurnSink", abi.encode(token)));
        committee = _deployCommittee();
        tournament = _deployTournament();
        vm.prank(ADMIN);
        committee.addTournament(address(tournament));
        _grantRoles();
        _handOutTokens();
    }

    function _windows() internal pure returns (IRoundWindows.Windows memory) {
        return IRoundWindows.Windows(LOCK_WINDOW, LEAST_LOCK_WINDOW, LEAST_NOTICE, FUNDING_GRACE);
    }

    function _owner(uint256 seed) internal pure returns (address) {
        return address(uint160(0x0a00 + seed % OWNERS));
    }

    /// @dev Everybody who is, was or may become a member.
    function _candidate(uint256 seed) internal view returns (address) {
        return _candidates[seed % CANDIDATES];
    }

    function _commitments(uint256 seed) internal pure returns (ITournament.Commitments memory) {
        return ITournament.Commitments(bytes32(seed), keccak256("terms"), keccak256("universe"));
    }

    function _now() internal view returns (uint256) {
        return vm.getBlockTimestamp();
    }

    /// @dev From the exported artifacts; for measuring coverage, from the sources as forge compiled them.
    function _create(string memory name, bytes memory arguments) internal returns (address created) {
        string memory folder = vm.envOr("CUPEL_ARTIFACTS", "scorer/chain/artifacts");
        string memory source = string.concat(folder, "/", name, ".json");
        if (bytes(folder).length == 0) source = string.concat(name, ".sol:", name);
        bytes memory code = abi.encodePacked(vm.getCode(source), arguments);
        assembly ("memory-safe") {
            created := create(0, add(code, 0x20), mload(code))
            if iszero(created) {
                returndatacopy(mload(0x40), 0, returndatasize())
                revert(mload(0x40), returndatasize())
            }
        }
    }

    function _grant(address target, bytes4[] memory selectors, uint64 role, address holder) internal {
        vm.prank(ADMIN);
        authority.setTargetFunctionRole(target, selectors, role);
        vm.prank(ADMIN);
        authority.grantRole(role, holder, 0);
    }

    function _withKey(uint256 privateKey) private returns (address account) {
        account = vm.addr(privateKey);
        _keyOf[account] = privateKey;
    }

    function _deployCommittee() private returns (IOracleCommittee) {
        address[] memory members = new address[](3);
        for (uint256 i; i < members.length; ++i) {
            members[i] = _candidate(i);
        }
        IOracleCommittee.Terms memory terms = IOracleCommittee.Terms({
            challengeWindow: CHALLENGE_WINDOW,
            disputePeriod: DISPUTE_PERIOD,
            memberBond: MEMBER_BOND,
            challengeBond: CHALLENGE_BOND,
            slash: SLASH,
            absenceSlash: ABSENCE_SLASH,
            absenceLimit: ABSENCE_LIMIT
        });
        return IOracleCommittee(
            _create("OracleCommittee", abi.encode(authority, token, address(sink), COURT, terms, members, 2))
        );
    }

    function _deployTournament() private returns (ITournament) {
        bytes memory parts = abi.encode(authority, token, registry, committee, sink, UNIT, LANE_PRICE);
        bytes memory parameters = abi.encode(_windows(), 50_000, 5_000 * NANO, NANO / 100, _create("Demands", abi.encode(token)));
        return ITournament(_create("Tournament", bytes.concat(parts, parameters)));
    }

    function _grantRoles() private {
        bytes4[] memory selectors = new bytes4[](3);
        selectors[0] = ITournament.openRound.selector;
        selectors[1] = ITournament.lock.selector;
        selectors[2] = ITournament.endLock.selector;
        _grant(address(tournament), selectors, OPERATOR_ROLE, OPERATOR);
        selectors = new bytes4[](1);
        selectors[0] = IBoundedPause.pause.selector;
        _grant(address(tournament), selectors, GUARDIAN_ROLE, GUARDIAN);
        selectors[0] = IBoundedPause.unpause.selector;
        _grant(address(tournament), selectors, UNPAUSER_ROLE, UNPAUSER);
        selectors[0] = IOracleCommittee.veto.selector;
        _grant(address(committee), selectors, GUARDIAN_ROLE, GUARDIAN);
        selectors[0] = INumeraire.mint.selector;
        _grant(address(token), selectors, MINTER_ROLE, MINTER);
    }

    function _handOutTokens() private {
        for (uint256 i; i < OWNERS; ++i) {
            _furnish(_owner(i), 20_000 * NMR);
        }
        for (uint256 i; i < CANDIDATES; ++i) {
            _furnish(_candidate(i), 2_000 * NMR);
        }
        _send(signer, 20_000 * NMR);
    }

    function _furnish(address account, uint256 amount) private {
        _send(account, amount);
        vm.prank(account);
        token.approve(address(tournament), type(uint256).max);
        vm.prank(account);
        token.approve(address(committee), type(uint256).max);
    }

    function _send(address account, uint256 amount) private {
        vm.prank(ADMIN);
        token.transfer(account, amount);
    }
}
