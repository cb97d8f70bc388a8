// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICourtTypes} from "./interfaces/ICourtTypes.sol";
import {IOracleCommittee} from "./interfaces/IOracleCommittee.sol";
import {IScoreCourt} from "./interfaces/IScoreCourt.sol";
import {ITournament} from "./interfaces/ITournament.sol";
import {HashStack} from "./lib/HashStack.sol";
import {PayoutMath} from "./lib/PayoutMath.sol";
import {ScoreProof} from "./lib/ScoreProof.sol";
import {SubmissionTree} from "./lib/SubmissionTree.sol";
import {Uint64x4} from "./lib/Uint64x4.sol";

/// @title CourtReader
/// @notice See ICourtTypes. The part of every court that reads what a round and its report commit to.
abstract contract CourtReader is ICourtTypes {
    /* CONSTANTS */

    /// @inheritdoc ICourtTypes
    uint256 public constant SCORING = 1;

    /// @inheritdoc ICourtTypes
    /// @dev With the longest challenge window shorter than a tournament's grace for a report that stands.
    uint64 public constant POSTING_PERIOD = 15 days;

    /// @dev The scores that `Factor.score` names.
    uint8 internal constant CORRELATION = 0;
    uint8 internal constant CONTRIBUTION = 1;
    uint8 internal constant BENCHMARK_CONTRIBUTION = 2;

    /// @dev Calldata that pools take: 128 KiB, less room for the rest of a transaction (scorer/proofs/pieces.py).
    uint256 internal constant MAX_PROOF = 130_048;

    /* INTERNAL: evidence */

    /// @dev Reverts once no evidence of the round is taken any more.
    function _requireInTime(ITournament.Round memory r) internal view {
        uint256 before = uint256(r.deadline) + POSTING_PERIOD;
        if (block.timestamp >= before) revert PostedTooLate(block.timestamp, before);
    }

    /// @dev Reverts unless the terms are the round's, and the evidence is the report's.
    function _requireEvidence(Evidence calldata evidence, bytes32 termsHash) internal pure {
        _requireTerms(evidence.terms, termsHash);
        bytes32 operands = keccak256(abi.encode(evidence.vectors, evidence.steps));
        bytes32 found = keccak256(abi.encode(evidence.manifest, operands));
        if (found != evidence.report.evidenceHash) revert OtherEvidence(found, evidence.report.evidenceHash);
    }

    function _requireTerms(Terms calldata terms, bytes32 termsHash) internal pure {
        bytes32 found = keccak256(abi.encode(SCORING, terms));
        if (found != termsHash) revert OtherTerms(found, termsHash);
    }

    function _committeeOf(address tournament) internal view returns (IOracleCommittee) {
        return ITournament(tournament).committee();
    }

    /// @dev What a sender commits to before the call that is being made.
    function _commitmentOfCall() internal view returns (bytes32) {
        return keccak256(abi.encode(msg.sender, ScoreProof.hashOf(msg.data)));
    }

    /// @dev The court that a tournament's committee obeys; reverts unless the sender committed the call there in an earlier block.
    /// A tournament that pretends has a court that pretends, or one that does not know it.
    function _requireCommittedCourt(address tournament) internal view returns (IScoreCourt court) {
        court = IScoreCourt(_committeeOf(tournament).court());
        bytes32 commitment = _commitmentOfCall();
        uint256 at = court.committedAt(commitment);
        if (at == 0 || at == block.number) revert NotCommitted(commitment);
    }

    /// @dev Reverts where a proof is so large that it is staged. Here announcements are one block old: whoever sees what another
    /// stages would read it back, in a contract of his own, and prove it before him.
    function _requireUnstaged() internal pure {
        if (msg.data.length > MAX_PROOF) revert ProofTooLarge(msg.data.length, MAX_PROOF);
    }

    /* INTERNAL: chunks */

    /// @dev The position of a lane, nano-NMR, and the reward score that the report gives it, ppm.
    function _read(Place calldata place, bytes32 positionsHead, bytes32 scoresHead)
        internal
        pure
        returns (uint256 position, int256 claimed)
    {
        Chunk calldata chunk = place.chunk;
        uint256 slots = chunk.positions.length;
        _requireLength(chunk);
        bytes32 head = HashStack.push(place.positionsBelow, chunk.fromSlot, HashStack.digestOfCalldata(chunk.positions));
        bytes32 scores = HashStack.push(place.scoresBelow, chunk.fromSlot, ScoreProof.hashOf(chunk.scores));
        for (uint256 i; i < place.above.length; ++i) {
            Link calldata link = place.above[i];
            head = HashStack.push(head, link.fromSlot, link.positions);
            scores = HashStack.push(scores, link.fromSlot, link.scores);
        }
        if (head != positionsHead || scores != scoresHead) revert OtherHeads(head, scores);

        uint256 slot = place.lane / 4;
        if (slot < chunk.fromSlot || slot - chunk.fromSlot >= slots) {
            revert LaneNotInChunk(place.lane, chunk.fromSlot, slots);
        }
        slot -= chunk.fromSlot;
        uint256 lane = place.lane % 4;
        position = Uint64x4.wrap(chunk.positions[slot]).lane(lane);
        claimed = int24(uint24(PayoutMath.scoresAt(chunk.scores, slot) >> (24 * lane)));
    }

    function _requireLength(Chunk calldata chunk) internal pure {
        uint256 expected = PayoutMath.SCORE_BYTES * chunk.positions.length;
        if (chunk.scores.length != expected) revert WrongCount(chunk.scores.length, expected);
    }

    function _requireHeads(Chunk[] calldata chunks, bytes32 positionsHead, bytes32 scoresHead) internal pure {
        bytes32 head;
        bytes32 scored;
        for (uint256 i; i < chunks.length; ++i) {
            Chunk calldata chunk = chunks[i];
            head = HashStack.push(head, chunk.fromSlot, HashStack.digestOfCalldata(chunk.positions));
            scored = HashStack.push(scored, chunk.fromSlot, ScoreProof.hashOf(chunk.scores));
        }
        if (head != positionsHead || scored != scoresHead) revert OtherHeads(head, scored);
    }

    /* INTERNAL: submissions */

    function _requireModel(Submission calldata submission, uint256 modelId) internal pure {
        if (submission.modelId != modelId) revert OtherModel(submission.modelId, modelId);
    }

    /// @dev Where nobody submitted the root is zero, and so is that of a place beyond a tree's width: nothing is in either.
    function _requireInTree(Submission calldata submission, bytes32 expected) internal pure {
        bytes32 root = SubmissionTree.rootOf(_leafOf(submission), submission.index, submission.siblings);
        if (root != expected || root == 0) revert NotInTree(root, expected);
    }

    /// @dev Reverts unless the submission counts, is in the tree, and is of these predictions.
    function _requireCounting(
        Submission calldata submission,
        bytes calldata predictions,
        bytes32 universe,
        bytes32 submissionsRoot
    ) internal pure {
        _requireHashOf(submission, ScoreProof.hashOf(predictions), universe, submissionsRoot);
    }

    /// @dev The same of predictions with this keccak256.
    function _requireHashOf(
        Submission calldata submission,
        bytes32 predictions,
        bytes32 universe,
        bytes32 submissionsRoot
    ) internal pure {
        _requireInTree(submission, submissionsRoot);
        if (submission.verdict != 1) revert WrongVerdict(submission.verdict);
        bytes32 content = keccak256(abi.encode(universe, predictions));
        if (content != submission.contentHash) revert OtherPredictions(content, submission.contentHash);
    }

    function _leafOf(Submission calldata s) private pure returns (bytes32) {
        return SubmissionTree.leafOf(abi.encode(s.modelId, s.contentHash, s.ciphertextHash, s.signatureHash, s.verdict));
    }
}
