// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {CommitteeMembers} from "./CommitteeMembers.sol";
import {ICommitteeSeals} from "./interfaces/ICommitteeSeals.sol";
import {ITournament} from "./interfaces/ITournament.sol";

/// @title CommitteeSeals
/// @notice See ICommitteeSeals. The part of OracleCommittee that knows who signs, and who is absent.
abstract contract CommitteeSeals is ICommitteeSeals, CommitteeMembers {
    /* CONSTANTS */

    /// @notice Seals in a row. Several may be sent within one block: see ABSENCE_PERIOD.
    uint256 public constant MIN_ABSENCE_LIMIT = 3;

    /// @notice Seconds from a first absence until a member may be removed: time to come back, and to hand in signatures that
    /// others left out.
    uint256 public constant ABSENCE_PERIOD = 7 days;

    /// @notice Four members with a quorum of three are the fewest of whom one may fail.
    uint256 public constant LEAST_MEMBERS = 4;

    /// @inheritdoc ICommitteeSeals
    bytes32 public constant SEAL_TYPEHASH =
        keccak256("Seal(uint256 roundId,bytes32 positionsHead,bytes32 submissionsRoot,uint64 validAtRisk)");

    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant NAME_HASH = keccak256("Cupel");
    bytes32 private constant VERSION_HASH = keccak256("2");
    uint256 private constant SIGNATURE_BYTES = 65;

    /* STORAGE */

    /// @inheritdoc ICommitteeSeals
    uint256 public immutable absenceLimit;

    mapping(address tournament => mapping(uint256 roundId => Seal)) private _seals;

    /* CONSTRUCTOR */

    constructor(uint256 absenceLimit_) {
        if (absenceLimit_ < MIN_ABSENCE_LIMIT) revert AbsenceLimitTooSmall(absenceLimit_, MIN_ABSENCE_LIMIT);
        absenceLimit = absenceLimit_;
    }

    /* ANYBODY */

    /// @inheritdoc ICommitteeSeals
    function recordSeal(
        uint256 roundId,
        uint64 setId,
        bytes32 positionsHead,
        bytes32 submissionsRoot,
        uint64 validAtRisk,
        uint256 signers,
        bytes calldata signatures
    ) external {
        _requireTournament(msg.sender);
        Seal storage record = _seals[msg.sender][roundId];
        if (record.digest != 0) revert SealKnown(msg.sender, roundId);
        address[] memory accounts = membersOf(setId);
        _requireEnough(signers, accounts.length, quorumOf[setId], signatures.length);

        bytes32 digest = sealDigest(msg.sender, roundId, positionsHead, submissionsRoot, validAtRisk);
        uint256 next;
        for (uint256 i; i < accounts.length; ++i) {
            if (signers & (1 << i) == 0) {
                _noteAbsence(_members[accounts[i]]);
                continue;
            }
            _requireSigned(digest, signatures[next:next + SIGNATURE_BYTES], accounts[i]);
            next += SIGNATURE_BYTES;
            _members[accounts[i]].absences = 0;
        }
        record.digest = digest;
        record.setId = setId;
        record.absent = uint64(((1 << accounts.length) - 1) & ~signers);
        emit SealRecorded(msg.sender, roundId, setId, signers);
    }

    /// @inheritdoc ICommitteeSeals
    function countSignature(address tournament, uint256 roundId, address member, bytes calldata signature) external {
        Seal storage record = _seals[tournament][roundId];
        bytes32 digest = record.digest;
        if (digest == 0) revert SealUnknown(tournament, roundId);
        (, uint256 until,,) = ITournament(tournament).reportingOf(roundId);
        if (block.timestamp >= until) revert TooLate(block.timestamp, until);
        uint64 bit = _requireMember(record.setId, member);
        if (record.absent & bit == 0) revert AlreadyCounted(member);
        _requireSigned(digest, signature, member);

        record.absent &= ~bit;
        // Of a seal before the last one that was signed in time nothing is left to take back.
        if (_members[member].absences != 0) --_members[member].absences;
        _members[member].absentSince = uint64(block.timestamp);
        emit SignatureCounted(tournament, roundId, member);
    }

    /// @inheritdoc ICommitteeSeals
    function removeAbsent(address member) external {
        if (!isMember(member)) revert NotMember(member);
        uint256 absences = _members[member].absences;
        if (absences < absenceLimit) revert NotAbsent(absences, absenceLimit);
        uint256 from = _members[member].absentSince + ABSENCE_PERIOD;
        if (block.timestamp < from) revert TooEarly(block.timestamp, from);
        uint256 count = members().length;
        if (count <= LEAST_MEMBERS) revert TooFewMembers(count, LEAST_MEMBERS);

        // Whoever never signs is not missed: as many as before agree, but one may be absent.
        _removeMember(member, Math.min(quorum(), count - 2));
    }

    /* VIEWS */

    /// @inheritdoc ICommitteeSeals
    function sealDigest(
        address tournament,
        uint256 roundId,
        bytes32 positionsHead,
        bytes32 submissionsRoot,
        uint64 validAtRisk
    ) public view returns (bytes32) {
        bytes32 domain = keccak256(abi.encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, block.chainid, tournament));
        bytes32 statement = keccak256(abi.encode(SEAL_TYPEHASH, roundId, positionsHead, submissionsRoot, validAtRisk));
        return MessageHashUtils.toTypedDataHash(domain, statement);
    }

    /// @inheritdoc ICommitteeSeals
    function sealOf(address tournament, uint256 roundId) external view returns (Seal memory) {
        return _seals[tournament][roundId];
    }

    /// @inheritdoc ICommitteeSeals
    function absencesOf(address account) external view returns (uint256) {
        return _members[account].absences;
    }

    /// @inheritdoc ICommitteeSeals
    function absentSinceOf(address account) external view returns (uint64) {
        return _members[account].absentSince;
    }

    /* INTERNAL */

    function _noteAbsence(Member storage member) private {
        if (member.absences == 0) member.absentSince = uint64(block.timestamp);
        ++member.absences;
    }

    function _requireEnough(uint256 signers, uint256 memberCount, uint256 quorum_, uint256 length) private pure {
        if (signers >> memberCount != 0) revert SignersOutOfRange(signers, memberCount);
        uint256 count;
        for (uint256 left = signers; left != 0; left &= left - 1) {
            ++count;
        }
        // A set that does not exist has a quorum of zero: nobody can sign for it.
        if (count == 0 || count < quorum_) revert TooFewSigners(count, quorum_);
        if (length != count * SIGNATURE_BYTES) revert SignaturesLengthMismatch(length, count * SIGNATURE_BYTES);
    }

    function _requireSigned(bytes32 digest, bytes calldata signature, address expected) private pure {
        address signer = ECDSA.recoverCalldata(digest, signature);
        if (signer != expected) revert WrongSigner(signer, expected);
    }
}
