// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IModelRegistry} from "./IModelRegistry.sol";

/// @title IStakeLedger
/// @notice Stakes on models, and the pool that payouts come from.
///
/// Units: wei (uint256) where tokens move, always a multiple of `unit`; units (uint64, `unit` wei) everywhere inside. For NMR
/// a unit is 1e9 wei, a nano-NMR, which is what amounts are called here and elsewhere.
///
/// A model's stake lies in its *lane*, assigned at its first deposit. Lane n is lane n % 4 of slot n / 4; lane i of a slot's
/// word occupies bits [64*i, 64*i + 64): 54 bits of idle stake, and above them the ten of its allocation's code (see
/// AllocationCode). Idle stake is liquid at all times.
interface IStakeLedger {
    /* EVENTS: amounts in nano-NMR unless said otherwise */

    /// @notice The model's first deposit gave it this lane for `price`, which went to the pool.
    event LaneOpened(uint256 indexed modelId, uint256 lane, uint64 price);
    /// @notice `amount` was added to the model's stake: what came in, less the price of its lane where it is new.
    event Deposited(uint256 indexed modelId, address indexed from, uint64 amount, uint256 lane);
    event Withdrawn(uint256 indexed modelId, address indexed to, uint64 amount);
    /// @notice Encoded as in `setAllocation`.
    event AllocationSet(uint256 indexed modelId, uint64 allocation);
    event PoolFunded(address indexed from, uint64 amount);
    /// @notice What burned in rounds that are over went to the burn sink.
    event BurnedSent(address indexed caller, uint64 amount);
    /// @notice `amount` in wei.
    event SurplusRecovered(address indexed to, uint256 amount);

    /* ERRORS */

    error ZeroBurnSink();
    /// @notice A unit of so many wei is not possible.
    error UnitOutOfRange(uint256 unit, uint256 minimum, uint256 maximum);
    /// @notice All tokens there are would not fit in a lane, in this unit. Both in wei.
    error SupplyTooLarge(uint256 supply, uint256 maximum);
    error LanePriceTooHigh(uint256 lanePrice, uint256 maximum);
    error ZeroAmount();
    /// @notice The amount is not a multiple of `unit` wei.
    error DustAmount(uint256 amount, uint256 unit);
    /// @notice The tournament would owe more than fits in a lane, nano-NMR.
    error LiabilitiesTooLarge(uint256 liabilities, uint256 maximum);
    /// @notice A model's first deposit must exceed the price of its lane.
    error FirstDepositTooSmall(uint256 amount, uint256 lanePrice);
    error NotModelOwner(uint256 modelId, address owner, address caller);
    /// @notice The model never had a deposit.
    error NoLane(uint256 modelId);
    error InsufficientIdle(uint256 idle, uint256 amount);
    /// @notice Nothing burned that is not sent off yet.
    error NothingBurned();
    error NoSurplus(uint256 balance, uint256 liabilities);

    /* STAKERS */

    /// @notice Adds `amount` wei to the model's idle stake, from the caller. Anybody may deposit for a model. Of its first
    /// deposit `lanePrice` goes to the pool.
    /// @dev Reverts if:
    /// - the tournament is paused (`TournamentPaused`);
    /// - the model does not exist (`ERC721NonexistentToken`);
    /// - `amount` is zero (`ZeroAmount`) or no multiple of `unit` (`DustAmount`);
    /// - all liabilities together would not fit in a lane (`LiabilitiesTooLarge`);
    /// - it is the model's first and not more than `lanePrice` (`FirstDepositTooSmall`);
    /// - the token refuses the transfer.
    function deposit(uint256 modelId, uint256 amount) external;

