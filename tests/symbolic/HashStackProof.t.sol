// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {HashStack} from "../../contracts/lib/HashStack.sol";

/// @title HashStackProof
/// @notice A stack kept as one hash gives back what was pushed, once and in turn. The prover takes for granted that
/// keccak256 neither collides nor gives zero. Chunks have at most 512 words, which is MAX_CHUNK_SLOTS: every length up to
/// that is proved. Offered a longer one, `settle` finds no head that it hashes to.
contract HashStackProof {
    function check_push_hashes_head_slot_and_digest(bytes32 head, uint256 fromSlot, bytes32 digest) external pure {
        assert(HashStack.push(head, fromSlot, digest) == keccak256(bytes.concat(head, bytes32(fromSlot), digest)));
    }

    function check_pop_gives_back_what_was_pushed(bytes32 head, uint256 fromSlot, bytes32 digest) external view {
        bytes32 top = HashStack.push(head, fromSlot, digest);
        try this.pop(top, head, fromSlot, digest) returns (bytes32 below) {
            assert(below == head);
        } catch {
            assert(false);
        }
    }

    function check_pop_refuses_anything_else(
        bytes32 head,
        uint256 fromSlot,
        bytes32 digest,
        bytes32 otherHead,
        uint256 otherSlot,
        bytes32 otherDigest
    ) external view {
        bytes32 top = HashStack.push(head, fromSlot, digest);
        try this.pop(top, otherHead, otherSlot, otherDigest) {
            assert(otherHead == head && otherSlot == fromSlot && otherDigest == digest);
        } catch {}
    }

    function check_nothing_can_be_popped_off_the_empty_stack(bytes32 previous, uint256 fromSlot, bytes32 digest)
        external
        view
    {
        try this.pop(0, previous, fromSlot, digest) {
            assert(false);
        } catch {}
    }

    function check_digests_are_those_of_the_packed_words(uint256[] calldata words) external pure {
        bytes32 expected = keccak256(abi.encodePacked(words));
        assert(HashStack.digestOfCalldata(words) == expected);
        assert(HashStack.digestOf(words) == expected);
    }

    function check_a_digest_leaves_what_memory_holds(uint256[] calldata words, uint256 held) external pure {
        uint256[] memory before = new uint256[](2);
        (before[0], before[1]) = (held, ~held);
        HashStack.digestOfCalldata(words);
        uint256[] memory later = new uint256[](1);
        assert(before[0] == held && before[1] == ~held && later[0] == 0);
    }

    function pop(bytes32 head, bytes32 previous, uint256 fromSlot, bytes32 digest) external pure returns (bytes32) {
        return HashStack.pop(head, previous, fromSlot, digest);
    }
}
