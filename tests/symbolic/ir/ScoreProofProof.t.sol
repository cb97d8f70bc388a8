// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ScoreProof} from "../../../contracts/lib/ScoreProof.sol";

/// @title ScoreProofProof
/// @notice The steps that ScoreProof rests on, each for all inputs: orders that it takes are the sorted ones and no others,
/// tables unfold to their mirror images, sums side by side come apart, and only what is further than the tolerance is wrong.
/// Loops are proved for three ids, or four ranks: every further turn is the same as one of these.
contract ScoreProofProof {
    uint256 private constant TOP_64 = 0xffffffffffffffff << 192;

    /* ORDER */

    /// @dev Targets and ranks are zero: what is proved is which orders are taken, with and without even ranks. All six
    /// permutations, and four that are none.
    function check_sum_takes_only_the_sorted_permutation_of_three(uint64[3] calldata values, uint8 order, bool hasEven)
        external
        view
    {
        // A path for each, as the prover reads calldata at known places only.
        if (order == 0) _check(values, [0, 1, 2], hasEven);
        else if (order == 1) _check(values, [0, 2, 1], hasEven);
        else if (order == 2) _check(values, [1, 0, 2], hasEven);
        else if (order == 3) _check(values, [1, 2, 0], hasEven);
        else if (order == 4) _check(values, [2, 0, 1], hasEven);
        else if (order == 5) _check(values, [2, 1, 0], hasEven);
        else if (order == 6) _check(values, [0, 0, 1], hasEven);
        else if (order == 7) _check(values, [1, 1, 1], hasEven);
        else if (order == 8) _check(values, [0, 1, 3], hasEven);
        else if (order == 9) _check(values, [3, 2, 1], hasEven);
    }

    function _check(uint64[3] calldata values, uint8[3] memory ids, bool hasEven) private view {
        bytes memory predictions = abi.encodePacked(values[0], values[1], values[2]);
        bytes memory order = abi.encodePacked(uint16(ids[0]), uint16(ids[1]), uint16(ids[2]));
        bool taken = true;
        try this.sum(predictions, order, hasEven) {}
        catch {
            taken = false;
        }
        assert(taken == _isSorted(values, ids, hasEven));
    }

    function _isSorted(uint64[3] calldata values, uint8[3] memory ids, bool tiesAllowed) private pure returns (bool) {
        if (ids[0] > 2 || ids[1] > 2 || ids[2] > 2) return false;
        if (ids[0] == ids[1] || ids[0] == ids[2] || ids[1] == ids[2]) return false;
        if (values[ids[2]] > ScoreProof.INFINITY) return false;
        return _isBefore(values, ids[0], ids[1], tiesAllowed) && _isBefore(values, ids[1], ids[2], tiesAllowed);
    }

    function _isBefore(uint64[3] calldata values, uint256 first, uint256 second, bool tiesAllowed)
        private
        pure
        returns (bool)
    {
        return values[first] < values[second] || (tiesAllowed && values[first] == values[second] && first < second);
    }

    function sum(bytes calldata predictions, bytes calldata order, bool hasEven) external view {
        this.sumWith(predictions, order, new bytes(12), new bytes(12), hasEven);
    }

    function sumWith(
        bytes calldata predictions,
        bytes calldata order,
        bytes calldata records,
        bytes calldata palette,
        bool hasEven
    ) external pure {
        uint256 table;
        assembly ("memory-safe") {
            table := mload(0x40)
            mstore(0x40, add(table, 0x100))
        }
        ScoreProof.sum(3, predictions, order, records, palette, table, hasEven);
    }

    /// @dev Keys as they are compared where there are ties.
    function check_keys_ascend_as_prediction_and_id_do(uint256 word, uint256 other, uint16 id, uint16 otherId)
        external
        pure
    {
        uint256 key = (word & TOP_64) | id;
        uint256 next = (other & TOP_64) | otherId;
        (uint256 value, uint256 nextValue) = (word >> 192, other >> 192);
        assert((next > key) == (nextValue > value || (nextValue == value && otherId > id)));
        assert((key ^ next > 0xffff) == (value != nextValue));
    }

    /* RANK TABLE */

    /// @dev Four ids: doubled ranks 1, 3 and 2, 4; 4 is the middle, where the table says zero.
    function check_unfold_keeps_fieldsOf_the_upper_half_and_has_them_negated_in_the_lower(
        uint48[5] calldata given,
        uint8 rank
    ) external view {
        require(rank > 0 && rank < 8);
        bytes memory odd = abi.encodePacked(given[0], given[1], given[2], given[3]);
        bytes memory even = abi.encodePacked(given[4], given[4] ^ 1, uint96(0));
        int256 q;
        int256 x;
        for (uint8 i = 1; i < 8; ++i) {
            if (rank == i) (q, x) = this.entryOf(odd, even, i);
        }
        uint256 near = rank < 4 ? rank : 8 - rank;
        int256 expectedX;
        int256 expectedQ;
        if (near == 1) (expectedX, expectedQ) = (int256(uint256(given[0])), int256(uint256(given[1])));
        if (near == 2) (expectedX, expectedQ) = (int256(uint256(given[4])), int256(uint256(given[4] ^ 1)));
        if (near == 3) (expectedX, expectedQ) = (int256(uint256(given[2])), int256(uint256(given[3])));
        unchecked {
            if (rank < 4) (expectedX, expectedQ) = (-expectedX, -expectedQ);
        }
        assert(x == expectedX && q == expectedQ);
    }

    function entryOf(bytes calldata odd, bytes calldata even, uint256 rank) external pure returns (int256 q, int256 x) {
        uint256 table = ScoreProof.unfold(4, odd, even);
        assembly ("memory-safe") {
            let entry := mload(add(table, shl(4, rank)))
            q := sar(192, entry)
            x := sar(192, shl(64, entry))
        }
    }

    /* SUMS SIDE BY SIDE */

    function check_two_sums_come_apart(int128 low, int128 high) external pure {
        require(low > type(int128).min && high > type(int128).min);
        int256 lower;
        int256 upper;
        assembly ("memory-safe") {
            let both := add(low, shl(128, high))
            lower := signextend(15, both)
            upper := sar(128, sub(both, lower))
        }
        assert(lower == low && upper == high);
    }

    function check_three_sums_come_apart(int64 u, int64 t, int128 m) external pure {
        int256 first;
        int256 second;
        int256 third;
        assembly ("memory-safe") {
            let all := add(u, add(shl(64, t), shl(128, m)))
            first := signextend(7, all)
            all := sub(all, first)
            second := signextend(7, shr(64, all))
            third := sar(128, sub(all, shl(64, second)))
        }
        assert(first == u && second == t && third == m);
    }

    /* SCORES THAT DO NOT EXIST */

    function check_correlation_of_one_value_for_all_ids_does_not_exist(uint64 tt) external pure {
        ScoreProof.Sums memory sums;
        sums.tt = int256(uint256(tt));
        (bool exists,) = ScoreProof.correlation(sums, 2);
        assert(!exists);
    }

    function check_contribution_of_one_value_for_all_ids_does_not_exist(int64 u, int64 mu, uint64 qq, uint64 mm)
        external
        pure
    {
        require(qq == 0 || mm == 0);
        ScoreProof.Sums memory sums;
        (sums.u, sums.mu) = (u, mu);
        (sums.qq, sums.mm) = (int256(uint256(qq)), int256(uint256(mm)));
        (bool exists,) = ScoreProof.contribution(sums, 2, 64);
        assert(!exists);
    }

    function check_originality_is_whole_where_the_meta_model_explains_nothing(int128 qm, uint128 qq, uint128 mm)
        external
        pure
    {
        require(qm <= 0 || qq == 0 || mm == 0);
        ScoreProof.Sums memory sums;
        (sums.qm, sums.qq, sums.mm) = (qm, int256(uint256(qq)), int256(uint256(mm)));
        (uint256 least, uint256 largest) = ScoreProof.originality(sums, 2);
        assert(least == ScoreProof.PPM && largest == ScoreProof.PPM);
    }

    /* DIGESTS */

    function check_hashOf_is_keccak_and_leaves_memory_as_it_was(bytes32 a, bytes32 b, bytes32 c, uint256 held)
        external
        view
    {
        uint256[] memory before = new uint256[](1);
        before[0] = held;
        bytes memory data = abi.encodePacked(a, b, c, uint8(7));
        assert(this.hashOf(data) == keccak256(data));
        assert(before[0] == held);
    }

    function hashOf(bytes calldata data) external pure returns (bytes32) {
        return ScoreProof.hashOf(data);
    }

    /* REWARD */

    function check_isWrong_is_what_is_further_than_the_tolerance(int24 claimed, int88 found) external pure {
        int256 difference = (int256(claimed) << 64) - found;
        uint256 distance = uint256(difference < 0 ? -difference : difference);
        assert(ScoreProof.isWrong(claimed, found) == (distance > 1 << 64));
    }

    /// @dev What lies between is tried in tests/proofs: no solver divides products of unknown numbers.
    function check_reward_of_nothing_is_nothing(int128 total, uint24 own, uint24 burn) external pure {
        assert(ScoreProof.reward(0, own, burn) == 0);
        assert(ScoreProof.reward(total, 0, burn) == 0);
    }

    function check_isInForm_of_records_that_name_places_and_ranks(uint16[4] calldata fields, uint8 entries)
        external
        view
    {
        require(entries < 4);
        bytes memory records = abi.encodePacked(fields[0], fields[1], fields[2], fields[3]);
        bool inForm = fields[0] < entries && fields[2] < entries && fields[1] > 0 && fields[1] < 4 && fields[3] > 0
            && fields[3] < 4;
        for (uint8 i; i < 4; ++i) {
            if (entries == i) assert(this.isInForm(records, new bytes(12 * uint256(i))) == inForm);
        }
    }

    function isInForm(bytes calldata records, bytes calldata palette) external pure returns (bool) {
        return ScoreProof.isInForm(2, records, palette);
    }
}
