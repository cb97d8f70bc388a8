// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IOracleCommittee} from "./interfaces/IOracleCommittee.sol";
import {IScoreCourt} from "./interfaces/IScoreCourt.sol";
import {ITournament} from "./interfaces/ITournament.sol";
import {Report} from "./interfaces/Report.sol";
import {HashStack} from "./lib/HashStack.sol";
import {PayoutMath} from "./lib/PayoutMath.sol";
import {ScoreProof} from "./lib/ScoreProof.sol";
import {Uint64x4} from "./lib/Uint64x4.sol";

/// @title CourtRecords
/// @notice See IScoreCourt. The part of ScoreCourt that takes evidence and commitments, and reads positions and scores.
abstract contract CourtRecords is IScoreCourt {
    /* CONSTANTS */

    /// @inheritdoc IScoreCourt
    uint256 public constant SCORING = 1;

    /// @inheritdoc IScoreCourt
    /// @dev With the longest challenge window shorter than a tournament's grace for a report that stands.
    uint64 public constant POSTING_PERIOD = 15 days;

    /// @dev The scores that `Factor.score` names.
    uint8 internal constant CORRELATION = 0;
    uint8 internal constant CONTRIBUTION = 1;

    /* STORAGE */

    /// @inheritdoc IScoreCourt
    mapping(bytes32 commitment => uint256) public committedAt;

    /// @dev By tournament, as its committee computes the report's hash.
    mapping(address tournament => mapping(bytes32 reportHash => uint256)) private _postedAt;

    /* POSTING */

    /// @inheritdoc IScoreCourt
    function post(
        address tournament,
        Evidence calldata evidence,
        bytes[] calldata records,
        bytes[] calldata palettes,
        uint256[] calldata fromSlots,
        bytes32[] calldata positions,
        bytes[] calldata scores
    ) external {
        ITournament.Round memory r = ITournament(tournament).round(evidence.report.roundId);
        uint256 before = uint256(r.deadline) + POSTING_PERIOD;
        if (block.timestamp >= before) revert PostedTooLate(block.timestamp, before);
        bytes32 reportHash = _committeeOf(tournament).hashReport(tournament, evidence.report);
        if (_postedAt[tournament][reportHash] != 0) revert AlreadyPosted(reportHash);
        _requireEvidence(evidence, r.termsHash);
        _requireVectors(evidence, records, palettes);
        _requireScores(evidence.terms, records.length);
        for (uint256 i; i < records.length; ++i) {
            if (!ScoreProof.isInForm(evidence.terms.ids, records[i], palettes[i])) revert OtherVector(i);
        }
        _requireStacks(fromSlots, positions, scores, r.positionsHead, evidence.report.scoresHead);

        _postedAt[tournament][reportHash] = block.timestamp;
        emit Posted(tournament, evidence.report.roundId, reportHash, evidence, records, palettes, scores);
    }

    /// @inheritdoc IScoreCourt
    function evidenceSince(address tournament, uint256 roundId, bytes32 reportHash) external view returns (uint256) {
        uint256 since = _postedAt[tournament][reportHash];
        if (since != 0) return since;
        return ITournament(tournament).round(roundId).termsHash == 0 ? 0 : type(uint256).max;
    }

    /* COMMITTING */

    /// @inheritdoc IScoreCourt
    function commit(bytes32 commitment) external {
        if (committedAt[commitment] == 0) committedAt[commitment] = block.number;
        emit Committed(msg.sender, commitment);
    }

    /// @dev Reverts unless the sender committed the whole call in an earlier block.
    function _requireCommitted() internal view {
        bytes32 commitment = keccak256(abi.encode(msg.sender, ScoreProof.hashOf(msg.data)));
        uint256 at = committedAt[commitment];
        if (at == 0 || at == block.number) revert NotCommitted(commitment);
    }

    /// @dev Ends the report, if it is the accepted one of its round, and not final.
    function _condemn(address tournament, Report calldata report) internal {
        IOracleCommittee committee = _committeeOf(tournament);
        bytes32 reportHash = committee.hashReport(tournament, report);
        bytes32 accepted = committee.proposalOf(tournament, report.roundId).reportHash;
        if (reportHash != accepted) revert OtherReport(reportHash, accepted);
        committee.disprove(tournament, report.roundId, msg.sender);
    }

    /* READING */

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

    /// @dev Reverts unless the terms are the round's, and the evidence is the report's.
    function _requireEvidence(Evidence calldata evidence, bytes32 termsHash) internal pure {
        bytes32 terms = keccak256(abi.encode(SCORING, evidence.terms));
        if (terms != termsHash) revert OtherTerms(terms, termsHash);
        bytes32 operands = keccak256(abi.encode(evidence.vectors, evidence.steps));
        bytes32 found = keccak256(abi.encode(evidence.manifest, operands));
        if (found != evidence.report.evidenceHash) revert OtherEvidence(found, evidence.report.evidenceHash);
    }

    function _requireVectors(Evidence calldata evidence, bytes[] calldata records, bytes[] calldata palettes)
        internal
        pure
    {
        uint256 count = evidence.vectors.length;
        if (records.length != count) revert WrongCount(records.length, count);
        if (palettes.length != count) revert WrongCount(palettes.length, count);
        for (uint256 i; i < count; ++i) {
            Vector calldata vector = evidence.vectors[i];
            bool inRange = vector.shift >= ScoreProof.MIN_SHIFT && vector.shift <= ScoreProof.MAX_SHIFT;
            bool same =
                ScoreProof.hashOf(records[i]) == vector.records && ScoreProof.hashOf(palettes[i]) == vector.palette;
            if (!inRange || !same) revert OtherVector(i);
        }
    }

    function _committeeOf(address tournament) internal view returns (IOracleCommittee) {
        return ITournament(tournament).committee();
    }

    /* PRIVATE */

    /// @dev Reverts unless this court can compute every score of the terms from so many vectors.
    function _requireScores(Terms calldata terms, uint256 vectors) private pure {
        if (vectors == 0) revert WrongCount(vectors, 1);
        for (uint256 i; i < terms.factors.length; ++i) {
            Factor calldata factor = terms.factors[i];
            if (factor.score > CONTRIBUTION) revert UnknownScore(factor.score);
            if (factor.vector >= vectors) revert WrongCount(vectors, uint256(factor.vector) + 1);
        }
    }

    function _requireStacks(
        uint256[] calldata fromSlots,
        bytes32[] calldata positions,
        bytes[] calldata scores,
        bytes32 positionsHead,
        bytes32 scoresHead
    ) private pure {
        if (positions.length != fromSlots.length) {
            revert WrongCount(positions.length, fromSlots.length);
        }
        if (scores.length != fromSlots.length) revert WrongCount(scores.length, fromSlots.length);
        bytes32 head;
        bytes32 scored;
        for (uint256 i; i < fromSlots.length; ++i) {
            head = HashStack.push(head, fromSlots[i], positions[i]);
            scored = HashStack.push(scored, fromSlots[i], ScoreProof.hashOf(scores[i]));
        }
        if (head != positionsHead || scored != scoresHead) revert OtherHeads(head, scored);
    }
}
