// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Report} from "./Report.sol";

/// @title IOracleCommittee
/// @notice Members agree on the report of a round: m of n, always more than half.
///
/// A proposal's life:
///
///     None --quorum of equal attestations--> Accepted --challengeUntil passes--> final
///
/// Votes are counted within one member set. Any change of members or quorum begins a new set: the votes of rounds that
/// are not accepted yet become stale, and members attest again. Accepted reports are not touched.
interface IOracleCommittee {
    /// @notice None: no report accepted. Accepted: the quorum agreed; final once `challengeUntil` has passed.
    enum ProposalStatus {
        None,
        Accepted
    }

    /// @param reportHash the accepted report's hash; zero while there is none.
    /// @param challengeUntil timestamp at which the report becomes final. Stored here, so that no later change moves it.
    /// @param memberSetId the member set whose votes accepted it.
    /// @param status see `ProposalStatus`.
    struct Proposal {
        bytes32 reportHash;
        uint64 challengeUntil;
        uint64 memberSetId;
        ProposalStatus status;
    }

    /// @notice `member` votes for `reportHash`; an earlier vote of theirs for this round no longer counts.
    event Attested(address indexed tournament, uint256 indexed roundId, address indexed member, bytes32 reportHash);
    /// @notice The quorum agreed on a report. It is final at `challengeUntil`.
    event ReportAccepted(
        address indexed tournament, uint256 indexed roundId, bytes32 reportHash, uint64 challengeUntil
    );
    event MemberAdded(address indexed member);
    event MemberRemoved(address indexed member);
    /// @notice Votes of set `memberSetId - 1` for rounds not yet accepted are stale.
    event MemberSetChanged(uint64 indexed memberSetId, uint256 memberCount, uint256 quorum);

    error NotMember(address caller);
    error ZeroMember();
    error AlreadyMember(address member);
    error TooManyMembers(uint256 memberCount, uint256 maximum);
    /// @notice A quorum is more than half of the members and not more than all.
    error QuorumOutOfRange(uint256 quorum, uint256 minimum, uint256 maximum);
    error ChallengeWindowTooLong(uint256 window, uint256 maximum);
    error UnknownVersion(uint256 version, uint256 expected);
    /// @notice The tournament's round is in another state than Sealed (numbers of `ITournament.RoundState`).
    error RoundNotSealed(uint256 roundId, uint256 state);
    error TooEarly(uint256 timestamp, uint256 notBefore);
    error TooLate(uint256 timestamp, uint256 before);
    error AlreadyAccepted(bytes32 reportHash);
    error AlreadyAttested(bytes32 reportHash);

    /// @notice Votes for a report of a round of `tournament`. Members only. The vote may change until acceptance.
    /// @dev Reverts if:
    /// - the caller is not a member (`NotMember`);
    /// - `report.version` is not `VERSION` (`UnknownVersion`);
    /// - a report was accepted (`AlreadyAccepted`);
    /// - the round is not Sealed (`RoundNotSealed`), not resolved yet (`TooEarly`) or past its deadline (`TooLate`);
    /// - the caller's vote already is for this report (`AlreadyAttested`).
    function attest(address tournament, Report calldata report) external;

    /// @notice Adds a member and sets the quorum. Restricted.
    /// @dev Reverts if `member` is zero (`ZeroMember`) or a member (`AlreadyMember`), if there are too many
    /// (`TooManyMembers`), or the quorum does not fit (`QuorumOutOfRange`).
    function addMember(address member, uint256 newQuorum) external;

    /// @notice Removes a member and sets the quorum. Restricted.
    /// @dev Reverts if `member` is none (`NotMember`), or the quorum does not fit (`QuorumOutOfRange`).
    function removeMember(address member, uint256 newQuorum) external;

    /// @notice Sets the quorum. Restricted.
    /// @dev Reverts unless memberCount / 2 < newQuorum <= memberCount (`QuorumOutOfRange`).
    function setQuorum(uint256 newQuorum) external;

    /// @notice What members vote on: the report bound to this chain and to `tournament`.
    /// keccak256(abi.encode(REPORT_TYPEHASH, block.chainid, tournament, roundId, version, scoresHead, totalPayout,
    /// totalBurn, evidenceHash)).
    function hashReport(address tournament, Report calldata report) external view returns (bytes32);

    /// @notice Whether the report with this hash was accepted and can no longer be challenged.
    function isFinal(address tournament, uint256 roundId, bytes32 reportHash) external view returns (bool);

    /// @notice Whether a report stands: accepted, and final or on its way there. While one does, the round must not be
    /// voided for want of a report.
    function hasStandingReport(address tournament, uint256 roundId) external view returns (bool);

    function proposalOf(address tournament, uint256 roundId) external view returns (Proposal memory);

    /// @notice The member's vote, zero if none: of the accepting member set once accepted, of the current one before.
    function voteOf(address tournament, uint256 roundId, address member) external view returns (bytes32);

    /// @notice How many members of that set (see `voteOf`) vote for `reportHash`.
    function votesFor(address tournament, uint256 roundId, bytes32 reportHash) external view returns (uint256);

    function members() external view returns (address[] memory);

    function isMember(address account) external view returns (bool);

    function quorum() external view returns (uint256);

    /// @notice Number of the current member set. Grows with every change of members or quorum.
    function memberSetId() external view returns (uint64);

    /// @notice Seconds between acceptance and finality.
    function challengeWindow() external view returns (uint64);

    /// @notice Version of reports that this committee accepts.
    function VERSION() external view returns (uint256);

    function REPORT_TYPEHASH() external view returns (bytes32);
}
