// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICommitteeSeals} from "./ICommitteeSeals.sol";
import {Report} from "./Report.sol";

/// @title IOracleCommittee
/// @notice Members agree on the report of a round: a quorum of at least two thirds. Then it may be disputed, once.
///
/// A proposal's life:
///
///            quorum of equal             challengeUntil passes
///            attestations
///     None -----------------> Accepted ------------------------> final
///                                |
///                                | challenge (anybody, for a bond) or veto (guardian), before challengeUntil
///                                v
///                             Disputed: members attest once more, before disputeUntil
///                                |
///                                +-- quorum for the same report --> Upheld, final once challengeUntil passes as well
///                                +-- quorum for another report ---> Overturned, the other one is final after another
///                                |                                  challengeWindow, and cannot be challenged
///                                +-- disputeUntil passes ---------> Expired, no report ever: the round is void
///
///     Before it is final, the court may disprove a report, disputed or not: Disproven, no report ever, the round is void.
///
/// Both votes belong to the member set that the round was opened with, and take its quorum, whoever comes or goes
/// meanwhile. As the second vote takes no more and no fewer than the first, a dispute corrects errors: members who lie on
/// purpose, and are a quorum, can only be disproven by the court.
///
/// Where the money goes. The challenger's bond: to the burn sink if the report is upheld, back if it is overturned or
/// disproven; if the dispute expires, half of it to the sink. When a report is overturned, every member whose first vote
/// had carried it loses `slash`, or what is left of their bond: half of it goes to the challenger and half to the burn
/// sink, all of it to the sink after a veto. Half, because whoever is about to be caught can hurry to be his own
/// challenger, and must not get everything back. When a report is disproven, whoever voted for it loses as much: half to
/// the prover, half to the sink; nothing, where the court takes no bonds. When a dispute expires, members who cast no second vote lose `absenceSlash` to the sink.
///
/// Whoever does not challenge needs to do nothing. Times are in seconds, bonds in wei.
interface IOracleCommittee is ICommitteeSeals {
    /// @dev See the diagram above.
    enum ProposalStatus {
        None,
        Accepted,
        Disputed,
        Upheld,
        Overturned,
        Expired,
        Disproven
    }

    /// @notice What cannot change once a committee is deployed.
    /// @param challengeWindow between acceptance and finality, at most MAX_CHALLENGE_WINDOW.
    /// @param disputePeriod how long a second vote lasts, MIN_DISPUTE_PERIOD to MAX_DISPUTE_PERIOD.
    /// @param memberBond without which no first vote counts, at most MAX_MEMBER_BOND.
    /// @param challengeBond what a challenge costs that turns out wrong, at most MAX_CHALLENGE_BOND.
    /// @param slash what a member loses who carried an overturned or disproven report, at most memberBond.
    /// @param absenceSlash what a member loses who is missing from a dispute that expires, at most slash.
    /// @param absenceLimit after so many missed seals in a row anybody may remove a member; at least MIN_ABSENCE_LIMIT.
    struct Terms {
        uint64 challengeWindow;
        uint64 disputePeriod;
        uint256 memberBond;
        uint256 challengeBond;
        uint256 slash;
        uint256 absenceSlash;
        uint256 absenceLimit;
    }

    /// @notice All deadlines are stored here, so that no later change moves them.
    /// @param reportHash the accepted report's hash, after Overturned the other one's; zero while there is none.
    /// @param challengeUntil when a report that nobody disputes, or that overturned another, becomes final.
    /// @param memberSetId the round's member set; zero before the first vote.
    /// @param status see `ProposalStatus`.
    /// @param disputeUntil when a dispute expires; zero without one.
    /// @param challenger whose bond hangs on the dispute; zero after a veto, and once it is decided whose the bond is.
    /// @param openVotes bits of the members, in the order of the set, whose bond this round holds.
    struct Proposal {
        bytes32 reportHash;
        uint64 challengeUntil;
        uint64 memberSetId;
        ProposalStatus status;
        uint64 disputeUntil;
        address challenger;
        uint64 openVotes;
    }

