// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice A tournament that names another member set for its round whenever it suits.
contract TwoFacedTournament {
    uint256 public setId;
    uint256 private immutable deadline = block.timestamp + 1 days;

    function say(uint256 setId_) external {
        setId = setId_;
    }

    /// @notice As `ITournament.reportingOf`: sealed, and resolved long ago.
    function reportingOf(uint256) external view returns (uint256, uint256, uint256, uint256) {
        return (4, 1, deadline, setId);
    }
}
