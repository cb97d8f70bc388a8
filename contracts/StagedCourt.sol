// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MetaReader} from "./MetaReader.sol";
import {RewardReader} from "./RewardReader.sol";
import {SealReader} from "./SealReader.sol";
import {IPieceStore} from "./interfaces/IPieceStore.sol";
import {IScoreCourt} from "./interfaces/IScoreCourt.sol";
import {IStagedCourt} from "./interfaces/IStagedCourt.sol";
import {ITournament} from "./interfaces/ITournament.sol";
import {Report} from "./interfaces/Report.sol";
import {MetaProof} from "./lib/MetaProof.sol";
import {ScoreProof} from "./lib/ScoreProof.sol";
import {ScoreWalk} from "./lib/ScoreWalk.sol";
import {StagedCode} from "./lib/StagedCode.sol";
import {SubmissionTree} from "./lib/SubmissionTree.sol";

/// @title StagedCourt
/// @notice See IStagedCourt. It knows no court: the one that a tournament's committee obeys hears it, or does not.
///
/// The arithmetic reads calldata, as that of the other courts does: so this contract puts the calldata together in memory, from
/// pieces, and calls itself. What the pure functions at the end say is nobody's word but arithmetic's.
contract StagedCourt is IStagedCourt, RewardReader, MetaReader, SealReader {
    using StagedCode for StagedCode.Call;

    /* CONSTANTS */

    /// @inheritdoc IStagedCourt
    uint256 public constant COMMITMENT_AGE = 2 hours;

    /* STORAGE */

    /// @dev A walk, and the hash of what it reads.
    struct Record {
        bytes32 inputs;
        ScoreWalk.Walk walk;
    }

    /// @inheritdoc IStagedCourt
    IPieceStore public immutable store;

    /// @inheritdoc IStagedCourt
    mapping(bytes32 commitment => uint256) public committedAt;

    mapping(bytes32 walkId => Record) private _records;

    /* CONSTRUCTOR */

    constructor(IPieceStore store_) {
        store = store_;
    }

    /* PROVING */

    /// @inheritdoc IStagedCourt
    function commit(bytes32 commitment) external {
        if (committedAt[commitment] == 0) committedAt[commitment] = block.timestamp;
        emit Committed(msg.sender, commitment);
    }

    /// @inheritdoc IStagedCourt
    function walk(WalkInputs calldata inputs, bytes32 before, bytes calldata order) external returns (bytes32 walkId) {
        ScoreWalk.Walk memory state = _records[before].walk;
        (StagedCode.Call memory made, bytes32 read) = _walkCall(inputs, state, order);
        if (before != 0) _requireWalk(before, read);
        state = abi.decode(made.askOf(address(this)), (ScoreWalk.Walk));
        walkId = keccak256(abi.encode(before == 0 ? read : before, ScoreProof.hashOf(order)));
        _records[walkId] = Record(read, state);
        emit WalkedOn(walkId, state.place, inputs.ids);
    }

    /// @inheritdoc IStagedCourt
    function disproveScore(
        address tournament,
        Evidence calldata evidence,
        Place calldata place,
        Submission calldata submission,
        Walked calldata walked
    ) external {
        _requireCommitted();
        (int256 claimed, int256 least, int256 largest) = scoreOf(tournament, evidence, place, submission, walked);
        // Where the scorer may have rounded the originality factor either way, both must be far from what is claimed.
        if (!ScoreProof.isWrong(claimed, least) || !ScoreProof.isWrong(claimed, largest)) {
            revert NotWrong(claimed, least, largest);
        }
        _courtOf(tournament).condemn(tournament, evidence.report, msg.sender);
    }

    /// @inheritdoc IStagedCourt
    function disproveStep(
        address tournament,
        Evidence calldata evidence,
        Place calldata place,
        Submission calldata submission,
        Step calldata step,
        StagedStep calldata inputs
    ) external {
        _requireCommitted();
        ITournament.Round memory r = ITournament(tournament).round(evidence.report.roundId);
        _requireEvidence(evidence, r.termsHash);
        (uint256 position,) = _read(place, r.positionsHead, evidence.report.scoresHead);
        if (position == 0) revert WrongPosition(place.lane, position);
        _requireModel(submission, ITournament(tournament).modelAt(place.lane));
        bytes32 before = _requireStep(evidence, submission.index, step);

        StagedCode.Call memory made = StagedCode.begin(this.hashAfter.selector, 5);
        made.put(evidence.terms.ids);
        made.put(position);
        _requireHashOf(submission, made.putPieces(inputs.predictions), r.universe, r.submissionsRoot);
        made.putBytes(inputs.order);
        bytes32 found = made.putPieces(inputs.sums);
        if (found != before) revert OtherSums(found, before);
        bytes32 correct = abi.decode(made.askOf(address(this)), (bytes32));
        if (correct == step.afterwards) revert StepRight();
        _courtOf(tournament).condemn(tournament, evidence.report, msg.sender);
    }

    /// @inheritdoc IStagedCourt
    function disproveRanks(
        address tournament,
        Evidence calldata evidence,
        uint256 vector,
        address[] calldata records,
        StagedSums calldata last
    ) external {
        _requireCommitted();
        _requireEvidence(evidence, ITournament(tournament).round(evidence.report.roundId).termsHash);
        _requireAgainstMetaModel(evidence, vector);

        StagedCode.Call memory made = StagedCode.begin(this.isRankedBy.selector, 4);
        made.put(evidence.terms.ids);
        _requireLast(evidence, made.putPieces(last.sums), last.siblings);
        made.putBytes(last.order);
        if (made.putPieces(records) != evidence.vectors[vector].records) revert OtherVector(vector);
        if (abi.decode(made.askOf(address(this)), (bool))) revert StepRight();
        _courtOf(tournament).condemn(tournament, evidence.report, msg.sender);
    }

    /// @inheritdoc IStagedCourt
    function disprovePredictions(
        address tournament,
        Report calldata report,
        Terms calldata terms,
        Submission calldata submission,
        address[] calldata predictions
    ) external {
        _requireCommitted();
        ITournament.Round memory r = ITournament(tournament).round(report.roundId);
        StagedCode.Call memory made = StagedCode.begin(this.areInForm.selector, 2);
        made.put(_idsOf(terms, r.termsHash));
        _requireHashOf(submission, made.putPieces(predictions), r.universe, r.submissionsRoot);
        if (abi.decode(made.askOf(address(this)), (bool))) revert SealRight();
        _courtOf(tournament).condemn(tournament, report, msg.sender);
    }

    /* VIEWS */

    /// @inheritdoc IStagedCourt
    function scoreOf(
        address tournament,
        Evidence calldata evidence,
        Place calldata place,
        Submission calldata submission,
        Walked calldata walked
    ) public view returns (int256 claimed, int256 least, int256 largest) {
        ITournament.Round memory r = ITournament(tournament).round(evidence.report.roundId);
        _requireEvidence(evidence, r.termsHash);
        claimed = _stakedClaim(r, evidence.report, place);
        _requireModel(submission, ITournament(tournament).modelAt(place.lane));
        _requireHashOf(submission, walked.predictions, r.universe, r.submissionsRoot);
        _requireTable(tournament, evidence.terms.ids, walked);
        (least, largest) = _reward(evidence, _sums(evidence, walked));
    }

    /// @inheritdoc IStagedCourt
    function placeOf(bytes32 walkId) external view returns (uint256) {
        return _records[walkId].walk.place;
    }

    /* ARITHMETIC */

    /// @notice `ScoreWalk.walkOn`.
    function walkOn(
        uint256 n,
        ScoreWalk.Walk memory state,
        bytes calldata predictions,
        bytes calldata order,
        bytes calldata records,
        bytes calldata palette,
        bytes calldata odd,
        bytes calldata even
    ) external pure returns (ScoreWalk.Walk memory) {
        ScoreWalk.walkOn(n, state, predictions, order, records, palette, odd, even);
        return state;
    }

    /// @notice `MetaProof.hashAfter`.
    function hashAfter(
        uint256 n,
        uint256 position,
        bytes calldata predictions,
        bytes calldata order,
        bytes calldata sums
    ) external pure returns (bytes32) {
        return MetaProof.hashAfter(n, position, predictions, order, sums);
    }

    /// @notice `MetaProof.isRankedBy`.
    function isRankedBy(uint256 n, bytes calldata sums, bytes calldata order, bytes calldata records)
        external
        pure
        returns (bool)
    {
        return MetaProof.isRankedBy(n, sums, order, records);
    }

    /// @notice Whether predictions are what a submission that counts must have (SealReader).
    function areInForm(uint256 ids, bytes calldata predictions) external pure returns (bool) {
        return _areInForm(ids, predictions);
    }

    /* INTERNAL */

    /// @dev The call that walks on, and the hash of what it reads.
    function _walkCall(WalkInputs calldata inputs, ScoreWalk.Walk memory state, bytes calldata order)
        private
        view
        returns (StagedCode.Call memory made, bytes32 read)
    {
        made = StagedCode.begin(this.walkOn.selector, 1 + 12 + 6);
        made.put(inputs.ids);
        _putWalk(made, state);
        bytes32 predictions = made.putPieces(inputs.predictions);
        made.putBytes(order);
        bytes32 records = made.putPieces(inputs.records);
        bytes32 palette = made.putPieces(inputs.palette);
        bytes32 odd = made.putPieces(inputs.odd);
        bytes32 even = made.putPieces(inputs.even);
        read = _hashOfInputs(inputs.ids, predictions, Vector(records, palette, 0), odd, even);
    }

    function _putWalk(StagedCode.Call memory made, ScoreWalk.Walk memory state) private pure {
        for (uint256 i; i < 12; ++i) {
            uint256 word;
            assembly ("memory-safe") {
                word := mload(add(state, shl(5, i)))
            }
            made.put(word);
        }
    }

    function _sums(Evidence calldata evidence, Walked calldata walked)
        private
        view
        returns (ScoreProof.Sums[] memory sums)
    {
        uint256 count = evidence.vectors.length;
        if (walked.walks.length != count) revert WrongCount(walked.walks.length, count);
        uint256 n = evidence.terms.ids;
        bytes32 even = walked.hasEven ? walked.even : keccak256("");
        sums = new ScoreProof.Sums[](count);
        for (uint256 i; i < count; ++i) {
            bytes32 read = _hashOfInputs(n, walked.predictions, evidence.vectors[i], walked.odd, even);
            sums[i] = ScoreWalk.sumsOf(_requireWalk(walked.walks[i], read), n);
        }
    }

    function _hashOfInputs(uint256 n, bytes32 predictions, Vector memory vector, bytes32 odd, bytes32 even)
        private
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(n, predictions, vector.records, vector.palette, odd, even));
    }

    /// @dev Reverts unless the walk is over these inputs.
    function _requireWalk(bytes32 walkId, bytes32 expected) private view returns (ScoreWalk.Walk memory) {
        Record memory record = _records[walkId];
        if (record.inputs != expected) revert OtherWalk(walkId, record.inputs, expected);
        return record.walk;
    }

    /// @dev Reverts unless the rank table is the one of n ids, by the tables of the tournament's court.
    function _requireTable(address tournament, uint256 n, Walked calldata walked) private view {
        bytes32 leaf = SubmissionTree.leafOf(abi.encode(n, walked.odd, walked.even));
        bytes32 root = SubmissionTree.rootOf(leaf, n - 2, walked.tableSiblings);
        bytes32 expected = _courtOf(tournament).tables();
        if (root != expected) revert OtherTable(root, expected);
    }

    /// @dev Reverts unless the sender committed the whole call COMMITMENT_AGE ago.
    function _requireCommitted() private view {
        bytes32 commitment = _commitmentOfCall();
        uint256 at = committedAt[commitment];
        if (at == 0) revert NotCommitted(commitment);
        if (block.timestamp < at + COMMITMENT_AGE) revert CommittedTooLate(commitment, at + COMMITMENT_AGE);
    }

    /// @dev A tournament that pretends has a court that pretends, or one that does not know it.
    function _courtOf(address tournament) private view returns (IScoreCourt) {
        return IScoreCourt(_committeeOf(tournament).court());
    }
}
