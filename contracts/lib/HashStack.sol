// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title HashStack
/// @notice A stack of chunks kept as one hash. The empty stack is zero; pushing a chunk gives
/// `head = keccak256(abi.encode(head, fromSlot, digest))`, and only the chunk that was pushed last can be popped, by
/// naming the head below it. So a chunk is taken exactly once, whole, and in its turn.
library HashStack {
    /// @notice What was offered is not the chunk on top of the stack.
    error NotTopOfStack(bytes32 head, bytes32 offered);

    /// @notice The head after pushing the chunk with `digest` that begins at `fromSlot`.
    function push(bytes32 head, uint256 fromSlot, bytes32 digest) internal pure returns (bytes32) {
        return keccak256(abi.encode(head, fromSlot, digest));
    }

    /// @notice The head below the chunk on top of the stack.
    /// @dev Reverts if `previous`, `fromSlot` and `digest` do not hash to `head` (`NotTopOfStack`). An empty stack
    /// (zero) has no preimage that anybody could offer.
    function pop(bytes32 head, bytes32 previous, uint256 fromSlot, bytes32 digest) internal pure returns (bytes32) {
        bytes32 offered = push(previous, fromSlot, digest);
        if (offered != head) revert NotTopOfStack(head, offered);
        return previous;
    }

    /// @notice keccak256(abi.encodePacked(words)), without the copy.
    function digestOf(uint256[] memory words) internal pure returns (bytes32 digest) {
        // An array of words lies in memory as its length followed by the words, 32 bytes each, without gaps.
        assembly ("memory-safe") {
            digest := keccak256(add(words, 0x20), shl(5, mload(words)))
        }
    }

    /// @notice keccak256(abi.encodePacked(words)) of words in calldata.
    function digestOfCalldata(uint256[] calldata words) internal pure returns (bytes32 digest) {
        // The copy lies past the free memory pointer, which stays where it is: the next allocation reuses the space.
        assembly ("memory-safe") {
            let start := mload(0x40)
            let size := shl(5, words.length)
            calldatacopy(start, words.offset, size)
            digest := keccak256(start, size)
        }
    }
}
