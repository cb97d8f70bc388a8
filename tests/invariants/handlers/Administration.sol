// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ICommitteeMembers} from "../../../contracts/interfaces/ICommitteeMembers.sol";
import {IERC20Burnable} from "../../../contracts/interfaces/IERC20Burnable.sol";
import {INumeraire} from "../../../contracts/interfaces/INumeraire.sol";
import {IOracleCommittee} from "../../../contracts/interfaces/IOracleCommittee.sol";
import {IBoundedPause} from "../../../contracts/interfaces/IBoundedPause.sol";
import {IStakeLedger} from "../../../contracts/interfaces/IStakeLedger.sol";
import {ITournament} from "../../../contracts/interfaces/ITournament.sol";
import {Ledger} from "../Ledger.sol";
import {vm} from "../Vm.sol";

/// @title Administration
/// @notice What admin, guardian, minter and holders of the token do, and what strangers try in vain.
abstract contract Administration is Ledger {
    function setParameters(uint256 capSeed, uint256 thresholdSeed, uint256 minSeed) public {
        uint256 cap = capSeed % 16 == 0 ? 1_000_001 : capSeed % 2 == 0 ? 50_000 : (capSeed >> 4) % 1_000_001;
        uint256 threshold = thresholdSeed % 4 == 0 ? 0 : thresholdSeed % (5_000 * NANO);
        uint256 smallest = minSeed % 16 == 0 ? 1_000 * NANO + 1 : minSeed % 2 == 0 ? 0 : minSeed % (10 * NANO);
        bool tooLarge = cap > 1_000_000 || smallest > 1_000 * NANO;
        bytes4 refusal = tooLarge ? ITournament.ParameterTooLarge.selector : bytes4(0);
        bytes memory call =
            abi.encodeCall(ITournament.setParameters, (uint32(cap), uint64(threshold), uint64(smallest)));
        _attempt(ADMIN, address(tournament), call, refusal);
        (_cap, _threshold, _minPosition) = (cap, threshold, smallest);
    }

    function pause(uint256 durationSeed) public {
        uint256 duration = durationSeed % 8 == 0 ? (durationSeed >> 3) % 3 * 7 days : (durationSeed >> 3) % 3 hours;
        bytes4 refusal;
        if (duration == 0) refusal = IBoundedPause.ZeroDuration.selector;
        else if (duration > 7 days) refusal = IBoundedPause.PauseTooLong.selector;
        else if (_now() < _pausableFrom) refusal = IBoundedPause.PauseTooSoon.selector;
        _attempt(GUARDIAN, address(tournament), abi.encodeCall(IBoundedPause.pause, (uint64(duration))), refusal);
        _pausedFrom = _now();
        _pausedUntil = _now() + duration;
        _pausableFrom = _pausedUntil + 7 days;
    }

    function unpause(uint256 seed) public {
        uint64 from = uint64(seed % 8 == 0 ? _pausedFrom + 1 : _pausedFrom);
        bytes4 refusal = from == _pausedFrom ? bytes4(0) : IBoundedPause.AnotherPause.selector;
        if (!_paused()) refusal = IBoundedPause.NotPaused.selector;
        _attempt(UNPAUSER, address(tournament), abi.encodeCall(IBoundedPause.unpause, (from)), refusal);
        _pausedUntil = _now();
        _pausableFrom = _now() + 7 days;
    }

    function recoverSurplus() public {
        bytes4 refusal = _surplus == 0 ? IStakeLedger.NoSurplus.selector : bytes4(0);
        _attempt(ADMIN, address(tournament), abi.encodeCall(IStakeLedger.recoverSurplus, (ADMIN)), refusal);
        _surplus = 0;
    }

    function mint(uint256 toSeed, uint256 amountSeed) public {
        uint256 accrued = (_weekly() * (_now() - 1_700_000_000)) / 1 weeks;
        uint256 schedule = INITIAL_SUPPLY + accrued < 11_000_000 * NMR ? INITIAL_SUPPLY + accrued : 11_000_000 * NMR;
        uint256 room = schedule - _minted;
        uint256 amount = amountSeed % 8 == 0 ? room + 1 : amountSeed % 4 == 1 ? room : amountSeed % (room + 1);
        bytes4 refusal = amount > room ? INumeraire.MintExceedsSchedule.selector : bytes4(0);
        _attempt(MINTER, address(token), abi.encodeCall(INumeraire.mint, (_owner(toSeed), amount)), refusal);
        _minted += amount;
    }

    function burn(uint256 fromSeed, uint256 amountSeed) public {
        address from = _owner(fromSeed);
        uint256 amount = amountSeed % (100 * NMR);
        if (amount > token.balanceOf(from)) _discard();
        _attempt(from, address(token), abi.encodeCall(IERC20Burnable.burn, (amount)), 0);
        _destroyed += amount;
    }

    function burnFrom(uint256 fromSeed, uint256 amountSeed) public {
        address from = _owner(fromSeed);
        uint256 amount = amountSeed % (100 * NMR);
        if (amount > token.balanceOf(from)) _discard();
        _attempt(from, address(token), abi.encodeCall(IERC20.approve, (STRANGER, amount)), 0);
        _attempt(STRANGER, address(token), abi.encodeCall(INumeraire.burnFrom, (from, amount)), 0);
        _destroyed += amount;
    }

    /// @dev Every restricted function, by somebody who holds no role, and by each role what is another's.
    function actWithoutRole(uint256 seed) public {
        (address target, bytes memory call) = _restricted(seed % 14);
        address caller = (seed >> 8) % 2 == 0 ? STRANGER : _owner(seed >> 9);
        if ((seed >> 8) % 8 == 1) caller = seed % 14 < 3 ? GUARDIAN : OPERATOR;
        _mustRefuse(caller, target, call, IAccessManaged.AccessManagedUnauthorized.selector);
    }

    function _restricted(uint256 index) private view returns (address, bytes memory) {
        if (index < 7) return (address(tournament), _restrictedOfTournament(index));
        if (index == 7) return (address(token), abi.encodeCall(INumeraire.mint, (STRANGER, 1)));
        return (address(committee), _restrictedOfCommittee(index));
    }

    function _restrictedOfTournament(uint256 index) private view returns (bytes memory) {
        uint64 start = uint64(_now());
        if (index == 0) {
            return abi.encodeCall(ITournament.openRound, (start, start + 1, start + 2, start + 3, _commitments(0)));
        }
        if (index == 1) return abi.encodeCall(ITournament.lock, (1, 0, hex"ff"));
        if (index == 2) return abi.encodeCall(ITournament.endLock, (1));
        if (index == 3) return abi.encodeCall(IBoundedPause.pause, (1));
        if (index == 4) return abi.encodeCall(IBoundedPause.unpause, (0));
        if (index == 5) return abi.encodeCall(ITournament.setParameters, (0, 0, 0));
        return abi.encodeCall(IStakeLedger.recoverSurplus, (STRANGER));
    }

    function _restrictedOfCommittee(uint256 index) private view returns (bytes memory) {
        if (index == 8) return abi.encodeCall(ICommitteeMembers.addMember, (STRANGER, 2));
        if (index == 9) return abi.encodeCall(ICommitteeMembers.removeMember, (_candidate(0), 2));
        if (index == 10) return abi.encodeCall(ICommitteeMembers.setQuorum, (2));
        if (index == 11) return abi.encodeCall(ICommitteeMembers.addTournament, (STRANGER));
        if (index == 12) return abi.encodeCall(ICommitteeMembers.removeTournament, (address(tournament)));
        return abi.encodeCall(IOracleCommittee.veto, (address(tournament), 1));
    }

    function _weekly() private pure returns (uint256) {
        return uint256(5_000_000e18) / 52;
    }
}
