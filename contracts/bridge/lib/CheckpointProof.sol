// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Memory} from "@openzeppelin/contracts/utils/Memory.sol";
import {RLP} from "@openzeppelin/contracts/utils/RLP.sol";
import {TrieProof} from "@openzeppelin/contracts/utils/cryptography/TrieProof.sol";
import {IRootChain} from "../interfaces/IPolygon.sol";

/// @title CheckpointProof
/// @notice Proves on Ethereum that a contract on Polygon PoS emitted a log, from a checkpoint that Polygon's validators
/// posted. Two proofs, one in the other: the block is a leaf of the checkpoint's tree, and the receipt is in the block's trie.
/// What it rests on is two thirds of Polygon's stake, and nothing else.
library CheckpointProof {
    using Memory for bytes;
    using Memory for Memory.Slice;
    using RLP for Memory.Slice;

    /// @param checkpoint number of the checkpoint, as `IRootChain.headerBlocks` counts them.
    /// @param blockProof siblings from the block's leaf up to the checkpoint's root.
    /// @param blockTime, transactionsRoot, receiptsRoot of the block: with its number they are the leaf.
    /// @param transactionIndex place of the transaction in the block.
    /// @param receiptProof nodes of the receipts' trie from its root down, each in RLP.
    /// @param logIndex place of the log in the receipt.
    struct Proof {
        uint256 checkpoint;
        bytes32[] blockProof;
        uint256 blockNumber;
        uint256 blockTime;
        bytes32 transactionsRoot;
        bytes32 receiptsRoot;
        uint256 transactionIndex;
        bytes[] receiptProof;
        uint256 logIndex;
    }

    struct Log {
        address emitter;
        bytes32[] topics;
        bytes data;
    }

    /// @dev A receipt in RLP is status, cumulative gas, bloom, logs.
    uint256 private constant RECEIPT_FIELDS = 4;
    uint256 private constant LOGS = 3;

    /// @dev First byte of a list in RLP; the types of EIP-2718 end below 0x80, and state-sync receipts are 0x7f (PIP-74).
    uint8 private constant FIRST_LIST = 0xc0;
    uint8 private constant LAST_TYPE = 0x7f;

    error UnknownCheckpoint(uint256 checkpoint);
    error BlockOutsideCheckpoint(uint256 blockNumber, uint256 start, uint256 end);
    error WrongBlockProofLength(uint256 length, uint256 expected);
    error NotInCheckpoint(bytes32 root, bytes32 expected);
    error MalformedReceipt(uint8 firstByte);
    error NoSuchLog(uint256 logIndex, uint256 count);

    /// @notice The log that `proof` proves.
    /// @dev Reverts if:
    /// - there is no such checkpoint (`UnknownCheckpoint`), or the block is not in it (`BlockOutsideCheckpoint`);
    /// - the block's proof has another length than the tree's height (`WrongBlockProofLength`), or leads to another root
    ///   (`NotInCheckpoint`): something in it was changed;
    /// - the receipt is not where it is said to be in the trie (`TrieProof.TrieProofTraversalError`, or
    ///   `RLP.RLPInvalidEncoding` where a node is no RLP);
    /// - the receipt is none (`MalformedReceipt`), or has no such log (`NoSuchLog`).
    function read(IRootChain chain, Proof calldata proof) internal view returns (Log memory) {
        _requireInCheckpoint(chain, proof);
        bytes memory key = RLP.encode(proof.transactionIndex);
        return _logOf(TrieProof.traverse(proof.receiptsRoot, key, proof.receiptProof), proof.logIndex);
    }

    function _requireInCheckpoint(IRootChain chain, Proof calldata proof) private view {
        (bytes32 expected, uint256 start, uint256 end,,) = chain.headerBlocks(proof.checkpoint);
        if (expected == 0) revert UnknownCheckpoint(proof.checkpoint);
        if (proof.blockNumber < start || proof.blockNumber > end) {
            revert BlockOutsideCheckpoint(proof.blockNumber, start, end);
        }
        // Padded with empty leaves to a power of two. One height alone, so that no node can pass for a leaf.
        uint256 height = Math.log2(end - start + 1, Math.Rounding.Ceil);
        if (proof.blockProof.length != height) revert WrongBlockProofLength(proof.blockProof.length, height);

        bytes32 root = _root(_leaf(proof), proof.blockNumber - start, proof.blockProof);
        if (root != expected) revert NotInCheckpoint(root, expected);
    }

    function _leaf(Proof calldata proof) private pure returns (bytes32) {
        return
            keccak256(abi.encode(proof.blockNumber, proof.blockTime, proof.transactionsRoot, proof.receiptsRoot));
    }

    function _root(bytes32 node, uint256 index, bytes32[] calldata siblings) private pure returns (bytes32) {
        for (uint256 i; i < siblings.length; ++i) {
            node = index & 1 == 0
                ? keccak256(abi.encode(node, siblings[i]))
                : keccak256(abi.encode(siblings[i], node));
            index >>= 1;
        }
        return node;
    }

    /// @param receipt of any type: a type's byte before the list is passed over.
    function _logOf(bytes memory receipt, uint256 logIndex) private pure returns (Log memory log) {
        uint8 first = uint8(receipt[0]);
        if (first > LAST_TYPE && first < FIRST_LIST) revert MalformedReceipt(first);
        Memory.Slice[] memory fields = receipt.asSlice().slice(first <= LAST_TYPE ? 1 : 0).readList();
        if (fields.length != RECEIPT_FIELDS) revert MalformedReceipt(first);
        Memory.Slice[] memory logs = fields[LOGS].readList();
        if (logIndex >= logs.length) revert NoSuchLog(logIndex, logs.length);

        Memory.Slice[] memory parts = logs[logIndex].readList();
        Memory.Slice[] memory topics = parts[1].readList();
        log.emitter = parts[0].readAddress();
        log.topics = new bytes32[](topics.length);
        for (uint256 i; i < topics.length; ++i) {
            log.topics[i] = topics[i].readBytes32();
        }
        log.data = parts[2].readBytes();
    }
}
