// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC7786Recipient} from "@openzeppelin/contracts/crosschain/ERC7786Recipient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IConsensusVerifier} from "./interfaces/IConsensusVerifier.sol";
import {ConsensusDocument} from "./lib/ConsensusDocument.sol";

/// @title ConsensusVerifier
/// @notice See IConsensusVerifier. Nobody owns it: its members change themselves, or the home chain does.
contract ConsensusVerifier is IConsensusVerifier, ERC7786Recipient {
    /* CONSTANTS */

    /// @notice As many as a committee has.
    uint256 public constant MAX_MEMBERS = 64;

    /// @notice Seconds; longer than a round of a horizon of some months stays open.
    uint64 public constant MAX_GRACE = 180 days;

    /// @notice Seconds from publication to expiry of a document at most.
    uint64 public constant MAX_LIFETIME = 180 days;

    /// @notice Seconds by which this chain's clock may be behind the home chain's.
    uint64 public constant CLOCK_SKEW = 15 minutes;

    /* STORAGE */

    /// @inheritdoc IConsensusVerifier
    uint256 public immutable homeChainId;

    /// @inheritdoc IConsensusVerifier
    address public immutable tournament;

    /// @inheritdoc IConsensusVerifier
    uint64 public immutable grace;

    /// @inheritdoc IConsensusVerifier
    address public immutable gateway;

    /// @dev Of the account that may send sets, as ERC-7930 writes it.
    bytes32 private immutable _senderHash;

    /// @inheritdoc IConsensusVerifier
    bytes32 public memberSet;

    /// @inheritdoc IConsensusVerifier
    uint64 public memberSetId;

    /// @inheritdoc IConsensusVerifier
    uint64 public homeSetId;

    /// @dev The hash of set `homeSetId`.
    bytes32 private _homeSet;

    mapping(bytes32 setHash => Term) private _terms;

    /* CONSTRUCTOR */

    constructor(Home memory home, uint64 setId, uint64 firstRound, address[] memory members, uint256 quorum) {
        if (home.grace > MAX_GRACE) revert GraceTooLong(home.grace, MAX_GRACE);
        if (home.tournament == address(0)) revert ZeroTournament();
        homeChainId = home.chainId;
        tournament = home.tournament;
        grace = home.grace;
        gateway = home.gateway;
        _senderHash = keccak256(home.sender);
        if (setId == 0) revert OldMemberSet(0, 0);
        homeSetId = setId;
        _homeSet = _begin(setId, firstRound, members, quorum);
    }

    /* DOCUMENTS */

    /// @inheritdoc IConsensusVerifier
    function verify(
        ConsensusDocument.Consensus calldata c,
        address[] calldata members,
        uint256 quorum,
        uint256 signers,
        bytes calldata signatures
    ) external view returns (bytes32 digest) {
        if (c.chainId != homeChainId) revert WrongChain(c.chainId, homeChainId);
        if (c.tournament != tournament) revert WrongTournament(c.tournament, tournament);
        _requireSet(c.memberSet, members, quorum);
        _requireTerm(c.memberSet, c.roundId);
        _requireInForce(c);
        digest = ConsensusDocument.digestOf(c);
        _requireQuorum(digest, members, quorum, signers, signatures);
    }

    /// @inheritdoc IConsensusVerifier
    function digestOf(ConsensusDocument.Consensus calldata c) external pure returns (bytes32) {
        return ConsensusDocument.digestOf(c);
    }

    /// @inheritdoc IConsensusVerifier
    function predicts(
        ConsensusDocument.Consensus calldata c,
        ConsensusDocument.Leaf calldata leaf,
        uint256 index,
        bytes32[] calldata siblings
    ) external pure returns (bool) {
        return ConsensusDocument.contains(c.root, c.assets, ConsensusDocument.leafOf(leaf), index, siblings);
    }

    /* MEMBERS */

    /// @inheritdoc IConsensusVerifier
    function termOf(bytes32 setHash) external view returns (Term memory) {
        return _terms[setHash];
    }

    /// @inheritdoc IConsensusVerifier
    function rotate(
        uint64 setId,
        uint64 firstRound,
        address[] calldata members,
        uint256 quorum,
        address[] calldata next,
        uint256 nextQuorum,
        uint256 signers,
        bytes calldata signatures
    ) external {
        bytes32 previous = memberSet;
        _requireSet(previous, members, quorum);
        bytes32 digest = rotationDigest(setId, firstRound, ConsensusDocument.setHash(next, nextQuorum));
        _requireQuorum(digest, members, quorum, signers, signatures);
        if (setId <= memberSetId) revert OldMemberSet(setId, memberSetId);
        uint64 least = _terms[previous].firstRound;
        if (firstRound < least) revert RoundsBefore(firstRound, least);
        // A set that only its predecessors named is taken while it is the current one, and no longer.
        if (previous == _homeSet) _end(previous, firstRound);
        else delete _terms[previous];
        _begin(setId, firstRound, next, nextQuorum);
    }

    /// @inheritdoc IConsensusVerifier
    function rotationDigest(uint64 setId, uint64 firstRound, bytes32 next) public view returns (bytes32) {
        return ConsensusDocument.rotationDigest(homeChainId, tournament, setId, firstRound, memberSet, next);
    }

    /// @dev By message from home, see IMemberSetSender.
    function _processMessage(address, bytes32, bytes calldata, bytes calldata payload) internal override {
        (uint64 previousId, uint64 endRound, uint64 setId, uint64 firstRound, address[] memory members, uint256 quorum) =
            abi.decode(payload, (uint64, uint64, uint64, uint64, address[], uint256));
        // Not against memberSetId: members who name themselves with the highest number would be members for ever.
        if (previousId != homeSetId) revert OtherPredecessor(previousId, homeSetId);
        if (setId <= previousId) revert OldMemberSet(setId, previousId);
        if (memberSet != _homeSet) delete _terms[memberSet];
        _end(_homeSet, endRound);
        homeSetId = setId;
        _homeSet = _begin(setId, firstRound, members, quorum);
    }

    function _isAuthorizedGateway(address from, bytes calldata sender) internal view override returns (bool) {
        return from == gateway && keccak256(sender) == _senderHash;
    }

    /* PRIVATE */

    function _begin(uint64 setId, uint64 firstRound, address[] memory members, uint256 quorum)
        private
        returns (bytes32 setHash)
    {
        _requireMembers(members, quorum);
        setHash = ConsensusDocument.setHash(members, quorum);
        Term storage term = _terms[setHash];
        // The same members under another number, such as after a new encryption key: theirs is one term.
        bool goesOn = term.until >= block.timestamp && term.endRound == firstRound;
        if (!goesOn) term.firstRound = firstRound;
        (term.endRound, term.until) = (type(uint64).max, type(uint64).max);
        memberSet = setHash;
        memberSetId = setId;
        emit MemberSetChanged(setId, setHash, members.length, quorum, firstRound);
    }

    /// @param endRound the first round that is another set's.
    function _end(bytes32 setHash, uint64 endRound) private {
        Term storage term = _terms[setHash];
        term.endRound = endRound;
        if (term.until == type(uint64).max) term.until = uint64(block.timestamp) + grace;
    }

    function _requireMembers(address[] memory members, uint256 quorum) private pure {
        uint256 count = members.length;
        if (count > MAX_MEMBERS) revert TooManyMembers(count, MAX_MEMBERS);
        uint256 least = Math.ceilDiv(2 * count, 3);
        if (count == 0 || quorum < least || quorum > count) revert QuorumOutOfRange(quorum, least, count);
        address before;
        for (uint256 i; i < count; ++i) {
            if (members[i] <= before) revert NotAscending(before, members[i]);
            before = members[i];
        }
    }

    function _requireTerm(bytes32 setHash, uint256 roundId) private view {
        Term memory term = _terms[setHash];
        if (block.timestamp >= term.until) revert UnknownMemberSet(setHash, term.until);
        if (roundId < term.firstRound || roundId >= term.endRound) {
            revert OtherSetsRound(roundId, term.firstRound, term.endRound);
        }
    }

    function _requireSet(bytes32 expected, address[] calldata members, uint256 quorum) private pure {
        bytes32 found = ConsensusDocument.setHash(members, quorum);
        if (found != expected) revert OtherMembers(found, expected);
    }

    function _requireInForce(ConsensusDocument.Consensus calldata c) private view {
        if (block.timestamp + CLOCK_SKEW < c.publishedAt) revert NotPublishedYet(block.timestamp, c.publishedAt);
        if (block.timestamp >= c.expiresAt) revert Expired(block.timestamp, c.expiresAt);
        // It has not expired, so it expires after it is published, or within the skew.
        uint256 lifetime = c.expiresAt > c.publishedAt ? c.expiresAt - c.publishedAt : 0;
        if (lifetime > MAX_LIFETIME) revert LifetimeTooLong(lifetime, MAX_LIFETIME);
        if (c.assets == 0) revert NoAssets();
    }

    function _requireQuorum(
        bytes32 digest,
        address[] calldata members,
        uint256 quorum,
        uint256 signers,
        bytes calldata signatures
    ) private pure {
        if (signers >> members.length != 0) revert SignersOutOfRange(signers, members.length);
        uint256 place;
        uint256 count;
        for (uint256 left = signers; left != 0; left &= left - 1) {
            ++count;
        }
        if (count < quorum) revert TooFewSigners(count, quorum);
        uint256 length = count * ConsensusDocument.SIGNATURE_BYTES;
        if (signatures.length != length) revert SignaturesLengthMismatch(signatures.length, length);
        for (uint256 i; i < members.length; ++i) {
            if (signers & (1 << i) == 0) continue;
            address signer = ConsensusDocument.signerAt(digest, signatures, place++);
            if (signer != members[i]) revert WrongSigner(signer, members[i]);
        }
    }
}
