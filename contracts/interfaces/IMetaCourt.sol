// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICourtTypes} from "./ICourtTypes.sol";

/// @title IMetaCourt
/// @notice Proves wrong what a report says of its meta model. ScoreCourt hears it, and its commitments are made there.
///
/// The meta model orders the ids by sums over the submissions that count, of position times doubled rank. A report commits to
/// the sums after each submission, in the order of the tree of submissions: `Evidence.steps` is the root of a tree of the
/// same shape, whose leaf is keccak256(abi.encode(keccak256(abi.encode(keccak256(sums))))), 10 bytes an id. Before the first
/// submission all sums are zero. A leaf that fills the tree of submissions up adds nothing, so the last leaf has the last
/// sums.
///
/// What an honest report says, and so what can be proven wrong:
///
///     of a submission that counts, with a position    the sums before it, and position times rank    disproveStep
///     of any other leaf                                                       the sums before it    disproveIdleStep
///     of the vectors against the meta model                               the ranks of the last sums    disproveRanks
///     of the tree of steps                                       as deep as the tree of submissions    disproveShape
///
/// The hashes of all sums are posted, part by part, before a report can be final. So whoever computes the sums sees the first
/// step that is wrong, and knows the sums before it: no preimage of a lie is needed.
interface IMetaCourt is ICourtTypes {
    /* WHAT A PROOF SHOWS */

    /// @notice What a step is computed from, as `MetaProof` reads it.
    /// @param sums before the step; of the first one zeros.
    struct StepInputs {
        bytes predictions;
        bytes order;
        bytes sums;
    }

    /// @notice The last sums, and where their hash stands. Where nobody submitted, zeros without siblings.
    /// @param order the ids by ascending (sum, id).
    struct LastSums {
        bytes sums;
        bytes order;
        bytes32[] siblings;
    }

    /// @notice What of a report's steps is public.
    /// @param parts how many parts of the tree, from the left.
    /// @param total how many there are; zero while nothing is public.
    /// @param first, last when the first and the latest part were posted, seconds.
    struct Posting {
        uint64 parts;
        uint64 total;
        uint64 first;
        uint64 last;
    }

    /* EVENTS */

    /// @notice The hashes of the sums after the leaves of part `part`, PART_LEAVES a part. The last one given holds for the
    /// rest of the part.
    event StepsPosted(
        address indexed tournament, uint256 indexed roundId, bytes32 indexed reportHash, uint256 part, bytes32[] hashes
    );

    /* ERRORS */

    /// @notice Parts are posted from the left, each once.
    error OtherPart(uint256 part, uint256 expected);
    /// @notice The leaf adds to the sums: it is proven with its predictions.
    error NotIdle();

    /* POSTING */

    /// @notice Makes a part of a report's steps public. Anybody may, until POSTING_PERIOD after the round's deadline.
    /// @param hashes from 1 to PART_LEAVES, see `StepsPosted`. Without siblings, the part is the tree, and its width the next
    /// power of two.
    /// @param siblings of the part's own root.
    function post(
        address tournament,
        Evidence calldata evidence,
        uint256 part,
        bytes32[] calldata hashes,
        bytes32[] calldata siblings
    ) external;

    /// @notice What of a report's steps is public.
    function postingOf(address tournament, bytes32 reportHash) external view returns (Posting memory);

    /// @notice Since when all steps of a report are public, seconds; the largest uint256 while they are not.
    function stepsSince(address tournament, bytes32 reportHash) external view returns (uint256);

    /* PROVING: committed at the tournament's court */

    /// @notice Proves the sums after a submission that counts and has a position.
    function disproveStep(
        address tournament,
        Evidence calldata evidence,
        Place calldata place,
        Submission calldata submission,
        Step calldata step,
        StepInputs calldata inputs
    ) external;

    /// @notice Proves that sums changed at a submission that does not count or has no position, or beyond the last one.
    /// @param submission of a leaf that fills the tree up, only index and siblings are read: its model is zero. A verdict
    /// other than one does not count, and the model zero has no position.
    /// @param chunks all of the round, in the order in which they were locked; none where the submission does not count.
    function disproveIdleStep(
        address tournament,
        Evidence calldata evidence,
        Submission calldata submission,
        Step calldata step,
        Chunk[] calldata chunks
    ) external;

    /// @notice Proves that the meta model's ranks in a vector are not those of the last sums.
    function disproveRanks(
        address tournament,
        Evidence calldata evidence,
        uint256 vector,
        bytes calldata records,
        LastSums calldata last
    ) external;

    /// @notice Proves that the tree of steps is not as deep as the tree of submissions.
    /// @param leaf the hash of the sums of any leaf of the steps, which stands at `index`.
    function disproveShape(
        address tournament,
        Evidence calldata evidence,
        Submission calldata submission,
        bytes32 leaf,
        uint256 index,
        bytes32[] calldata siblings
    ) external;

    /// @notice Leaves of the tree of steps that are posted at once.
    function PART_LEAVES() external view returns (uint256);
}
