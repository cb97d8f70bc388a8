// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ICourtTypes} from "./ICourtTypes.sol";
import {Report} from "./Report.sol";

/// @title IDemands
/// @notice Where predictions stay hidden, no stranger can compute another's score. So a round's terms may say that some models
/// are drawn once its report and evidence are public: whoever pays a deposit demands the predictions of one, anybody who has
/// them answers, and a lane that owes them at the end scores 0: its position returns whole, and nobody is slashed.
///
/// What is drawn is drawn by payout, and cannot be chosen: nobody buys a rival's predictions.
///
///     since: the report is accepted, and its evidence public             thirds of the challenge window
///     |-- draw, draw again, place, demand --|-- answer (as soon as demanded) --|-- proofs of what was answered --| final
///
/// A report that is replaced in a dispute is drawn anew. While one is disputed, its times run on: it is not final before they
/// are over.
///
/// It knows no tournament and no committee: it asks the tournament for both, and everything that it keeps is kept under that
/// tournament's address. One token is taken and given, whatever a tournament says, so that one that pretends moves nothing
/// but what was paid for its own rounds.
interface IDemands is ICourtTypes {
    /* EVENTS */

    /// @notice The seed is made of one bit of each of SEED_BLOCKS blocks from `fromBlock` on.
    event DrawScheduled(
        address indexed tournament, uint256 indexed roundId, bytes32 indexed reportHash, uint256 fromBlock
    );
    event Drawn(address indexed tournament, uint256 indexed roundId, bytes32 indexed reportHash, uint64 seed);
    /// @notice The lanes whose predictions may be demanded, ascending as they were locked, each once; `deposit` in wei.
    event Placed(
        address indexed tournament,
        uint256 indexed roundId,
        bytes32 indexed reportHash,
        uint256[] lanes,
        uint256 deposit
    );
    event Demanded(
        address indexed tournament,
        uint256 indexed roundId,
        bytes32 indexed reportHash,
        uint256 place,
        uint256 lane,
        uint256 modelId,
        address payer
    );
    event Answered(
        address indexed tournament,
        uint256 indexed roundId,
        bytes32 indexed reportHash,
        uint256 place,
        uint256 modelId,
        bytes predictions
    );
    /// @notice The deposit of a demand that nobody answered went back.
    event Reclaimed(
        address indexed tournament, uint256 indexed roundId, bytes32 indexed reportHash, uint256 place, address payer
    );
    /// @notice A chunk was settled in which these lanes owe predictions: their scores counted as zero.
    event LanesSilenced(address indexed tournament, uint256 indexed roundId, uint256[] lanes);

    /* ERRORS */

    /// @notice No report of the round stands at its committee.
    error NoReport(uint256 roundId);
    /// @notice The report's evidence is not public, the round was opened without terms, or the committee waits for none.
    error NoEvidence(bytes32 reportHash);
    /// @notice The terms name no demands, or more than MAX_DEMANDS.
    error NoDemands(uint256 demands);
    error TooEarly(uint256 timestamp, uint256 notBefore);
    error TooLate(uint256 timestamp, uint256 before);
    /// @notice The last block of which the seed has a bit is not behind this one.
    error SeedNotThere(uint256 blockNumber, uint256 last);
    error AlreadyDrawn(bytes32 reportHash);
    error NotDrawn(bytes32 reportHash);
    error AlreadyPlaced(bytes32 reportHash);
    /// @notice Payouts do not add up to the report's: prove that (IScoreCourt.disproveTotals). Or nobody is paid anything.
    error OtherPayout(uint256 payout, uint256 expected);
    /// @notice There is no such place, or the lanes are not placed yet.
    error NoPlace(uint256 place, uint256 places);
    error AlreadyDemanded(uint256 place);
    /// @notice Nobody demanded it, its deposit went back, or it was answered.
    error NothingOwed(uint256 place);

    /* DRAWING */

    /// @notice Begins the draw of the round's report, and once its blocks are there, keeps the seed. Anybody may, twice.
    /// Where the chain does not give the hashes any more, the draw begins anew.
    /// @dev Reverts if no report stands (`NoReport`), its evidence is not public (`NoEvidence`), it is drawn (`AlreadyDrawn`), the
    /// first third is over (`TooLate`), or the blocks are not there yet (`SeedNotThere`).
    function draw(address tournament, uint256 roundId) external;

