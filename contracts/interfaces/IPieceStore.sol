// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title IPieceStore
/// @notice Keeps bytes as the code of contracts (StagedCode), and makes calls whose whole calldata is read back from them: what a
/// pool drops for its size arrives in parts. Anybody stages what he likes, at an address that follows from the content, and
/// nobody can keep another from it, or change or remove what is there.
///
/// It has no power anywhere, and none may be given to it: anybody makes it call anything.
interface IPieceStore {
    /// @notice Creates the piece with this content, unless it is there: from 1 to 24,575 bytes.
    function stage(bytes calldata content) external returns (address piece);

    /// @notice Makes a call whose calldata is what pieces hold, one after the other; reverts as it does.
    function send(address target, address[] calldata pieces) external;

    /// @notice Where the piece with this content stands, or would.
    function addressOf(bytes calldata content) external view returns (address);
}
