// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice All of a tournament that a committee looks at when a seal is signed: who calls, and when the round resolves.
contract SealingTournament {
    address private immutable committee;
    uint256 private immutable resolveAt;

    constructor(address committee_, uint256 resolveAt_) {
        committee = committee_;
        resolveAt = resolveAt_;
    }

    /// @notice As `ITournament.reportingOf`, of a round in no state.
    function reportingOf(uint256) external view returns (uint256, uint256, uint256, uint256) {
        return (0, resolveAt, 0, 0);
    }

    /// @notice Sends any call on to the committee.
    fallback() external {
        (bool success, bytes memory result) = committee.call(msg.data);
        assembly ("memory-safe") {
            if iszero(success) {
                revert(add(result, 0x20), mload(result))
            }
        }
    }
}
