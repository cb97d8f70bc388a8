// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CourtReader} from "./CourtReader.sol";
import {ITournament} from "./interfaces/ITournament.sol";
import {Report} from "./interfaces/Report.sol";
import {ScoreProof} from "./lib/ScoreProof.sol";

/// @title RewardReader
/// @notice The part of ScoreCourt and of StagedCourt that knows what a report claims of a lane, and what a model's sums make of
/// its reward score.
abstract contract RewardReader is CourtReader {
    /// @dev What the report claims of a lane with a position.
    function _stakedClaim(ITournament.Round memory r, Report calldata report, Place calldata place)
        internal
        pure
        returns (int256 claimed)
    {
        uint256 position;
        (position, claimed) = _read(place, r.positionsHead, report.scoresHead);
        if (position == 0) revert WrongPosition(place.lane, position);
    }

    /// @dev The reward score, in units of 2^-64 ppm, for the least and for the largest originality factor that the scorer may
    /// find. Zero where a score of the rules does not exist, whatever its multiplier.
    function _reward(Evidence calldata evidence, ScoreProof.Sums[] memory sums)
        internal
        pure
        returns (int256 least, int256 largest)
    {
        Terms calldata terms = evidence.terms;
        int256 total;
        for (uint256 i; i < terms.factors.length; ++i) {
            Factor calldata factor = terms.factors[i];
            (bool exists, int256 score) =
                _score(factor.score, sums[factor.vector], terms.ids, evidence.vectors[factor.vector].shift);
            if (!exists) return (0, 0);
            total += score * factor.multiplier;
        }
        (uint256 leastOwn, uint256 largestOwn) = (ScoreProof.PPM, ScoreProof.PPM);
        if (terms.originality != 0) (leastOwn, largestOwn) = ScoreProof.originality(sums[0], terms.originality);
        least = ScoreProof.reward(total, leastOwn, terms.burn);
        largest = ScoreProof.reward(total, largestOwn, terms.burn);
    }

    function _score(uint256 score, ScoreProof.Sums memory sums, uint256 n, uint256 shift)
        private
        pure
        returns (bool, int256)
    {
        if (score == CORRELATION) return ScoreProof.correlation(sums, n);
        if (score == CONTRIBUTION || score == BENCHMARK_CONTRIBUTION) return ScoreProof.contribution(sums, n, shift);
        revert UnknownScore(score);
    }
}
