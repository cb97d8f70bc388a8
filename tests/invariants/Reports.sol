// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Report} from "../../contracts/interfaces/Report.sol";
import {Ledger} from "./Ledger.sol";
import {Reference} from "./Reference.sol";

/// @title Reports
/// @notice What a committee may come to say of a round, honest or not. Any kind can reach the quorum.
abstract contract Reports is Ledger {
    uint256 internal constant KINDS = 4;
    /// @dev Scores within a few percent, and totals that follow from them.
    uint256 internal constant TRUTH = 0;
    /// @dev Scores as large as int24 holds, and totals that follow from them.
    uint256 internal constant LIE = 1;
    /// @dev True scores, and totals too small for them.
    uint256 internal constant UNDERSTATED = 2;
    /// @dev A stack of scores that does not fit the positions, or a payout above the cap.
    uint256 internal constant MALFORMED = 3;

    /// @dev What can be wrong with a stack of scores.
    uint256 private constant ONE_CHUNK_MORE = 0;
    uint256 private constant ONE_CHUNK_LESS = 1;
    uint256 private constant ANOTHER_SLOT = 2;

    bytes32 internal constant REPORT_TYPEHASH = keccak256(
        "Report(uint256 chainId,address tournament,uint256 roundId,uint256 version,bytes32 scoresHead,uint64 totalPayout,uint64 totalBurn,bytes32 evidenceHash)"
    );

    function _report(uint256 roundId, uint256 kind) internal view returns (Report memory report) {
        Book storage book = _books[roundId];
        (uint256 payout, uint256 burn) = _totals(roundId, kind);
        if (kind == UNDERSTATED) (payout, burn) = (payout / 2, burn / 2);
        if (kind == MALFORMED && roundId % 3 == 0) payout = (book.validAtRisk * book.terms.cap) / Reference.PPM + 1;
        report.roundId = roundId;
        report.version = 2;
        report.scoresHead = _scoresHead(roundId, kind, book.chunks.length);
        report.totalPayout = uint64(payout);
        report.totalBurn = uint64(burn);
        report.evidenceHash = keccak256(abi.encode(roundId, kind));
    }

    function _hashOf(Report memory report) internal view returns (bytes32) {
        return keccak256(abi.encode(REPORT_TYPEHASH, block.chainid, tournament, report));
    }

    /// @dev Which of the reports has this hash; KINDS if none.
    function _kindOf(uint256 roundId, bytes32 reportHash) internal view returns (uint256 kind) {
        while (kind < KINDS && _hashOf(_report(roundId, kind)) != reportHash) ++kind;
    }

    /// @dev The head of the stack of the first `count` chunks of scores.
    function _scoresHead(uint256 roundId, uint256 kind, uint256 count) internal view returns (bytes32 head) {
        Book storage book = _books[roundId];
        uint256 flaw = kind == MALFORMED ? roundId % 4 : type(uint256).max;
        if (flaw == ONE_CHUNK_MORE) head = Reference.push(0, 0, keccak256("one chunk more"));
        for (uint256 i = flaw == ONE_CHUNK_LESS ? 1 : 0; i < count; ++i) {
            uint256 fromSlot = book.chunks[i].fromSlot;
            if (flaw == ANOTHER_SLOT && i + 1 == book.chunks.length) ++fromSlot;
            head = Reference.push(head, fromSlot, keccak256(_scores(roundId, kind, i)));
        }
        if (flaw > ANOTHER_SLOT && flaw < 4 && count == book.chunks.length) head = keccak256("no stack at all");
    }

    /// @dev 12 bytes for each slot of the chunk.
    function _scores(uint256 roundId, uint256 kind, uint256 index) internal view returns (bytes memory scores) {
        uint256 slots = _books[roundId].chunks[index].positions.length;
        uint256 source = kind == LIE ? LIE : TRUTH;
        scores = new bytes(12 * slots);
        for (uint256 i; i < 4 * slots; ++i) {
            if (source == TRUTH && !_counts(roundId, index, i)) continue;
            uint256 bits = _scoreBits(uint256(keccak256(abi.encode(roundId, source, index, i))), source == LIE);
            for (uint256 j; j < 3; ++j) {
                scores[3 * i + j] = bytes1(uint8(bits >> (16 - 8 * j)));
            }
        }
    }

    /// @dev The positions of lanes whose submission counts.
    function _validPositions(uint256 roundId) internal view returns (uint256 total) {
        Chunk[] storage chunks = _books[roundId].chunks;
        for (uint256 i; i < chunks.length; ++i) {
            for (uint256 j; j < 4 * chunks[i].positions.length; ++j) {
                if (_counts(roundId, i, j)) total += Reference.lane(chunks[i].positions[j / 4], j % 4);
            }
        }
    }

    /// @dev Whether a lane's submission counts, seven times of eight: if not, its true score is zero.
    function _counts(uint256 roundId, uint256 index, uint256 lane) private pure returns (bool) {
        return uint256(keccak256(abi.encode("counts", roundId, index, lane))) % 8 != 0;
    }

    function _scoreBits(uint256 seed, bool wild) private pure returns (uint256) {
        uint256 choice = seed % 8;
        if (choice == 0) return 0;
        if (wild && choice < 4) return choice == 1 ? 0x800000 : 0x7fffff;
        uint256 spread = wild ? 4_000_000 : 200_000;
        return uint256(int256((seed >> 8) % spread) - int256(spread / 2)) & 0xffffff;
    }

    function _totals(uint256 roundId, uint256 kind) private view returns (uint256 payout, uint256 burn) {
        uint256 count = _books[roundId].chunks.length;
        for (uint256 i; i < count; ++i) {
            uint256[2] memory sums =
                Reference.totals(_books[roundId].chunks[i].positions, _scores(roundId, kind, i), _books[roundId].terms);
            payout += sums[0];
            burn += sums[1];
        }
    }
}
