// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title ICommitteeMembers
/// @notice Who votes in a committee, and what each of them has at stake. Amounts in wei.
///
/// Members are kept as numbered sets. Any change of members, quorum or keys begins a new set and leaves the old ones as
/// they were. A round belongs to the set of the day it was opened: to vote and to seal, whoever comes or goes meanwhile,
/// and to decrypt, whoever changes their key: what was submitted to a round is encrypted to the keys of its set.
///
/// A member's bond answers for every round in which they have a vote open: one bond backs no more votes than it can pay for.
/// While a vote is open the bond cannot be taken; `IOracleCommittee.closeVotes` closes those of a round once nothing that
/// came of them can change. What anybody is owed is credited, and anybody may have it sent.
///
/// A member signs for the rounds that were opened while it was one, and can sign wrongly at any time of them
/// (`ICommitteeConsensus`). So a member takes back no more than what its bond has above `memberBond`. To leave, it calls
/// `leave`, and needs nobody's leave: it is assigned no further round, nobody can add it again, and its bond is held until
/// 30 days after the last round that was opened before has resolved. That is 575 days at most, and 130 more if votes are still
/// open then, whatever admins, operators and tournaments do. Of members that the admin
/// removes, and of absent ones, the bond is held as long.
///
/// Bonds can be lost by what others do (a dispute in which a member does not vote), so members answer for rounds of the
/// tournaments that the admin added, and of no other: else any former quorum could make up rounds that punish others.
interface ICommitteeMembers {
    event MemberAdded(address indexed member);
    event MemberRemoved(address indexed member);
    /// @notice Rounds opened from now on belong to set `memberSetId`.
    event MemberSetChanged(uint64 indexed memberSetId, uint256 memberCount, uint256 quorum);
    event TournamentAdded(address indexed tournament);
    event TournamentRemoved(address indexed tournament);
    event BondPosted(address indexed member, address indexed from, uint256 amount);
    event BondReleased(address indexed member, address indexed to, uint256 amount);
    /// @notice `member` carried a report that was overturned or disproven, or was missing from a dispute that expired.
    event BondSlashed(address indexed member, uint256 amount);
    event CreditCollected(address indexed account, uint256 amount);
    /// @notice Rounds opened from now on are encrypted to `key` where `account` is a member.
    event EncryptionKeySet(address indexed account, bytes32 key);

    error NotMember(address caller);
    error ZeroMember();
    error AlreadyMember(address member);
    error TooManyMembers(uint256 memberCount, uint256 maximum);
    /// @notice A quorum is at least two thirds of the members, rounded up, and not more than all; there is at least one member.
    error QuorumOutOfRange(uint256 quorum, uint256 minimum, uint256 maximum);
    error BondTooLarge(uint256 bond, uint256 maximum);
    /// @notice The member's bond is, or would be, below what one more vote takes.
    error BondTooSmall(uint256 bond, uint256 minimum);
    /// @notice So many votes hold the bond.
    error VotesOpen(uint256 openVotes);
    /// @notice Rounds that the account may have signed for hold its bond.
    error BondHeld(uint256 timestamp, uint256 until);
    /// @notice The account left, and joins with another address.
    error MemberLeft(address member);
    error UnknownTournament(address tournament);
    error AlreadyTournament(address tournament);
    error InsufficientBond(uint256 bond, uint256 amount);
    error ZeroAmount();
    error NothingOwed(address account);
    error ZeroEncryptionKey();
    error SameEncryptionKey(bytes32 key);

    /// @notice Adds a member and sets the quorum. Restricted.
    /// @dev Reverts if `member` is zero (`ZeroMember`) or a member (`AlreadyMember`), has left (`MemberLeft`), if there are too
    /// many (`TooManyMembers`), or the quorum does not fit (`QuorumOutOfRange`).
    function addMember(address member, uint256 newQuorum) external;

    /// @notice Removes a member and sets the quorum. Restricted. Rounds opened before keep the member.
    /// @dev Reverts if `member` is none (`NotMember`), or the quorum does not fit (`QuorumOutOfRange`).
    function removeMember(address member, uint256 newQuorum) external;

    /// @notice Ends the caller's membership for good. As many as before agree, or all who are left. The last member stays until
    /// another is added, and its bond is held no longer than another's.
    /// @dev Reverts if the caller is no member (`NotMember`).
    function leave() external;

