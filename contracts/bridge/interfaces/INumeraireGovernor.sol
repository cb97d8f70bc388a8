// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title INumeraireGovernor
/// @notice Votes of vNMR that act as the admin: on Ethereum through the authority with the delay of the admin's role, on
/// Polygon by a message through the gateway. The guardian can cancel a proposal at any time before it is executed, and
/// never make one.
interface INumeraireGovernor {
    /// @param votingDelay from proposal to snapshot, seconds: at least MIN_VOTING_DELAY, so that what is borrowed has to be
    /// borrowed for days.
    /// @param votingPeriod from snapshot to the end of the vote, seconds.
    /// @param proposalThreshold votes that a proposer needs, wei.
    /// @param quorumPercent share of the wrapped supply that must take part.
    /// @param quorumFloor the least that must take part, wei, however little is wrapped.
    /// @param baseDelay from the end of a successful vote to its execution, seconds.
    /// @param guardian cancels; zero: proposers do, their own.
    struct Terms {
        uint48 votingDelay;
        uint32 votingPeriod;
        uint256 proposalThreshold;
        uint256 quorumPercent;
        uint256 quorumFloor;
        uint32 baseDelay;
        address guardian;
    }

    error VotingDelayTooShort(uint48 votingDelay, uint48 minimum);
    /// @notice Without a floor, whoever wraps while nobody else has would decide alone.
    error NoQuorumFloor();
    error GuardianCannotPropose(address guardian);

    /// @notice The least that must take part in a vote, wei.
    function quorumFloor() external view returns (uint256);

    function MIN_VOTING_DELAY() external view returns (uint48);
}
