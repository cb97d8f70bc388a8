// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICourtTypes} from "./ICourtTypes.sol";
import {IPieceStore} from "./IPieceStore.sol";
import {Report} from "./Report.sol";

/// @title IStagedCourt
/// @notice Proves what ScoreCourt, MetaCourt and VerdictCourt prove, in rounds of so many ids that a proof is more than one
/// transaction carries or has gas for. A tournament's court hears it as it hears them.
///
/// What is large lies in pieces, which are contract code (StagedCode): anybody's, as they are hashed here and compared with
/// what the round and the report commit to. A score takes several transactions, a step of the meta model, its ranks, or
/// predictions that must not count one:
///
///     commit             two hours before the last one, and before anything of the predictions is public
///     IPieceStore.stage  predictions, rank table, vectors; sums of the meta model
///     walk               along the order of the predictions, in as many ranges as gas asks for
///     disproveScore      from the sums that the walk came to; disproveStep, disproveRanks, disprovePredictions
///
/// A walk is nobody's: it says what the sums over a range of an order are, of bytes that it names by their hashes. Whoever
/// walks the same way comes to the same place, and nobody can put anything else there, or keep another from it.
///
/// Whoever sees pieces or walks knows what is going to be proven, and can prove it himself: but not within two hours from then,
/// as he has not committed it. So who commits first, then shows it, and is ready within two hours, is the first.
interface IStagedCourt is ICourtTypes {
    /* WHAT A PROOF SHOWS */

    /// @notice What a walk reads, in pieces; `even` has none where no ties need it.
    struct WalkInputs {
        uint256 ids;
        address[] predictions;
        address[] records;
        address[] palette;
        address[] odd;
        address[] even;
    }

    /// @notice Walks that have come to their end, one for each vector, and what they read, as far as the report does not say it.
    /// @param predictions, odd, even keccak256 of each.
    /// @param hasEven whether the walks read the even ranks.
    /// @param tableSiblings of the rank table's leaf in the tree of tables.
    struct Walked {
        bytes32[] walks;
        bytes32 predictions;
        bytes32 odd;
        bytes32 even;
        bool hasEven;
        bytes32[] tableSiblings;
    }

    /// @notice What a step is computed from: predictions and the sums before it in pieces.
    struct StagedStep {
        address[] predictions;
        bytes order;
        address[] sums;
    }

    /// @notice The last sums in pieces, their order, and where their hash stands.
    struct StagedSums {
        address[] sums;
        bytes order;
        bytes32[] siblings;
    }

    /* EVENTS */

    event Committed(address indexed prover, bytes32 commitment);
    event WalkedOn(bytes32 indexed walkId, uint256 place, uint256 ids);

    /* ERRORS */

    /// @notice The sender committed the call less than COMMITMENT_AGE ago, seconds.
    error CommittedTooLate(bytes32 commitment, uint256 earliest);
    /// @notice The walk is none, or one over other inputs.
    error OtherWalk(bytes32 walkId, bytes32 inputs, bytes32 expected);

    /* PROVING */

    /// @notice Announces a proof that the sender will send from COMMITMENT_AGE on. A second time changes nothing.
    /// @param commitment keccak256(abi.encode(sender, keccak256(calldata of the last call))).
    function commit(bytes32 commitment) external;

    /// @notice Walks on along the order of the predictions.
    /// @param before the walk to go on from; zero at the beginning.
    /// @param order the ids that come next, 2 bytes each, by ascending (prediction, id).
    /// @return walkId keccak256(abi.encode(before, keccak256(order))), with the hash of the inputs in place of zero.
    function walk(WalkInputs calldata inputs, bytes32 before, bytes calldata order) external returns (bytes32 walkId);

    /// @notice Proves the score of a submission that counts, as `IScoreCourt.disproveScore` does.
    function disproveScore(
        address tournament,
        Evidence calldata evidence,
        Place calldata place,
        Submission calldata submission,
        Walked calldata walked
    ) external;

    /// @notice Proves the sums after a submission that counts and has a position, as `IMetaCourt.disproveStep` does.
    function disproveStep(
        address tournament,
        Evidence calldata evidence,
        Place calldata place,
        Submission calldata submission,
        Step calldata step,
        StagedStep calldata inputs
    ) external;

    /// @notice Proves that the meta model's ranks in a vector are not those of the last sums, as `IMetaCourt.disproveRanks` does.
    function disproveRanks(
        address tournament,
        Evidence calldata evidence,
        uint256 vector,
        address[] calldata records,
        StagedSums calldata last
    ) external;

    /// @notice Proves that a submission counts whose predictions must not, as `IVerdictCourt.disprovePredictions` does.
    /// @param predictions in pieces.
    function disprovePredictions(
        address tournament,
        Report calldata report,
        Terms calldata terms,
        Submission calldata submission,
        address[] calldata predictions
    ) external;

    /* VIEWS */

    /// @notice What `disproveScore` would compare; see `IScoreCourt.scoreOf`.
    function scoreOf(
        address tournament,
        Evidence calldata evidence,
        Place calldata place,
        Submission calldata submission,
        Walked calldata walked
    ) external view returns (int256 claimed, int256 least, int256 largest);

    /// @notice When a proof was announced, seconds; zero if it was not.
    function committedAt(bytes32 commitment) external view returns (uint256);

    /// @notice How many ids a walk has behind it; zero if there is none.
    function placeOf(bytes32 walkId) external view returns (uint256);

    /// @notice How long before a proof it must have been announced, seconds.
    function COMMITMENT_AGE() external view returns (uint256);

    /// @notice Where provers stage, so that all find the same pieces. Pieces may come from anywhere.
    function store() external view returns (IPieceStore);
}
