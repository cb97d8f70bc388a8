// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ITournament} from "../../contracts/interfaces/ITournament.sol";
import {House} from "./House.sol";
import {vm} from "./Vm.sol";

/// @param roundId, positionsHead, submissionsRoot, validAtRisk what members sign, in this order.
struct Statement {
    uint256 roundId;
    bytes32 positionsHead;
    bytes32 submissionsRoot;
    uint64 validAtRisk;
}

/// @title SealSigner
/// @notice Seals of rounds as members' wallets sign them, by EIP-712.
abstract contract SealSigner is House {
    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant SEAL_TYPEHASH =
        keccak256("Seal(uint256 roundId,bytes32 positionsHead,bytes32 submissionsRoot,uint64 validAtRisk)");

    function _digestOf(Statement memory statement) internal view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(DOMAIN_TYPEHASH, keccak256("Cupel"), keccak256("2"), block.chainid, address(tournament))
        );
        return keccak256(abi.encodePacked(hex"1901", domain, keccak256(abi.encode(SEAL_TYPEHASH, statement))));
    }

    /// @param member one of the candidates.
    function _sign(address member, bytes32 digest) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(_keyOf[member], digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev Seals a round whose lock has ended with all that was locked valid, by signatures of candidates: member i of the set is candidate i.
    function _sealWith(uint256 roundId, uint256 signers) internal {
        ITournament.Round memory round = tournament.round(roundId);
        bytes32 digest = _digestOf(Statement(roundId, round.positionsHead, 0, round.atRisk));
        bytes memory signatures;
        for (uint256 i; i < CANDIDATES; ++i) {
            if ((signers >> i) % 2 == 1) signatures = bytes.concat(signatures, _sign(_candidate(i), digest));
        }
        tournament.seal(roundId, 0, round.atRisk, signers, signatures);
    }
}
