// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice What the oracles say about a round. Its hash, with chain id and tournament, is what they vote on.
/// @param roundId the round of the tournament.
/// @param version version of report and contracts; must equal `VERSION` of both.
/// @param scoresHead head of the hash stack of score chunks, one for each chunk of positions.
/// @param totalPayout what the round pays from a full pool: the sum of all models' payouts, nano-NMR.
/// @param totalBurn the sum of all models' burns, nano-NMR.
/// @param evidenceHash keccak256(abi.encode(digest of the round's manifest, operands hash)): from the manifest anybody can
/// recompute the rest, and from the operands (zero: none are posted) a contract can recompute scores.
struct Report {
    uint256 roundId;
    uint256 version;
    bytes32 scoresHead;
    uint64 totalPayout;
    uint64 totalBurn;
    bytes32 evidenceHash;
}
