// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MetaProof} from "../../contracts/lib/MetaProof.sol";
import {ScoreProof} from "../../contracts/lib/ScoreProof.sol";
import {ScoreWalk} from "../../contracts/lib/ScoreWalk.sol";

/// @title ScoreProofHarness
/// @notice Many submissions of one round in one call, each through ScoreProof as the court goes through it.
contract ScoreProofHarness {
    struct Round {
        uint256 n;
        uint256 shift;
        uint256 exponent;
        uint256 burn;
        int256 corrMultiplier;
        int256 mmcMultiplier;
        bytes odd;
        bytes even;
        bytes records;
        bytes palette;
    }

    struct Submission {
        bytes predictions;
        bytes order;
    }

    struct Found {
        bool corrExists;
        bool mmcExists;
        int256 corr;
        int256 mmc;
        uint256 leastOwn;
        uint256 largestOwn;
        int256 reward;
        int256 otherReward;
    }

    function score(Round calldata round, Submission[] calldata submissions)
        external
        pure
        returns (Found[] memory found)
    {
        found = new Found[](submissions.length);
        uint256 table = ScoreProof.unfold(round.n, round.odd, round.even);
        for (uint256 i; i < found.length; ++i) {
            uint256 free;
            assembly ("memory-safe") {
                free := mload(0x40)
            }
            _score(found[i], round, _sums(round, submissions[i], table));
            // What one submission took is the next one's: else memory would cost more than all the rest.
            assembly ("memory-safe") {
                mstore(0x40, free)
            }
        }
    }

    function sums(Round calldata round, Submission calldata submission) external pure returns (ScoreProof.Sums memory) {
        return _sums(round, submission, ScoreProof.unfold(round.n, round.odd, round.even));
    }

    /// @notice The sums by a walk that is cut before the places given, in ascending order.
    function walkSums(Round calldata round, Submission calldata submission, uint256[] calldata cuts)
        external
        pure
        returns (ScoreProof.Sums memory)
    {
        ScoreWalk.Walk memory walk;
        for (uint256 i; i < cuts.length; ++i) {
            _walkTo(walk, round, submission, cuts[i]);
        }
        _walkTo(walk, round, submission, submission.order.length / 2);
        return ScoreWalk.sumsOf(walk, round.n);
    }

    function _walkTo(ScoreWalk.Walk memory walk, Round calldata round, Submission calldata submission, uint256 place)
        private
        pure
    {
        ScoreWalk.walkOn(
            round.n,
            walk,
            submission.predictions,
            submission.order[2 * walk.place:2 * place],
            round.records,
            round.palette,
            round.odd,
            round.even
        );
    }

    function hashesAfter(
        uint256 n,
        uint256[] calldata positions,
        Submission[] calldata submissions,
        bytes[] calldata sums
    ) external pure returns (bytes32[] memory found) {
        found = new bytes32[](submissions.length);
        for (uint256 i; i < found.length; ++i) {
            found[i] = MetaProof.hashAfter(n, positions[i], submissions[i].predictions, submissions[i].order, sums[i]);
        }
    }

    function isRankedBy(uint256 n, bytes calldata sums, bytes calldata order, bytes calldata records)
        external
        pure
        returns (bool)
    {
        return MetaProof.isRankedBy(n, sums, order, records);
    }

    function isWrong(int256[] calldata claimed, int256[] calldata found) external pure returns (bool[] memory wrong) {
        wrong = new bool[](found.length);
        for (uint256 i; i < found.length; ++i) {
            wrong[i] = ScoreProof.isWrong(claimed[i], found[i]);
        }
    }

    function _sums(Round calldata round, Submission calldata submission, uint256 table)
        private
        pure
        returns (ScoreProof.Sums memory)
    {
        return ScoreProof.sum(
            round.n,
            submission.predictions,
            submission.order,
            round.records,
            round.palette,
            table,
            round.even.length != 0
        );
    }

    function _score(Found memory found, Round calldata round, ScoreProof.Sums memory s) private pure {
        (found.corrExists, found.corr) = ScoreProof.correlation(s, round.n);
        (found.mmcExists, found.mmc) = ScoreProof.contribution(s, round.n, round.shift);
        (found.leastOwn, found.largestOwn) = (ScoreProof.PPM, ScoreProof.PPM);
        if (round.exponent != 0) (found.leastOwn, found.largestOwn) = ScoreProof.originality(s, round.exponent);
        if (!found.corrExists || !found.mmcExists) return;
        int256 total = found.corr * round.corrMultiplier + found.mmc * round.mmcMultiplier;
        found.reward = ScoreProof.reward(total, found.leastOwn, round.burn);
        found.otherReward = ScoreProof.reward(total, found.largestOwn, round.burn);
    }
}
