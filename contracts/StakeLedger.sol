// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {BoundedPause} from "./BoundedPause.sol";
import {IModelRegistry} from "./interfaces/IModelRegistry.sol";
import {IStakeLedger} from "./interfaces/IStakeLedger.sol";
import {AllocationCode} from "./lib/AllocationCode.sol";
import {StakeSlot} from "./lib/StakeSlot.sol";
import {LANES} from "./lib/Uint64x4.sol";

/// @title StakeLedger
/// @notice See IStakeLedger. The half of Tournament that knows owners and money, and nothing of rounds.
/// @dev Casts to uint64 without a check are sound because every amount is part of `liabilities`, which fits.
abstract contract StakeLedger is IStakeLedger, BoundedPause, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /* CONSTANTS */

    /// @notice All that the tournament may owe, units: in nano-NMR 18 million NMR, of which there can be 11. Every stake is
    /// part of it, so that none outgrows the 54 bits that it has in a lane.
    uint64 public constant MAX_LIABILITIES = 2 ** 54 - 1;

    /// @notice The largest unit, wei: a whole token of 18 decimals.
    uint256 public constant MAX_UNIT = 1e18;

    /// @notice The highest price of a lane, units: in nano-NMR 10 NMR.
    uint64 public constant MAX_LANE_PRICE = 10e9;

    /* STORAGE */

    IERC20 public immutable token;
    IModelRegistry public immutable registry;
    address public immutable burnSink;
    uint256 public immutable unit;
    uint64 public immutable lanePrice;

    uint64 public pool;
    uint64 public reserved;
    uint64 public burnable;
    uint64 public liabilities;

    /// @dev Stakes and allocations. An array without a length and without hashing: neighbours lie side by side, and most of
    /// it is never written.
    StakeSlot[2 ** 40] internal _slots;

    /// @dev The model in each lane, and back: lane + 1, so that zero means none.
    uint256[] private _models;
    mapping(uint256 modelId => uint256) private _lanePlusOne;

    /* CONSTRUCTOR */

    /// @param unit_ wei, from 1 to MAX_UNIT.
    /// @param lanePrice_ units, at most MAX_LANE_PRICE.
    constructor(IERC20 token_, IModelRegistry registry_, address burnSink_, uint256 unit_, uint64 lanePrice_) {
        if (burnSink_ == address(0)) revert ZeroBurnSink();
        if (unit_ == 0 || unit_ > MAX_UNIT) revert UnitOutOfRange(unit_, 1, MAX_UNIT);
        // A token that is still to be made has no supply: whoever plans a deployment tries its constructors before.
        uint256 supply = address(token_).code.length == 0 ? 0 : token_.totalSupply();
        uint256 maximum = MAX_LIABILITIES * unit_;
        if (supply > maximum) revert SupplyTooLarge(supply, maximum);
        if (lanePrice_ > MAX_LANE_PRICE) revert LanePriceTooHigh(lanePrice_, MAX_LANE_PRICE);

        token = token_;
        registry = registry_;
        burnSink = burnSink_;
        unit = unit_;
        lanePrice = lanePrice_;
    }

    /* STAKERS */

    /// @inheritdoc IStakeLedger
    function deposit(uint256 modelId, uint256 amount) external {
        _deposit(modelId, amount);
    }

    /// @inheritdoc IStakeLedger
    function depositWithPermit(uint256 modelId, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
    {
        // Whoever saw this permit may have spent it already; then the allowance is there all the same.
        try IERC20Permit(address(token)).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        _deposit(modelId, amount);
    }

    /// @inheritdoc IStakeLedger
    function withdraw(uint256 modelId, uint256 amount, address to) external nonReentrant {
        _requireOwner(modelId);
        uint256 lane = laneOf(modelId);
        uint64 units = _toUnits(amount);
        StakeSlot slot = _slots[lane / LANES];
        uint64 idle = slot.stakeOf(lane % LANES);
        if (units > idle) revert InsufficientIdle(idle, units);

        _slots[lane / LANES] = slot.withStake(lane % LANES, idle - units);
        liabilities -= units;
        emit Withdrawn(modelId, to, units);
        token.safeTransfer(to, amount);
    }

    /// @inheritdoc IStakeLedger
    function setAllocation(uint256 modelId, uint64 allocation) external {
        _requireOwner(modelId);
        uint256 lane = laneOf(modelId);
        uint256 code = AllocationCode.encoded(allocation);

        _slots[lane / LANES] = _slots[lane / LANES].withCode(lane % LANES, code);
        emit AllocationSet(modelId, allocation);
    }

    /// @inheritdoc IStakeLedger
    function fundPool(uint256 amount) external nonReentrant {
        uint64 units = _owe(amount);
        pool += units;
        emit PoolFunded(msg.sender, units);
        token.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @inheritdoc IStakeLedger
    function sendBurned() external nonReentrant returns (uint256 amount) {
        uint64 units = burnable;
        if (units == 0) revert NothingBurned();

        burnable = 0;
        liabilities -= units;
        amount = units * unit;
        emit BurnedSent(msg.sender, units);
        token.safeTransfer(burnSink, amount);
    }

    /* ADMINISTRATION */

    /// @inheritdoc IStakeLedger
    function recoverSurplus(address to) external restricted nonReentrant returns (uint256 amount) {
        uint256 balance = token.balanceOf(address(this));
        uint256 owed = liabilities * unit;
        if (balance <= owed) revert NoSurplus(balance, owed);

        amount = balance - owed;
        emit SurplusRecovered(to, amount);
        token.safeTransfer(to, amount);
    }

    /* VIEWS */

    /// @inheritdoc IStakeLedger
    function laneCount() external view returns (uint256) {
        return _models.length;
    }

    /// @inheritdoc IStakeLedger
    function laneOf(uint256 modelId) public view returns (uint256) {
        uint256 lanePlusOne = _lanePlusOne[modelId];
        if (lanePlusOne == 0) revert NoLane(modelId);
        return lanePlusOne - 1;
    }

    /// @inheritdoc IStakeLedger
    function modelAt(uint256 lane) external view returns (uint256) {
        return lane < _models.length ? _models[lane] : 0;
    }

    /// @inheritdoc IStakeLedger
    function modelsAt(uint256 fromLane, uint256 count) external view returns (uint256[] memory models) {
        models = new uint256[](_clip(fromLane, count, _models.length));
        for (uint256 i; i < models.length; ++i) {
            models[i] = _models[fromLane + i];
        }
    }

    /// @inheritdoc IStakeLedger
    function idleOf(uint256 modelId) external view returns (uint64) {
        (StakeSlot slot, uint256 index) = _find(modelId);
        return slot.stakeOf(index);
    }

    /// @inheritdoc IStakeLedger
    function allocationOf(uint256 modelId) external view returns (uint64) {
        (StakeSlot slot, uint256 index) = _find(modelId);
        return AllocationCode.decoded(slot.codeOf(index));
    }

    /// @inheritdoc IStakeLedger
    function slots(uint256 fromSlot, uint256 count) external view returns (uint256[] memory words) {
        words = new uint256[](_clip(fromSlot, count, _slotCount()));
        for (uint256 i; i < words.length; ++i) {
            words[i] = StakeSlot.unwrap(_slots[fromSlot + i]);
        }
    }

    /* INTERNAL */

    function _deposit(uint256 modelId, uint256 amount) private nonReentrant whenNotPaused {
        registry.ownerOf(modelId); // reverts if there is no such model
        uint64 units = _owe(amount);
        if (_lanePlusOne[modelId] == 0) units -= _openLane(modelId, units);
        uint256 lane = _lanePlusOne[modelId] - 1;

        StakeSlot slot = _slots[lane / LANES];
        _slots[lane / LANES] = slot.withStake(lane % LANES, slot.stakeOf(lane % LANES) + units);
        emit Deposited(modelId, msg.sender, units, lane);
        token.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @dev Counts `amount` wei, about to come in, as owed. Since the sum of everything fits in a lane, no lane overflows.
    function _owe(uint256 amount) private returns (uint64 units) {
        units = _toUnits(amount);
        uint256 total = uint256(liabilities) + units;
        if (total > MAX_LIABILITIES) revert LiabilitiesTooLarge(total, MAX_LIABILITIES);
        liabilities = uint64(total);
    }

    function _toUnits(uint256 amount) private view returns (uint64) {
        if (amount == 0) revert ZeroAmount();
        if (amount % unit != 0) revert DustAmount(amount, unit);
        uint256 units = amount / unit;
        if (units > MAX_LIABILITIES) revert LiabilitiesTooLarge(units, MAX_LIABILITIES);
        return uint64(units);
    }

    /// @dev Gives a new model the next lane, for ever. Its price goes to the pool: if it came back with a withdrawal, one
    /// deposit could pad any number of slots with lanes that every round reads.
    function _openLane(uint256 modelId, uint64 amount) private returns (uint64 price) {
        price = lanePrice;
        if (amount <= price) revert FirstDepositTooSmall(amount, price);

        _models.push(modelId);
        uint256 lanePlusOne = _models.length;
        _lanePlusOne[modelId] = lanePlusOne;
        pool += price;
        emit LaneOpened(modelId, lanePlusOne - 1, price);
    }

    function _requireOwner(uint256 modelId) private view {
        address owner = registry.ownerOf(modelId);
        if (msg.sender != owner) revert NotModelOwner(modelId, owner, msg.sender);
    }

    function _slotCount() internal view returns (uint256) {
        return Math.ceilDiv(_models.length, LANES);
    }

    /// @dev The slot that the model's lane is in; an empty one if it has no lane.
    function _find(uint256 modelId) private view returns (StakeSlot slot, uint256 index) {
        uint256 lanePlusOne = _lanePlusOne[modelId];
        if (lanePlusOne == 0) return (slot, index);
        uint256 lane = lanePlusOne - 1;
        return (_slots[lane / LANES], lane % LANES);
    }

    /// @dev How many of `count` items from `from` on exist.
    function _clip(uint256 from, uint256 count, uint256 length) private pure returns (uint256) {
        return from < length ? Math.min(count, length - from) : 0;
    }
}
