// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20Errors, IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IModelRegistry} from "../../../contracts/interfaces/IModelRegistry.sol";
import {IStakeLedger} from "../../../contracts/interfaces/IStakeLedger.sol";
import {IBoundedPause} from "../../../contracts/interfaces/IBoundedPause.sol";
import {AllocationCode} from "../../../contracts/lib/AllocationCode.sol";
import {ITournament} from "../../../contracts/interfaces/ITournament.sol";
import {Ledger} from "../Ledger.sol";
import {Reference} from "../Reference.sol";
import {Permit, PermitSigner} from "../PermitSigner.sol";
import {vm} from "../Vm.sol";

/// @title Stakers
/// @notice What owners of models, and those who wish them well, do.
abstract contract Stakers is Ledger, PermitSigner {
    uint256 internal constant MAX_MODELS = 20;

    function register(uint256 ownerSeed) public {
        if (_modelCount == MAX_MODELS) _discard();
        bytes memory call = abi.encodeCall(IModelRegistry.register, (_owner(ownerSeed)));
        _attempt(STRANGER, address(registry), call, 0);
        ++_modelCount;
    }

    function deposit(uint256 modelSeed, uint256 amountSeed, uint256 fromSeed) public {
        uint256 modelId = _model(modelSeed);
        uint256 amount = _amount(amountSeed, 400 * NANO);
        address from = _owner(fromSeed);
        bytes4 refusal = _depositRefusal(modelId, amount);
        if (refusal == 0 && amount > token.balanceOf(from)) refusal = IERC20Errors.ERC20InsufficientBalance.selector;
        _attempt(from, address(tournament), abi.encodeCall(IStakeLedger.deposit, (modelId, amount)), refusal);
        _credit(modelId, amount / UNIT);
    }

    /// @param flaw 0: somebody spends the permit first. 1: the permit is for less. Else none.
    function depositWithPermit(uint256 modelSeed, uint256 amountSeed, uint256 flaw) public {
        uint256 modelId = _model(modelSeed);
        uint256 amount = _amount(amountSeed, 400 * NANO);
        flaw %= 4;
        Permit memory permit = _permit(flaw == 1 ? amount / 2 : amount);
        if (flaw == 0) _spend(permit);
        bytes4 refusal = _depositRefusal(modelId, amount);
        // A permit for less is a failing one: the call carries the amount that was not signed.
        if (refusal == 0 && flaw == 1) refusal = IERC20Errors.ERC20InsufficientAllowance.selector;
        if (refusal == 0 && amount > token.balanceOf(signer)) refusal = IERC20Errors.ERC20InsufficientBalance.selector;
        bytes memory call = abi.encodeCall(
            IStakeLedger.depositWithPermit, (modelId, amount, permit.deadline, permit.v, permit.r, permit.s)
        );
        _attempt(signer, address(tournament), call, refusal);
        _credit(modelId, amount / UNIT);
    }

    function withdraw(uint256 modelSeed, uint256 amountSeed, uint256 callerSeed, uint256 toSeed) public {
        uint256 modelId = _model(modelSeed);
        address caller = _callerFor(modelId, callerSeed);
        uint256 lane = _lanePlusOne[modelId];
        uint256 idle = lane == 0 ? 0 : _stakes[lane - 1].idle;
        uint256 amount = callerSeed % 5 == 0 ? idle * UNIT : _amount(amountSeed, idle + 1);
        bytes4 refusal = _ownerRefusal(modelId, caller);
        if (refusal == 0) refusal = _amountRefusal(amount, MAX_LIABILITIES);
        if (refusal == 0 && amount / UNIT > idle) refusal = IStakeLedger.InsufficientIdle.selector;
        bytes memory call = abi.encodeCall(IStakeLedger.withdraw, (modelId, amount, _owner(toSeed)));
        _attempt(caller, address(tournament), call, refusal);
        _stakes[lane - 1].idle -= amount / UNIT;
    }

    function setAllocation(uint256 modelSeed, uint256 allocationSeed, uint256 callerSeed) public {
        uint256 modelId = _model(modelSeed);
        address caller = _callerFor(modelId, callerSeed);
        uint256 allocation = _allocation(allocationSeed);
        bytes4 refusal = _ownerRefusal(modelId, caller);
        if (refusal == 0 && Reference.codeOf(allocation) > 1010) {
            refusal = AllocationCode.AllocationNotRepresentable.selector;
        }
        bytes memory call = abi.encodeCall(IStakeLedger.setAllocation, (modelId, uint64(allocation)));
        _attempt(caller, address(tournament), call, refusal);
        _stakes[_lanePlusOne[modelId] - 1].allocation = allocation;
    }

    /// @dev Whatever is at risk goes along.
    function handModelOver(uint256 modelSeed, uint256 toSeed) public {
        uint256 modelId = 1 + modelSeed % _modelCount;
        address from = registry.ownerOf(modelId);
        _attempt(from, address(registry), abi.encodeCall(IERC721.transferFrom, (from, _owner(toSeed), modelId)), 0);
    }

    function setSubmitter(uint256 modelSeed, uint256 callerSeed, address submitter) public {
        uint256 modelId = _model(modelSeed);
        address caller = _callerFor(modelId, callerSeed);
        bytes4 refusal = _isModel(modelId) ? bytes4(0) : IERC721Errors.ERC721NonexistentToken.selector;
        if (refusal == 0 && caller != registry.ownerOf(modelId)) refusal = IModelRegistry.NotModelOwner.selector;
        _attempt(caller, address(registry), abi.encodeCall(IModelRegistry.setSubmitter, (modelId, submitter)), refusal);
    }

    function fundPool(uint256 amountSeed, uint256 fromSeed) public {
        uint256 amount = _amount(amountSeed, 100 * NANO);
        address from = _owner(fromSeed);
        bytes4 refusal = _amountRefusal(amount, MAX_LIABILITIES - 1);
        if (refusal == 0 && amount > token.balanceOf(from)) refusal = IERC20Errors.ERC20InsufficientBalance.selector;
        _attempt(from, address(tournament), abi.encodeCall(IStakeLedger.fundPool, (amount)), refusal);
        _pool += amount / UNIT;
    }

    /// @dev A transfer to the tournament by mistake, of any number of wei.
    function donate(uint256 amountSeed, uint256 fromSeed) public {
        address from = _owner(fromSeed);
        uint256 amount = amountSeed % (10 * NMR);
        if (amount > token.balanceOf(from)) _discard();
        _attempt(from, address(token), abi.encodeCall(IERC20.transfer, (address(tournament), amount)), 0);
        _surplus += amount;
    }

    /* INTERNAL */

    /// @dev A model, or one time of 32 none.
    function _model(uint256 seed) internal view returns (uint256) {
        if (seed % 32 == 0) return seed % 64 == 0 ? 0 : _modelCount + 1;
        return 1 + (seed >> 5) % _modelCount;
    }

    function _isModel(uint256 modelId) internal view returns (bool) {
        return modelId != 0 && modelId <= _modelCount;
    }

    /// @dev The model's owner, seven times of eight.
    function _callerFor(uint256 modelId, uint256 seed) private view returns (address) {
        if (seed % 8 == 0 || !_isModel(modelId)) return _owner(seed >> 3);
        return registry.ownerOf(modelId);
    }

    /// @dev Wei: up to `most` nano-NMR, and now and then an amount at or beyond the limits.
    function _amount(uint256 seed, uint256 most) private pure returns (uint256) {
        uint256 choice = seed % 32;
        if (choice == 0) return 0;
        if (choice == 1) return 1;
        if (choice == 2) return UNIT;
        if (choice == 3) return UNIT * (MAX_LIABILITIES + (seed >> 5) % 2);
        return UNIT * ((seed >> 5) % most);
    }

    /// @dev Shares mostly; zero, fixed amounts, and what no code stands for too.
    function _allocation(uint256 seed) private pure returns (uint256) {
        uint256 choice = seed % 16;
        if (choice == 0) return 0;
        if (choice == 1) return Reference.SHARE_FLAG + (seed >> 4) % 2_000_000;
        if (choice == 2) return (seed >> 4) % (500 * NANO);
        if (choice < 6) return Reference.allocationOf(1 + (seed >> 4) % 810);
        if (choice < 10) return Reference.SHARE_FLAG + Reference.PPM;
        return Reference.allocationOf(811 + (seed >> 4) % 200);
    }

    /// @param most nano-NMR. What comes in adds to liabilities, which are never zero here: one less than the limit then.
    function _amountRefusal(uint256 amount, uint256 most) private pure returns (bytes4) {
        if (amount == 0) return IStakeLedger.ZeroAmount.selector;
        if (amount % UNIT != 0) return IStakeLedger.DustAmount.selector;
        if (amount / UNIT > most) return IStakeLedger.LiabilitiesTooLarge.selector;
        return 0;
    }

    function _depositRefusal(uint256 modelId, uint256 amount) private view returns (bytes4) {
        if (_paused()) return IBoundedPause.TournamentPaused.selector;
        if (!_isModel(modelId)) return IERC721Errors.ERC721NonexistentToken.selector;
        bytes4 refusal = _amountRefusal(amount, MAX_LIABILITIES - 1);
        bool tooSmall = _lanePlusOne[modelId] == 0 && amount / UNIT <= LANE_PRICE;
        return refusal == 0 && tooSmall ? IStakeLedger.FirstDepositTooSmall.selector : refusal;
    }

    function _ownerRefusal(uint256 modelId, address caller) private view returns (bytes4) {
        if (!_isModel(modelId)) return IERC721Errors.ERC721NonexistentToken.selector;
        if (caller != registry.ownerOf(modelId)) return IStakeLedger.NotModelOwner.selector;
        if (_lanePlusOne[modelId] == 0) return IStakeLedger.NoLane.selector;
        return 0;
    }

    function _credit(uint256 modelId, uint256 nano) private {
        if (_lanePlusOne[modelId] == 0) {
            nano -= LANE_PRICE;
            _pool += LANE_PRICE;
            _stakes.push(Stake(modelId, 0, 0));
            _lanePlusOne[modelId] = _stakes.length;
        }
        _stakes[_lanePlusOne[modelId] - 1].idle += nano;
    }
}
