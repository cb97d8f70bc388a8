// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ITournament} from "./ITournament.sol";

/// @title IRoller
/// @notice Settles chunks of one round and locks the same slots for another in one transaction: what returns to a slot and
/// leaves it again costs less than half of what it does apart.
///
/// What returns is locked again at once: whoever wants their stake out sets the allocation to zero before.
interface IRoller {
    /// @notice The arguments of `ITournament.settle`.
    struct Settle {
        uint256 roundId;
        uint256 fromSlot;
        bytes32 previousPositionsHead;
        uint256[] positions;
        bytes32 previousScoresHead;
        bytes scores;
    }

    /// @notice The arguments of `ITournament.lock`.
    struct Lock {
        uint256 roundId;
        uint256 fromSlot;
        bytes bitmap;
    }

    /// @notice A chunk was not settled, and the rest went on: mostly, somebody had settled it before.
    event SettleRefused(uint256 indexed roundId, uint256 fromSlot, bytes reason);

    /// @notice A settlement ended without a reason: it ran out of gas. Nothing is done then: an estimate of gas would
    /// otherwise find so little that only the locks succeed.
    error SettleRanOut(uint256 roundId, uint256 fromSlot);

    /// @notice Settles, then locks. Restricted: whoever may lock may roll. Holds the operator's role itself.
    /// @dev A settlement may be refused (`SettleRefused`): anybody may have made it first. Every lock must succeed, and its
    /// error is passed on.
    function roll(ITournament tournament, Settle[] calldata settles, Lock[] calldata locks) external;
}
