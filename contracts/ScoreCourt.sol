// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CourtRecords} from "./CourtRecords.sol";
import {RewardReader} from "./RewardReader.sol";
import {IMetaCourt} from "./interfaces/IMetaCourt.sol";
import {IScoreCourt} from "./interfaces/IScoreCourt.sol";
import {ITournament} from "./interfaces/ITournament.sol";
import {Report} from "./interfaces/Report.sol";
import {PayoutMath} from "./lib/PayoutMath.sol";
import {ScoreProof} from "./lib/ScoreProof.sol";
import {SubmissionTree} from "./lib/SubmissionTree.sol";
import {Uint64x4} from "./lib/Uint64x4.sol";

/// @title ScoreCourt
/// @notice See IScoreCourt. Nobody owns it, and nothing of it changes: another scoring version has another court.
contract ScoreCourt is CourtRecords, RewardReader {
    /* STORAGE */

    /// @inheritdoc IScoreCourt
    bytes32 public immutable tables;

    /* CONSTRUCTOR */

    /// @param tables_ root of the tree of rank tables, which anybody can compute again (scorer/proofs/tree.py).
    constructor(bytes32 tables_, IMetaCourt meta_, address[] memory siblings_, bool slashes_)
        CourtRecords(meta_, siblings_, slashes_)
    {
        tables = tables_;
    }

    /* PROVING */

    /// @inheritdoc IScoreCourt
    function disproveScore(
        address tournament,
        Evidence calldata evidence,
        Place calldata place,
        Submission calldata submission,
        Inputs calldata inputs
    ) external {
        _requireUnstaged();
        _requireCommitted();
        (int256 claimed, int256 least, int256 largest) = scoreOf(tournament, evidence, place, submission, inputs);
        // Where the scorer may have rounded the originality factor either way, both must be far from what is claimed.
        if (!ScoreProof.isWrong(claimed, least) || !ScoreProof.isWrong(claimed, largest)) {
            revert NotWrong(claimed, least, largest);
        }
        _condemn(tournament, evidence.report, msg.sender);
    }

    /// @inheritdoc IScoreCourt
    function disproveRefused(
        address tournament,
        Report calldata report,
        Place calldata place,
        Submission calldata submission
    ) external {
        _requireCommitted();
        ITournament.Round memory r = ITournament(tournament).round(report.roundId);
        int256 claimed = _stakedClaim(r, report, place);
        _requireModel(submission, ITournament(tournament).modelAt(place.lane));
        _requireInTree(submission, r.submissionsRoot);
        // Only one counts, whatever else was sealed.
        if (submission.verdict == 1) revert WrongVerdict(submission.verdict);
        _requireNotZero(claimed);
        _condemn(tournament, report, msg.sender);
    }

    /// @inheritdoc IScoreCourt
    function disproveAbsent(address tournament, Report calldata report, Place calldata place, Gap calldata gap)
        external
    {
        _requireCommitted();
        ITournament.Round memory r = ITournament(tournament).round(report.roundId);
        int256 claimed = _stakedClaim(r, report, place);
        _requireGap(gap, ITournament(tournament).modelAt(place.lane), r.submissionsRoot);
        _requireNotZero(claimed);
        _condemn(tournament, report, msg.sender);
    }

    /// @inheritdoc IScoreCourt
    function disproveUnstaked(address tournament, Report calldata report, Place calldata place) external {
        _requireCommitted();
        ITournament.Round memory r = ITournament(tournament).round(report.roundId);
        (uint256 position, int256 claimed) = _read(place, r.positionsHead, report.scoresHead);
        if (position != 0) revert WrongPosition(place.lane, position);
        _requireNotZero(claimed);
        _condemn(tournament, report, msg.sender);
    }

    /// @inheritdoc IScoreCourt
    function disproveTotals(address tournament, Report calldata report, Chunk[] calldata chunks) external {
        _requireCommitted();
        ITournament.Round memory r = ITournament(tournament).round(report.roundId);
        _requireHeads(chunks, r.positionsHead, report.scoresHead);
        if (_haveAllScores(chunks)) {
            (uint256 payout, uint256 burn) = _totals(chunks, r.payoutFactor, r.cap);
            if (payout == report.totalPayout && burn == report.totalBurn) {
                revert NotWrong(int256(payout), int256(payout), int256(burn));
            }
        }
        _condemn(tournament, report, msg.sender);
    }

    /// @inheritdoc IScoreCourt
    function condemn(address tournament, Report calldata report, address prover) external {
        if (!_isSibling(msg.sender)) revert NotSibling(msg.sender);
        _condemn(tournament, report, prover);
    }

    /// @inheritdoc IScoreCourt
    function scoreOf(
        address tournament,
        Evidence calldata evidence,
        Place calldata place,
        Submission calldata submission,
        Inputs calldata inputs
    ) public view returns (int256 claimed, int256 least, int256 largest) {
        ITournament.Round memory r = ITournament(tournament).round(evidence.report.roundId);
        _requireEvidence(evidence, r.termsHash);
        _requireVectors(evidence, inputs.records, inputs.palettes);
        claimed = _stakedClaim(r, evidence.report, place);
        _requireModel(submission, ITournament(tournament).modelAt(place.lane));
        _requireCounting(submission, inputs.predictions, r.universe, r.submissionsRoot);
        uint256 table = _unfold(evidence.terms.ids, inputs);
        (least, largest) = _reward(evidence, _sums(evidence.terms.ids, inputs, table));
    }

    /* INTERNAL: scores */

    /// @dev The rank table in memory, if it is the one of so many ids.
    function _unfold(uint256 n, Inputs calldata inputs) private view returns (uint256 table) {
        bytes32 even = inputs.even.length == 0 ? inputs.evenHash : ScoreProof.hashOf(inputs.even);
        bytes32 leaf = SubmissionTree.leafOf(abi.encode(n, ScoreProof.hashOf(inputs.odd), even));
        table = ScoreProof.unfold(n, inputs.odd, inputs.even);
        bytes32 root = SubmissionTree.rootOf(leaf, n - 2, inputs.tableSiblings);
        if (root != tables) revert OtherTable(root, tables);
    }

    function _sums(uint256 n, Inputs calldata inputs, uint256 table)
        private
        pure
        returns (ScoreProof.Sums[] memory sums)
    {
        sums = new ScoreProof.Sums[](inputs.records.length);
        for (uint256 i; i < sums.length; ++i) {
            sums[i] = ScoreProof.sum(
                n,
                inputs.predictions,
                inputs.order,
                inputs.records[i],
                inputs.palettes[i],
                table,
                inputs.even.length != 0
            );
        }
    }

    /* INTERNAL: lanes */

    /// @dev Scores of chunks with as many lanes as scores were checked to add up to the heads.
    function _totals(Chunk[] calldata chunks, uint256 factor, uint256 cap)
        private
        pure
        returns (uint256 payout, uint256 burn)
    {
        uint256 payouts;
        uint256 burns;
        // As in `Tournament`: both are at most the positions, whose sum fits in a lane.
        unchecked {
            for (uint256 i; i < chunks.length; ++i) {
                for (uint256 j; j < chunks[i].positions.length; ++j) {
                    (Uint64x4 paid, Uint64x4 burned) = PayoutMath.outcomeOf(
                        Uint64x4.wrap(chunks[i].positions[j]), PayoutMath.scoresAt(chunks[i].scores, j), factor, cap
                    );
                    payouts += Uint64x4.unwrap(paid);
                    burns += Uint64x4.unwrap(burned);
                }
            }
        }
        payout = Uint64x4.wrap(payouts).sum();
        burn = Uint64x4.wrap(burns).sum();
    }

    function _haveAllScores(Chunk[] calldata chunks) private pure returns (bool) {
        for (uint256 i; i < chunks.length; ++i) {
            if (chunks[i].scores.length != PayoutMath.SCORE_BYTES * chunks[i].positions.length) return false;
        }
        return true;
    }

    function _requireNotZero(int256 claimed) private pure {
        if (claimed == 0) revert NotWrong(0, 0, 0);
    }

    /* INTERNAL: submissions */

    /// @dev Reverts unless no leaf of the tree is the model's, as leaves ascend by model.
    function _requireGap(Gap calldata gap, uint256 modelId, bytes32 expected) private pure {
        Submission calldata left = gap.left;
        Submission calldata right = gap.right;
        if (gap.hasLeft) {
            _requireInTree(left, expected);
            if (left.modelId >= modelId) revert NoGap(modelId);
        }
        if (gap.hasRight) {
            _requireInTree(right, expected);
            if (right.modelId <= modelId) revert NoGap(modelId);
        }
        if (gap.hasLeft && gap.hasRight) {
            // Of one tree, which is perfect, all leaves are as deep.
            if (right.index != left.index + 1) revert NoGap(modelId);
        } else if (gap.hasRight) {
            if (right.index != 0) revert NoGap(modelId);
        } else if (!gap.hasLeft) {
            // A tree without a leaf.
            if (expected != 0) revert NoGap(modelId);
        } else if (left.index + 1 != 1 << left.siblings.length) {
            if (gap.siblings.length != left.siblings.length) revert NoGap(modelId);
            bytes32 root = SubmissionTree.rootOf(0, left.index + 1, gap.siblings);
            if (root != expected) revert NotInTree(root, expected);
        }
    }
}
