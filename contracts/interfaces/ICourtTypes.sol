// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Report} from "./Report.sol";

/// @title ICourtTypes
/// @notice What ScoreCourt and MetaCourt both read: a round's terms, a report's evidence, places in a round's chunks and in its
/// tree of submissions; and why they refuse.
interface ICourtTypes {
    /* WHAT A ROUND FIXES */

    /// @notice One score of the rules. `score`: 0 CORR, 1 the contribution to the round's meta model (MMC), 2 the one to a
    /// benchmark (BMC).
    /// @param vector which of the report's vectors it is scored against.
    /// @param multiplier ppm; also zero, as a model without the score has none at all.
    struct Factor {
        uint8 score;
        uint8 vector;
        int64 multiplier;
    }

    /// @notice The rules of a round in numbers. Its `termsHash` is keccak256(abi.encode(SCORING, terms)).
    /// @param ids of the universe.
    /// @param originality the exponent of the originality factor; zero: none.
    /// @param burn multiplier of negative rewards, ppm.
    /// @param demands how many models are drawn whose predictions may be demanded (IDemands); zero: none.
    /// @param deposit what each demand costs whoever makes it, units of the tournament.
    struct Terms {
        uint32 ids;
        uint32 originality;
        uint32 burn;
        uint32 demands;
        uint64 deposit;
        Factor[] factors;
    }

    /* WHAT A REPORT FIXES */

    /// @notice A target and a meta model, as `ScoreProof` reads them: keccak256 of records and palette, and the exponent of
    /// two by which contributions are divided. The first one of a report is against the round's meta model.
    struct Vector {
        bytes32 records;
        bytes32 palette;
        uint256 shift;
    }

    /// @notice A report, and what its `evidenceHash` is made of: keccak256(abi.encode(manifest, operands)), with operands
    /// keccak256(abi.encode(vectors, steps)).
    /// @param manifest digest of the report's manifest.
    /// @param steps commits to the meta model's sums after each submission (IMetaCourt); zero where nobody submitted.
    struct Evidence {
        Report report;
        bytes32 manifest;
        bytes32 steps;
        Terms terms;
        Vector[] vectors;
    }

    /* WHAT A PROOF SHOWS */

    /// @notice A chunk of the round, with the packed scores of the report.
    struct Chunk {
        uint256 fromSlot;
        uint256[] positions;
        bytes scores;
    }

    /// @notice What lies above a chunk on both stacks.
    struct Link {
        uint256 fromSlot;
        bytes32 positions;
        bytes32 scores;
    }

    /// @notice A lane, and where its chunk lies on the stacks of positions and scores.
    struct Place {
        uint256 lane;
        Chunk chunk;
        bytes32 positionsBelow;
        bytes32 scoresBelow;
        Link[] above;
    }

    /// @notice A leaf of the tree of submissions, and where it stands.
    struct Submission {
        uint256 modelId;
        bytes32 contentHash;
        bytes32 ciphertextHash;
        bytes32 signatureHash;
        uint256 verdict;
        uint256 index;
        bytes32[] siblings;
    }

    /// @notice The hashes of the sums before and after a leaf of the tree of submissions, and their places in the tree of
    /// steps. `before` and its siblings are read of all leaves but the first.
    struct Step {
        bytes32 before;
        bytes32[] siblingsBefore;
        bytes32 afterwards;
        bytes32[] siblings;
    }

    /* ERRORS */

    /// @notice The terms are not those that the round was opened with, or it was opened without.
    error OtherTerms(bytes32 termsHash, bytes32 expected);
    /// @notice The evidence is not what the report commits to.
    error OtherEvidence(bytes32 evidenceHash, bytes32 expected);
    /// @notice The committee has taken no such report.
    error OtherReport(bytes32 reportHash, bytes32 accepted);
    /// @notice Vector `index` is not what the evidence commits to, or not in the form of ScoreProof.
    error OtherVector(uint256 index);
    /// @notice Another number of vectors, chunks or scores than there must be.
    error WrongCount(uint256 count, uint256 expected);
    /// @notice Chunks do not add up to the heads of the two stacks.
    error OtherHeads(bytes32 positionsHead, bytes32 scoresHead);
    error LaneNotInChunk(uint256 lane, uint256 fromSlot, uint256 slots);
    /// @notice The lane has a position, or none where one is needed, nano-NMR.
    error WrongPosition(uint256 lane, uint256 position);
    /// @notice The submission is another model's.
    error OtherModel(uint256 modelId, uint256 expected);
    error NotInTree(bytes32 root, bytes32 expected);
    error WrongVerdict(uint256 verdict);
    error OtherPredictions(bytes32 contentHash, bytes32 expected);
    /// @notice The rank table is not the one of so many ids.
    error OtherTable(bytes32 root, bytes32 expected);
    error UnknownScore(uint256 score);
    /// @notice The report is right in this, as far as it can be proven. Reward scores in ppm; `least` and `largest`, between
    /// which the true one lies, in units of 2^-64 ppm; of totals nano-NMR.
    error NotWrong(int256 claimed, int256 least, int256 largest);
    /// @notice The hashes, or those of a proof, are not in the tree of steps.
    error NotInSteps(bytes32 root, bytes32 expected);
    /// @notice The sums are not those before the step, or not the last ones.
    error OtherSums(bytes32 found, bytes32 expected);
    /// @notice The step, the ranks or the shape of the tree is right.
    error StepRight();
    /// @notice The seal is right in this.
    error SealRight();
    /// @notice The vector is not against the round's meta model.
    error OtherMetaModel(uint256 vector);
    /// @notice The call was not committed by its sender in an earlier block.
    error NotCommitted(bytes32 commitment);
    /// @notice So large a call is proven at StagedCourt. Its pieces are public two hours before the proof, and whoever reads them
    /// must not be first by sending all of them at once.
    error ProofTooLarge(uint256 length, uint256 largest);
    /// @notice Evidence is taken until POSTING_PERIOD after the round's deadline.
    error PostedTooLate(uint256 timestamp, uint256 before);

    /* VIEWS */

    /// @notice The scoring version whose scores are computed.
    function SCORING() external view returns (uint256);

    /// @notice For how long after a round's deadline evidence is taken, seconds.
    function POSTING_PERIOD() external view returns (uint64);
}
