// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Report} from "./Report.sol";

/// @title IScoreCourt
/// @notice Proves a committee's report wrong, from what the chain and the report itself commit to. One party that holds the
/// data is enough: no vote is asked. The report then ends, everybody who voted for it is slashed, and half of that is the
/// prover's (`IOracleCommittee.disprove`). There is no bond and no state but what was posted and committed: who fails pays
/// the gas of the attempt, and holds up nothing.
///
/// What an honest report says of each lane of the round, and so what can be proven wrong:
///
///     lane without a position                                        0         disproveUnstaked
///     position, no submission in the round's root                    0         disproveAbsent
///     position, submission that does not count (sealed verdict)      0         disproveRefused
///     position, submission that counts                     its reward score    disproveScore, from 1 ppm on
///     all lanes together                              totalPayout, totalBurn   disproveTotals
///
/// Not to be proven: that the posted targets are the true ones, and scores that the terms do not speak of.
///
/// Every proof is committed a block before it is sent, as its sender's: nobody can take it from the mempool.
/// The court knows neither tournaments nor committees: it asks the tournament for its round and its committee, and a
/// committee hears it for tournaments of its own alone.
interface IScoreCourt {
    /* WHAT A ROUND FIXES */

    /// @notice One score of the rules. `score`: 0 CORR, 1 the contribution to a meta model (MMC, BMC).
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
    struct Terms {
        uint32 ids;
        uint32 originality;
        uint32 burn;
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
    /// @param steps commits to the meta model's sums after each model.
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

    /// @notice Two neighbours in the tree of submissions, between which a model would stand. `hasLeft` and `hasRight`: which
    /// of them there are. Without the left one, the right one is the first leaf; without the right one, the left one is the
    /// last, either of the tree's whole width or beside a leaf that fills the tree up (`siblings`).
    struct Gap {
        bool hasLeft;
        bool hasRight;
        Submission left;
        Submission right;
        bytes32[] siblings;
    }

    /// @notice What a model's scores are computed from, as `ScoreProof` reads it.
    /// @param even empty where no ties need it; then `evenHash` is its keccak256.
    /// @param tableSiblings of the rank table's leaf in the tree of tables.
    /// @param records, palettes of each vector.
    struct Inputs {
        bytes predictions;
        bytes order;
        bytes odd;
        bytes even;
        bytes32 evenHash;
        bytes32[] tableSiblings;
        bytes[] records;
        bytes[] palettes;
    }

    /* EVENTS */

    /// @notice All that is needed to disprove the report, but for submissions, is public. It is encoded anew: what was called
    /// with may be encoded in ways that this compiler reads and others do not.
    event Posted(
        address indexed tournament,
        uint256 indexed roundId,
        bytes32 indexed reportHash,
        Evidence evidence,
        bytes[] records,
        bytes[] palettes,
        bytes[] scores
    );
    event Committed(address indexed prover, bytes32 commitment);

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
    /// @notice The two submissions are no neighbours, or the model does not stand between them.
    error NoGap(uint256 modelId);
    error OtherPredictions(bytes32 contentHash, bytes32 expected);
    error OtherTable(bytes32 root, bytes32 expected);
    error UnknownScore(uint256 score);
    /// @notice The report is right in this, as far as it can be proven. Reward scores in ppm; `least` and `largest`, between
    /// which the true one lies, in units of 2^-64 ppm; of totals nano-NMR.
    error NotWrong(int256 claimed, int256 least, int256 largest);
    /// @notice The call was not committed by its sender in an earlier block.
    error NotCommitted(bytes32 commitment);
    /// @notice The report's evidence is public already: nobody need post it again.
    error AlreadyPosted(bytes32 reportHash);
    /// @notice Evidence is taken until POSTING_PERIOD after the round's deadline.
    error PostedTooLate(uint256 timestamp, uint256 before);

    /* POSTING */

    /// @notice Makes a report's evidence public. Anybody may, also before the report is accepted. It is final at the earliest
    /// a challenge window later.
    /// @param records, palettes of each vector.
    /// @param positions digests of the round's chunks of positions, in the order in which they were locked.
    /// @dev Reverts if:
    /// - terms or evidence are not the round's and the report's (`OtherTerms`, `OtherEvidence`);
    /// - a vector is not in the form (`OtherVector`), so that no proof can be led astray by it;
    /// - the terms name a score that this court does not know (`UnknownScore`), or a vector that there is not (`WrongCount`);
    /// - the chunks are not those of the round and of the report (`OtherHeads`, `WrongCount`);
    /// - the round's deadline is POSTING_PERIOD ago (`PostedTooLate`);
    /// - it was posted before (`AlreadyPosted`).
    function post(
        address tournament,
        Evidence calldata evidence,
        bytes[] calldata records,
        bytes[] calldata palettes,
        uint256[] calldata fromSlots,
        bytes32[] calldata positions,
        bytes[] calldata scores
    ) external;

    /// @notice Since when the evidence of a report is public, seconds; zero where it need not be, as the round was opened
    /// without terms; the largest uint256 where it is not.
    function evidenceSince(address tournament, uint256 roundId, bytes32 reportHash) external view returns (uint256);

    /* PROVING */

    /// @notice Announces a proof that the sender will send in a later block.
    /// @param commitment keccak256(abi.encode(sender, keccak256(calldata of the proof))).
    function commit(bytes32 commitment) external;

    /// @notice Proves the score of a submission that counts.
    /// @dev Every `disprove` reverts unless it was committed (`NotCommitted`), the report is the accepted one (`OtherReport`),
    /// not final, and wrong in what is shown (`NotWrong`).
    function disproveScore(
        address tournament,
        Evidence calldata evidence,
        Place calldata place,
        Submission calldata submission,
        Inputs calldata inputs
    ) external;

    /// @notice Proves a score other than zero of a submission that does not count.
    function disproveRefused(
        address tournament,
        Report calldata report,
        Place calldata place,
        Submission calldata submission
    ) external;

    /// @notice Proves a score other than zero of a model that did not submit.
    function disproveAbsent(address tournament, Report calldata report, Place calldata place, Gap calldata gap) external;

    /// @notice Proves a score other than zero of a lane without a position.
    function disproveUnstaked(address tournament, Report calldata report, Place calldata place) external;

    /// @notice Proves that payouts or burns do not add up to what the report says, or that a chunk has scores for more or
    /// fewer lanes than it has. All chunks, in the order in which they were locked.
    function disproveTotals(address tournament, Report calldata report, Chunk[] calldata chunks) external;

    /// @notice What `disproveScore` would compare, from anybody and at any time: the claimed reward score in ppm, and the
    /// least and the largest true one in units of 2^-64 ppm.
    function scoreOf(
        address tournament,
        Evidence calldata evidence,
        Place calldata place,
        Submission calldata submission,
        Inputs calldata inputs
    ) external view returns (int256 claimed, int256 least, int256 largest);

    /* VIEWS */

    /// @notice The block in which a proof was announced; zero if it was not.
    function committedAt(bytes32 commitment) external view returns (uint256);

    /// @notice The root of the tree of rank tables, whose leaf at n - 2 is the one of n ids:
    /// keccak256(abi.encode(keccak256(abi.encode(n, keccak256(odd ranks), keccak256(even ranks))))).
    function tables() external view returns (bytes32);

    /// @notice The scoring version whose scores this court computes.
    function SCORING() external view returns (uint256);

    /// @notice For how long after a round's deadline evidence is taken, seconds.
    function POSTING_PERIOD() external view returns (uint64);
}