    /// @notice Says on which lanes the draw fell. Draw j < demands falls at keccak256(abi.encode(seed, reportHash, j)) modulo
    /// totalPayout: on the lane in whose payout it lies, as payouts are added up in the order in which lanes were locked.
    /// @param chunks all of the round's, in that order.
    /// @dev Reverts if the report is not drawn (`NotDrawn`) or placed already (`AlreadyPlaced`), the first third is over
    /// (`TooLate`), the terms are not the round's (`OtherTerms`) or name no demands (`NoDemands`), the chunks are not those of
    /// round and report (`OtherHeads`, `WrongCount`), or payouts do not add up (`OtherPayout`).
    function place(address tournament, Report calldata report, Terms calldata terms, Chunk[] calldata chunks) external;

    /* DEMANDING */

    /// @notice Demands the predictions of the lane at a place, for the terms' deposit, from the caller. Anybody may, once.
    /// @dev Reverts if no report stands (`NoReport`), there is no such place (`NoPlace`), it was demanded (`AlreadyDemanded`), the
    /// first third is over (`TooLate`), or the token refuses the transfer.
    function demand(address tournament, uint256 roundId, uint256 place) external;

    /// @notice Answers a demand with the model's predictions. Anybody may. The deposit goes to the model's owner, less a part
    /// (ANSWER_DIVISOR) for whoever carries the predictions to the chain.
    /// @param submission the leaf of the lane's model, in the tree that was sealed.
    /// @param to who gets that part.
    /// @dev Reverts if no report stands (`NoReport`), nothing is owed at the place (`NothingOwed`), the second third is over
    /// (`TooLate`), or the submission is not the model's, does not count, is not in the tree, or is of other predictions
    /// (`OtherModel`, `WrongVerdict`, `NotInTree`, `OtherPredictions`).
    function answer(
        address tournament,
        uint256 roundId,
        uint256 place,
        Submission calldata submission,
        bytes calldata predictions,
        address to
    ) external;

    /// @notice Gives the deposit of a demand back to who paid it, once nobody can answer it any more: after the second third,
    /// or as the report fell. Anybody may.
    /// @dev Reverts if nothing is owed at the place (`NothingOwed`), or it may still be answered (`TooEarly`).
    function reclaim(address tournament, bytes32 reportHash, uint256 place) external;

    /* SETTLEMENT */

    /// @notice The scores of a chunk of the calling tournament as they count: zero for lanes that owe predictions. Empty where
    /// all count as they are.
    function heard(uint256 roundId, uint256 fromSlot, bytes calldata scores) external returns (bytes memory);

    /// @notice The lanes of a round that owe predictions under the report that stands. None while they may still be answered.
    function silentLanes(address tournament, uint256 roundId) external view returns (uint256[] memory lanes);

    /* VIEWS */

    /// @notice A report's draw.
    /// @param since the thirds count from here, seconds.
    /// @param fromBlock the first block of the seed; zero while no draw began.
    /// @param isDrawn whether there is a seed.
    /// @param places how many lanes the draw fell on.
    /// @param demanded, answered bits of the places.
    /// @param deposit of each demand, wei.
    /// @param third of the challenge window, seconds.
    struct Draw {
        uint64 since;
        uint64 fromBlock;
        uint64 seed;
        bool isDrawn;
        uint8 places;
        uint16 demanded;
        uint16 answered;
        uint128 deposit;
        uint64 third;
        uint64 roundId;
    }

    function drawOf(address tournament, bytes32 reportHash) external view returns (Draw memory);

    /// @notice The lane at a place of a draw, and who paid for its predictions: zero while nobody did, and once the deposit is
    /// given.
    function placeOf(address tournament, bytes32 reportHash, uint256 place)
        external
        view
        returns (uint256 lane, address payer);

    /// @notice What deposits are paid in.
    function token() external view returns (IERC20);

    function MAX_DEMANDS() external view returns (uint256);

    /// @notice How many blocks lie between the beginning of a draw and the first one of its seed.
    function SEED_DELAY() external view returns (uint256);

    /// @notice How many blocks a seed has one bit of each of.
    function SEED_BLOCKS() external view returns (uint256);

    /// @notice One part in so many of a deposit goes to whoever sends the answer.
    function ANSWER_DIVISOR() external view returns (uint256);
}
