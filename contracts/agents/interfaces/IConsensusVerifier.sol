// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ConsensusDocument} from "../lib/ConsensusDocument.sol";

/// @title IConsensusVerifier
/// @notice Tells on any chain whether a quorum of a tournament's committee signed a consensus document.
///
/// It knows one tournament and its current set of members, by a hash. A later set comes in one of two ways: by a message
/// from the home chain, through an ERC-7786 gateway (see IMemberSetSender), or signed by a quorum of the current set. Sets have the
/// numbers of the home committee, and only a higher one is taken. A round belongs to the set under which it was opened, and
/// both ways say with which round a set begins: what a set signed of another set's round is refused. What a former set
/// signed of its own rounds is accepted for GRACE more, as some of them are open.
///
/// The home chain has the last word: what it says is held against the number that it said last, not against numbers that
/// members signed. So a quorum that names itself under a high number is a member until the next message, and no longer.
/// A message says which set it follows, so that none is left out whose rounds a former set could sign for.
///
/// What a quorum signed is what a quorum says: that it is the meta model of the round is shown by recomputing it, not here.
interface IConsensusVerifier {
    /// @param chainId of the tournament.
    /// @param grace how long a former set's documents are accepted, seconds, at most MAX_GRACE.
    /// @param gateway whose messages are taken; zero: none are.
    /// @param sender who sends them on the home chain, as ERC-7930 writes it.
    struct Home {
        uint256 chainId;
        address tournament;
        uint64 grace;
        address gateway;
        bytes sender;
    }

    /// @param firstRound the first round that is the set's.
    /// @param endRound the first one after it that is another set's; the largest uint64 for the current set.
    /// @param until when its documents are accepted no more, seconds; the largest uint64 for the current set.
    struct Term {
        uint64 firstRound;
        uint64 endRound;
        uint64 until;
    }

    /// @notice Documents of set `setHash` are accepted from now on, for rounds from `firstRound` on.
    event MemberSetChanged(
        uint64 indexed setId, bytes32 setHash, uint256 memberCount, uint256 quorum, uint64 firstRound
    );

    error GraceTooLong(uint256 grace, uint256 maximum);
    error ZeroTournament();
    error TooManyMembers(uint256 memberCount, uint256 maximum);
    /// @notice Members ascend, so that a set has one hash; zero is none.
    error NotAscending(address before, address member);
    error QuorumOutOfRange(uint256 quorum, uint256 minimum, uint256 maximum);
    error OldMemberSet(uint64 setId, uint64 current);
    /// @notice Members name nobody for rounds that were before their own.
    error RoundsBefore(uint64 firstRound, uint64 minimum);
    /// @notice The message follows another set than the one that the home chain sent last: send one that follows that.
    error OtherPredecessor(uint64 previousId, uint64 expected);
    error WrongChain(uint256 chainId, uint256 expected);
    error WrongTournament(address tournament, address expected);
    /// @notice The members handed over are not those that the document names.
    error OtherMembers(bytes32 setHash, bytes32 expected);
    /// @notice The set is not, or no longer, one whose documents are accepted.
    error UnknownMemberSet(bytes32 setHash, uint256 acceptedUntil);
    /// @notice The set's rounds are from `firstRound` on, below `endRound`.
    error OtherSetsRound(uint256 roundId, uint64 firstRound, uint64 endRound);
    error NotPublishedYet(uint256 timestamp, uint256 publishedAt);
    error Expired(uint256 timestamp, uint256 expiresAt);
    error LifetimeTooLong(uint256 lifetime, uint256 maximum);
    error NoAssets();
    error SignersOutOfRange(uint256 signers, uint256 memberCount);
    error TooFewSigners(uint256 signerCount, uint256 quorum);
    error SignaturesLengthMismatch(uint256 length, uint256 expected);
    error WrongSigner(address signer, address expected);

    /// @notice Checks a document.
    /// @param members of the set that the document names, ascending.
    /// @param signers bit i stands for `members[i]`.
    /// @param signatures r, s and v of each signer, 65 bytes, in that order.
    /// @dev Reverts if:
    /// - the document is of another chain (`WrongChain`) or tournament (`WrongTournament`);
    /// - the members are not those it names (`OtherMembers`), or those are not accepted (`UnknownMemberSet`), or not for this
    ///   round (`OtherSetsRound`);
    /// - it is not published yet (`NotPublishedYet`), has expired (`Expired`), is to live too long (`LifetimeTooLong`), or has no
    ///   leaf (`NoAssets`);
    /// - a bit is beyond the set (`SignersOutOfRange`), they are too few (`TooFewSigners`), the signatures have another length
    ///   (`SignaturesLengthMismatch`), or one is another's (`WrongSigner`) or none at all (OpenZeppelin's `ECDSA` errors).
    /// @return digest what was signed, by which others name the document.
    function verify(
        ConsensusDocument.Consensus calldata c,
        address[] calldata members,
        uint256 quorum,
        uint256 signers,
        bytes calldata signatures
    ) external view returns (bytes32 digest);

    /// @notice Takes a set that a quorum of the current one signed. Anybody may hand it over.
    /// @param firstRound the first round that is the new set's.
    /// @param members of the current set, ascending.
    /// @param next of the new one, ascending.
    /// @dev Reverts if the number is not higher (`OldMemberSet`), the rounds are those of sets before the current one
    /// (`RoundsBefore`), the members are not the current ones (`OtherMembers`), the next ones are no set (`TooManyMembers`, `NotAscending`, `QuorumOutOfRange`), or the signatures are not a quorum's (as in
    /// `verify`).
    function rotate(
        uint64 setId,
        uint64 firstRound,
        address[] calldata members,
        uint256 quorum,
        address[] calldata next,
        uint256 nextQuorum,
        uint256 signers,
        bytes calldata signatures
    ) external;

    /// @notice What members sign of a document.
    function digestOf(ConsensusDocument.Consensus calldata c) external pure returns (bytes32);

    /// @notice What members of the current set sign to name their successors.
    function rotationDigest(uint64 setId, uint64 firstRound, bytes32 next) external view returns (bytes32);

    /// @notice Whether an asset's leaf is in a document.
    function predicts(
        ConsensusDocument.Consensus calldata c,
        ConsensusDocument.Leaf calldata leaf,
        uint256 index,
        bytes32[] calldata siblings
    ) external pure returns (bool);

    /// @notice For which rounds, and until when, documents of a set are accepted; zeros for a set that never was.
    function termOf(bytes32 setHash) external view returns (Term memory);

    function memberSet() external view returns (bytes32);

    function memberSetId() external view returns (uint64);

    /// @notice The number of the last set that the home chain sent, or that the verifier began with.
    function homeSetId() external view returns (uint64);

    function homeChainId() external view returns (uint256);

    function tournament() external view returns (address);

    function grace() external view returns (uint64);

    function gateway() external view returns (address);
}
