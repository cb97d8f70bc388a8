// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICourtTypes} from "./ICourtTypes.sol";
import {IMetaCourt} from "./IMetaCourt.sol";
import {Report} from "./Report.sol";

/// @title IScoreCourt
/// @notice Proves a committee's report wrong, from what the chain and the report itself commit to. One party that holds the
/// data is enough: no vote is asked. The report then ends, and where the court `slashes`, everybody who voted for it loses
/// bonds, and half of that is the prover's (`IOracleCommittee.disprove`). There is no bond and no state but what was posted and committed: who fails pays
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
/// What it says of its meta model is proven wrong at IMetaCourt.
///
/// Not to be proven: that the posted targets are the true ones, and scores that the terms do not speak of.
///
/// Every proof is committed a block before it is sent, as its sender's: nobody can take it from the mempool.
/// The court knows neither tournaments nor committees: it asks the tournament for its round and its committee, and a
/// committee hears it for tournaments of its own alone.
interface IScoreCourt is ICourtTypes {
    /* WHAT A PROOF SHOWS */

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

    /// @notice The two submissions are no neighbours, or the model does not stand between them.
    error NoGap(uint256 modelId);
    /// @notice The report's evidence is public already: nobody need post it again.
    error AlreadyPosted(bytes32 reportHash);
    /// @notice Positions and submissions are not sealed yet: evidence cannot be held against them.
    error RoundNotSealed(uint256 roundId, uint256 state);
    /// @notice Evidence has steps of its meta model if and only if somebody submitted.
    error OtherSteps(bytes32 steps, bytes32 submissionsRoot);
    /// @notice The sender is neither `meta` nor one of `siblings`.
    error NotSibling(address sender);
    error ZeroSibling();

    /* POSTING */

    /// @notice Makes a report's evidence public. Anybody may, from the round's seal on, also before the report is accepted.
    /// It is final at the earliest a challenge window later.
    /// @param records, palettes of each vector.
    /// @param positions digests of the round's chunks of positions, in the order in which they were locked.
    /// @dev Reverts if:
    /// - the round is not sealed (`RoundNotSealed`);
    /// - terms or evidence are not the round's and the report's (`OtherTerms`, `OtherEvidence`);
    /// - a vector is not in the form (`OtherVector`), so that no proof can be led astray by it;
    /// - the terms name a score that this court does not know (`UnknownScore`), or a vector that there is not (`WrongCount`);
    /// - there are steps and nobody submitted, or the other way round (`OtherSteps`);
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

    /// @notice When a report's evidence was posted here, seconds; zero while it was not. Its steps are posted to `meta`.
    function postedAt(address tournament, bytes32 reportHash) external view returns (uint256);

    /// @notice Since when the evidence of a report is public, with its steps, seconds; zero where it need not be, as the round was opened
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

    /// @notice Ends a report that `meta` or another sibling found wrong; nobody else may. They ask `committedAt` before.
    function condemn(address tournament, Report calldata report, address prover) external;

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

    /// @notice Who proves what reports say of their meta models.
    function meta() external view returns (IMetaCourt);

    /// @notice Whether a valid proof takes the bonds of those who voted for the report, half for the prover. Where not, it bars
    /// the report all the same: its round gets none, and can be voided. It never changes: another stage has another court.
    function slashes() external view returns (bool);

    /// @notice The other contracts that may condemn a report, as the constructor was given them: they never change.
    function siblings() external view returns (address[] memory);

    /// @notice How many there can be besides `meta`.
    function MAX_SIBLINGS() external view returns (uint256);
}
