// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title IRoundWindows
/// @notice The times that a deployment fixes for all its rounds.
interface IRoundWindows {
    /// @notice Seconds.
    /// @param lockWindow how long after a round's closeAt its positions may be locked and the round be sealed, at most.
    /// @param leastLockWindow what locking and sealing need: the chain's finality, the operator's calls, the members'
    /// exchange of verdicts. A round with a shorter lock window is not opened.
    /// @param leastNotice how long before its closeAt a round is opened, at least.
    /// @param fundingGrace how long a final report waits for a pool that can pay it, as long as time is left to settle.
    struct Windows {
        uint64 lockWindow;
        uint64 leastLockWindow;
        uint64 leastNotice;
        uint64 fundingGrace;
    }

    error WindowOutOfRange(uint256 window, uint256 minimum, uint256 maximum);

    function windows() external view returns (Windows memory);
}
