// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICourtTypes} from "../interfaces/ICourtTypes.sol";
import {PayoutMath} from "./PayoutMath.sol";
import {LANES, Uint64x4} from "./Uint64x4.sol";

/// @title DrawMath
/// @notice On which lanes a draw falls, and how their scores are silenced (scorer/proofs/demands.py).
library DrawMath {
    /// @notice Where `count` draws fall in a total, ascending.
    /// @param total above zero. It has 64 bits and a hash 256: no amount is more likely than another to be felt.
    function drawsOf(uint64 seed, bytes32 reportHash, uint256 count, uint256 total)
        internal
        pure
        returns (uint256[] memory draws)
    {
        draws = new uint256[](count);
        for (uint256 i; i < count; ++i) {
            uint256 found = uint256(keccak256(abi.encode(seed, reportHash, i))) % total;
            uint256 at = i;
            for (; at != 0 && draws[at - 1] > found; --at) {
                draws[at] = draws[at - 1];
            }
            draws[at] = found;
        }
    }

    /// @notice The lanes in whose payouts the draws fall, each once, as payouts are added up from the first chunk on.
    /// @param draws ascending.
    /// @param chunks with as many scores as lanes.
    /// @return lanes in that order.
    /// @return total of all payouts.
    function lanesOf(uint256[] memory draws, ICourtTypes.Chunk[] calldata chunks, uint256 factor, uint256 cap)
        internal
        pure
        returns (uint256[] memory lanes, uint256 total)
    {
        lanes = new uint256[](draws.length);
        uint256 count;
        uint256 next;
        for (uint256 i; i < chunks.length; ++i) {
            ICourtTypes.Chunk calldata chunk = chunks[i];
            for (uint256 slot; slot < chunk.positions.length; ++slot) {
                uint256 word = chunk.positions[slot];
                if (word == 0) continue;
                (Uint64x4 paid,) =
                    PayoutMath.outcomeOf(Uint64x4.wrap(word), PayoutMath.scoresAt(chunk.scores, slot), factor, cap);
                uint256 end = total + paid.sum();
                for (; next < draws.length && draws[next] < end; ++next) {
                    uint256 lane = (chunk.fromSlot + slot) * LANES + _laneAt(paid, draws[next] - total);
                    if (count == 0 || lanes[count - 1] != lane) lanes[count++] = lane;
                }
                total = end;
            }
        }
        shorten(lanes, count);
    }

    /// @notice Sets one lane of a chunk's packed scores to zero.
    /// @param slot, lane counted from the chunk's and the slot's beginning.
    function silence(bytes memory scores, uint256 slot, uint256 lane) internal pure {
        // The word of 12 bytes is big-endian: its last lane comes first.
        uint256 at = slot * PayoutMath.SCORE_BYTES + 3 * (LANES - 1 - lane);
        (scores[at], scores[at + 1], scores[at + 2]) = (0, 0, 0);
    }

    /// @notice Drops the words of an array behind the first `count`.
    function shorten(uint256[] memory words, uint256 count) internal pure {
        assembly ("memory-safe") {
            mstore(words, count)
        }
    }

    /// @param at below the sum of the lanes.
    function _laneAt(Uint64x4 paid, uint256 at) private pure returns (uint256 lane) {
        uint256 end = paid.lane(0);
        while (end <= at) {
            end += paid.lane(++lane);
        }
    }
}
