// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ITournament} from "../interfaces/ITournament.sol";
import {Report} from "../interfaces/Report.sol";
import {IRootChain} from "./interfaces/IPolygon.sol";
import {IRoundResults} from "./interfaces/IRoundResults.sol";
import {CheckpointProof} from "./lib/CheckpointProof.sol";

/// @title RoundResults
/// @notice See IRoundResults. It belongs to nobody, holds nothing, and knows every tournament.
contract RoundResults is IRoundResults {
    /// @dev As `IOracleCommittee.REPORT_TYPEHASH`.
    bytes32 private constant REPORT_TYPEHASH = keccak256(
        "Report(uint256 chainId,address tournament,uint256 roundId,uint256 version,bytes32 scoresHead,uint64 totalPayout,uint64 totalBurn,bytes32 evidenceHash)"
    );

    /// @inheritdoc IRoundResults
    IRootChain public immutable rootChain;

    /// @inheritdoc IRoundResults
    uint256 public immutable childChainId;

    mapping(address tournament => mapping(uint256 roundId => Result)) private _results;

    constructor(IRootChain rootChain_, uint256 childChainId_) {
        rootChain = rootChain_;
        childChainId = childChainId_;
    }

    /// @inheritdoc IRoundResults
    function prove(CheckpointProof.Proof calldata proof) external {
        CheckpointProof.Log memory log = CheckpointProof.read(rootChain, proof);
        bytes32 topic = log.topics.length == 2 ? log.topics[0] : bytes32(0);
        if (topic == ITournament.SettlementBegan.selector) {
            _recordReport(log.emitter, uint256(log.topics[1]), log.data);
        } else if (topic == ITournament.RoundSettled.selector) {
            _recordEnd(log.emitter, uint256(log.topics[1]), RoundEnd.Settled, log.data, proof.blockTime);
        } else if (topic == ITournament.RoundVoided.selector) {
            _recordEnd(log.emitter, uint256(log.topics[1]), RoundEnd.Voided, log.data, proof.blockTime);
        } else {
            revert NotOfARound(log.emitter, topic);
        }
    }

    /// @inheritdoc IRoundResults
    function resultOf(address tournament, uint256 roundId) external view returns (Result memory) {
        return _results[tournament][roundId];
    }

    /// @inheritdoc IRoundResults
    function wasSettledBy(address tournament, Report calldata report) external view returns (bool) {
        Result storage result = _results[tournament][report.roundId];
        // As OracleCommittee hashes it, over there.
        bytes32 hash = keccak256(abi.encode(REPORT_TYPEHASH, childChainId, tournament, report));
        return result.end == RoundEnd.Settled && result.reportHash == hash;
    }

    function _recordReport(address tournament, uint256 roundId, bytes memory data) private {
        Result storage result = _results[tournament][roundId];
        if (result.reportHash != 0) revert KnownAlready(tournament, roundId);
        (result.reportHash, result.reserved) = abi.decode(data, (bytes32, uint64));
        emit ReportProven(tournament, roundId, result.reportHash, result.reserved);
    }

    function _recordEnd(
        address tournament,
        uint256 roundId,
        RoundEnd end,
        bytes memory data,
        uint256 endedAt
    ) private {
        Result storage result = _results[tournament][roundId];
        if (result.end != RoundEnd.Open) revert KnownAlready(tournament, roundId);
        (result.paid, result.burned) = abi.decode(data, (uint64, uint64));
        (result.end, result.endedAt) = (end, uint64(endedAt));
        emit EndProven(tournament, roundId, end, result.paid, result.burned);
    }
}
