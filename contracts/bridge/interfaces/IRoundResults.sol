// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Report} from "../../interfaces/Report.sol";
import {IRootChain} from "./IPolygon.sol";
import {CheckpointProof} from "../lib/CheckpointProof.sol";

/// @title IRoundResults
/// @notice What Ethereum knows of rounds on Polygon: the final report's hash, and how the round ended, each proved from a
/// checkpoint by anybody. `SettlementBegan` is emitted for a final report only, but a round can still be given up after it:
/// so a result counts once the round's closing event is proved too.
interface IRoundResults {
    /// @notice Open: nothing that ends the round is proved.
    enum RoundEnd {
        Open,
        Settled,
        Voided
    }

    /// @param reportHash of the report that is being settled; zero: not proved, or the round had no report.
    /// @param reserved for payouts, nano-NMR.
    /// @param paid, burned in all, nano-NMR; of a void round, by chunks that were settled before.
    /// @param endedAt time of the block with the closing event, seconds.
    struct Result {
        bytes32 reportHash;
        uint64 reserved;
        RoundEnd end;
        uint64 paid;
        uint64 burned;
        uint64 endedAt;
    }

    event ReportProven(address indexed tournament, uint256 indexed roundId, bytes32 reportHash, uint64 reserved);
    event EndProven(address indexed tournament, uint256 indexed roundId, RoundEnd end, uint64 paid, uint64 burned);

    /// @notice The log that is proved says nothing about how a round ended.
    error NotOfARound(address emitter, bytes32 topic);
    /// @notice It was proved before.
    error KnownAlready(address tournament, uint256 roundId);

    /// @notice Takes the proof of `SettlementBegan`, `RoundSettled` or `RoundVoided` of any tournament on Polygon. Anybody may,
    /// in any order. Whoever reads a result names the tournament: what emitted the log is not judged here.
    /// @dev Reverts if the proof is wrong (see `CheckpointProof.read`), proves another log (`NotOfARound`), or what it proves
    /// is known (`KnownAlready`).
    function prove(CheckpointProof.Proof calldata proof) external;

    /// @notice What is proved of a round.
    function resultOf(address tournament, uint256 roundId) external view returns (Result memory);

    /// @notice Whether `report` is what a round was settled by: its hash is proved, and that the round was settled.
    function wasSettledBy(address tournament, Report calldata report) external view returns (bool);

    function rootChain() external view returns (IRootChain);

    /// @notice Polygon's chain id, which is in the hash of a report.
    function childChainId() external view returns (uint256);
}
