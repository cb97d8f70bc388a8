// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ConsensusDocument} from "../lib/ConsensusDocument.sol";

/// @title IConsensusVerifier
/// @notice Tells on any chain whether a quorum of a tournament's committee signed a consensus document.
///
/// It knows one tournament and its current set of members, by a hash. A later set comes in one of two ways: by a message
/// from the home chain, through an ERC-7786 gateway (see IMemberSetSender), or signed by a quorum of the current set. Sets have the
/// numbers of the home committee, and only a higher one is taken. What a former set signed is accepted for GRACE more, as
/// rounds that were open belong to it.
///
/// The home chain has the last word: what it says is held against the number that it said last, not against numbers that
/// members signed. So a quorum that names itself under a high number is a member until the next message, and no longer.
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

    /// @notice Documents of set `setHash` are accepted from now on.
    event MemberSetChanged(uint64 indexed setId, bytes32 setHash, uint256 memberCount, uint256 quorum);

    error GraceTooLong(uint256 grace, uint256 maximum);
    error ZeroTournament();
    error TooManyMembers(uint256 memberCount, uint256 maximum);
    /// @notice Members ascend, so that a set has one hash; zero is none.
    error NotAscending(address before, address member);
    error QuorumOutOfRange(uint256 quorum, uint256 minimum, uint256 maximum);
    error OldMemberSet(uint64 setId, uint64 current);
    error WrongChain(uint256 chainId, uint256 expected);
    error WrongTournament(address tournament, address expected);
    /// @notice The members handed over are not those that the document names.
    error OtherMembers(bytes32 setHash, bytes32 expected);
    /// @notice The set is not, or no longer, one whose documents are accepted.
    error UnknownMemberSet(bytes32 setHash, uint256 acceptedUntil);
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
    /// - the members are not those it names (`OtherMembers`), or those are not accepted (`UnknownMemberSet`);
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
    /// @param members of the current set, ascending.
    /// @param next of the new one, ascending.
    /// @dev Reverts if the number is not higher (`OldMemberSet`), the members are not the current ones (`OtherMembers`), the
    /// next ones are no set (`TooManyMembers`, `NotAscending`, `QuorumOutOfRange`), or the signatures are not a quorum's (as in
    /// `verify`).
    function rotate(
        uint64 setId,
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
    function rotationDigest(uint64 setId, bytes32 next) external view returns (bytes32);

    /// @notice Whether an asset's leaf is in a document.
    function predicts(
        ConsensusDocument.Consensus calldata c,
        ConsensusDocument.Leaf calldata leaf,
        uint256 index,
        bytes32[] calldata siblings
    ) external pure returns (bool);

    /// @notice Until when documents of a set are accepted, seconds; the largest uint256 for the current one.
    function acceptedUntil(bytes32 setHash) external view returns (uint256);

    function memberSet() external view returns (bytes32);

    function memberSetId() external view returns (uint64);

    function homeChainId() external view returns (uint256);

    function tournament() external view returns (address);

    function grace() external view returns (uint64);

    function gateway() external view returns (address);
}
