// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title StagedCode
/// @notice Bytes kept as the code of contracts, one piece a contract, and calls whose arguments are read back from them. So one
/// call reads more than a transaction carries.
///
/// A piece is a byte of STOP, so that it does nothing when it is called, and its content. Nothing here says whose a piece is or
/// which content is the right one: whoever reads pieces hashes what they hold together, and compares that with what the chain
/// committed to. Pieces in another order, of another length or of somebody else make another hash, or the very same bytes.
library StagedCode {
    /// @dev The largest code (EIP-170), less the byte of STOP.
    uint256 internal constant MAX_PIECE = 24_575;
    /// @dev PUSH2 size, DUP1, PUSH1 10, RETURNDATASIZE, CODECOPY, RETURNDATASIZE, RETURN; then the code: STOP and the content.
    uint256 private constant CREATION = 0x61000080600a3d393df300;
    uint256 private constant CREATION_BYTES = 11;

    /// @notice A piece has at least one byte and at most MAX_PIECE.
    error WrongPiece(uint256 length, uint256 largest);
    /// @notice No contract stands at the address, or an empty one.
    error NoPiece(address piece);

    /// @notice A call that is being put together in memory: `start` is where its selector stands, `head` where the next
    /// argument's word comes.
    struct Call {
        uint256 start;
        uint256 head;
    }

    /* PIECES */

    /// @notice Creates the piece with this content, unless it is there.
    /// @return piece its address, which follows from the caller's address and the content alone.
    function stage(bytes calldata content) internal returns (address piece) {
        (uint256 start, uint256 size) = _creationCode(content);
        piece = _addressOf(start, size);
        if (piece.code.length != 0) return piece;
        assembly ("memory-safe") {
            piece := create2(0, start, size, 0)
        }
        if (piece == address(0)) revert NoPiece(piece);
    }

    /// @notice Where `stage`, called by this contract, puts a piece with this content.
    function addressOf(bytes calldata content) internal view returns (address) {
        (uint256 start, uint256 size) = _creationCode(content);
        return _addressOf(start, size);
    }

    /* CALLS */

    /// @notice Begins a call of a function with so many words in its head: one for each value, one for each dynamic argument.
    function begin(bytes4 selector, uint256 words) internal pure returns (Call memory made) {
        assembly ("memory-safe") {
            let start := mload(0x40)
            mstore(start, selector)
            mstore(made, start)
            mstore(add(made, 0x20), add(start, 4))
            mstore(0x40, add(add(start, 4), shl(5, words)))
        }
    }

    /// @notice Adds an argument of one word.
    function put(Call memory made, uint256 word) internal pure {
        assembly ("memory-safe") {
            let head := mload(add(made, 0x20))
            mstore(head, word)
            mstore(add(made, 0x20), add(head, 0x20))
        }
    }

    /// @notice Adds an argument of bytes.
    function putBytes(Call memory made, bytes calldata content) internal pure {
        uint256 at = _beginBytes(made);
        assembly ("memory-safe") {
            calldatacopy(at, content.offset, content.length)
        }
        _endBytes(at, at + content.length);
    }

    /// @notice Adds an argument of bytes, which are what pieces hold, one after the other.
    /// @return digest keccak256 of them.
    function putPieces(Call memory made, address[] calldata pieces) internal view returns (bytes32 digest) {
        uint256 at = _beginBytes(made);
        uint256 end = read(pieces, at);
        assembly ("memory-safe") {
            digest := keccak256(at, sub(end, at))
        }
        _endBytes(at, end);
    }

    /// @notice Makes the call at a contract that changes nothing; reverts as that does.
    function askOf(Call memory made, address target) internal view returns (bytes memory returned) {
        assembly ("memory-safe") {
            let start := mload(made)
            let free := mload(0x40)
            let done := staticcall(gas(), target, start, sub(free, start), 0, 0)
            returned := free
            mstore(returned, returndatasize())
            returndatacopy(add(returned, 0x20), 0, returndatasize())
            if iszero(done) { revert(add(returned, 0x20), returndatasize()) }
            mstore(0x40, and(add(add(returned, returndatasize()), 0x3f), not(0x1f)))
        }
    }

    /// @notice Copies what pieces hold to a place in free memory.
    /// @return to where it ends.
    function read(address[] calldata pieces, uint256 at) internal view returns (uint256 to) {
        to = at;
        for (uint256 i; i < pieces.length; ++i) {
            address piece = pieces[i];
            uint256 size = piece.code.length;
            if (size < 2) revert NoPiece(piece);
            assembly ("memory-safe") {
                extcodecopy(piece, to, 1, sub(size, 1))
                to := add(to, sub(size, 1))
            }
        }
    }

    /* PRIVATE */

    /// @dev Past the free memory pointer, which stays where it is.
    function _creationCode(bytes calldata content) private pure returns (uint256 start, uint256 size) {
        if (content.length == 0 || content.length > MAX_PIECE) revert WrongPiece(content.length, MAX_PIECE);
        size = CREATION_BYTES + content.length;
        assembly ("memory-safe") {
            start := mload(0x40)
            mstore(start, shl(168, or(CREATION, shl(64, add(content.length, 1)))))
            calldatacopy(add(start, CREATION_BYTES), content.offset, content.length)
        }
    }

    /// @dev As CREATE2 has it, without a salt. The creation code stays in free memory as it is.
    function _addressOf(uint256 start, uint256 size) private view returns (address piece) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore8(0, 0xff)
            mstore(0x01, shl(96, address()))
            mstore(0x15, 0)
            mstore(0x35, keccak256(start, size))
            piece := and(keccak256(0, 0x55), 0xffffffffffffffffffffffffffffffffffffffff)
            mstore(0x40, free)
        }
    }

    /// @dev Where the content comes: in the memory that is free, behind a word for its length.
    function _beginBytes(Call memory made) private pure returns (uint256 at) {
        uint256 offset;
        assembly ("memory-safe") {
            let free := mload(0x40)
            offset := sub(free, add(mload(made), 4))
            at := add(free, 0x20)
        }
        put(made, offset);
    }

    function _endBytes(uint256 at, uint256 end) private pure {
        assembly ("memory-safe") {
            mstore(sub(at, 0x20), sub(end, at))
            mstore(0x40, and(add(end, 0x1f), not(0x1f)))
        }
    }
}
