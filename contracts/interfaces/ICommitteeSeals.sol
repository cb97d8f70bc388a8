// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICommitteeMembers} from "./ICommitteeMembers.sol";

/// @title ICommitteeSeals
/// @notice Members sign what a round is sealed with, and who does not sign is seen to be absent.
///
/// What they sign is an EIP-712 statement of the tournament's domain: name "Cupel", version "2", the chain's id, and the
/// tournament as verifying contract. A tournament hands over the signatures of the round's member set when it is sealed.
/// Whoever signed has no absences afterwards, whoever did not has one more. A signature that was left out counts once
/// anybody hands it in, until the round resolves, and takes that absence back. Whoever sends a seal chooses whose signatures
/// it leaves out: so nobody is removed before ABSENCE_PERIOD is over, in which members hand in theirs.
interface ICommitteeSeals is ICommitteeMembers {
    /// @notice Who signed the seal of a round.
    /// @param digest what the members signed; zero if the round has no seal.
    /// @param setId the member set whose members signed.
    /// @param absent bits of the members whose signature was not counted, in the order of the set: MAX_MEMBERS bits.
    struct Seal {
        bytes32 digest;
        uint64 setId;
        uint64 absent;
    }

    /// @notice The seal of a round was signed by the members of set `setId` whose bits are set in `signers`, in order.
    event SealRecorded(address indexed tournament, uint256 indexed roundId, uint64 setId, uint256 signers);
    /// @notice A signature that the seal had left out was handed in.
    event SignatureCounted(address indexed tournament, uint256 indexed roundId, address indexed member);

    error TooEarly(uint256 timestamp, uint256 notBefore);
    error TooLate(uint256 timestamp, uint256 before);
    error AbsenceLimitTooSmall(uint256 limit, uint256 minimum);
    error SealKnown(address tournament, uint256 roundId);
    error SealUnknown(address tournament, uint256 roundId);
    /// @notice A bit of `signers` stands for nobody in a set of so many members.
    error SignersOutOfRange(uint256 signers, uint256 memberCount);
    error TooFewSigners(uint256 signerCount, uint256 quorum);
    /// @notice Signatures have 65 bytes each, and there is one for each bit of `signers`.
    error SignaturesLengthMismatch(uint256 length, uint256 expected);
    error WrongSigner(address signer, address expected);
    /// @notice The member's signature was counted before.
    error AlreadyCounted(address member);
    error NotAbsent(uint256 absences, uint256 limit);
    /// @notice As few members as this nobody but the admin can remove.
    error TooFewMembers(uint256 memberCount, uint256 minimum);

    /// @notice Records who of set `setId` signed the seal of a round of the caller, a tournament.
    /// @param signers bit i stands for member i of `membersOf(setId)`.
    /// @param signatures r, s and v of each signer, 65 bytes, in the order of the set.
    /// @dev Reverts if:
    /// - the caller is no tournament of the committee's (`UnknownTournament`);
    /// - the caller recorded a seal of this round before (`SealKnown`);
    /// - `signers` has a bit beyond the set (`SignersOutOfRange`), or fewer than the set's quorum (`TooFewSigners`);
    /// - `signatures` has another length (`SignaturesLengthMismatch`), or one is another's (`WrongSigner`) or none at all
    ///   (OpenZeppelin's `ECDSA` errors).
    function recordSeal(
        uint256 roundId,
        uint64 setId,
        bytes32 positionsHead,
        bytes32 submissionsRoot,
        uint64 validAtRisk,
        uint256 signers,
        bytes calldata signatures
    ) external;

    /// @notice Counts a member's signature that the seal of a round had left out: the member has one absence less. Anybody may
    /// call, once for each member.
    /// @dev Reverts if:
    /// - no seal is recorded (`SealUnknown`), or the round has resolved (`TooLate`);
    /// - the member is not in the set that signed (`NotMember`), or was counted (`AlreadyCounted`);
    /// - the signature is another's (`WrongSigner`) or none at all (OpenZeppelin's `ECDSA` errors).
    function countSignature(address tournament, uint256 roundId, address member, bytes calldata signature) external;

    /// @notice Removes a member who was absent from `absenceLimit` seals in a row, and handed in nothing for ABSENCE_PERIOD
    /// since the first of them. Anybody may. The quorum stays, or is all but one of those who are left where that is less.
    /// @dev Reverts if `member` is none (`NotMember`) or was not absent so often (`NotAbsent`) or so long (`TooEarly`), or if
    /// no more than LEAST_MEMBERS are left (`TooFewMembers`).
    function removeAbsent(address member) external;

    /// @notice What members sign: the EIP-712 digest of
    /// Seal(uint256 roundId,bytes32 positionsHead,bytes32 submissionsRoot,uint64 validAtRisk).
    function sealDigest(
        address tournament,
        uint256 roundId,
        bytes32 positionsHead,
        bytes32 submissionsRoot,
        uint64 validAtRisk
    ) external view returns (bytes32);

    /// @notice Who signed the seal of a round; all zero if it has none.
    function sealOf(address tournament, uint256 roundId) external view returns (Seal memory);

    /// @notice Seals in a row that an account did not sign.
    function absencesOf(address account) external view returns (uint256);

    /// @notice When the first of those was recorded, or a signature handed in since, seconds; of no meaning while there are none.
    function absentSinceOf(address account) external view returns (uint64);

    /// @notice So many absences in a row, and anybody may remove a member.
    function absenceLimit() external view returns (uint256);

    function SEAL_TYPEHASH() external view returns (bytes32);
}