    /// @notice `member` votes for `reportHash`; an earlier vote of theirs in the same vote of this round no longer counts.
    event Attested(address indexed tournament, uint256 indexed roundId, address indexed member, bytes32 reportHash);
    /// @notice The quorum agreed on a report. It is final at `challengeUntil`.
    event ReportAccepted(
        address indexed tournament, uint256 indexed roundId, bytes32 reportHash, uint64 challengeUntil
    );
    /// @notice A second vote is open until `disputeUntil`. `challenger` is zero after a veto.
    event ReportDisputed(
        address indexed tournament,
        uint256 indexed roundId,
        address indexed challenger,
        bytes32 reportHash,
        uint64 disputeUntil
    );
    /// @notice The quorum agreed on the report once more. It is final at the proposal's `challengeUntil`.
    event ReportUpheld(address indexed tournament, uint256 indexed roundId, bytes32 reportHash);
    /// @notice The quorum agreed on `reportHash` instead. It is final at the proposal's new `challengeUntil`. `slashed` in
    /// wei, of all members together.
    event ReportOverturned(
        address indexed tournament, uint256 indexed roundId, bytes32 overturnedHash, bytes32 reportHash, uint256 slashed
    );
    /// @notice No quorum agreed in time. The round will have no report. `slashed` in wei, of all absent members together.
    event DisputeExpired(address indexed tournament, uint256 indexed roundId, uint256 slashed);
    /// @notice The court disproved the report. The round will have none. `slashed` in wei, of all members together; where the
    /// court takes no bonds it is zero, and so is the prover.
    event ReportDisproven(
        address indexed tournament, uint256 indexed roundId, bytes32 reportHash, address indexed prover, uint256 slashed
    );
    /// @notice The report is final, or there will be none: the round's votes hold no bonds any more.
    event VotesClosed(address indexed tournament, uint256 indexed roundId);

    error ChallengeWindowTooLong(uint256 window, uint256 maximum);
    error DisputePeriodOutOfRange(uint256 period, uint256 minimum, uint256 maximum);
    error SlashAboveBond(uint256 slash, uint256 memberBond);
    error AbsenceSlashTooLarge(uint256 absenceSlash, uint256 slash);
    error ZeroBurnSink();
    error UnknownVersion(uint256 version, uint256 expected);
    /// @notice The tournament's round is in another state than Sealed (numbers of `ITournament.RoundState`).
    error RoundNotSealed(uint256 roundId, uint256 state);
    error AlreadyAccepted(bytes32 reportHash);
    error AlreadyAttested(bytes32 reportHash);
    error WrongStatus(ProposalStatus status, ProposalStatus expected);
    error NoVotesOpen(address tournament, uint256 roundId);
    error NotCourt(address caller, address court);

    /// @notice Votes for a report of a round of `tournament`. The vote may change until the vote ends. While the round's
    /// report is disputed, this is the second vote, which begins without votes.
    /// @dev A first vote holds the caller's bond until `closeVotes`. Reverts if:
    /// - `report.version` is not `VERSION` (`UnknownVersion`);
    /// - a report was accepted and is not disputed (`AlreadyAccepted`), or its dispute expired (`TooLate`);
    /// - the caller is not in the member set that the round was opened with (`NotMember`);
    /// - in a first vote, the tournament is none of the committee's (`UnknownTournament`), the round is not Sealed
    ///   (`RoundNotSealed`), not resolved yet (`TooEarly`) or past its deadline (`TooLate`);
    /// - in a first vote, the bond is below `memberBond`, or below `slash` for each vote that the caller then has open
    ///   (`BondTooSmall`); in a second one, if nothing is left of a bond that first votes take (`BondTooSmall`);
    /// - the caller's vote already is for this report (`AlreadyAttested`).
    function attest(address tournament, Report calldata report) external;