    /// @notice `deposit` after the token's permit. A failing permit does not matter when the allowance suffices: somebody
    /// may have sent the same permit before.
    /// @dev Reverts as `deposit` does.
    function depositWithPermit(uint256 modelId, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external;

    /// @notice Sends `amount` wei of the model's idle stake to `to`. By the model's owner, in every state, paused or not.
    /// @dev Reverts if:
    /// - the model does not exist (`ERC721NonexistentToken`) or is not the caller's (`NotModelOwner`);
    /// - the model never had a deposit (`NoLane`);
    /// - `amount` is zero (`ZeroAmount`), no multiple of `unit` (`DustAmount`) or above idle (`InsufficientIdle`);
    /// - the token refuses the transfer.
    function withdraw(uint256 modelId, uint256 amount, address to) external;

    /// @notice Sets what the model puts at risk in each round from now on. By the model's owner.
    /// @param allocation top bit (1 << 63) clear: nano-NMR, at most what is idle. Top bit set: the low bits are a share of
    /// idle in ppm. Zero: nothing, the model leaves as its rounds settle. An amount has two digits and zeros behind them,
    /// from 0.01 to 9,900,000 NMR (0.34, 3.4, 34 and 340, but not 345); a share is a multiple of 0.5 %, from 0.5 % to 100 %.
    /// @dev Reverts if the model does not exist (`ERC721NonexistentToken`), is not the caller's (`NotModelOwner`) or never
    /// had a deposit (`NoLane`), or it is no such amount or share (`AllocationCode.AllocationNotRepresentable`, which names
    /// the two nearest).
    function setAllocation(uint256 modelId, uint64 allocation) external;

    /// @notice Adds `amount` wei to the pool that payouts come from. Anybody may.
    /// @dev Reverts if `amount` is zero (`ZeroAmount`) or no multiple of `unit` (`DustAmount`), if all liabilities together
    /// would not fit in a lane (`LiabilitiesTooLarge`), or the token refuses the transfer.
    function fundPool(uint256 amount) external;

    /// @notice Sends what burned in rounds that are over to the burn sink. Anybody may, also while paused. No round waits for
    /// it: a token that refuses the sink holds up this call and no other.
    /// @dev Reverts if there is nothing to send (`NothingBurned`), or the token refuses the transfer.
    /// @return amount wei.
    function sendBurned() external returns (uint256 amount);

    /* ADMINISTRATION */

    /// @notice Sends what the tournament holds above its liabilities (tokens sent by mistake) to `to`. Restricted.
    /// @dev Reverts if there is no surplus (`NoSurplus`).
    /// @return amount wei.
    function recoverSurplus(address to) external returns (uint256 amount);

    /* VIEWS */

    /// @notice Number of lanes in use. A slot holds four.
    function laneCount() external view returns (uint256);

    /// @notice Reverts if the model never had a deposit (`NoLane`).
    function laneOf(uint256 modelId) external view returns (uint256);

    /// @notice The model in a lane; zero if the lane is not in use.
    function modelAt(uint256 lane) external view returns (uint256 modelId);

    /// @notice The models of `count` lanes from `fromLane` on; fewer where lanes in use end.
    function modelsAt(uint256 fromLane, uint256 count) external view returns (uint256[] memory);

    /// @notice The model's liquid stake, nano-NMR; zero if it never had a deposit.
    function idleOf(uint256 modelId) external view returns (uint64);

    /// @notice Encoded as in `setAllocation`; zero if the model never had a deposit.
    function allocationOf(uint256 modelId) external view returns (uint64);

    /// @notice The packed words of `count` slots from `fromSlot` on, stakes and codes; fewer where slots in use end.
    function slots(uint256 fromSlot, uint256 count) external view returns (uint256[] memory);

    /// @notice What payouts may still be reserved from, nano-NMR.
    function pool() external view returns (uint64);

    /// @notice Reserved for payouts of rounds that are settling and not paid yet, nano-NMR.
    function reserved() external view returns (uint64);

    /// @notice What burned in rounds that are over and is not sent off yet, nano-NMR.
    function burnable() external view returns (uint64);

    /// @notice All that the tournament owes, nano-NMR: pool, reserved, burnable, idle, and positions of rounds not settled yet
    /// (with what burned of them until the round is over).
    function liabilities() external view returns (uint64);

    function token() external view returns (IERC20);

    function registry() external view returns (IModelRegistry);

    /// @notice Where burned stake goes. See IBurnSink.
    function burnSink() external view returns (address);

    /// @notice wei in one unit: fixed at deployment, so that the token's supply fits in a lane.
    function unit() external view returns (uint256);

    /// @notice What a model's first deposit pays into the pool, nano-NMR: fixed at deployment. It does not come back, so that
    /// lanes that no model plays in cost whoever opens them.
    function lanePrice() external view returns (uint64);
}
