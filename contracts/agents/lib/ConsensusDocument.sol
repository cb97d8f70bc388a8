// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {SubmissionTree} from "../../lib/SubmissionTree.sol";

/// @title ConsensusDocument
/// @notice The consensus of a round, and what of it is hashed and signed (scorer/protocol/consensus.py).
///
/// The EIP-712 domain has a name and a version, and neither chain nor contract: one signature serves every chain. Where the
/// tournament is stands in the document itself.
library ConsensusDocument {
    /// @param chainId where the tournament is, the home chain.
    /// @param memberSet see `setHash`: who was to sign.
    /// @param seal digest of the seal that the committee recorded for the round (`ICommitteeSeals.sealOf`).
    /// @param metaModel digest of the meta model that follows from the seal, as a round's manifest holds it.
    /// @param root of the tree of leaves, see `leafOf` and SubmissionTree.
    /// @param assets how many leaves there are, one for each id of the universe.
    /// @param publishedAt when the round was sealed, seconds.
    /// @param expiresAt when the round resolves, seconds: nobody acts on the document from then on.
    struct Consensus {
        uint256 chainId;
        address tournament;
        uint256 roundId;
        bytes32 memberSet;
        bytes32 seal;
        bytes32 metaModel;
        bytes32 root;
        uint32 assets;
        uint64 publishedAt;
        uint64 expiresAt;
    }

    /// @param asset Keccak-256 of the id.
    /// @param rank twice the asset's average rank in the meta model, from 2 to 2 * assets.
    /// @param weight share of a book of equal long and short sides, in billionths of their sum; below zero is short.
    /// @param salt without which nobody finds out rank and weight by trying.
    struct Leaf {
        bytes32 asset;
        uint32 rank;
        int64 weight;
        bytes32 salt;
    }

    bytes32 internal constant CONSENSUS_TYPEHASH = keccak256(
        "Consensus(uint256 chainId,address tournament,uint256 roundId,bytes32 memberSet,bytes32 seal,bytes32 metaModel,bytes32 root,uint32 assets,uint64 publishedAt,uint64 expiresAt)"
    );
    bytes32 internal constant ROTATION_TYPEHASH = keccak256(
        "Rotation(uint256 chainId,address tournament,uint64 setId,uint64 firstRound,bytes32 previous,bytes32 next)"
    );
    bytes32 private constant DOMAIN_SEPARATOR = keccak256(
        abi.encode(keccak256("EIP712Domain(string name,string version)"), keccak256("Cupel Consensus"), keccak256("1"))
    );
    uint256 internal constant SIGNATURE_BYTES = 65;

    /// @notice What members sign of a document.
    function digestOf(Consensus memory c) internal pure returns (bytes32) {
        return MessageHashUtils.toTypedDataHash(DOMAIN_SEPARATOR, keccak256(abi.encode(CONSENSUS_TYPEHASH, c)));
    }

    /// @notice What members sign to name their successors.
    function rotationDigest(
        uint256 chainId,
        address tournament,
        uint64 setId,
        uint64 firstRound,
        bytes32 previous,
        bytes32 next
    ) internal pure returns (bytes32) {
        bytes32 statement =
            keccak256(abi.encode(ROTATION_TYPEHASH, chainId, tournament, setId, firstRound, previous, next));
        return MessageHashUtils.toTypedDataHash(DOMAIN_SEPARATOR, statement);
    }

    /// @notice A set of members, ascending, and how many of them must sign.
    function setHash(address[] memory members, uint256 quorum) internal pure returns (bytes32) {
        return keccak256(abi.encode(members, quorum));
    }

    function leafOf(Leaf calldata leaf) internal pure returns (bytes32) {
        return SubmissionTree.leafOf(abi.encode(leaf));
    }

    /// @notice Whether a leaf of this hash stands at `index` of a document's tree: at the bottom, and no zero that fills it up.
    function contains(bytes32 root, uint32 assets, bytes32 leaf, uint256 index, bytes32[] calldata siblings)
        internal
        pure
        returns (bool)
    {
        // By the depth no inner node passes for a leaf, also where nobody shows what it is the hash of.
        uint256 depth;
        while (uint256(1) << depth < assets) ++depth;
        if (index >= assets || siblings.length != depth) return false;
        return SubmissionTree.rootOf(leaf, index, siblings) == root;
    }

    /// @notice Whether the signature at place `place` is the signer's; reverts with ECDSA's errors if it is none at all.
    function signerAt(bytes32 digest, bytes calldata signatures, uint256 place) internal pure returns (address) {
        uint256 from = place * SIGNATURE_BYTES;
        return ECDSA.recoverCalldata(digest, signatures[from:from + SIGNATURE_BYTES]);
    }
}
