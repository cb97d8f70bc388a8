// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IRoller} from "./interfaces/IRoller.sol";
import {ITournament} from "./interfaces/ITournament.sol";

/// @title Roller
/// @notice See IRoller. It holds nothing, and its role lets it do no more than lock.
contract Roller is IRoller, AccessManaged {
    constructor(address authority) AccessManaged(authority) {}

    /// @inheritdoc IRoller
    function roll(ITournament tournament, Settle[] calldata settles, Lock[] calldata locks) external restricted {
        for (uint256 i; i < settles.length; ++i) {
            _settle(tournament, settles[i]);
        }
        for (uint256 i; i < locks.length; ++i) {
            tournament.lock(locks[i].roundId, locks[i].fromSlot, locks[i].bitmap);
        }
    }

    function _settle(ITournament tournament, Settle calldata chunk) private {
        try tournament.settle(
            chunk.roundId,
            chunk.fromSlot,
            chunk.previousPositionsHead,
            chunk.positions,
            chunk.previousScoresHead,
            chunk.scores
        ) {}
        catch (bytes memory reason) {
            if (reason.length == 0) revert SettleRanOut(chunk.roundId, chunk.fromSlot);
            emit SettleRefused(chunk.roundId, chunk.fromSlot, reason);
        }
    }
}