    /// @notice Assigns a round that opens to the current set, whose bonds answer for it. A tournament calls it.
    /// @param resolveAt of the round, seconds.
    /// @dev Reverts if the caller is none of the committee's tournaments (`UnknownTournament`).
    function assignRound(uint64 resolveAt) external returns (uint64 setId);

    /// @notice Sets the quorum. Restricted.
    /// @dev Reverts unless 2/3 of memberCount <= newQuorum <= memberCount (`QuorumOutOfRange`).
    function setQuorum(uint256 newQuorum) external;

    /// @notice Lets members answer for the rounds of a tournament. Restricted.
    /// @dev Reverts if it was added before (`AlreadyTournament`).
    function addTournament(address tournament) external;

    /// @notice Takes no more seals and first votes for the rounds of a tournament. What was accepted runs its course. Restricted.
    /// @dev Reverts if it is none (`UnknownTournament`).
    function removeTournament(address tournament) external;

    /// @notice Adds `amount` wei to the bond of `member`, from the caller. Anybody may, for anybody.
    /// @dev Reverts if `member` is zero (`ZeroMember`), `amount` is zero (`ZeroAmount`), or the token refuses the transfer.
    function postBond(address member, uint256 amount) external;

    /// @notice Sends `amount` wei of the caller's bond to `to`.
    /// @dev Reverts if `amount` is zero (`ZeroAmount`), if a vote of the caller's is open (`VotesOpen`), if
    /// what is left of the bond is less (`InsufficientBond`), if the caller is a member and would keep less than `memberBond`
    /// (`BondTooSmall`), or was one and the bond is held (`BondHeld`), or the token refuses the transfer.
    function releaseBond(uint256 amount, address to) external;

    /// @notice Sends `account` what it is owed. Anybody may call.
    /// @dev Reverts if nothing is owed (`NothingOwed`), or the token refuses the transfer.
    /// @return amount wei.
    function collect(address account) external returns (uint256 amount);

    /// @notice Publishes the caller's X25519 public key (RFC 7748), to which shares of submissions are encrypted. A member
    /// begins a new set by it; others, before they become one, have it ready. Whether it is a point that is safe to encrypt
    /// to is for those who encrypt to check.
    /// @dev Reverts if `key` is zero (`ZeroEncryptionKey`), or is the caller's already (`SameEncryptionKey`).
    function setEncryptionKey(bytes32 key) external;

    function members() external view returns (address[] memory);

    function isMember(address account) external view returns (bool);

    /// @notice The members of a set, current or former; empty if there is no such set.
    function membersOf(uint64 setId) external view returns (address[] memory);

    /// @notice The account's newest X25519 public key; zero if it published none.
    function encryptionKeyOf(address account) external view returns (bytes32);

    /// @notice The keys of a set's members when the set began, in the order of `membersOf`; zero where there was none.
    function encryptionKeysOf(uint64 setId) external view returns (bytes32[] memory);

    /// @notice Equal votes, or signatures, that the current member set takes to decide anything.
    function quorum() external view returns (uint256);

    /// @notice The same of a set, current or former; zero if there is no such set.
    function quorumOf(uint64 setId) external view returns (uint256);

    /// @notice Number of the current member set, from 1. Grows with every change of members, quorum or keys.
    function memberSetId() external view returns (uint64);

    /// @notice What is left of an account's bond, wei.
    function bondOf(address account) external view returns (uint256);

    /// @notice Rounds in which the account has a vote open. The bond is held while there are any.
    function openVotesOf(address account) external view returns (uint256);

    /// @notice Until when the bond of an account that left or was removed is held, seconds; zero if it was never either, or is
    /// a member again.
    function heldUntil(address account) external view returns (uint256);

    /// @notice Whether members answer for the rounds of a tournament.
    function isTournament(address tournament) external view returns (bool);

    /// @notice What `collect` would send to the account, wei.
    function creditOf(address account) external view returns (uint256);

    /// @notice The bond without which no first vote counts, wei.
    function memberBond() external view returns (uint256);

    /// @notice What bonds are paid in: a plain ERC-20 without fees, hooks or rebasing.
    function token() external view returns (IERC20);
}
