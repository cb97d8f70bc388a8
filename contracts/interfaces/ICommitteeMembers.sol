// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title ICommitteeMembers
/// @notice Who votes in a committee, and what each of them has at stake. Amounts in wei.
///
/// Members are kept as numbered sets. Any change of members or quorum begins a new set and leaves the old ones as they
/// were, so that a vote is always counted within the set that it was opened for.
///
/// A member votes while their bond is at least `memberBond`. Each vote holds the bond until nothing that came of the vote
/// can be overturned any more (`bondedUntil`); past that the bond is theirs to take, member or not: to leave, a member
/// stops voting and needs nobody's leave. What members or challengers are owed is credited, and anybody may have it sent.
interface ICommitteeMembers {
    event MemberAdded(address indexed member);
    event MemberRemoved(address indexed member);
    /// @notice Votes of set `memberSetId - 1` for rounds not yet accepted are stale.
    event MemberSetChanged(uint64 indexed memberSetId, uint256 memberCount, uint256 quorum);
    event BondPosted(address indexed member, address indexed from, uint256 amount);
    event BondReleased(address indexed member, address indexed to, uint256 amount);
    /// @notice `member` attested a report that was overturned, and lost `amount` of their bond.
    event BondSlashed(address indexed member, uint256 amount);
    event CreditCollected(address indexed account, uint256 amount);

    error NotMember(address caller);
    error ZeroMember();
    error AlreadyMember(address member);
    error TooManyMembers(uint256 memberCount, uint256 maximum);
    /// @notice A quorum is more than half of the members and not more than all.
    error QuorumOutOfRange(uint256 quorum, uint256 minimum, uint256 maximum);
    error BondTooLarge(uint256 bond, uint256 maximum);
    /// @notice The member's bond is below what a vote takes.
    error BondTooSmall(uint256 bond, uint256 minimum);
    error BondHeld(uint256 timestamp, uint256 until);
    error InsufficientBond(uint256 bond, uint256 amount);
    error ZeroAmount();
    error NothingOwed(address account);

    /// @notice Adds a member and sets the quorum. Restricted.
    /// @dev Reverts if `member` is zero (`ZeroMember`) or a member (`AlreadyMember`), if there are too many
    /// (`TooManyMembers`), or the quorum does not fit (`QuorumOutOfRange`).
    function addMember(address member, uint256 newQuorum) external;

    /// @notice Removes a member and sets the quorum. Restricted. Disputes opened before keep the member's vote.
    /// @dev Reverts if `member` is none (`NotMember`), or the quorum does not fit (`QuorumOutOfRange`).
    function removeMember(address member, uint256 newQuorum) external;

    /// @notice Sets the quorum. Restricted.
    /// @dev Reverts unless memberCount / 2 < newQuorum <= memberCount (`QuorumOutOfRange`).
    function setQuorum(uint256 newQuorum) external;

    /// @notice Adds `amount` wei to the bond of `member`, from the caller. Anybody may, for anybody.
    /// @dev Reverts if `member` is zero (`ZeroMember`), `amount` is zero (`ZeroAmount`), or the token refuses the transfer.
    function postBond(address member, uint256 amount) external;

    /// @notice Sends `amount` wei of the caller's bond to `to`.
    /// @dev Reverts if `amount` is zero (`ZeroAmount`), if a vote of the caller's may still be overturned (`BondHeld`), if
    /// what is left of the bond is less (`InsufficientBond`), or the token refuses the transfer.
    function releaseBond(uint256 amount, address to) external;

    /// @notice Sends `account` what it is owed. Anybody may call.
    /// @dev Reverts if nothing is owed (`NothingOwed`), or the token refuses the transfer.
    /// @return amount wei.
    function collect(address account) external returns (uint256 amount);

    function members() external view returns (address[] memory);

    function isMember(address account) external view returns (bool);

    /// @notice The members of a set, current or former; empty if there is no such set.
    function membersOf(uint64 setId) external view returns (address[] memory);

    /// @notice Equal votes, or signatures, that the current member set takes to decide anything.
    function quorum() external view returns (uint256);

    /// @notice The same of a set, current or former; zero if there is no such set.
    function quorumOf(uint64 setId) external view returns (uint256);

    /// @notice Number of the current member set, from 1. Grows with every change of members or quorum.
    function memberSetId() external view returns (uint64);

    /// @notice What is left of an account's bond, wei.
    function bondOf(address account) external view returns (uint256);

    /// @notice From when on the account may release its bond, seconds.
    function bondedUntil(address account) external view returns (uint256);

    /// @notice What `collect` would send to the account, wei.
    function creditOf(address account) external view returns (uint256);

    /// @notice The bond without which no vote counts, wei.
    function memberBond() external view returns (uint256);

    /// @notice What bonds are paid in: a plain ERC-20 without fees, hooks or rebasing.
    function token() external view returns (IERC20);
}
