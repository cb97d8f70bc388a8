// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ScoreProof} from "../../../contracts/lib/ScoreProof.sol";
import {ScoreWalk} from "../../../contracts/lib/ScoreWalk.sol";

/// @title ScoreWalkProof
/// @notice The steps that ScoreWalk rests on, each for all inputs of three ids: a walk takes the sorted order and no other,
/// wherever it is cut, reads the table and its mirror image, and its sums come apart. Products of unknown numbers are tried in
/// tests/proofs/test_score_walk.py, against ScoreProof.
contract ScoreWalkProof {
    /* ORDER */

    /// @dev Targets and ranks are zero. All six permutations, and four that are none; without a cut, and cut at both places.
    function check_walkOn_takes_only_the_sorted_permutation_of_three(
        uint64[3] calldata values,
        uint8 order,
        uint8 cut
    ) external view {
        require(cut < 3);
        for (uint8 i; i < 10; ++i) {
            if (order != i) continue;
            for (uint8 j; j < 3; ++j) {
                if (cut == j) _check(values, _order(i), j);
            }
        }
    }

    function _check(uint64[3] calldata values, uint8[3] memory ids, uint256 cut) private view {
        bytes memory predictions = abi.encodePacked(values[0], values[1], values[2]);
        bytes memory order = abi.encodePacked(uint16(ids[0]), uint16(ids[1]), uint16(ids[2]));
        bool taken = true;
        try this.sums(predictions, order, cut, new bytes(24), new bytes(24), new bytes(12)) {}
        catch {
            taken = false;
        }
        assert(taken == _isSorted(values, ids));
    }

    /* TABLE */

    /// @dev Of three ids without ties the ranks are 1, 3 and 5, of which 5 is the mirror image of 1: what is left is 3, which a
    /// table has as zero; here it is any number. The meta model has one rank of each half, and the odd or even one given.
    function check_walkOn_looks_ranks_up_in_the_table_and_its_mirror_image_and_closes_groups(
        uint48[6] calldata given,
        uint8 rank
    ) external view {
        for (uint8 i = 1; i < 6; ++i) {
            if (rank != i) continue;
            bytes memory records = abi.encodePacked(uint16(0), uint16(i), uint16(0), uint16(3), uint16(0), uint16(3), uint96(0));
            bytes memory odd = abi.encodePacked(given[0], given[1], given[2], given[3]);
            bytes memory even = abi.encodePacked(given[4], given[5]);
            bytes memory predictions = abi.encodePacked(uint64(1), uint64(2), uint64(3));
            ScoreProof.Sums memory found =
                this.sums(predictions, abi.encodePacked(uint16(0), uint16(1), uint16(2)), 0, records, odd, even);
            assert(found.x == int256(uint256(given[2])) && found.q == int256(uint256(given[3])));
            int256 near = int256(uint256(i == 3 ? given[3] : i % 2 == 0 ? given[5] : given[1]));
            assert(found.m == (i < 3 ? -near : near) + 2 * int256(uint256(given[3])));
        }
    }

    /* SUMS SIDE BY SIDE */

    function check_sumsOf_takes_lowerOf_and_upperOf_apart(
        int128[8] calldata parts,
        uint128[2] calldata squares,
        int64[2] calldata singles,
        int128 m
    ) external pure {
        for (uint256 i; i < 8; ++i) {
            require(parts[i] > type(int128).min);
        }
        ScoreWalk.Walk memory walk;
        walk.place = 3;
        unchecked {
            walk.xt = uint256(int256(parts[0]) + (int256(parts[1]) << 128));
            walk.qg = uint256(int256(parts[2]) + (int256(parts[3]) << 128));
            walk.mg = uint256(int256(parts[4]) + (int256(parts[5]) << 128));
            walk.squares = uint256(squares[0]) + (uint256(squares[1]) << 128);
            walk.singles = uint256(int256(singles[0]) + (int256(singles[1]) << 64) + (int256(m) << 128));
        }
        walk.q = uint256(int256(parts[6]));
        walk.tt = uint256(int256(parts[7]));
        ScoreProof.Sums memory found = ScoreWalk.sumsOf(walk, 3);
        assert(found.xt == parts[0] && found.x == parts[1] && found.qu == parts[2] && found.qm == parts[3]);
        assert(found.mu == parts[4] && found.mm == parts[5] && found.q == parts[6] && found.tt == parts[7]);
        assert(found.xx == int256(uint256(squares[0])) && found.qq == int256(uint256(squares[1])));
        assert(found.u == singles[0] && found.t == singles[1] && found.m == m);
    }

    function check_sumsOf_a_walk_that_has_not_ended_do_not_exist(uint16 place, uint16 n) external view {
        require(place != n);
        ScoreWalk.Walk memory walk;
        walk.place = place;
        try this.sumsOf(walk, n) {
            assert(false);
        } catch {}
    }

    /* LIBRARY, whose bytes lie in calldata */

    function sums(
        bytes calldata predictions,
        bytes calldata order,
        uint256 cut,
        bytes calldata records,
        bytes calldata odd,
        bytes calldata even
    ) external pure returns (ScoreProof.Sums memory) {
        ScoreWalk.Walk memory walk;
        // Behind the records stands a palette of zero alone.
        if (cut != 0) {
            ScoreWalk.walkOn(3, walk, predictions, order[:2 * cut], records[:12], records[12:], odd, even);
        }
        ScoreWalk.walkOn(3, walk, predictions, order[2 * cut:], records[:12], records[12:], odd, even);
        return ScoreWalk.sumsOf(walk, 3);
    }

    function sumsOf(ScoreWalk.Walk memory walk, uint256 n) external pure returns (ScoreProof.Sums memory) {
        return ScoreWalk.sumsOf(walk, n);
    }

    /* PRIVATE */

    function _order(uint256 number) private pure returns (uint8[3] memory) {
        if (number == 0) return [0, 1, 2];
        if (number == 1) return [0, 2, 1];
        if (number == 2) return [1, 0, 2];
        if (number == 3) return [1, 2, 0];
        if (number == 4) return [2, 0, 1];
        if (number == 5) return [2, 1, 0];
        if (number == 6) return [0, 0, 1];
        if (number == 7) return [1, 1, 1];
        if (number == 8) return [0, 1, 3];
        return [3, 2, 1];
    }

    function _isSorted(uint64[3] calldata values, uint8[3] memory ids) private pure returns (bool) {
        if (ids[0] > 2 || ids[1] > 2 || ids[2] > 2) return false;
        if (ids[0] == ids[1] || ids[0] == ids[2] || ids[1] == ids[2]) return false;
        if (values[ids[2]] > ScoreProof.INFINITY) return false;
        return _isBefore(values, ids[0], ids[1]) && _isBefore(values, ids[1], ids[2]);
    }

    function _isBefore(uint64[3] calldata values, uint256 first, uint256 second) private pure returns (bool) {
        return values[first] < values[second] || (values[first] == values[second] && first < second);
    }
}
