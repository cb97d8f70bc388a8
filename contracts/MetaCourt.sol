// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MetaReader} from "./MetaReader.sol";
import {IMetaCourt} from "./interfaces/IMetaCourt.sol";
import {IScoreCourt} from "./interfaces/IScoreCourt.sol";
import {ITournament} from "./interfaces/ITournament.sol";
import {MetaProof} from "./lib/MetaProof.sol";
import {ScoreProof} from "./lib/ScoreProof.sol";
import {SubmissionTree} from "./lib/SubmissionTree.sol";
import {Uint64x4} from "./lib/Uint64x4.sol";

/// @title MetaCourt
/// @notice See IMetaCourt. It knows no court: the one that a tournament's committee obeys hears it, or does not.
contract MetaCourt is IMetaCourt, MetaReader {
    /* CONSTANTS */

    /// @inheritdoc IMetaCourt
    uint256 public constant PART_LEAVES = 1024;

    /* STORAGE */

    mapping(address tournament => mapping(bytes32 reportHash => Posting)) private _postings;

    /* POSTING */

    /// @inheritdoc IMetaCourt
    function post(
        address tournament,
        Evidence calldata evidence,
        uint256 part,
        bytes32[] calldata hashes,
        bytes32[] calldata siblings
    ) external {
        ITournament.Round memory r = ITournament(tournament).round(evidence.report.roundId);
        _requireInTime(r);
        _requireEvidence(evidence, r.termsHash);
        bytes32 reportHash = _committeeOf(tournament).hashReport(tournament, evidence.report);
        Posting storage posting = _postings[tournament][reportHash];
        if (part != posting.parts) revert OtherPart(part, posting.parts);
        if (hashes.length == 0 || hashes.length > PART_LEAVES) revert WrongCount(hashes.length, PART_LEAVES);
        uint256 width = siblings.length == 0 ? _widthOf(hashes.length) : PART_LEAVES;
        // A part beyond the last has no root.
        bytes32 root = SubmissionTree.rootOf(MetaProof.rootOf(hashes, width), part, siblings);
        if (root != evidence.steps || root == 0) revert NotInSteps(root, evidence.steps);

        if (part == 0) posting.first = uint64(block.timestamp);
        posting.last = uint64(block.timestamp);
        posting.parts = uint64(part + 1);
        posting.total = uint64(1 << siblings.length);
        emit StepsPosted(tournament, evidence.report.roundId, reportHash, part, hashes);
    }

    /// @inheritdoc IMetaCourt
    function postingOf(address tournament, bytes32 reportHash) external view returns (Posting memory) {
        return _postings[tournament][reportHash];
    }

    /// @inheritdoc IMetaCourt
    function stepsSince(address tournament, bytes32 reportHash) external view returns (uint256) {
        Posting memory posting = _postings[tournament][reportHash];
        return posting.total != 0 && posting.parts == posting.total ? posting.last : type(uint256).max;
    }

    /* PROVING */

    /// @inheritdoc IMetaCourt
    function disproveStep(
        address tournament,
        Evidence calldata evidence,
        Place calldata place,
        Submission calldata submission,
        Step calldata step,
        StepInputs calldata inputs
    ) external {
        _requireUnstaged();
        (IScoreCourt court, ITournament.Round memory r) = _begin(tournament, evidence);
        (uint256 position,) = _read(place, r.positionsHead, evidence.report.scoresHead);
        if (position == 0) revert WrongPosition(place.lane, position);
        _requireModel(submission, ITournament(tournament).modelAt(place.lane));
        _requireCounting(submission, inputs.predictions, r.universe, r.submissionsRoot);
        bytes32 before = _requireStep(evidence, submission.index, step);
        bytes32 found = ScoreProof.hashOf(inputs.sums);
        if (found != before) revert OtherSums(found, before);
        bytes32 correct =
            MetaProof.hashAfter(evidence.terms.ids, position, inputs.predictions, inputs.order, inputs.sums);
        if (correct == step.afterwards) revert StepRight();
        court.condemn(tournament, evidence.report, msg.sender);
    }

    /// @inheritdoc IMetaCourt
    function disproveIdleStep(
        address tournament,
        Evidence calldata evidence,
        Submission calldata submission,
        Step calldata step,
        Chunk[] calldata chunks
    ) external {
        (IScoreCourt court, ITournament.Round memory r) = _begin(tournament, evidence);
        // Of what a quorum may have sealed, a leaf of the model zero and verdicts above one add nothing either.
        bytes32 filled = SubmissionTree.rootOf(0, submission.index, submission.siblings);
        if (submission.modelId != 0 || filled != r.submissionsRoot) {
            _requireInTree(submission, r.submissionsRoot);
            if (submission.verdict == 1) {
                _requireHeads(chunks, r.positionsHead, evidence.report.scoresHead);
                if (_hasPosition(tournament, submission.modelId, chunks)) revert NotIdle();
            }
        }
        if (step.afterwards == _requireStep(evidence, submission.index, step)) revert StepRight();
        court.condemn(tournament, evidence.report, msg.sender);
    }

    /// @inheritdoc IMetaCourt
    function disproveRanks(
        address tournament,
        Evidence calldata evidence,
        uint256 vector,
        bytes calldata records,
        LastSums calldata last
    ) external {
        _requireUnstaged();
        (IScoreCourt court,) = _begin(tournament, evidence);
        _requireAgainstMetaModel(evidence, vector);
        if (ScoreProof.hashOf(records) != evidence.vectors[vector].records) revert OtherVector(vector);
        bytes32 sums = ScoreProof.hashOf(last.sums);
        _requireLast(evidence, sums, last.siblings);
        if (MetaProof.isRankedBy(evidence.terms.ids, last.sums, last.order, records)) revert StepRight();
        court.condemn(tournament, evidence.report, msg.sender);
    }

    /// @inheritdoc IMetaCourt
    function disproveShape(
        address tournament,
        Evidence calldata evidence,
        Submission calldata submission,
        bytes32 leaf,
        uint256 index,
        bytes32[] calldata siblings
    ) external {
        (IScoreCourt court, ITournament.Round memory r) = _begin(tournament, evidence);
        _requireInTree(submission, r.submissionsRoot);
        _requireInSteps(evidence.steps, leaf, index, siblings);
        if (siblings.length == submission.siblings.length) revert StepRight();
        court.condemn(tournament, evidence.report, msg.sender);
    }

    /* INTERNAL */

    /// @dev Reverts unless the sender committed the call, and the evidence is the round's.
    function _begin(address tournament, Evidence calldata evidence)
        private
        view
        returns (IScoreCourt court, ITournament.Round memory r)
    {
        court = _requireCommittedCourt(tournament);
        r = ITournament(tournament).round(evidence.report.roundId);
        _requireEvidence(evidence, r.termsHash);
    }

    /// @dev Whether a model has a position in the chunks, which are all of the round's.
    function _hasPosition(address tournament, uint256 modelId, Chunk[] calldata chunks) private view returns (bool) {
        uint256 lane;
        // A model without a lane has no position. Gas that lasts for all that follows lasts for this.
        try ITournament(tournament).laneOf(modelId) returns (uint256 found) {
            lane = found;
        } catch {
            return false;
        }
        for (uint256 i; i < chunks.length; ++i) {
            uint256 from = chunks[i].fromSlot;
            uint256 slot = lane / 4;
            if (slot >= from && slot - from < chunks[i].positions.length) {
                return Uint64x4.wrap(chunks[i].positions[slot - from]).lane(lane % 4) != 0;
            }
        }
        return false;
    }

    /// @dev The next power of two.
    function _widthOf(uint256 leaves) private pure returns (uint256 width) {
        width = 1;
        while (width < leaves) width <<= 1;
    }
}
