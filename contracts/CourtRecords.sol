// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CourtReader} from "./CourtReader.sol";
import {IOracleCommittee} from "./interfaces/IOracleCommittee.sol";
import {IMetaCourt} from "./interfaces/IMetaCourt.sol";
import {IScoreCourt} from "./interfaces/IScoreCourt.sol";
import {ITournament} from "./interfaces/ITournament.sol";
import {Report} from "./interfaces/Report.sol";
import {HashStack} from "./lib/HashStack.sol";
import {ScoreProof} from "./lib/ScoreProof.sol";

/// @title CourtRecords
/// @notice See IScoreCourt. The part of ScoreCourt that takes evidence and commitments.
abstract contract CourtRecords is IScoreCourt, CourtReader {
    /* CONSTANTS */

    /// @inheritdoc IScoreCourt
    uint256 public constant MAX_SIBLINGS = 8;

    /* STORAGE */

    /// @dev When a report's evidence was posted, seconds, and whether it has steps.
    struct Record {
        uint64 postedAt;
        bool hasSteps;
    }

    /// @inheritdoc IScoreCourt
    IMetaCourt public immutable meta;

    /// @inheritdoc IScoreCourt
    bool public immutable slashes;

    /// @inheritdoc IScoreCourt
    mapping(bytes32 commitment => uint256) public committedAt;

    /// @dev By tournament, as its committee computes the report's hash.
    mapping(address tournament => mapping(bytes32 reportHash => Record)) private _records;

    /// @dev Written by the constructor alone.
    address[] private _siblings;

    /* CONSTRUCTOR */

    /// @param meta_ proves steps of meta models, and takes them.
    /// @param siblings_ the other contracts that may condemn a report.
    /// @param slashes_ whether a proof takes the bonds of those who voted for the report.
    constructor(IMetaCourt meta_, address[] memory siblings_, bool slashes_) {
        if (siblings_.length > MAX_SIBLINGS) revert WrongCount(siblings_.length, MAX_SIBLINGS);
        if (address(meta_) == address(0)) revert ZeroSibling();
        for (uint256 i; i < siblings_.length; ++i) {
            if (siblings_[i] == address(0)) revert ZeroSibling();
        }
        meta = meta_;
        _siblings = siblings_;
        slashes = slashes_;
    }

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
        _requireInTime(r);
        // Before, no root says whether anybody submitted, and so whether there must be steps.
        if (r.state < ITournament.RoundState.Sealed) {
            revert RoundNotSealed(evidence.report.roundId, uint256(r.state));
        }
        bytes32 reportHash = _committeeOf(tournament).hashReport(tournament, evidence.report);
        if (_records[tournament][reportHash].postedAt != 0) revert AlreadyPosted(reportHash);
        _requireEvidence(evidence, r.termsHash);
        if ((evidence.steps == 0) != (r.submissionsRoot == 0)) revert OtherSteps(evidence.steps, r.submissionsRoot);
        _requireVectors(evidence, records, palettes);
        _requireScores(evidence.terms, records.length);
        for (uint256 i; i < records.length; ++i) {
            uint256 n = evidence.terms.ids;
            // Of more values than ids some are of none: whoever proves a score would have to pay for them.
            if (palettes[i].length > 12 * n || !ScoreProof.isInForm(n, records[i], palettes[i])) revert OtherVector(i);
        }
        _requireStacks(fromSlots, positions, scores, r.positionsHead, evidence.report.scoresHead);

        _records[tournament][reportHash] = Record(uint64(block.timestamp), evidence.steps != 0);
        emit Posted(tournament, evidence.report.roundId, reportHash, evidence, records, palettes, scores);
    }

    /// @inheritdoc IScoreCourt
    function evidenceSince(address tournament, uint256 roundId, bytes32 reportHash) external view returns (uint256) {
        Record memory record = _records[tournament][reportHash];
        if (record.postedAt == 0) {
            return ITournament(tournament).round(roundId).termsHash == 0 ? 0 : type(uint256).max;
        }
        if (!record.hasSteps) return record.postedAt;
        uint256 since = meta.stepsSince(tournament, reportHash);
        return since > record.postedAt ? since : record.postedAt;
    }

    /// @inheritdoc IScoreCourt
    function postedAt(address tournament, bytes32 reportHash) external view returns (uint256) {
        return _records[tournament][reportHash].postedAt;
    }

    /// @inheritdoc IScoreCourt
    function siblings() external view returns (address[] memory) {
        return _siblings;
    }

    /* COMMITTING */

    /// @inheritdoc IScoreCourt
    function commit(bytes32 commitment) external {
        if (committedAt[commitment] == 0) committedAt[commitment] = block.number;
        emit Committed(msg.sender, commitment);
    }

    /// @dev Reverts unless the sender committed the whole call in an earlier block.
    function _requireCommitted() internal view {
        bytes32 commitment = _commitmentOfCall();
        uint256 at = committedAt[commitment];
        if (at == 0 || at == block.number) revert NotCommitted(commitment);
    }

    /// @dev Ends the report, if it is the accepted one of its round, and not final.
    function _condemn(address tournament, Report calldata report, address prover) internal {
        IOracleCommittee committee = _committeeOf(tournament);
        bytes32 reportHash = committee.hashReport(tournament, report);
        bytes32 accepted = committee.proposalOf(tournament, report.roundId).reportHash;
        if (reportHash != accepted) revert OtherReport(reportHash, accepted);
        committee.disprove(tournament, report.roundId, slashes ? prover : address(0));
    }

    function _isSibling(address account) internal view returns (bool) {
        if (account == address(meta)) return true;
        for (uint256 i; i < _siblings.length; ++i) {
            if (account == _siblings[i]) return true;
        }
        return false;
    }

    /* READING */

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

    /* PRIVATE */

    /// @dev Reverts unless this court can compute every score of the terms from so many vectors. Nor may there be more than the
    /// terms name, besides the first: a proof of a score reads all of them, and would have no gas for what nobody needs.
    function _requireScores(Terms calldata terms, uint256 vectors) private pure {
        uint256 expected = 1;
        for (uint256 i; i < terms.factors.length; ++i) {
            Factor calldata factor = terms.factors[i];
            if (factor.score > BENCHMARK_CONTRIBUTION) revert UnknownScore(factor.score);
            if (factor.vector >= expected) expected = uint256(factor.vector) + 1;
        }
        if (vectors != expected) revert WrongCount(vectors, expected);
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
