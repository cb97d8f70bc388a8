// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICourtTypes} from "../../../contracts/interfaces/ICourtTypes.sol";
import {DrawMath} from "../../../contracts/lib/DrawMath.sol";

/// @title DrawMathProof
/// @notice Draws lie below the total and ascend; each falls on a lane that is paid, and a lane is named once; silence takes a
/// lane's score and no other's.
contract DrawMathProof {
    /// @dev A lane of 1e6 units in each lane of two slots.
    uint256 private constant POSITIONS = 0xf4240_00000000000f4240_00000000000f4240_00000000000f4240;

    function check_drawsOf_lie_below_the_total_and_ascend(uint64 seed, bytes32 reportHash) external pure {
        uint256[] memory draws = DrawMath.drawsOf(seed, reportHash, 3, 1000);
        assert(draws.length == 3);
        assert(draws[0] <= draws[1] && draws[1] <= draws[2] && draws[2] < 1000);
    }

    /// @dev 30,000 of lane 4, 20,000 of lane 5, a burn of lane 6, nothing of lane 7, and 50,000 of lane 11.
    function check_lanesOf_name_the_lane_in_whose_payout_a_draw_lies(uint256 low, uint256 high) external view {
        require(low <= high && high < 100_000);
        uint256[] memory draws = new uint256[](2);
        (draws[0], draws[1]) = (low, high);
        (uint256[] memory lanes, uint256 total) = this.lanesOf(draws, _chunks());
        assert(total == 100_000);
        (uint256 first, uint256 last) = (_laneOf(low), _laneOf(high));
        assert(lanes.length == (first == last ? 1 : 2));
        assert(lanes[0] == first && lanes[lanes.length - 1] == last);
    }

    /// @dev A place each, as the prover writes memory at known places only.
    function check_silence_takes_one_score_and_no_other(bytes24 scores) external pure {
        for (uint256 place; place < 8; ++place) {
            bytes memory packed = bytes.concat(scores);
            DrawMath.silence(packed, place / 4, place % 4);
            // Both words of 96 bits, the first in the upper half.
            uint256 shift = 96 * (1 - place / 4) + 24 * (place % 4);
            assert(uint192(bytes24(packed)) == uint192(scores) & ~(uint256(0xffffff) << shift));
        }
    }

    function check_shorten_keeps_what_comes_first(uint256 a, uint256 b, uint256 c) external pure {
        uint256[] memory words = new uint256[](3);
        (words[0], words[1], words[2]) = (a, b, c);
        DrawMath.shorten(words, 2);
        assert(words.length == 2 && words[0] == a && words[1] == b);
    }

    function lanesOf(uint256[] memory draws, ICourtTypes.Chunk[] calldata chunks)
        external
        pure
        returns (uint256[] memory lanes, uint256 total)
    {
        return DrawMath.lanesOf(draws, chunks, 1e6, 1e6);
    }

    function _chunks() private pure returns (ICourtTypes.Chunk[] memory chunks) {
        chunks = new ICourtTypes.Chunk[](1);
        chunks[0].fromSlot = 1;
        chunks[0].positions = new uint256[](2);
        (chunks[0].positions[0], chunks[0].positions[1]) = (POSITIONS, POSITIONS);
        chunks[0].scores = hex"000000ffb1e0004e2000753000c350000000000000000000";
    }

    function _laneOf(uint256 draw) private pure returns (uint256) {
        if (draw < 30_000) return 4;
        return draw < 50_000 ? 5 : 11;
    }
}