    /// @notice Closes the votes of a round of which nothing can come any more: it no longer holds bonds. Anybody may.
    /// `expire` and `disprove` do so themselves. Of a round that got no report until its deadline, while more than half of the
    /// set agree on one, `absenceSlash` burns of everybody else's bond.
    /// @dev Reverts if no votes are open (`NoVotesOpen`), the report is disputed (`WrongStatus`: `expire` comes first, if its
    /// time is over), or the report is not final, or there is none and the deadline has not passed (`TooEarly`).
    function closeVotes(address tournament, uint256 roundId) external;

    /// @notice Disputes the accepted report of a round, for a bond of `challengeBond`. Anybody may. Holds the bonds of all
    /// members of the round's set, until `closeVotes`.
    /// @dev Reverts if there is no accepted report or it was disputed before (`WrongStatus`), if its challenge window has
    /// passed (`TooLate`), or the token refuses the transfer.
    function challenge(address tournament, uint256 roundId) external;

    /// @notice Disputes the accepted report of a round, without a bond. Restricted.
    /// @dev Reverts as `challenge` does.
    function veto(address tournament, uint256 roundId) external;

    /// @notice Puts on record that a dispute expired. Half of the challenger's bond burns, and `absenceSlash` of the bond of
    /// whoever kept it from being decided: where more than half of the set agree, everybody else; where not, those who cast no
    /// second vote. Anybody may call. The round can be voided with or without it.
    /// @dev Reverts if no dispute is open or this was called before (`WrongStatus`), or the dispute may still be decided
    /// (`TooEarly`).
    function expire(address tournament, uint256 roundId) external;

    /// @notice Ends a report that was proven wrong. The court alone may.
    /// @param prover gets half of what those lose who voted for it; zero: nobody loses anything.
    /// @dev Reverts if the caller is not the court (`NotCourt`), the round has no report (`WrongStatus`), or it is final
    /// already (`TooLate`).
    function disprove(address tournament, uint256 roundId, address prover) external;

    /// @notice What members vote on: the report bound to this chain and to `tournament`.
    /// keccak256(abi.encode(REPORT_TYPEHASH, block.chainid, tournament, roundId, version, scoresHead, totalPayout,
    /// totalBurn, evidenceHash)).
    function hashReport(address tournament, Report calldata report) external view returns (bytes32);

    /// @notice From when on the report with this hash is final, seconds: it can no longer be disputed or disproven. The largest
    /// uint256 where it stands no chance as of now.
    function finalFrom(address tournament, uint256 roundId, bytes32 reportHash) external view returns (uint256);

    /// @notice Whether a report stands: it is final, or may become so. While one does, the round must not be voided for want
    /// of a report.
    function hasStandingReport(address tournament, uint256 roundId) external view returns (bool);

    /// @notice Whether a dispute expired or the report was disproven: the round will never have a final report, and need
    /// not wait for one.
    function hasExpired(address tournament, uint256 roundId) external view returns (bool);

    /// @notice The proposal, with the status as of now: Expired also before anybody called `expire`.
    function proposalOf(address tournament, uint256 roundId) external view returns (Proposal memory);

    /// @notice The member's vote, zero if none: the second vote of a round whose report was disputed, else the first one.
    function voteOf(address tournament, uint256 roundId, address member) external view returns (bytes32);

    /// @notice How many members vote for `reportHash` in that vote (see `voteOf`).
    function votesFor(address tournament, uint256 roundId, bytes32 reportHash) external view returns (uint256);

    function challengeWindow() external view returns (uint64);

    function disputePeriod() external view returns (uint64);

    function challengeBond() external view returns (uint256);

    function slash() external view returns (uint256);

    function absenceSlash() external view returns (uint256);

    /// @notice Who may disprove reports; zero if nobody may.
    function court() external view returns (address);

    /// @notice Receives what burns: lost challenge bonds, and the part of slashed bonds that no challenger or prover gets.
    function burnSink() external view returns (address);

    /// @notice Version of reports that this committee accepts.
    function VERSION() external view returns (uint256);

    function REPORT_TYPEHASH() external view returns (bytes32);
}
